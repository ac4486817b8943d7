//! The ledger as a snapshot holds it.

use super::track::{SavedTrack, Track};
use super::{Emission, Ledger};
use causeway_dataflows::model::{AlertCount, AlertKey, Incident, IncidentKey, Seconds};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// All identities between two epochs. The incidents themselves are kept beside it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SavedLedger {
    tracks: Vec<(IncidentKey, SavedTrack)>,
    told: u64,
}

impl Ledger {
    /// What must be kept of it.
    pub fn save(&self) -> SavedLedger {
        let tracks = self.tracks.iter().map(|(key, track)| (*key, track.save()));
        SavedLedger { tracks: tracks.collect(), told: self.told }
    }

    /// The ledger again, for the incidents and counts that stood with it.
    pub fn restore(
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
