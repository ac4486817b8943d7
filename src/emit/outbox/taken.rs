//! The carrier's side.

use super::offered::AGAIN;
use super::{Outbox, Phase, SinkCounts, State};
use crate::emit::wire::Message;
use std::sync::PoisonError;
use std::time::Duration;

impl State {
    /// How long whoever takes has to wait at most before it looks again, if there is nothing to
    /// take: for as long as nobody calls, unless the disk would not have read what is there.
    fn idle(&mut self) -> Option<Duration> {
        let goes_on = matches!(self.phase, Phase::Open | Phase::Closed);
        if !goes_on || !self.queue.is_empty() {
            return None;
        }
        self.bring();
        match (self.queue.is_empty(), self.is_in_memory()) {
            (false, _) => None,
            (true, false) => Some(AGAIN),
            (true, true) => (self.phase == Phase::Open).then_some(Duration::MAX),
        }
    }
}

impl Outbox {
    /// Waits for messages and takes up to `max` of them; `None` when there will be none.
    ///
    /// They stay in the queue until they are settled.
    pub fn take(&self, max: usize) -> Option<Vec<Message>> {
        let mut state = self.lock();
        while let Some(longest) = state.idle() {
            let waited = self.ready.wait_timeout(state, longest);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Self::front(&mut state, max)
    }

    /// The same for a task. Dropping the future takes nothing.
    pub async fn take_async(&self, max: usize) -> Option<Vec<Message>> {
        loop {
            let longest = {
                let mut state = self.lock();
                match state.idle() {
                    Some(longest) => longest,
                    None => return Self::front(&mut state, max),
                }
            };
            // Whether it was called or waited for long enough, it looks.
            let _ = tokio::time::timeout(longest, self.ready_task.notified()).await;
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

    /// The first of those taken is given up, for the reason named, and goes where refused ones are
    /// kept.
    pub fn failed(&self, problem: String) {
        {
            let mut state = self.lock();
            let State { queue, refused, .. } = &mut *state;
            if let (Some((_, message)), Some(refused)) = (queue.front(), refused) {
                refused.keep(&self.name, message);
            }
        }
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
            state.bring();
        }
        drop(state);
        self.room.notify_all();
    }
}
