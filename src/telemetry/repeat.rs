//! Keeps a message that repeats from filling the log.

use crate::clock::SharedClock;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Lets each kind of message through once an interval and counts the rest.
///
/// ```text
/// if let Some(more) = repeats.allow("queue full") {
///     tracing::warn!(more, "requests are refused: the engine is behind");
/// }
/// ```
pub struct Repeats {
    every_ns: i64,
    clock: SharedClock,
    kinds: Mutex<BTreeMap<&'static str, Kind>>,
}

struct Kind {
    last_ns: i64,
    held_back: u64,
}

impl Repeats {
    /// Each kind once every `every`.
    pub fn new(every: Duration, clock: SharedClock) -> Self {
        let every_ns = i64::try_from(every.as_nanos()).unwrap_or(i64::MAX);
        Repeats { every_ns, clock, kinds: Mutex::default() }
    }

    /// Whether a message of `kind` may be shown now, and if so how many were held back since
    /// the last one. Kinds are literals, so there are only so many of them.
    pub fn allow(&self, kind: &'static str) -> Option<u64> {
        let now = self.clock.monotonic_ns();
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(seen) = kinds.get_mut(kind) else {
            kinds.insert(kind, Kind { last_ns: now, held_back: 0 });
            return Some(0);
        };
        if now.saturating_sub(seen.last_ns) < self.every_ns {
            seen.held_back += 1;
            return None;
        }
        seen.last_ns = now;
        Some(std::mem::take(&mut seen.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use std::sync::Arc;

    #[test]
    fn one_an_interval_and_the_rest_counted() {
        let clock = Arc::new(ManualClock::at_seconds(0));
        let repeats = Repeats::new(Duration::from_secs(10), clock.clone());
        assert_eq!(repeats.allow("a"), Some(0));
        assert_eq!(repeats.allow("a"), None);
        assert_eq!(repeats.allow("b"), Some(0));
        assert_eq!(repeats.allow("a"), None);
        clock.advance_seconds(10);
        assert_eq!(repeats.allow("a"), Some(2));
        assert_eq!(repeats.allow("a"), None);
    }
}
