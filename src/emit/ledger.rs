//! The identity ledger: which public id an incident has, and when it is spoken of.
//!
//! Inside, an incident's key is the hash of its earliest alert, and it changes
//! when an earlier alert turns up. Outside, an id stays with most of its alerts
//! (SEMANTICS rule 20). Churn is kept from people: an incident is announced when
//! it has been still for `settle`, then at most once per `revise_interval` unless
//! its severity or cause changes (rule 23). A function of epochs and ticks alone.

mod claims;
mod saved;
mod track;
mod unannounced;
#[cfg(test)]
mod tests;

use super::table::Table;
use super::wire::{Lineage, Message, Revision, RevisionEvent, Time, convert};
use crate::runtime::EpochOutput;
use crate::settings::EmissionSettings;
use causeway_dataflows::model::{AlertCount, AlertKey, Incident, IncidentKey, Seconds};
use causeway_dataflows::ops::epochs::Tick;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use track::Track;
use unannounced::Unannounced;

pub use saved::{LedgerState, SavedLedger};

/// When to speak.
#[derive(Clone, Copy, Debug)]
pub struct Emission {
    /// An incident is announced after it has been still for this long, seconds of tick.
    pub settle_seconds: Seconds,
    /// At the latest this long after it was first seen, seconds of tick.
    pub settle_max_seconds: Seconds,
    /// At least this long between revisions that change neither severity nor cause.
    pub revise_interval_seconds: Seconds,
}

impl Emission {
    /// As configured; parts of a second count as a whole one.
    pub fn of(settings: &EmissionSettings) -> Self {
        Emission {
            settle_seconds: whole_seconds(settings.settle),
            settle_max_seconds: whole_seconds(settings.settle_max),
            revise_interval_seconds: whole_seconds(settings.revise_interval),
        }
    }
}

impl Default for Emission {
    fn default() -> Self {
        Emission { settle_seconds: 2, settle_max_seconds: 10, revise_interval_seconds: 10 }
    }
}

/// Public identities of all standing incidents.
pub struct Ledger {
    emission: Emission,
    tracks: Table<IncidentKey, Track>,
    /// Which incident each alert is in now.
    homes: BTreeMap<AlertKey, IncidentKey>,
    counts: Table<AlertKey, AlertCount>,
    /// Tracks that have something to say, by when.
    due: BTreeSet<(Seconds, IncidentKey)>,
    unannounced: Unannounced,
    /// Revisions told so far.
    pub told: u64,
    /// The same when the snapshot under way began.
    told_then: u64,
}

impl Ledger {
    /// A ledger with no history.
    pub fn new(emission: Emission) -> Self {
        Ledger {
            emission,
            tracks: Table::default(),
            homes: BTreeMap::new(),
            counts: Table::default(),
            due: BTreeSet::new(),
            unannounced: Unannounced::default(),
            told: 0,
            told_then: 0,
        }
    }

    /// When the next revision is due, if the inputs stay as they are.
    pub fn next_due(&self) -> Option<Seconds> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Alerts of incidents of which nobody has heard yet.
    pub fn unannounced(&self) -> usize {
        self.unannounced.alerts()
    }

    /// The exact count of an alert, if it has been published.
    pub fn count(&self, key: AlertKey) -> Option<AlertCount> {
        self.counts.get(&key).copied()
    }

    /// The public id of the incident with this key.
    pub fn public_id(&self, key: IncidentKey) -> Option<&SmolStr> {
        self.tracks.get(&key).map(|track| &track.id)
    }

    /// The public id of the incident with this key, once a revision has told of it.
    pub fn told_id(&self, key: IncidentKey) -> Option<&SmolStr> {
        self.tracks.get(&key).filter(|track| track.last.is_some()).map(|track| &track.id)
    }

    /// Applies an epoch; returns the revisions to send, in order.
    pub fn apply(&mut self, output: &EpochOutput, tick: Tick) -> Vec<Message> {
        let mut told = Vec::new();
        let ended = self.take_in(output, tick.now);
        self.tell(ended, output, tick, |message| told.push(message));
        told
    }

