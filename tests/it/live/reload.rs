//! A configuration that is read again: all of it, or nothing, and the journal knows.

use super::process::Process;
use super::verify::holds;
use super::{QUICK, fault};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const SILENCE: &str = "silences: [{id: own, matchers: ['alertname=\"HighErrorRate\"'], \
                       startsAt: 2020-01-01T00:00:00Z, endsAt: 2100-01-01T00:00:00Z}]\n";
const TOKEN: &str = "0123456789abcdef-operate";

fn alert(name: &str, entity: &str) -> String {
    let line = json!({"source": "prometheus", "kind": "alert", "name": name, "severity": "error",
                      "entity": entity});
    format!("{line}\n")
}

fn alerts(revision: &Value) -> usize {
    revision["alerts"].as_array().unwrap().len()
}

/// Rows of a topology, each relation with its dependent first.
fn topology(directory: &Path, relations: &[(&str, &str)]) {
    let row = |(from, to): &(&str, &str)| {
        let row = json!({"source": "catalog", "kind": "relation", "from": from, "to": to,
                         "relation": "reads"});
        format!("{row}\n")
    };
    let rows: String = relations.iter().map(row).collect();
    std::fs::write(directory.join("topology.ndjson"), rows).unwrap();
}

async fn relations(process: &Process) -> Vec<String> {
    let (_, listed) = process.get("/v1/topology?kind=relation").await;
    let to = |item: &Value| item["to"].as_str().unwrap_or_default().to_owned();
    let items = listed["items"].as_array().unwrap_or_else(|| panic!("{listed}"));
    let mut found: Vec<String> = items.iter().map(to).collect();
    found.sort();
    found
}

/// Waits until each of these alerts has an open incident to itself.
async fn until_listed(process: &Process, names: &[&str]) {
    loop {
        let (_, listed) = process.get("/v1/incidents?state=open").await;
        let items = listed["items"].as_array().unwrap();
        let alone = items.iter().filter(|item| alerts(item) == 1);
        let mut found: Vec<&str> =
            alone.map(|item| item["alerts"][0]["name"].as_str().unwrap()).collect();
        found.sort_unstable();
        if found == names {
            return;
        }
    }
}

