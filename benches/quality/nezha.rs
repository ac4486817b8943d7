//! Nezha: 56 faults in the pods of an Online Boutique, by their metrics and those of calls.
//!
//! The first fault of each day comes two minutes after its first row, so there is nothing to warm
//! up on before it. What was recorded after the last fault of the day (16 and 7 hours) is moved
//! before its first row instead. A fault runs with that and with the day as it was recorded until
//! five minutes after its injection, faults before it included. That a fault was injected is told
//! by an alert at the front door at that time, as it is to the methods of the anchors.

use super::engine::Engine;
use super::kpis::unpacked;
use super::native::{QualityError, read, shape_error};
use super::recording::{Cut, Recording, Tally, quiet, tallied};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The days of the recording.
const DAYS: [&str; 2] = ["2022-08-22", "2022-08-23"];
/// A fault is over so long after its injection, seconds.
const OVER: i64 = 900;
/// Rows of a fault, seconds after its injection.
const AROUND: i64 = 300;
/// Seconds between rows.
const STEP: i64 = 60;

#[derive(Deserialize)]
struct Fault {
    inject_time: String,
    inject_pod: String,
    inject_type: String,
}

/// Runs all faults and prints the ranks of their services beside the published ones.
///
/// # Errors
/// When a file is not as its README says, or the engine fails.
pub fn run(dir: &Path, engine: &Engine, scratch: &Path) -> Result<Value, QualityError> {
    println!(
        "nezha: rank of the service among services of the incident with the front door's alert;\n  \
         warm-up 6 hours, on what was recorded after the last fault of the day; rows of a minute"
    );
    let scratch = scratch.join("nezha");
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let (mut findings, mut days) = (0, 0.0);
    for day in DAYS {
        let recording = recorded(dir, day)?;
        let (first, last) = recording.span().ok_or_else(|| shape_error(dir, "no metrics"))?;
        let faults = faults(&dir.join(format!("{day}-fault_list.json")))?;
        let end = faults.iter().map(|(at, _)| *at).max().unwrap_or(first) + OVER;
        let tail = recording.later_than(end);
        for (at, fault) in &faults {
            let cut = Cut {
                before: (&tail, first - STEP - last),
                before_until: first - STEP,
                around: &recording,
                until: at + AROUND,
                alert: Some((*at, "service:nezha/frontend")),
            };
            let outcome = cut.run(engine, &scratch)?;
            let root = service(&fault.inject_pod);
            let place = services(&outcome.ranked).iter().position(|name| *name == root);
            let soon = at - STEP..=at + 600;
            let of_root: Vec<String> = outcome
                .findings
                .iter()
                .filter(|(_, at)| soon.contains(at))
                .map(|(entity, _)| entity.clone())
                .collect();
            let found = services(&of_root).contains(&root);
            let inside = services(&outcome.entities).contains(&root);
            for group in [fault.inject_type.clone(), format!("day {day}"), "all".to_owned()] {
                tallies.entry(group).or_default().take(place, found, inside);
            }
        }
        let (more, of) = quiet(&tail, engine, &scratch)?;
        (findings, days) = (findings + more, days + of);
    }
    let figures = tallied(&tallies);
    println!(
        "  fault-free part: {findings} findings in {days:.0} series-days, {:.3} a series-day\n{ANCHORS}",
        findings as f64 / days.max(1.0)
    );
    Ok(json!({"faults": figures, "quiet": {"findings": findings, "series_days": days}}))
}

fn faults(path: &Path) -> Result<Vec<(i64, Fault)>, QualityError> {
    let hours: BTreeMap<String, Vec<Fault>> =
        serde_json::from_str(&read(path)?).map_err(|error| shape_error(path, error))?;
    let timed = |fault: Fault| match utc(&fault.inject_time) {
        Some(at) => Ok((at, fault)),
        None => Err(shape_error(path, format!("{} is no time", fault.inject_time))),
    };
    hours.into_values().flatten().map(timed).collect()
}

/// The second of a time in words, UTC. The column of seconds beside it is years ahead in one file.
fn utc(text: &str) -> Option<i64> {
    let time: Timestamp = format!("{}Z", text.get(..19)?).parse().ok()?;
    Some(time.as_second())
}

