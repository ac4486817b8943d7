//! The way of epochs from the disk to the engine, and how far the disk may be ahead.
//!
//! An epoch is formed when the engine has few left to take, so that the busier it is the more one
//! epoch holds. But a sender waits for the disk alone: while the engine takes nothing, because a
//! sink is slow or much has changed at once, epochs are still formed, the rarer the more of them
//! wait. Their bytes are input that waits, so the bound of the queue holds for them too.

use super::Formed;
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
    /// When so many wait none is formed before the engine has taken one.
    pub max: usize,
}

impl Default for AheadLimits {
    fn default() -> Self {
        // Of 27 s in which a sink took nothing nobody noticed more than 0.8 s.
        AheadLimits { few: 2, later: Duration::from_millis(10), max: 256 }
    }
}

impl AheadLimits {
    /// For those who form and take in turn.
    pub const NONE: AheadLimits =
        AheadLimits { few: usize::MAX, later: Duration::ZERO, max: usize::MAX };
}

#[derive(Default)]
struct Way {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Formed>,
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
}

/// Where they come out, in order.
pub struct Behind(Arc<Way>);

/// The way from the disk to the engine.
pub fn ahead(limits: AheadLimits) -> (Ahead, Behind) {
    let way: Arc<Way> = Arc::default();
    (Ahead { way: Arc::clone(&way), limits }, Behind(way))
}

impl Ahead {
    /// Hands one on, and waits until the next one is to be formed; false when nobody takes any.
    pub(super) fn hand_on(&self, formed: Formed) -> bool {
        let changed = &self.way.changed;
        let AheadLimits { few, later, max } = self.limits;
        let mut state = self.way.lock();
        state.waiting.push_back(formed);
        changed.notify_all();
        let number = u32::try_from(state.waiting.len()).unwrap_or(u32::MAX);
        let many = |state: &mut State| !state.is_left && state.waiting.len() > few;
        let timed = changed.wait_timeout_while(state, later.saturating_mul(number), many);
        let state = timed.unwrap_or_else(PoisonError::into_inner).0;
        let full = |state: &mut State| !state.is_left && state.waiting.len() >= max;
        !changed.wait_while(state, full).unwrap_or_else(PoisonError::into_inner).is_left
    }
}

impl Behind {
    /// The next one, if it is there.
    pub fn try_next(&self) -> Option<Formed> {
        self.0.lock().waiting.pop_front()
    }
}

impl Iterator for Behind {
    type Item = Formed;

    /// Waits for the next one; none after the last.
    fn next(&mut self) -> Option<Formed> {
        let none = |state: &mut State| !state.is_left && state.waiting.is_empty();
        let waited = self.0.changed.wait_while(self.0.lock(), none);
        let next = waited.unwrap_or_else(PoisonError::into_inner).waiting.pop_front();
        self.0.changed.notify_all();
        next
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.way.leave();
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        self.0.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::EpochInput;
    use causeway_dataflows::ops::epochs::Tick;

    fn epoch(now: i64) -> Formed {
        let tick = Tick { now, drain: false };
        Formed { tick, input: EpochInput::default(), rooms: Vec::new(), save: false }
    }

    fn at_once(max: usize) -> (Ahead, Behind) {
        ahead(AheadLimits { few: 0, later: Duration::ZERO, max })
    }

    #[test]
    fn they_come_out_in_order_and_end_with_the_one_who_forms_them() {
        let (ahead, behind) = at_once(10);
        assert!(behind.try_next().is_none());
        assert!((0..5).all(|now| ahead.hand_on(epoch(now))));
        drop(ahead);
        assert_eq!(behind.map(|formed| formed.tick.now).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn nobody_hands_on_to_one_who_is_gone() {
        let (ahead, behind) = at_once(1);
        drop(behind);
        assert!(!ahead.hand_on(epoch(0)));
    }

    #[test]
    fn no_more_than_the_most_ever_wait() {
        let (ahead, mut behind) = at_once(3);
        let way = Arc::clone(&behind.0);
        let forms = std::thread::spawn(move || (0..100).all(|now| ahead.hand_on(epoch(now))));
        for now in 0..100 {
            // The last of them is there before anyone is told to wait.
            assert!(way.lock().waiting.len() <= 3);
            assert_eq!(behind.next().map(|formed| formed.tick.now), Some(now));
        }
        assert!(forms.join().unwrap() && behind.next().is_none());
    }
}
