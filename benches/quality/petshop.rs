//! PetShop: 26 issues injected into a shop, by latency, availability and requests of 41 components.
//!
//! Every issue runs alone, with normal operation before it: that was recorded 18 weeks later, and
//! is moved back by so many weeks, so that hours and weekdays keep their place. Rows have the time
//! that they are labelled with, the beginning of their five minutes. The alert is the issue's
//! target. All components are services: what their names say of them is not read.
//!
//! Load balancers and what is behind them have no edge in the graph that comes with the data. A
//! second run adds those edges, by the five letters of a component that a balancer is named after.

use super::engine::Engine;
use super::native::{QualityError, file_error, read, shape_error};
use super::recording::{Cut, Recording, Tally, quiet, tallied};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Normal operation lies so long after the issues, seconds.
const LATER: i64 = 18 * 7 * 86_400;
/// Seconds between rows.
const STEP: i64 = 300;
/// Rows above the values: component, metric, statistic, label of the time.
const HEADER_ROWS: usize = 4;

/// `target.json`.
#[derive(Deserialize)]
struct Issue {
    target: Target,
    root_cause: Root,
}

#[derive(Deserialize)]
struct Target {
    node: String,
    metric: String,
    timestamp: i64,
}

#[derive(Deserialize)]
struct Root {
    node: String,
}

/// Runs all issues and prints the ranks of their causes beside the published ones.
///
/// # Errors
/// When a file is not as its README says, or the engine fails.
pub fn run(dir: &Path, engine: &Engine, scratch: &Path) -> Result<Value, QualityError> {
    let dir = dir.join("low_traffic");
    let mut normal = table(&dir.join("noissue").join("metrics.csv"))?;
    let calls = graph(&dir.join("graph.csv"))?;
    normal.relations.extend(calls.iter().map(|(from, to)| (entity(from), entity(to), "calls")));
    println!(
        "petshop: rank of the root among candidates of the incident with the front door's alert;\n  \
         each issue after 32 hours of normal operation or more; warm-up 6 hours, rows of 5 minutes"
    );
    let plain = issues(&dir, &normal, engine, &scratch.join("petshop"))?;
    let plain = tallied(&plain);
    normal.relations.extend(balanced(&calls));
    println!("  the same with an edge from each load balancer to the component it is named after");
    let joined = tallied(&issues(&dir, &normal, engine, &scratch.join("petshop-joined"))?);
    let (findings, days) = quiet(&normal, engine, &scratch.join("petshop-quiet"))?;
    println!(
        "  fault-free part: {findings} findings in {days:.0} series-days, {:.3} a series-day\n{ANCHORS}",
        findings as f64 / days.max(1.0)
    );
    Ok(json!({
        "issues": plain, "balancers_joined": joined,
        "quiet": {"findings": findings, "series_days": days},
    }))
}

fn issues(
    dir: &Path,
    normal: &Recording,
    engine: &Engine,
    scratch: &Path,
) -> Result<BTreeMap<String, Tally>, QualityError> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for split in ["test", "train"] {
        for path in folders(&dir.join(split))? {
            let target = path.join("target.json");
            let issue: Issue = serde_json::from_str(&read(&target)?)
                .map_err(|error| shape_error(&target, error))?;
            let around = table(&path.join("metrics.csv"))?;
            let (first, last) =
                around.span().ok_or_else(|| shape_error(&path, "metrics.csv has no rows"))?;
            let (at, front) = (issue.target.timestamp, entity(&issue.target.node));
            let cut = Cut {
                before: (normal, -LATER),
                before_until: first - STEP,
                around: &around,
                until: last,
                alert: Some((at, &front)),
            };
            let outcome = cut.run(engine, scratch)?;
            let root = entity(&issue.root_cause.node);
            let place = outcome.ranked.iter().position(|entity| *entity == root);
            let soon = at - STEP..=at + 2 * STEP;
            let found = outcome.findings.iter().any(|(of, at)| *of == root && soon.contains(at));
            let inside = outcome.entities.contains(&root);
            for group in [format!("{split}, {}", issue.target.metric), "all".to_owned()] {
                tallies.entry(group).or_default().take(place, found, inside);
            }
        }
    }
    Ok(tallies)
}

