//! What outlasts the process: everything that was acknowledged, and nothing twice.

use super::process::{Process, causeway};
use super::{QUICK, fault};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Lines of one batch: alerts on entities of its own, so that each can be looked for.
pub(super) fn batch(number: u32) -> String {
    let line = |at: u32| {
        json!({"source": "load", "kind": "alert", "name": "HighErrorRate", "severity": "error",
               "id": format!("e-{number}-{at}"), "entity": format!("service:shop/s-{number}-{at}")})
    };
    (0..3).map(|at| format!("{}\n", line(at))).collect()
}

/// Lines by incident and revision; the same revision told twice must be the same to the byte.
pub(super) fn by_revision(told: &[String]) -> BTreeMap<(String, u64), &str> {
    let mut lines = BTreeMap::new();
    for line in told {
        let envelope: Value = serde_json::from_str(line).unwrap();
        let data = &envelope["data"];
        let id = data["incident_id"].as_str().unwrap().to_owned();
        let key = (id, data["revision"].as_u64().unwrap());
        let before = lines.insert(key.clone(), line.as_str());
        assert!(before.is_none_or(|before| before == line), "{key:?} was told in two ways");
    }
    lines
}

/// Entities with the count of their alert in the last revision of each incident.
pub(super) fn entities(told: &[String]) -> BTreeMap<String, u64> {
    let mut last = BTreeMap::new();
    for ((id, revision), line) in by_revision(told) {
        // Revisions of an incident have no gaps.
        let before = last.insert(id.clone(), (revision, line));
        assert_eq!(before.map_or(0, |(before, _)| before) + 1, revision, "{id}");
    }
    let alerts = |(_, line): &(u64, &str)| {
        let envelope: Value = serde_json::from_str(line).unwrap();
        envelope["data"]["alerts"].as_array().unwrap().clone()
    };
    let rows = last.values().flat_map(alerts);
    let entity = |row: &Value| row["entity"].as_str().unwrap().to_owned();
    rows.map(|row| (entity(&row), row["count"].as_u64().unwrap())).collect()
}

#[tokio::test]
async fn what_was_acknowledged_outlives_kills_and_counts_once() {
    let mut process = Process::start(QUICK);
    let mut acknowledged = 0;
    for _ in 0..3 {
        // A kill right behind an answer: nothing of it may be lost.
        for _ in 0..5 {
            let (status, answer) = process.post("/v1/events", &batch(acknowledged)).await;
            assert_eq!((status, &answer["accepted"]), (200, &json!(3)), "{answer}");
            acknowledged += 1;
        }
        let key = format!("key-{acknowledged}");
        let lines = batch(acknowledged);
        let first = process.post_once(&key, &lines).await;
        assert_eq!(first.0, 200, "{first:?}");
        acknowledged += 1;
        process = process.killed().start();
        assert_eq!(process.post_once(&key, &lines).await, first, "the key has its answer");
        let other = process.post_once(&key, &batch(999)).await;
        assert_eq!(other.0, 422, "the key was used for another body: {other:?}");
    }
    let (summary, told) = process.terminated();
    assert_eq!(summary["ledger"]["received"], acknowledged * 3, "{summary}");
    let expected: BTreeSet<String> = (0..acknowledged)
        .flat_map(|number| (0..3).map(move |at| format!("service:shop/s-{number}-{at}")))
        .collect();
    let found = entities(&told);
    assert_eq!(found.keys().cloned().collect::<BTreeSet<_>>(), expected);
    assert!(found.values().all(|count| *count == 1), "{found:?}");
}