async fn silences(process: &Process) -> Vec<Value> {
    let (_, listed) = process.get("/v1/silences").await;
    listed["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
}

async fn reload(process: &Process) -> (u16, Value) {
    process.post("/-/reload", "").await
}

#[tokio::test]
async fn what_left_the_configuration_is_taken_back_and_replayed_so() {
    let elsewhere = tempfile::tempdir().unwrap();
    let both = [("service:shop/cart", "database:shop/db"), ("service:shop/web", "cache:shop/c")];
    topology(elsewhere.path(), &both);
    let files = format!("topology: {}/topology.ndjson\n", elsewhere.path().display());
    let mut process = Process::start(&format!("{QUICK}{SILENCE}{files}"));
    assert_eq!(relations(&process).await, ["cache:shop/c", "database:shop/db"]);
    let cart = alert("DatabaseVolumeFull", "database:shop/db");
    let lines = cart + &alert("Slow", "service:shop/cart") + &alert("HighErrorRate", "service:x/y");
    assert_eq!(process.post("/v1/events", &lines).await.0, 200);
    process.until(|revision| alerts(revision) == 2);

    // Nothing changed, so nothing is done.
    let (status, answer) = reload(&process).await;
    let nothing = json!({"changed": [], "said": 0, "taken_back": 0, "without_effect": []});
    assert_eq!((status, answer), (200, nothing));

    // The silence goes, one relation goes, another comes.
    process.rewrite(SILENCE, "");
    topology(elsewhere.path(), &[both[1], ("service:shop/pay", "queue:shop/q")]);
    let (status, answer) = reload(&process).await;
    let expected =
        json!({"changed": ["silences"], "said": 1, "taken_back": 2, "without_effect": []});
    assert_eq!((status, answer), (200, expected));
    assert_eq!(relations(&process).await, ["cache:shop/c", "queue:shop/q"]);
    assert_eq!(silences(&process).await, [Value::Null; 0]);
    // What the relation held together is told apart, and the alert is heard of.
    until_listed(&process, &["DatabaseVolumeFull", "HighErrorRate", "Slow"]).await;

    // After a kill it stands as it was last read, and a start changes nothing more.
    let process = process.killed().start();
    assert_eq!(relations(&process).await, ["cache:shop/c", "queue:shop/q"]);
    assert_eq!(silences(&process).await, [Value::Null; 0]);
    let (summary, stopped) = process.drained();
    holds(&stopped, stopped.told(), &summary);
    // What left while no process ran is taken back by the next start.
    topology(elsewhere.path(), &[both[1]]);
    let process = stopped.start();
    assert_eq!(relations(&process).await, ["cache:shop/c"]);
    let (summary, stopped) = process.drained();
    holds(&stopped, stopped.told(), &summary);
}

#[tokio::test]
async fn a_wrong_configuration_changes_nothing_and_every_mistake_is_named() {
    let elsewhere = tempfile::tempdir().unwrap();
    topology(elsewhere.path(), &[("service:a", "service:b")]);
    let files = format!("topology: {}/topology.ndjson\n", elsewhere.path().display());
    let process = Process::start(&format!("{QUICK}{SILENCE}{files}"));
    let metric = "causeway_config_last_reload_successful";
    process.until_metric(&format!("{metric} 1")).await;
    let named = |answer: &Value, key: &str, part: &str| {
        let mistakes = answer["mistakes"].as_array().unwrap_or_else(|| panic!("{answer}"));
        let found = mistakes.iter().find(|mistake| mistake["key"] == key);
        let found = found.unwrap_or_else(|| panic!("no {key} in {answer}"));
        assert!(found.to_string().contains(part), "{part}: {found}");
        assert!(!found["place"].as_str().unwrap().is_empty(), "{found}");
    };

    // Not even read as one, and values that are none.
    process.rewrite(SILENCE, "sinks: {stdout: {type: nothing}}\nworkers: many\n");
    let (status, answer) = reload(&process).await;
    assert_eq!(
        (status, &answer["detail"].as_str().unwrap()[..10]),
        (422, "2 mistakes"),
        "{answer}"
    );
    named(&answer, "sinks.stdout.type", "is not a choice");
    named(&answer, "workers", "causeway.yaml:");
    process.until_metric(&format!("{metric} 0")).await;
    process.until_metric("causeway_config_reloads_total{result=\"failure\"} 1").await;

    // All right by itself, but not while it runs; and a row that is none.
    let wrong = "sinks: {stdout: {type: nothing}}\nworkers: many\n";
    process.rewrite(wrong, "workers: 3\njournal: {segment: 2MiB}\n");
    let path = elsewhere.path().join("topology.ndjson");
    let rows = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, "{\"kind\":\"relation\",\"from\":\"service:a\"").unwrap();
    let (status, answer) = reload(&process).await;
    assert_eq!(status, 422, "{answer}");
    named(&answer, "workers", "restart to change it");
    named(&answer, "journal.segment", "restart to change it");
    named(&answer, "", "topology.ndjson:1");
    assert_eq!(silences(&process).await, ["own"], "nothing was taken over");
    assert_eq!(relations(&process).await, ["service:b"]);

    // Put right, all of it holds at once; what had to wait is refused no more.
    std::fs::write(&path, rows).unwrap();
    process.rewrite("workers: 3\njournal: {segment: 2MiB}\n", "");
    assert_eq!(reload(&process).await.0, 200);
    process.until_metric(&format!("{metric} 1")).await;
    assert_eq!(silences(&process).await, [Value::Null; 0]);
    process.terminate();
}

