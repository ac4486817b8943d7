//! Files to records: truth, labels, alerts, incidents, summary, topology.
//!
//! Large files are read line by line. Of the labels, which have one row per
//! event, only those are kept that some alert points at: a storm of a million
//! events opens a few thousand alerts.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::records::{AlertRow, IncidentRow, Label, Labels, Ledger, Summary, Topology, Truth};

/// Where the inputs of an evaluation lie.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// `truth.json`; `labels.ndjson` beside it is used when it exists.
    pub truth: PathBuf,
    /// One row per alert.
    pub alerts: PathBuf,
    /// One row per standing incident, or every revision of each.
    pub incidents: PathBuf,
    /// The object of `replay --summary json`; its books are then checked.
    pub summary: Option<PathBuf>,
    /// Topology files, for the trivial rivals; none means no rivals.
    pub topology: Vec<PathBuf>,
}

/// The inputs in memory.
#[derive(Clone, Debug, Default)]
pub struct Data {
    /// What really happened.
    pub truth: Truth,
    /// What each event is; without it alerts are matched by entity and time.
    pub labels: Option<Labels>,
    /// The alerts that came out.
    pub alerts: Vec<AlertRow>,
    /// The incidents that came out.
    pub incidents: Vec<IncidentRow>,
    /// The books of the run.
    pub ledger: Option<Ledger>,
    /// What the rivals may know.
    pub topology: Option<Topology>,
}

/// Why an evaluation cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum EvaluateError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file does not hold what it should.
    #[error("{} line {line} is not {what}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Line of the row, from 1.
        line: usize,
        /// Kind of row that was expected.
        what: &'static str,
        /// What the decoder said.
        #[source]
        source: serde_json::Error,
    },
    /// Two rows of one file have the same identity.
    #[error("{what} {id:?} occurs twice: give the final rows of one run")]
    Twice {
        /// Kind of row.
        what: &'static str,
        /// The identity.
        id: String,
    },
    /// Labels and truth are of different storms.
    #[error("labels name incident {id:?}, which the truth does not have: take both from one run")]
    UnknownIncident {
        /// The incident of the label.
        id: String,
    },
}

/// Reads every input.
///
/// # Errors
/// When a file that was named cannot be read or decoded; labels beside the
/// truth are optional, but must decode when they exist.
pub fn load(inputs: &Inputs) -> Result<Data, EvaluateError> {
    let truth: Truth = object(&inputs.truth, "a truth object")?;
    let alerts: Vec<AlertRow> = rows(&inputs.alerts, "an alert row")?;
    let incidents = read_incidents(&inputs.incidents)?;
    let labels_path = inputs.truth.with_file_name("labels.ndjson");
    let labels =
        if labels_path.is_file() { Some(read_labels(&labels_path, &alerts)?) } else { None };
    let ledger = match &inputs.summary {
        Some(path) => Some(object::<Summary>(path, "a summary object")?.ledger),
        None => None,
    };
    let topology =
        if inputs.topology.is_empty() { None } else { Some(read_topology(&inputs.topology)?) };
    Ok(Data { truth, labels, alerts, incidents, ledger, topology })
}

/// Reads the labels that the alerts' first events lead to.
///
/// A first event may be a duplicate, whose row names another event, so the file
/// is read again until no row leads further; chains are one or two long.
fn read_labels(path: &Path, alerts: &[AlertRow]) -> Result<Labels, EvaluateError> {
    let mut wanted: BTreeSet<String> = alerts.iter().map(|a| a.first_event_id.clone()).collect();
    let mut labels = Labels::default();
    let mut first_pass = true;
    loop {
        let mut found = Vec::new();
        each_row(path, "a label row", |label: Label| {
            if first_pass {
                *labels.events.entry(label.class).or_default() += 1;
            }
            if wanted.contains(&label.event_id) {
                found.push(label);
            }
        })?;
        first_pass = false;
        wanted.clear();
        for label in found {
            wanted.extend(label.duplicate_of.clone());
            labels.rows.insert(label.event_id.clone(), label);
        }
        wanted.retain(|id| !labels.rows.contains_key(id));
        if wanted.is_empty() {
            return Ok(labels);
        }
    }
}

/// Reads incident rows, bare or in a CloudEvents envelope.
fn read_incidents(path: &Path) -> Result<Vec<IncidentRow>, EvaluateError> {
    let mut incidents = Vec::new();
    each_line(path, |line, text| {
        let decode = || {
            let value: Value = serde_json::from_slice(text)?;
            IncidentRow::deserialize(unwrap_envelope(value))
        };
        incidents
            .push(decode().map_err(|source| decode_error(path, line, "an incident row", source))?);
        Ok(())
    })?;
    Ok(incidents)
}

/// The payload of a CloudEvents envelope, or the value itself.
fn unwrap_envelope(value: Value) -> Value {
    match value {
        Value::Object(mut object) if object.contains_key("specversion") => {
            object.remove("data").unwrap_or(Value::Object(object))
        }
        bare => bare,
    }
}

/// A row of a topology file, of any kind.
#[derive(Deserialize)]
struct TopologyRow {
    kind: String,
    #[serde(default)]
    op: String,
    #[serde(default)]
    entity: String,
    #[serde(default)]
    aliases: Vec<String>,
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    #[serde(default)]
    relation: String,
}

