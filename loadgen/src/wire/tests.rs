//! The formats against each other: one scenario, told three ways.

use super::*;
use crate::profile::Profile;
use crate::scenario::Scenario;
use crate::storm::What;
use serde_json::Value;

fn scenario() -> Scenario {
    Scenario::build(Profile::Stress, 31, Some(30_000))
}

fn native(scenario: &Scenario) -> Vec<Value> {
    let mut out = Vec::new();
    scenario.events_ndjson(&mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn alertmanager_tells_the_same_alerts() {
    let scenario = scenario();
    let mut expected = native(&scenario).into_iter().filter(|e| e["kind"] == "alert");
    let (mut alerts, mut due) = (0, 0);
    for post in alertmanager::posts(&scenario, 64) {
        assert!(post.due >= due && (1..=64).contains(&post.alerts));
        due = post.due;
        let body: Vec<Value> = serde_json::from_slice(&post.body).unwrap();
        assert_eq!(body.len(), post.alerts);
        alerts += body.len();
        for alert in body {
            let event = expected.next().unwrap();
            let mut labels = alert["labels"].as_object().unwrap().clone();
            for (label, field) in
                [("alertname", "name"), ("entity", "entity"), ("severity", "severity")]
            {
                assert_eq!(labels.remove(label).unwrap(), event[field]);
            }
            assert_eq!(&labels, event["labels"].as_object().unwrap());
            assert_eq!(alert["annotations"]["summary"], event["summary"]);
            assert!(alert["generatorURL"].as_str().unwrap().starts_with("https://"));
            let time = |value: &Value| value.as_str().unwrap().to_owned();
            let (starts, ends) = (time(&alert["startsAt"]), time(&alert["endsAt"]));
            assert!(starts <= time(&event["time"]) && starts < ends);
            assert_eq!(ends > time(&event["time"]), event["status"] == "firing");
        }
    }
    assert!(expected.next().is_none());
    let all = scenario.storm.events.iter();
    let all = all.filter(|e| matches!(e.what, What::Firing | What::Resolved));
    assert_eq!(alerts, all.count());
}

#[test]
fn cloudevents_carry_the_native_events() {
    let scenario = scenario();
    let mut expected = native(&scenario).into_iter();
    for batch in cloudevents::batches(&scenario, 500) {
        let batch: Vec<Value> = serde_json::from_slice(&batch).unwrap();
        for envelope in batch {
            let event = expected.next().unwrap();
            assert_eq!(envelope["data"], event);
            assert_eq!((&envelope["id"], &envelope["source"]), (&event["id"], &event["source"]));
            assert_eq!(envelope["specversion"], "1.0");
            assert_eq!(envelope["type"], cloudevents::TYPE);
            assert_eq!(envelope["time"].as_str().unwrap().len(), 24);
        }
    }
    assert!(expected.next().is_none());
    let writer = native::Writer::new(&scenario);
    let mut one = Vec::new();
    cloudevents::push_structured(&mut one, &writer, &scenario.storm.events[0]);
    let one: Value = serde_json::from_slice(&one).unwrap();
    assert_eq!(one["data"]["id"], "e-000000000");
}

#[test]
fn aliases_are_listed_once_and_lead_somewhere() {
    let scenario = scenario();
    let topology = String::from_utf8(scenario.topology_ndjson()).unwrap();
    let facts: Vec<Value> = topology.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let mut aliases: Vec<&str> = facts
        .iter()
        .filter_map(|f| f["aliases"].as_array())
        .flatten()
        .map(|a| a.as_str().unwrap())
        .collect();
    let all = aliases.len();
    aliases.sort_unstable();
    aliases.dedup();
    assert_eq!(all, aliases.len());
    assert!(all > 800, "{all}");
    // Relations speak of entities that are listed.
    let known: std::collections::BTreeSet<&str> =
        facts.iter().filter_map(|f| f["entity"].as_str()).collect();
    for fact in facts.iter().filter(|f| f["kind"] == "relation") {
        for end in ["from", "to"] {
            assert!(known.contains(fact[end].as_str().unwrap()), "{fact}");
        }
    }
}

/// The two sets of words that make a check's identity must tell checks apart.
#[test]
fn checks_have_identities_of_their_own() {
    let scenario = scenario();
    let identity = |check: &crate::storm::Check| {
        let node = &scenario.world.node(check.node).reference;
        let rule = crate::vocabulary::rule_by(check.rule).name;
        (node.clone(), rule, native::parts::labels(&scenario.world, *check))
    };
    let mut all: Vec<_> = scenario.storm.checks.iter().map(identity).collect();
    all.sort_unstable();
    assert!(all.windows(2).all(|w| w[0] != w[1]));
    for (.., labels) in &all {
        assert!(labels.windows(2).all(|w| w[0].0 < w[1].0), "{labels:?}");
    }
}