#[tokio::test]
async fn a_file_of_topology_that_lost_its_rows_takes_nothing_back() {
    let elsewhere = tempfile::tempdir().unwrap();
    topology(elsewhere.path(), &[("service:a", "service:b")]);
    let path = elsewhere.path().join("topology.ndjson");
    let process = Process::start(&format!("{QUICK}topology: {}\n", path.display()));
    for nothing in ["", "\n  \n", "[]"] {
        std::fs::write(&path, nothing).unwrap();
        let (status, answer) = reload(&process).await;
        assert_eq!(status, 422, "{answer}");
        let mistake = &answer["mistakes"][0];
        assert!(mistake["key"].as_str().unwrap().starts_with("topology"), "{answer}");
        for part in ["topology.ndjson` has no row", "remove the file from `topology`"] {
            assert!(mistake.to_string().contains(part), "{answer}");
        }
        assert_eq!(relations(&process).await, ["service:b"]);
    }
    // A start takes the files as they are.
    let process = process.killed().start();
    assert_eq!(relations(&process).await, [""; 0]);
    process.terminate();
}

#[tokio::test]
async fn a_hangup_reads_the_configuration_again() {
    let process = Process::start(QUICK);
    let hangup = || {
        let sent = Command::new("kill").args(["-HUP", &process.id().to_string()]).status();
        assert!(sent.unwrap().success());
    };
    process.rewrite(QUICK, &format!("{QUICK}{SILENCE}logging: {{filter: debug}}\n"));
    hangup();
    process.until_metric("causeway_config_reloads_total{result=\"success\"} 1").await;
    assert_eq!(silences(&process).await, ["own"]);
    process.rewrite(SILENCE, "silences: [{id: other}]\n");
    hangup();
    process.until_metric("causeway_config_reloads_total{result=\"failure\"} 1").await;
    assert_eq!(silences(&process).await, ["own"]);
    process.terminate();
}

#[tokio::test]
async fn tokens_bounds_and_matchers_change_while_it_runs() {
    let tokens = |name: &str, roles: &str| {
        format!("tokens: [{{name: {name}, token: \"${{file:{name}}}\", roles: [{roles}]}}]")
    };
    let mut process = Process::start(&format!("{QUICK}sinks: {{stdout: {{type: stdout}}}}\n"));
    let beside = process.config().parent().unwrap().to_owned();
    let address = "listen: \"127.0.0.1:0\"";
    std::fs::write(beside.join("ops"), TOKEN).unwrap();
    let all = format!("{address}, {}", tokens("ops", "ingest, read, operate"));
    process.rewrite(address, &all);
    assert_eq!(reload(&process).await.0, 200, "whoever reaches the port may, so far");
    // From here on a token is wanted, and one that may.
    assert_eq!(reload(&process).await.0, 401);
    assert_eq!(process.post("/v1/events", &fault()).await.0, 401);
    let as_ops = |process: &Process, path: &str, body: String| {
        let request = process.client().post(process.url(path)).bearer_auth(TOKEN);
        request.header("content-type", "application/x-ndjson").body(body).send()
    };
    assert_eq!(as_ops(&process, "/v1/events", fault()).await.unwrap().status(), 200);
    process.until(|revision| alerts(revision) == 2);

    // A smaller body, a sink that only wants what is fatal.
    process.rewrite("type: stdout", "type: stdout, match: {severity: fatal}");
    process.rewrite(&all, &format!("{all}, limits: {{body: 1KiB, decoded: 1KiB}}"));
    let answer = as_ops(&process, "/-/reload", String::new()).await.unwrap();
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let large = alert("Large", &"x".repeat(2000));
    assert_eq!(as_ops(&process, "/v1/events", large).await.unwrap().status(), 413);
    let error = alert("Unheard", "service:other/a");
    let fatal = alert("Heard", "service:third/a").replace("\"error\"", "\"fatal\"");
    assert_eq!(as_ops(&process, "/v1/events", error).await.unwrap().status(), 200);
    assert_eq!(as_ops(&process, "/v1/events", fatal).await.unwrap().status(), 200);
    let heard = process.until(|revision| revision["alerts"][0]["name"] != "DatabaseVolumeFull");
    assert_eq!(heard["alerts"][0]["name"], "Heard", "the other one is not for this sink");

    // A token that may not, then none at all.
    process.rewrite("ingest, read, operate", "ingest");
    assert_eq!(as_ops(&process, "/-/reload", String::new()).await.unwrap().status(), 200);
    assert_eq!(as_ops(&process, "/-/reload", String::new()).await.unwrap().status(), 403);
    process.terminate();
}