/// Everything that was recorded in a day.
fn recorded(dir: &Path, day: &str) -> Result<Recording, QualityError> {
    let path = dir.join(format!("{day}-metric.tar.zst"));
    let mut recording = Recording::default();
    let mut pods = BTreeSet::new();
    for (name, text) in unpacked(&path)? {
        let shape = |error: &dyn std::fmt::Display| shape_error(&path, format!("{name}: {error}"));
        let file = name.rsplit('/').next().unwrap_or_default();
        let ends = match file.strip_suffix("_50.csv") {
            None if !file.ends_with("_metric.csv") => continue,
            ends => ends,
        };
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| shape(&error))?.clone();
        for row in reader.records() {
            let row = row.map_err(|error| shape(&error))?;
            let at = row.get(0).and_then(utc).ok_or_else(|| shape(&"a row has no time"))?;
            let fields = header.iter().zip(&row).skip(2).filter(|(_, text)| !text.is_empty());
            for (column, text) in fields {
                let Ok(value) = text.parse::<f64>() else { continue };
                let key = match ends {
                    Some(end) => call(end, column).ok_or_else(|| shape(&"a call of one end"))?,
                    // What a pod's file says of its node is said of every pod there.
                    None if column.starts_with("Node") => continue,
                    None => {
                        let pod = row.get(2).unwrap_or_default().to_owned();
                        let entity = format!("pod:nezha/{pod}");
                        pods.insert(pod);
                        (entity, column.to_owned(), None)
                    }
                };
                recording.add(key, at, value);
            }
        }
    }
    recording.relations = relations(&dir.join("dependency.csv"), &pods)?;
    Ok(recording)
}

/// The median latency of calls, as the caller or the called one has it.
fn call(end: &str, column: &str) -> Option<(String, String, Option<String>)> {
    let (caller, called) = column.split_once('_')?;
    let (own, other) = if end == "source" { (caller, called) } else { (called, caller) };
    Some((format!("service:nezha/{own}"), format!("{end}.LatencyP50"), Some(other.to_owned())))
}

fn relations(
    path: &Path,
    pods: &BTreeSet<String>,
) -> Result<BTreeSet<(String, String, &'static str)>, QualityError> {
    let mut relations = BTreeSet::new();
    for line in read(path)?.lines().skip(1) {
        let mut fields = line.split(',');
        let (Some(from), Some(to)) = (fields.next(), fields.next()) else {
            return Err(shape_error(path, format!("{line} is no edge")));
        };
        if to.starts_with(|first: char| first.is_ascii_digit()) {
            let there = pods.iter().filter(|pod| service(pod) == from);
            let host = format!("host:nezha/{to}");
            relations
                .extend(there.map(|pod| (format!("pod:nezha/{pod}"), host.clone(), "runs_on")));
        } else {
            relations.insert((
                format!("service:nezha/{from}"),
                format!("service:nezha/{to}"),
                "calls",
            ));
        }
    }
    let parts = pods.iter().map(|pod| {
        (format!("pod:nezha/{pod}"), format!("service:nezha/{}", service(pod)), "part_of")
    });
    relations.extend(parts);
    Ok(relations)
}

/// A pod's name without its last two parts.
fn service(pod: &str) -> String {
    pod.rsplitn(3, '-').nth(2).unwrap_or(pod).to_owned()
}

/// The services of entities, each once, in order; hosts are none.
fn services(entities: &[String]) -> Vec<String> {
    let mut services = Vec::new();
    for entity in entities {
        let name = match entity.split_once('/') {
            Some(("pod:nezha", pod)) => service(pod),
            Some(("service:nezha", name)) => name.to_owned(),
            _ => continue,
        };
        if !services.contains(&name) {
            services.push(name);
        }
    }
    services
}

/// Published with the data, and a floor that was computed on it.
const ANCHORS: &str = "\
  anchors: AS@1, AS@3, AS@5
    Nezha, with logs and traces as well           0.929, 0.964, 0.964
    floor: pods by highest robust z within 4 min  0.107, 0.321, 0.554
  returns and exceptions show in logs and traces, which this copy of the data has not
";
