//! How long to wait before the next attempt.

use jiff::fmt::rfc2822::DateTimeParser;
use std::time::Duration;

/// The longest wait that a receiver can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3600);

/// Exponential back-off with full jitter: many senders that failed together do not come back together.
#[derive(Clone, Debug)]
pub struct Backoff {
    least: Duration,
    most: Duration,
    random: u64,
}

impl Backoff {
    /// Waits between nothing and `least`, doubling to `most`; `seed` decides where between.
    pub fn new(least: Duration, most: Duration, seed: u64) -> Backoff {
        Backoff { least, most, random: seed }
    }

    /// The wait after failed attempt number `attempt`, from 1; at least what was asked for.
    pub fn wait(&mut self, attempt: u32, asked: Option<Duration>) -> Duration {
        let doubled = 1u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let ceiling = self.least.saturating_mul(doubled).min(self.most);
        match asked {
            // The jitter comes on top, or all who were told the same would come at once.
            Some(asked) => asked.min(RETRY_AFTER_MAX) + self.below(ceiling.min(self.least)),
            None => self.below(ceiling),
        }
    }

    /// A duration below `ceiling`, evenly.
    fn below(&mut self, ceiling: Duration) -> Duration {
        let nanos = ceiling.as_nanos().min(u128::from(u64::MAX)) as u64;
        let scaled = (u128::from(self.next()) * u128::from(nanos)) >> 64;
        Duration::from_nanos(scaled as u64)
    }

    /// SplitMix64: a counter through a mixing function; enough for jitter, and tiny.
    fn next(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The wait that a `Retry-After` header asks for: seconds, or an HTTP date after `now_seconds`.
pub fn retry_after(value: &str, now_seconds: i64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(value.parse().map_or(RETRY_AFTER_MAX, Duration::from_secs));
    }
    let until = DateTimeParser::new().parse_timestamp(value).ok()?.as_second();
    Some(Duration::from_secs(u64::try_from(until.saturating_sub(now_seconds)).unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_grow_to_a_ceiling_and_fill_the_range() {
        let mut backoff = Backoff::new(seconds(1), seconds(60), 42);
        for (attempt, ceiling) in [(1, 1), (2, 2), (4, 8), (7, 60), (1000, 60)] {
            let waits: Vec<Duration> = (0..200).map(|_| backoff.wait(attempt, None)).collect();
            let ceiling = seconds(ceiling);
            assert!(waits.iter().all(|wait| *wait < ceiling), "attempt {attempt}");
            assert!(waits.iter().any(|wait| *wait > ceiling * 9 / 10), "attempt {attempt}");
            assert!(waits.iter().any(|wait| *wait < ceiling / 10), "attempt {attempt}");
        }
    }

    #[test]
    fn a_seed_decides_all_waits() {
        let waits = |seed| {
            let mut backoff = Backoff::new(seconds(1), seconds(60), seed);
            (1..10).map(|attempt| backoff.wait(attempt, None)).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }

    #[test]
    fn a_receiver_is_given_the_time_it_asks_for() {
        let mut backoff = Backoff::new(seconds(1), seconds(60), 42);
        for asked in [0, 5, 120] {
            let wait = backoff.wait(9, Some(seconds(asked)));
            assert!(wait >= seconds(asked) && wait < seconds(asked + 1), "{wait:?}");
        }
        assert!(backoff.wait(1, Some(seconds(1 << 40))) < RETRY_AFTER_MAX + seconds(1));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // 1994-11-06T08:49:37Z is 784 111 777 seconds after the epoch.
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (value, expected) in [
            ("120", Some(seconds(120))),
            (" 7 ", Some(seconds(7))),
            (date, Some(seconds(37))),
            ("99999999999999999999999", Some(RETRY_AFTER_MAX)),
            ("", None),
            ("soon", None),
            ("-5", None),
        ] {
            assert_eq!(retry_after(value, 784_111_740), expected, "{value:?}");
        }
        assert_eq!(retry_after(date, 784_111_999), Some(seconds(0)));
    }
}
