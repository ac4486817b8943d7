//! What leaves a key, and when it has something to do.

use super::*;

/// How much longer than they must entries may wait to be settled, so that a visit settles
/// several.
const SETTLE_SLACK_SECONDS: Seconds = 60;

impl Key {
    /// Removes published alerts whose horizon has passed; they leave the collection.
    pub fn retire(&mut self, tick: Seconds, retention: &Retention, out: &mut impl Output) {
        self.published.retain(|published| {
            let keep = retention.until(&published.alert).is_none_or(|until| tick < until);
            if !keep {
                out.alert(&published.alert, -1);
            }
            keep
        });
        if self.published.is_empty() {
            self.hot.firing = false;
        }
    }

    /// Whether nothing is left to remember.
    pub fn is_spent(&self, tick: Seconds, quiet: Seconds) -> bool {
        self.entries.is_empty()
            && self.published.is_empty()
            && self
                .base
                .as_ref()
                .and_then(|base| base.open.as_ref())
                .is_none_or(|run| run.deadline(quiet) < tick)
    }

    /// The next tick at which this key has something to do, when all is done at `tick`.
    pub fn next_due(&mut self, tick: Seconds, window: Seconds, retention: &Retention) -> Seconds {
        // A run that fires may get entries without a visit.
        let oldest = self.entries.first().map(|entry| entry.second);
        let oldest = oldest.or(self.hot.firing.then_some(tick));
        let settle = oldest.map(|second| second + window + 1 + SETTLE_SLACK_SECONDS);
        let counts = self.counted_at.map(|at| at + retention.count_delay);
        let alerts =
            self.published.iter().map(|published| match retention.until(&published.alert) {
                Some(until) => until,
                None if published.alert.flapping => {
                    published.flaps_until.min(published.deadline.saturating_add(1))
                }
                None => published.deadline.saturating_add(1),
            });
        self.due = settle.into_iter().chain(alerts).min().unwrap_or(Seconds::MAX);
        counts.map_or(self.due, |counts| counts.min(self.due))
    }
}
