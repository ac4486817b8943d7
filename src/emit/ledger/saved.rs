//! The ledger as a snapshot holds it.

use super::track::{SavedTrack, Track};
use super::{Emission, Ledger};
use crate::emit::wire::Message;
use crate::runtime::EpochOutput;
use causeway_dataflows::model::{AlertCount, AlertKey, Incident, IncidentKey, Seconds};
use causeway_dataflows::ops::epochs::{Epoch, Tick};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All identities between two epochs. The incidents themselves are kept beside it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SavedLedger {
    tracks: Vec<(IncidentKey, SavedTrack)>,
    told: u64,
}

/// A change of the incidents that stand.
type Change = (Arc<Incident>, isize);

impl SavedLedger {
    /// How many revisions each id has had that may have more.
    pub fn revisions(&self) -> impl Iterator<Item = (&SmolStr, u64)> {
        self.tracks.iter().map(|(_, track)| (&track.id, track.revision))
    }
}

impl Ledger {
    /// Goes on after `saved`, when `then` stood and `now` stands: the ledger, and the revisions
    /// that other settings or another version make of the difference.
    pub fn resume(
        emission: Emission,
        saved: SavedLedger,
        then: Vec<Arc<Incident>>,
        now: &BTreeMap<IncidentKey, Arc<Incident>>,
        counts: BTreeMap<AlertKey, AlertCount>,
        (epoch, tick): (Epoch, Tick),
    ) -> (Ledger, Vec<Message>) {
        let (stood, incidents) = differences(then, now);
        let mut ledger = Ledger::restore(emission, saved, &stood, counts);
        if incidents.is_empty() {
            return (ledger, Vec::new());
        }
        tracing::warn!(changes = incidents.len(), "incidents are not what they were");
        let output = EpochOutput { epoch, incidents, ..EpochOutput::default() };
        let told = ledger.apply(&output, tick);
        (ledger, told)
    }

    /// What must be kept of it.
    pub fn save(&self) -> SavedLedger {
        let tracks = self.tracks.iter().map(|(key, track)| (*key, track.save()));
        SavedLedger { tracks: tracks.collect(), told: self.told }
    }

    /// The ledger again, for the incidents and counts that stood with it.
    fn restore(
        emission: Emission,
        saved: SavedLedger,
        incidents: &BTreeMap<IncidentKey, Arc<Incident>>,
        counts: BTreeMap<AlertKey, AlertCount>,
    ) -> Ledger {
        let mut ledger = Ledger { counts, told: saved.told, ..Ledger::new(emission) };
        for (key, saved) in saved.tracks {
            let track = Track::restore(saved, incidents.get(&key).cloned());
            if track.scheduled < Seconds::MAX {
                ledger.due.insert((track.scheduled, key));
            }
            ledger.tracks.insert(key, track);
        }
        for incident in incidents.values() {
            let homes = incident.members.iter().map(|member| (member.key, incident.key));
            ledger.homes.extend(homes);
        }
        ledger
    }
}

/// What stood, shared with what stands where that is the same; and what it takes to get from
/// the one to the other, in the order of an answer.
fn differences(
    then: Vec<Arc<Incident>>,
    now: &BTreeMap<IncidentKey, Arc<Incident>>,
) -> (BTreeMap<IncidentKey, Arc<Incident>>, Vec<Change>) {
    let mut stood = BTreeMap::new();
    let mut changed: Vec<Change> = Vec::new();
    for old in then {
        match now.get(&old.key) {
            Some(new) if *new == old => drop(stood.insert(old.key, Arc::clone(new))),
            _ => {
                changed.push((Arc::clone(&old), -1));
                stood.insert(old.key, old);
            }
        }
    }
    let is_new = |new: &&Arc<Incident>| stood.get(&new.key) != Some(new);
    changed.extend(now.values().filter(is_new).map(|new| (Arc::clone(new), 1)));
    changed.sort_by_key(|(incident, diff)| (incident.key, *diff));
    (stood, changed)
}
