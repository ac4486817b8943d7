//! A queue as a snapshot holds it: what no replay of the journal's rest would offer again.

use super::{Message, Outbox, Phase};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// What waits before one sink, and of which incidents it was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedOutbox {
    /// The sink.
    pub name: SmolStr,
    /// A list of its own in a snapshot.
    pub(crate) waiting: Vec<(u64, Arc<str>)>,
    told: Vec<SmolStr>,
}

impl SavedOutbox {
    /// That of a sink before which nothing ever waited.
    pub fn empty(name: SmolStr) -> SavedOutbox {
        SavedOutbox { name, waiting: Vec::new(), told: Vec::new() }
    }

    /// It without the list.
    pub(crate) fn rest(&self) -> SavedOutbox {
        SavedOutbox { name: self.name.clone(), waiting: Vec::new(), told: self.told.clone() }
    }

    /// The incidents of which the sink was told.
    pub fn told(&self) -> &[SmolStr] {
        &self.told
    }
}

impl Outbox {
    /// What must be kept of it; nothing when the sink cannot carry any more: what was offered
    /// since does not wait here, so only the journal still leads to it.
    pub fn save(&self) -> Option<SavedOutbox> {
        let state = self.lock();
        if state.phase == Phase::Broken {
            return None;
        }
        let waiting = state.queue.iter();
        Some(SavedOutbox {
            name: self.name.clone(),
            waiting: waiting.map(|(number, message)| (*number, message.line.clone())).collect(),
            told: state.route.told(),
        })
    }

    /// Goes on after the message `upto`; what waited then, and is not confirmed by its number,
    /// waits again.
    ///
    /// # Errors
    /// When a line is no revision.
    pub fn resume(
        &self,
        saved: SavedOutbox,
        upto: u64,
        is_confirmed: impl Fn(u64) -> bool,
    ) -> serde_json::Result<()> {
        let mut state = self.lock();
        state.route.tell(saved.told);
        for (sequence, line) in saved.waiting {
            if is_confirmed(sequence) {
                continue;
            }
            let message = Message::of_line(line)?;
            state.counts.offered += 1;
            state.counts.matched += 1;
            state.bytes += message.line.len();
            state.queue.push_back((sequence, message));
        }
        state.offered_up_to = upto;
        drop(state);
        self.ready.notify_one();
        self.ready_task.notify_one();
        Ok(())
    }
}
