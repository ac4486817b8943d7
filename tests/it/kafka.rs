//! Kafka on both sides of a running process, against a real broker and against scripted ones.

mod broker;
mod fenced;
mod journey;
mod once;
mod scripted;
pub(crate) mod survival;

use broker::Read;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// Told as soon as possible.
const QUICK: &str = "emission: {settle: 0s, settle_max: 0s, revise_interval: 0s}\n";

/// A configuration that reads one topic and writes another.
fn config(address: &str, topic: &str, more: &str) -> String {
    format!(
        "{QUICK}sources:\n  events:\n    type: kafka\n    brokers: {address}\n    \
         topics: {topic}\n    group: group-of-{topic}\n{more}sinks:\n  out:\n    type: kafka\n    \
         brokers: {address}\n    topic: {topic}-out\n"
    )
}

/// An alert on an entity of its own.
fn alert(entity: &str) -> String {
    json!({"kind": "alert", "name": "HighErrorRate", "severity": "error",
           "entity": format!("service:shop/{entity}")})
    .to_string()
}

/// The last revision of each incident; one that came twice came the same to the byte, and none
/// is missing.
fn standing(lines: impl IntoIterator<Item = String>) -> BTreeMap<String, Value> {
    let mut revisions = BTreeMap::new();
    for line in lines {
        let envelope: Value = serde_json::from_str(&line).unwrap();
        let (id, revision) = (&envelope["data"]["incident_id"], &envelope["data"]["revision"]);
        let key = (id.as_str().unwrap().to_owned(), revision.as_u64().unwrap());
        let before = revisions.insert(key.clone(), line.clone());
        assert!(before.is_none_or(|before| before == line), "{key:?} was told in two ways");
    }
    let mut last: BTreeMap<String, (u64, Value)> = BTreeMap::new();
    for ((id, revision), line) in revisions {
        let envelope: Value = serde_json::from_str(&line).unwrap();
        let before = last.insert(id.clone(), (revision, envelope["data"].clone()));
        assert_eq!(before.map_or(0, |(before, _)| before) + 1, revision, "{id}");
    }
    last.into_iter().map(|(id, (_, data))| (id, data)).collect()
}

/// How often the alert of each entity fired.
fn counts(lines: impl IntoIterator<Item = String>) -> BTreeMap<String, u64> {
    let rows = standing(lines).into_values().flat_map(|data| {
        let alerts = data["alerts"].as_array().unwrap().clone();
        alerts.into_iter().map(|row| {
            let entity = row["entity"].as_str().unwrap();
            let entity = entity.strip_prefix("service:shop/").unwrap_or(entity).to_owned();
            (entity, row["count"].as_u64().unwrap())
        })
    });
    rows.collect()
}

/// Whether what was read of a topic is about so many entities. Looks at the last message only,
/// because it is asked after each: what a thousand say would be taken apart a thousand times.
fn about(entities: usize) -> impl FnMut(&[Read]) -> bool {
    let mut seen = BTreeSet::new();
    move |told| {
        if let Some(last) = told.last() {
            let envelope: Value = serde_json::from_str(&last.value).unwrap();
            let rows = envelope["data"]["alerts"].as_array().unwrap();
            seen.extend(rows.iter().map(|row| row["entity"].to_string()));
        }
        seen.len() >= entities
    }
}

/// Waits for something, for as long as a test may wait.
fn wait(what: &str, mut come: impl FnMut() -> bool) {
    let until = Instant::now() + broker::PATIENCE;
    while !come() {
        assert!(Instant::now() < until, "waited in vain for {what}");
        std::thread::yield_now();
    }
}
