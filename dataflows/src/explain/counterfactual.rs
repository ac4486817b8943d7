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
    let mut tries: Vec<Without> = Vec::new();
    let changes = (0..group.changes.len()).rev().filter(|at| group.changes[*at].entity == place);
    tries.extend(changes.take(2).map(Without::Change));
    let mut own: Vec<usize> =
        (0..group.members.len()).filter(|at| group.members[*at].entity == place).collect();
    own.sort_by_key(|at| std::cmp::Reverse(group.members[*at].surprise_milli));
    tries.extend(own.iter().take(TRIES_MAX - 3).map(|at| Without::Members(vec![*at])));
    if own.len() > 1 {
        tries.push(Without::Members(own));
    }
    tries.into_iter().find_map(|evidence| {
        let without = evidence.taken_from(group);
        if without.members.is_empty() {
            return None;
        }
        let other = score(&without);
        let first = other.candidates.first();
        let instead = first.filter(|c| c.probability_ppm > other.unknown_ppm);
        if instead.is_some_and(|candidate| candidate.entity == top.entity) {
            return None;
        }
        if instead.is_none() && top.probability_ppm <= cause.unknown_ppm {
            return None;
        }
        Some(Counterfactual {
            without: evidence.events(group),
            feature: evidence.feature(),
            probability_ppm: instead.map_or(other.unknown_ppm, |c| c.probability_ppm),
            instead: instead.map(|candidate| candidate.entity.clone()),
        })
    })
}

/// Evidence to do without, by place in the group.
enum Without {
    Change(usize),
    Members(Vec<usize>),
}

impl Without {
    fn taken_from(&self, group: &Group) -> Group {
        fn others<T: Clone>(all: &[T], gone: &[usize]) -> Vec<T> {
            let kept = all.iter().enumerate().filter(|(at, _)| !gone.contains(at));
            kept.map(|(_, one)| one.clone()).collect()
        }
        match self {
            Without::Change(at) => {
                Group { changes: others(&group.changes, &[*at]).into(), ..group.clone() }
            }
            Without::Members(gone) => Group {
                key: group.key,
                tenant: group.tenant.clone(),
                members: others(&group.members, gone),
                entities: group.entities.clone(),
                changes: group.changes.clone(),
                model: group.model.clone(),
                degraded: group.degraded,
            },
        }
    }

    fn events(&self, group: &Group) -> Vec<EventId> {
        match self {
            Without::Change(at) => vec![group.changes[*at].event.id.clone()],
            Without::Members(gone) => {
                let told = |at: &usize| group.members[*at].row.alert.first_event_id.clone();
                gone.iter().map(told).collect()
            }
        }
    }

    fn feature(&self) -> Feature {
        match self {
            Without::Change(_) => Feature::Change,
            Without::Members(_) => Feature::Own,
        }
    }
}
