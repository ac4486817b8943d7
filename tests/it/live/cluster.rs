//! Several processes as one: what they are told apart, they tell as one would.

use super::ports::free_port;
use super::process::{Process, Stopped, causeway, summary};
use super::{QUICK, fault};
use serde_json::{Value, json};
use std::thread;

/// Processes that compute as one.
pub(crate) struct Cluster {
    pub(crate) processes: Vec<Process>,
    hosts: tempfile::TempDir,
}

/// What such processes left.
pub(crate) struct Left {
    pub(crate) processes: Vec<Stopped>,
    hosts: tempfile::TempDir,
}

impl Cluster {
    pub(crate) fn start(number: usize, yaml: &str) -> Cluster {
        let hosts = tempfile::tempdir().unwrap();
        let file = hosts.path().join("hosts");
        let lines: String = (0..number).map(|_| format!("127.0.0.1:{}\n", free_port())).collect();
        std::fs::write(&file, lines).unwrap();
        let start = |process: usize| {
            let file = file.to_str().unwrap().to_owned();
            let own = ["--processes", "--process", "--hostfile"].map(str::to_owned);
            let values = [number.to_string(), process.to_string(), file];
            let arguments = own.into_iter().zip(values).flat_map(|(flag, value)| [flag, value]);
            let (yaml, arguments) = (yaml.to_owned(), arguments.collect());
            thread::spawn(move || Process::start_with(&yaml, arguments))
        };
        let processes: Vec<_> = (0..number).map(start).collect();
        Cluster { processes: joined(processes), hosts }
    }

    /// Has all of them drain by telling one; the summaries, in order.
    pub(crate) fn drained(self, told: usize) -> (Vec<Value>, Left) {
        self.processes[told].signal("TERM");
        let left = self.ended(0);
        let summaries = left.processes.iter().map(|process| summary(&process.path("")));
        (summaries.collect(), left)
    }

    fn ended(self, code: i32) -> Left {
        let ending = self.processes.into_iter();
        let ending = ending.map(|process| thread::spawn(move || process.ended(code)));
        Left { processes: joined(ending.collect()), hosts: self.hosts }
    }

    /// Kills one, after which the others end by themselves.
    pub(crate) fn killed(mut self, process: usize) -> Left {
        let killed = self.processes.remove(process).killed();
        let mut left = self.ended(75);
        left.processes.insert(process, killed);
        left
    }
}

impl Left {
    pub(crate) fn start(self) -> Cluster {
        let starting = self.processes.into_iter();
        let starting = starting.map(|process| thread::spawn(move || process.start()));
        Cluster { processes: joined(starting.collect()), hosts: self.hosts }
    }

    /// The journals lead to what was told, and to the digest of the run.
    #[track_caller]
    pub(crate) fn holds(&self, summaries: &[Value]) {
        let sink = self.processes[0].path("told.ndjson");
        std::fs::write(&sink, self.processes[0].told().join("\n") + "\n").unwrap();
        let mut of = vec!["-c".to_owned(), text(self.processes[0].path("../causeway.yaml"))];
        for process in &self.processes {
            of.extend(["--journal".to_owned(), text(process.path(""))]);
        }
        let told = |arguments: &[&str]| -> Value {
            let of = of.iter().map(String::as_str);
            let all: Vec<&str> = arguments.iter().copied().chain(of).collect();
            let output = causeway(&all, b"");
            let log = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(0), "{log}{:?}", output.stdout);
            serde_json::from_slice(&output.stdout).unwrap()
        };
        let report = told(&["verify", "--json", "--sink", sink.to_str().unwrap()]);
        assert_eq!((&report["clean"], &report["doubts"]), (&json!(true), &json!([])), "{report}");
        for workers in ["1", "3"] {
            let again = told(&["replay", "--summary", "json", "--workers", workers]);
            assert_eq!(again["digest"], summaries[0]["digest"]);
            let sum = |column: &str| -> u64 {
                summaries.iter().map(|summary| summary["ledger"][column].as_u64().unwrap()).sum()
            };
            for column in ["received", "accepted", "folded", "context", "alerts", "incidents"] {
                assert_eq!(again["ledger"][column], json!(sum(column)), "{column}");
            }
        }
    }
}

fn text(path: std::path::PathBuf) -> String {
    path.to_str().unwrap().to_owned()
}

fn joined<T>(threads: Vec<thread::JoinHandle<T>>) -> Vec<T> {
    threads.into_iter().map(|thread| thread.join().unwrap()).collect()
}

