//! The two trivial rivals that any real method must leave behind.
//!
//! *Components* links alerts on one entity or on neighbours whose onsets lie at
//! most 60 s apart and takes the connected components. *Earliest* takes the
//! predicted groups as they are and blames the entity of the first alert. They
//! are printed beside the real figures, so that nobody wins by an easy storm.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::Options;
use super::cause::Matching;
use super::figures::share;
use super::grouping::{Scope, score};
use super::join::{Joined, JoinedAlert};
use super::records::Topology;
use super::{incident_items, items_of};

/// Largest distance of two linked onsets.
const WINDOW_NANOS: i64 = 60_000_000_000;

/// The rivals' scores.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rivals {
    /// Components over all alerts, where the topology is known.
    pub components_all: Option<Scope>,
    /// Components scored on incident alerts only.
    pub components_incident: Option<Scope>,
    /// Share of true incidents whose matched group began at the root.
    pub earliest_per_true: Option<f64>,
    /// Share of matched predicted incidents that began at the root.
    pub earliest_per_predicted: Option<f64>,
}

/// Scores both rivals.
pub fn report(
    joined: &Joined<'_>,
    matching: &Matching,
    topology: Option<&Topology>,
    options: &Options<'_>,
) -> Rivals {
    let grouped = topology.map(|topology| {
        let shown: Vec<&JoinedAlert<'_>> =
            joined.alerts.iter().filter(|alert| !alert.is_suppressed()).collect();
        let group_of = components(&shown, topology);
        items_of(&shown, joined.truth.len(), |index| group_of[index])
    });
    let incidents = joined.truth.len();
    let (per_true, per_predicted) = earliest(joined, matching, options);
    Rivals {
        components_all: grouped.as_ref().map(|items| score(items, incidents)),
        components_incident: grouped
            .as_ref()
            .map(|items| score(&incident_items(items, incidents), incidents)),
        earliest_per_true: per_true,
        earliest_per_predicted: per_predicted,
    }
}