    /// Takes an epoch in without a word; what it ended is told by [`Ledger::tell`].
    pub fn take_in(&mut self, output: &EpochOutput, now: Seconds) -> Vec<Ended> {
        self.take_counts(output, now);
        let before = self.identify(output, now);
        let ended = self.settle_claims(before, output, now);
        for (incident, _) in &output.incidents {
            self.unannounced.note(incident.key, self.tracks.get(&incident.key));
        }
        ended
    }

    /// Tells what an epoch that was taken in makes due, one revision after another in order:
    /// when everything changes at once, all of it need not be in memory twice.
    pub fn tell(
        &mut self,
        ended: Vec<Ended>,
        output: &EpochOutput,
        tick: Tick,
        mut tell: impl FnMut(Message),
    ) {
        let mut told = 0;
        let mut tell = |message| {
            told += 1;
            tell(message);
        };
        for end in ended {
            end.close(tick.now).into_iter().for_each(&mut tell);
        }
        for key in &output.sealed {
            self.seal(*key, tick.now).into_iter().for_each(&mut tell);
        }
        let upto = if tick.drain { Seconds::MAX } else { tick.now };
        while let Some((at, key)) = self.due.first().copied() {
            if at > upto {
                break;
            }
            self.due.pop_first();
            self.speak(key, tick.now).into_iter().for_each(&mut tell);
        }
        self.told += told;
        self.forget_counts(output);
    }

    /// A count goes when its alert goes; a replaced row keeps it.
    fn forget_counts(&mut self, output: &EpochOutput) {
        let stays: BTreeSet<AlertKey> =
            output.rows.iter().filter(|(_, diff)| *diff > 0).map(|(r, _)| r.alert.key).collect();
        for (row, _) in output.rows.iter().filter(|(_, diff)| *diff < 0) {
            if !stays.contains(&row.alert.key) {
                self.counts.remove(&row.alert.key);
            }
        }
    }

    /// Counts reach a revision when it is next told; a last count of a closed alert makes one due.
    fn take_counts(&mut self, output: &EpochOutput, now: Seconds) {
        for count in &output.counts {
            if self.counts.get(&count.key) == Some(count) {
                continue;
            }
            self.counts.insert(count.key, *count);
            if let Some(home) = self.homes.get(&count.key).copied()
                && let Some(track) = self.tracks.get_mut(&home)
            {
                track.note_change(now, false);
                self.due.extend(track.schedule(home, &self.emission, now));
            }
        }
    }

    /// Takes incidents back and puts them up; returns the tracks whose alerts may have gone
    /// elsewhere, with the alerts they had.
    fn identify(&mut self, output: &EpochOutput, now: Seconds) -> Vec<claims::Claimant> {
        let sealed: BTreeSet<IncidentKey> = output.sealed.iter().copied().collect();
        let mut old: BTreeMap<IncidentKey, Arc<Incident>> = BTreeMap::new();
        let mut new: BTreeMap<IncidentKey, Arc<Incident>> = BTreeMap::new();
        for (incident, diff) in &output.incidents {
            let side = if *diff < 0 { &mut old } else { &mut new };
            side.insert(incident.key, incident.clone());
        }
        let mut claimants = Vec::new();
        for (key, incident) in &old {
            for member in &incident.members {
                if self.homes.get(&member.key) == Some(key) {
                    self.homes.remove(&member.key);
                }
            }
        }
        for (key, incident) in &new {
            for member in &incident.members {
                self.homes.insert(member.key, *key);
            }
        }
        for (key, incident) in &old {
            if sealed.contains(key) {
                continue;
            }
            let Some(mut track) = self.tracks.remove(key) else { continue };
            self.due.remove(&(track.scheduled, *key));
            // Else it would count as queued for then, and never be told.
            track.scheduled = Seconds::MAX;
            let members = incident.members.iter().map(|member| member.key).collect();
            claimants.push(claims::Claimant { track, members });
        }
        for (key, incident) in new {
            let track = self.tracks.get_or_insert_with(key, || Track::placeholder(now));
            track.now = Some(incident);
        }
        claimants
    }

