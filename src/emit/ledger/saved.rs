//! The ledger as a snapshot holds it, handed out in slices.

use super::track::{SavedTrack, Track};
use super::{Emission, Ledger};
use crate::emit::table::Keep;
use crate::emit::wire::{AsJson, Message, Revision};
use crate::runtime::EpochOutput;
use causeway_dataflows::model::{AlertCount, AlertKey, Incident, IncidentKey, Seconds};
use causeway_dataflows::ops::epochs::{Epoch, Tick};
use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// All identities between two epochs. The incidents themselves are kept beside it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SavedLedger {
    /// A list of its own in a snapshot, which is written and read in parts.
    pub(crate) tracks: Vec<(IncidentKey, SavedTrack)>,
    pub(super) told: u64,
}

/// All that a snapshot holds of a ledger.
#[derive(Clone, Debug, Default)]
pub struct LedgerState {
    /// Identities.
    pub ledger: SavedLedger,
    /// The incidents that stand.
    pub incidents: Vec<Arc<Incident>>,
    /// Exact counts of standing alerts.
    pub counts: Vec<AlertCount>,
}

impl Keep<IncidentKey> for Track {
    type Kept = (Vec<(IncidentKey, SavedTrack)>, Vec<Arc<Incident>>);

    fn room(entries: usize) -> Self::Kept {
        (Vec::with_capacity(entries), Vec::with_capacity(entries))
    }

    fn keep(&self, key: &IncidentKey, (tracks, incidents): &mut Self::Kept) {
        tracks.push((*key, self.save()));
        incidents.extend(self.now.clone());
    }
}

impl Keep<AlertKey> for AlertCount {
    type Kept = Vec<AlertCount>;

    fn room(entries: usize) -> Self::Kept {
        Vec::with_capacity(entries)
    }

    fn keep(&self, _: &AlertKey, kept: &mut Self::Kept) {
        kept.push(*self);
    }
}

/// A change of the incidents that stand.
type Change = (Arc<Incident>, isize);

impl SavedLedger {
    /// It without the list.
    pub(crate) fn rest(&self) -> SavedLedger {
        SavedLedger { tracks: Vec::new(), told: self.told }
    }

    /// Leaves out the revisions that are `held` somewhere else, which are most.
    pub(crate) fn leave_out(&mut self, held: impl Fn(&Arc<Revision>) -> bool) {
        for (_, track) in &mut self.tracks {
            if let AsJson::Value(Some(last)) = &track.last
                && held(last)
            {
                track.last = AsJson::elsewhere();
            }
        }
    }

    /// Puts back what was left out, by id.
    ///
    /// # Errors
    /// When one is not `held`.
    pub(crate) fn put_back(
        &mut self,
        held: impl Fn(&SmolStr) -> Option<Arc<Revision>>,
    ) -> serde_json::Result<()> {
        for (_, track) in self.tracks.iter_mut().filter(|(_, track)| track.last.is_elsewhere()) {
            let missing = || format!("{} was told of and has no line", track.id);
            let last = held(&track.id).ok_or_else(|| serde_json::Error::custom(missing()))?;
            track.last = AsJson::Value(Some(last));
        }
        Ok(())
    }

    /// How many revisions each id has had that may have more.
    pub fn revisions(&self) -> impl Iterator<Item = (&SmolStr, u64)> {
        self.tracks.iter().map(|(_, track)| (&track.id, track.revision))
    }
}

impl Ledger {
    /// Goes on after `saved`, when `then` stood and `now` stands: the ledger, and the revisions
    /// that other settings or another version make of the difference.
    ///
    /// # Errors
    /// When something that was told is no revision.
    pub fn resume(
        emission: Emission,
        saved: SavedLedger,
        then: Vec<Arc<Incident>>,
        now: &BTreeMap<IncidentKey, Arc<Incident>>,
        counts: BTreeMap<AlertKey, AlertCount>,
        (epoch, tick): (Epoch, Tick),
    ) -> serde_json::Result<(Ledger, Vec<Message>)> {
        let (stood, incidents) = differences(then, now);
        let mut ledger = Ledger::restore(emission, saved, &stood, counts)?;
        if incidents.is_empty() {
            return Ok((ledger, Vec::new()));
        }
        tracing::warn!(changes = incidents.len(), "incidents are not what they were");
        let output = EpochOutput { epoch, incidents, ..EpochOutput::default() };
        let told = ledger.apply(&output, tick);
        Ok((ledger, told))
    }

    /// Begins to hand out what must be kept of it as it is now.
    pub fn begin_saving(&mut self) {
        self.tracks.begin_saving();
        self.counts.begin_saving();
        self.told_then = self.told;
    }

    /// Hands out up to `entries` more of each table; all of it once nothing is left.
    pub fn go_on_saving(&mut self, entries: usize) -> Option<LedgerState> {
        if !(self.tracks.go_on_saving(entries) & self.counts.go_on_saving(entries)) {
            return None;
        }
        let ((tracks, incidents), counts) = (self.tracks.take_saved()?, self.counts.take_saved()?);
        let ledger = SavedLedger { tracks, told: self.told_then };
        Some(LedgerState { ledger, incidents, counts })
    }

    /// The ledger again, for the incidents and counts that stood with it.
    fn restore(
        emission: Emission,
        saved: SavedLedger,
        incidents: &BTreeMap<IncidentKey, Arc<Incident>>,
        counts: BTreeMap<AlertKey, AlertCount>,
    ) -> serde_json::Result<Ledger> {
        let mut ledger = Ledger { told: saved.told, ..Ledger::new(emission) };
        ledger.counts.extend(counts);
        for (key, saved) in saved.tracks {
            let track = Track::restore(saved, incidents.get(&key).cloned())?;
            if track.scheduled < Seconds::MAX {
                ledger.due.insert((track.scheduled, key));
            }
            ledger.unannounced.note(key, Some(&track));
            ledger.tracks.insert(key, track);
        }
        for incident in incidents.values() {
            let homes = incident.members.iter().map(|member| (member.key, incident.key));
            ledger.homes.extend(homes);
        }
        Ok(ledger)
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
