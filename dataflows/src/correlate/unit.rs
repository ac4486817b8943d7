//! Units: a whole and its parts, seen as one place where things go wrong.
//!
//! A service, its deployment and its pods are one unit: what hurts one of them
//! is felt as the service, and a host on which a pod runs is something that the
//! service depends on. Grouping works on units, so that silent pods and
//! deployments between a service and its host cost no hop; who exactly it was
//! is asked later. Other part-of edges (a host in a zone) stay ordinary
//! dependencies.

use super::world::{NodeIndex, World, carries_faults};
use crate::model::{AlertKey, Fingerprint, RelationKind, Seconds};
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::rc::Rc;

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
    timeline: RefCell<BTreeSet<AlertKey>>,
}

impl Unit {
    /// Visits the alerts with onset within `[from, upto]`, in order, until `visit` says stop.
    #[inline]
    pub fn alerts(&self, from: Seconds, upto: Seconds, visit: &mut dyn FnMut(AlertKey)) {
        let timeline = self.timeline.borrow();
        if !timeline.is_empty() && from <= upto {
            timeline.range(span(from, upto)).for_each(|key| visit(*key));
        }
    }

    /// The last alert before `before`, not earlier than `from`, that fits.
    pub fn last_before(
        &self,
        before: AlertKey,
        from: Seconds,
        fits: &dyn Fn(&AlertKey) -> bool,
    ) -> Option<AlertKey> {
        let timeline = self.timeline.borrow();
        let first = AlertKey { onset: from, fingerprint: Fingerprint(0) };
        if timeline.is_empty() || before <= first {
            return None;
        }
        timeline.range(first..before).rfind(|key| fits(key)).copied()
    }
}

/// All alerts with onset within `[from, upto]`.
pub fn span(from: Seconds, upto: Seconds) -> RangeInclusive<AlertKey> {
    let first = AlertKey { onset: from, fingerprint: Fingerprint(0) };
    first..=AlertKey { onset: upto, fingerprint: Fingerprint(u128::MAX) }
}

/// Units by node, as far as they have been asked for.
///
/// Indices are dense, so a look-up is an index: it is the most frequent thing that
/// correlation does.
#[derive(Debug, Default)]
pub struct Units {
    known: RefCell<Vec<Option<Rc<Unit>>>>,
    roots: RefCell<Vec<Option<NodeIndex>>>,
}

/// What is known at an index.
fn at<T: Clone>(list: &RefCell<Vec<Option<T>>>, index: NodeIndex) -> Option<T> {
    list.borrow().get(index as usize).cloned().flatten()
}

/// Notes something at an index.
fn put<T: Clone>(list: &RefCell<Vec<Option<T>>>, index: NodeIndex, value: T) {
    let (mut list, index) = (list.borrow_mut(), index as usize);
    if list.len() <= index {
        list.resize(index + 1, None);
    }
    list[index] = Some(value);
}

impl Units {
    /// An alert came onto a node's timeline, or left it.
    pub fn note(&self, node: NodeIndex, key: AlertKey, present: bool) {
        let root = at(&self.roots, node);
        if let Some(unit) = root.and_then(|root| at(&self.known, root)) {
            let mut timeline = unit.timeline.borrow_mut();
            if present {
                timeline.insert(key)
            } else {
                timeline.remove(&key)
            };
        }
    }

    /// Forgets the units of the two ends of an edge; all of them when units may have changed.
    pub fn forget_edge(&mut self, from: NodeIndex, to: NodeIndex, kind: RelationKind) {
        if kind == RelationKind::PartOf {
            return self.forget();
        }
        for node in [from, to] {
            if let Some(root) = at(&self.roots, node)
                && let Some(slot) = self.known.get_mut().get_mut(root as usize)
            {
                *slot = None;
            }
        }
    }

    /// Forgets everything.
    pub fn forget(&mut self) {
        self.known.get_mut().clear();
        self.roots.get_mut().clear();
    }

    /// The unit of `node`.
    pub fn of(&self, world: &World, node: NodeIndex) -> Rc<Unit> {
        let root = self.root(world, node);
        if let Some(unit) = at(&self.known, root) {
            return unit;
        }
        let unit = Rc::new(self.build(world, root));
        put(&self.known, root, unit.clone());
        unit
    }

    fn root(&self, world: &World, node: NodeIndex) -> NodeIndex {
        if let Some(root) = at(&self.roots, node) {
            return root;
        }
        let mut path = vec![node];
        let root = loop {
            let last = path[path.len() - 1];
            match whole(world, last) {
                None => break last,
                Some(next) => {
                    if let Some(again) = path.iter().position(|seen| *seen == next) {
                        // Parts of one another: the least of the circle names it.
                        let circle = path[again..].iter();
                        let least = circle.min_by_key(|n| &world.node(**n).entity.text);
                        break least.copied().unwrap_or(last);
                    }
                    if path.len() == NESTING_MAX {
                        break last;
                    }
                    path.push(next);
                }
            }
        };
        put(&self.roots, node, root);
        root
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
        let keys = members.iter().flat_map(|member| &world.node(*member).timeline);
        let timeline = RefCell::new(keys.copied().collect());
        Unit { root, depends, users, members, timeline }
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
fn is_part(world: &World, node: NodeIndex) -> bool {
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