/// One line of [`fault`] for each of three processes.
async fn spread(cluster: &Cluster) {
    for (process, line) in cluster.processes.iter().rev().zip(fault().lines()) {
        let (status, answer) = process.post("/v1/events", line).await;
        assert_eq!((status, &answer["accepted"]), (200, &json!(1)), "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn three_processes_tell_what_one_would() {
    let mut cluster = Cluster::start(3, QUICK);
    spread(&cluster).await;
    let first = &mut cluster.processes[0];
    let told = first.until(|revision| revision["alerts"].as_array().unwrap().len() == 2);
    assert_eq!(told["cause"]["candidates"][0]["entity"], "database:shop/cart-db");
    // What another process took is listed where readers ask.
    let (_, topology) = first.get("/v1/topology").await;
    assert!(topology.to_string().contains("database:shop/cart-db"), "{topology}");
    let (status, refused) = cluster.processes[1].get("/v1/incidents").await;
    assert_eq!(status, 421, "{refused}");
    for process in &cluster.processes {
        process.until_ready().await;
    }
    let (summaries, left) = cluster.drained(1);
    left.holds(&summaries);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_is_silent_is_gone() {
    let cluster = Cluster::start(3, &format!("{QUICK}cluster: {{silence: 1s}}\n"));
    spread(&cluster).await;
    let stopped = &cluster.processes[1];
    stopped.signal("STOP");
    // The others end without it; it ends when it finds that they have.
    let mut processes = cluster.processes.into_iter();
    let (first, stopped, third) =
        (processes.next().unwrap(), processes.next().unwrap(), processes.next().unwrap());
    let (first, third) = (first.ended(75), third.ended(75));
    stopped.signal("CONT");
    let stopped = stopped.ended(75);
    let left = Left { processes: vec![first, stopped, third], hosts: cluster.hosts };
    let mut cluster = left.start();
    cluster.processes[0].until(|revision| revision["alerts"].as_array().unwrap().len() == 2);
    let (summaries, left) = cluster.drained(2);
    left.holds(&summaries);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_each_goes_on_as_one() {
    let cluster = Cluster::start(2, QUICK);
    let lines: Vec<String> = fault().lines().map(str::to_owned).collect();
    for (process, line) in [(1, 0), (0, 1), (1, 2)] {
        assert_eq!(cluster.processes[process].post("/v1/events", &lines[line]).await.0, 200);
    }
    let copies = tempfile::tempdir().unwrap();
    for process in [1, 0] {
        let copy = copies.path().join(process.to_string());
        let config = text(cluster.processes[process].config());
        let output = causeway(&["backup", "-c", &config, "--to", copy.to_str().unwrap()], b"");
        assert!(output.status.success(), "{output:?}");
    }
    let (_, left) = cluster.drained(0);
    for (process, stopped) in left.processes.iter().enumerate() {
        let data = text(stopped.path(""));
        std::fs::remove_dir_all(&data).unwrap();
        let copy = text(copies.path().join(process.to_string()));
        let output = causeway(&["restore", "--from", &copy, "--data", &data], b"");
        assert!(output.status.success(), "{output:?}");
    }
    let mut cluster = left.start();
    let line = json!({"source": "load", "kind": "alert", "name": "Again", "severity": "error",
                      "entity": "service:shop/cart"});
    assert_eq!(cluster.processes[1].post("/v1/events", &line.to_string()).await.0, 200);
    cluster.processes[0].until(|revision| revision["alerts"].as_array().unwrap().len() == 3);
    cluster.drained(1);
}

#[tokio::test(flavor = "multi_thread")]
async fn those_that_do_not_belong_together_say_so() {
    let left = Cluster::start(2, QUICK).drained(0).1;
    let alone = &left.processes[0];
    let config = text(alone.path("../causeway.yaml"));
    let output = causeway(&["run", "-c", &config], b"");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(74), "{log}");
    assert!(log.contains("it is of process 0 of 2"), "{log}");
    let mut processes = left.processes;
    let other = processes.pop().unwrap().reconfigure("revise_interval: 0s", "revise_interval: 1s");
    let own = processes.pop().unwrap();
    let refused: Vec<_> =
        [own, other].into_iter().map(|it| thread::spawn(|| it.refused())).collect();
    for (code, log) in joined(refused) {
        assert_eq!(code, Some(78), "{log}");
        assert!(
            log.contains("process 1 runs version") && log.contains("same configuration"),
            "{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn when_one_is_killed_all_end_and_all_go_on() {
    let yaml = format!("{QUICK}journal: {{snapshot_every: 1s, forget: false}}\nworkers: 2\n");
    let mut cluster = Cluster::start(3, &yaml);
    spread(&cluster).await;
    let of_two = |revision: &Value| revision["alerts"].as_array().unwrap().len() == 2;
    let told = cluster.processes[0].until(of_two);
    for process in &cluster.processes {
        process.until_counted("causeway_snapshots_written_total", 1.0).await;
    }
    for killed in [2, 0, 1] {
        cluster = cluster.killed(killed).start();
        let line = json!({"source": "load", "kind": "alert", "name": format!("Again{killed}"),
                          "severity": "error", "entity": "service:shop/cart"});
        let (status, _) = cluster.processes[killed].post("/v1/events", &line.to_string()).await;
        assert_eq!(status, 200);
        let name = format!("Again{killed}");
        let more = cluster.processes[0].until(|revision| revision.to_string().contains(&name));
        assert_eq!(more["incident_id"], told["incident_id"]);
    }
    let (summaries, left) = cluster.drained(0);
    left.holds(&summaries);
}
