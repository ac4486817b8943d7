//! A queue as a snapshot holds it: what no replay of the journal's rest would offer again.

use super::{Message, Outbox, Phase};
use crate::emit::spool::{Mark, Unsynced};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::io;
use std::sync::Arc;

/// What waits before one sink, and of which incidents it was told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedOutbox {
    /// The sink.
    pub name: SmolStr,
    /// A list of its own in a snapshot.
    pub(crate) waiting: Vec<(u64, Arc<str>)>,
    told: Vec<SmolStr>,
    /// What waits behind those, beside a snapshot and not in it: a block of its own.
    #[serde(skip)]
    pub(crate) spooled: Option<Mark>,
    #[serde(skip)]
    unsynced: Option<Unsynced>,
}

impl SavedOutbox {
    /// That of a sink before which nothing ever waited.
    pub fn empty(name: SmolStr) -> SavedOutbox {
        let (waiting, told) = (Vec::new(), Vec::new());
        SavedOutbox { name, waiting, told, spooled: None, unsynced: None }
    }

    /// It without the list.
    pub(crate) fn rest(&self) -> SavedOutbox {
        SavedOutbox { told: self.told.clone(), ..SavedOutbox::empty(self.name.clone()) }
    }

    /// Puts on disk what a snapshot builds on beside itself.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.unsynced.as_ref().map_or(Ok(()), Unsynced::sync)
    }

    /// How many revisions wait.
    pub fn waiting(&self) -> u64 {
        let parts = self.spooled.iter().flat_map(|mark| &mark.parts);
        self.waiting.len() as u64 + parts.map(|part| part.count).sum::<u64>()
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
        let (spooled, unsynced) = state.spool.as_ref().and_then(|spool| spool.mark()).unzip();
        Some(SavedOutbox {
            name: self.name.clone(),
            waiting: waiting.map(|(number, message)| (*number, message.line.clone())).collect(),
            told: state.route.told(),
            spooled,
            unsynced,
        })
    }

    /// Goes on after the message `upto`; what waited then, and is not among the `confirmed`, which
    /// are those up to that number, waits again.
    ///
    /// # Errors
    /// When a line is no revision, or what waits on disk cannot be looked at.
    pub fn resume(&self, saved: SavedOutbox, upto: u64, confirmed: u64) -> io::Result<()> {
        let mut state = self.lock();
        state.route.tell(saved.told);
        for (sequence, line) in saved.waiting {
            if sequence <= confirmed {
                continue;
            }
            let message = Message::of_line(line)?;
            state.counts.offered += 1;
            state.counts.matched += 1;
            state.keep_in_memory(sequence, message);
        }
        if let Some(spool) = &mut state.spool {
            let missing = match saved.spooled {
                Some(mark) => spool.resume(&mark, confirmed)?,
                None => spool.clear().map(|()| 0)?,
            };
            let there = spool.count();
            if missing > 0 {
                let (sink, path) = (&self.name, spool.directory().display());
                tracing::error!(%sink, %path, missing, "revisions that waited are not there");
            }
            state.counts.offered += there + missing;
            state.counts.matched += there + missing;
            state.counts.failed += missing;
            state.bring();
        }
        state.offered_up_to = upto;
        drop(state);
        self.ready.notify_one();
        self.ready_task.notify_one();
        Ok(())
    }
}
