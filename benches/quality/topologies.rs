//! Service graphs of demo systems, with made-up faults on them.
//!
//! The graphs hold no events. Thirty faults are placed on each, one in five
//! soon after another, one root in eight silent; the root's alert is specific
//! to the fault, those of its dependents are the usual symptoms.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;

use super::native::{Dataset, QualityError, TrueIncident, read, rfc3339, shape_error};
use super::synth::{Dependents, FAULT_MS, Raise, Rng, background, raise, spread};

/// Faults per graph.
const FAULTS: usize = 30;

/// 2026-11-02T08:00:00Z, in milliseconds.
const START_MS: i64 = 1_793_606_400_000;

/// Fault kinds and the alerts that only they raise.
const KINDS: [(&str, &str); 6] = [
    ("disk", "VolumeAlmostFull"),
    ("mem", "WorkingSetNearLimit"),
    ("cpu", "CpuQuotaExhausted"),
    ("loss", "TcpRetransmitsHigh"),
    ("pool", "ConnectionPoolEmpty"),
    ("crash", "ProcessRestartLoop"),
];

/// What dependents show, whatever the cause.
const SYMPTOMS: [&str; 2] = ["RequestLatencyHigh", "RequestErrorsHigh"];

/// What goes on all the time.
const CHRONIC: [&str; 5] =
    ["GcPauseLong", "CacheHitRatioLow", "QueueDepthGrowing", "LogVolumeHigh", "ReplicaBehind"];

/// A graph file.
#[derive(Deserialize)]
struct Graph {
    nodes: Vec<String>,
    edges: Vec<Edge>,
}

/// `source` needs `target`.
#[derive(Deserialize)]
struct Edge {
    source: String,
    target: String,
    why: String,
}

/// The graphs that the folder should hold.
pub const GRAPHS: [&str; 4] =
    ["online-boutique", "otel-demo", "dsb-social-network", "dsb-hotel-reservation"];

/// Converts one graph.
///
/// # Errors
/// When the file cannot be read or is not a graph.
pub fn convert(dir: &Path, graph: &str, seed: u64) -> Result<Dataset, QualityError> {
    let path = dir.join(format!("{graph}.json"));
    let parsed: Graph =
        serde_json::from_str(&read(&path)?).map_err(|error| shape_error(&path, error))?;
    let mut set = Dataset { name: format!("topologies/{graph}"), seed, ..Dataset::default() };
    let entity = |node: &str| format!("{}:{graph}/{node}", kind_of(node));
    set.entities = parsed.nodes.iter().map(|node| entity(node)).collect();
    let called: BTreeSet<(&str, &str)> = parsed
        .edges
        .iter()
        .filter(|edge| edge.why == "env_addr")
        .map(|edge| (edge.source.as_str(), edge.target.as_str()))
        .collect();
    for edge in &parsed.edges {
        let is_call = called.contains(&(edge.source.as_str(), edge.target.as_str()));
        let relation = if is_call { "calls" } else { "depends_on" };
        set.relate(&entity(&edge.source), &entity(&edge.target), relation);
    }
    let mut rng = Rng(seed);
    place_faults(&mut set, &mut rng);
    let alerts = set.events.iter().filter(|event| event.repeats.is_none()).count();
    background(&mut set, &mut rng, alerts * 4 / 10, &CHRONIC);
    Ok(set)
}

/// Stores and brokers are told by their names.
fn kind_of(node: &str) -> &'static str {
    let any = |words: &[&str]| words.iter().any(|word| node.contains(word));
    if any(&["mongodb", "redis", "memcached", "valkey", "-db"]) {
        "database"
    } else if any(&["kafka"]) {
        "queue"
    } else {
        "service"
    }
}

