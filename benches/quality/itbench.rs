//! ITBench scenarios as incidents.
//!
//! The scenarios are definitions without times: which groups of objects raise
//! which alerts, how the fault spreads, and which group is the root. Each is
//! placed at a time of its own, in the order of their numbers, and its cascade
//! follows its own propagation steps with made-up lags. All scenarios share one
//! topology, as they share their demo systems.
//!
//! No scenario lists an alert on its root. Roots that are configuration, such
//! as config maps and chaos schedules, act by being edited, so the edit is given
//! as a change event shortly before, among three other edits that are innocent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::itbench_scenario::{Scenario, read_scenario, scenario_files};
use super::native::{Body, Class, Dataset, Event, QualityError, TrueIncident, rfc3339};
use super::synth::{FAULT_MS, Hit, Raise, Rng, raise, spread};

/// 2026-11-02T08:00:00Z, in milliseconds.
const START_MS: i64 = 1_793_606_400_000;

/// Scenarios lie far enough apart for every alert to have ended.
const SPACING_MS: i64 = 1_200_000;

/// Edits that have nothing to do with a scenario, for each that has.
const DECOYS: usize = 3;

/// A converted set, and what else counts as the root of each incident.
pub struct Converted {
    /// The data set.
    pub set: Dataset,
    /// By incident: its roots and everything that the scenario calls the same.
    pub accepted: BTreeMap<String, BTreeSet<String>>,
    /// Alerts that name no group and were left out.
    pub without_group: usize,
}

/// Converts every scenario of the folder that has a version 1 ground truth.
///
/// # Errors
/// When a file cannot be read or does not hold a scenario.
pub fn convert(dir: &Path, seed: u64) -> Result<Converted, QualityError> {
    let mut scenarios = Vec::new();
    for path in scenario_files(dir)? {
        scenarios.push(read_scenario(&path)?);
    }
    scenarios.sort_by_key(|scenario| scenario.number);
    let mut set = Dataset { name: "itbench".into(), seed, ..Dataset::default() };
    for scenario in &scenarios {
        set.entities.extend(scenario.entities.iter().cloned());
        set.relations.extend(scenario.relations.iter().cloned());
    }
    let mut rng = Rng(seed);
    let mut accepted = BTreeMap::new();
    let mut start_ms = START_MS;
    for scenario in &scenarios {
        start_ms += SPACING_MS + rng.between(0, 300_000);
        if let Some(id) = place(&mut set, scenario, start_ms, &mut rng) {
            accepted.insert(id, scenario.accepted.clone());
        }
    }
    let without_group = scenarios.iter().map(|scenario| scenario.without_group).sum();
    Ok(Converted { set, accepted, without_group })
}

/// Places a scenario at its time; the id of its incident, when it has alerts.
fn place(set: &mut Dataset, scenario: &Scenario, start_ms: i64, rng: &mut Rng) -> Option<String> {
    let root = scenario.roots.first()?;
    let hits: Vec<Hit> = scenario
        .roots
        .iter()
        .flat_map(|root| spread(&scenario.dependents, root, start_ms, rng, |_| 1.0))
        .collect();
    let last_ms = hits.iter().map(|hit| hit.at_ms).max().unwrap_or(start_ms);
    let reached =
        |entity: &str| hits.iter().filter(|hit| hit.entity == entity).map(|hit| hit.at_ms).min();
    let incident = set.incidents.len();
    let id = format!("scenario-{:03}", scenario.number);
    let change_id = scenario.is_configuration.then(|| format!("chg-{}", scenario.number));
    if let Some(change_id) = &change_id {
        let entities: Vec<String> = set.entities.iter().cloned().collect();
        edit(set, root, change_id, start_ms - rng.between(5_000, 60_000));
        for decoy in 0..DECOYS {
            let at_ms = start_ms + rng.between(-1_800_000, 300_000);
            if let Some(entity) = rng.pick(&entities) {
                edit(set, entity, &format!("{change_id}-{decoy}"), at_ms);
            }
        }
    }
    for (entity, name, description) in &scenario.alerts {
        // Where no step leads to an alert it comes after all others.
        let from_ms = reached(entity).unwrap_or_else(|| last_ms + rng.lag_ms());
        raise(
            set,
            Raise {
                entity,
                name,
                severity: severity(name),
                summary: description,
                from_ms: from_ms + rng.between(0, 15_000),
                until_ms: start_ms + FAULT_MS,
                incident: Some(incident),
            },
        );
    }
    let mut entities: BTreeSet<String> = hits.iter().map(|hit| hit.entity.clone()).collect();
    entities.extend(scenario.alerts.iter().map(|(entity, _, _)| entity.clone()));
    set.incidents.push(TrueIncident {
        id: id.clone(),
        root: root.clone(),
        fault: scenario.fault.clone(),
        start: rfc3339(start_ms),
        end: rfc3339(start_ms + FAULT_MS),
        change_id,
        entities,
        path: scenario
            .dependents
            .iter()
            .flat_map(|(cause, effects)| {
                effects.iter().map(move |effect| (effect.clone(), cause.clone()))
            })
            .collect(),
    });
    Some(id)
}

