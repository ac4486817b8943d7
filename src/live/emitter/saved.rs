//! What the emitting side keeps for a snapshot, and how it goes on after one.

use super::Emitter;
use crate::emit::ledger::{Emission, Ledger};
use crate::emit::outbox::SavedOutbox;
use crate::runtime::EpochOutput;
use crate::snapshot;
use causeway_dataflows::model::{Incident, IncidentKey};
use causeway_dataflows::ops::epochs::Tick;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

impl Emitter {
    /// What must be kept of it between two epochs.
    pub(super) fn save(&self) -> snapshot::Emission {
        let (standing, tally) = &*self.kept.lock();
        snapshot::Emission {
            ledger: self.ledger.save(),
            incidents: standing.incidents.values().cloned().collect(),
            counts: standing.counts.values().copied().collect(),
            tally: tally.clone(),
            store: self.store.save(),
            outboxes: self.outboxes.iter().map(|(outbox, _)| outbox.save()).collect(),
            sequence: self.sequence,
        }
    }

    /// Goes on after a snapshot; `first` is the engine's answer for its epoch, which puts up all
    /// that stood.
    ///
    /// # Errors
    /// When a line of the snapshot is no revision.
    pub(in crate::live) fn resume(
        &mut self,
        emission: Emission,
        first: &EpochOutput,
        tick: Tick,
        past: snapshot::Emission,
    ) -> serde_json::Result<()> {
        self.answered = first.epoch + 1;
        self.sequence = past.sequence;
        self.count(first);
        self.store.restore(past.store)?;
        self.resume_outboxes(past.outboxes)?;
        let counts: BTreeMap<_, _> = past.counts.into_iter().map(|c| (c.key, c)).collect();
        let kept = self.kept.clone();
        let now = {
            let (standing, tally) = &mut *kept.lock();
            *tally = past.tally;
            // Nothing is taken back in it, so nothing goes to the tally.
            standing.apply(first, tick.now, tally);
            standing.counts.clone_from(&counts);
            self.show_alerts(standing, first, &[]);
            self.shown.incidents = standing.incidents.len() as u64;
            standing.incidents.clone()
        };
        let (then, changed) = differences(past.incidents, &now);
        self.ledger = Ledger::restore(emission, past.ledger, &then, counts);
        if !changed.is_empty() {
            // Other settings or another version make of the same alerts other incidents.
            tracing::warn!(changes = changed.len(), "incidents are not what they were");
            let output =
                EpochOutput { epoch: first.epoch, incidents: changed, ..EpochOutput::default() };
            for message in self.ledger.apply(&output, tick) {
                self.tell(&message);
            }
        }
        Ok(())
    }

    fn resume_outboxes(&self, saved: Vec<SavedOutbox>) -> serde_json::Result<()> {
        let mut saved: BTreeMap<SmolStr, SavedOutbox> =
            saved.into_iter().map(|outbox| (outbox.name.clone(), outbox)).collect();
        for (outbox, confirmed) in &self.outboxes {
            let empty = || SavedOutbox::empty(outbox.name().clone());
            let saved = saved.remove(outbox.name()).unwrap_or_else(empty);
            outbox.resume(saved, self.sequence, |number| confirmed.holds_number(number))?;
        }
        for sink in saved.keys() {
            tracing::warn!(%sink, "is configured no more; what waited for it is left out");
        }
        Ok(())
    }
}

/// A change of the incidents that stand.
type Change = (Arc<Incident>, isize);

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
