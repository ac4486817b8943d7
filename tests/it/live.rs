//! The whole program, as its users start it: bytes in, incidents out, a clean end.

mod backup;
mod cluster;
mod collector;
mod encrypted;
mod held_up;
mod kubernetes;
pub(crate) mod process;
mod looking;
mod memory;
pub(crate) mod ports;
mod reload;
mod restart;
mod signals;
mod snapshots;
mod tools;
mod topology;
mod verify;

use process::{Process, causeway};
use serde_json::{Value, json};

/// Two alerts of one fault and the relation between them, without times: now.
fn fault() -> String {
    let lines = [
        json!({"source": "catalog", "kind": "relation", "from": "service:shop/cart",
               "to": "database:shop/cart-db", "relation": "reads"}),
        json!({"source": "prometheus", "kind": "alert", "name": "DatabaseVolumeFull",
               "severity": "critical", "entity": "database:shop/cart-db",
               "summary": "volume 98 % full"}),
        json!({"source": "prometheus", "kind": "alert", "name": "HighErrorRate",
               "severity": "error", "entity": "service:shop/cart",
               "summary": "error rate 7.6 %"}),
    ];
    lines.map(|line| format!("{line}\n")).concat()
}

const QUICK: &str = "emission: {settle: 0s, settle_max: 0s, revise_interval: 0s}\n";

#[tokio::test]
async fn an_alert_becomes_an_incident_and_the_books_balance() {
    let mut process = Process::start(QUICK);
    let (status, answer) = process.post("/v1/events", &fault()).await;
    assert_eq!((status, &answer["accepted"]), (200, &json!(3)), "{answer}");
    let told = process.until(|revision| revision["alerts"].as_array().unwrap().len() == 2);
    let id = told["incident_id"].as_str().unwrap();
    assert_eq!(told["severity"], "critical");
    assert_eq!(told["cause"]["candidates"][0]["entity"], "database:shop/cart-db");

    let (status, read) = process.get(&format!("/v1/incidents/{id}")).await;
    assert_eq!((status, &read["incident"]["incident_id"]), (200, &json!(id)), "{read}");
    let (_, alerts) = process.get("/v1/alerts").await;
    let homes = alerts["items"].as_array().unwrap().iter().map(|row| &row["incident_id"]);
    assert!(homes.clone().count() == 2 && homes.clone().all(|home| home == id), "{alerts}");
    process.until_ready().await;

    let summary = process.terminate();
    let ledger = &summary["ledger"];
    assert_eq!((&ledger["received"], &ledger["in_incidents"]), (&json!(3), &json!(2)));
    assert_eq!((&ledger["incidents"], &ledger["context"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_silence_takes_an_alert_out_and_lifting_it_puts_it_back() {
    let mut process = Process::start(QUICK);
    process.post("/v1/events", &fault()).await;
    process.until(|revision| revision["alerts"].as_array().unwrap().len() == 2);
    let silence = json!({"id": "s-1", "matchers": ["alertname=\"HighErrorRate\""],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z",
        "createdBy": "test", "comment": "known"});
    assert_eq!(process.put("/v1/silences/s-1", &silence.to_string()).await.0, 200);
    let without = process.until(|revision| revision["alerts"].as_array().unwrap().len() == 1);
    assert_eq!(without["alerts"][0]["name"], "DatabaseVolumeFull");
    assert_eq!(process.delete("/v1/silences/s-1").await.0, 200);
    process.until(|revision| revision["alerts"].as_array().unwrap().len() == 2);
    process.terminate();
}

#[test]
fn standard_input_is_worked_off_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("causeway.yaml");
    let text = format!(
        "version: 1\ndata_dir: {0}/data\nserver: {{listen: \"127.0.0.1:0\"}}\n\
         sources: {{pipe: {{type: stdin}}}}\n{QUICK}",
        directory.path().display()
    );
    std::fs::write(&config, text).unwrap();
    let events = fault() + "no event\n";
    let output = causeway(&["run", "-c", config.to_str().unwrap()], events.as_bytes());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!(last["data"]["alerts"].as_array().unwrap().len(), 2);
    let summary = std::fs::read(directory.path().join("data/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["ledger"]["rejected"], 1, "{summary}");
}

#[test]
fn a_drain_that_is_cut_short_leaves_its_books() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("causeway.yaml");
    // Nobody listens there and attempts have no end, so the drain has none either.
    let text = format!(
        "version: 1\ndata_dir: {0}/data\nserver: {{listen: \"127.0.0.1:0\"}}\n\
         sources: {{pipe: {{type: stdin}}}}\nsinks: {{pager: {{type: webhook, attempts: 0, \
         url: \"http://127.0.0.1:1/\", allow_private: [127.0.0.0/8]}}}}\n{QUICK}",
        directory.path().display()
    );
    std::fs::write(&config, text).unwrap();
    let arguments = ["run", "-c", config.to_str().unwrap(), "--drain-timeout", "0"];
    let output = causeway(&arguments, fault().as_bytes());
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(143), "{log}");
    assert!(log.contains("cut off: not all was worked off"), "{log}");
    let summary = std::fs::read(directory.path().join("data/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    assert_eq!(summary["complete"], false, "{summary}");
    assert_eq!(summary["ledger"]["received"], 3, "{summary}");
    for left in ["input_bytes", "epochs", "revisions"] {
        assert!(summary["unfinished"][left].is_u64(), "{left}: {summary}");
    }
    let books: causeway::emit::summary::Books =
        serde_json::from_value(summary["ledger"].clone()).unwrap();
    assert_eq!(books.imbalance(), None);
}

#[test]
fn a_replay_of_junk_alone_is_bad_data() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (junk, topology, alerts) = (path("junk.ndjson"), path("t.ndjson"), path("a.ndjson"));
    let entity = r#"{"kind":"entity","entity":"service:shop/cart"}"#;
    std::fs::write(&junk, "no event\nnor this\n").unwrap();
    std::fs::write(&topology, entity).unwrap();
    // A topology that is good does not make the events good.
    let arguments = ["replay", "--summary", "json", "--topology", &topology, "--alerts", &alerts];
    let output = causeway(&[&arguments[..], &[&junk]].concat(), b"");
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(65), "{told}");
    let first = format!("all 2 events were refused, first {junk}:1: E001, ");
    assert!(told.contains(&first) && told.contains("`causeway schema event`"), "{told}");
    let summary: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(summary["ledger"]["rejected"], 2, "{summary}");
    assert!(std::path::Path::new(&alerts).exists());

    let good = path("good.ndjson");
    let timed = r#"{"kind":"alert","name":"N","entity":"service:a","time":"2026-11-23T07:00:00Z"}"#;
    std::fs::write(&good, format!("no event\n{timed}\n")).unwrap();
    assert_eq!(causeway(&["replay", &good], b"").status.code(), Some(0));
    std::fs::write(&good, "").unwrap();
    assert_eq!(causeway(&["replay", &good], b"").status.code(), Some(0), "nothing is not junk");
}

#[test]
fn a_replay_that_cannot_write_its_rows_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let events = directory.path().join("events.ndjson");
    let timed = r#"{"kind":"alert","name":"N","entity":"service:a","severity":"error","time":"2026-11-23T07:00:00Z"}"#;
    std::fs::write(&events, timed).unwrap();
    let events = events.to_str().unwrap();
    for arguments in [
        &["--incidents", "/dev/full"][..],
        &["--incidents", "/dev/full", "--final-only"],
        &["--alerts", "/dev/full"],
    ] {
        let output = causeway(&[&["replay"], arguments, &[events]].concat(), b"");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(74), "{arguments:?}: {told}");
        assert!(told.contains("file /dev/full: No space left"), "{arguments:?}: {told}");
    }
    let missing = ["replay", "--incidents", "/none/i.ndjson", events];
    assert_eq!(causeway(&missing, b"").status.code(), Some(74));
}

#[tokio::test]
async fn a_file_is_followed_as_it_grows() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events.ndjson");
    let sources = format!(
        "sources: {{tail: {{type: file, path: \"{}\", follow: true, poll: 10ms}}}}\n{QUICK}",
        file.display()
    );
    let mut process = Process::start(&sources);
    std::fs::write(&file, fault()).unwrap();
    process.until(|revision| revision["alerts"].as_array().unwrap().len() == 2);
    process.terminate();
}

