//! The way of epochs from the disk to the engine, and how far the disk may be ahead.
//!
//! An epoch is formed when the engine has few left to take, so that the busier it is the more one
//! epoch holds. But a sender waits for the disk alone: while the engine takes nothing, because a
//! sink is slow or much has changed at once, epochs are still formed, the rarer the more of them
//! wait. An engine that takes one after the other, each as long as the one before, is waited for:
//! else each would find more epochs before it than the last. Their bytes are input that waits, so
//! the bound of the queue holds for them too.

use super::Formed;
use crate::clock::SharedClock;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How far epochs that are on disk may be ahead of the engine.
#[derive(Clone, Copy, Debug)]
pub struct AheadLimits {
    /// So many wait without anything else waiting for them.
    pub few: usize,
    /// When more do, the next one is formed this much later for each that waits.
    pub later: Duration,
    /// At most this much later.
    pub later_max: Duration,
    /// When so many wait none is formed before the engine has taken one.
    pub max: usize,
}

impl Default for AheadLimits {
    fn default() -> Self {
        // In a second in which nothing is taken 14 are formed, in an hour some 3,600.
        let (later, later_max) = (Duration::from_millis(10), Duration::from_secs(1));
        AheadLimits { few: 2, later, later_max, max: 4096 }
    }
}

impl AheadLimits {
    /// For those who form and take in turn.
    pub const NONE: AheadLimits = AheadLimits {
        few: usize::MAX,
        later: Duration::ZERO,
        later_max: Duration::ZERO,
        max: usize::MAX,
    };

    /// How long the next one waits for the engine, which `took` so long for the last.
    fn patience(&self, waiting: usize, took: Duration) -> Duration {
        if waiting >= self.max {
            return Duration::MAX;
        }
        let each = u32::try_from(waiting).unwrap_or(u32::MAX);
        self.later.saturating_mul(each).min(self.later_max).max(took.saturating_mul(2))
    }
}

#[derive(Default)]
struct Way {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Formed>,
    /// How long it took until there was room for the one that was taken last.
    took: Duration,
    is_left: bool,
}

impl Way {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self) {
        self.lock().is_left = true;
        self.changed.notify_all();
    }
}

/// Where epochs that are on disk are handed on.
pub struct Ahead {
    way: Arc<Way>,
    limits: AheadLimits,
    clock: SharedClock,
}

/// Where they come out, in order.
pub struct Behind {
    way: Arc<Way>,
    clock: SharedClock,
    /// When the last one came out.
    since_ns: Option<i64>,
}

/// The way from the disk to the engine, by the time of `clock`.
pub fn ahead(limits: AheadLimits, clock: &SharedClock) -> (Ahead, Behind) {
    let way: Arc<Way> = Arc::default();
    let behind = Behind { way: Arc::clone(&way), clock: Arc::clone(clock), since_ns: None };
    (Ahead { way, limits, clock: Arc::clone(clock) }, behind)
}

impl Ahead {
    /// Whether the engine has more than a few left to take.
    pub(super) fn is_far(&self) -> bool {
        self.way.lock().waiting.len() > self.limits.few
    }

    /// Hands one on, and waits until the next one is to be formed; false when nobody takes any.
    pub(super) fn hand_on(&self, formed: Formed) -> bool {
        let changed = &self.way.changed;
        let began_ns = self.clock.monotonic_ns();
        let mut state = self.way.lock();
        state.waiting.push_back(formed);
        changed.notify_all();
        while !state.is_left && state.waiting.len() > self.limits.few {
            let patience = self.limits.patience(state.waiting.len(), state.took);
            let left = patience.saturating_sub(since(began_ns, &self.clock));
            if left.is_zero() {
                break;
            }
            let waited = changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        !state.is_left
    }
}

impl Behind {
    /// The next one, if it is there.
    pub fn try_next(&self) -> Option<Formed> {
        let next = self.way.lock().waiting.pop_front();
        self.way.changed.notify_all();
        next
    }
}

impl Iterator for Behind {
    type Item = Formed;

