//! One tenant's topology and timelines, by dense index.

use super::saved::{SavedAlert, SavedTenant};
use super::timeline::Timeline;
use super::unit::{Unit, Units};
use crate::model::{
    AlertKey, Annotated, Because, ContextEvent, Criticality, EntityId, EntityRef, ModelUpdate, Pin,
    RelationKind, Seconds,
};
use crate::ops::saving::Saving;
use hashbrown::{HashMap, HashSet};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A place among a world's nodes.
pub type NodeIndex = u32;

/// An edge as seen from one of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The other end.
    pub node: NodeIndex,
    /// What the edge means.
    pub kind: RelationKind,
}

/// An entity that something is known about.
#[derive(Debug)]
pub struct Node {
    /// Which.
    pub entity: EntityRef,
    /// What it depends on, ordered by the other end's reference.
    pub depends: Vec<Link>,
    /// What depends on it, ordered likewise.
    pub users: Vec<Link>,
    /// Onsets of its alerts inside the horizon, and of sealed members of standing groups.
    pub timeline: Timeline,
    /// Changes on it.
    pub changes: BTreeSet<Arc<ContextEvent>>,
    /// Owner and criticality, if a catalogue names it.
    pub profile: Option<(Option<EntityRef>, Criticality)>,
    /// Alerts placed here, sealed ones included: they keep the node alive.
    placed: u32,
}

/// An alert and where it was put.
#[derive(Debug)]
pub struct Placed {
    /// The alert.
    pub row: Arc<Annotated>,
    /// Its entity.
    pub node: NodeIndex,
    /// Rarity, thousandths of a nat.
    pub surprise_milli: u32,
    /// How particular its name is, thousandths of a nat.
    pub specific_milli: u32,
    /// The group it is in: the key of that group's earliest alert.
    pub group: Option<AlertKey>,
    /// Why.
    pub because: Because,
    /// Beyond the horizon: as good as gone, but still a member of a standing group.
    pub sealed: bool,
}

/// A decided group.
#[derive(Debug, Default)]
pub struct Members {
    /// Its alerts.
    pub keys: BTreeSet<AlertKey>,
    /// Where the cone that founded it grew from, and when that began, if it is not told by its
    /// alerts: a silent entity, or one whose alert lies in a later slice than its effects.
    pub source: Option<(EntityId, Seconds)>,
    /// Its component had to be cut.
    pub degraded: bool,
}

/// One tenant.
#[derive(Default, Debug)]
pub struct World {
    index: HashMap<EntityId, NodeIndex>,
    nodes: Vec<Option<Node>>,
    free: Vec<NodeIndex>,
    /// Nodes that may have become unknown; [`World::sweep`] looks.
    doubtful: Vec<NodeIndex>,
    /// Alerts inside the horizon, and sealed members of standing groups.
    alerts: HashMap<AlertKey, Placed>,
    /// The alerts that a rule groups, by what it groups them by.
    pub pinned: BTreeMap<Arc<Pin>, BTreeSet<AlertKey>>,
    /// Decided groups by earliest alert.
    pub groups: BTreeMap<AlertKey, Members>,
    /// The tenant's own weights.
    pub model: Option<Arc<ModelUpdate>>,
    /// Units that have been looked at since the topology last changed.
    units: Units,
    /// The cut that is under way, by nodes: alerts are handed out with theirs.
    saving: Option<Saving<SavedTenant>>,
}

impl World {
    /// The node of an index that is in use.
    ///
    /// # Panics
    /// When the index was never handed out: links and placed alerts keep their nodes alive.
    #[inline]
    pub fn node(&self, index: NodeIndex) -> &Node {
        match &self.nodes[index as usize] {
            Some(node) => node,
            None => panic!("node {index} was released while something pointed at it"),
        }
    }

    fn node_mut(&mut self, index: NodeIndex) -> &mut Node {
        match &mut self.nodes[index as usize] {
            Some(node) => node,
            None => panic!("node {index} was released while something pointed at it"),
        }
    }

    /// The index of a known entity.
    pub fn find(&self, entity: EntityId) -> Option<NodeIndex> {
        self.index.get(&entity).copied()
    }