/// The folders in a folder, in order.
fn folders(dir: &Path) -> Result<Vec<PathBuf>, QualityError> {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(dir)?.map(|entry| Ok(entry?.path())).collect()
    };
    let mut paths: Vec<PathBuf> = list().map_err(|source| file_error(dir, source))?;
    paths.sort();
    Ok(paths)
}

/// Names differ in case between the graph and the metrics.
fn entity(component: &str) -> String {
    format!("service:petshop/{}", component.to_lowercase())
}

fn table(path: &Path) -> Result<Recording, QualityError> {
    let lines = lines(path)?;
    let [components, metrics, statistics] = [0, 1, 2].map(|row| lines.get(row));
    let (Some(components), Some(metrics), Some(statistics)) = (components, metrics, statistics)
    else {
        return Err(shape_error(path, "it has no four rows of header"));
    };
    let mut recording = Recording::default();
    for row in lines.iter().skip(HEADER_ROWS) {
        let at = row.get(0).and_then(|text| text.parse::<f64>().ok());
        let at = at.ok_or_else(|| shape_error(path, "a row has no time"))? as i64;
        for (column, text) in row.iter().enumerate().skip(1).filter(|(_, text)| !text.is_empty()) {
            let value =
                text.parse().map_err(|error| shape_error(path, format!("{text}: {error}")))?;
            let name = |row: &csv::StringRecord| row.get(column).unwrap_or_default().to_lowercase();
            let series = format!("{}.{}", name(metrics), name(statistics));
            // The sum of requests is their number.
            let series = series.strip_suffix(".sum").unwrap_or(&series);
            recording.add((entity(&name(components)), series.to_owned(), None), at, value);
        }
    }
    Ok(recording)
}

/// Who calls whom.
fn graph(path: &Path) -> Result<Vec<(String, String)>, QualityError> {
    let lines = lines(path)?;
    let Some((header, rows)) = lines.split_first() else {
        return Err(shape_error(path, "it is empty"));
    };
    let mut calls = Vec::new();
    for row in rows {
        for (column, text) in row.iter().enumerate().skip(1) {
            if text.parse::<f64>().is_ok_and(|calls| calls > 0.0) {
                let name = |of: Option<&str>| of.unwrap_or_default().to_lowercase();
                calls.push((name(row.get(0)), name(header.get(column))));
            }
        }
    }
    Ok(calls)
}

fn lines(path: &Path) -> Result<Vec<csv::StringRecord>, QualityError> {
    let mut reader = csv::ReaderBuilder::new();
    let reader = reader.has_headers(false).flexible(true).from_path(path);
    let rows = reader.and_then(|mut reader| reader.records().collect());
    rows.map_err(|error| shape_error(path, error))
}

/// Edges from load balancers to the one component whose name contains the last word of theirs.
fn balanced(calls: &[(String, String)]) -> Vec<(String, String, &'static str)> {
    let all: std::collections::BTreeSet<&String> =
        calls.iter().flat_map(|(from, to)| [from, to]).collect();
    let behind = |balancer: &str| {
        let word = balancer.split('.').next()?.rsplit('-').next()?;
        let is_view = |name: &str| name.ends_with("_remote") || name.ends_with("_client");
        let mut named = all.iter().filter(|name| name.contains(word) && !is_view(name));
        named.next().filter(|_| named.next().is_none())
    };
    let balancers = all.iter().filter(|name| name.contains(".elb."));
    balancers.filter_map(|name| Some((entity(name), entity(behind(name)?), "calls"))).collect()
}

/// Published on the latency issues of the test split, and two floors computed with the data.
const ANCHORS: &str = "\
  anchors, latency of the test split (10 issues, graph given): Recall@1, Recall@3
    IDI (2025)                   0.90, 0.90
    Traversal                    0.80, 0.80
    CIRCA                        0.60, 0.80
    Smooth Traversal, Ranked Correlation, Counterfactual attribution 0.40, 0.60
    TOCA 0.40, 0.40; HRCD 0.07, 0.21; Random Walk 0.00, 0.10; epsilon-Diagnosis 0.00, 0.00
  floors: traversal by three sigma: test, availability 0.88, 1.00; test, latency 0.40, 0.80;
          train, availability 0.00, 1.00; train, latency 0.25, 1.00
          highest z: 0.62, 1.00; 0.30, 0.80; 0.00, 1.00; 0.50, 1.00
  one issue is 0.1 of a row: differences under 0.2 are noise
";
