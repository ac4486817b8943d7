//! The recording of an Online Boutique cluster, as its README describes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::native::{QualityError, read, shape_error};

/// An event as recorded.
#[derive(Clone, Deserialize)]
pub struct Recorded {
    /// The window that it lies in.
    pub fault_id: usize,
    /// Milliseconds since the epoch.
    pub ts: i64,
    /// What was seen.
    #[serde(flatten)]
    pub signal: Signal,
}

/// What was seen, by kind.
#[derive(Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs)] // the names are those of the recording
pub enum Signal {
    Metric { entity: String, host: Option<String>, name: String, direction: String },
    Trace { from: String, to: String, name: String, abnormality: String },
    Log { entity: String, template_id: String, message: String },
}

#[derive(Deserialize)]
struct Topology {
    nodes: Vec<Node>,
    edges: Vec<Edge>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Edge {
    source: String,
    target: String,
    label: String,
}

/// A fault window.
pub struct Window {
    /// When the fault was injected.
    pub start_ms: i64,
    /// When it was taken back.
    pub end_ms: i64,
    /// The entity that it was injected into.
    pub root: String,
    /// Kind of fault.
    pub fault: String,
}

impl Signal {
    /// What makes two signals the same alert: where, and what.
    pub fn key(&self) -> (String, String) {
        match self {
            Signal::Metric { entity, name, direction, .. } => {
                (entity.clone(), format!("m {name} {direction}"))
            }
            Signal::Trace { to, name, abnormality, .. } => {
                (to.clone(), format!("t {name} {abnormality}"))
            }
            Signal::Log { entity, template_id, .. } => (entity.clone(), format!("l {template_id}")),
        }
    }
}

/// Entities by upstream id, and the relations between them, dependent first.
pub type Names = (BTreeMap<String, String>, BTreeSet<(String, String, &'static str)>);

/// Reads the topology.
///
/// # Errors
/// When it is not as the README says.
pub fn read_topology(path: &Path) -> Result<Names, QualityError> {
    let topology: Topology =
        serde_json::from_str(&read(path)?).map_err(|error| shape_error(path, error))?;
    let mut names = BTreeMap::new();
    for node in topology.nodes {
        let kind = match node.kind.as_str() {
            "Service" => "service",
            "Service_Instance" | "Cache_Instance" => "pod",
            "Host" => "host",
            "Cache" | "Database" => "database",
            other => return Err(shape_error(path, format!("node type {other:?} is new"))),
        };
        names.insert(node.id.clone(), format!("{kind}:ob/{}", node.id));
    }
    let mut relations = BTreeSet::new();
    for edge in topology.edges {
        let ends = names.get(&edge.source).cloned().zip(names.get(&edge.target).cloned());
        let Some((source, target)) = ends else {
            let edge = format!("{} to {}", edge.source, edge.target);
            return Err(shape_error(path, format!("edge {edge} has an unknown end")));
        };
        // Each hosting and membership is given from both ends; both become one.
        relations.insert(match edge.label.as_str() {
            "hosted_on" => (source, target, "runs_on"),
            "hosts" => (target, source, "runs_on"),
            "instance_of" => (source, target, "part_of"),
            "has_instance" => (target, source, "part_of"),
            "control_flow" => (source, target, "calls"),
            "data_flow" => (source, target, "reads"),
            _ => (source, target, "depends_on"),
        });
    }
    Ok((names, relations))
}

/// Reads the fault windows, which are numbered from 0.
///
/// # Errors
/// When a row is not a window.
pub fn read_windows(
    path: &Path,
    entity: &impl Fn(&str) -> String,
) -> Result<Vec<Window>, QualityError> {
    let text = read(path)?;
    let mut windows = Vec::new();
    for (index, line) in text.lines().skip(1).enumerate() {
        let fields: Vec<&str> = line.split(',').collect();
        let wrong = || shape_error(path, format!("row {index} is not a fault window"));
        let [id, start, end, _level, root, fault, _augmented] = fields.as_slice() else {
            return Err(wrong());
        };
        if id.parse() != Ok(index) {
            return Err(wrong());
        }
        windows.push(Window {
            start_ms: start.parse().map_err(|_| wrong())?,
            end_ms: end.parse().map_err(|_| wrong())?,
            root: entity(root),
            fault: (*fault).to_owned(),
        });
    }
    Ok(windows)
}

/// Reads the recorded events; each belongs to one of the windows.
///
/// # Errors
/// When the file cannot be read, or an event is malformed or in no window.
pub fn read_events(path: &Path, windows: usize) -> Result<Vec<Recorded>, QualityError> {
    let mut recorded = Vec::new();
    for (index, text) in read(path)?.lines().enumerate() {
        let line = index + 1;
        let event: Recorded = serde_json::from_str(text)
            .map_err(|error| shape_error(path, format!("line {line}: {error}")))?;
        if event.fault_id >= windows {
            return Err(shape_error(path, format!("line {line} names no window")));
        }
        recorded.push(event);
    }
    Ok(recorded)
}
