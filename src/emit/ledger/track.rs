//! One public id and what has been said under it.

use super::Emission;
use crate::emit::wire::{AsJson, Lineage, Revision, RevisionEvent};
use causeway_dataflows::model::{EntityRef, Incident, IncidentKey, Seconds, Severity};
use causeway_dataflows::ops::epochs::Epoch;
use serde::{Deserialize, Serialize};
use smol_str::{SmolStr, format_smolstr};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// One public id.
#[derive(Debug)]
pub(super) struct Track {
    /// The id; empty until it is given.
    pub(super) id: SmolStr,
    /// Revisions sent.
    pub(super) revision: u64,
    /// The incident as it stands.
    pub(super) now: Option<Arc<Incident>>,
    /// The revision sent last.
    pub(super) last: Option<Arc<Revision>>,
    /// Whether something has changed since.
    pub(super) dirty: bool,
    /// When the ledger's queue has it; `Seconds::MAX` when it does not.
    pub(super) scheduled: Seconds,
    /// Merges and splits not told yet.
    pub(super) lineage: Lineage,
    first_seen: Seconds,
    changed: Seconds,
    sent_at: Seconds,
    told: Option<Told>,
}

/// One public id between two epochs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SavedTrack {
    pub(super) id: SmolStr,
    pub(super) revision: u64,
    /// Elsewhere when the store holds it as well.
    pub(super) last: AsJson<Option<Arc<Revision>>>,
    dirty: bool,
    scheduled: Seconds,
    lineage: Lineage,
    first_seen: Seconds,
    changed: Seconds,
    sent_at: Seconds,
    told: Option<Told>,
}

/// What a change of which is told at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    severity: Severity,
    cause: Option<EntityRef>,
    resolved: bool,
}

impl Told {
    fn of(incident: &Incident) -> Told {
        let first = incident.cause.candidates.first();
        let sure = first.filter(|c| c.probability_ppm > incident.cause.unknown_ppm);
        Told {
            severity: incident.severity,
            cause: sure.map(|candidate| candidate.entity.clone()),
            resolved: incident.resolved.is_some(),
        }
    }
}

impl Track {
    /// A track that has no id yet.
    pub(super) fn placeholder(now: Seconds) -> Track {
        Track {
            id: SmolStr::default(),
            revision: 0,
            now: None,
            last: None,
            dirty: true,
            scheduled: Seconds::MAX,
            lineage: Lineage::default(),
            first_seen: now,
            changed: now,
            sent_at: Seconds::MIN,
            told: None,
        }
    }

    /// What must be kept of it, the incident aside.
    pub(super) fn save(&self) -> SavedTrack {
        SavedTrack {
            id: self.id.clone(),
            revision: self.revision,
            last: AsJson::Value(self.last.clone()),
            dirty: self.dirty,
            scheduled: self.scheduled,
            lineage: self.lineage.clone(),
            first_seen: self.first_seen,
            changed: self.changed,
            sent_at: self.sent_at,
            told: self.told.clone(),
        }
    }

    /// The track again, with the incident that stood under it.
    ///
    /// # Errors
    /// When what was told last is no revision.
    pub(super) fn restore(
        saved: SavedTrack,
        now: Option<Arc<Incident>>,
    ) -> serde_json::Result<Track> {
        Ok(Track {
            id: saved.id,
            revision: saved.revision,
            now,
            last: saved.last.read()?,
            dirty: saved.dirty,
            scheduled: saved.scheduled,
            lineage: saved.lineage,
            first_seen: saved.first_seen,
            changed: saved.changed,
            sent_at: saved.sent_at,
            told: saved.told,
        })
    }

    /// Gives the id: a function of the key and of the epoch in which it appeared, so that a
    /// replay gives the same and a key that comes again gets another.
    pub(super) fn baptise(
        &mut self,
        key: IncidentKey,
        epoch: Epoch,
        now: Seconds,
        split_from: Option<SmolStr>,
    ) {
        let hash = xxh3_64_with_seed(&key.0.to_le_bytes(), epoch);
        self.id = format_smolstr!("inc-{hash:016x}");
        self.first_seen = now;
        self.lineage.split_from = split_from;
    }

    /// Older than another: the earlier seen, then the lesser id.
    pub(super) fn age(&self) -> (Seconds, SmolStr) {
        (self.first_seen, self.id.clone())
    }

    /// Whether the incident differs from what stood under this id before.
    pub(super) fn changed(&self, next: Option<&Incident>) -> bool {
        self.now.as_deref() != next
    }

    /// Something changed at `now`; `incident` says whether the incident itself did.
    pub(super) fn note_change(&mut self, now: Seconds, incident: bool) {
        self.dirty = true;
        if incident {
            self.changed = now;
        }
    }

    /// When it should be told, as an entry of the ledger's queue; `None` when it is queued
    /// for then already.
    pub(super) fn schedule(
        &mut self,
        key: IncidentKey,
        emission: &Emission,
        now: Seconds,
    ) -> Option<(Seconds, IncidentKey)> {
        if !self.dirty {
            return None;
        }
        let due = self.due(emission, now);
        if due == self.scheduled {
            return None;
        }
        self.scheduled = due;
        Some((due, key))
    }

    fn due(&self, emission: &Emission, now: Seconds) -> Seconds {
        let Some(incident) = &self.now else { return Seconds::MAX };
        match &self.told {
            None if incident.severity >= Severity::FATAL => now,
            None => (self.changed + emission.settle_seconds)
                .min(self.first_seen + emission.settle_max_seconds),
            Some(told) if *told != Told::of(incident) => now,
            Some(_) => self.sent_at + emission.revise_interval_seconds,
        }
    }

    /// What the next revision is called.
    pub(super) fn event(&self, incident: &Incident) -> RevisionEvent {
        let was_open = self.told.as_ref().is_none_or(|told| !told.resolved);
        match (incident.resolved, self.last.is_some()) {
            (Some(_), true) if was_open => RevisionEvent::Resolved,
            (_, false) if self.lineage.split_from.is_some() => RevisionEvent::Split,
            (_, false) => RevisionEvent::Opened,
            _ => RevisionEvent::Updated,
        }
    }

    /// Notes what was sent.
    pub(super) fn sent(&mut self, now: Seconds, incident: &Incident, revision: Arc<Revision>) {
        self.sent_at = now;
        self.told = Some(Told::of(incident));
        self.last = Some(revision);
    }
}
