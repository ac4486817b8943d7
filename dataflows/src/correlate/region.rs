//! Deciding a region again: flood from what changed, then slice by slice.

use super::cone::{Sites, Source};
use super::links::{for_each_near, for_each_neighbour};
use super::pinned;
use super::split::{Chosen, split};
use super::world::{NodeIndex, Placed, World};
use crate::model::{AlertKey, Because, Pin, Seconds};
use crate::params::CorrelateParams;
use hashbrown::{HashMap, HashSet};
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
    let open = |key: &AlertKey| world.alerts().get(key).is_some_and(|p| p.group.is_none());
    region.retain(|key| key.onset >= frozen || open(key));
    region.sort_unstable();
    region.dedup();
    let mut touched = BTreeSet::new();
    unassign(world, &region, &mut touched);
    let region: Vec<Undecided> =
        region.iter().filter_map(|key| Undecided::of(world, *key, params)).collect();
    let mut rest = region.as_slice();
    while let Some(first) = rest.first() {
        let start = first.key.onset.div_euclid(params.slice_seconds) * params.slice_seconds;
        decide_slice(world, rest, start, params, &mut touched);
        let end = start + params.slice_seconds;
        rest = &rest[rest.partition_point(|alert| alert.key.onset < end)..];
    }
    touched
}

/// An alert of the region, with what deciding asks of it again and again.
#[derive(Clone, Copy, Debug)]
struct Undecided {
    key: AlertKey,
    /// Its unit's root.
    unit: NodeIndex,
    /// A rule groups it.
    pinned: bool,
    /// Rare enough to make links to others.
    bridge: bool,
}

impl Undecided {
    fn of(world: &World, key: AlertKey, params: &CorrelateParams) -> Option<Undecided> {
        let placed = world.alerts().get(&key)?;
        let pinned = placed.row.pin.is_some();
        let bridge = !pinned && placed.surprise_milli >= params.bridge_surprise_milli;
        Some(Undecided { key, unit: world.unit_of(placed.node).root, pinned, bridge })
    }
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
) -> Vec<AlertKey> {
    let mut visited = HashSet::new();
    let mut order = Vec::new();
    let mut queue: Vec<AlertKey> = Vec::new();
    // In order of onset, so that an alert is first visited with the earliest cut.
    for (onset, node) in seeds {
        let cut = cut(*onset, params);
        for_each_near(world, *node, *onset, cut, params, &mut |key| queue.push(key));
        while let Some(key) = queue.pop() {
            if !visited.insert(key) {
                continue;
            }
            order.push(key);
            if key.onset < frozen {
                continue;
            }
            if let Some(placed) = world.alerts().get(&key) {
                let node = placed.node;
                for_each_near(world, node, key.onset, cut, params, &mut |near| {
                    if !visited.contains(&near) {
                        queue.push(near);
                    }
                });
            }
        }
    }
    order
}

