//! The side of the one who offers.

use super::{Outbox, Phase, State, WhenFull};
use crate::emit::wire::{Message, Revision};
use std::io;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

/// Between two tries on a disk that refuses.
pub(super) const AGAIN: Duration = Duration::from_secs(1);
/// Lines that are brought into memory at a time.
const BROUGHT_MAX: usize = 64;

impl State {
    fn is_full(&self, bytes: usize) -> bool {
        self.queue.len() >= self.limits.messages_max.max(1)
            || (!self.queue.is_empty() && self.bytes + bytes > self.limits.bytes_max)
    }

    /// Whether all that waits is in memory.
    pub(super) fn is_in_memory(&self) -> bool {
        self.spool.as_ref().is_none_or(|spool| spool.count() == 0)
    }

    fn has_room(&self, bytes: usize) -> bool {
        self.disk_has_room() || (self.is_in_memory() && !self.is_full(bytes))
    }

    fn disk_has_room(&self) -> bool {
        let most = if self.is_recovering { u64::MAX } else { self.limits.disk_bytes_max };
        self.spool.as_ref().is_some_and(|spool| spool.bytes() < most)
    }

    /// Brings what waits on disk into memory, as far as there is room.
    pub(super) fn bring(&mut self) {
        while !self.is_in_memory() && !self.is_full(0) {
            let room = self.limits.messages_max.max(1) - self.queue.len();
            if !self.bring_some(room.min(BROUGHT_MAX)) {
                break;
            }
        }
    }

    /// Brings up to so many; whether there were any.
    fn bring_some(&mut self, max: usize) -> bool {
        let Some(spool) = &mut self.spool else { return false };
        let taken = spool.take(max);
        let were_any = taken.lost > 0 || !taken.lines.is_empty();
        if let Some(error) = taken.refused {
            self.problem = Some(format!("what waits on disk cannot be read: {error}"));
        }
        self.counts.failed += taken.lost;
        for (number, line) in taken.lines {
            match Message::of_line(line) {
                Ok(message) => self.keep_in_memory(number, message),
                Err(error) => {
                    tracing::error!(number, %error, "what waited for a sink is no revision");
                    self.counts.failed += 1;
                }
            }
        }
        were_any
    }

    /// Drops the oldest message that is not being carried; whether there was one.
    fn drop_oldest(&mut self) -> bool {
        if self.queue.len() == self.carried {
            self.bring_some(1);
        }
        let Some((_, oldest)) = self.queue.remove(self.carried) else { return false };
        self.bytes -= oldest.line.len();
        self.counts.dropped += 1;
        self.bring();
        true
    }

    pub(super) fn keep_in_memory(&mut self, number: u64, message: Message) {
        self.bytes += message.line.len();
        self.in_memory_upto = number;
        self.queue.push_back((number, message));
    }

    fn keep_on_disk(&mut self, sequence: u64, message: &Message) -> io::Result<()> {
        match &mut self.spool {
            Some(spool) => spool.append(sequence, &message.line),
            None => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

impl Outbox {
    /// Offers a message; `sequence` grows from call to call.
    ///
    /// Waits while the queue is full and the policy is to block. Never call it from
    /// an async task then.
    pub fn offer(&self, sequence: u64, message: &Message) {
        let mut state = self.lock();
        debug_assert!(sequence > state.offered_up_to || state.offered_up_to == 0);
        state.counts.offered += 1;
        if !state.route.admit(&message.revision) {
            // Behind something that was never delivered nothing counts as settled.
            if state.phase != Phase::Broken {
                state.offered_up_to = sequence;
            }
            return;
        }
        state.counts.matched += 1;
        let bytes = message.line.len();
        loop {
            state = self.wait_for_room(state, bytes);
            // The policy may have changed while it waited.
            if state.limits.when_full == WhenFull::DropOldest {
                self.make_room(&mut state, bytes);
                if !state.has_room(bytes) && !state.is_in_memory() {
                    // What is oldest cannot be read, so it is this one.
                    state.counts.dropped += 1;
                    state.offered_up_to = sequence;
                    return;
                }
            }
            let Err((refused, error)) = self.push(state, sequence, message) else { return };
            let Some(again) = self.refused(refused, sequence, &error) else { return };
            state = again;
        }
    }

    /// After a restart: a message that needs no delivery any more, but from which the sink
    /// remembers of which incidents it was told.
    pub fn restore(&self, sequence: u64, revision: &Revision) {
        let mut state = self.lock();
        state.route.restore(revision);
        state.offered_up_to = sequence;
    }

    fn wait_for_room<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        bytes: usize,
    ) -> MutexGuard<'a, State> {
        let full = |state: &mut State| {
            let waits = state.limits.when_full == WhenFull::Block && state.phase == Phase::Open;
            state.holds_up = waits && !state.has_room(bytes);
            state.holds_up
        };
        self.room.wait_while(state, full).unwrap_or_else(PoisonError::into_inner)
    }

    fn make_room(&self, state: &mut State, bytes: usize) {
        let before = state.counts.dropped;
        while !state.has_room(bytes) && state.drop_oldest() {}
        let dropped = state.counts.dropped;
        // Once, and then each time that it has become ten times as many.
        if dropped > before && (before == 0 || before.ilog10() < dropped.ilog10()) {
            let sink = self.name();
            tracing::warn!(%sink, dropped, "the queue is full: the oldest revisions are dropped");
        }
    }

    fn push<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        sequence: u64,
        message: &Message,
    ) -> Result<(), (MutexGuard<'a, State>, io::Error)> {
        if state.phase == Phase::Broken {
            state.counts.failed += 1;
            return Ok(());
        }
        let bytes = message.line.len();
        if state.is_in_memory() && (!state.is_full(bytes) || !state.disk_has_room()) {
            state.keep_in_memory(sequence, message.clone());
        } else if let Err(error) = state.keep_on_disk(sequence, message) {
            return Err((state, error));
        } else if std::mem::take(&mut state.is_disk_refusing) {
            tracing::info!(sink = %self.name(), "what waits for the sink is kept on disk again");
        }
        state.offered_up_to = sequence;
        drop(state);
        self.ready.notify_one();
        self.ready_task.notify_one();
        Ok(())
    }

    /// The disk refuses what there is no room for in memory: whoever may wait does, and tries
    /// again; else it is this message that is dropped, and not all that waits before it.
    fn refused<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        sequence: u64,
        error: &io::Error,
    ) -> Option<MutexGuard<'a, State>> {
        if !std::mem::replace(&mut state.is_disk_refusing, true) {
            tracing::error!(sink = %self.name(), %error, "what waits for the sink cannot be kept");
        }
        state.problem = Some(format!("what waits cannot be kept on disk: {error}"));
        match (state.limits.when_full, state.phase) {
            (WhenFull::DropOldest, _) => {
                state.counts.dropped += 1;
                state.offered_up_to = sequence;
                None
            }
            (WhenFull::Block, Phase::Open) => {
                state.holds_up = true;
                let waited = self.room.wait_timeout(state, AGAIN);
                let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
                state.holds_up = false;
                Some(state)
            }
            // The process ends; the journal leads to what is not kept, once it starts again.
            (WhenFull::Block, _) => {
                state.phase = Phase::Broken;
                Some(state)
            }
        }
    }
}