    /// The index of `entity`, made if need be.
    pub fn intern(&mut self, entity: &EntityRef) -> NodeIndex {
        if let Some(index) = self.index.get(&entity.id) {
            return *index;
        }
        let node = Node {
            entity: entity.clone(),
            depends: Vec::new(),
            users: Vec::new(),
            timeline: Timeline::default(),
            changes: BTreeSet::new(),
            profile: None,
            placed: 0,
        };
        let index = match self.free.pop() {
            Some(index) => {
                self.nodes[index as usize] = Some(node);
                index
            }
            None => {
                self.nodes.push(Some(node));
                self.units.grow(self.nodes.len());
                (self.nodes.len() - 1) as NodeIndex
            }
        };
        self.index.insert(entity.id, index);
        index
    }

    /// Forgets nodes about which nothing is known any more.
    ///
    /// Apart from the removals, because deciding again looks at where things were.
    pub fn sweep(&mut self) {
        for index in std::mem::take(&mut self.doubtful) {
            let spent = self.nodes[index as usize].as_ref().is_some_and(|node| {
                node.depends.is_empty()
                    && node.users.is_empty()
                    && node.timeline.is_empty()
                    && node.changes.is_empty()
                    && node.profile.is_none()
                    && node.placed == 0
            });
            if spent && let Some(node) = self.nodes[index as usize].take() {
                // Without links it was a unit of its own, and nobody's neighbour.
                self.units.forget_root(index);
                self.index.remove(&node.entity.id);
                self.free.push(index);
            }
        }
    }

    /// Adds an edge.
    pub fn link(&mut self, from: &EntityRef, to: &EntityRef, kind: RelationKind) {
        let (from, to) = (self.intern(from), self.intern(to));
        let place = |world: &Self, list: &[Link], link: &Link| {
            let text = |l: &Link| (world.node(l.node).entity.clone(), l.kind);
            let wanted = text(link);
            list.partition_point(|l| text(l) < wanted)
        };
        let down = Link { node: to, kind };
        let at = place(self, &self.node(from).depends, &down);
        self.node_mut(from).depends.insert(at, down);
        let up = Link { node: from, kind };
        let at = place(self, &self.node(to).users, &up);
        self.node_mut(to).users.insert(at, up);
        self.forget_units(from, to, kind);
    }

    /// Takes an edge away.
    pub fn unlink(&mut self, from: &EntityRef, to: &EntityRef, kind: RelationKind) {
        let (Some(from), Some(to)) = (self.find(from.id), self.find(to.id)) else { return };
        let down = Link { node: to, kind };
        self.node_mut(from).depends.retain(|link| *link != down);
        let up = Link { node: from, kind };
        self.node_mut(to).users.retain(|link| *link != up);
        self.doubtful.extend([from, to]);
        self.forget_units(from, to, kind);
    }

    /// Forgets the units that an edge between two nodes may have changed: theirs, or, when one
    /// may have become a part of the other, also those that reach into either.
    fn forget_units(&mut self, from: NodeIndex, to: NodeIndex, kind: RelationKind) {
        if kind != RelationKind::PartOf {
            self.units.forget_links(from);
            self.units.forget_links(to);
            return;
        }
        self.units.forget_links(to);
        for part in self.nested(from) {
            // Whoever it is linked with knows it by the unit it was in.
            let Node { depends, users, .. } = match &self.nodes[part as usize] {
                Some(node) => node,
                None => continue,
            };
            depends.iter().chain(users).for_each(|link| self.units.forget_links(link.node));
            self.units.forget_root(part);
        }
    }

    /// A node and everything that is a part of it, of its parts and so on.
    pub fn nested(&self, node: NodeIndex) -> Vec<NodeIndex> {
        let mut parts = vec![node];
        let mut seen: HashSet<NodeIndex> = parts.iter().copied().collect();
        let mut looked = 0;
        while looked < parts.len() {
            let links = &self.node(parts[looked]).users;
            let inner = links.iter().filter(|link| link.kind == RelationKind::PartOf);
            parts.extend(inner.map(|link| link.node).filter(|part| seen.insert(*part)));
            looked += 1;
        }
        parts
    }

    /// The unit that a node is part of.
    #[inline]
    pub fn unit_of(&self, node: NodeIndex) -> &Unit {
        self.units.of(self, node)
    }

