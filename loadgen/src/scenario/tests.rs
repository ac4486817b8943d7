//! What every scenario promises, whatever its profile, seed and size.

use super::*;
use crate::instant::{MINUTE, SECOND};
use crate::storm::What;
use proptest::prelude::*;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::Xxh3;

fn bytes(scenario: &Scenario) -> Vec<u8> {
    let mut out = Vec::new();
    scenario.events_ndjson(&mut out).unwrap();
    out
}

fn digest(scenario: &Scenario) -> u128 {
    let mut hash = Xxh3::new();
    hash.update(&bytes(scenario));
    hash.update(&scenario.topology_ndjson());
    let mut labels = Vec::new();
    scenario.labels_ndjson(&mut labels).unwrap();
    hash.update(&labels);
    hash.update(&serde_json::to_vec(&scenario.truth()).unwrap());
    hash.digest128()
}

fn parsed(scenario: &Scenario) -> Vec<Value> {
    let bytes = bytes(scenario);
    let lines = bytes.split(|b| *b == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
}

fn any_profile() -> impl Strategy<Value = Profile> {
    prop::sample::select(Profile::ALL.to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn the_seed_decides(profile in any_profile(), seed in 0u64..1_000_000) {
        let build = |seed| digest(&Scenario::build(profile, seed, Some(30_000)));
        prop_assert_eq!(build(seed), build(seed));
        prop_assert_ne!(build(seed), build(seed + 1));
    }

    #[test]
    fn truth_labels_and_events_agree(profile in any_profile(), seed in any::<u64>()) {
        let scenario = Scenario::build(profile, seed, Some(60_000));
        check_order_and_labels(&scenario);
        check_truth(&scenario);
    }

    #[test]
    fn every_line_keeps_the_limits(profile in any_profile(), seed in any::<u64>()) {
        let scenario = Scenario::build(profile, seed, Some(40_000));
        let events = parsed(&scenario);
        prop_assert_eq!(events.len(), scenario.storm.events.len());
        events.iter().for_each(check_limits);
        for line in scenario.topology_ndjson().split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
            check_limits(&serde_json::from_slice(line).unwrap());
        }
    }
}

fn check_order_and_labels(scenario: &Scenario) {
    let events = &scenario.storm.events;
    assert!(events.windows(2).all(|w| w[0].observed <= w[1].observed));
    let labels: Vec<Label> = scenario.labels().collect();
    let truth = scenario.truth();
    let incidents: BTreeSet<&str> = truth.incidents.iter().map(|i| i.id.as_str()).collect();
    let by_id: BTreeMap<&str, &Label> = labels.iter().map(|l| (l.event_id.as_str(), l)).collect();
    assert_eq!(by_id.len(), labels.len(), "an event has two rows");
    let ids: BTreeSet<String> = events.iter().map(|e| event_id(e.id)).collect();
    assert!(ids.iter().map(String::as_str).eq(by_id.keys().copied()));
    assert_eq!(ids.len(), scenario.storm.distinct as usize);
    // Readers fold in the order of (second of event time, id).
    let order: BTreeMap<String, (Ms, u32)> =
        events.iter().map(|e| (event_id(e.id), (e.time.div_euclid(SECOND), e.id))).collect();
    for label in &labels {
        let (class, incident) = (label.class, label.incident.as_deref());
        assert!(incident.is_none_or(|i| incidents.contains(i)));
        assert_eq!(label.suppressible, class.suppressible());
        assert_eq!(label.duplicate_of.is_some(), class == Class::Duplicate);
        match (&label.duplicate_of, class) {
            (Some(original), _) => {
                assert!(order[original] < order[&label.event_id]);
                let original = by_id[original.as_str()];
                assert_ne!(original.class, Class::Duplicate);
                assert_eq!(original.incident.as_deref(), incident);
            }
            (None, Class::Incident) => assert!(incident.is_some()),
            (None, _) => assert!(incident.is_none()),
        }
    }
    let with_alerts: BTreeSet<&str> = labels.iter().filter_map(|l| l.incident.as_deref()).collect();
    assert_eq!(with_alerts, incidents, "an incident without an alert");
}

fn check_truth(scenario: &Scenario) {
    let truth = scenario.truth();
    let text = serde_json::to_string(&truth).unwrap();
    assert_eq!(serde_json::from_str::<Truth>(&text).unwrap(), truth);
    let known: BTreeSet<&str> = scenario.world.nodes.iter().map(|n| n.reference.as_str()).collect();
    let changes: BTreeSet<&str> = scenario.plan.changes.iter().map(|c| c.id.as_str()).collect();
    for incident in &truth.incidents {
        assert!(incident.entities.contains(&incident.root));
        assert!(incident.entities.iter().all(|e| known.contains(e.as_str())));
        assert!(incident.entities.is_sorted());
        assert!(incident.start < incident.end);
        assert!(incident.change_id.as_deref().is_none_or(|c| changes.contains(c)));
        for (from, to) in &incident.path {
            assert!(incident.entities.contains(from) && incident.entities.contains(to));
            // Every edge leads on to the root.
            let mut at = to;
            for _ in 0..incident.path.len() {
                at = incident.path.iter().find(|(f, _)| f == at).map_or(at, |(_, t)| t);
            }
            assert_eq!(at, &incident.root);
        }
    }
}

/// EVENT.md sections 2 and 6, as far as a generator can break them.
fn check_limits(event: &Value) {
    const WORDS: [&str; 5] = ["fatal", "critical", "error", "warning", "info"];
    const KINDS: [&str; 8] =
        ["alert", "log", "metric", "span", "change", "entity", "relation", "heartbeat"];
    let text = |key: &str| event[key].as_str().unwrap_or_default();
    assert_eq!(text("schema"), "event/1.0");
    assert!((1..=256).contains(&text("id").len()) && text("source").len() <= 512);
    assert!(KINDS.contains(&text("kind")), "{event}");
    assert!(text("name").len() <= 256 && text("summary").len() <= 1024);
    assert!(event["time"].is_i64() || text("time").ends_with('Z'));
    if text("id").starts_with("e-") {
        assert!(event["observed_time"].is_i64() || text("observed_time").ends_with('Z'));
    }
    let reference = |value: &Value| {
        let text = value.as_str().unwrap();
        let (kind, rest) = text.split_once(':').unwrap();
        assert!(text.len() <= 256 && !kind.is_empty() && rest.contains('/'), "{text}");
    };
    for key in ["entity", "owner", "from", "to"] {
        if !event[key].is_null() {
            reference(&event[key]);
        }
    }
    if let Some(labels) = event["labels"].as_object() {
        assert!(labels.len() <= 64);
        let short = |(key, value): (&String, &Value)| {
            key.len() <= 128 && value.as_str().unwrap().len() <= 1024
        };
        assert!(labels.iter().all(short));
    }
    match text("kind") {
        "alert" => {
            assert!(["firing", "resolved"].contains(&text("status")), "{event}");
            assert!(WORDS.contains(&text("severity")) && !text("name").is_empty());
            assert!(!text("entity").is_empty() && !text("summary").is_empty());
            assert!(!text("summary").contains(['{', '}']), "{event}");
        }
        "metric" => assert!(event["value"].is_number() && event["metric"]["unit"].is_string()),
        "log" => assert!(!text("body").is_empty() && !text("body").contains('{'), "{event}"),
        "span" => {
            assert_eq!((text("trace_id").len(), text("span_id").len()), (32, 16));
            assert!(event["span"]["duration_ns"].is_u64());
            reference(&event["span"]["peer"]);
        }
        "change" => assert!(!text("summary").is_empty() && event["change"]["id"].is_string()),
        "entity" => assert!(["upsert", "delete"].contains(&text("op"))),
        "relation" => assert!(event["from"].is_string() && event["to"].is_string()),
        _ => {}
    }
}

#[test]
fn natural_sizes_are_in_their_bands() {
    for profile in Profile::ALL {
        let stats = Scenario::build(profile, 3, None).stats();
        assert_eq!(stats.events, 1_000_000, "{profile}");
        let repeated = stats.repeated as f64 / stats.events as f64;
        assert!((0.55..0.60).contains(&repeated), "{profile}: {repeated}");
        let faults = if profile == Profile::Quiet { 0 } else { 30 };
        assert_eq!(stats.incidents, faults, "{profile}");
        assert!(stats.alerts_flap >= 100 && stats.alerts_chronic >= 30, "{profile}: {stats:?}");
        let (incident, background) = (stats.alerts_incident, stats.alerts_background);
        match profile {
            Profile::Stress => {
                assert!((240..=285).contains(&background), "{background}");
                assert!((500..=800).contains(&(incident + background)), "{incident}");
            }
            Profile::Quiet => assert_eq!((incident, stats.changes), (0, 30)),
            _ => assert!((200..=600).contains(&incident), "{profile}: {incident}"),
        }
    }
}

#[test]
fn asked_sizes_are_exact() {
    for (profile, events) in [(Profile::Stress, 250_000), (Profile::Quiet, 100_000)] {
        let scenario = Scenario::build(profile, 4, Some(events));
        assert_eq!(scenario.stats().events, events);
    }
    let large = Scenario::build(Profile::Stress, 4, Some(1_500_000));
    assert_eq!(large.stats().events, 1_500_000);
    assert_eq!(large.stats().incidents, 45);
}

#[test]
fn flapping_checks_flap() {
    let scenario = Scenario::build(Profile::Stress, 5, None);
    let storm = &scenario.storm;
    let mut turns: BTreeMap<u32, Vec<Ms>> = BTreeMap::new();
    for episode in storm.episodes.iter().filter(|e| e.reason == Reason::Flap) {
        turns.entry(episode.check).or_default().extend([episode.start, episode.end]);
    }
    let all: BTreeSet<u32> = storm.episodes.iter().map(|e| e.check).collect();
    let share = turns.len() as f64 / all.len() as f64;
    assert!((0.045..=0.10).contains(&share), "{share}");
    for turns in turns.values_mut() {
        turns.sort_unstable();
        let busiest = turns.windows(6).any(|w| w[5] - w[0] <= 10 * MINUTE);
        assert!(busiest, "{turns:?}");
    }
    // Nothing else uses a flapping check.
    for episode in &storm.episodes {
        let flaps = turns.contains_key(&episode.check);
        assert_eq!(flaps, episode.reason == Reason::Flap);
    }
}

#[test]
fn a_check_has_one_reason_at_a_time() {
    let scenario = Scenario::build(Profile::Adversarial, 6, None);
    let mut runs: BTreeMap<u32, Vec<(Ms, Ms)>> = BTreeMap::new();
    for episode in &scenario.storm.episodes {
        assert!(episode.start < episode.end);
        runs.entry(episode.check).or_default().push((episode.start, episode.end));
    }
    for runs in runs.values_mut() {
        runs.sort_unstable();
        assert!(runs.windows(2).all(|w| w[0].1 < w[1].0), "{runs:?}");
    }
}

#[test]
fn delays_are_as_promised() {
    let scenario = Scenario::build(Profile::Stress, 7, None);
    let world = &scenario.world;
    let mut delays = Vec::new();
    let mut seen = BTreeSet::new();
    for event in &scenario.storm.events {
        if matches!(event.what, What::Firing) && seen.insert(event.id) {
            let check = scenario.storm.episodes[event.subject as usize].check;
            let node = scenario.storm.checks[check as usize].node;
            delays.push(event.observed - (event.time - world.node(node).skew));
        }
    }
    delays.sort_unstable();
    let all = delays.len() as f64;
    let above = |limit: Ms| delays.iter().filter(|d| **d > limit).count() as f64 / all;
    let median = delays[delays.len() / 2];
    assert!((1_900..2_100).contains(&median), "{median}");
    assert!((0.008..0.012).contains(&above(60 * SECOND)), "{}", above(60 * SECOND));
    assert!((0.0005..0.0015).contains(&above(300 * SECOND)), "{}", above(300 * SECOND));
    let again = scenario.storm.events.len() as f64 / f64::from(scenario.storm.distinct) - 1.0;
    assert!((0.009..0.012).contains(&again), "{again}");
}

#[test]
fn the_four_files_are_what_memory_holds() {
    let scenario = Scenario::build(Profile::Easy, 8, Some(20_000));
    let name = format!("causeway-loadgen-{}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    scenario.write_dir(&dir).unwrap();
    let read = |name: &str| std::fs::read(dir.join(name)).unwrap();
    assert_eq!(read("events.ndjson"), bytes(&scenario));
    assert_eq!(read("topology.ndjson"), scenario.topology_ndjson());
    let truth: Truth = serde_json::from_slice(&read("truth.json")).unwrap();
    assert_eq!(truth, scenario.truth());
    let labels = String::from_utf8(read("labels.ndjson")).unwrap();
    let rows: Vec<Label> = labels.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert!(rows.into_iter().eq(scenario.labels()));
    // A file in the way of the directory is an error that names it.
    let error = scenario.write_dir(&dir.join("truth.json")).unwrap_err();
    assert!(error.path.ends_with("truth.json"));
    std::fs::remove_dir_all(&dir).unwrap();
}
