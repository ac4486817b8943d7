//! The order in which a tenant hears things must not show.

mod cut;
mod edits;
mod restored;
mod scenes;
mod updates;

use super::tenant::Tenant;
use super::{Fact, Outcome};
use crate::model::{
    Alert, AlertKey, AlertRow, Annotated, Edge, EntityRef, EventId, Fingerprint, Group, Identity,
    IncidentKey, Labels, Pin, Rated, RelationKind, Seconds, Severity, Status,
};
use crate::params::Params;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The first onset.
const START: Seconds = 1_000_000;

fn entity(number: u8) -> EntityRef {
    EntityRef::new("t", &format!("service:a/s{number}"))
}

fn edge((from, to): (u8, u8)) -> Fact {
    Fact::Edge(Arc::new(Edge {
        tenant: "t".into(),
        from: entity(from),
        to: entity(to),
        kind: RelationKind::Calls,
        confidence_ppm: 1_000_000,
    }))
}

fn alert((on, after): (u8, u8)) -> Fact {
    alert_at(on, START + Seconds::from(after))
}

fn alert_at(on: u8, onset: Seconds) -> Fact {
    // A quarter of the entities are grouped by a rule instead.
    let pin = (on % 4 == 3)
        .then(|| Arc::new(Pin { rule: "r".into(), values: format!("lane={}", on % 8).into() }));
    rated(&entity(on), entity(on), onset, Severity::ERROR, pin)
}

/// An alert that was given for one entity and is placed on it or on another.
pub(super) fn rated(
    given: &EntityRef,
    entity: EntityRef,
    onset: Seconds,
    severity: Severity,
    pin: Option<Arc<Pin>>,
) -> Fact {
    let name = format!("Check{}", onset - START);
    let labels = std::iter::empty();
    let fingerprint = Fingerprint::of(&mut Vec::new(), "t", "alert", &given.text, &name, labels);
    let identity = Identity {
        fingerprint,
        tenant: "t".into(),
        source: "s".into(),
        entity: given.clone(),
        name: name.into(),
        labels: Labels::default(),
    };
    let alert = Alert {
        key: AlertKey { onset, fingerprint },
        first: onset,
        severity,
        status: Status::Firing,
        magnitude: 0,
        flapping: false,
        first_event_id: EventId::default(),
        summary: Default::default(),
        identity: Arc::new(identity),
    };
    let row = Annotated { alert: Arc::new(alert), entity, severity, suppression: None, pin };
    Fact::Alert(Rated { row: Arc::new(row), surprise_milli: 8_000, specific_milli: 8_000 })
}

/// What stands.
#[derive(Default, Debug, PartialEq)]
struct Standing {
    rows: BTreeMap<AlertKey, Arc<AlertRow>>,
    groups: BTreeMap<IncidentKey, Arc<Group>>,
}

impl Standing {
    fn take(&mut self, outcome: Outcome, diff: isize) {
        match (outcome, diff > 0) {
            (Outcome::Row(row), true) => drop(self.rows.insert(row.alert.key, row)),
            (Outcome::Row(row), false) => drop(self.rows.remove(&row.alert.key)),
            (Outcome::Group(group), true) => drop(self.groups.insert(group.key, group)),
            (Outcome::Group(group), false) => drop(self.groups.remove(&group.key)),
            (Outcome::Sealed(_), _) => {}
        }
    }
}

/// A tenant, what stands, and how many groups and rows its last epoch said.
#[derive(Default)]
struct Heard {
    tenant: Tenant,
    standing: Standing,
    said: (usize, usize),
}

impl Heard {
    fn apply(&mut self, facts: Vec<(Fact, isize)>, now: Seconds, params: &Params) {
        let Heard { tenant, standing, said } = self;
        *said = (0, 0);
        tenant.apply(facts, now, params, &mut |outcome, diff| {
            match outcome {
                Outcome::Group(_) if diff > 0 => said.0 += 1,
                Outcome::Row(_) if diff > 0 => said.1 += 1,
                _ => {}
            }
            standing.take(outcome, diff);
        });
    }
}

/// What stands after `epochs` of facts.
fn after(epochs: impl IntoIterator<Item = Vec<(Fact, isize)>>) -> Standing {
    after_with(&Params::default(), epochs)
}

fn after_with(params: &Params, epochs: impl IntoIterator<Item = Vec<(Fact, isize)>>) -> Standing {
    let mut heard = Heard::default();
    epochs.into_iter().for_each(|facts| heard.apply(facts, START + 300, params));
    heard.standing
}

fn added(fact: Fact) -> (Fact, isize) {
    (fact, 1)
}

fn config() -> Config {
    Config {
        cases: 1000,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(11),
        ..Config::default()
    }
}

/// Small worlds whose alerts begin in very few seconds, so that many places explain as much as
/// others do.
fn worlds() -> impl Strategy<Value = (Vec<(u8, u8)>, Vec<(u8, u8)>, Vec<usize>)> {
    let edges = prop::collection::btree_set((0..12u8, 0..12u8), 0..24);
    let alerts = prop::collection::btree_set((0..12u8, 0..3u8), 1..16);
    let flaps = prop::collection::vec(any::<prop::sample::Index>(), 0..4);
    (edges, alerts, flaps).prop_map(|(edges, alerts, flaps)| {
        let edges: Vec<_> = edges.into_iter().filter(|(from, to)| from != to).collect();
        let flaps = match edges.len() {
            0 => Vec::new(),
            len => flaps.into_iter().map(|flap| flap.index(len)).collect(),
        };
        (edges, alerts.into_iter().collect(), flaps)
    })
}

