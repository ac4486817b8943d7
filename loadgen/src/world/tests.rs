//! What the estate promises.

use super::*;
use crate::instant::{HOUR, START};
use crate::profile::Profile;
use std::collections::BTreeSet;

fn world(seed: u64) -> World {
    World::build(seed, 300, &Profile::Stress.rates(), START, START + 2 * HOUR)
}

#[test]
fn calls_go_down_and_degrees_are_bounded() {
    for seed in 0..8 {
        let world = world(seed);
        let calls = |e: &&Edge| e.relation == Relation::Calls;
        for edge in world.edges.iter().filter(calls) {
            let from = world.service_of(edge.from).unwrap();
            if let Some(to) = world.service_of(edge.to) {
                assert!(to.layer > from.layer, "seed {seed}");
            }
        }
        for service in &world.services {
            let out = &world.dependencies[service.node as usize];
            let initial = out.iter().map(|e| world.edges[*e as usize]).filter(|e| {
                e.relation == Relation::Calls
                    && e.since == Ms::MIN
                    && world.service_of(e.to).is_some()
            });
            assert!(initial.count() <= 10);
        }
    }
}

#[test]
fn hubs_take_their_share() {
    for seed in 0..8 {
        let world = world(seed);
        let hubs = world.services.iter().filter(|s| s.hub).count();
        assert_eq!(hubs, 15);
        let among: Vec<&Service> = world
            .edges
            .iter()
            .filter(|e| e.relation == Relation::Calls)
            .filter_map(|e| world.service_of(e.to))
            .filter(|s| s.production)
            .collect();
        let share = among.iter().filter(|s| s.hub).count() as f64 / among.len() as f64;
        assert!((0.12..0.33).contains(&share), "seed {seed}: {share}");
    }
}

#[test]
fn references_are_unique_and_short() {
    let world = world(3);
    let mut seen = BTreeSet::new();
    for node in &world.nodes {
        assert!(node.reference.len() <= 256);
        let (kind, rest) = node.reference.split_once(':').unwrap();
        assert_eq!(kind, node.kind.word());
        assert_eq!(rest, format!("{}/{}", node.namespace(), node.short()));
        assert!(seen.insert(&node.reference), "{} twice", node.reference);
    }
}

#[test]
fn the_catalogue_errs_as_promised() {
    let (mut missing, mut real, mut stale) = (0, 0, 0);
    for seed in 0..8 {
        let world = world(seed);
        let told: BTreeSet<(NodeId, NodeId, Relation)> = world
            .catalogue
            .iter()
            .filter_map(|f| match f {
                Fact::Relation { from, to, relation } => Some((*from, *to, *relation)),
                Fact::Entity(_) => None,
            })
            .collect();
        let initial: BTreeSet<(NodeId, NodeId, Relation)> = world
            .edges
            .iter()
            .filter(|e| e.since == Ms::MIN)
            .map(|e| (e.from, e.to, e.relation))
            .collect();
        real += initial.len();
        missing += initial.difference(&told).count();
        let calls = told.iter().filter(|t| t.2 == Relation::Calls);
        stale += calls.filter(|t| !initial.contains(t)).count();
    }
    let (missing, stale) = (missing as f64 / real as f64, stale as f64 / real as f64);
    assert!((0.035..0.065).contains(&missing), "{missing}");
    assert!((0.03..0.06).contains(&stale), "{stale}");
}

#[test]
fn clocks_are_wrong_as_promised() {
    let (mut gross, mut all, mut square) = (0, 0, 0.0);
    for seed in 0..8 {
        let world = world(seed);
        for (id, node) in world.nodes.iter().enumerate().filter(|(i, n)| n.canon == *i as NodeId) {
            assert_eq!(id as NodeId, node.canon);
            all += 1;
            gross += usize::from(node.skew.abs() > 40_000);
            square += if node.skew.abs() > 40_000 { 0.0 } else { (node.skew as f64).powi(2) };
        }
        assert!(world.nodes.iter().all(|n| n.skew == world.node(n.canon).skew));
    }
    let share = f64::from(gross as u32) / f64::from(all as u32);
    assert!((0.01..0.03).contains(&share), "{share}");
    let deviation = (square / f64::from(all as u32)).sqrt();
    assert!((3_600.0..4_400.0).contains(&deviation), "{deviation}");
}

#[test]
fn a_replaced_pod_is_not_steady() {
    let slot = PodSlot { host: 0, held: vec![(Ms::MIN, 1, 2), (100, 3, 4)] };
    assert_eq!(slot.steady(0, 50), Some((1, 2)));
    assert_eq!(slot.steady(0, 101), None);
    assert_eq!(slot.steady(100, 500), Some((3, 4)));
}

#[test]
fn updates_withdraw_only_what_holds() {
    for seed in 0..4 {
        let rates = Profile::Churn.rates();
        let world = World::build(seed, 300, &rates, START, START + 2 * HOUR);
        assert!(world.updates.len() > 500);
        assert!(world.updates.windows(2).all(|w| w[0].at <= w[1].at));
        let mut holds = world.catalogue.clone();
        for update in &world.updates {
            let at = holds.iter().position(|f| *f == update.fact);
            match (update.upsert, at) {
                (true, None) => holds.push(update.fact),
                (false, Some(at)) => drop(holds.swap_remove(at)),
                (upsert, at) => panic!("{update:?} upsert {upsert}, held {}", at.is_some()),
            }
        }
    }
}
