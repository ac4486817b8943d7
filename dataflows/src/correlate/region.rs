//! Deciding a region again: flood from what changed, then slice by slice.

use super::cone::{Sites, Source};
use super::links::{for_each_near, for_each_neighbour};
use super::pinned;
use super::split::{Chosen, split};
use super::world::{NodeIndex, Placed, World};
use crate::model::{AlertKey, Because, Pin, Seconds};
use crate::params::CorrelateParams;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where and when something changed.
#[derive(Debug, Default)]
pub struct Seeds {
    /// In topology.
    pub near: BTreeSet<(Seconds, NodeIndex)>,
    /// Among the alerts that a rule groups.
    pub pinned: BTreeSet<(AlertKey, Arc<Pin>)>,
}

impl Seeds {
    /// An alert came or goes.
    pub fn insert(&mut self, key: AlertKey, placed: &Placed) {
        self.near.insert((key.onset, placed.node));
        self.pinned.extend(placed.row.pin.clone().map(|pin| (key, pin)));
    }
}

/// Decides again everything that the seeds can have influenced and that is not older than
/// `frozen`: what earlier slices decided is a fixed input (SEMANTICS rule 16), whether or not
/// all of its alerts have left the horizon yet.
///
/// Returns the groups whose members may be others now, by earliest alert, old and new.
pub fn decide(
    world: &mut World,
    seeds: &Seeds,
    frozen: Seconds,
    params: &CorrelateParams,
) -> BTreeSet<AlertKey> {
    let mut region = flood(world, &seeds.near, frozen, params);
    region.extend(pinned::flood(world, &seeds.pinned, frozen, params));
    // A frozen alert that has no group yet still needs one; the others keep theirs.
    let open = |key: &AlertKey| world.alerts.get(key).is_some_and(|p| p.group.is_none());
    region.retain(|key| key.onset >= frozen || open(key));
    let mut touched = BTreeSet::new();
    for key in &region {
        touched.extend(unassign(world, *key));
    }
    let mut rest: BTreeSet<AlertKey> = region;
    while let Some(first) = rest.first() {
        let start = first.onset.div_euclid(params.slice_seconds) * params.slice_seconds;
        decide_slice(world, &rest, start, params, &mut touched);
        let end = AlertKey {
            onset: start + params.slice_seconds,
            fingerprint: crate::model::Fingerprint(0),
        };
        rest = rest.split_off(&end);
    }
    touched
}

/// The first instant whose slice can see an alert at `onset`.
pub fn cut(onset: Seconds, params: &CorrelateParams) -> Seconds {
    (onset - params.lag_max_seconds).div_euclid(params.slice_seconds) * params.slice_seconds
}

/// The first instant that is not frozen at tick `now`: slices before it ended a horizon ago.
pub fn frozen(now: Seconds, horizon: Seconds, params: &CorrelateParams) -> Seconds {
    (now - horizon).div_euclid(params.slice_seconds) * params.slice_seconds
}

/// The alerts that what happened at the seeds can have influenced, frozen ones only around
/// the seeds themselves.
fn flood(
    world: &World,
    seeds: &BTreeSet<(Seconds, NodeIndex)>,
    frozen: Seconds,
    params: &CorrelateParams,
) -> BTreeSet<AlertKey> {
    let mut visited = BTreeSet::new();
    let mut queue: Vec<AlertKey> = Vec::new();
    // In order of onset, so that an alert is first visited with the earliest cut.
    for (onset, node) in seeds {
        let cut = cut(*onset, params);
        for_each_near(world, *node, *onset, cut, params, &mut |key| queue.push(key));
        while let Some(key) = queue.pop() {
            if !visited.insert(key) || key.onset < frozen {
                continue;
            }
            if let Some(placed) = world.alerts.get(&key) {
                let node = placed.node;
                for_each_near(world, node, key.onset, cut, params, &mut |near| {
                    if !visited.contains(&near) {
                        queue.push(near);
                    }
                });
            }
        }
    }
    visited
}

