//! How long alerts stay in the collection.

use crate::model::{Alert, Seconds, Status};
use crate::params::Params;

/// How long alerts stay.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// After the slice of the onset, seconds of tick.
    pub horizon: Seconds,
    /// After the end, seconds of tick: a late event may still change it.
    pub after_end: Seconds,
    /// Exact counts are published this long after the last change.
    pub count_delay: Seconds,
    /// Length of a slice of onset, seconds.
    pub slice: Seconds,
}

impl Retention {
    /// As the parameters have it.
    pub fn of(params: &Params) -> Retention {
        let lateness = params.sources.iter().map(|source| source.lateness_seconds).max();
        Retention {
            horizon: params.dedup.revise_horizon_seconds,
            after_end: lateness.unwrap_or(0) + params.dedup.disorder_seconds,
            count_delay: params.dedup.count_delay_seconds,
            slice: params.correlate.slice_seconds,
        }
    }

    /// When `alert` leaves the collection; `None` while it fires.
    pub fn until(&self, alert: &Alert) -> Option<Seconds> {
        match alert.status {
            Status::Firing => None,
            Status::Resolved { at, .. } => Some(self.until_of(alert.key.onset, at)),
        }
    }

    /// The same of one that began and ended so.
    pub fn until_of(&self, onset: Seconds, ended: Seconds) -> Seconds {
        let slice_end = (onset.div_euclid(self.slice) + 1) * self.slice;
        (slice_end + self.horizon).max(ended + self.after_end)
    }
}
