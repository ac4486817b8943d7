//! What a journal leads to is what was told, and a sink in which it is not is found out.

use super::process::{Process, Stopped, causeway};
use super::{QUICK, fault};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Output;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Every file of a directory, to the byte.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

/// Lines without those that were told before.
fn once(lines: &[String]) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    lines.iter().map(String::as_str).filter(|line| seen.insert(*line)).collect()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[track_caller]
fn ended(output: &Output, code: i32) -> String {
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{log}\n{told}");
    told
}

/// The journal of a run leads to what its sink was `told`, whoever checks it, and to its digest.
#[track_caller]
pub(super) fn holds(stopped: &Stopped, told: &[String], summary: &Value) {
    let sink = stopped.path("told.ndjson");
    std::fs::write(&sink, told.join("\n") + "\n").unwrap();
    let (data, config) = (stopped.path(""), stopped.path("../causeway.yaml"));
    let of = ["--journal", text(&data), "-c", text(&config)];
    let verify = [&["verify", "--json", "--sink", text(&sink)], &of[..]].concat();
    let report: Value = serde_json::from_str(&ended(&causeway(&verify, b""), 0)).unwrap();
    assert_eq!((&report["clean"], &report["doubts"]), (&json!(true), &json!([])), "{report}");
    assert_eq!(report["digest"], summary["digest"]);
    let replay = [&["replay", "--summary", "json"], &of[..]].concat();
    let again: Value = serde_json::from_str(&ended(&causeway(&replay, b""), 0)).unwrap();
    assert_eq!((&again["digest"], &again["ledger"]), (&summary["digest"], &summary["ledger"]));
}

/// A line of an alert, as its sender writes it.
fn alert(id: &str, entity: &str, severity: &str) -> String {
    let line = json!({"source": "load", "kind": "alert", "name": "HighErrorRate", "id": id,
                      "severity": severity, "entity": format!("service:shop/{entity}")});
    format!("{line}\n")
}

#[tokio::test]
async fn a_journal_leads_to_the_very_revisions_and_the_digest_of_a_run_that_was_killed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let log = elsewhere.path().join("log.ndjson");
    let sinks = format!(
        "sinks: {{stdout: {{type: stdout}}, log: {{type: file, path: {}}}}}\n",
        log.display()
    );
    let mut process = Process::start(&format!("{QUICK}{sinks}"));
    assert_eq!(process.post("/v1/events", &fault()).await.0, 200);
    process.until(|revision| revision["alerts"].as_array().unwrap().len() == 2);
    let (journal, config) = (process.data_dir().join("journal"), process.config());
    let verify = ["verify", "-c", text(&config), "--name", "log", "--json"];
    // Of a process that runs: what its sinks lack is still to come.
    let report = ended(&causeway(&[&verify[..], &["--unfinished"]].concat(), b""), 0);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["told"].as_u64().unwrap() > 0, "{report}");

    let process = process.killed().start();
    let silence = json!({"id": "sent", "matchers": ["alertname=\"HighErrorRate\""],
        "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2100-01-01T00:00:00Z"});
    assert_eq!(process.put("/v1/silences/sent", &silence.to_string()).await.0, 200);
    assert_eq!(process.post("/v1/events", &alert("e-1", "web", "fatal")).await.0, 200);
    let (summary, stopped) = process.drained();

    let before = files(&journal);
    runs_again(&stopped, &config, &summary);
    let report = ended(&causeway(&verify, b""), 0);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["expected"], once(stopped.told()).len());
    assert_eq!((&report["told"], &report["doubts"]), (&report["expected"], &json!([])));
    assert_eq!(report["digest"], summary["digest"]);
    assert_eq!(files(&journal), before, "the journal is only read");
}

/// The journal leads to what was told and to what the summary says, whoever runs it again.
fn runs_again(stopped: &Stopped, config: &Path, summary: &Value) {
    let place = tempfile::tempdir().unwrap();
    let (incidents, alerts) = (place.path().join("i.ndjson"), place.path().join("a.ndjson"));
    let (data, journal) = (stopped.path(""), stopped.path("journal"));
    let replay = |directory: &Path, more: &[&str]| {
        let own = ["replay", "--journal", text(directory), "-c", text(config), "--summary", "json"];
        let own = [&own[..], &["--incidents", text(&incidents)], more].concat();
        let output = causeway(&own, b"");
        let again: Value = serde_json::from_str(&ended(&output, 0)).unwrap();
        assert_eq!(output.stderr, b"", "nothing to warn of");
        assert_eq!(again["digest"], summary["digest"], "{more:?}");
        assert_eq!(again["ledger"], summary["ledger"]);
    };
    for (directory, workers) in [(&journal, "1"), (&data, "2")] {
        replay(directory, &["--workers", workers]);
        let lines = std::fs::read_to_string(&incidents).unwrap();
        assert_eq!(lines.lines().collect::<Vec<_>>(), once(stopped.told()));
    }
    // Rows that stand at the end have the digest of the numbers that were kept on the way.
    replay(&data, &["--final-only", "--alerts", text(&alerts)]);
    let count = |path| std::fs::read_to_string(path).unwrap().lines().count() as u64;
    assert_eq!(json!(count(&alerts)), summary["ledger"]["alerts"]);
    assert_eq!(json!(count(&incidents)), summary["ledger"]["incidents"]);
}

