//! The queue before one sink: bounded, in order, counted.
//!
//! ```text
//! offer ─► route ─► queue ─► take ─► carry ─► settle
//!            │         └ full: block, or drop the oldest that is not being carried
//!            └ not wanted: settled at once
//! ```
//!
//! A message stays in the queue until it is settled: delivered, given up or
//! dropped by policy. So [`Outbox::settled`] is a promise that everything up to
//! that sequence number needs no second delivery, and whatever lies beyond it
//! after a crash is offered again, byte for byte the same.
//!
//! At every moment: matched = delivered + failed + dropped + waiting.

use super::matcher::Route;
use super::wire::{Message, Revision};
use smol_str::SmolStr;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

mod books;
mod carry;
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
    /// What happens to one more.
    pub when_full: WhenFull,
}

impl Default for OutboxLimits {
    fn default() -> Self {
        OutboxLimits { messages_max: 10_000, bytes_max: 256 << 20, when_full: WhenFull::DropOldest }
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
    /// Messages that wait or are being carried.
    pub waiting: usize,
    /// Bytes of their lines.
    pub waiting_bytes: usize,
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
    offered_up_to: u64,
    /// The one who offers waits for room.
    holds_up: bool,
    phase: Phase,
    problem: Option<String>,
    counts: SinkCounts,
}

impl State {
    fn is_full(&self, bytes: usize) -> bool {
        self.queue.len() >= self.limits.messages_max.max(1)
            || (!self.queue.is_empty() && self.bytes + bytes > self.limits.bytes_max)
    }
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

    /// The sink's name, which its counters carry.
    pub fn name(&self) -> &SmolStr {
        &self.name
    }

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
        let mut state = self.wait_for_room(state, bytes);
        // The policy may have changed while it waited.
        if state.limits.when_full == WhenFull::DropOldest {
            state = self.make_room(state, bytes);
        }
        self.push(state, sequence, message);
    }

    /// After a restart: a message that needs no delivery any more, but from which the sink
    /// remembers of which incidents it was told.
    pub fn restore(&self, sequence: u64, revision: &Revision) {
        let mut state = self.lock();
        state.route.restore(revision);
        state.offered_up_to = sequence;
    }

    /// Everything up to this sequence number needs no delivery any more.
    pub fn settled(&self) -> u64 {
        let state = self.lock();
        state.queue.front().map_or(state.offered_up_to, |(sequence, _)| sequence - 1)
    }

    /// What went through so far.
    pub fn counts(&self) -> SinkCounts {
        let state = self.lock();
        SinkCounts { waiting: state.queue.len(), waiting_bytes: state.bytes, ..state.counts }
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

    fn wait_for_room<'a>(
        &'a self,
        state: MutexGuard<'a, State>,
        bytes: usize,
    ) -> MutexGuard<'a, State> {
        let full = |state: &mut State| {
            let waits = state.limits.when_full == WhenFull::Block && state.phase == Phase::Open;
            state.holds_up = waits && state.is_full(bytes);
            state.holds_up
        };
        self.room.wait_while(state, full).unwrap_or_else(PoisonError::into_inner)
    }

    fn make_room<'a>(
        &'a self,
        mut state: MutexGuard<'a, State>,
        bytes: usize,
    ) -> MutexGuard<'a, State> {
        while state.is_full(bytes) {
            let at = state.carried;
            let Some((_, oldest)) = state.queue.remove(at) else { break };
            state.bytes -= oldest.line.len();
            state.counts.dropped += 1;
        }
        state
    }

    fn push(&self, mut state: MutexGuard<'_, State>, sequence: u64, message: &Message) {
        if state.phase == Phase::Broken {
            state.counts.failed += 1;
            return;
        }
        state.offered_up_to = sequence;
        state.bytes += message.line.len();
        state.queue.push_back((sequence, message.clone()));
        drop(state);
        self.ready.notify_one();
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

/// The carrier's side.
impl Outbox {
    /// Waits for messages and takes up to `max` of them; `None` when there will be none.
    ///
    /// They stay in the queue until they are settled.
    pub fn take(&self, max: usize) -> Option<Vec<Message>> {
        let idle = |state: &mut State| state.phase == Phase::Open && state.queue.is_empty();
        let state = self.ready.wait_while(self.lock(), idle);
        Self::front(&mut state.unwrap_or_else(PoisonError::into_inner), max)
    }

    /// The same for a task. Dropping the future takes nothing.
    pub async fn take_async(&self, max: usize) -> Option<Vec<Message>> {
        loop {
            {
                let mut state = self.lock();
                if state.phase != Phase::Open || !state.queue.is_empty() {
                    return Self::front(&mut state, max);
                }
            }
            self.ready_task.notified().await;
        }
    }

    fn front(state: &mut State, max: usize) -> Option<Vec<Message>> {
        if matches!(state.phase, Phase::Stopped | Phase::Broken) || state.queue.is_empty() {
            return None;
        }
        state.carried = max.clamp(1, state.queue.len());
        Some(state.queue.iter().take(state.carried).map(|(_, message)| message.clone()).collect())
    }

    /// The sequence numbers of those taken.
    pub fn carried(&self) -> Vec<u64> {
        let state = self.lock();
        state.queue.iter().take(state.carried).map(|(sequence, _)| *sequence).collect()
    }

    /// The first `number` of those taken arrived.
    pub fn delivered(&self, number: usize) {
        self.settle(number, |counts, number| counts.delivered += number);
    }

    /// The first of those taken is given up, for the reason named.
    pub fn failed(&self, problem: String) {
        self.settle(1, |counts, number| counts.failed += number);
        self.lock().problem = Some(problem);
    }

    /// The first of those taken will be tried again, for the reason named.
    pub fn retried(&self, problem: String) {
        let mut state = self.lock();
        state.counts.retried += 1;
        state.problem = Some(problem);
    }

    /// The sink cannot carry any more. What waits stays unsettled, for the next start;
    /// what is offered from now on counts as failed.
    pub fn broken(&self, problem: String) {
        let mut state = self.lock();
        state.phase = Phase::Broken;
        state.problem = Some(problem);
        drop(state);
        self.wake_all();
    }

    /// Waits, but not longer than until the carrier has to stop; false when it has to.
    pub fn pause(&self, duration: Duration) -> bool {
        let going = |state: &mut State| matches!(state.phase, Phase::Open | Phase::Closed);
        let waited = self.ready.wait_timeout_while(self.lock(), duration, going);
        going(&mut waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Ends when the carrier has to stop at once.
    pub async fn stopped(&self) {
        while matches!(self.lock().phase, Phase::Open | Phase::Closed) {
            self.stopped_task.notified().await;
        }
    }

    fn settle(&self, number: usize, count: impl Fn(&mut SinkCounts, u64)) {
        let mut state = self.lock();
        assert!(number <= state.carried, "only what was taken can be settled");
        for _ in 0..number {
            if let Some((_, message)) = state.queue.pop_front() {
                state.bytes -= message.line.len();
            }
        }
        state.carried -= number;
        count(&mut state.counts, number as u64);
        if number > 0 {
            state.problem = None;
        }
        drop(state);
        self.room.notify_all();
    }
}
