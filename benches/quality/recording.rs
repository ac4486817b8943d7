//! Recorded metrics with one alert among them, run through the engine, and what it makes of them.
//!
//! Sets of metrics are large and have no labelled events: they are written as they come and not
//! kept as events. Both sets run by the same configuration, which is written beside them.

use super::engine::Engine;
use super::native::{Files, QualityError, file_error, read, rfc3339, shape_error};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Rows that are minutes apart say when something began to within minutes, and nothing is known
/// of any series for longer than the recordings are: everything else is as by default.
pub const CONFIG: &str = "\
version: 1
data_dir: data
detection: {metrics: {warm_up: 6h}}
correlation: {same_entity: 10m, neighbour: 5m, lag_max: 5m, skew: 5m}
";

/// The warm-up of that configuration, seconds.
const WARM_UP: i64 = 6 * 3600;

/// What the alert at the front door is called.
const FRONT: &str = "FrontDoorDegraded";

/// A series: its entity, its name, and of a call who is at its other end.
pub type SeriesKey = (String, String, Option<String>);

/// Numbers of series and the relations between their entities.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Values by series, in order of time: seconds since the epoch.
    pub series: BTreeMap<SeriesKey, Vec<(i64, f64)>>,
    /// Relations: dependent, dependency, word.
    pub relations: BTreeSet<(String, String, &'static str)>,
}

/// The part of a recording that one run gets, and the alert in it.
#[derive(Debug)]
pub struct Cut<'a> {
    /// Normal operation, and by how many seconds it is moved.
    pub before: (&'a Recording, i64),
    /// Rows of it with a moved time later than this are left out.
    pub before_until: i64,
    /// The rows around the fault.
    pub around: &'a Recording,
    /// Rows of them that are later than this are left out.
    pub until: i64,
    /// When the front door alerts, and which entity that is.
    pub alert: Option<(i64, &'a str)>,
}

/// What the engine made of a run.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Findings: entity and when each began, seconds.
    pub findings: Vec<(String, i64)>,
    /// Candidates of the incident that the front door's alert is in, the most likely first.
    pub ranked: Vec<String>,
    /// Entities with alerts in that incident.
    pub entities: Vec<String>,
}

impl Recording {
    /// Adds a value; one that is no number is no value.
    pub fn add(&mut self, key: SeriesKey, at: i64, value: f64) {
        if value.is_finite() {
            self.series.entry(key).or_default().push((at, value));
        }
    }

    /// Days of series after the warm-up.
    pub fn series_days(&self) -> f64 {
        let spans = self.series.values().filter_map(|rows| {
            let first = rows.iter().map(|row| row.0).min()?;
            let last = rows.iter().map(|row| row.0).max()?;
            Some((last - first - WARM_UP).max(0) as f64 / 86_400.0)
        });
        spans.sum()
    }

    /// The earliest and the latest row.
    pub fn span(&self) -> Option<(i64, i64)> {
        let times = || self.series.values().flatten().map(|row| row.0);
        Some((times().min()?, times().max()?))
    }

    /// Rows of one kind of time only.
    pub fn later_than(&self, from: i64) -> Recording {
        let kept = |rows: &Vec<(i64, f64)>| rows.iter().copied().filter(|r| r.0 > from).collect();
        let series = self.series.iter().map(|(key, rows)| (key.clone(), kept(rows)));
        Recording { series: series.collect(), relations: self.relations.clone() }
    }
}

impl Cut<'_> {
    /// Writes the run into a folder, replays it and reads what came of it.
    ///
    /// # Errors
    /// When a file cannot be written or read, or the engine fails.
    pub fn run(&self, engine: &Engine, dir: &Path) -> Result<Outcome, QualityError> {
        std::fs::create_dir_all(dir).map_err(|source| file_error(dir, source))?;
        let mut engine = engine.clone();
        if engine.config.is_none() {
            let path = dir.join("config.yaml");
            std::fs::write(&path, CONFIG).map_err(|source| file_error(&path, source))?;
            engine.config = Some(path);
        }
        let files = self.write(dir)?;
        let run = engine.replay(&files, dir)?;
        outcome(&run.inputs.alerts, &run.inputs.incidents)
    }

    fn write(&self, dir: &Path) -> Result<Files, QualityError> {
        let mut rows: Vec<(i64, &SeriesKey, f64)> = Vec::new();
        let (before, moved) = self.before;
        for (recording, moved, until) in
            [(before, moved, self.before_until), (self.around, 0, self.until)]
        {
            for (key, values) in &recording.series {
                let values = values.iter().map(|(at, value)| (at + moved, key, *value));
                rows.extend(values.filter(|row| row.0 <= until));
            }
        }
        rows.sort_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)));
        let first = rows.first().map_or(0, |row| row.0);
        let (events, topology) = (dir.join("events.ndjson"), dir.join("topology.ndjson"));
        write_lines(&events, |out| {
            let mut alert = self.alert;
            for (at, (entity, name, peer), value) in rows {
                if let Some((time, front)) = alert.filter(|(time, _)| *time <= at) {
                    alert = None;
                    writeln!(out, "{}", alert_row(time, front))?;
                }
                let peer = peer.iter().map(|peer| ("peer", peer)).collect::<BTreeMap<_, _>>();
                let row = json!({
                    "source": "quality/metrics", "kind": "metric", "name": name,
                    "time": at * 1_000_000_000, "entity": entity, "metric": {"type": "gauge"},
                    "value": value, "labels": peer,
                });
                writeln!(out, "{row}")?;
            }
            alert.map_or(Ok(()), |(time, front)| writeln!(out, "{}", alert_row(time, front)))
        })?;
        write_lines(&topology, |out| {
            let time = rfc3339((first - 86_400) * 1000);
            let relations = before.relations.union(&self.around.relations);
            for (index, (from, to, relation)) in relations.enumerate() {
                let row = json!({
                    "id": format!("r-{index}"), "source": "catalog", "kind": "relation",
                    "time": time, "op": "upsert", "from": from, "to": to,
                    "relation": relation, "confidence": 1.0,
                });
                writeln!(out, "{row}")?;
            }
            Ok(())
        })?;
        Ok(Files { truth: topology.clone(), events, topology })
    }
}

