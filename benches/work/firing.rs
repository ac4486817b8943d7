//! Alerts that fire and repeat, as requests: lines of the normal event without times, so that
//! each happened when it is received, and the same for Alertmanager's API.

use super::requests::Request;
use causeway_loadgen::rng::{Rng, Zipf};
use std::fmt::Write as _;

/// Bytes of a line, as for the normal event.
const LINE: usize = 360;
/// How unevenly keys are repeated.
const EXPONENT: f64 = 1.1;
/// How often every alert has fired before a row counts: an alert changes whenever its count
/// doubles, which from here on is rare.
pub const WARM: u64 = 16;
/// Keys on one entity.
const KEYS_AN_ENTITY: u64 = 5;

/// Which alerts.
#[derive(Clone, Copy, Debug)]
pub struct Firing {
    /// Different alerts.
    pub keys: u64,
    /// The seed.
    pub seed: u64,
}

impl Firing {
    /// Requests that name every key once, in order.
    pub fn all(&self, lines: u64, make: fn(&[u64]) -> Request) -> Vec<Request> {
        let keys: Vec<u64> = (0..self.keys).collect();
        keys.chunks(lines as usize).map(make).collect()
    }

    /// `count` requests of keys by Zipf's law.
    pub fn repeats(&self, count: u64, lines: u64, make: fn(&[u64]) -> Request) -> Vec<Request> {
        let mut rng = Rng::stream(self.seed, "firing");
        let zipf = Zipf::new(self.keys as usize, EXPONENT);
        let mut request = || {
            let keys: Vec<u64> = (0..lines).map(|_| zipf.draw(&mut rng) as u64).collect();
            make(&keys)
        };
        (0..count).map(|_| request()).collect()
    }
}

/// NDJSON for `/v1/events`.
pub fn ndjson(keys: &[u64]) -> Request {
    let body: String = keys.iter().map(|key| line(*key)).collect();
    Request::post("/v1/events", "application/x-ndjson", body.as_bytes(), keys.len() as u64)
}

/// The line of an alert.
pub fn line(key: u64) -> String {
    let (entity, severity) = (entity(key), severity(key));
    let mut line = format!(
        concat!(
            r#"{{"schema":"event/1.0","source":"bench","kind":"alert","name":"Check{:02}","#,
            r#""status":"firing","severity":"{}","entity":"{}","labels":{{"az":"z{}","#,
            r#""env":"prod","ns":"b","pod":"p{}","region":"eu1","svc":"s{}","team":"t{}","#,
            r#""tier":"mid"}},"summary":""#
        ),
        key % KEYS_AN_ENTITY,
        severity,
        entity,
        key % 8,
        key,
        key / KEYS_AN_ENTITY,
        key % 40,
    );
    while line.len() < LINE - 3 {
        line.push('w');
    }
    line.push_str("\"}\n");
    line
}

/// An array for `/api/v2/alerts`.
pub fn alertmanager(keys: &[u64]) -> Request {
    let mut body = String::from("[");
    for (at, key) in keys.iter().enumerate() {
        let (comma, name) = (if at == 0 { "" } else { "," }, key % KEYS_AN_ENTITY);
        let _ = write!(
            body,
            concat!(
                r#"{}{{"labels":{{"alertname":"Check{:02}","severity":"{}","service":"s{}","#,
                r#""namespace":"b","pod":"p{}","env":"prod","region":"eu1","team":"t{}"}},"#,
                r#""annotations":{{"summary":"over its limit for longer than the rule allows"}},"#,
                r#""generatorURL":"http://prometheus.example/graph?g0.expr=up"}}"#
            ),
            comma,
            name,
            severity(*key),
            key / KEYS_AN_ENTITY,
            key,
            key % 40,
        );
    }
    body.push(']');
    Request::post("/api/v2/alerts", "application/json", body.as_bytes(), keys.len() as u64)
}

/// The entity of a key.
pub fn entity(key: u64) -> String {
    format!("service:b/s{}", key / KEYS_AN_ENTITY)
}

fn severity(key: u64) -> &'static str {
    ["warning", "error", "critical", "info"][(key / 3) as usize % 4]
}
