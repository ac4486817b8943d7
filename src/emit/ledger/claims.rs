//! Who keeps which id when incidents are regrouped (SEMANTICS rule 20).

use super::track::Track;
use causeway_dataflows::model::{AlertKey, IncidentKey};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// An id whose incident was taken back, with the alerts it had.
pub(super) struct Claimant {
    pub(super) track: Track,
    pub(super) members: Vec<AlertKey>,
}

/// What became of the claims.
#[derive(Default)]
pub(super) struct Decided {
    /// Incidents that go on under an old id.
    pub(super) winners: Vec<(IncidentKey, Track)>,
    /// Ids that end in another incident.
    pub(super) merged: Vec<(Track, IncidentKey)>,
    /// Ids most of whose alerts are nowhere together.
    pub(super) homeless: Vec<Track>,
    /// For incidents that hold alerts of an id which went elsewhere: that id.
    pub(super) split_from: BTreeMap<IncidentKey, SmolStr>,
}

/// Each id goes to the incident that holds most of its alerts, if at least half, ties to the
/// smaller key; an incident claimed by several keeps the id with the largest overlap, then
/// the oldest.
pub(super) fn decide(claimants: Vec<Claimant>, homes: &BTreeMap<AlertKey, IncidentKey>) -> Decided {
    let mut decided = Decided::default();
    let mut claims: BTreeMap<IncidentKey, Vec<(usize, Track)>> = BTreeMap::new();
    for claimant in claimants {
        let mut overlaps: BTreeMap<IncidentKey, usize> = BTreeMap::new();
        for home in claimant.members.iter().filter_map(|member| homes.get(member)) {
            *overlaps.entry(*home).or_default() += 1;
        }
        let best = overlaps
            .iter()
            .max_by_key(|(key, count)| (**count, std::cmp::Reverse(**key)))
            .filter(|(_, count)| **count * 2 >= claimant.members.len())
            .map(|(key, count)| (*key, *count));
        let told = claimant.track.last.is_some();
        for home in overlaps.keys().filter(|home| best.is_none_or(|(key, _)| key != **home)) {
            if told {
                decided.split_from.insert(*home, claimant.track.id.clone());
            }
        }
        match best {
            Some((key, overlap)) => claims.entry(key).or_default().push((overlap, claimant.track)),
            None => decided.homeless.push(claimant.track),
        }
    }
    for (key, mut claims) in claims {
        claims.sort_by_key(|(overlap, track)| (std::cmp::Reverse(*overlap), track.age()));
        let mut claims = claims.into_iter().map(|(_, track)| track);
        decided.winners.extend(claims.next().map(|track| (key, track)));
        decided.merged.extend(claims.map(|track| (track, key)));
    }
    decided
}