    /// Waits for the next one; none after the last. Who asks had room for the one before.
    fn next(&mut self) -> Option<Formed> {
        let mut state = self.way.lock();
        if let Some(since_ns) = self.since_ns {
            state.took = since(since_ns, &self.clock);
        }
        let none = |state: &mut State| !state.is_left && state.waiting.is_empty();
        let waited = self.way.changed.wait_while(state, none);
        let next = waited.unwrap_or_else(PoisonError::into_inner).waiting.pop_front();
        self.way.changed.notify_all();
        self.since_ns = Some(self.clock.monotonic_ns());
        next
    }
}

fn since(then_ns: i64, clock: &SharedClock) -> Duration {
    let nanos = clock.monotonic_ns().saturating_sub(then_ns);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.way.leave();
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.way.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::runtime::EpochInput;
    use causeway_dataflows::ops::epochs::Tick;

    const HOUR: Duration = Duration::from_secs(3600);

    fn epoch(now: i64) -> Formed {
        let tick = Tick { now, drain: false };
        Formed { tick, input: EpochInput::default(), rooms: Vec::new(), save: false }
    }

    /// Nobody waits for `later`, which is never over by a clock that stands.
    fn way(few: usize, later: Duration, max: usize) -> (Ahead, Behind, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at_seconds(0));
        let shared: SharedClock = Arc::clone(&clock) as SharedClock;
        let (ahead, behind) = ahead(AheadLimits { few, later, later_max: HOUR, max }, &shared);
        (ahead, behind, clock)
    }

    /// Takes a hundred, of which never more than `most` wait, and calls `then` after each.
    fn take_all(ahead: Ahead, mut behind: Behind, most: usize, then: impl Fn()) {
        let way = Arc::clone(&behind.way);
        let forms = std::thread::spawn(move || (0..100).all(|now| ahead.hand_on(epoch(now))));
        for now in 0..100 {
            // Whoever hands one on is told to wait under the same lock.
            assert!(way.lock().waiting.len() <= most);
            assert_eq!(behind.next().map(|formed| formed.tick.now), Some(now));
            then();
        }
        assert!(forms.join().unwrap() && behind.next().is_none());
    }

    #[test]
    fn they_come_out_in_order_and_end_with_the_one_who_forms_them() {
        let (ahead, behind, _) = way(0, Duration::ZERO, 10);
        assert!(behind.try_next().is_none());
        assert!((0..5).all(|now| ahead.hand_on(epoch(now))) && ahead.is_far());
        drop(ahead);
        assert_eq!(behind.map(|formed| formed.tick.now).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn nobody_hands_on_to_one_who_is_gone() {
        let (ahead, behind, _) = way(0, HOUR, 1);
        drop(behind);
        assert!(!ahead.hand_on(epoch(0)));
    }

    #[test]
    fn no_more_than_the_most_ever_wait() {
        let (ahead, behind, _) = way(0, Duration::ZERO, 3);
        take_all(ahead, behind, 3, || ());
    }

    #[test]
    fn the_next_is_formed_later_when_more_than_a_few_wait() {
        let (ahead, behind, _) = way(2, HOUR, 100);
        take_all(ahead, behind, 3, || ());
    }

    #[test]
    fn an_engine_that_is_slow_but_goes_on_is_waited_for() {
        let (ahead, mut behind, clock) = way(2, Duration::ZERO, 100);
        assert!((0..50).all(|now| ahead.hand_on(epoch(now))), "it has not taken any yet");
        assert_eq!(behind.next().map(|formed| formed.tick.now), Some(0));
        clock.advance_seconds(3600);
        for now in 1..50 {
            assert_eq!(behind.next().map(|formed| formed.tick.now), Some(now));
            clock.advance_seconds(3600);
        }
        assert_eq!(behind.way.lock().took, HOUR);
        take_all(ahead, behind, 3, || clock.advance_seconds(3600));
    }

    #[test]
    fn patience_grows_with_what_waits_and_with_what_the_last_one_took() {
        let limits = AheadLimits::default();
        let of = |waiting, took| limits.patience(waiting, Duration::from_millis(took)).as_millis();
        assert_eq!([of(3, 1), of(14, 1), of(100, 1), of(4000, 1)], [30, 140, 1000, 1000]);
        assert_eq!([of(3, 200), of(100, 200)], [400, 1000]);
        assert_eq!(limits.patience(4096, Duration::ZERO), Duration::MAX);
    }
}