/// The component of each alert.
///
/// An alert is linked to the latest earlier one on its entity and on each
/// neighbour. All others within 60 s on that neighbour lie within 60 s of the
/// latest, so they are in the same component already.
fn components(alerts: &[&JoinedAlert<'_>], topology: &Topology) -> Vec<usize> {
    let name = |entity: &str| -> String {
        topology.aliases.get(entity).cloned().unwrap_or_else(|| entity.to_owned())
    };
    let mut neighbours: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (from, to) in &topology.relations {
        let (from, to) = (name(from), name(to));
        neighbours.entry(from.clone()).or_default().insert(to.clone());
        neighbours.entry(to).or_default().insert(from);
    }
    let mut by_onset: Vec<usize> = (0..alerts.len()).collect();
    by_onset.sort_by_key(|&index| (alerts[index].row.first, &alerts[index].row.alert_id));
    let mut latest: BTreeMap<String, usize> = BTreeMap::new();
    let mut parents: Vec<usize> = (0..alerts.len()).collect();
    for index in by_onset {
        let entity = name(&alerts[index].row.entity);
        let near = neighbours.get(&entity).into_iter().flatten().chain([&entity]);
        for earlier in near.filter_map(|entity| latest.get(entity)) {
            if alerts[index].row.first.0 - alerts[*earlier].row.first.0 <= WINDOW_NANOS {
                let (a, b) = (find(&mut parents, index), find(&mut parents, *earlier));
                parents[a.max(b)] = a.min(b);
            }
        }
        latest.insert(entity, index);
    }
    (0..alerts.len()).map(|index| find(&mut parents, index)).collect()
}

/// The representative of a component, halving the path to it.
fn find(parents: &mut [usize], mut index: usize) -> usize {
    while parents[index] != index {
        parents[index] = parents[parents[index]];
        index = parents[index];
    }
    index
}

/// Top-1 accuracy of blaming the first alert, per true and per predicted incident.
fn earliest(
    joined: &Joined<'_>,
    matching: &Matching,
    options: &Options<'_>,
) -> (Option<f64>, Option<f64>) {
    let mut first: Vec<Option<&JoinedAlert<'_>>> = vec![None; joined.predicted.len()];
    for alert in &joined.alerts {
        if let Some(group) = alert.predicted {
            let known = first[group].get_or_insert(alert);
            let (a, b) = (alert.row, known.row);
            if (a.first, &a.fingerprint) < (b.first, &b.fingerprint) {
                *known = alert;
            }
        }
    }
    let right = |predicted: usize, truth: usize| {
        first[predicted].is_some_and(|a| (options.same)(joined.truth[truth], &a.row.entity))
    };
    let of_true = matching.predicted_of.iter().enumerate();
    let true_hits = of_true.filter(|(t, p)| p.is_some_and(|p| right(p, *t))).count() as u64;
    let matched: Vec<(usize, usize)> = matching
        .truth_of
        .iter()
        .enumerate()
        .filter_map(|(predicted, truth)| Some((predicted, (*truth)?)))
        .collect();
    let hits = matched.iter().filter(|(predicted, truth)| right(*predicted, *truth)).count();
    (share(true_hits, joined.truth.len() as u64), share(hits as u64, matched.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::super::cause::match_incidents;
    use super::super::join::join;
    use super::super::read::Data;
    use super::super::records::{AlertRow, Class, Label, Labels, Nanos, TrueIncident, Truth};
    use super::*;

    fn alert(id: &str, entity: &str, second: i64, incident: Option<&str>) -> AlertRow {
        AlertRow {
            alert_id: id.into(),
            entity: entity.into(),
            first: Nanos(second * 1_000_000_000),
            first_event_id: id.into(),
            incident_id: incident.map(Into::into),
            ..AlertRow::default()
        }
    }

    fn topology(relations: &[(&str, &str)], aliases: &[(&str, &str)]) -> Topology {
        let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
        };
        Topology { relations: own(relations), aliases: own(aliases).into_iter().collect() }
    }

    fn grouped(alerts: Vec<AlertRow>, topology: &Topology) -> Vec<usize> {
        let data = Data { alerts, labels: Some(Labels::default()), ..Data::default() };
        let joined = join(&data).unwrap();
        components(&joined.alerts.iter().collect::<Vec<_>>(), topology)
    }

    #[test]
    fn components_by_hand() {
        // a-b-c is a path of neighbours; d has none. b follows a by 60 s and links, c follows
        // b by 61 s and does not; d repeats itself after 30 s and links with itself only.
        let alerts = vec![
            alert("1", "a", 0, None),
            alert("2", "b", 60, None),
            alert("3", "c", 121, None),
            alert("4", "d", 60, None),
            alert("5", "d", 90, None),
        ];
        assert_eq!(grouped(alerts, &topology(&[("a", "b"), ("b", "c")], &[])), [0, 0, 2, 3, 3]);
    }

    #[test]
    fn two_hops_are_too_far_and_aliases_are_no_hop() {
        let alerts = vec![alert("1", "a", 0, None), alert("2", "c", 0, None)];
        let far = topology(&[("a", "b"), ("b", "c")], &[]);
        assert_eq!(grouped(alerts.clone(), &far), [0, 1]);
        let near = topology(&[("a", "b")], &[("c", "b")]);
        assert_eq!(grouped(alerts, &near), [0, 0]);
    }

    #[test]
    fn a_chain_through_one_entity_is_one_component() {
        // The alert on b at 50 s links to the later of the two on a; the earlier one comes with it.
        let alerts =
            vec![alert("1", "a", 0, None), alert("2", "a", 40, None), alert("3", "b", 50, None)];
        assert_eq!(grouped(alerts, &topology(&[("b", "a")], &[])), [0, 0, 0]);
    }

    #[test]
    fn earliest_by_hand() {
        // Incident t is split in p (3 alerts, begins on the root) and q (1 alert, begins
        // elsewhere): per true incident the larger one is judged, 1 of 1; per predicted 1 of 2.
        let alerts = vec![
            alert("1", "root", 5, Some("p")),
            alert("2", "x", 6, Some("p")),
            alert("3", "y", 7, Some("p")),
            alert("4", "z", 1, Some("q")),
        ];
        let label = |id: &str| Label {
            event_id: id.into(),
            incident: Some("t".into()),
            class: Class::Incident,
            duplicate_of: None,
            suppressible: false,
        };
        let rows = ["1", "2", "3", "4"].map(|id| (id.to_owned(), label(id))).into();
        let incident =
            TrueIncident { id: "t".into(), root: "root".into(), ..TrueIncident::default() };
        let data = Data {
            truth: Truth { incidents: vec![incident], ..Truth::default() },
            labels: Some(Labels { rows, ..Labels::default() }),
            alerts,
            ..Data::default()
        };
        let joined = join(&data).unwrap();
        let matching = match_incidents(&joined);
        let rivals = report(&joined, &matching, None, &Options::default());
        assert_eq!(rivals.earliest_per_true, Some(1.0));
        assert_eq!(rivals.earliest_per_predicted, Some(0.5));
        assert_eq!(rivals.components_all, None);
    }
}