#[tokio::test]
async fn a_journal_that_is_gone_is_no_new_beginning() {
    let mut process = Process::start(QUICK);
    assert_eq!(process.post("/v1/events", &batch(1)).await.0, 200);
    process.until(|revision| revision["event"] == "opened");
    let (_, stopped) = process.drained();
    std::fs::remove_dir_all(stopped.path("journal")).unwrap();
    let (code, told) = stopped.copy(&[]).refused();
    assert_eq!(code, Some(74), "{told}");
    for part in ["`journal` holds nothing", "stdout.position", "move `snapshots` and `sinks` out"] {
        assert!(told.contains(part), "{told}");
    }
    stopped.copy(&["snapshots", "sinks"]).start().terminate();

    // Under a process nothing more is acknowledged from then on.
    let process = Process::start(QUICK);
    assert_eq!(process.post("/v1/events", &batch(1)).await.0, 200);
    std::fs::remove_dir_all(process.data_dir()).unwrap();
    let request = process.client().post(process.url("/v1/events")).body(batch(2));
    // It may have ended before it could answer.
    if let Ok(answer) = request.send().await {
        assert_ne!(answer.status(), 200);
    }
    let log = process.failed(74);
    assert!(log.contains("was removed while it was in use"), "{log}");
}

#[tokio::test]
async fn the_rate_of_a_run_is_that_of_what_it_received_itself() {
    let process = Process::start(QUICK);
    assert_eq!(process.post("/v1/events", &batch(1)).await.0, 200);
    let (summary, _) = process.killed().start().terminated();
    assert_eq!(
        (&summary["ledger"]["received"], &summary["events_per_second"]),
        (&json!(3), &json!(0.0))
    );
}

