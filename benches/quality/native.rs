//! Data sets in the wire forms that every conversion ends in.
//!
//! An event carries its own label until it is written, so that events and
//! labels cannot come apart. What is written: `events.ndjson`, sorted by time,
//! `topology.ndjson`, `truth.json` and `labels.ndjson`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

/// Why a data set cannot be converted or run.
#[derive(Debug, thiserror::Error)]
pub enum QualityError {
    /// A file cannot be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file does not hold what the data set's README says.
    #[error("{} is not as expected: {reason}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The engine did not do its work.
    #[error("the engine failed: {0}")]
    Engine(String),
    /// The results cannot be scored.
    #[error("cannot score: {0}")]
    Score(String),
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Raised by a true incident.
    Incident,
    /// Raised by nothing in particular.
    Noise,
    /// No alert.
    Context,
}

/// One event and its label.
#[derive(Clone, Debug)]
pub struct Event {
    /// Identity, unique in the data set.
    pub id: String,
    /// Milliseconds since the epoch; time of the event and of its receipt.
    pub at_ms: i64,
    /// The entity that it speaks of.
    pub entity: String,
    /// One line for people.
    pub summary: String,
    /// What kind of event it is.
    pub body: Body,
    /// Index of the true incident.
    pub incident: Option<usize>,
    /// What it is in truth.
    pub class: Class,
    /// The event that this one repeats.
    pub repeats: Option<String>,
}

/// The parts that differ by kind.
#[derive(Clone, Debug)]
pub enum Body {
    /// An alert that fires or ends.
    Alert {
        /// Name of the rule.
        name: String,
        /// Severity word.
        severity: &'static str,
        /// Whether it fires or has ended.
        firing: bool,
        /// Identity labels.
        labels: BTreeMap<String, String>,
        /// Attributes that are not identity.
        attributes: BTreeMap<String, String>,
    },
    /// Something that somebody changed.
    Change {
        /// Identity of the change.
        id: String,
    },
}

/// One true incident.
#[derive(Clone, Debug, Serialize)]
pub struct TrueIncident {
    /// Name, unique in the data set.
    pub id: String,
    /// The entity where it began.
    pub root: String,
    /// Kind of fault.
    pub fault: String,
    /// When it began.
    pub start: String,
    /// When it ended.
    pub end: String,
    /// The change behind it.
    pub change_id: Option<String>,
    /// Every entity that it reached.
    pub entities: BTreeSet<String>,
    /// Propagation edges, the effect first.
    pub path: Vec<(String, String)>,
}

/// One data set, ready to be replayed.
#[derive(Clone, Debug, Default)]
pub struct Dataset {
    /// Name in tables and of its folder.
    pub name: String,
    /// Seed of what was synthesised.
    pub seed: u64,
    /// Events in any order.
    pub events: Vec<Event>,
    /// Entities.
    pub entities: BTreeSet<String>,
    /// Relations: dependent, dependency, word.
    pub relations: BTreeSet<(String, String, &'static str)>,
    /// True incidents.
    pub incidents: Vec<TrueIncident>,
    /// Rules and models, in wire form less id, source and time.
    pub controls: Vec<Value>,
}

/// The files of a data set.
#[derive(Clone, Debug)]
pub struct Files {
    /// Events, sorted by time.
    pub events: PathBuf,
    /// Entities and relations.
    pub topology: PathBuf,
    /// Truth, with the labels beside it.
    pub truth: PathBuf,
}

impl Dataset {
    /// Writes the four files into a folder, which is made when missing.
    ///
    /// # Errors
    /// When the folder or a file cannot be written.
    pub fn write(&self, dir: &Path) -> Result<Files, QualityError> {
        fs::create_dir_all(dir).map_err(|source| file_error(dir, source))?;
        let mut order: Vec<&Event> = self.events.iter().collect();
        order.sort_by(|a, b| (a.at_ms, &a.id).cmp(&(b.at_ms, &b.id)));
        let events = order.iter().map(|event| self.event_row(event));
        let labels = order.iter().map(|event| self.label_row(event));
        let truth = json!({
            "profile": self.name, "seed": self.seed, "incidents": self.incidents,
        });
        write_rows(&dir.join("labels.ndjson"), labels)?;
        Ok(Files {
            events: write_rows(&dir.join("events.ndjson"), events)?,
            topology: write_rows(&dir.join("topology.ndjson"), self.topology_rows())?,
            truth: write_rows(&dir.join("truth.json"), std::iter::once(truth))?,
        })
    }

    /// Adds an entity and its relation to another.
    pub fn relate(&mut self, from: &str, to: &str, relation: &'static str) {
        self.entities.extend([from.to_owned(), to.to_owned()]);
        self.relations.insert((from.to_owned(), to.to_owned(), relation));
    }

