//! A copy of a data directory: taken under load, put back elsewhere, gone on with.

use super::QUICK;
use super::process::{Process, Stopped, causeway};
use super::restart::{batch, by_revision, entities};
use super::verify::holds;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Snapshots all the time, and a journal of which everything stays, so that it can be checked.
const KEPT: &str = "journal: {snapshot_bytes: 1B, segment: 1MiB, forget: false}\n";

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

pub(super) fn backup(data: &Path, to: &Path) -> Output {
    causeway(&["backup", "--data", text(data), "--to", text(to), "--json"], b"")
}

pub(super) fn restore(from: &Path, data: &Path) -> Output {
    causeway(&["restore", "--from", text(from), "--data", text(data), "--json"], b"")
}

/// The list that a command printed, which its schema allows.
#[track_caller]
pub(super) fn listed(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest = serde_json::from_slice(&output.stdout).unwrap();
    let schema = jsonschema::validator_for(&causeway::backup::schema()).unwrap();
    let problems: Vec<_> = schema.iter_errors(&manifest).map(|e| e.to_string()).collect();
    assert!(problems.is_empty(), "{problems:?}");
    manifest
}

/// What was refused ends with this code, and says each of `parts`.
#[track_caller]
fn refused(output: &Output, parts: &[&str]) {
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(74), "{log}");
    assert!(parts.iter().all(|part| log.contains(part)), "{parts:?}: {log}");
}

/// Sends batches from a number on until it is told to stop.
async fn sends(address: String, client: reqwest::Client, stop: Arc<AtomicBool>) {
    let mut number = 1_000;
    while !stop.load(Ordering::SeqCst) {
        let request = client.post(&address).header("content-type", "application/x-ndjson");
        let answer = request.body(batch(number)).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        number += 1;
    }
}

/// The lines of incidents that the journal in a directory leads to.
fn lines(directory: &Path, config: &Path) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    let incidents = place.path().join("i.ndjson");
    let of = ["--journal", text(directory), "-c", text(config), "--incidents", text(&incidents)];
    let replayed = causeway(&[&["replay"], &of[..]].concat(), b"");
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let lines = std::fs::read_to_string(&incidents).unwrap();
    lines.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_taken_under_load_goes_on_elsewhere() {
    let process = Process::start(&format!("{QUICK}{KEPT}"));
    for number in 0..6 {
        assert_eq!(process.post_once(&format!("k{number}"), &batch(number)).await.0, 200);
    }
    let bad = process.post("/v1/events", "no event\nnor this\n").await;
    assert_eq!(bad.0, 400);
    process.until_counted("causeway_snapshots_written_total", 2.0).await;

    let stop = Arc::new(AtomicBool::new(false));
    let (address, client) = (process.url("/v1/events"), process.client().clone());
    let load = tokio::spawn(sends(address, client, Arc::clone(&stop)));
    let place = tempfile::tempdir().unwrap();
    let (data, copy) = (process.data_dir(), place.path().join("copy"));
    let own = copy.clone();
    let manifest = tokio::task::spawn_blocking(move || listed(&backup(&data, &own))).await.unwrap();
    stop.store(true, Ordering::SeqCst);
    load.await.unwrap();
    assert!(!manifest["snapshots"].as_array().unwrap().is_empty(), "{manifest}");
    assert_eq!((&manifest["first_epoch"], &manifest["left_out"]), (&json!(0), &json!([])));
    let killed = process.killed();

    // Where it lies it leads to what was told.
    let config = killed.path("../causeway.yaml");
    let led = lines(&copy, &config);
    let (told, known) = (by_revision(killed.told()), by_revision(&led));
    let common = known.iter().filter(|(key, line)| told.get(*key).is_some_and(|t| t == *line));
    assert!(common.count() >= 18, "{} of {}", told.len(), known.len());
    assert!(known.iter().all(|(key, line)| told.get(key).is_none_or(|told| told == line)));

    let mut again = Value::Null;
    let restored = killed.elsewhere(|data| again = listed(&restore(&copy, data)));
    assert_eq!(again, manifest);
    let process = restored.start();
    // Keys have their answers, refused events their dead letters, and it goes on.
    assert_eq!(process.post_once("k0", &batch(0)).await.1["accepted"], 3);
    assert_eq!(process.post_once("k1", &batch(0)).await.0, 422);
    let data = process.data_dir();
    let dlq = ["dlq", "--data-dir", text(&data), "list", "--json"];
    let letters = String::from_utf8(causeway(&dlq, b"").stdout).unwrap();
    assert_eq!(letters.lines().count(), 2, "{letters}");
    assert_eq!(process.post("/v1/events", &batch(7)).await.0, 200);
    let (summary, stopped) = process.drained();
    assert!(summary["ledger"]["received"].as_u64().unwrap() >= 7 * 3 + 2, "{summary}");

    // What the first was told of all that is in the copy, and what the second was told.
    let led: BTreeSet<String> = led.into_iter().collect();
    let first = killed.told().iter().filter(|line| led.contains(*line)).cloned();
    let told: Vec<String> = first.chain(stopped.told().iter().cloned()).collect();
    holds(&stopped, &told, &summary);
    let known = entities(&told);
    for number in [0, 1, 2, 3, 4, 5, 7] {
        assert_eq!(known.get(&format!("service:shop/s-{number}-2")), Some(&1), "{number}");
    }
}