#[tokio::test]
async fn lists_come_back_and_what_the_configuration_dropped_is_taken_back() {
    let silences = "silences: [{id: own, matchers: ['alertname=\"HighErrorRate\"'], \
                    startsAt: 2020-01-01T00:00:00Z, endsAt: 2100-01-01T00:00:00Z}]\n";
    let mut process = Process::start(&format!("{QUICK}{silences}"));
    process.post("/v1/events", &fault()).await;
    process.until(|revision| revision["alerts"].as_array().unwrap().len() == 1);
    let silence = json!({"id": "sent", "matchers": ["alertname=\"DatabaseVolumeFull\""],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z"});
    assert_eq!(process.put("/v1/silences/sent", &silence.to_string()).await.0, 200);
    process.until(|revision| revision["event"] == "withdrawn");
    let mut process = process.killed().reconfigure(silences, "").start();
    // Of the two one stands, and its alert is the one that nobody hears of.
    process.until(|revision| {
        let alerts = revision["alerts"].as_array().unwrap();
        alerts.len() == 1 && alerts[0]["name"] == "HighErrorRate"
    });
    let (_, listed) = process.get("/v1/silences").await;
    let ids: Vec<&Value> =
        listed["items"].as_array().unwrap().iter().map(|item| &item["id"]).collect();
    assert_eq!(ids, ["sent"], "{listed}");
    by_revision(process.told());
}

#[tokio::test]
async fn a_new_sink_is_told_what_comes_from_then_on() {
    let mut process = Process::start(QUICK);
    process.post("/v1/events", &batch(0)).await;
    process.until(|revision| revision["alerts"].as_array().unwrap().len() == 1);
    let elsewhere = tempfile::tempdir().unwrap();
    let log = elsewhere.path().join("log.ndjson");
    let sinks = format!(
        "{QUICK}sinks: {{stdout: {{type: stdout}}, log: {{type: file, path: {}}}}}\n",
        log.display()
    );
    let process = process.killed().reconfigure(QUICK, &sinks).start();
    process.post("/v1/events", &batch(1)).await;
    // It is new once: what it was told before the kill it is not told again, the rest it is.
    let process = process.killed().start();
    process.post("/v1/events", &batch(2)).await;
    let (_, stopped) = process.drained();
    assert_eq!(entities(stopped.told()).len(), 9, "the old sink has all");
    let lines = std::fs::read_to_string(log).unwrap();
    let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    let known: BTreeSet<String> = by_revision(&lines)
        .into_values()
        .flat_map(|line| {
            let envelope: Value = serde_json::from_str(line).unwrap();
            envelope["data"]["alerts"].as_array().unwrap().clone()
        })
        .map(|row| row["entity"].as_str().unwrap().to_owned())
        .collect();
    let of = |number: u32| (0..3).map(move |at| format!("service:shop/s-{number}-{at}"));
    assert!(of(1).chain(of(2)).all(|entity| known.contains(&entity)), "{known:?}");
    assert!(!of(0).any(|entity| known.contains(&entity)), "{known:?}");
    // The check knows from which epoch on it is owed revisions, when it is told.
    let position = std::fs::read_to_string(stopped.path("sinks/log.position")).unwrap();
    let since = position.split(' ').nth(1).unwrap();
    let config = stopped.path("../causeway.yaml");
    let verify = ["verify", "-c", config.to_str().unwrap(), "--name", "log"];
    let checked = causeway(&[&verify[..], &["--since", since]].concat(), b"");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    assert_eq!(causeway(&verify, b"").status.code(), Some(3), "it lacks those before");
}

/// Runs a process with one file to its end; what it counted as received so far.
fn received(directory: &Path) -> Value {
    let config = directory.join("causeway.yaml");
    let output = causeway(&["run", "-c", config.to_str().unwrap()], b"");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary = std::fs::read(directory.join("data/summary.json")).unwrap();
    let summary: Value = serde_json::from_slice(&summary).unwrap();
    summary["ledger"]["received"].clone()
}

#[test]
fn a_file_is_read_once_across_runs() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().display();
    let text = format!(
        "version: 1\ndata_dir: {place}/data\nserver: {{listen: \"127.0.0.1:0\"}}\n\
         sources: {{recorded: {{type: file, path: {place}/events.ndjson}}}}\n{QUICK}"
    );
    std::fs::write(directory.path().join("causeway.yaml"), text).unwrap();
    let events = directory.path().join("events.ndjson");
    std::fs::write(&events, batch(0)).unwrap();
    assert_eq!(received(directory.path()), 3);
    assert_eq!(received(directory.path()), 3, "nothing is new");
    std::fs::write(&events, batch(0) + &batch(1)).unwrap();
    assert_eq!(received(directory.path()), 6, "the file has grown");
    std::fs::write(&events, batch(2) + &batch(3) + &batch(4)).unwrap();
    assert_eq!(received(directory.path()), 15, "another file has its name");
}

#[tokio::test]
async fn a_torn_journal_goes_on_before_the_tear() {
    let process = Process::start(QUICK);
    for number in 0..3 {
        assert_eq!(process.post("/v1/events", &batch(number)).await.0, 200);
    }
    let stopped = process.killed();
    let segment = stopped.path("journal/00000000000000000000.log");
    let whole = std::fs::read(&segment).unwrap();
    // As a crash leaves it: the beginning of a frame and no more.
    let torn = [&whole[..], b"CWfr"].concat();
    std::fs::write(&segment, torn).unwrap();
    let process = stopped.start();
    assert_eq!(process.post("/v1/events", &batch(3)).await.0, 200);
    let (summary, told) = process.terminated();
    assert_eq!(summary["ledger"]["received"], 12, "{summary}");
    assert_eq!(entities(&told).len(), 12);
}

#[test]
fn a_bit_that_flipped_in_the_journal_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().display();
    let text = format!(
        "version: 1\ndata_dir: {place}/data\nserver: {{listen: \"127.0.0.1:0\"}}\n\
         sources: {{pipe: {{type: stdin}}}}\n{QUICK}"
    );
    let config = directory.path().join("causeway.yaml");
    std::fs::write(&config, text).unwrap();
    let run = |input: &str| causeway(&["run", "-c", config.to_str().unwrap()], input.as_bytes());
    assert!(run(&batch(0)).status.success());
    let segment = directory.path().join("data/journal/00000000000000000000.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let refused = run("");
    let log = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(74), "{log}");
    assert!(log.contains("00000000000000000000.log"), "{log}");
}
