//! The books of a drain that was cut short.
//!
//! The threads of engine and sinks are still at work then, so this takes what they
//! have come to: everything up to the last answered epoch, and how much is left.

use super::Live;
use super::emitter::Kept;
use crate::clock::SharedClock;
use crate::emit::outbox::Outbox;
use crate::emit::summary::{Summary, Unfinished};
use crate::epoch::Queue;
use crate::telemetry::process::peak_resident_bytes;
use crate::telemetry::{EngineBooks, Metrics};
use std::sync::Arc;

/// What the books are made of, held apart from what the drain uses up.
pub(super) struct AtHand {
    began_ns: i64,
    clock: SharedClock,
    workers: usize,
    metrics: Metrics,
    engine: EngineBooks,
    queue: Arc<Queue>,
    outboxes: Vec<Arc<Outbox>>,
    kept: Kept,
    received_before: u64,
}

impl AtHand {
    pub(super) fn of(live: &Live) -> AtHand {
        AtHand {
            began_ns: live.began_ns,
            clock: Arc::clone(&live.clock),
            workers: live.workers,
            metrics: live.metrics.clone(),
            engine: live.engine.clone(),
            queue: Arc::clone(&live.queue),
            outboxes: live.sinks.outboxes.clone(),
            kept: live.kept.clone(),
            received_before: live.received_before,
        }
    }

    /// What the run has come to, marked as not complete.
    pub(super) fn summary(&self) -> Summary {
        let waiting = self.outboxes.iter().map(|outbox| outbox.counts().waiting as u64).sum();
        let unfinished = Unfinished {
            input_bytes: self.queue.bytes() as u64,
            epochs: self.engine.outstanding(),
            revisions: waiting,
        };
        let tally = self.kept.tally();
        let seconds = (self.clock.monotonic_ns() - self.began_ns) as f64 / 1e9;
        let books = self.metrics.ingest.total().books(tally.books());
        let rss = peak_resident_bytes().unwrap_or(0);
        Summary::new(tally.digest(), seconds, rss, self.workers, books)
            .after(self.received_before)
            .cut_short(unfinished)
    }
}
