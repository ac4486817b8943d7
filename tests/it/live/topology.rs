//! The topology that a process finds out by itself, and whose word on names counts.

use super::QUICK;
use super::causeway;
use super::process::Process;
use serde_json::{Value, json};

/// A request of a client's span, asking `peer`, from a pod of the service `cart`.
fn span(peer: &str) -> String {
    let text = |key: &str, value: &str| json!({"key": key, "value": {"stringValue": value}});
    let resource = [
        text("service.name", "cart"),
        text("service.namespace", "shop"),
        text("k8s.namespace.name", "shop"),
        text("k8s.pod.name", "cart-1"),
        text("k8s.node.name", "n1"),
    ];
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let (begin, end) = (now.as_nanos() - 1_000_000, now.as_nanos());
    json!({"resourceSpans": [{"resource": {"attributes": resource}, "scopeSpans": [{"spans": [{
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "kind": 3,
        "name": "GET", "startTimeUnixNano": begin.to_string(), "endTimeUnixNano": end.to_string(),
        "attributes": [text("peer.service", peer)]}]}]}]})
    .to_string()
}

/// The relations of a source, waiting for so many.
async fn listed(process: &Process, source: &str, count: usize) -> Vec<Value> {
    loop {
        let (_, page) = process.get(&format!("/v1/topology?source={source}&kind=relation")).await;
        let items = page["items"].as_array().unwrap();
        if items.len() == count {
            return items.clone();
        }
    }
}

fn relation(item: &Value) -> String {
    let word = |name: &str| item[name].as_str().unwrap();
    format!("{} {} {}", word("from"), word("relation"), word("to"))
}

#[tokio::test]
async fn what_is_discovered_is_listed_with_its_source_and_its_end() {
    let process = Process::start(QUICK);
    let client = process.client();
    let request = client.post(process.url("/v1/traces")).body(span("pay"));
    let answer = request.header("content-type", "application/json").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let calls = listed(&process, "spans", 1).await;
    assert_eq!(relation(&calls[0]), "service:shop/cart calls service:shop/pay");
    assert_eq!(
        (&calls[0]["confidence"], &calls[0]["ttl"]),
        (&json!(0.9), &json!(86_400_000_000_000_u64))
    );
    let time = |name: &str| calls[0][name].as_str().unwrap().to_owned();
    assert!(time("first_seen") == time("updated_at") && time("updated_at") < time("until"));
    let names: Vec<String> = listed(&process, "resources", 2).await.iter().map(relation).collect();
    let expected =
        ["k8s.pod:shop/cart-1 alias_of service:shop/cart", "service:shop/cart runs_on host:n1"];
    assert_eq!(names, expected);

    // It stands after a kill as well, and one may take it back.
    let process = process.killed().start();
    let again = listed(&process, "spans", 1).await;
    assert_eq!(
        (&again[0]["updated_at"], &again[0]["until"]),
        (&calls[0]["updated_at"], &calls[0]["until"])
    );
    let request = process.client().delete(process.url("/v1/topology"));
    let request = request.header("content-type", "application/json").body(again[0].to_string());
    assert_eq!(request.send().await.unwrap().status(), 200);
    listed(&process, "spans", 0).await;
    process.terminate();
}

/// The entity of an alert on `lb:x`, by what sources say that names mean.
fn meant(said: &[(&str, &str, &str)]) -> String {
    let elsewhere = tempfile::tempdir().unwrap();
    let path = |name: &str| elsewhere.path().join(name).to_str().unwrap().to_owned();
    let claim = |(source, name, entity): &(&str, &str, &str)| {
        let line = json!({"kind": "relation", "source": source, "from": name,
                          "relation": "alias_of", "to": entity});
        format!("{line}\n")
    };
    let rows: String = said.iter().map(claim).collect();
    std::fs::write(path("rows.ndjson"), rows).unwrap();
    let alert = json!({"kind": "alert", "name": "Down", "severity": "error", "entity": "lb:x",
                       "time": "2026-11-23T07:00:00Z"});
    std::fs::write(path("events.ndjson"), format!("{alert}\n")).unwrap();
    let arguments = [
        "replay",
        "--topology",
        &path("rows.ndjson"),
        "--incidents",
        &path("incidents.ndjson"),
        "--final-only",
        &path("events.ndjson"),
    ];
    let output = causeway(&arguments, b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told = std::fs::read_to_string(path("incidents.ndjson")).unwrap();
    let row: Value = serde_json::from_str(told.trim()).unwrap();
    let row = row.get("data").unwrap_or(&row);
    row["alerts"][0]["entity"].as_str().unwrap().to_owned()
}

#[test]
fn of_several_words_on_a_name_that_of_who_counts_most_holds() {
    let mut said = vec![("resources", "lb:x", "service:a/e")];
    assert_eq!(meant(&said), "service:a/e");
    for (source, entity) in [
        ("kubernetes/eu", "service:a/d"),
        ("backstage/topology", "service:a/c"),
        ("cmdb", "service:a/b"),
    ] {
        said.push((source, "lb:x", entity));
        assert_eq!(meant(&said), entity, "{source}");
        let turned: Vec<_> = said.iter().rev().copied().collect();
        assert_eq!(meant(&turned), entity, "{source}");
    }
}

#[test]
fn a_name_is_followed_to_what_it_means_in_the_end() {
    let mut said = vec![("a", "lb:x", "k8s.service:a/x"), ("b", "k8s.service:a/x", "service:a/x")];
    assert_eq!(meant(&said), "service:a/x");
    said.push(("c", "service:a/x", "service:default/shop"));
    assert_eq!(meant(&said), "service:default/shop");
    // Two that mean one another are one of the two, for both.
    let said = [("a", "lb:x", "lb:y"), ("b", "lb:y", "lb:x")];
    let turned = [("a", "lb:y", "lb:z"), ("b", "lb:z", "lb:y"), ("c", "lb:x", "lb:z")];
    assert!(["lb:x", "lb:y"].contains(&meant(&said).as_str()));
    let third = meant(&turned);
    let direct = meant(&[turned[0], turned[1], ("c", "lb:x", "lb:y")]);
    assert_eq!(third, direct);
}