    /// All alerts, those included that only stay because their group does.
    pub fn alerts(&self) -> &HashMap<AlertKey, Placed> {
        &self.alerts
    }

    /// An alert that is about to change.
    pub fn alert_mut(&mut self, key: &AlertKey) -> Option<&mut Placed> {
        if self.saving.is_some() {
            self.before_change(self.alerts.get(key)?.node);
        }
        self.alerts.get_mut(key)
    }

    /// Puts an alert on its entity's timeline.
    pub fn insert_alert(&mut self, key: AlertKey, placed: Placed) {
        self.before_change(placed.node);
        let node = self.node_mut(placed.node);
        node.timeline.insert(key);
        node.placed += 1;
        self.units.note(placed.node, key, true);
        if let Some(pin) = &placed.row.pin {
            self.pinned.entry(pin.clone()).or_default().insert(key);
        }
        self.alerts.insert(key, placed);
    }

    /// Forgets an alert altogether.
    pub fn remove_alert(&mut self, key: AlertKey) -> Option<Placed> {
        if self.saving.is_some() {
            self.before_change(self.alerts.get(&key)?.node);
        }
        let placed = self.alerts.remove(&key)?;
        let node = self.node_mut(placed.node);
        node.timeline.remove(key);
        node.placed -= 1;
        self.units.note(placed.node, key, false);
        if let Some(pin) = &placed.row.pin
            && let Some(keys) = self.pinned.get_mut(pin)
        {
            keys.remove(&key);
            if keys.is_empty() {
                self.pinned.remove(pin);
            }
        }
        self.doubtful.push(placed.node);
        Some(placed)
    }

    /// Begins to hand out what must be kept of groups and alerts as they are now.
    pub fn begin_saving(&mut self) {
        let groups = SavedTenant::of_groups(&self.groups, self.alerts.len());
        self.saving = Some(Saving::onto(groups, self.nodes.len()));
    }

    /// Hands out the alerts of up to `nodes` more; all that is kept once none is left.
    pub fn go_on_saving(&mut self, nodes: usize) -> Option<SavedTenant> {
        let World { saving, nodes: all, alerts, .. } = self;
        let saved = saving.as_mut()?.go_on(nodes, |node| saved_of(&all[node], alerts))?;
        self.saving = None;
        Some(saved)
    }

    fn before_change(&mut self, node: NodeIndex) {
        if let Some(saving) = &mut self.saving {
            let at = self.nodes.get(node as usize);
            saving.before_change(node, || at.into_iter().flat_map(|at| saved_of(at, &self.alerts)));
        }
    }

    /// Whether a rule groups the alert, so that topology does not.
    pub fn is_pinned(&self, key: &AlertKey) -> bool {
        self.alerts.get(key).is_some_and(|placed| placed.row.pin.is_some())
    }

    /// Adds or removes a change.
    pub fn set_change(&mut self, entity: &EntityRef, event: &Arc<ContextEvent>, present: bool) {
        let index = self.intern(entity);
        let node = self.node_mut(index);
        if present {
            node.changes.insert(event.clone());
        } else {
            node.changes.remove(event);
            self.doubtful.push(index);
        }
    }

    /// Sets what the catalogue says.
    pub fn set_profile(
        &mut self,
        entity: &EntityRef,
        profile: Option<(Option<EntityRef>, Criticality)>,
    ) {
        let index = self.intern(entity);
        self.node_mut(index).profile = profile;
        self.doubtful.push(index);
    }

    /// Entities something is known about.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
            && self.alerts.is_empty()
            && self.groups.is_empty()
            && self.model.is_none()
    }
}

/// What is kept of the alerts of a node.
fn saved_of(
    node: &Option<Node>,
    alerts: &HashMap<AlertKey, Placed>,
) -> impl Iterator<Item = SavedAlert> {
    let keys = node.iter().flat_map(|node| node.timeline.iter());
    keys.filter_map(|key| Some(SavedAlert::of(*key, alerts.get(key)?)))
}

/// Whether a fault can travel along this kind of edge.
pub fn carries_faults(kind: RelationKind) -> bool {
    !matches!(kind, RelationKind::OwnedBy | RelationKind::Same | RelationKind::AliasOf)
}