/// A process that worked and was drained.
async fn drained() -> (Value, Stopped) {
    let process = Process::start(&format!("{QUICK}{KEPT}"));
    for number in 0..4 {
        assert_eq!(process.post("/v1/events", &batch(number)).await.0, 200);
    }
    process.until_counted("causeway_snapshots_written_total", 2.0).await;
    assert_eq!(process.post("/v1/events", "no event\n").await.0, 400);
    process.drained()
}

/// The names of the files of a copy.
fn names(manifest: &Value) -> Vec<&str> {
    let files = manifest["files"].as_array().unwrap();
    files.iter().map(|file| file["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_copy_of_what_is_stopped_is_the_same_again() {
    let (summary, stopped) = drained().await;
    let place = tempfile::tempdir().unwrap();
    let copy = place.path().join("copy");
    let manifest = listed(&backup(&stopped.path(""), &copy));
    let names = names(&manifest);
    for begins in ["dlq/", "journal/mark", "journal/0", "sinks/stdout", "snapshots/", "summary"] {
        assert!(names.iter().any(|name| name.starts_with(begins)), "{begins}: {names:?}");
    }
    let restored = stopped.elsewhere(|data| drop(listed(&restore(&copy, data))));
    let left = std::fs::read(restored.path("summary.json")).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&left).unwrap(), summary);
    let (again, restored) = restored.start().drained();
    assert_eq!((&again["digest"], &again["ledger"]), (&summary["digest"], &summary["ledger"]));
    assert_eq!(restored.told(), [""; 0], "everything was told before");
    // A copy of a copy is one too.
    let second = place.path().join("second");
    listed(&backup(&restored.path(""), &second));
}

#[tokio::test]
async fn a_damaged_copy_is_named_and_nothing_is_put_back() {
    let (_, stopped) = drained().await;
    let place = tempfile::tempdir().unwrap();
    let (copy, target) = (place.path().join("copy"), place.path().join("target"));
    let manifest = listed(&backup(&stopped.path(""), &copy));
    refused(&backup(&stopped.path(""), &copy), &["copy is not empty"]);
    refused(&backup(place.path(), &target), &["holds no journal"]);
    refused(&restore(place.path(), &target), &["has no manifest.json"]);

    let names = names(&manifest);
    for name in &names {
        let path = copy.join(name);
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        std::fs::write(&path, flipped).unwrap();
        refused(&restore(&copy, &target), &[name, "has the SHA-256"]);
        std::fs::write(&path, &whole[1..]).unwrap();
        refused(&restore(&copy, &target), &[name, "bytes, and had"]);
        std::fs::write(&path, whole).unwrap();
    }
    let away: Vec<_> = names.iter().take(2).map(|name| copy.join(name)).collect();
    away.iter().for_each(|path| std::fs::rename(path, path.with_extension("away")).unwrap());
    refused(&restore(&copy, &target), &[names[0], names[1], "is missing"]);
    away.iter().for_each(|path| std::fs::rename(path.with_extension("away"), path).unwrap());
    assert!(!target.exists(), "nothing was written");

    std::fs::create_dir(&target).unwrap();
    std::fs::write(target.join("something"), "").unwrap();
    refused(&restore(&copy, &target), &["target is not empty"]);
    std::fs::remove_file(target.join("something")).unwrap();
    listed(&restore(&copy, &target));
    refused(&restore(&copy, &target), &["target is not empty"]);

    // What was put back in part does not start.
    std::fs::create_dir(stopped.path("restoring")).unwrap();
    let config = stopped.path("../causeway.yaml");
    refused(&causeway(&["run", "-c", text(&config)], b""), &["a restore was cut off"]);

    // What is damaged where it lies is not copied.
    let segment = stopped.path("journal/00000000000000000000.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    bytes[200] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    let second = place.path().join("second");
    refused(&backup(&stopped.path(""), &second), &["nothing was copied", "is damaged at byte"]);
    assert_eq!(std::fs::read_dir(&second).unwrap().count(), 0);
}
