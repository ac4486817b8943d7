//! A decided group and its neighbourhood become one self-contained record.

use super::world::{NodeIndex, Placed, World, carries_faults};
use crate::model::{
    AlertKey, AlertRow, Because, Criticality, Disposition, Group, GroupChange, GroupEdge,
    GroupEntity, GroupMember, IncidentKey, RelationKind, Seconds, Severity,
};
use crate::params::Params;
use hashbrown::{HashMap, HashSet};
use std::sync::Arc;

/// The group whose earliest alert is `first`, or `None` when it is a lone mild alert
/// or does not stand.
///
/// What lies around it is shared with `before`, its last version, where it is the same.
pub fn group(
    world: &World,
    first: AlertKey,
    before: Option<&Group>,
    params: &Params,
) -> Option<Arc<Group>> {
    let standing = world.groups.get(&first)?;
    let placed: Vec<(AlertKey, &Placed)> =
        standing.keys.iter().filter_map(|key| Some((*key, world.alerts().get(key)?))).collect();
    if !is_incident(&placed, params) {
        return None;
    }
    let scope = Scope::around(world, &placed, params.cause.candidates_max);
    let alone = placed.len() == 1;
    let members = placed
        .iter()
        .map(|(key, placed)| GroupMember {
            key: *key,
            row: placed.row.clone(),
            entity: scope.place(placed.node),
            surprise_milli: placed.surprise_milli,
            specific_milli: placed.specific_milli,
            because: if alone { Because::Alone } else { placed.because.clone() },
        })
        .collect::<Vec<_>>();
    let opened = first.onset;
    let latest = placed.last().map_or(opened, |(key, _)| key.onset);
    Some(Arc::new(Group {
        key: IncidentKey::of(first),
        tenant: placed[0].1.row.alert.identity.tenant.clone(),
        changes: shared(
            scope.changes(world, opened, latest, params),
            before.map(|group| &group.changes),
        ),
        entities: shared(scope.entities(world), before.map(|group| &group.entities)),
        members,
        model: world.model.clone(),
        degraded: standing.degraded,
    }))
}

/// The list as it was, if it is as it was.
fn shared<T: PartialEq>(now: Vec<T>, before: Option<&Arc<[T]>>) -> Arc<[T]> {
    before.filter(|before| before[..] == now[..]).cloned().unwrap_or_else(|| now.into())
}

/// The same group after some of its alerts changed in place: none came, went or moved, and
/// nothing around it did either. `None` when that cannot be told of its last version alone.
pub fn amended(world: &World, before: &Group, keys: &[AlertKey]) -> Option<Arc<Group>> {
    // Whether a lone alert is an incident hangs on its severity.
    if before.members.len() < 2 {
        return None;
    }
    let mut group = before.clone();
    for key in keys {
        let at = group.members.binary_search_by_key(key, |member| member.key).ok()?;
        group.members[at].row = world.alerts().get(key)?.row.clone();
    }
    Some(Arc::new(group))
}

/// A group of one below the policy's severity stays a standalone alert (SEMANTICS rule 18).
fn is_incident(placed: &[(AlertKey, &Placed)], params: &Params) -> bool {
    match placed {
        [] => false,
        [(_, only)] => only.row.severity >= Severity(params.correlate.standalone_below),
        _ => true,
    }
}

/// Whether `row` is what [`row`] would say; most alerts of a group are as they were.
pub fn says(row: &AlertRow, placed: &Placed, incident: Option<IncidentKey>) -> bool {
    let same = match (&row.disposition, incident) {
        (Disposition::Incident(key), Some(incident)) => *key == incident,
        (Disposition::Standalone, None) => true,
        _ => false,
    };
    same && row.severity == placed.row.severity
        && row.entity == placed.row.entity
        && row.alert == placed.row.alert
}

/// What became of an alert that is not suppressed.
pub fn row(placed: &Placed, incident: Option<IncidentKey>) -> Arc<AlertRow> {
    placed.row.told(incident.map_or(Disposition::Standalone, Disposition::Incident))
}

/// The entities that explaining a group may need, with their places.
struct Scope {
    nodes: Vec<NodeIndex>,
    places: HashMap<NodeIndex, u32>,
}

