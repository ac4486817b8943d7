//! What is kept of watches over a restart.

use super::Keeper;
use crate::detect::watch::{SavedState, State, Watch};
use crate::model::{Fingerprint, Identity, Seconds, SourceIndex};
use crate::ops::saving::{Saving, Sliced};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One watch between two epochs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedWatch {
    identity: Arc<Identity>,
    source: SourceIndex,
    heard: Seconds,
    state: SavedState,
}

impl SavedWatch {
    fn of(watch: &Watch) -> SavedWatch {
        SavedWatch {
            identity: watch.identity.clone(),
            source: watch.source,
            heard: watch.heard,
            state: watch.state.save(),
        }
    }

    /// What it is about, which decides where it is kept.
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint
    }

    /// The source whose policy applies.
    pub fn source_mut(&mut self) -> &mut SourceIndex {
        &mut self.source
    }
}

impl Keeper {
    /// Goes on with what was saved after the epoch of the tick.
    pub(in crate::detect) fn restore(&mut self, saved: Vec<SavedWatch>, now: Seconds) {
        for SavedWatch { identity, source, heard, state } in saved {
            let around = self.around(now);
            let asked = self.asked.get(identity.fingerprint);
            let state = State::restore(&identity, source, state, (asked, &around));
            let Some(state) = state else { continue };
            let mut watch = Watch::of(&identity, source, state);
            watch.heard = heard;
            let slot = self.open(watch);
            self.mark(slot);
        }
    }

    /// A slot is about to change.
    #[inline]
    pub(super) fn before_change(&mut self, slot: u32) {
        if let Some(saving) = &mut self.saving {
            let watch = self.slots[slot as usize].as_ref();
            saving.before_change(slot, || watch.map(SavedWatch::of));
        }
    }
}

impl Sliced for Keeper {
    type Saved = Vec<SavedWatch>;

    fn begin_saving(&mut self) {
        let out = Vec::with_capacity(self.slots.len() - self.free.len());
        self.saving = Some(Saving::onto(out, self.slots.len()));
    }

    fn go_on_saving(&mut self, slots: usize) -> Option<Vec<SavedWatch>> {
        let (saving, watches) = (self.saving.as_mut()?, &self.slots);
        let saved = saving.go_on(slots, |slot| watches[slot].as_ref().map(SavedWatch::of))?;
        self.saving = None;
        Some(saved)
    }
}
