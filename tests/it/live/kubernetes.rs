//! Objects of Kubernetes as topology, the whole way: from a file or a cluster that is watched to
//! incidents that pods which come and go do not tear.

mod api;

use super::process::Process;
use super::verify::holds;
use super::{QUICK, causeway};
use api::Api;
use serde_json::{Value, json};
use std::path::Path;

fn owned(kind: &str, name: &str, namespace: &str, owner: (&str, &str)) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {
        "name": name, "namespace": namespace,
        "ownerReferences": [{"kind": owner.0, "name": owner.1, "controller": true}]}})
}

fn pod(name: &str, node: &str) -> Value {
    let mut pod = owned("Pod", name, "shop", ("ReplicaSet", "cart-7f9c5d6b4"));
    pod["spec"] = json!({"nodeName": node});
    pod
}

fn replica_set() -> Value {
    let mut set = owned("ReplicaSet", "cart-7f9c5d6b4", "shop", ("Deployment", "cart"));
    set["apiVersion"] = json!("apps/v1");
    set
}

/// What Prometheus posts of a pod.
fn alert(name: &str, pod: &str) -> Value {
    json!({"labels": {"alertname": name, "severity": "critical", "namespace": "shop", "pod": pod,
                      "job": "kube-state-metrics", "instance": "10.1.0.3:8080"},
           "annotations": {"summary": name}})
}

async fn fire(process: &Process, alerts: &[Value]) {
    let body = Value::from(alerts.to_vec()).to_string();
    let request = process.client().post(process.url("/api/v2/alerts"));
    let request = request.header("content-type", "application/json").body(body);
    assert_eq!(request.send().await.unwrap().status(), 200);
}

fn pods(revision: &Value) -> Vec<&str> {
    let alerts = revision["alerts"].as_array().unwrap().iter();
    let mut pods: Vec<&str> = alerts.map(|of| of["labels"]["pod"].as_str().unwrap()).collect();
    pods.sort_unstable();
    pods
}