impl Scope {
    /// Entities of members and their wholes in order of reference, then what they depend on,
    /// at most `max` beyond the members' own.
    fn around(world: &World, placed: &[(AlertKey, &Placed)], max: usize) -> Scope {
        let by_name = |nodes: Vec<NodeIndex>| {
            let text = |node| (world.node(node).entity.text.as_str(), node);
            let mut named: Vec<(&str, NodeIndex)> = nodes.into_iter().map(text).collect();
            named.sort_unstable();
            named.dedup();
            named.into_iter().map(|(_, node)| node)
        };
        let members = placed.iter().map(|(_, placed)| placed.node);
        let mut units: Vec<NodeIndex> = members.clone().map(|n| world.unit_of(n).root).collect();
        units.sort_unstable();
        units.dedup();
        let mut nodes: Vec<NodeIndex> = by_name(members.chain(units.clone()).collect()).collect();
        let own: HashSet<NodeIndex> = nodes.iter().copied().collect();
        let mut silent = Vec::new();
        for unit in units.iter().map(|root| world.unit_of(*root)) {
            let depends = unit.depends.iter().map(|(node, _)| *node);
            silent.extend(depends.filter(|node| !own.contains(node)));
        }
        nodes.extend(by_name(silent).take(max));
        let places = nodes.iter().enumerate().map(|(at, node)| (*node, at as u32)).collect();
        Scope { nodes, places }
    }

    fn place(&self, node: NodeIndex) -> u32 {
        self.places.get(&node).copied().unwrap_or_default()
    }

    fn entities(&self, world: &World) -> Vec<GroupEntity> {
        self.nodes.iter().map(|node| self.entity(world, *node)).collect()
    }

    fn entity(&self, world: &World, index: NodeIndex) -> GroupEntity {
        let node = world.node(index);
        let unit = world.unit_of(index);
        let is_root = unit.root == index;
        let siblings = unit
            .members
            .iter()
            .filter(|m| world.node(**m).entity.kind() == node.entity.kind())
            .count();
        let (owner, criticality) = node.profile.clone().unwrap_or((None, Criticality::default()));
        GroupEntity {
            entity: node.entity.clone(),
            depends: self.edges(world, index),
            users_total: if is_root { unit.users.len() as u32 } else { 0 },
            siblings: siblings as u32,
            owner,
            criticality,
        }
    }

    /// A whole depends on what its parts depend on, and on its alerting parts; a part depends
    /// on its whole and on its own dependencies.
    fn edges(&self, world: &World, index: NodeIndex) -> Vec<GroupEdge> {
        let unit = world.unit_of(index);
        let mut edges: Vec<GroupEdge> = Vec::new();
        let mut add = |node: NodeIndex, kind: RelationKind, reversed: bool| {
            if let Some(to) = self.places.get(&node) {
                edges.push(GroupEdge { to: *to, kind, reversed });
            }
        };
        if unit.root == index {
            unit.depends.iter().for_each(|(node, kind)| add(*node, *kind, false));
            for part in unit.members.iter().skip(1) {
                add(*part, RelationKind::PartOf, true);
            }
        } else {
            for link in &world.node(index).depends {
                let outside = world.unit_of(link.node).root != unit.root;
                if outside && carries_faults(link.kind) {
                    add(link.node, link.kind, false);
                }
            }
            add(unit.root, RelationKind::PartOf, false);
        }
        edges.sort();
        edges.dedup();
        edges
    }

    /// Changes inside the window before the first alert, or while the group was growing.
    fn changes(
        &self,
        world: &World,
        opened: Seconds,
        latest: Seconds,
        params: &Params,
    ) -> Vec<GroupChange> {
        let from = opened - params.context.change_window_seconds;
        let upto = latest + params.correlate.lag_min_seconds;
        let mut changes: Vec<GroupChange> = Vec::new();
        for (place, node) in self.nodes.iter().enumerate() {
            let unit = world.unit_of(*node);
            // What is done to a deployment is done to the service.
            let whole = unit.members.iter().filter(|m| !self.places.contains_key(*m));
            let silent = whole.filter(|_| unit.root == *node);
            for event in silent.chain([node]).flat_map(|n| &world.node(*n).changes) {
                let at = event.time_ns.div_euclid(1_000_000_000);
                if from <= at && at <= upto {
                    changes.push(GroupChange { entity: place as u32, event: event.clone() });
                }
            }
        }
        changes.sort_by(|a, b| (a.event.time_ns, &a.event.id).cmp(&(b.event.time_ns, &b.event.id)));
        changes
    }
}
