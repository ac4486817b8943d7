//! Causal cones: what one entity's fault would explain.
//!
//! A cone grows from its sources against the direction of dependence, hop by
//! hop, and only over entities that alert: a path that nobody felt is no path.

use super::links::lag_milli;
use super::world::{NodeIndex, World};
use crate::model::{AlertKey, RelationKind, Seconds};
use crate::params::CorrelateParams;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The undecided alerts of one component, by unit.
#[derive(Debug, Default)]
pub struct Sites {
    /// Alerts by the unit's root, in order of onset; covered ones are taken out.
    pub by_node: BTreeMap<NodeIndex, Vec<AlertKey>>,
}

/// Where a cone grows from.
#[derive(Clone, Copy, Debug)]
pub struct Source {
    /// The unit's root.
    pub node: NodeIndex,
    /// When it began there.
    pub onset: Seconds,
    /// Whether what lies there is already decided, so that the cone continues a group.
    pub decided: bool,
    /// How far from that alerts on the same entity may lie and still be its own, seconds.
    pub own_seconds: Seconds,
}

/// One unit that a cone covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The unit's root.
    pub node: NodeIndex,
    /// From which entity it was reached; itself for a source.
    pub via: NodeIndex,
    /// Over which relation.
    pub kind: RelationKind,
    /// Hops from the nearest source.
    pub hops: u8,
    /// Onset of its first covered alert less that of `via`.
    pub lag: Seconds,
    /// How well it fits, thousandths.
    pub weight_milli: i64,
    /// Its alerts that are covered.
    pub alerts: Vec<AlertKey>,
}

/// Grows a cone over the undecided alerts of `sites`.
pub fn grow(
    world: &World,
    sites: &Sites,
    sources: &[Source],
    params: &CorrelateParams,
) -> Vec<Reached> {
    let mut reached: BTreeMap<NodeIndex, Reached> = BTreeMap::new();
    let mut level: Vec<(NodeIndex, Seconds)> = Vec::new();
    for source in sources {
        if let Some(own) = own(sites, source)
            && reached.get(&source.node).is_none_or(|r| r.weight_milli < own.weight_milli)
        {
            reached.insert(source.node, own);
        }
        level.push((source.node, source.onset));
    }
    let mut fit = 1000;
    for hops in 1..=params.hops_max {
        fit = fit * params.hop_milli / 1000;
        let mut next: BTreeMap<NodeIndex, Reached> = BTreeMap::new();
        for (cause, onset) in &level {
            for_each_alerting_user(world, sites, *cause, |node, kind| {
                if reached.contains_key(&node) {
                    return;
                }
                if let Some(found) = effect(sites, node, *onset, fit, params) {
                    let found = Reached { via: *cause, kind, hops, ..found };
                    if next.get(&node).is_none_or(|best| is_better(world, &found, best)) {
                        next.insert(node, found);
                    }
                }
            });
        }
        if next.is_empty() {
            break;
        }
        level = next.values().map(|r| (r.node, r.alerts[0].onset)).collect();
        reached.extend(next);
    }
    reached.into_values().collect()
}

/// Visits the alerting units that depend on `cause`, from whichever side is shorter: of the
/// users of a hub few may alert here, and a component can be cut into many pieces.
fn for_each_alerting_user(
    world: &World,
    sites: &Sites,
    cause: NodeIndex,
    mut visit: impl FnMut(NodeIndex, RelationKind),
) {
    let users = world.unit_of(cause);
    if users.users.len() <= sites.by_node.len() {
        users.users.iter().for_each(|(node, kind)| visit(*node, *kind));
        return;
    }
    for node in sites.by_node.keys() {
        let depends = world.unit_of(*node);
        let link = depends.depends.iter().find(|(dependency, _)| *dependency == cause);
        link.into_iter().for_each(|(_, kind)| visit(*node, *kind));
    }
}

/// Whether `found` explains a unit better than `best`; of equals the one whose cause has the
/// lesser id. Indices must not decide: they tell in which order entities were heard of.
fn is_better(world: &World, found: &Reached, best: &Reached) -> bool {
    let id = |reached: &Reached| world.node(reached.via).entity.id;
    match found.weight_milli.cmp(&best.weight_milli) {
        Ordering::Equal => id(found) < id(best),
        other => other == Ordering::Greater,
    }
}

/// What a source covers on its own entity.
fn own(sites: &Sites, source: &Source) -> Option<Reached> {
    let alerts = sites.by_node.get(&source.node)?;
    let span = source.own_seconds.max(1);
    let covered: Vec<AlertKey> =
        alerts.iter().filter(|key| (key.onset - source.onset).abs() <= span).copied().collect();
    let lag = covered.first()?.onset - source.onset;
    let weight_milli = if source.decided { 1000 - 500 * lag.abs() / span } else { 1000 };
    let (node, kind) = (source.node, RelationKind::Same);
    Some(Reached { node, via: node, kind, hops: 0, lag, weight_milli, alerts: covered })
}

/// The alerts of `node` that fit as effects of something at `onset`.
fn effect(
    sites: &Sites,
    node: NodeIndex,
    onset: Seconds,
    fit: i64,
    params: &CorrelateParams,
) -> Option<Reached> {
    let alerts = sites.by_node.get(&node)?;
    let covered: Vec<AlertKey> = alerts
        .iter()
        .filter(|key| {
            let lag = key.onset - onset;
            -params.lag_min_seconds <= lag && lag <= params.lag_max_seconds
        })
        .copied()
        .collect();
    let lag = covered.first()?.onset - onset;
    let best = covered.iter().map(|key| lag_milli(key.onset - onset, params)).max()?;
    Some(Reached {
        node,
        via: node,
        kind: RelationKind::Same,
        hops: 0,
        lag,
        weight_milli: fit * best / 1000,
        alerts: covered,
    })
}