fn unassign(world: &mut World, key: AlertKey) -> Option<AlertKey> {
    let group = world.alerts.get_mut(&key)?.group.take()?;
    if group == key
        && let Some(members) = world.groups.get_mut(&group)
    {
        // The slice that founded it is decided again.
        members.source = None;
    }
    leave_group(world, group, key);
    Some(group)
}

/// Takes `key` out of `group`'s members and forgets the group when it was the last.
pub fn leave_group(world: &mut World, group: AlertKey, key: AlertKey) {
    if let Some(members) = world.groups.get_mut(&group) {
        members.keys.remove(&key);
        if members.keys.is_empty() {
            world.groups.remove(&group);
        }
    }
}

fn decide_slice(
    world: &mut World,
    rest: &BTreeSet<AlertKey>,
    start: Seconds,
    params: &CorrelateParams,
    touched: &mut BTreeSet<AlertKey>,
) {
    let end = start + params.slice_seconds;
    let horizon = end + params.lag_max_seconds;
    let window = rest.iter().copied().take_while(|k| k.onset < horizon);
    let (pinned, window): (Vec<AlertKey>, Vec<AlertKey>) =
        window.partition(|key| world.is_pinned(key));
    for key in pinned.into_iter().take_while(|key| key.onset < end) {
        touched.extend(pinned::place(world, key, params));
    }
    for (component, degraded) in components(world, &window, params) {
        if component[0].onset >= end {
            continue;
        }
        let mut sites = Sites::default();
        for key in &component {
            if let Some(placed) = world.alerts.get(key) {
                sites.by_node.entry(world.unit_of(placed.node).root).or_default().push(*key);
            }
        }
        let standing = standing(world, &sites, start, params);
        for chosen in split(world, sites, &standing, end, params) {
            commit(world, chosen, end, degraded, touched);
        }
    }
}

/// Puts the alerts of this slice that a cone covers into its group.
fn commit(
    world: &mut World,
    chosen: Chosen,
    end: Seconds,
    degraded: bool,
    touched: &mut BTreeSet<AlertKey>,
) {
    let now = |key: &&AlertKey| key.onset < end;
    let first = chosen.reached.iter().flat_map(|site| site.alerts.iter().filter(now)).min();
    let Some(first) = first.copied() else { return };
    let group = chosen.standing.unwrap_or(first);
    if let Some((node, onset)) = chosen.source {
        let source = (world.node(node).entity.id, onset);
        world.groups.entry(group).or_default().source = Some(source);
    }
    for site in &chosen.reached {
        let via = world.node(site.via).entity.clone();
        for key in site.alerts.iter().filter(now) {
            let because = match (chosen.standing, site.hops) {
                (None, 0) => Because::Anchor,
                (Some(_), 0) => Because::Continues { via: via.clone() },
                _ => Because::Depends {
                    via: via.clone(),
                    relation: site.kind,
                    hops: site.hops,
                    lag: site.lag + key.onset - site.alerts[0].onset,
                },
            };
            if let Some(placed) = world.alerts.get_mut(key) {
                placed.group = Some(group);
                placed.because = because;
            }
            let members = world.groups.entry(group).or_default();
            members.keys.insert(*key);
            members.degraded |= degraded;
        }
    }
    touched.insert(group);
}

