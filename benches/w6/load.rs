//! What W6 sends, and what it listens for.

use crate::work::alerts::{Faults, Planned};
use crate::work::graph::{Graph, reference};
use causeway_loadgen::instant::push_rfc3339;
use causeway_loadgen::rng::Rng;
use causeway_loadgen::send::{Connection, SendError};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::ChildStdout;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Events of a request.
const LINES: usize = 500;
/// Alerts that begin in a second of event time.
const ONSETS: f64 = 2.0;
/// Between the last onset and now, so that no new alert links to an old one.
const QUIET_SECONDS: f64 = 900.0;
/// Alerts that are repeated.
const HOT: usize = 10_000;
/// The name of the alerts that come after the start.
const NEW: &str = "AfterTheKill";

/// A topology and the alerts that fire on it.
pub struct World {
    graph: Graph,
    alerts: Vec<Planned>,
}

impl World {
    /// That of a seed; the onsets end some minutes ago.
    pub fn new(entities: u32, keys: u32, seed: u64) -> World {
        let graph = Graph::random(entities, seed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |t| t.as_secs_f64());
        let from = now - QUIET_SECONDS - f64::from(keys) / ONSETS;
        let alerts = Faults::new(&graph, seed).next(keys, from as i64, ONSETS);
        World { graph, alerts }
    }

    /// Sends topology and alerts, in order.
    ///
    /// # Panics
    /// When they are refused.
    pub fn load(&self, address: SocketAddr) {
        let mut connection = connect(address).expect("the server listens");
        let mut send = |body: &str| {
            loop {
                match connection.post(body.as_bytes()).expect("the server answers") {
                    200 => break,
                    429 | 503 => std::thread::sleep(Duration::from_millis(5)),
                    status => panic!("answered with {status}"),
                }
            }
        };
        for edges in self.graph.edges.chunks(LINES * 4) {
            let body: String = edges.iter().map(|edge| relation(*edge)).collect();
            send(&body);
        }
        for alerts in self.alerts.chunks(LINES * 4) {
            let body: String = alerts.iter().map(|alert| line(*alert)).collect();
            send(&body);
        }
    }

    /// What the alerts that come after the start are called.
    pub fn new_name(&self) -> &'static str {
        NEW
    }

    /// Sends the alerts that come after the start: on both ends of a relation.
    ///
    /// # Panics
    /// When they are refused.
    pub fn send_new(&self, address: SocketAddr) {
        let mut body = String::new();
        for entity in self.ends() {
            let _ = writeln!(
                body,
                concat!(
                    r#"{{"source":"bench","kind":"alert","name":"{}","severity":"error","#,
                    r#""status":"firing","entity":"{}","summary":"after the kill"}}"#
                ),
                NEW, entity
            );
        }
        let mut connection = connect(address).expect("the server listens");
        while connection.post(body.as_bytes()).expect("the server answers") != 200 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What is wrong with the incident that was told, if anything.
    pub fn wrong(&self, revision: &Value) -> Option<String> {
        let alerts = revision["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let mut entities: Vec<String> =
            alerts.iter().map(|row| row["entity"].as_str().unwrap_or("").to_owned()).collect();
        let mut ends = self.ends();
        entities.sort();
        ends.sort();
        (entities != ends).then(|| format!("the incident has {entities:?} where {ends:?} alert"))
    }

    fn ends(&self) -> [String; 2] {
        let (from, to) = self.graph.edges[0];
        [reference(from), reference(to)]
    }
}

fn connect(address: SocketAddr) -> Result<Connection, SendError> {
    Connection::open(address, "/v1/events", "application/x-ndjson")
}

/// A steady stream of repetitions that outlives the server.
pub struct Pressure {
    over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Pressure {
    /// Begins to send `rate` events a second.
    pub fn start(address: SocketAddr, world: &World, rate: f64) -> Pressure {
        let mut rng = Rng::stream(7, "pressure");
        let hot: Vec<Planned> = world.alerts.iter().rev().take(HOT).copied().collect();
        let bodies: Vec<String> =
            (0..40).map(|_| (0..LINES).map(|_| line(*rng.pick(&hot))).collect()).collect();
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let step = Duration::from_secs_f64(LINES as f64 / rate);
            let (mut acked, mut due) = (0, Instant::now());
            let mut connection = None;
            for body in bodies.iter().cycle() {
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                due += step;
                if seen.load(Ordering::Relaxed) {
                    break;
                }
                let mut open = match connection.take() {
                    Some(open) => open,
                    None => match connect(address) {
                        Ok(open) => open,
                        Err(_) => continue,
                    },
                };
                // Once it is killed nobody answers, and the end is near.
                if let Ok(status) = open.post(body.as_bytes()) {
                    acked += if status == 200 { LINES as u64 } else { 0 };
                    connection = Some(open);
                }
            }
            acked
        });
        Pressure { over, thread }
    }

    /// Ends it; how many events were acknowledged.
    ///
    /// # Panics
    /// When the sender did.
    pub fn stop(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().expect("the sender ends well")
    }
}

/// Reads revisions as they come, all of them; sends on the first that names `name`.
pub fn told(stdout: Option<ChildStdout>, name: &'static str) -> Receiver<Value> {
    let (found, heard) = channel();
    let stdout = stdout.expect("it was asked for");
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if line.contains(name) {
                // Nobody listens after the first.
                let _ = found.send(serde_json::from_str(&line).unwrap_or_default());
            }
        }
    });
    heard
}

fn relation((from, to): (u32, u32)) -> String {
    format!(
        concat!(
            r#"{{"source":"bench","kind":"relation","op":"upsert","from":"{}","to":"{}","#,
            r#""relation":"calls"}}"#,
            "\n"
        ),
        reference(from),
        reference(to)
    )
}

/// The line that says an alert fires since its onset.
fn line(alert: Planned) -> String {
    let Planned { onset, number, entity } = alert;
    let mut time = Vec::new();
    push_rfc3339(&mut time, onset * 1_000);
    format!(
        concat!(
            r#"{{"schema":"event/1.0","source":"bench","kind":"alert","name":"Check{:02}","#,
            r#""time":"{}","status":"firing","severity":"error","entity":"{}","labels":{{"#,
            r#""az":"z{}","env":"prod","ns":"b","pod":"p{}","region":"eu1","svc":"s{}","#,
            r#""team":"t{}","tier":"mid"}},"summary":"over its limit for longer than allowed"}}"#,
            "\n"
        ),
        number % 100,
        String::from_utf8_lossy(&time),
        reference(entity),
        number % 8,
        number,
        entity,
        entity % 40
    )
}
