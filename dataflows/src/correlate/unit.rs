//! Units: a whole and its parts, seen as one place where things go wrong.
//!
//! A service, its deployment and its pods are one unit: what hurts one of them
//! is felt as the service, and a host on which a pod runs is something that the
//! service depends on. Grouping works on units, so that silent pods and
//! deployments between a service and its host cost no hop; who exactly it was
//! is asked later. Other part-of edges (a host in a zone) stay ordinary
//! dependencies.

use super::timeline::Timeline;
use super::world::{NodeIndex, World, carries_faults};
use crate::model::{AlertKey, RelationKind, Seconds};
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// Wholes that a part may be nested in: container, pod, set, deployment, service.
const NESTING_MAX: usize = 8;
/// Parts that a unit is looked at for; beyond it the rest count as units of their own.
const PARTS_MAX: usize = 4096;

/// A whole with its parts.
#[derive(Debug)]
pub struct Unit {
    /// The outermost whole, which names the unit.
    pub root: NodeIndex,
    /// The whole and its parts, the whole first, then in order of discovery.
    pub members: Vec<NodeIndex>,
    /// Units that any member depends on, with how; ordered by the root's reference.
    pub depends: Vec<(NodeIndex, RelationKind)>,
    /// Units any member of which depends on this one, likewise.
    pub users: Vec<(NodeIndex, RelationKind)>,
    /// The alerts of all members.
    timeline: Timeline,
}

impl Unit {
    /// Whether there are any.
    #[inline]
    pub fn has_alerts(&self) -> bool {
        !self.timeline.is_empty()
    }

    /// The alerts with onset within `[from, upto]`, in order.
    #[inline]
    pub fn alerts(&self, from: Seconds, upto: Seconds) -> impl Iterator<Item = AlertKey> {
        self.timeline.within(from, upto).copied()
    }

    /// The last alert before `before`, not earlier than `from`, that fits.
    pub fn last_before(
        &self,
        before: AlertKey,
        from: Seconds,
        fits: impl Fn(&AlertKey) -> bool,
    ) -> Option<AlertKey> {
        self.timeline.before(from, before).rfind(|key| fits(key)).copied()
    }
}

/// Units by node, as far as they have been asked for.
///
/// Indices are dense, so a look-up is an index: it is the most frequent thing that
/// correlation does.
#[derive(Debug, Default)]
pub struct Units {
    known: Vec<OnceCell<Box<Unit>>>,
    roots: Vec<OnceCell<NodeIndex>>,
}

impl Units {
    /// Makes room for so many nodes.
    pub fn grow(&mut self, nodes: usize) {
        self.known.resize_with(nodes, OnceCell::new);
        self.roots.resize_with(nodes, OnceCell::new);
    }

    /// An alert came onto a node's timeline, or left it.
    pub fn note(&mut self, node: NodeIndex, key: AlertKey, present: bool) {
        for root in self.named_by(node) {
            if let Some(unit) = self.known[root as usize].get_mut() {
                if present { unit.timeline.insert(key) } else { unit.timeline.remove(key) }
            }
        }
    }

    /// Forgets the unit of a node whose ordinary links have changed.
    pub fn forget_links(&mut self, node: NodeIndex) {
        for root in self.named_by(node) {
            self.known[root as usize].take();
        }
    }

    /// The units that a node may be a member of: its whole's, and the one that it names itself,
    /// for what is nested in it may be too deep for its whole.
    fn named_by(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> + use<> {
        let root = self.roots[node as usize].get().copied();
        root.filter(|root| *root != node).into_iter().chain([node])
    }

    /// Forgets which unit a node belongs to.
    pub fn forget_root(&mut self, node: NodeIndex) {
        self.forget_links(node);
        self.roots[node as usize].take();
    }

    /// The unit of `node`.
    #[inline]
    pub fn of<'a>(&'a self, world: &'a World, node: NodeIndex) -> &'a Unit {
        let root = self.root(world, node);
        self.known[root as usize].get_or_init(|| Box::new(self.build(world, root)))
    }

    #[inline]
    fn root(&self, world: &World, node: NodeIndex) -> NodeIndex {
        *self.roots[node as usize].get_or_init(|| root_of(world, node))
    }

    fn build(&self, world: &World, root: NodeIndex) -> Unit {
        let mut members = vec![root];
        let mut seen = BTreeSet::from([root]);
        let mut looked = 0;
        while looked < members.len() && members.len() < PARTS_MAX {
            for link in &world.node(members[looked]).users {
                let part = link.kind == RelationKind::PartOf && is_part(world, link.node);
                if part && self.root(world, link.node) == root && seen.insert(link.node) {
                    members.push(link.node);
                }
            }
            looked += 1;
        }
        let ends = |links: &dyn Fn(NodeIndex) -> Vec<(NodeIndex, RelationKind)>| {
            let mut ends: Vec<(NodeIndex, RelationKind)> = members
                .iter()
                .flat_map(|member| links(*member))
                .map(|(node, kind)| (self.root(world, node), kind))
                .filter(|(other, kind)| *other != root && carries_faults(*kind))
                .collect();
            // A unit of one member has them in order already.
            ends.sort_by(|(a, of_a), (b, of_b)| {
                let entity = |node: &NodeIndex| &world.node(*node).entity;
                (entity(a), a, of_a).cmp(&(entity(b), b, of_b))
            });
            ends.dedup_by_key(|(node, _)| *node);
            ends
        };
        let depends = ends(&|n| world.node(n).depends.iter().map(|l| (l.node, l.kind)).collect());
        let users = ends(&|n| world.node(n).users.iter().map(|l| (l.node, l.kind)).collect());
        let keys = members.iter().flat_map(|member| world.node(*member).timeline.iter());
        let timeline = Timeline::of(keys.copied());
        Unit { root, depends, users, members, timeline }
    }
}

/// The outermost whole of a node.
fn root_of(world: &World, node: NodeIndex) -> NodeIndex {
    let mut path = vec![node];
    loop {
        let last = path[path.len() - 1];
        let Some(next) = whole(world, last) else { return last };
        if let Some(again) = path.iter().position(|seen| *seen == next) {
            // Parts of one another: the least of the circle names it.
            let circle = path[again..].iter();
            let least = circle.min_by_key(|n| &world.node(**n).entity.text);
            return least.copied().unwrap_or(last);
        }
        if path.len() == NESTING_MAX {
            return last;
        }
        path.push(next);
    }
}

/// The whole that a node is a part of, if it is one.
fn whole(world: &World, node: NodeIndex) -> Option<NodeIndex> {
    if !is_part(world, node) {
        return None;
    }
    let depends = &world.node(node).depends;
    depends.iter().find(|link| link.kind == RelationKind::PartOf).map(|link| link.node)
}

/// Whether a node is of a level whose faults are its whole's faults.
pub fn is_part(world: &World, node: NodeIndex) -> bool {
    matches!(
        world.node(node).entity.kind(),
        "pod"
            | "container"
            | "deployment"
            | "replicaset"
            | "statefulset"
            | "daemonset"
            | "instance"
            | "process"
            | "task"
            | "job"
            | "k8s.pod"
            | "k8s.container"
            | "k8s.deployment"
    )
}
