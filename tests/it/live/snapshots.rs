//! Starts that go on from a snapshot: as if the whole journal had been read.

use super::process::{Process, Stopped, causeway};
use super::restart::{batch, by_revision, entities};
use super::{QUICK, fault};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A snapshot after nearly every epoch that brings anything.
const OFTEN: &str = "journal: {snapshot_bytes: 1B, segment: 1MiB}\n";

fn snapshots(stopped: &Stopped) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(stopped.path("snapshots")).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "snapshot"));
    paths.sort();
    paths
}

/// Alerts of all sorts, a silence, a topology; killed when a snapshot holds some of it.
async fn killed_after_some_life() -> Stopped {
    let mut process = Process::start(&format!("{QUICK}{OFTEN}"));
    process.post("/v1/events", &fault()).await;
    process.until(|revision| revision["alerts"].as_array().unwrap().len() == 2);
    let silence = json!({"id": "sent", "matchers": ["alertname=\"DatabaseVolumeFull\""],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z"});
    assert_eq!(process.put("/v1/silences/sent", &silence.to_string()).await.0, 200);
    for number in 0..4 {
        assert_eq!(process.post_once(&format!("k{number}"), &batch(number)).await.0, 200);
    }
    process.until_counted("causeway_snapshots_written_total", 2.0).await;
    assert_eq!(process.post_once("k4", &batch(4)).await.0, 200);
    process.killed()
}

/// Titles by id, once so many are listed: a start may be ready before all is worked off.
async fn listed_incidents(process: &Process, number: usize) -> BTreeMap<String, Value> {
    loop {
        let (_, listed) = process.get("/v1/incidents").await;
        let items = listed["items"].as_array().unwrap();
        if items.len() == number {
            let title = |item: &Value| (item["incident_id"].to_string(), item["title"].clone());
            return items.iter().map(title).collect();
        }
    }
}

#[tokio::test]
async fn a_start_from_a_snapshot_tells_what_a_start_from_the_journal_tells() {
    let stopped = killed_after_some_life().await;
    let all = stopped.copy(&["snapshots"]);
    // A position that nobody wrote: its sink is told everything.
    let position = std::fs::read_dir(all.path("sinks")).unwrap().next().unwrap().unwrap().path();
    std::fs::write(&position, "damaged").unwrap();
    let resumed = stopped.start();
    assert_eq!(resumed.post_once("k0", &batch(0)).await.1["accepted"], 3, "answered again");
    assert_eq!(resumed.post_once("k4", &batch(0)).await.0, 422);
    let (_, listed) = resumed.get("/v1/silences").await;
    assert_eq!(listed["items"][0]["id"], "sent");
    let incidents = listed_incidents(&resumed, 16).await;
    let (summary, told) = resumed.terminated();
    // Three of the fault, a silence, five batches of three; a key sent again counts once.
    assert_eq!(summary["ledger"]["received"], 19, "{summary}");

    let again = all.start();
    let incidents_again = listed_incidents(&again, 16).await;
    let (summary_again, told_again) = again.terminated();
    assert_eq!(summary["ledger"], summary_again["ledger"]);
    assert_eq!(entities(&told), entities(&told_again));
    // What was told before the kill is told again, all of it to the byte.
    let (first, second) = (by_revision(&told), by_revision(&told_again));
    let common: Vec<_> = first.keys().filter(|key| second.contains_key(*key)).collect();
    assert!(common.len() >= 6, "{common:?}");
    assert!(common.iter().all(|key| first[key] == second[key]));
    assert_eq!(incidents, incidents_again);
}

#[tokio::test]
async fn a_damaged_snapshot_is_passed_over_and_without_any_the_journal_is_read() {
    let stopped = killed_after_some_life().await;
    let kept = snapshots(&stopped);
    assert_eq!(kept.len(), 2, "two are kept");
    let mut bytes = std::fs::read(&kept[1]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&kept[1], bytes).unwrap();
    let process = stopped.start();
    process.until_metric("causeway_snapshots_damaged_total 1").await;
    let aside = process.data_dir().join("snapshots").join(kept[1].file_name().unwrap());
    assert!(aside.with_extension("snapshot.damaged").exists(), "it is set aside");
    let (_, told) = process.terminated();
    assert_eq!(
        entities(&told).values().filter(|count| **count == 1).count(),
        entities(&told).len()
    );
    for number in 0..5 {
        let entity = format!("service:shop/s-{number}-0");
        assert!(entities(&told).contains_key(&entity), "{entity}");
    }
}

#[tokio::test]
async fn a_snapshot_that_the_disk_refuses_is_not_set_aside() {
    let stopped = killed_after_some_life().await;
    let kept = snapshots(&stopped);
    std::fs::remove_file(&kept[1]).unwrap();
    // A directory opens like a file and cannot be read like one.
    std::fs::create_dir(&kept[1]).unwrap();
    let (code, told) = stopped.refused();
    assert_eq!(code, Some(74), "{told}");
    let name = kept[1].file_name().unwrap().to_str().unwrap();
    assert!(told.contains("cannot read snapshot") && told.contains(name), "{told}");
    assert!(told.contains("start again") && !told.contains("aside"), "{told}");
}

#[tokio::test]
async fn the_journal_forgets_what_no_snapshot_needs() {
    let process = Process::start(&format!("{QUICK}{OFTEN}"));
    // A megabyte a request, so that every one begins a segment.
    let filler = "x".repeat(900);
    let large: String = (0..1200)
        .map(|at| {
            let line = json!({"source": "load", "kind": "log", "body": filler, "id": at.to_string(),
                "entity": "service:shop/s"});
            format!("{line}\n")
        })
        .collect();
    for written in 1..5 {
        assert_eq!(process.post("/v1/events", &large).await.0, 200);
        process.until_counted("causeway_snapshots_written_total", f64::from(written)).await;
    }
    for number in 0..4 {
        assert_eq!(process.post("/v1/events", &batch(number)).await.0, 200);
        let written = f64::from(number + 5);
        process.until_counted("causeway_snapshots_written_total", written).await;
    }
    assert_eq!(process.post("/v1/events", &batch(4)).await.0, 200);
    let stopped = process.killed();
    assert!(!stopped.path("journal/00000000000000000000.log").exists(), "the first is gone");
    let (summary, stopped) = stopped.start().drained();
    assert_eq!(summary["ledger"]["received"], 4 * 1200 + 15, "{summary}");
    assert_eq!(entities(stopped.told()).len(), 15);
    // What is left leads to the same digest, and to what the sink was told since.
    let (data, config) = (stopped.path(""), stopped.path("../causeway.yaml"));
    let sink = stopped.path("told.ndjson");
    std::fs::write(&sink, stopped.told().join("\n") + "\n").unwrap();
    let [data, config, sink] = [&data, &config, &sink].map(|path| path.to_str().unwrap());
    let of = ["--journal", data, "-c", config];
    let replayed = causeway(&[&["replay", "--summary", "json"], &of[..]].concat(), b"");
    let again: Value = serde_json::from_slice(&replayed.stdout).unwrap();
    assert_eq!((&again["digest"], &again["ledger"]), (&summary["digest"], &summary["ledger"]));
    let checked = causeway(&[&["verify", "--json", "--sink", sink], &of[..]].concat(), b"");
    let report: Value = serde_json::from_slice(&checked.stdout).unwrap();
    assert_eq!((&report["clean"], &report["digest"]), (&json!(true), &summary["digest"]));
    assert!(
        report["earlier"].as_u64() >= Some(3) && report["told"].as_u64() >= Some(3),
        "{report}"
    );
    let acked = [&["verify", "--sink", sink, "--acked", sink], &of[..]].concat();
    assert_eq!(causeway(&acked, b"").status.code(), Some(65), "its beginning is gone");
}
