//! The only file that reads the wall clock.
//!
//! Everything else asks a [`Clock`] that it was given, so that tests decide what
//! time it is, and so that a replay, which has no clock, cannot find one.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Nanoseconds in a second.
pub const NANOS: i64 = 1_000_000_000;

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Nanoseconds since the Unix epoch, UTC; may jump when somebody sets the machine's clock.
    fn now_ns(&self) -> i64;

    /// Nanoseconds since some fixed moment; never goes back. For measuring and for time-outs.
    fn monotonic_ns(&self) -> i64;

    /// Whole seconds since the Unix epoch, UTC.
    fn now_seconds(&self) -> i64 {
        self.now_ns().div_euclid(NANOS)
    }
}

/// A clock that several threads share.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl WallClock {
    /// The machine's clock, ready to share.
    pub fn shared() -> SharedClock {
        Arc::new(WallClock)
    }
}

impl Clock for WallClock {
    fn now_ns(&self) -> i64 {
        // Before 1970 and after 2262 the machine's clock is wrong anyway.
        match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_nanos()).unwrap_or(i64::MAX),
            Err(_) => 0,
        }
    }

    fn monotonic_ns(&self) -> i64 {
        static START: OnceLock<Instant> = OnceLock::new();
        let start = *START.get_or_init(Instant::now);
        i64::try_from(start.elapsed().as_nanos()).unwrap_or(i64::MAX)
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock {
    now_ns: AtomicI64,
    monotonic_ns: AtomicI64,
}

impl ManualClock {
    /// A clock that shows `seconds` since the Unix epoch.
    pub fn at_seconds(seconds: i64) -> Self {
        ManualClock {
            now_ns: AtomicI64::new(seconds.saturating_mul(NANOS)),
            monotonic_ns: AtomicI64::new(0),
        }
    }

    /// Moves both readings on.
    pub fn advance_ns(&self, nanos: i64) {
        self.now_ns.fetch_add(nanos, Ordering::SeqCst);
        self.monotonic_ns.fetch_add(nanos, Ordering::SeqCst);
    }

    /// Moves both readings on by whole seconds.
    pub fn advance_seconds(&self, seconds: i64) {
        self.advance_ns(seconds.saturating_mul(NANOS));
    }
}

impl Clock for ManualClock {
    fn now_ns(&self) -> i64 {
        self.now_ns.load(Ordering::SeqCst)
    }

    fn monotonic_ns(&self) -> i64 {
        self.monotonic_ns.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_shows_this_century() {
        let now = WallClock.now_seconds();
        assert!(now > 1_700_000_000, "{now}");
        let earlier = WallClock.monotonic_ns();
        assert!(WallClock.monotonic_ns() >= earlier);
    }

    #[test]
    fn a_manual_clock_moves_when_told() {
        let clock = ManualClock::at_seconds(100);
        clock.advance_ns(NANOS / 2);
        clock.advance_seconds(2);
        assert_eq!((clock.now_seconds(), clock.monotonic_ns()), (102, 5 * NANOS / 2));
    }
}
