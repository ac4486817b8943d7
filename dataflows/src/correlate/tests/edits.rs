//! Edits of a topology with wholes and parts, and aliases with which alerts move: after each of
//! them stands what stands when all of it is heard at once.

use super::{Heard, START, after_with, config, rated};
use crate::correlate::Fact;
use crate::model::{Edge, EntityRef, RelationKind, Seconds, Severity};
use crate::params::Params;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The first of these are services, the others their pods and hosts.
const ENTITIES: [&str; 10] = [
    "service:a/s0",
    "service:a/s1",
    "service:a/s2",
    "service:a/s3",
    "deployment:a/d0",
    "pod:a/p0",
    "pod:a/p1",
    "pod:a/p2",
    "host:h0",
    "host:h1",
];

/// Something that is said or, said again, taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    Calls(usize, usize),
    PartOf(usize, usize),
    /// An alert on an entity so long after the start; a third of them are severe.
    Alert(usize, Seconds),
    /// Another name of the first is the second.
    Alias(usize, usize),
}

/// Everything that is said at a time, as correlation hears of it.
fn facts(said: &BTreeSet<Said>) -> BTreeSet<Fact> {
    let mut names: BTreeMap<usize, usize> = BTreeMap::new();
    for said in said {
        if let Said::Alias(own, other) = said {
            names.entry(*other).or_insert(*own);
        }
    }
    let entity = |at: &usize| EntityRef::new("t", ENTITIES[*names.get(at).unwrap_or(at)]);
    let edge = |from: &usize, to: &usize, kind| {
        let (from, to) = (entity(from), entity(to));
        let tenant = "t".into();
        let edge = Edge { tenant, from, to, kind, confidence_ppm: 1_000_000 };
        (edge.from != edge.to).then(|| Fact::Edge(Arc::new(edge)))
    };
    let fact = |said: &Said| match said {
        Said::Calls(from, to) => edge(from, to, RelationKind::Calls),
        Said::PartOf(from, to) => edge(from, to, RelationKind::PartOf),
        Said::Alert(on, after) => {
            let severity = if after % 3 == 1 { Severity::ERROR } else { Severity::INFO };
            let given = EntityRef::new("t", ENTITIES[*on]);
            Some(rated(&given, entity(on), START + after, severity, None))
        }
        Said::Alias(..) => None,
    };
    said.iter().filter_map(fact).collect()
}

/// Says things in turn, in epochs that end where it is said, and holds what stands after each
/// to what stands when all of it is heard at once.
fn hold(params: &Params, steps: &[(Said, bool)]) -> Result<(), TestCaseError> {
    let mut tenant = Heard::default();
    let (mut said, mut heard) = (BTreeSet::new(), BTreeSet::new());
    for (at, (step, cut)) in steps.iter().enumerate() {
        if !said.remove(step) {
            said.insert(*step);
        }
        if !cut && at + 1 < steps.len() {
            continue;
        }
        let now = facts(&said);
        let gone = heard.difference(&now).map(|fact| (Fact::clone(fact), -1));
        let news = gone.chain(now.difference(&heard).map(|fact| (fact.clone(), 1))).collect();
        tenant.apply(news, START + 300, params);
        let at_once = now.iter().map(|fact| (fact.clone(), 1)).collect();
        prop_assert_eq!(&tenant.standing, &after_with(params, [at_once]), "after step {}", at);
        heard = now;
    }
    Ok(())
}

