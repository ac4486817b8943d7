//! What the emitting side keeps for a snapshot, and how it goes on after one.

use super::Emitter;
use crate::emit::ledger::{Emission, Ledger};
use crate::emit::outbox::SavedOutbox;
use crate::runtime::EpochOutput;
use crate::snapshot;
use crate::snapshot::writer::Part;
use causeway_dataflows::model::Seconds;
use causeway_dataflows::ops::epochs::Tick;
use smol_str::SmolStr;
use std::collections::BTreeMap;

impl Emitter {
    /// What must be kept of it between two epochs, for the snapshot after one of them.
    pub(super) fn save(&self, epoch: u64, now: Seconds) -> Part {
        let mut outboxes = Vec::with_capacity(self.outboxes.len());
        for (outbox, _) in &self.outboxes {
            let Some(saved) = outbox.save() else {
                return Part::Broken { sink: outbox.name().clone() };
            };
            outboxes.push(saved);
        }
        let (standing, tally) = &*self.kept.lock();
        let emission = snapshot::Emission {
            ledger: self.ledger.save(),
            incidents: standing.incidents.values().cloned().collect(),
            counts: standing.counts.values().copied().collect(),
            tally: tally.clone(),
            store: self.store.save(),
            outboxes,
            sequence: self.sequence,
        };
        Part::Told { epoch, now, emission: Box::new(emission) }
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
        let at = (first.epoch, tick);
        let (ledger, told) =
            Ledger::resume(emission, past.ledger, past.incidents, &now, counts, at);
        self.ledger = ledger;
        told.iter().for_each(|message| self.tell(message));
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