fn place_faults(set: &mut Dataset, rng: &mut Rng) {
    let mut dependents = Dependents::new();
    for (from, to, _) in &set.relations {
        dependents.entry(to.clone()).or_default().insert(from.clone());
    }
    let roots: Vec<String> = set.entities.iter().cloned().collect();
    let mut at_ms = START_MS;
    for _ in 0..FAULTS {
        let soon = rng.unit() < 0.2;
        at_ms += if soon { rng.between(5_000, 120_000) } else { rng.between(600_000, 1_200_000) };
        let (Some(root), Some((fault, alert))) = (rng.pick(&roots), rng.pick(&KINDS)) else {
            return;
        };
        let chance = |hop: i32| 0.8 * 0.8f64.powi(hop);
        let hits = spread(&dependents, root, at_ms, rng, chance);
        let silent = rng.unit() < 0.12;
        if silent && hits.len() == 1 {
            continue; // Nobody could see this one.
        }
        let incident = set.incidents.len();
        set.incidents.push(TrueIncident {
            id: format!("fault-{incident:02}"),
            root: root.clone(),
            fault: (*fault).to_owned(),
            start: rfc3339(at_ms),
            end: rfc3339(at_ms + FAULT_MS),
            change_id: None,
            entities: hits.iter().map(|hit| hit.entity.clone()).collect(),
            path: hits
                .iter()
                .filter_map(|hit| Some((hit.entity.clone(), hit.via.clone()?)))
                .collect(),
        });
        for hit in &hits {
            let symptom = SYMPTOMS[usize::from(rng.unit() < 0.4)];
            let is_root = hit.via.is_none();
            if is_root && silent {
                continue;
            }
            raise(
                set,
                Raise {
                    entity: &hit.entity,
                    name: if is_root { alert } else { symptom },
                    severity: if is_root { "critical" } else { "error" },
                    summary: if is_root { "resource exhausted" } else { "service level missed" },
                    from_ms: hit.at_ms,
                    until_ms: at_ms + FAULT_MS,
                    incident: Some(incident),
                },
            );
        }
    }
}

// The bench has no harness, which drops the tests and keeps what they use; they run in
// the integration tests, which include this file.
#[cfg(test)]
#[allow(unused_imports, dead_code)]
mod tests {
    use super::*;

    fn made() -> (tempfile::TempDir, Dataset) {
        let dir = tempfile::tempdir().unwrap();
        let graph = r#"{"nodes":["web","api","orders-mongodb"],"edges":[
            {"source":"web","target":"api","why":"env_addr"},
            {"source":"web","target":"api","why":"depends_on"},
            {"source":"api","target":"orders-mongodb","why":"depends_on"}]}"#;
        std::fs::write(dir.path().join("made.json"), graph).unwrap();
        let set = convert(dir.path(), "made", 5).unwrap();
        (dir, set)
    }

    #[test]
    fn edges_become_relations_once() {
        let (_dir, set) = made();
        let relations: Vec<_> = set.relations.iter().cloned().collect();
        assert_eq!(
            relations,
            [
                ("service:made/api".into(), "database:made/orders-mongodb".into(), "depends_on"),
                ("service:made/web".into(), "service:made/api".into(), "calls"),
            ]
        );
    }

    #[test]
    fn faults_are_seen_and_their_paths_follow_the_graph() {
        let (dir, set) = made();
        assert!(set.incidents.len() > 20);
        for (index, incident) in set.incidents.iter().enumerate() {
            assert!(set.events.iter().any(|event| event.incident == Some(index)));
            for (from, to) in &incident.path {
                assert!(set.relations.iter().any(|(a, b, _)| a == from && b == to));
            }
        }
        assert!(set.events.iter().any(|event| event.incident.is_none()));
        let again = convert(dir.path(), "made", 5).unwrap();
        assert_eq!(format!("{set:?}"), format!("{again:?}"));
        let other = convert(dir.path(), "made", 6).unwrap();
        assert_ne!(format!("{:?}", set.incidents), format!("{:?}", other.incidents));
    }
}