fn steps() -> impl Strategy<Value = Vec<(Said, bool)>> {
    let entity = || 0..ENTITIES.len();
    let seconds = prop_oneof![3 => 0..40i64, 1 => 0..300i64];
    let said = prop_oneof![
        3 => (entity(), entity()).prop_map(|(from, to)| Said::Calls(from, to)),
        3 => (4..8usize, entity()).prop_map(|(from, to)| Said::PartOf(from, to)),
        3 => (entity(), seconds).prop_map(|(on, after)| Said::Alert(on, after)),
        1 => (entity(), entity()).prop_map(|(own, other)| Said::Alias(own, other)),
    ];
    // What was said is taken back about as often as something new is said.
    let again = prop::option::weighted(0.4, any::<prop::sample::Index>());
    prop::collection::vec((said, again, any::<bool>()), 1..40).prop_map(|drawn| {
        let mut steps: Vec<(Said, bool)> = Vec::new();
        for (said, again, cut) in drawn {
            let same = |(from, to): (&usize, &usize)| from == to;
            let empty = match &said {
                Said::Calls(a, b) | Said::PartOf(a, b) | Said::Alias(a, b) => same((a, b)),
                Said::Alert(..) => false,
            };
            let said = match again {
                Some(index) if !steps.is_empty() => steps[index.index(steps.len())].0,
                _ if empty => continue,
                _ => said,
            };
            steps.push((said, cut));
        }
        steps
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn edits_lead_where_hearing_it_all_at_once_does(steps in steps(), hub in 1..5usize) {
        let mut params = Params::default();
        params.correlate.hub_degree_max = hub;
        hold(&params, &steps)?;
    }
}

/// A pod alerts before the database that its host depends on does; then it is another name of a
/// service, which takes its alert and its host along. What the host depends on has nothing to do
/// with the alert from then on.
#[test]
fn an_alert_that_moves_with_the_edges_of_its_entity_leaves_whom_it_was_with() {
    let (service, database, pod, host) = (0, 1, 5, 8);
    let said = [
        (Said::Calls(host, database), false),
        (Said::PartOf(pod, host), false),
        (Said::Alert(pod, 0), true),
        (Said::Alert(service, 5), false),
        (Said::Alert(database, 9), true),
        (Said::Alias(service, pod), true),
    ];
    assert!(hold(&Params::default(), &said).is_ok());
}

/// The same with nothing but the pod leaving its host.
#[test]
fn a_part_that_leaves_its_whole_leaves_whom_the_whole_was_with() {
    let (database, pod, host) = (1, 5, 8);
    let said = [
        (Said::Calls(host, database), false),
        (Said::PartOf(pod, host), false),
        (Said::Alert(pod, 0), false),
        (Said::Alert(database, 9), true),
        (Said::PartOf(pod, host), true),
    ];
    assert!(hold(&Params::default(), &said).is_ok());
}

/// A part that leaves its whole is one more that uses what both depend on; so whoever blames
/// that hears of another number of users.
#[test]
fn a_part_that_leaves_its_whole_counts_among_the_users_of_what_both_depend_on() {
    let (service, whole, database, pod) = (0, 1, 2, 5);
    let said = [
        (Said::Calls(service, database), false),
        (Said::Calls(whole, database), false),
        (Said::Calls(pod, database), false),
        (Said::PartOf(pod, whole), false),
        (Said::Alert(service, 1), true),
        (Said::PartOf(pod, whole), true),
        (Said::PartOf(pod, whole), true),
    ];
    assert!(hold(&Params::default(), &said).is_ok());
}

/// Whoever used something silent hears of it when one more user makes it a hub, which nobody is
/// blamed for, and when that one is gone again.
#[test]
fn users_of_what_becomes_a_hub_are_decided_again() {
    let (a, b, c, silent, more) = (0, 1, 2, 3, 4);
    let mut params = Params::default();
    params.correlate.hub_degree_max = 3;
    let said = [
        (Said::Calls(a, silent), false),
        (Said::Calls(b, silent), false),
        (Said::Calls(c, silent), false),
        (Said::Alert(a, 1), false),
        (Said::Alert(b, 1), false),
        (Said::Alert(c, 1), true),
        (Said::Calls(more, silent), true),
        (Said::Calls(more, silent), true),
    ];
    assert!(hold(&params, &said).is_ok());
}