#[tokio::test]
async fn dead_letters_are_listed_shown_sent_again_and_purged() {
    let process = Process::start(QUICK);
    let bad = "{\"source\":\"x\",\"kind\":\"alert\",\"severity\":{}\n{\"kind\":\"nothing\"}\n";
    let (status, answer) = process.post("/v1/events", bad).await;
    assert_eq!((status, answer["rejected"].as_array().unwrap().len()), (400, 2), "{answer}");
    let data_dir = process.data_dir().to_str().unwrap().to_owned();
    let ended = |arguments: &[&str], code: i32| {
        let output = causeway(&[&["dlq", "--data-dir", &data_dir], arguments].concat(), b"");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    };
    let dlq = |arguments: &[&str]| ended(arguments, 0);
    // They are on disk: the answer says that they were refused.
    let listed = dlq(&["list", "--json"]);
    let first: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    let id = first["id"].as_str().unwrap();
    assert_eq!(listed.lines().count(), 2);
    assert!(dlq(&["list"]).contains("E001"), "{}", dlq(&["list"]));
    assert!(bad.starts_with(&dlq(&["show", id, "--payload"])));
    let url = process.url("");
    let sent = ended(&["replay", "--url", &url, "--code", "E001"], 65);
    assert_eq!(sent, "0 taken, 1 refused again, 0 incomplete, 0 left\n");
    assert_eq!(dlq(&["purge", "--id", id]), "1 dead letters purged\n");
    process.terminate();
}

#[test]
fn what_stops_a_start_is_told_with_its_remedy() {
    let process = Process::start("");
    let listen = process.address();
    let directory = tempfile::tempdir().unwrap();
    let cases = [
        (
            format!(
                "data_dir: {}\nserver: {{listen: \"127.0.0.1:0\"}}\n",
                process.data_dir().display()
            ),
            74,
            "in use by another causeway",
        ),
        (
            format!(
                "data_dir: {}/a\nserver: {{listen: \"{listen}\"}}\n",
                directory.path().display()
            ),
            74,
            "choose another address under `server`",
        ),
        ("sinks: {x: {type: nothing}}\n".to_owned(), 78, "sinks.x"),
        (
            format!(
                "data_dir: {}/b\nserver: {{listen: \"127.0.0.1:0\"}}\ntopology: /none.ndjson\n",
                directory.path().display()
            ),
            74,
            "no file matches `/none.ndjson`",
        ),
    ];
    for (text, code, message) in cases {
        let config = directory.path().join("bad.yaml");
        std::fs::write(&config, format!("version: 1\n{text}")).unwrap();
        let output = causeway(&["run", "-c", config.to_str().unwrap()], b"");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}{error}");
        assert!(error.contains(message), "{text}{error}");
    }
    process.terminate();
}
