//! What the emitting side keeps for a snapshot, and how it goes on after one.

use super::Emitter;
use crate::emit::ledger::{Emission, Ledger, LedgerState};
use crate::emit::outbox::SavedOutbox;
use crate::emit::store::SavedStore;
use crate::live::LiveError;
use crate::runtime::EpochOutput;
use crate::snapshot;
use crate::snapshot::writer::Part;
use causeway_dataflows::model::Seconds;
use causeway_dataflows::ops::epochs::Tick;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// What is handed out for the snapshot after an epoch.
pub(super) struct Saving {
    epoch: u64,
    now: Seconds,
    ledger: Option<LedgerState>,
    store: Option<SavedStore>,
    /// What was copied at once.
    rest: snapshot::Emission,
}

impl Emitter {
    /// Begins to hand out what must be kept of it between two epochs, for the snapshot after one
    /// of them.
    pub(super) fn begin_saving(&mut self, epoch: u64, now: Seconds) {
        self.go_on_saving(usize::MAX);
        let mut outboxes = Vec::with_capacity(self.outlets.outboxes.len());
        for (outbox, _) in &self.outlets.outboxes {
            let Some(saved) = outbox.save() else {
                return self.hand_on(Part::Broken { sink: outbox.name().clone() });
            };
            outboxes.push(saved);
        }
        self.ledger.begin_saving();
        self.outlets.store.begin_saving();
        let (tally, sequence) = (self.kept.lock().1.clone(), self.outlets.sequence);
        let rest = snapshot::Emission { tally, outboxes, sequence, ..Default::default() };
        self.saving = Some(Saving { epoch, now, ledger: None, store: None, rest });
    }

    /// Hands out up to `entries` more of each table, and hands all of it on once it has
    /// everything.
    pub(super) fn go_on_saving(&mut self, entries: usize) {
        let Some(saving) = &mut self.saving else { return };
        if saving.ledger.is_none() {
            saving.ledger = self.ledger.go_on_saving(entries);
        }
        if saving.store.is_none() {
            saving.store = self.outlets.store.go_on_saving(entries);
        }
        let whole = self.saving.take_if(|saving| saving.ledger.is_some() && saving.store.is_some());
        let Some(Saving { epoch, now, ledger: Some(ledger), store: Some(store), rest }) = whole
        else {
            return;
        };
        let LedgerState { ledger, incidents, counts } = ledger;
        let emission = snapshot::Emission { ledger, incidents, counts, store, ..rest };
        self.hand_on(Part::Told { epoch, now, emission: Box::new(emission) });
    }

    /// Takes in what it had told, before anything else: all of what is left of a snapshot that
    /// does not hang on what the engine puts up, which takes as long to read as that does.
    ///
    /// # Errors
    /// When a line of the snapshot is no revision, or what waits on disk cannot be looked at.
    pub(in crate::live) fn recall(
        &mut self,
        past: &mut snapshot::Emission,
    ) -> Result<(), LiveError> {
        self.outlets.sequence = past.sequence;
        // Before the store forgets what is beyond its bounds now.
        past.put_back()?;
        self.outlets.store.restore(std::mem::take(&mut past.store))?;
        self.resume_outboxes(std::mem::take(&mut past.outboxes))
    }

    /// Goes on after nothing.
    ///
    /// # Errors
    /// When what waits on disk cannot be removed.
    pub(in crate::live) fn begin(&mut self) -> Result<(), LiveError> {
        self.outlets.outboxes.iter().try_for_each(|(outbox, _)| Ok(outbox.begin()?))
    }

    /// Goes on after a snapshot that it recalls; `first` is the engine's answer for its epoch,
    /// which puts up all that stood.
    ///
    /// # Errors
    /// When something that was told is no revision.
    pub(in crate::live) fn resume(
        &mut self,
        emission: Emission,
        first: &EpochOutput,
        tick: Tick,
        past: snapshot::Emission,
    ) -> serde_json::Result<()> {
        self.outlets.answered = first.epoch + 1;
        self.count(first);
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
            Ledger::resume(emission, past.ledger, past.incidents, &now, counts, at)?;
        self.ledger = ledger;
        told.iter().for_each(|message| self.outlets.tell(message));
        Ok(())
    }

    fn resume_outboxes(&self, saved: Vec<SavedOutbox>) -> Result<(), LiveError> {
        let mut saved: BTreeMap<SmolStr, SavedOutbox> =
            saved.into_iter().map(|outbox| (outbox.name.clone(), outbox)).collect();
        for (outbox, confirmed) in &self.outlets.outboxes {
            let empty = || SavedOutbox::empty(outbox.name().clone());
            let saved = saved.remove(outbox.name()).unwrap_or_else(empty);
            outbox.resume(saved, self.outlets.sequence, confirmed.number())?;
        }
        for (sink, outbox) in &saved {
            let revisions = outbox.waiting();
            tracing::warn!(%sink, revisions, "is configured no more; what waited for it is lost");
        }
        Ok(())
    }
}