/// Sources of groups decided before `start` that the component's alerts may continue.
fn standing(
    world: &World,
    sites: &Sites,
    start: Seconds,
    params: &CorrelateParams,
) -> BTreeMap<AlertKey, Vec<Source>> {
    let mut nodes: BTreeSet<(NodeIndex, Seconds)> = BTreeSet::new();
    for node in sites.by_node.keys() {
        nodes.insert((*node, params.same_entity_seconds));
        for_each_neighbour(world, &world.unit_of(*node), params, |near| {
            if !sites.by_node.contains_key(&near.root) {
                nodes.insert((near.root, params.lag_max_seconds));
            }
        });
    }
    let mut standing: BTreeMap<AlertKey, Vec<Source>> = BTreeMap::new();
    let mut founded = BTreeSet::new();
    for (node, span) in nodes {
        let mut seen: BTreeMap<AlertKey, Seconds> = BTreeMap::new();
        world.unit_of(node).alerts(start - span, start - 1, &mut |key| {
            let free = world.alerts.get(&key).filter(|placed| placed.row.pin.is_none());
            if let Some(group) = free.and_then(|placed| placed.group) {
                seen.insert(group, key.onset);
            }
        });
        for (group, onset) in seen {
            let own_seconds = params.same_entity_seconds;
            let source = Source { node, onset, decided: true, own_seconds };
            standing.entry(group).or_default().push(source);
            founded.insert(group);
        }
    }
    for group in founded {
        let source = world.groups.get(&group).and_then(|members| members.source);
        let Some((entity, onset)) = source else { continue };
        if let Some(node) = world.find(entity)
            && start - onset <= params.lag_max_seconds
        {
            let node = world.unit_of(node).root;
            // A silent source began a usual lag before its first effect; what lies further
            // from that effect than a link reaches is not in the region of a change there.
            let own_seconds = params.lag_max_seconds - params.lag_usual_seconds;
            let source = Source { node, onset, decided: true, own_seconds };
            standing.entry(group).or_default().push(source);
        }
    }
    standing
}

/// The connected components of a window, in order of their earliest alert; a component
/// over the bound is cut again with shorter links, then into pieces (SEMANTICS rule 17).
fn components(
    world: &World,
    window: &[AlertKey],
    params: &CorrelateParams,
) -> Vec<(Vec<AlertKey>, bool)> {
    let mut done = Vec::new();
    for component in connected(world, window, params, params.neighbour_seconds) {
        if component.len() <= params.component_max {
            done.push((component, false));
            continue;
        }
        for shorter in connected(world, &component, params, 60) {
            if shorter.len() <= params.component_max {
                done.push((shorter, true));
                continue;
            }
            for shortest in connected(world, &shorter, params, 30) {
                done.extend(shortest.chunks(params.component_max).map(|c| (c.to_vec(), true)));
            }
        }
    }
    done.sort();
    done
}

/// Components over links: the predecessor on the same entity, and on each neighbour within
/// `reach` seconds. Alerts that happen all the time make no links to others.
fn connected(
    world: &World,
    window: &[AlertKey],
    params: &CorrelateParams,
    reach: Seconds,
) -> Vec<Vec<AlertKey>> {
    let place: BTreeMap<AlertKey, usize> =
        window.iter().enumerate().map(|(at, key)| (*key, at)).collect();
    let mut sets = Sets::new(window.len());
    for (at, key) in window.iter().enumerate() {
        let Some(placed) = world.alerts.get(key) else { continue };
        let bridge = |key: &AlertKey| {
            world.alerts.get(key).is_some_and(|p| {
                p.surprise_milli >= params.bridge_surprise_milli && p.row.pin.is_none()
            })
        };
        let from = window[0].onset;
        let unit = world.unit_of(placed.node);
        if let Some(other) =
            unit.last_before(*key, from, &|k| !world.is_pinned(k)).and_then(|k| place.get(&k))
        {
            sets.join(at, *other);
        }
        if !bridge(key) {
            continue;
        }
        for_each_neighbour(world, &unit, params, |near| {
            let from = (key.onset - reach).max(from);
            if let Some(other) = near.last_before(*key, from, &bridge).and_then(|k| place.get(&k)) {
                sets.join(at, *other);
            }
        });
    }
    let mut by_root: BTreeMap<usize, Vec<AlertKey>> = BTreeMap::new();
    for (at, key) in window.iter().enumerate() {
        by_root.entry(sets.find(at)).or_default().push(*key);
    }
    by_root.into_values().collect()
}

/// Union-find whose root is the least member, so that roots are in order of onset.
struct Sets(Vec<usize>);

impl Sets {
    fn new(len: usize) -> Self {
        Sets((0..len).collect())
    }

    fn find(&mut self, mut at: usize) -> usize {
        while self.0[at] != at {
            self.0[at] = self.0[self.0[at]];
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b)] = a.min(b);
    }
}
