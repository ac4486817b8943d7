//! From symptom to cause, over entities that alert.

use crate::model::{EventId, Group, GroupMember, Hop, RelationKind, Seconds};
use std::collections::BTreeMap;

/// How an entity was reached from the cause.
struct Step {
    /// The next entity towards the cause.
    towards: u32,
    kind: RelationKind,
    hops: u8,
    /// How well the lags along the way fit, thousandths.
    fit: i64,
}

/// The path from the worst symptom that `cause` explains to `cause`.
pub fn path(group: &Group, cause: u32) -> Vec<Hop> {
    let first = firsts(group);
    let steps = reach(group, cause, &first);
    // The worst symptom: the most severe, then the farthest, then the first felt.
    let symptom = steps.iter().max_by_key(|(place, step)| {
        let severity = first.get(place).map(|member| member.row.severity);
        let felt = first.get(place).map(|member| std::cmp::Reverse(member.key));
        (severity, step.hops, felt)
    });
    let mut hops = Vec::new();
    let mut at = symptom.map(|(place, _)| *place);
    while let Some(place) = at {
        let Some(step) = steps.get(&place) else { break };
        hops.push(hop(group, place, step, &first));
        at = (step.towards != cause).then_some(step.towards);
    }
    hops
}

/// The first alert of each entity that has one; a whole has its parts' alerts too.
fn firsts(group: &Group) -> BTreeMap<u32, &GroupMember> {
    let mut first: BTreeMap<u32, &GroupMember> = BTreeMap::new();
    for member in &group.members {
        first.entry(member.entity).or_insert(member);
        if let Some(whole) = whole(group, member.entity) {
            first.entry(whole).or_insert(member);
        }
    }
    first
}

/// The whole that an entity is a part of.
fn whole(group: &Group, place: u32) -> Option<u32> {
    let depends = &group.entities[place as usize].depends;
    depends.iter().find(|e| e.kind == RelationKind::PartOf && !e.reversed).map(|e| e.to)
}

/// Everything alerting that depends on `cause` over alerting entities, level by level; of
/// several ways in one level the one whose lags fit best.
fn reach(group: &Group, cause: u32, first: &BTreeMap<u32, &GroupMember>) -> BTreeMap<u32, Step> {
    let users = users(group, cause, first);
    let mut steps: BTreeMap<u32, Step> = BTreeMap::new();
    let mut level: Vec<(u32, i64)> = vec![(cause, 1000)];
    for hops in 1..=8u8 {
        let mut next: BTreeMap<u32, Step> = BTreeMap::new();
        for (towards, fit) in &level {
            for (place, kind) in &users[*towards as usize] {
                if steps.contains_key(place) {
                    continue;
                }
                let fit = fit * lag_fit(lag(*place, *towards, first)) / 1000;
                if next.get(place).is_none_or(|step| step.fit < fit) {
                    next.insert(*place, Step { towards: *towards, kind: *kind, hops, fit });
                }
            }
        }
        if next.is_empty() {
            break;
        }
        level = next.iter().map(|(place, step)| (*place, step.fit)).collect();
        steps.extend(next);
    }
    steps
}

/// The alerting entities that depend on each entity, in order of place: a group may be one hub
/// with thousands of dependents, so nobody may look through all of them at each.
fn users(
    group: &Group,
    cause: u32,
    first: &BTreeMap<u32, &GroupMember>,
) -> Vec<Vec<(u32, RelationKind)>> {
    let mut users = vec![Vec::new(); group.entities.len()];
    for place in first.keys().copied() {
        // People read paths between wholes; a part stands in one only as the cause.
        if place == cause || is_nested(group, place) {
            continue;
        }
        for edge in &group.entities[place as usize].depends {
            users[edge.to as usize].push((place, edge.kind));
        }
    }
    users
}

/// Whether a place is a part of something that is told of itself. A host in a zone is not.
fn is_nested(group: &Group, place: u32) -> bool {
    whole(group, place).is_some_and(|whole| {
        group.entities[whole as usize].depends.iter().any(|e| e.to == place && e.reversed)
    })
}

/// A later effect fits, an earlier one is a matter of skew.
fn lag_fit(lag: Option<Seconds>) -> i64 {
    match lag {
        None => 800,
        Some(lag) if (-8..=60).contains(&lag) => 1000,
        Some(lag) if (-30..=240).contains(&lag) => 600,
        Some(_) => 200,
    }
}

fn lag(from: u32, to: u32, first: &BTreeMap<u32, &GroupMember>) -> Option<Seconds> {
    Some(first.get(&from)?.key.onset - first.get(&to)?.key.onset)
}

fn hop(group: &Group, place: u32, step: &Step, first: &BTreeMap<u32, &GroupMember>) -> Hop {
    let told = |place: u32| first.get(&place).map(|m| m.row.alert.first_event_id.clone());
    let evidence: Vec<EventId> = [told(place), told(step.towards)].into_iter().flatten().collect();
    Hop {
        from: group.entities[place as usize].entity.clone(),
        to: group.entities[step.towards as usize].entity.clone(),
        relation: step.kind,
        lag_ms: lag(place, step.towards, first).unwrap_or(0) * 1000,
        evidence,
    }
}
