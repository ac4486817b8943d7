//! Alerts that a rule groups: by the values of its labels, not by topology.
//!
//! Such an alert belongs to the group of the one before it with the same values,
//! or begins a group when that is long ago. Nothing else is looked at, so only
//! what comes after a change has to be decided again.

use super::world::World;
use crate::model::{AlertKey, Because, Pin, Seconds};
use crate::params::CorrelateParams;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Those after the seeds, each in reach of the one before it.
pub fn flood(
    world: &World,
    seeds: &BTreeSet<(AlertKey, Arc<Pin>)>,
    frozen: Seconds,
    params: &CorrelateParams,
) -> BTreeSet<AlertKey> {
    let mut visited = BTreeSet::new();
    for (seed, pin) in seeds {
        let Some(keys) = world.pinned.get(pin) else { continue };
        let mut before = seed.onset;
        for key in keys.range(*seed..) {
            if key.onset - before > params.pinned_seconds {
                break;
            }
            before = key.onset;
            let new = visited.insert(*key);
            // What follows one that an earlier seed led to has been seen.
            if !new && key.onset >= frozen {
                break;
            }
        }
    }
    visited
}

/// Puts an alert into its group; returns which.
pub fn place(world: &mut World, key: AlertKey, params: &CorrelateParams) -> Option<AlertKey> {
    let pin = world.alerts().get(&key)?.row.pin.clone()?;
    let before = world.pinned.get(&pin).and_then(|keys| keys.range(..key).next_back()).copied();
    let near = before.filter(|before| key.onset - before.onset <= params.pinned_seconds);
    let standing = near.and_then(|before| world.alerts().get(&before)?.group);
    // A full group is left to itself: what is said of it has to stay readable.
    let room = |group: &AlertKey| {
        world.groups.get(group).is_some_and(|members| members.keys.len() < params.component_max)
    };
    let open = standing.filter(room);
    let group = open.unwrap_or(key);
    let members = world.groups.entry(group).or_default();
    members.keys.insert(key);
    members.degraded |= open.is_none() && standing.is_some();
    if let Some(placed) = world.alert_mut(&key) {
        placed.group = Some(group);
        placed.because = Because::Pinned { pin };
    }
    Some(group)
}
