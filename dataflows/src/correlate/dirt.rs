//! What an epoch makes dirty: where alerts have to be decided again, and which groups have to be
//! put together again.
//!
//! An edit of the topology is looked at from both sides: whoever met over it before, and whoever
//! meets over it now. An edge does so with its two ends; a part that comes to a whole or leaves it
//! takes all that it is linked with into other company, and the whole loses it.

use super::links::for_each_neighbour;
use super::region::Seeds;
use super::unit::{Unit, is_part};
use super::world::{NodeIndex, World};
use crate::model::{AlertKey, Edge, EntityRef, RelationKind, Seconds};
use crate::params::CorrelateParams;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What an epoch made dirty.
#[derive(Default)]
pub struct Dirt {
    /// Alerts older than this cannot be touched by a change of topology.
    pub settled: Seconds,
    /// Where alerts have to be decided again.
    pub seeds: Seeds,
    /// Groups to put together again.
    pub groups: BTreeSet<AlertKey>,
    /// Alerts that changed where they are.
    pub amended: Vec<AlertKey>,
}

/// How many units use what units with moving parts depend on.
type Users = BTreeMap<NodeIndex, usize>;

impl Dirt {
    /// Groups with an alert on the entity's unit or on what depends on it.
    pub fn look_near(&mut self, world: &World, entity: &EntityRef) {
        let Some(node) = world.find(entity.id) else { return };
        let unit = world.unit_of(node);
        self.put_together(world, unit);
        for (user, _) in &unit.users {
            self.put_together(world, world.unit_of(*user));
        }
    }

    /// Adds and removes edges. Units may fall apart or come together, so both sides are looked at
    /// both times, each unit once: a topology comes as one epoch in which thousands of edges end
    /// at one hub.
    pub fn edit(
        &mut self,
        world: &mut World,
        edges: &[(Arc<Edge>, bool)],
        params: &CorrelateParams,
    ) {
        let before = self.look_around(world, edges, params);
        for (edge, present) in edges {
            if *present {
                world.link(&edge.from, &edge.to, edge.kind);
            } else {
                world.unlink(&edge.from, &edge.to, edge.kind);
            }
        }
        let after = self.look_around(world, edges, params);
        self.look_at_users(world, &before, &after, params);
    }

    fn look_around(
        &mut self,
        world: &World,
        edges: &[(Arc<Edge>, bool)],
        params: &CorrelateParams,
    ) -> Users {
        let (mut ends, mut moving) = (Vec::new(), Vec::new());
        for (edge, _) in edges {
            let (from, to) = (world.find(edge.from.id), world.find(edge.to.id));
            ends.extend(from.into_iter().chain(to));
            let part = from.filter(|from| is_part(world, *from));
            if let Some(part) = part.filter(|_| edge.kind == RelationKind::PartOf) {
                moving.extend(world.nested(part).into_iter().chain(to));
                // Of several wholes one counts, and that may be another one now.
                let wholes = world.node(part).depends.iter();
                moving.extend(wholes.filter(|l| l.kind == RelationKind::PartOf).map(|l| l.node));
            }
        }
        let root = |node: &NodeIndex| world.unit_of(*node).root;
        let moving = sorted(moving.iter().map(root));
        let units = sorted(ends.iter().map(root).chain(moving.iter().copied()));
        let (mut near, mut dirty) = (Vec::new(), Vec::new());
        for unit in units.iter().map(|root| world.unit_of(*root)) {
            let users = || unit.users.iter().map(|(user, _)| *user);
            near.push(unit.root);
            if unit.users.len() <= params.hub_degree_max + 1 {
                near.extend(users());
            }
            dirty.push(unit.root);
            dirty.extend(users());
        }
        let mut counts = Users::new();
        for unit in moving.iter().map(|root| world.unit_of(*root)) {
            if unit.has_alerts() {
                // Those of the part meet the whole's neighbours, and the other way round.
                for_each_neighbour(world, unit, params, |other| near.push(other.root));
            }
            let depends = unit.depends.iter().map(|(node, _)| *node);
            counts.extend(depends.map(|node| (node, world.unit_of(node).users.len())));
        }
        self.decide(world, near);
        for unit in sorted(dirty.into_iter()) {
            self.put_together(world, world.unit_of(unit));
        }
        counts
    }

    /// A part counts among the users of what it depends on by itself or with its whole. How many
    /// those are says how much a fault there would explain, and whether it is a hub.
    fn look_at_users(
        &mut self,
        world: &World,
        before: &Users,
        after: &Users,
        params: &CorrelateParams,
    ) {
        let mut near = Vec::new();
        for node in sorted(before.keys().chain(after.keys()).copied()) {
            let unit = world.unit_of(node);
            let now = unit.users.len();
            let was = before.get(&node).copied();
            if was == Some(now) {
                continue;
            }
            let users = || unit.users.iter().map(|(user, _)| *user);
            near.push(unit.root);
            if was.unwrap_or(0).min(now) <= params.hub_degree_max {
                near.extend(users());
            }
            self.put_together(world, unit);
            users().for_each(|user| self.put_together(world, world.unit_of(user)));
        }
        self.decide(world, near);
    }

    /// The alerts of some units have to be decided again.
    fn decide(&mut self, world: &World, units: Vec<NodeIndex>) {
        for unit in sorted(units.into_iter()) {
            for node in &world.unit_of(unit).members {
                for key in world.node(*node).timeline.within(self.settled, Seconds::MAX) {
                    self.seeds.near.insert((key.onset, *node));
                }
            }
        }
    }

    /// Groups with an alert on the unit have to be put together again.
    fn put_together(&mut self, world: &World, unit: &Unit) {
        for key in unit.members.iter().flat_map(|node| world.node(*node).timeline.iter()) {
            self.groups.extend(world.alerts().get(key).and_then(|placed| placed.group));
        }
    }
}

/// Each of `nodes` once.
fn sorted(nodes: impl Iterator<Item = NodeIndex>) -> Vec<NodeIndex> {
    let mut nodes: Vec<NodeIndex> = nodes.collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}