/// Reads topology files; a delete takes back what an earlier row said.
fn read_topology(paths: &[PathBuf]) -> Result<Topology, EvaluateError> {
    let mut topology = Topology::default();
    let mut relations = BTreeSet::new();
    for path in paths {
        each_row(path, "a topology row", |row: TopologyRow| {
            match (row.kind.as_str(), row.op.as_str()) {
                ("entity", "delete") => {
                    topology.aliases.retain(|_, entity| *entity != row.entity);
                }
                ("entity", _) => {
                    let named = row.aliases.into_iter().map(|alias| (alias, row.entity.clone()));
                    topology.aliases.extend(named);
                }
                ("relation", "delete") => {
                    relations.remove(&(row.from, row.to, row.relation));
                }
                ("relation", _) => {
                    relations.insert((row.from, row.to, row.relation));
                }
                _ => {}
            }
        })?;
    }
    topology.relations = relations.into_iter().map(|(from, to, _)| (from, to)).collect();
    topology.relations.dedup();
    Ok(topology)
}

/// Decodes a file that is one object.
fn object<T: DeserializeOwned>(path: &Path, what: &'static str) -> Result<T, EvaluateError> {
    let text = fs::read(path).map_err(|source| read_error(path, source))?;
    serde_json::from_slice(&text).map_err(|source| decode_error(path, source.line(), what, source))
}

/// Decodes a file of one row a line.
fn rows<T: DeserializeOwned>(path: &Path, what: &'static str) -> Result<Vec<T>, EvaluateError> {
    let mut all = Vec::new();
    each_row(path, what, |row| all.push(row))?;
    Ok(all)
}

/// Decodes every line and hands it over.
fn each_row<T: DeserializeOwned>(
    path: &Path,
    what: &'static str,
    mut take: impl FnMut(T),
) -> Result<(), EvaluateError> {
    each_line(path, |line, text| {
        take(serde_json::from_slice(text).map_err(|e| decode_error(path, line, what, e))?);
        Ok(())
    })
}

/// Hands over every line that is not blank, with its number from 1.
fn each_line(
    path: &Path,
    mut take: impl FnMut(usize, &[u8]) -> Result<(), EvaluateError>,
) -> Result<(), EvaluateError> {
    let file = File::open(path).map_err(|source| read_error(path, source))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = reader.read_until(b'\n', &mut text);
        if read.map_err(|source| read_error(path, source))? == 0 {
            break;
        }
        if !text.trim_ascii().is_empty() {
            take(line, &text)?;
        }
    }
    Ok(())
}

fn read_error(path: &Path, source: std::io::Error) -> EvaluateError {
    EvaluateError::Read { path: path.to_path_buf(), source }
}

fn decode_error(
    path: &Path,
    line: usize,
    what: &'static str,
    source: serde_json::Error,
) -> EvaluateError {
    EvaluateError::Decode { path: path.to_path_buf(), line, what, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dir: &tempfile::TempDir, name: &str, text: &str) -> PathBuf {
        let path = dir.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn labels_follow_duplicates_and_leave_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(
            &dir,
            "labels.ndjson",
            r#"{"event_id":"c","incident":null,"class":"context","duplicate_of":null,"suppressible":false}
{"event_id":"a","incident":"i1","class":"incident","duplicate_of":null,"suppressible":false}
{"event_id":"z","incident":null,"class":"noise","duplicate_of":null,"suppressible":true}

{"event_id":"b","incident":null,"class":"duplicate","duplicate_of":"a","suppressible":true}
"#,
        );
        let alert = AlertRow { first_event_id: "b".into(), ..AlertRow::default() };
        let labels = read_labels(&path, &[alert]).unwrap();
        assert_eq!(labels.rows.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(labels.events.values().sum::<u64>(), 4);
        // Without any alert the classes are still counted.
        assert_eq!(read_labels(&path, &[]).unwrap().events, labels.events);
    }

    #[test]
    fn incidents_come_bare_or_wrapped() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(
            &dir,
            "incidents.ndjson",
            r#"{"incident_id":"x","alerts":[{"alert_id":"a"}]}
{"specversion":"1.0","type":"t","data":{"incident_id":"y","cause":{"candidates":[{"entity":"e","probability":0.5}],"unknown":0.5}}}
"#,
        );
        let rows = read_incidents(&path).unwrap();
        assert_eq!((rows[0].incident_id.as_str(), rows[0].alerts.len()), ("x", 1));
        assert_eq!(rows[1].cause.as_ref().unwrap().candidates[0].entity, "e");
    }

    #[test]
    fn a_deleted_relation_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(
            &dir,
            "topology.ndjson",
            r#"{"kind":"entity","entity":"service:x/a","op":"upsert","aliases":["lb:x/a"]}
{"kind":"relation","op":"upsert","from":"p","to":"q","relation":"calls"}
{"kind":"relation","op":"upsert","from":"p","to":"r","relation":"calls"}
{"kind":"relation","op":"delete","from":"p","to":"q","relation":"calls"}
{"kind":"heartbeat"}
"#,
        );
        let topology = read_topology(&[path]).unwrap();
        assert_eq!(topology.relations, [("p".to_owned(), "r".to_owned())]);
        assert_eq!(topology.aliases["lb:x/a"], "service:x/a");
    }

    #[test]
    fn errors_name_the_file_and_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(&dir, "alerts.ndjson", "\n{\"alert_id\":1}\n");
        let error = rows::<AlertRow>(&path, "an alert row").unwrap_err();
        assert!(error.to_string().ends_with("alerts.ndjson line 2 is not an alert row"), "{error}");
        let error = rows::<AlertRow>(&dir.path().join("none"), "an alert row").unwrap_err();
        assert!(matches!(error, EvaluateError::Read { .. }));
    }
}