/// Everything of a world comes, some of it flaps, then all of it goes, alerts one by one: with
/// age they are not taken back but leave their horizon, while others of their group have not.
fn coming_and_going(
    (edges, alerts, flaps): (Vec<(u8, u8)>, Vec<(u8, u8)>, Vec<usize>),
) -> Vec<(Fact, isize)> {
    let flapping = flaps.iter().flat_map(|at| [(edge(edges[*at]), -1), (edge(edges[*at]), 1)]);
    // Who owns what carries no fault.
    let owned = alerts.iter().map(|(on, _)| {
        let Fact::Edge(calls) = edge((*on, (*on + 1) % 12)) else { unreachable!() };
        Fact::Edge(Arc::new(Edge { kind: RelationKind::OwnedBy, ..Edge::clone(&calls) }))
    });
    let mut facts: Vec<_> = alerts.iter().copied().map(alert).map(added).collect();
    facts.extend(edges.iter().copied().map(edge).chain(owned).map(added));
    facts.extend(flapping);
    facts.extend(alerts.iter().copied().map(|on| (alert(on), -1)));
    facts.extend(edges.iter().copied().map(|ends| (edge(ends), -1)));
    facts
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_order_of_topology_and_alerts_gives_the_same_groups(
        (edges, alerts, flaps) in worlds()
    ) {
        let at_once = edges.iter().copied().map(edge).chain(alerts.iter().copied().map(alert));
        let expected = after([at_once.map(added).collect()]);
        // Everything by itself and from the other end, then edges that go and come again.
        let alone = alerts.iter().rev().copied().map(alert);
        let alone = alone.chain(edges.iter().rev().copied().map(edge)).map(|fact| vec![added(fact)]);
        let flapping = flaps.iter().flat_map(|at| {
            [vec![(edge(edges[*at]), -1)], vec![(edge(edges[*at]), 1)]]
        });
        prop_assert_eq!(after(alone.chain(flapping)), expected);
    }
}

#[test]
fn a_chain_that_breaks_in_one_second_is_cut_alike_from_either_end() {
    let chain: Vec<(u8, u8)> = (0..40).map(|at| (at, at + 1)).collect();
    let alerts: Vec<_> = (0..=40).map(|at| added(alert((at, 0)))).collect();
    let edges: Vec<_> = chain.iter().map(|ends| added(edge(*ends))).collect();
    let reversed = edges.iter().rev().cloned().collect();
    assert_eq!(after([edges, alerts.clone()]), after([reversed, alerts]));
}

/// Sizes of the groups that alerts of one lane make, in order of their first alerts, whichever
/// of them is heard of first; one of them, if any, comes and goes in between.
fn lanes(params: &Params, seconds: &[Seconds], guest: Option<Seconds>) -> Vec<(usize, bool)> {
    let heard = |at: &Seconds| vec![added(alert_at(3, START + at))];
    let forth: Vec<_> = seconds.iter().map(heard).collect();
    let mut back: Vec<_> = seconds.iter().rev().map(heard).collect();
    if let Some(guest) = guest {
        back.push(heard(&guest));
        back.push(vec![(alert_at(3, START + guest), -1)]);
    }
    let standing = after_with(params, forth);
    assert_eq!(standing, after_with(params, back));
    let mut groups: Vec<&Arc<Group>> = standing.groups.values().collect();
    groups.sort_by_key(|group| group.members[0].key);
    groups.iter().map(|group| (group.members.len(), group.degraded)).collect()
}

#[test]
fn what_a_rule_groups_falls_apart_over_a_gap() {
    let params = Params::default();
    assert_eq!(params.correlate.pinned_seconds, 900);
    assert_eq!(lanes(&params, &[0, 900, 1800], None), [(3, false)]);
    assert_eq!(lanes(&params, &[0, 900, 1801, 1802], Some(1500)), [(2, false), (2, false)]);
}

#[test]
fn a_group_of_a_rule_that_is_full_is_followed_by_another() {
    let mut params = Params::default();
    params.correlate.component_max = 2;
    let full = [(2, false), (2, true), (1, true)];
    assert_eq!(lanes(&params, &[0, 1, 2, 3, 4], Some(2 + 60)), full);
}

/// Pieces see what the pieces before them decided, and what everyone depends on in later ones.
#[test]
fn what_falls_with_one_hub_is_one_group_although_it_is_cut() {
    let mut params = Params::default();
    params.correlate.component_max = 10;
    // None of these is grouped by a rule.
    let users: Vec<u8> = (5..80).filter(|on| on % 4 != 3).collect();
    assert!(users.len() > 40);
    for hub_began in [0, 1] {
        let edges = users.iter().map(|user| added(edge((*user, 4)))).collect();
        let seconds = |user: &u8| (*user, 1 - hub_began + *user % 7);
        let mut alerts: Vec<_> = users.iter().map(|user| added(alert(seconds(user)))).collect();
        alerts.push(added(alert((4, hub_began))));
        let one_by_one = alerts.iter().rev().map(|fact| vec![fact.clone()]);
        let standing = after_with(&params, [edges, alerts.clone()]);
        let groups: Vec<_> = standing.groups.values().map(|g| g.members.len()).collect();
        assert_eq!(groups, [users.len() + 1], "the hub began after {hub_began} s");
        assert!(standing.groups.values().all(|group| group.degraded));
        let edges = users.iter().map(|user| added(edge((*user, 4)))).collect();
        assert_eq!(after_with(&params, one_by_one.chain([edges])), standing);
    }
}