/// Takes the alerts of a region out of their groups, and notes those.
fn unassign(world: &mut World, region: &[AlertKey], touched: &mut BTreeSet<AlertKey>) {
    let mut left: BTreeMap<AlertKey, Vec<AlertKey>> = BTreeMap::new();
    for key in region {
        let group = world.alert_mut(key).and_then(|placed| placed.group.take());
        if let Some(group) = group {
            left.entry(group).or_default().push(*key);
        }
    }
    for (group, leaving) in left {
        touched.insert(group);
        let Some(members) = world.groups.get_mut(&group) else { continue };
        if leaving[0] == group {
            // The slice that founded it is decided again.
            members.source = None;
        }
        if leaving.len() == members.keys.len() {
            world.groups.remove(&group);
            continue;
        }
        for key in leaving {
            members.keys.remove(&key);
        }
    }
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
    rest: &[Undecided],
    start: Seconds,
    params: &CorrelateParams,
    touched: &mut BTreeSet<AlertKey>,
) {
    let end = start + params.slice_seconds;
    let horizon = end + params.lag_max_seconds;
    let window = &rest[..rest.partition_point(|alert| alert.key.onset < horizon)];
    for alert in window.iter().filter(|alert| alert.pinned && alert.key.onset < end) {
        touched.extend(pinned::place(world, alert.key, params));
    }
    let window: Vec<Undecided> = window.iter().filter(|alert| !alert.pinned).copied().collect();
    for (component, degraded) in components(world, &window, params) {
        let first = component[0].key.onset;
        if first >= end {
            continue;
        }
        let mut sites = Sites::default();
        for alert in &component {
            sites.by_node.entry(alert.unit).or_default().push(alert.key);
        }
        // What is cut from a component goes on with the groups of the pieces before it, as it
        // would with those of an earlier slice: else whatever fell with the thing that
        // everyone depends on, but into another piece, would stand alone.
        let decided = if degraded { first } else { start - 1 };
        let standing = standing(world, &sites, start, decided, params);
        let elsewhere = degraded.then_some(start..horizon);
        for chosen in split(world, sites, &standing, end, elsewhere, params) {
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
            if let Some(placed) = world.alert_mut(key) {
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

/// Sources of groups that the component's alerts may continue: decided in slices before
/// `start`, or up to `decided` in pieces of the same component.
fn standing(
    world: &World,
    sites: &Sites,
    start: Seconds,
    decided: Seconds,
    params: &CorrelateParams,
) -> BTreeMap<AlertKey, Vec<Source>> {
    let mut nodes: Vec<(NodeIndex, Seconds)> = Vec::new();
    for node in sites.by_node.keys() {
        nodes.push((*node, params.same_entity_seconds));
        for_each_neighbour(world, world.unit_of(*node), params, |near| {
            // Most neighbours are well.
            if near.has_alerts() && !sites.by_node.contains_key(&near.root) {
                nodes.push((near.root, params.lag_max_seconds));
            }
        });
    }
    nodes.sort_unstable();
    nodes.dedup();
    let mut standing: BTreeMap<AlertKey, Vec<Source>> = BTreeMap::new();
    let mut founded = BTreeSet::new();
    for (node, span) in nodes {
        let mut seen: BTreeMap<AlertKey, Seconds> = BTreeMap::new();
        world.unit_of(node).alerts(start - span, decided).for_each(|key| {
            let free = world.alerts().get(&key).filter(|placed| placed.row.pin.is_none());
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
    window: &[Undecided],
    params: &CorrelateParams,
) -> Vec<(Vec<Undecided>, bool)> {
    let max = params.component_max;
    let links = links(world, window, params);
    let everything: Vec<u32> = (0..window.len() as u32).collect();
    let mut done = Vec::new();
    for component in connected(&everything, &links, params.neighbour_seconds) {
        if component.len() <= max {
            done.push((component, false));
            continue;
        }
        for shorter in connected(&component, &links, 60) {
            if shorter.len() <= max {
                done.push((shorter, true));
                continue;
            }
            for shortest in connected(&shorter, &links, 30) {
                done.extend(shortest.chunks(max).map(|piece| (piece.to_vec(), true)));
            }
        }
    }
    done.sort_unstable_by_key(|(component, _)| component[0]);
    let alerts = |places: Vec<u32>| places.iter().map(|at| window[*at as usize]).collect();
    done.into_iter().map(|(places, degraded)| (alerts(places), degraded)).collect()
}

/// Links of each alert of a window to earlier ones, with the lag: to its predecessor on the same
/// entity, whose lag does not matter and is none, and to that on each neighbour.
/// Alerts that happen all the time make no links to others.
fn links(
    world: &World,
    window: &[Undecided],
    params: &CorrelateParams,
) -> Vec<Vec<(u32, Seconds)>> {
    let place: HashMap<AlertKey, u32> =
        window.iter().enumerate().map(|(at, alert)| (alert.key, at as u32)).collect();
    let at_place = |key: AlertKey| place.get(&key).copied();
    let is_free = |key: &AlertKey| !world.is_pinned(key);
    let is_bridge = |key: &AlertKey| match at_place(*key) {
        Some(at) => window[at as usize].bridge,
        None => Undecided::of(world, *key, params).is_some_and(|alert| alert.bridge),
    };
    let of = |Undecided { key, unit, bridge, .. }: &Undecided| {
        let first = window[0].key.onset;
        let unit = world.unit_of(*unit);
        let own = unit.last_before(*key, first, is_free).and_then(at_place);
        let mut links: Vec<(u32, Seconds)> = own.into_iter().map(|at| (at, 0)).collect();
        if *bridge {
            for_each_neighbour(world, unit, params, |near| {
                let from = (key.onset - params.neighbour_seconds).max(first);
                if let Some(at) = near.last_before(*key, from, is_bridge).and_then(at_place) {
                    links.push((at, key.onset - window[at as usize].key.onset));
                }
            });
        }
        links
    };
    window.iter().map(of).collect()
}

/// Components of some places of a window over links of at most `reach` seconds, each in order,
/// by their first.
fn connected(places: &[u32], links: &[Vec<(u32, Seconds)>], reach: Seconds) -> Vec<Vec<u32>> {
    let mut sets = Sets::new(places.len());
    for (at, place) in places.iter().enumerate() {
        for (other, _) in links[*place as usize].iter().filter(|(_, lag)| *lag <= reach) {
            if let Ok(other) = places.binary_search(other) {
                sets.join(at, other);
            }
        }
    }
    let mut by_root: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for (at, place) in places.iter().enumerate() {
        by_root.entry(sets.find(at)).or_default().push(*place);
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