fn severity(alert: &str) -> &'static str {
    let urgent = ["Error", "Crash", "Down", "Unavailable", "Failed"];
    if urgent.iter().any(|word| alert.contains(word)) { "error" } else { "warning" }
}

fn edit(set: &mut Dataset, entity: &str, id: &str, at_ms: i64) {
    set.events.push(Event {
        id: format!("c-{id}"),
        at_ms,
        entity: entity.to_owned(),
        summary: format!("{entity} was edited"),
        body: Body::Change { id: id.to_owned() },
        incident: None,
        class: Class::Context,
        repeats: None,
    });
}

// The bench has no harness, which drops the tests and keeps what they use; they run in
// the integration tests, which include this file.
#[cfg(test)]
#[allow(unused_imports, dead_code)]
mod tests {
    use super::*;

    const WRAPPED: &str = r"
apiVersion: example/v1
spec:
  alerts:
    - {id: HighErrors, group_id: web-service-1, metadata: {description: web fails}}
    - {id: NoRequests, group_id: mail-service}
    - {id: Orphan, metadata: {description: names no group}}
  aliases: [[web-service-1, web-pod-1], [flags-1]]
  fault: [{category: Other}, {category: Configuration}]
  groups:
    - {id: flags-1, kind: ConfigMap, namespace: shop, root_cause: true}
    - {id: web-pod-1, kind: Pod, namespace: shop}
    - {id: web-service-1, kind: Service, namespace: shop}
  propagations:
    - {source: flags-1, target: web-pod-1}
    - {source: web-pod-1, target: web-service-1}
";

    fn made() -> Converted {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [
            ("scenario_12", WRAPPED.to_owned()),
            // The second has no wrapper: its keys stand at the top.
            ("scenario_3", WRAPPED.replace("apiVersion: example/v1\nspec:\n", "")),
        ] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
            let text = if name == "scenario_3" { text.replace("\n  ", "\n") } else { text };
            std::fs::write(dir.path().join(name).join("groundtruth_v1.yaml"), text).unwrap();
        }
        std::fs::create_dir(dir.path().join("faults")).unwrap();
        convert(dir.path(), 1).unwrap()
    }

    #[test]
    fn both_spellings_are_read_and_placed_in_order() {
        let converted = made();
        let ids: Vec<&str> = converted.set.incidents.iter().map(|i| i.id.as_str()).collect();
        assert_eq!(ids, ["scenario-003", "scenario-012"]);
        assert_eq!(converted.without_group, 2);
        let first = &converted.set.incidents[0];
        assert_eq!(first.root, "configmap:shop/flags");
        assert_eq!(first.fault, "Configuration");
        assert_eq!(
            first.path,
            [
                ("pod:shop/web".to_owned(), "configmap:shop/flags".to_owned()),
                ("service:shop/web".to_owned(), "pod:shop/web".to_owned()),
            ]
        );
    }

    #[test]
    fn alerts_follow_their_causes_and_the_edit_comes_first() {
        let converted = made();
        let set = &converted.set;
        let edit = set.events.iter().find(|event| event.id == "c-chg-3").unwrap();
        let alerts: Vec<&Event> = set
            .events
            .iter()
            .filter(|event| event.incident == Some(0) && event.repeats.is_none())
            .collect();
        assert_eq!(alerts.len(), 2);
        assert!(alerts.iter().all(|alert| alert.at_ms > edit.at_ms));
        let edits = set.events.iter().filter(|event| event.class == Class::Context).count();
        assert_eq!(edits, 2 * (1 + DECOYS));
        assert!(set.relations.contains(&(
            "pod:shop/web".into(),
            "service:shop/web".into(),
            "part_of"
        )));
        assert_eq!(converted.accepted["scenario-003"].len(), 1);
    }
}