/// Two runs over standard input, one behind the other, and what they told.
struct Runs {
    directory: tempfile::TempDir,
    told: String,
}

impl Runs {
    fn made() -> Runs {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().display();
        let config = format!(
            "version: 1\ndata_dir: {place}/data\nserver: {{listen: \"127.0.0.1:0\"}}\n\
             sources: {{pipe: {{type: stdin}}}}\n{QUICK}\
             sinks: {{stdout: {{type: stdout}}, grave: {{type: file, path: {place}/grave.ndjson, \
             match: {{severity: critical}}}}}}\n"
        );
        std::fs::write(directory.path().join("causeway.yaml"), config).unwrap();
        let mut runs = Runs { directory, told: String::new() };
        // Of events within a second the one with the greater id is the last.
        for (run, severity) in [(1, "error"), (2, "critical")] {
            let alerts = ["a", "b", "c"].map(|entity| {
                alert(&format!("e-{entity}-{run}"), &format!("s-{entity}"), severity)
            });
            let output =
                causeway(&["run", "-c", &runs.path("causeway.yaml")], alerts.concat().as_bytes());
            runs.told += &ended(&output, 0);
        }
        runs
    }

    fn path(&self, name: &str) -> String {
        text(&self.directory.path().join(name)).to_owned()
    }

    /// Whole lines.
    fn lines(&self) -> Vec<&str> {
        self.told.lines().filter(|line| !line.is_empty()).collect()
    }

    fn verify(&self, more: &[&str], sink: &str) -> Output {
        let (journal, config) = (self.path("data"), self.path("causeway.yaml"));
        let own = ["verify", "--journal", &journal, "-c", &config];
        causeway(&[&own, more].concat(), sink.as_bytes())
    }

    /// The report on a sink that comes on standard input.
    #[track_caller]
    fn report(&self, sink: &str, code: i32) -> Value {
        let report = ended(&self.verify(&["--sink", "-", "--json"], sink), code);
        let report = serde_json::from_str(&report).unwrap();
        let schema = jsonschema::validator_for(&causeway::verify::schema()).unwrap();
        let problems: Vec<_> = schema.iter_errors(&report).map(|e| e.to_string()).collect();
        assert!(problems.is_empty(), "{problems:?}");
        report
    }
}

#[test]
fn each_fault_in_a_sink_is_found_and_named() {
    let runs = Runs::made();
    let clean = runs.report(&runs.told, 0);
    assert_eq!((&clean["clean"], &clean["expected"]), (&json!(true), &json!(runs.lines().len())));
    assert_eq!(clean["blank"], 1, "the second run begins with a newline");
    let data = |line: &str| serde_json::from_str::<Value>(line).unwrap()["data"].clone();
    let id = |line: &str| data(line)["incident_id"].as_str().unwrap().to_owned();
    let lines = runs.lines();
    let first = lines[0];
    let second = lines.iter().find(|line| id(line) == id(first) && data(line)["revision"] == 2);
    let second = *second.expect("a worse alert is another revision");
    let joined = |lines: &[&str]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
    let with = |line: &str| runs.told.clone() + line + "\n";
    let changed = second.replace("HighErrorRate", "LowErrorRate");
    let stranger = second.replace(&id(second), "inc-0000000000000000");
    let swapped: Vec<&str> = lines
        .iter()
        .map(|line| match *line {
            line if line == first => second,
            line if line == second => first,
            line => line,
        })
        .collect();
    let key = |line: &str| format!("{}/{}", id(line), data(line)["revision"]);
    for (kind, sink, named) in [
        ("lost", runs.told.replace(&format!("{second}\n"), ""), key(second)),
        ("duplicate", with(&changed), key(second)),
        ("phantom", with(&stranger), key(&stranger)),
        ("reordered", joined(&swapped), key(first)),
        ("malformed", with("cart is down"), "no revision".to_owned()),
    ] {
        let report = runs.report(&sink, 3);
        for other in ["lost", "duplicate", "phantom", "reordered", "malformed"] {
            assert_eq!(report[other]["count"], u64::from(other == kind), "{kind}: {report}");
        }
        let shown = ended(&runs.verify(&["--sink", "-"], &sink), 3);
        assert!(shown.contains(&named) && shown.ends_with("NOT CLEAN\n"), "{named}: {shown}");
        if kind != "lost" {
            let line = sink.lines().count() as u64;
            let line = if kind == "reordered" {
                report[kind]["first"][0]["line"].clone()
            } else {
                json!(line)
            };
            assert!(shown.contains(&format!("  -:{line}: ")), "{shown}");
        }
    }
    let torn = runs.report(&(runs.told.clone() + &second[..second.len() / 2]), 0);
    assert_eq!((&torn["torn"]["count"], &torn["retold"]), (&json!(1), &json!(0)), "{torn}");
    let unfinished = runs.told.replace(&format!("{}\n", lines[lines.len() - 1]), "");
    assert_eq!(runs.report(&unfinished, 3)["lost"]["count"], 1);
    let pending = ended(&runs.verify(&["--sink", "-", "--unfinished"], &unfinished), 0);
    assert!(pending.contains("1 still to come"), "{pending}");
}

