//! What most events are compared with: the run that fires.
//!
//! One cache line, which finding the key has fetched already. With a million keys nearly
//! everything else about a key is a wait for memory.

use crate::model::{AlertEvent, Fingerprint, Seconds, Severity};

/// The run that fires, as far as it stands in the collection.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Hot {
    /// Whose it is.
    pub(super) fingerprint: Fingerprint,
    /// The alert's onset.
    pub(super) onset: Seconds,
    /// The last firing event.
    pub(super) last: Seconds,
    /// The last second at which a firing event would continue it.
    pub(super) deadline: Seconds,
    /// Firing events.
    pub(super) count: u64,
    /// The second of the key's last entry.
    pub(super) newest: Seconds,
    /// The alert's severity.
    pub(super) severity: Severity,
    /// The order of magnitude that stands in the collection.
    pub(super) magnitude: u8,
    /// Whether there is such a run.
    pub(super) firing: bool,
}

impl Hot {
    /// Nothing fires.
    pub(super) fn new(fingerprint: Fingerprint) -> Self {
        Hot {
            fingerprint,
            onset: 0,
            last: 0,
            deadline: 0,
            count: 0,
            newest: Seconds::MIN,
            severity: Severity::DEBUG,
            magnitude: 0,
            firing: false,
        }
    }

    /// Whether `event` is at or after the newest second of the run and changes nothing of it
    /// but the count; counts it if so.
    #[inline]
    pub(super) fn continues(&mut self, event: &AlertEvent, quiet: Seconds) -> bool {
        if !self.firing
            || event.time < self.newest
            || event.time < self.last
            || event.time > self.deadline
            || event.severity != self.severity
            || event.onset < self.onset
        {
            return false;
        }
        if event.time == self.last && event.ends != Seconds::MAX {
            // Two ends in one second: the greater id speaks, which the fold sorts out.
            return false;
        }
        self.count += 1;
        self.last = event.time;
        self.deadline = event.ends.min(event.time.saturating_add(quiet));
        true
    }

    /// Whether the count has another order of magnitude than what stands.
    #[inline]
    pub(super) fn has_outgrown(&self) -> bool {
        self.count.ilog2() as u8 != self.magnitude
    }
}
