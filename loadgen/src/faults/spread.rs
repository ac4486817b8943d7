//! How far a fault reaches: a walk from the root against the direction of dependency.

use super::{Effect, Fault, FaultKind, Symptom};
use crate::instant::{Ms, SECOND};
use crate::rng::Rng;
use crate::world::{Edge, NodeId, NodeKind, Relation, World};

/// Chance that trouble crosses an edge: the first edge's range, and the factor of each further hop.
const CROSS: (f64, f64) = (0.65, 0.8);
const CROSS_PER_HOP: f64 = 0.8;
/// Whoever depends on a hub has prepared for its trouble.
const CROSS_HUB: f64 = 0.5;
/// Chance that a circuit breaker cuts an edge off.
const BREAKER: f64 = 0.08;
/// Retries carry trouble further.
const RETRY_BOOST: f64 = 1.2;
/// Lag of an edge: median in seconds and deviation of the logarithm.
const LAG: (f64, f64) = (18.0, 0.7);
/// The same across a queue.
const LAG_ASYNC: (f64, f64) = (75.0, 0.5);
/// Nobody waits longer than this for a symptom.
const LAG_MAX: Ms = 230 * SECOND;
/// The largest cascade; beyond it an estate is down, and everybody knows.
const REACH_MAX: usize = 28;

/// Walks from the root of `fault` and fills in its effects, path and visibility.
pub(super) fn spread(world: &World, fault: &mut Fault, rng: &mut Rng) {
    let mut effects = vec![Effect {
        node: fault.root,
        at: fault.start,
        hop: 0,
        symptom: fault.kind.traits().first,
    }];
    let mut path = Vec::new();
    let mut done = vec![false; world.nodes.len()];
    // Earliest first, so that a sufferer's time is the time of its first cause.
    while let Some(next) = earliest(&effects, &done) {
        let cause = effects[next];
        done[cause.node as usize] = true;
        for (node, chance, lag) in neighbours(world, cause, fault.kind, rng) {
            if done[node as usize] || !rng.chance(chance) {
                continue;
            }
            let at = cause.at + lag;
            let symptom = passed_on(world, cause, node, rng);
            let effect = Effect { node, at, hop: cause.hop + 1, symptom };
            match effects.iter().position(|e| e.node == node) {
                Some(known) if at < effects[known].at => effects[known] = effect,
                Some(_) => {}
                None if effects.len() < REACH_MAX => effects.push(effect),
                None => continue,
            }
            path.push((node, cause.node));
        }
    }
    // A cascade takes time, and a fault that is over spreads no more.
    effects.retain(|e| e.at + 30 * SECOND < fault.end);
    let suffers = |node: NodeId| effects.iter().any(|e| e.node == node);
    path.retain(|(from, to)| suffers(*from) && suffers(*to));
    effects.sort_by_key(|e| (e.at, e.hop, e.node));
    fault.visible = effects.iter().any(|e| world.is_entry(e.node));
    fault.effects = effects;
    fault.path = path;
}

fn earliest(effects: &[Effect], done: &[bool]) -> Option<usize> {
    let waiting = (0..effects.len()).filter(|i| !done[effects[*i].node as usize]);
    waiting.min_by_key(|i| (effects[*i].at, effects[*i].node))
}

/// Who may catch it from `cause`, each with chance and lag.
fn neighbours(
    world: &World,
    cause: Effect,
    kind: FaultKind,
    rng: &mut Rng,
) -> Vec<(NodeId, f64, Ms)> {
    let node = cause.node;
    match world.node(node).kind {
        NodeKind::Zone => {
            let zone = world.zones.iter().find(|(zone, _)| *zone == node);
            let hosts = zone.map_or(&[][..], |(_, hosts)| hosts);
            hosts.iter().map(|h| (*h, 0.5, lag(LAG, rng) / 3)).collect()
        }
        NodeKind::Host => {
            // Replicas elsewhere carry most of a service over; in a dead zone less so.
            let factor = if kind == FaultKind::ZoneLoss { 0.4 } else { 0.75 };
            let tenants = world.tenants_of(node).into_iter();
            tenants.map(|(s, share)| (s, factor * share.sqrt(), lag(LAG, rng))).collect()
        }
        _ => {
            let edges = world.dependents[node as usize].iter();
            let edges = edges.map(|e| world.edges[*e as usize]).filter(|e| e.alive(cause.at));
            let mut out: Vec<(NodeId, f64, Ms)> = Vec::new();
            for edge in edges {
                // Reading and writing are two edges but one dependency.
                if out.iter().all(|(known, ..)| *known != edge.from) {
                    let (chance, lag) = crossing(world, edge, cause, kind, rng);
                    out.push((edge.from, chance, lag));
                }
            }
            out
        }
    }
}

fn crossing(world: &World, edge: Edge, cause: Effect, kind: FaultKind, rng: &mut Rng) -> (f64, Ms) {
    let mut chance = rng.range(CROSS.0, CROSS.1) * CROSS_PER_HOP.powi(i32::from(cause.hop));
    if world.service_of(edge.to).is_some_and(|s| s.hub) {
        chance *= CROSS_HUB;
    }
    if kind == FaultKind::RetryStorm {
        chance = (chance * RETRY_BOOST).min(0.95);
    }
    if rng.chance(BREAKER) {
        chance = 0.0;
    }
    let through_queue =
        world.node(edge.to).kind == NodeKind::Queue && edge.relation == Relation::Reads;
    (chance, lag(if through_queue { LAG_ASYNC } else { LAG }, rng))
}

fn lag((median, sigma): (f64, f64), rng: &mut Rng) -> Ms {
    ((rng.lognormal(median, sigma) * SECOND as f64) as Ms).min(LAG_MAX)
}

/// How the trouble of `cause` shows at `node`, which depends on it.
fn passed_on(world: &World, cause: Effect, node: NodeId, rng: &mut Rng) -> Symptom {
    if world.node(node).kind == NodeKind::Host {
        return Symptom::Down;
    }
    if cause.hop == 0 && cause.symptom == Symptom::Down && rng.chance(0.6) {
        // A dead machine takes instances of its tenants with it.
        return Symptom::Down;
    }
    let errors = match cause.symptom {
        Symptom::Latency => 0.4,
        Symptom::Errors => 0.75,
        Symptom::Down => 0.55,
        Symptom::Backlog => return Symptom::Backlog,
    };
    if rng.chance(errors) { Symptom::Errors } else { Symptom::Latency }
}