/// What a source says of a pod's name, waiting until it says it; and for how long, if not for
/// good.
async fn said(process: &Process, source: &str, name: &str, is_ending: bool) -> Value {
    let path = format!("/v1/topology?source={source}&entity=k8s.pod:shop/{name}");
    loop {
        let (_, page) = process.get(&path).await;
        let item = &page["items"][0];
        if item.is_object() && item["until"].is_string() == is_ending {
            return item.clone();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_names_a_pod_is_about_its_deployment() {
    let elsewhere = tempfile::tempdir().unwrap();
    let file = elsewhere.path().join("cluster.json");
    let list = json!({"kind": "List", "apiVersion": "v1",
        "items": [replica_set(), pod("cart-7f9c5d6b4-aaaaa", "n1"), pod("cart-7f9c5d6b4-bbbbb", "n2")]});
    std::fs::write(&file, serde_json::to_string_pretty(&list).unwrap()).unwrap();
    let mut process = Process::start(&format!("{QUICK}topology: {}\n", file.display()));
    let both = ["cart-7f9c5d6b4-aaaaa", "cart-7f9c5d6b4-bbbbb"];
    fire(&process, &both.map(|pod| alert("KubePodCrashLooping", pod))).await;
    let incident = process.until(|revision| pods(revision) == both);
    assert_eq!(incident["cause"]["candidates"][0]["entity"], "service:shop/cart", "{incident}");
    let item = said(&process, "kubernetes/topology", both[0], false).await;
    let expected = ("alias_of", "service:shop/cart", 1.0);
    let found = (&item["relation"], &item["to"], item["confidence"].as_f64().unwrap());
    assert_eq!(found, (&json!(expected.0), &json!(expected.1), expected.2));

    // The same by push; what is sent is added to what stands.
    let more = json!([owned("Pod", "pay-0", "shop", ("StatefulSet", "pay"))]).to_string();
    let (status, answer) = process.put("/v1/topology", &more).await;
    assert_eq!((status, &answer["rejected"]), (200, &json!([])), "{answer}");
    said(&process, "kubernetes/api", "pay-0", false).await;
    let gone = json!({"type": "DELETED",
                      "object": owned("Pod", "pay-0", "shop", ("StatefulSet", "pay"))})
    .to_string();
    assert_eq!(process.put("/v1/topology", &gone).await.0, 200);
    said(&process, "kubernetes/api", "pay-0", true).await;
    process.terminate();
}

#[test]
fn a_replay_reads_the_same_files() {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = |name: &str| elsewhere.path().join(name);
    let objects = [replica_set(), pod("cart-7f9c5d6b4-aaaaa", "n1")];
    let yaml: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
    std::fs::write(
        path("cluster.yaml"),
        format!("apiVersion: v1\nkind: Node\nmetadata: {{name: n1}}\n{yaml}"),
    )
    .unwrap();
    let event = |entity: &str, at: u32| {
        let line = json!({"kind": "alert", "name": "Down", "severity": "error", "entity": entity,
                          "time": format!("2026-11-23T07:00:0{at}Z")});
        format!("{line}\n")
    };
    let lines =
        event("k8s.pod:shop/cart-7f9c5d6b4-aaaaa", 1) + &event("k8s.deployment:shop/cart", 2);
    std::fs::write(path("events.ndjson"), lines).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let [cluster, events, incidents] =
        ["cluster.yaml", "events.ndjson", "incidents.ndjson"].map(|name| text(&path(name)));
    let arguments =
        ["replay", "--topology", &cluster, "--incidents", &incidents, "--final-only", &events];
    let output = causeway(&arguments, b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = std::fs::read_to_string(&incidents).unwrap();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    let row = told[0].get("data").unwrap_or(&told[0]);
    let alerts = row["alerts"].as_array().unwrap().len();
    assert_eq!(
        (alerts, &row["cause"]["candidates"][0]["entity"]),
        (2, &json!("service:shop/cart"))
    );
}

/// A process that watches a cluster with one pod, and an incident of it.
async fn watching(token_file: &Path) -> (Api, Process) {
    std::fs::write(token_file, "first\n").unwrap();
    let api = Api::start("first").await;
    api.put("replicasets", replica_set());
    api.put("nodes", json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}));
    for at in 0..5 {
        // More than a page.
        let other = owned("Pod", &format!("pay-{at}"), "shop", ("StatefulSet", "pay"));
        api.put("pods", other);
    }
    api.put("pods", pod("cart-7f9c5d6b4-aaaaa", "n1"));
    let (url, file) = (&api.url, token_file.display());
    let sources = format!(
        "sources:\n  http: {{type: http}}\n  eu: {{type: kubernetes, url: \"{url}\", token_file: {file}}}\n"
    );
    let process = Process::start(&format!("{QUICK}{sources}"));
    process.until_ready().await;
    said(&process, "kubernetes/eu", "pay-4", false).await;
    (api, process)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pod_that_is_replaced_does_not_tear_its_incident() {
    let elsewhere = tempfile::tempdir().unwrap();
    let (api, mut process) = watching(&elsewhere.path().join("token")).await;
    let (first, second) = ("cart-7f9c5d6b4-aaaaa", "cart-7f9c5d6b4-bbbbb");
    fire(&process, &[alert("KubePodCrashLooping", first)]).await;
    let incident = process.until(|revision| pods(revision) == [first]);
    assert_eq!(incident["alerts"][0]["entity"], "service:shop/cart", "{incident}");

    api.put("pods", pod(second, "n2"));
    api.remove("pods", first);
    said(&process, "kubernetes/eu", first, true).await;
    fire(&process, &[alert("KubePodCrashLooping", second)]).await;
    let both = process.until(|revision| pods(revision) == [first, second]);
    assert_eq!(both["incident_id"], incident["incident_id"]);
    let (_, open) = process.get("/v1/incidents?state=open").await;
    assert_eq!(open["items"].as_array().unwrap().len(), 1, "{open}");
    // It ran there a moment ago, and runs here now.
    let path = "/v1/topology?source=kubernetes/eu&kind=relation&entity=service:shop/cart";
    let (_, page) = process.get(path).await;
    let runs = page["items"].as_array().unwrap().iter().filter(|of| of["relation"] == "runs_on");
    let runs: Vec<_> = runs.map(|of| (of["to"].clone(), of["until"].is_string())).collect();
    assert_eq!(runs, [(json!("host:n1"), true), (json!("host:n2"), false)]);

    // The journal alone leads to the same.
    let (summary, stopped) = process.drained();
    let told = stopped.told().to_vec();
    holds(&stopped, &told, &summary);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_behind_whatever_cuts_it_off() {
    let elsewhere = tempfile::tempdir().unwrap();
    let token = elsewhere.path().join("token");
    let (api, process) = watching(&token).await;
    let name = |at: &str| format!("cart-7f9c5d6b4-{at}");
    process.until_metric("causeway_kubernetes_objects{source=\"eu\"} 8").await;

    // A connection that breaks: what happened meanwhile is in the log.
    api.cut(|api| api.put("pods", pod(&name("bbbbb"), "n1")));
    said(&process, "kubernetes/eu", &name("bbbbb"), false).await;
    assert_eq!(process.counted("causeway_kubernetes_relists_total{source=\"eu\"}").await, 0.0);

    // The log is gone too: what vanished is not in the next list.
    api.cut(|api| {
        api.remove("pods", &name("bbbbb"));
        api.put("pods", pod(&name("ccccc"), "n1"));
        api.forget();
    });
    said(&process, "kubernetes/eu", &name("ccccc"), false).await;
    said(&process, "kubernetes/eu", &name("bbbbb"), true).await;
    process.until_counted("causeway_kubernetes_relists_total{source=\"eu\"}", 1.0).await;

    // The token expires, and is replaced a little later.
    api.expire("second");
    api.cut(|api| api.put("pods", pod(&name("ddddd"), "n1")));
    api.until_refused().await;
    std::fs::write(&token, "second\n").unwrap();
    said(&process, "kubernetes/eu", &name("ddddd"), false).await;
    let ingresses = "causeway_kubernetes_connected{source=\"eu\",objects=\"ingresses\"} 0.0";
    process.until_metric(ingresses).await;

    // What happens while nobody looks is found at the next start.
    let stopped = process.killed();
    api.remove("pods", &name("ddddd"));
    api.put("pods", pod(&name("eeeee"), "n1"));
    let process = stopped.start();
    said(&process, "kubernetes/eu", &name("eeeee"), false).await;
    said(&process, "kubernetes/eu", &name("ddddd"), true).await;
    said(&process, "kubernetes/eu", &name("ccccc"), false).await;
    let (summary, stopped) = process.drained();
    let told = stopped.told().to_vec();
    holds(&stopped, &told, &summary);
}