    /// Gives every id to the incident that holds most of its alerts.
    fn settle_claims(
        &mut self,
        claimants: Vec<claims::Claimant>,
        output: &EpochOutput,
        now: Seconds,
    ) -> Vec<Ended> {
        let mut ended = Vec::new();
        let decided = claims::decide(claimants, &self.homes);
        for (key, winner) in decided.winners {
            let Some(slot) = self.tracks.get_mut(&key) else { continue };
            let incident = slot.now.take();
            let changed = winner.changed(incident.as_deref());
            *slot = winner;
            slot.now = incident;
            slot.note_change(now, changed);
        }
        for (track, into) in decided.merged {
            let into_id = self.tracks.get(&into).map(|winner| winner.id.clone());
            if let Some(winner) = self.tracks.get_mut(&into)
                && track.last.is_some()
            {
                winner.lineage.merged_from.push(track.id.clone());
                winner.note_change(now, true);
            }
            let lineage = Lineage { merged_into: into_id, ..Lineage::default() };
            ended.push(Ended { track, event: RevisionEvent::Merged, lineage });
        }
        for track in decided.homeless {
            let lineage = Lineage::default();
            ended.push(Ended { track, event: RevisionEvent::Withdrawn, lineage });
        }
        let fresh: Vec<IncidentKey> = output
            .incidents
            .iter()
            .filter(|(_, diff)| *diff > 0)
            .map(|(incident, _)| incident.key)
            .collect();
        for key in fresh {
            let split_from = decided.split_from.get(&key).cloned();
            let Some(track) = self.tracks.get_mut(&key) else { continue };
            if track.id.is_empty() {
                track.baptise(key, output.epoch, now, split_from);
            }
            self.due.extend(track.schedule(key, &self.emission, now));
        }
        ended
    }

    /// The incident left the horizon: its last word is told if it has not been, then it is
    /// let go of. That is no withdrawal.
    fn seal(&mut self, key: IncidentKey, now: Seconds) -> Option<Message> {
        if let Some(track) = self.tracks.get(&key) {
            self.due.remove(&(track.scheduled, key));
        }
        let last = self.speak(key, now);
        self.unannounced.note(key, None);
        if let Some(track) = self.tracks.remove(&key) {
            for member in track.now.iter().flat_map(|incident| &incident.members) {
                self.homes.remove(&member.key);
            }
        }
        last
    }

    /// The next revision of an incident, if it has something new to say.
    fn speak(&mut self, key: IncidentKey, now: Seconds) -> Option<Message> {
        let track = self.tracks.get_mut(&key)?;
        let incident = track.now.clone()?;
        if !track.dirty {
            return None;
        }
        track.dirty = false;
        track.scheduled = Seconds::MAX;
        let event = track.event(&incident);
        let announcement = convert::Announcement {
            incident_id: track.id.clone(),
            revision: track.revision + 1,
            event,
            updated_at: Time::from_seconds(now),
            lineage: std::mem::take(&mut track.lineage),
            previous: track.last.as_deref(),
        };
        let counts = &self.counts;
        let revision = convert::revision(&incident, announcement, |key| counts.get(&key).copied());
        // Something changed that readers cannot see, such as a count that was right already.
        if event == RevisionEvent::Updated
            && track.last.as_deref().is_some_and(|last| last.says_the_same(&revision))
        {
            return None;
        }
        track.revision += 1;
        let revision = Arc::new(revision);
        track.sent(now, &incident, Arc::clone(&revision));
        self.unannounced.note(key, Some(track));
        Some(Message::new(revision))
    }

    /// The standing incidents as they would be told now, in order of key.
    pub fn standing(&self) -> impl Iterator<Item = (&SmolStr, &Arc<Incident>, Option<&Revision>)> {
        self.tracks
            .values()
            .filter_map(|track| Some((&track.id, track.now.as_ref()?, track.last.as_deref())))
    }
}

fn whole_seconds(period: Duration) -> Seconds {
    let whole = period.as_secs().saturating_add(u64::from(period.subsec_nanos() > 0));
    // Far beyond any clock, and may still be added to one.
    Seconds::try_from(whole).unwrap_or(Seconds::MAX / 4).min(Seconds::MAX / 4)
}

/// An id that stands for nothing any more.
pub struct Ended {
    track: Track,
    event: RevisionEvent,
    lineage: Lineage,
}

impl Ended {
    /// The last revision of an id that people have heard of.
    fn close(self, now: Seconds) -> Option<Message> {
        let last = self.track.last?;
        let revision = convert::closing(&last, self.event, Time::from_seconds(now), self.lineage);
        Some(Message::new(revision))
    }
}
