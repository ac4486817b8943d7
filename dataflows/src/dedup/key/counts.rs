//! Exact counts: what most visits are for.

use super::*;

impl Key {
    /// Notes that a count changed at `tick`.
    #[inline]
    pub fn counted(&mut self, tick: Seconds) {
        self.counted_at = Some(tick);
    }

    /// Whether all there can be to do at `tick` is to publish the count of the run that fires,
    /// for which the first of the key's memory is enough.
    #[inline]
    pub(super) fn only_counts(&self, tick: Seconds) -> bool {
        self.hot.firing && self.needs == Needs::Nothing && !self.refolded && tick < self.due
    }

    /// Publishes that count if it is due, and says when the key is due next; `None` when there
    /// may be more to do.
    #[inline]
    pub fn publish_firing(
        &mut self,
        tick: Seconds,
        delay: Seconds,
        out: &mut impl Output,
    ) -> Option<Seconds> {
        if !self.only_counts(tick) {
            return None;
        }
        let counted = self.counted_at.map_or(Seconds::MAX, |at| at.saturating_add(delay));
        if tick < counted {
            return Some(counted.min(self.due));
        }
        self.counted_at = None;
        let Hot { onset, fingerprint, count, last, .. } = self.hot;
        out.count(AlertCount { key: AlertKey { onset, fingerprint }, count, last });
        Some(self.due)
    }

    /// Publishes exact counts when they are due: `count_delay` after the last change, or now.
    pub fn publish_counts(&mut self, tick: Seconds, delay: Seconds, out: &mut impl Output) {
        if self.counted_at.is_none_or(|at| tick < at.saturating_add(delay)) {
            return;
        }
        self.counted_at = None;
        self.refolded = false;
        self.write_back();
        for published in &self.published {
            out.count(AlertCount {
                key: published.alert.key,
                count: published.count,
                last: published.last,
            });
        }
    }
}