#[test]
fn a_sink_is_owed_what_it_asks_for_and_a_journal_what_was_acknowledged() {
    let runs = Runs::made();
    let grave = std::fs::read_to_string(runs.path("grave.ndjson")).unwrap();
    assert!(!grave.is_empty() && grave.lines().count() < runs.lines().len());
    ended(&runs.verify(&["--name", "grave"], ""), 0);
    let told = ended(&runs.verify(&["--name", "grave", "--sink", "-"], &runs.told), 3);
    assert!(told.contains("a revision that this sink does not ask for"), "{told}");
    let acked = runs.path("acked");
    let sent = alert("e-a-1", "s-a", "error");
    std::fs::write(&acked, format!("{sent}e-b-2\n\"e-c-1\"\n")).unwrap();
    let more = ["--sink", "-", "--acked", &acked];
    assert!(ended(&runs.verify(&more, &runs.told), 0).contains("acked       3\n"));
    let lost = alert("e-z-1", "s-a", "error");
    std::fs::write(&acked, format!("{sent}{lost}e-y\n")).unwrap();
    let told = ended(&runs.verify(&more, &runs.told), 3);
    assert!(told.contains("lost input  2\n"), "{told}");
    assert!(told.contains(&format!("{acked}:2: ")) && told.contains("e-y"), "{told}");
}

#[test]
fn what_cannot_be_read_again_is_said() {
    let runs = Runs::made();
    let (config, data) = (runs.path("causeway.yaml"), runs.path("data"));
    let replay = |directory: &str, config: &str| {
        causeway(&["replay", "--journal", directory, "-c", config, "--summary", "json"], b"")
    };
    #[track_caller]
    fn said(output: &Output, code: i32, parts: &[&str]) {
        ended(output, code);
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(parts.iter().all(|part| log.contains(part)), "{parts:?}: {log}");
    }
    let nothing = tempfile::tempdir().unwrap();
    said(&replay(text(nothing.path()), &config), 74, &["holds no journal", "data directory"]);
    said(&replay("nowhere", &config), 74, &["nowhere holds no journal"]);
    let both = ["replay", "--journal", &data, "events.ndjson"];
    assert_eq!(causeway(&both, b"").status.code(), Some(2));

    // Another source and other intervals: what `run` would do is done, and said.
    let other = runs.path("other.yaml");
    let changed = std::fs::read_to_string(&config).unwrap();
    let changed =
        changed.replace("pipe:", "tube:").replace("revise_interval: 0s", "revise_interval: 5s");
    std::fs::write(&other, changed).unwrap();
    let parts = ["2 of 2 runs", "give the configuration", "source `pipe`", "2 deliveries"];
    said(&replay(&data, &other), 0, &parts);

    let segment = runs.path("data/journal/00000000000000000000.log");
    let whole = std::fs::read(&segment).unwrap();
    let torn = [&whole[..], b"CWfr"].concat();
    std::fs::write(&segment, &torn).unwrap();
    said(&replay(&data, &config), 0, &["the journal ends within epoch", "4 bytes: left out"]);
    assert_eq!(std::fs::read(&segment).unwrap(), torn, "nothing is cut away");

    let mut damaged = whole.clone();
    damaged[200] ^= 1;
    std::fs::write(&segment, damaged).unwrap();
    let parts = ["00000000000000000000.log is damaged at byte 40"];
    said(&replay(&data, &config), 74, &parts);
    said(&runs.verify(&["--sink", "-"], ""), 74, &parts);

    let mut newer = whole.clone();
    newer[8] = 9;
    let checksum = xxh3_64_with_seed(&newer[..32], 0);
    newer[32..40].copy_from_slice(&checksum.to_le_bytes());
    std::fs::write(&segment, newer).unwrap();
    said(&replay(&data, &config), 74, &["has format version 9", "run the newer program"]);

    std::fs::remove_file(&segment).unwrap();
    said(&replay(&data, &config), 74, &["lacks epochs 0 to", "mark"]);
}
