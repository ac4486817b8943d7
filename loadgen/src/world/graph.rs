//! Services in layers and the calls between them.
//!
//! A callee is always in a deeper layer than its caller, so there are no
//! cycles. Out-degree is heavy-tailed, and a few shared hubs take a good part
//! of all calls, as published call graphs of large estates show.

use super::names::{self, ServiceNames};
use super::{Edge, NodeKind, Relation, Service, World};
use crate::instant::Ms;
use crate::rng::Rng;

/// Layers of the middle, between what users reach and the leaves.
const MIDDLE_LAYERS: usize = 4;
const LEAF: usize = MIDDLE_LAYERS + 1;
/// Share of services that users reach, and of those that call nobody.
const ENTRY_SHARE: f64 = 0.13;
const LEAF_SHARE: f64 = 0.39;
const HUB_SHARE: f64 = 0.05;
const OUT_DEGREE_MAX: usize = 10;
/// Services of the rehearsal environment, apart from production.
const REHEARSAL: usize = 12;

/// Creates teams, services and calls.
pub(super) fn lay_out(world: &mut World, size: usize, rng: &mut Rng) {
    let mut teams = Vec::new();
    for namespace in names::namespaces() {
        for word in names::TEAM_WORDS {
            teams.push(world.add_node(NodeKind::Team, namespace, word));
        }
    }
    let mut names = ServiceNames::new(rng);
    for at in 0..size + REHEARSAL {
        let production = at < size;
        let layer = layer_of(
            if production { at } else { at - size },
            if production { size } else { REHEARSAL },
        );
        let (namespace, name) = names.next(place_of(layer));
        let (namespace, name) = if production {
            (namespace.to_owned(), name)
        } else {
            (format!("{namespace}-rehearsal"), name)
        };
        let node = world.add_node(NodeKind::Service, &namespace, &name);
        world.service_of[node as usize] = Some(at as u32);
        let team = teams.iter().filter(|t| namespace.starts_with(world.node(**t).namespace()));
        let team: Vec<_> = team.copied().collect();
        world.nodes[node as usize].owner = Some(*rng.pick(&team));
        world.nodes[node as usize].criticality = criticality(layer, production, rng);
        world.services.push(Service {
            node,
            layer,
            hub: false,
            deployment: node,
            pods: Vec::new(),
            lb: None,
            dns: None,
            production,
        });
    }
    world.production = size;
    choose_hubs(world, rng);
    connect(world, 0..size, rng);
    connect(world, size..size + REHEARSAL, rng);
}

/// Services come ordered by layer: entries, the middle layers, leaves.
fn layer_of(at: usize, size: usize) -> usize {
    let position = at as f64 / size as f64;
    if position < ENTRY_SHARE {
        0
    } else if position >= 1.0 - LEAF_SHARE {
        LEAF
    } else {
        let middle = (position - ENTRY_SHARE) / (1.0 - LEAF_SHARE - ENTRY_SHARE);
        1 + ((middle * MIDDLE_LAYERS as f64) as usize).min(MIDDLE_LAYERS - 1)
    }
}

fn place_of(layer: usize) -> usize {
    match layer {
        0 => 0,
        LEAF => 2,
        _ => 1,
    }
}

fn criticality(layer: usize, production: bool, rng: &mut Rng) -> &'static str {
    const WORDS: [&str; 4] = ["critical", "high", "medium", "low"];
    if !production {
        return "low";
    }
    let weights = if layer == 0 { [0.3, 0.4, 0.3, 0.0] } else { [0.08, 0.27, 0.45, 0.2] };
    WORDS[rng.weighted(&weights)]
}

fn choose_hubs(world: &mut World, rng: &mut Rng) {
    let deep: Vec<usize> =
        (0..world.production).filter(|s| world.services[*s].layer >= 3).collect();
    let wanted = ((world.production as f64 * HUB_SHARE).round() as usize).min(deep.len());
    let mut chosen = 0;
    while chosen < wanted {
        let service = *rng.pick(&deep);
        if !world.services[service].hub {
            world.services[service].hub = true;
            chosen += 1;
        }
    }
}

/// Draws the calls among one environment's services.
fn connect(world: &mut World, among: std::ops::Range<usize>, rng: &mut Rng) {
    let hub_share = rng.range(0.15, 0.25);
    let hubs: Vec<usize> = among.clone().filter(|s| world.services[*s].hub).collect();
    let popularity: Vec<f64> = (1..=hubs.len()).map(|rank| (rank as f64).powf(-0.7)).collect();
    for caller in among.clone() {
        let layer = world.services[caller].layer;
        // Services are ordered by layer, so everything deeper is one range.
        let deeper = among.clone().find(|s| world.services[*s].layer > layer);
        let Some(first) = deeper else { continue };
        let degree = (2 + rng.pareto(1.3) as usize).min(OUT_DEGREE_MAX);
        for _ in 0..degree {
            let to_hub = !hubs.is_empty() && rng.chance(hub_share);
            let callee = if to_hub {
                hubs[rng.weighted(&popularity)]
            } else {
                first + rng.below(among.end - first)
            };
            let deep_enough = world.services[callee].layer > layer;
            if deep_enough && !calls(world, caller, callee) {
                add_call(world, caller, callee);
            }
        }
    }
}

/// Whether `caller` already calls `callee`.
pub(super) fn calls(world: &World, caller: usize, callee: usize) -> bool {
    let (from, to) = (world.services[caller].node, world.services[callee].node);
    world.dependencies[from as usize].iter().any(|e| world.edges[*e as usize].to == to)
}

fn add_call(world: &mut World, caller: usize, callee: usize) {
    let (from, to) = (world.services[caller].node, world.services[callee].node);
    world.add_edge(Edge {
        from,
        to,
        relation: Relation::Calls,
        since: Ms::MIN,
        until: Ms::MAX,
        told: true,
    });
}
