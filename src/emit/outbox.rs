//! The queue before one sink: bounded, in order, counted.
//!
//! ```text
//! offer ─► route ─► queue ─► take ─► carry ─► settle
//!            │       └ spool: full? block, or drop the oldest that is not being carried
//!            └ not wanted: settled at once
//! ```
//!
//! Beyond its bounds in memory the queue goes on in a spool on disk, and only when that is full too
//! the policy decides.
//!
//! A message stays in the queue until it is settled: delivered, given up or
//! dropped by policy. So [`Outbox::settled`] is a promise that everything up to
//! that sequence number needs no second delivery, and whatever lies beyond it
//! after a crash is offered again, byte for byte the same.
//!
//! At every moment: matched = delivered + failed + dropped + waiting.

use super::matcher::Route;
use super::refused::Refused;
use super::spool::Spool;
use super::wire::Message;
use smol_str::SmolStr;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

mod books;
mod carry;
mod offered;
mod taken;
mod saved;
mod changed;
#[cfg(test)]
mod tests;

pub use books::SinkBooks;
pub use carry::{Carried, Carrier, CarryError, SinkThread, carry_on};
pub use saved::SavedOutbox;

/// What happens when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// The one who offers waits, and with it everything before.
    Block,
    /// The oldest message that is not being carried is dropped and counted.
    DropOldest,
}

/// How much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutboxLimits {
    /// Messages; at least one.
    pub messages_max: usize,
    /// Bytes of their lines; a single longer line is let in alone.
    pub bytes_max: usize,
    /// Bytes of the lines that wait on disk beyond that, compressed, where there is a spool.
    pub disk_bytes_max: u64,
    /// What happens to one more.
    pub when_full: WhenFull,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        OutboxLimits {
            messages_max: 10_000,
            bytes_max: 256 << 20,
            disk_bytes_max: 1 << 30,
            when_full: WhenFull::Block,
        }
    }
}

/// What went through a sink.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkCounts {
    /// Messages offered.
    pub offered: u64,
    /// Messages that its matcher wanted.
    pub matched: u64,
    /// Messages that arrived.
    pub delivered: u64,
    /// Attempts beyond the first.
    pub retried: u64,
    /// Messages given up: refused for good, or the attempts ran out, or the sink broke.
    pub failed: u64,
    /// Messages dropped because the queue was full.
    pub dropped: u64,
    /// Messages that wait or are being carried, those on disk included.
    pub waiting: usize,
    /// Bytes of the lines in memory.
    pub waiting_bytes: usize,
    /// Bytes of those on disk.
    pub spooled_bytes: u64,
}

/// The queue before one sink, shared by the one who offers and the one who carries.
pub struct Outbox {
    name: SmolStr,
    state: Mutex<State>,
    /// Somebody may offer again.
    room: Condvar,
    /// Somebody may take, or must stop: for threads.
    ready: Condvar,
    /// The same, for tasks.
    ready_task: Notify,
    /// Nothing is carried any more: wakes a task out of its wait.
    stopped_task: Notify,
}

struct State {
    route: Route,
    limits: OutboxLimits,
    queue: VecDeque<(u64, Message)>,
    bytes: usize,
    /// How many at the front are being carried.
    carried: usize,
    /// What comes after the queue.
    spool: Option<Spool>,
    /// Where revisions go that are given up.
    refused: Option<Refused>,
    /// The last number that the queue had.
    in_memory_upto: u64,
    /// Whether the disk would not keep what waits when it was tried last.
    is_disk_refusing: bool,
    /// Whether what is offered was told once before: nobody waits for a sink then.
    is_recovering: bool,
    offered_up_to: u64,
    /// The one who offers waits for room.
    holds_up: bool,
    phase: Phase,
    problem: Option<String>,
    counts: SinkCounts,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// What waits is still carried.
    Closed,
    /// What waits stays unsettled.
    Stopped,
    /// The sink cannot carry any more.
    Broken,
}