    fn event_row(&self, event: &Event) -> Value {
        let time = rfc3339(event.at_ms);
        let mut row = json!({
            "schema": "event/1.0",
            "id": event.id,
            "source": format!("quality/{}", self.name),
            "time": time,
            "observed_time": time,
            "entity": event.entity,
            "summary": event.summary,
        });
        let extra = match &event.body {
            Body::Alert { name, severity, firing, labels, attributes } => json!({
                "kind": "alert",
                "name": name,
                "status": if *firing { "firing" } else { "resolved" },
                "severity": severity,
                "labels": labels,
                "attributes": attributes,
            }),
            Body::Change { id } => json!({
                "kind": "change",
                "change": {
                    "id": id, "type": "config", "phase": "finished",
                    "class": "standard", "risk": "medium",
                },
            }),
        };
        if let (Value::Object(row), Value::Object(extra)) = (&mut row, extra) {
            row.extend(extra);
        }
        row
    }

    fn label_row(&self, event: &Event) -> Value {
        let class = match (event.class, &event.repeats) {
            (_, Some(_)) => "duplicate",
            (Class::Incident, None) => "incident",
            (Class::Noise, None) => "noise",
            (Class::Context, None) => "context",
        };
        json!({
            "event_id": event.id,
            "incident": event.incident.map(|index| &self.incidents[index].id),
            "class": class,
            "duplicate_of": event.repeats,
            "suppressible": event.class == Class::Noise || event.repeats.is_some(),
        })
    }

    /// Entities, relations and what people tell the engine, from a day before the first event.
    fn topology_rows(&self) -> impl Iterator<Item = Value> + '_ {
        let first = self.events.iter().map(|event| event.at_ms).min().unwrap_or(0);
        let time = rfc3339(first - 24 * 3_600_000);
        let (later, last) = (time.clone(), time.clone());
        let entities = self.entities.iter().enumerate().map(move |(index, entity)| {
            json!({
                "id": format!("e-{index}"), "source": "catalog", "kind": "entity", "time": time,
                "op": "upsert", "entity": entity,
                "type": entity.split(':').next().unwrap_or_default(),
            })
        });
        let relations = self.relations.iter().enumerate().map(move |(index, (from, to, word))| {
            json!({
                "id": format!("r-{index}"), "source": "catalog", "kind": "relation", "time": later,
                "op": "upsert", "from": from, "to": to, "relation": word, "confidence": 1.0,
            })
        });
        let controls = self.controls.iter().enumerate().map(move |(index, control)| {
            let mut row = control.clone();
            row["id"] = format!("c-{index}").into();
            row["source"] = "operator".into();
            row["time"] = last.as_str().into();
            row
        });
        entities.chain(relations).chain(controls)
    }
}

/// A time in milliseconds as RFC 3339 text.
pub fn rfc3339(at_ms: i64) -> String {
    Timestamp::from_millisecond(at_ms).unwrap_or_default().to_string()
}

/// Reads a text file.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> Result<String, QualityError> {
    fs::read_to_string(path).map_err(|source| file_error(path, source))
}

/// An error about the content of a file.
pub fn shape_error(path: &Path, reason: impl ToString) -> QualityError {
    QualityError::Shape { path: path.to_path_buf(), reason: reason.to_string() }
}

/// An error about a file itself.
pub fn file_error(path: &Path, source: std::io::Error) -> QualityError {
    QualityError::File { path: path.to_path_buf(), source }
}

fn write_rows(path: &Path, rows: impl Iterator<Item = Value>) -> Result<PathBuf, QualityError> {
    let write = || -> std::io::Result<()> {
        let mut out = BufWriter::new(fs::File::create(path)?);
        for row in rows {
            serde_json::to_writer(&mut out, &row)?;
            out.write_all(b"\n")?;
        }
        out.flush()
    };
    write().map_err(|source| file_error(path, source))?;
    Ok(path.to_path_buf())
}

// The bench has no harness, which drops the tests and keeps what they use; they run in
// the integration tests, which include this file.
#[cfg(test)]
#[allow(unused_imports, dead_code)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_labelled_once() {
        let event = |id: &str, at_ms, repeats: Option<&str>| Event {
            id: id.into(),
            at_ms,
            entity: "service:x/a".into(),
            summary: String::new(),
            body: Body::Alert {
                name: "N".into(),
                severity: "warning",
                firing: true,
                labels: BTreeMap::new(),
                attributes: BTreeMap::new(),
            },
            incident: None,
            class: Class::Noise,
            repeats: repeats.map(Into::into),
        };
        let mut set = Dataset { name: "made".into(), ..Dataset::default() };
        set.events = vec![event("b", 2_000, Some("a")), event("a", 1_000, None)];
        set.relate("service:x/a", "service:x/b", "calls");
        let dir = tempfile::tempdir().unwrap();
        let files = set.write(dir.path()).unwrap();
        let rows: Vec<Value> = read(&files.events)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!((rows[0]["id"].as_str(), rows[1]["id"].as_str()), (Some("a"), Some("b")));
        assert_eq!(rows[0]["time"], "1970-01-01T00:00:01Z");
        let labels = read(&dir.path().join("labels.ndjson")).unwrap();
        assert!(labels.lines().nth(1).unwrap().contains("\"duplicate_of\":\"a\""));
        let topology = read(&files.topology).unwrap();
        assert_eq!(topology.lines().count(), 3);
        assert!(topology.contains("\"relation\":\"calls\""));
    }
}
