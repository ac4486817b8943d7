//! The smallest piece of evidence without which the answer would be another.

use crate::model::{Cause, Counterfactual, EventId, Feature, Group};

/// Pieces of evidence that are tried, the strongest first.
const TRIES_MAX: usize = 8;

/// Looks for one change, or one alert of the first candidate, without which another
/// candidate, or none, would be first; then for all of its alerts together.
pub fn counterfactual(
    group: &Group,
    cause: &Cause,
    score: &dyn Fn(&Group) -> Cause,
) -> Option<Counterfactual> {
    let top = cause.candidates.first()?;
    let place = group.entities.iter().position(|e| e.entity == top.entity)? as u32;
    let mut tries: Vec<(Feature, Vec<EventId>, Group)> = Vec::new();
    for change in group.changes.iter().rev().filter(|c| c.entity == place).take(2) {
        let mut without = group.clone();
        without.changes.retain(|other| other != change);
        tries.push((Feature::Change, vec![change.event.id.clone()], without));
    }
    let mut own: Vec<usize> =
        (0..group.members.len()).filter(|at| group.members[*at].entity == place).collect();
    own.sort_by_key(|at| std::cmp::Reverse(group.members[*at].surprise_milli));
    let told = |at: &usize| group.members[*at].row.alert.first_event_id.clone();
    for at in own.iter().take(TRIES_MAX - 3) {
        tries.push((Feature::Own, vec![told(at)], without(group, &[*at])));
    }
    if own.len() > 1 {
        tries.push((Feature::Own, own.iter().map(told).collect(), without(group, &own)));
    }
    tries.into_iter().find_map(|(feature, events, group)| {
        if group.members.is_empty() {
            return None;
        }
        let other = score(&group);
        let first = other.candidates.first();
        let instead = first.filter(|c| c.probability_ppm > other.unknown_ppm);
        if instead.is_some_and(|candidate| candidate.entity == top.entity) {
            return None;
        }
        if instead.is_none() && top.probability_ppm <= cause.unknown_ppm {
            return None;
        }
        Some(Counterfactual {
            without: events,
            feature,
            probability_ppm: instead.map_or(other.unknown_ppm, |c| c.probability_ppm),
            instead: instead.map(|candidate| candidate.entity.clone()),
        })
    })
}

fn without(group: &Group, members: &[usize]) -> Group {
    let mut other = group.clone();
    let mut at = 0;
    other.members.retain(|_| {
        at += 1;
        !members.contains(&(at - 1))
    });
    other
}