fn alert_row(at: i64, entity: &str) -> serde_json::Value {
    json!({
        "id": "front-door", "source": "quality/metrics", "kind": "alert", "name": FRONT,
        "time": rfc3339(at * 1000), "status": "firing", "severity": "error", "entity": entity,
        "summary": "the front door is not as it should be",
    })
}

fn write_lines(
    path: &Path,
    lines: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), QualityError> {
    let write = || {
        let mut out = BufWriter::new(File::create(path)?);
        lines(&mut out)?;
        out.flush()
    };
    write().map_err(|source| file_error(path, source))
}

/// A row of the engine's list of alerts.
#[derive(Deserialize)]
struct AlertRow {
    entity: String,
    name: String,
    first: Timestamp,
    incident_id: Option<String>,
    finding: Option<serde_json::Value>,
}

/// A revision of an incident, as far as it is read here.
#[derive(Deserialize)]
struct IncidentRow {
    data: Revision,
}

#[derive(Deserialize)]
struct Revision {
    incident_id: String,
    entities: Vec<String>,
    cause: Cause,
}

#[derive(Deserialize)]
struct Cause {
    candidates: Vec<Candidate>,
}

#[derive(Deserialize)]
struct Candidate {
    entity: String,
}

fn outcome(alerts: &Path, incidents: &Path) -> Result<Outcome, QualityError> {
    let mut outcome = Outcome::default();
    let mut front = None;
    for row in rows::<AlertRow>(alerts)? {
        if row.finding.is_some() {
            outcome.findings.push((row.entity, row.first.as_second()));
        } else if row.name == FRONT {
            front = row.incident_id;
        }
    }
    let incidents = rows::<IncidentRow>(incidents)?;
    let of_front = |row: &IncidentRow| Some(&row.data.incident_id) == front.as_ref();
    if let Some(row) = incidents.into_iter().rev().find(of_front) {
        outcome.entities = row.data.entities;
        outcome.ranked = row.data.cause.candidates.into_iter().map(|c| c.entity).collect();
    }
    Ok(outcome)
}

fn rows<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, QualityError> {
    let text = read(path)?;
    let rows = text.lines().map(|line| serde_json::from_str(line));
    rows.collect::<Result<_, _>>().map_err(|error| shape_error(path, error))
}

/// How often something was right, by whatever it is told apart by.
#[derive(Debug, Default)]
pub struct Tally {
    /// Faults.
    pub count: usize,
    /// Those whose root has a finding within ten minutes.
    pub found: usize,
    /// Those whose root is in the incident of the front door's alert.
    pub inside: usize,
    /// Those whose root is ranked first, in the first three, in the first five.
    pub ranked: [usize; 3],
}

impl Tally {
    /// Takes in one fault by the place of its root among the candidates.
    pub fn take(&mut self, place: Option<usize>, found: bool, inside: bool) {
        self.count += 1;
        self.found += usize::from(found);
        self.inside += usize::from(inside);
        for (ranked, within) in self.ranked.iter_mut().zip([1, 3, 5]) {
            *ranked += usize::from(place.is_some_and(|place| place < within));
        }
    }

    /// The shares: first, first three, first five, found, in the incident.
    pub fn shares(&self) -> [f64; 5] {
        let [one, three, five] = self.ranked;
        [one, three, five, self.found, self.inside].map(|n| n as f64 / self.count.max(1) as f64)
    }
}

/// The lines of a table of tallies, and their figures.
pub fn tallied<K: std::fmt::Display>(tallies: &BTreeMap<K, Tally>) -> serde_json::Value {
    let mut figures = serde_json::Map::new();
    for (name, tally) in tallies {
        let name = name.to_string();
        let [one, three, five, found, inside] = tally.shares();
        println!(
            "  {name:34} {:>2}  @1 {one:.2}  @3 {three:.2}  @5 {five:.2}  root found {found:.2}  \
             in the incident {inside:.2}",
            tally.count
        );
        let row = json!({
            "faults": tally.count, "at": [one, three, five], "found": found, "inside": inside,
        });
        figures.insert(name, row);
    }
    figures.into()
}

/// Runs a fault-free recording alone: findings, and days of series after the warm-up.
///
/// # Errors
/// As [`Cut::run`].
pub fn quiet(
    recording: &Recording,
    engine: &Engine,
    dir: &Path,
) -> Result<(usize, f64), QualityError> {
    let empty = Recording::default();
    let cut = Cut {
        before: (recording, 0),
        before_until: i64::MAX,
        around: &empty,
        until: i64::MIN,
        alert: None,
    };
    Ok((cut.run(engine, dir)?.findings.len(), recording.series_days()))
}