impl Outbox {
    /// An empty queue for the sink `name`, which wants what `route` admits.
    pub fn new(name: impl Into<SmolStr>, route: Route, limits: OutboxLimits) -> Arc<Outbox> {
        let state = State {
            route,
            limits,
            queue: VecDeque::new(),
            bytes: 0,
            carried: 0,
            spool: None,
            refused: None,
            in_memory_upto: 0,
            is_disk_refusing: false,
            is_recovering: false,
            offered_up_to: 0,
            holds_up: false,
            phase: Phase::Open,
            problem: None,
            counts: SinkCounts::default(),
        };
        Arc::new(Outbox {
            name: name.into(),
            state: Mutex::new(state),
            room: Condvar::new(),
            ready: Condvar::new(),
            ready_task: Notify::new(),
            stopped_task: Notify::new(),
        })
    }

    /// From now on what is beyond the bounds in memory waits in `spool`, without bounds until the
    /// outbox has recovered, and what is given up goes to `refused`.
    pub fn on_disk(&self, spool: Spool, refused: Refused) {
        let mut state = self.lock();
        (state.spool, state.refused) = (Some(spool), Some(refused));
        state.is_recovering = true;
    }

    /// Nothing waited before: what lies on disk is of another life.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn begin(&self) -> io::Result<()> {
        self.lock().spool.as_mut().map_or(Ok(()), Spool::clear)
    }

    /// All that was told once before has been offered: the bounds on disk hold from now on.
    pub fn recovered(&self) {
        self.lock().is_recovering = false;
    }

    /// The sink's name, which its counters carry.
    pub fn name(&self) -> &SmolStr {
        &self.name
    }

    /// Everything up to this sequence number needs no delivery any more.
    pub fn settled(&self) -> u64 {
        let state = self.lock();
        let is_on_disk = state.spool.as_ref().is_some_and(|spool| spool.count() > 0);
        match state.queue.front() {
            Some((sequence, _)) => sequence - 1,
            None if is_on_disk => state.in_memory_upto,
            None => state.offered_up_to,
        }
    }

    /// Whether something on disk could go if everything up to this number is settled for good.
    pub fn can_forget(&self, upto: u64) -> bool {
        self.lock().spool.as_ref().is_some_and(|spool| spool.can_forget(upto))
    }

    /// Everything up to this number is settled for good, also after a crash.
    pub fn forget(&self, upto: u64) {
        if let Some(spool) = &mut self.lock().spool {
            spool.forget(upto);
        }
    }

    /// What went through so far.
    pub fn counts(&self) -> SinkCounts {
        let state = self.lock();
        let spooled = state.spool.as_ref().map_or((0, 0), |spool| (spool.count(), spool.bytes()));
        SinkCounts {
            waiting: state.queue.len() + spooled.0 as usize,
            waiting_bytes: state.bytes,
            spooled_bytes: spooled.1,
            ..state.counts
        }
    }

    /// What last went wrong, until something goes right.
    pub fn problem(&self) -> Option<String> {
        self.lock().problem.clone()
    }

    /// Whether the one who offers waits for room, and with it everything before.
    pub fn holds_up(&self) -> bool {
        self.lock().holds_up
    }

    /// Whether the sink cannot carry any more.
    pub fn is_broken(&self) -> bool {
        self.lock().phase == Phase::Broken
    }

    /// No more will be offered; what waits is still carried, then the carrier ends.
    pub fn close(&self) {
        self.enter(Phase::Closed);
    }

    /// The carrier ends as soon as it can; what waits stays unsettled.
    pub fn stop(&self) {
        self.enter(Phase::Stopped);
        self.stopped_task.notify_one();
    }

    fn enter(&self, phase: Phase) {
        let mut state = self.lock();
        if phase_rank(phase) > phase_rank(state.phase) {
            state.phase = phase;
        }
        drop(state);
        self.wake_all();
    }

    fn wake_all(&self) {
        self.room.notify_all();
        self.ready.notify_all();
        self.ready_task.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing below panics while it holds the lock with the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn phase_rank(phase: Phase) -> u8 {
    match phase {
        Phase::Open => 0,
        Phase::Closed => 1,
        Phase::Stopped => 2,
        Phase::Broken => 3,
    }
}
