//! Units: a whole and its parts, seen as one place where things go wrong.
//!
//! A service, its deployment and its pods are one unit: what hurts one of them
//! is felt as the service, and a host on which a pod runs is something that the
//! service depends on. Grouping works on units, so that silent pods and
//! deployments between a service and its host cost no hop; who exactly it was
//! is asked later. Other part-of edges (a host in a zone) stay ordinary
//! dependencies.

use super::world::{NodeIndex, World, carries_faults};
use crate::model::RelationKind;
use hashbrown::HashMap;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
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
}

/// Units by node, as far as they have been asked for.
#[derive(Debug, Default)]
pub struct Units {
    known: RefCell<HashMap<NodeIndex, Rc<Unit>>>,
    roots: RefCell<HashMap<NodeIndex, NodeIndex>>,
}

impl Units {
    /// Forgets everything: the topology changed.
    pub fn forget(&mut self) {
        self.known.get_mut().clear();
        self.roots.get_mut().clear();
    }

    /// The unit of `node`.
    pub fn of(&self, world: &World, node: NodeIndex) -> Rc<Unit> {
        let root = self.root(world, node);
        if let Some(unit) = self.known.borrow().get(&root) {
            return unit.clone();
        }
        let unit = Rc::new(self.build(world, root));
        self.known.borrow_mut().insert(root, unit.clone());
        unit
    }

    fn root(&self, world: &World, node: NodeIndex) -> NodeIndex {
        if let Some(root) = self.roots.borrow().get(&node) {
            return *root;
        }
        let mut path = vec![node];
        let root = loop {
            let at = path[path.len() - 1];
            match whole(world, at) {
                None => break at,
                Some(next) => {
                    if let Some(again) = path.iter().position(|seen| *seen == next) {
                        // Parts of one another: the least of the circle names it.
                        let circle = path[again..].iter();
                        let least = circle.min_by_key(|n| &world.node(**n).entity.text);
                        break least.copied().unwrap_or(at);
                    }
                    if path.len() == NESTING_MAX {
                        break at;
                    }
                    path.push(next);
                }
            }
        };
        self.roots.borrow_mut().insert(node, root);
        root
    }

    fn build(&self, world: &World, root: NodeIndex) -> Unit {
        let mut members = vec![root];
        let mut seen = BTreeSet::from([root]);
        let mut at = 0;
        while at < members.len() && members.len() < PARTS_MAX {
            for link in &world.node(members[at]).users {
                let part = link.kind == RelationKind::PartOf && is_part(world, link.node);
                if part && self.root(world, link.node) == root && seen.insert(link.node) {
                    members.push(link.node);
                }
            }
            at += 1;
        }
        let ends = |links: &dyn Fn(NodeIndex) -> Vec<(NodeIndex, RelationKind)>| {
            let mut ends: BTreeMap<(crate::model::EntityRef, NodeIndex), RelationKind> =
                BTreeMap::new();
            for (node, kind) in members.iter().flat_map(|member| links(*member)) {
                let other = self.root(world, node);
                if other != root && carries_faults(kind) {
                    let entity = world.node(other).entity.clone();
                    let known = ends.entry((entity, other)).or_insert(kind);
                    *known = (*known).min(kind);
                }
            }
            ends.into_iter().map(|((_, node), kind)| (node, kind)).collect::<Vec<_>>()
        };
        let depends = ends(&|n| world.node(n).depends.iter().map(|l| (l.node, l.kind)).collect());
        let users = ends(&|n| world.node(n).users.iter().map(|l| (l.node, l.kind)).collect());
        Unit { root, depends, users, members }
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
