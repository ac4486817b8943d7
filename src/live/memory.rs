//! Keeping the process within the memory that it may have.
//!
//! What is remembered grows with what stands, and no queue bounds that. So somebody looks at
//! what the process holds a few times a second; near the limit nothing more is taken, what is
//! under way is worked off, and as alerts end and leave the horizon there is room again.

use super::LiveError;
use super::start::Core;
use crate::emit::outbox::OutboxLimits;
use crate::emit::store::StoreLimits;
use crate::epoch::Queue;
use crate::settings::Settings;
use crate::telemetry::EngineBooks;
use crate::telemetry::memory::{MemoryBooks, limit_of_group};
use crate::telemetry::process::resident_bytes;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked at: a queue's worth of input comes in less than a second.
const EVERY: Duration = Duration::from_millis(100);

/// The least that is left free, or a quarter: what is under way and a table that doubles need as
/// much where the limit is low.
const ROOM_MIN: u64 = 48 << 20;

/// An eighth of the limit is left free, or that: at the mark a snapshot takes a tenth of what is
/// held beside it, and what comes within a look or two has to fit as well.
const ROOM_SHARE: u64 = 8;

/// What input may become until everybody has been told: an alert of 400 bytes that is an incident
/// of its own takes 18 KB in all, and half as much again for a while. So no more is under way than
/// what becomes of it has room for below the mark.
const GROWTH: u64 = 64;

/// What an alert takes more once its incident is announced: its part of a revision and of the line.
const ANNOUNCED: u64 = 6 << 10;

/// What is kept for readers and for sinks has bounds of its own, and may have no more than these
/// shares of the limit: earlier revisions, the live stream, the queue of one sink. Lines count,
/// and a revision that has one takes three times as much beside it.
const EARLIER_SHARE: u64 = 16;
const STREAM_SHARE: u64 = 64;
const SINK_SHARE: u64 = 64;

/// The limit of the settings, or that of the control group, if there is one.
pub(super) fn limit_of(settings: &Settings) -> Option<u64> {
    settings.memory_limit_bytes.or_else(limit_of_group)
}

/// Bounds that leave room for what has none.
pub(super) fn bounded(limit: Option<u64>, limits: StoreLimits) -> StoreLimits {
    let Some(limit) = limit else { return limits };
    StoreLimits {
        revision_bytes_max: least(limits.revision_bytes_max, limit / EARLIER_SHARE),
        stream_bytes_max: least(limits.stream_bytes_max, limit / STREAM_SHARE),
        ..limits
    }
}

/// The same for the queue of a sink, which goes on on disk.
pub(super) fn bounded_queue(limit: Option<u64>, limits: OutboxLimits) -> OutboxLimits {
    let Some(limit) = limit else { return limits };
    OutboxLimits { bytes_max: least(limits.bytes_max, limit / SINK_SHARE), ..limits }
}

fn least(bytes: usize, share: u64) -> usize {
    bytes.min(usize::try_from(share).unwrap_or(usize::MAX))
}

/// Whether memory is short; it is until there is some way to the mark, so that senders are not
/// turned away and called back in turns.
#[derive(Clone, Copy, Debug)]
struct Mark {
    limit: u64,
    short: bool,
}

impl Mark {
    /// Whether it is short when so many bytes are held.
    fn at(&mut self, held: u64) -> bool {
        let way = if self.short { self.limit / 20 } else { 0 };
        self.short = held > self.bytes() - way;
        self.short
    }

    /// How much may be held before anything is short.
    fn bytes(self) -> u64 {
        self.limit - (self.limit / ROOM_SHARE).max(ROOM_MIN.min(self.limit / 4))
    }

    /// How much input may be under way when so many bytes are held.
    fn room(self, held: u64) -> usize {
        least(usize::MAX, self.bytes().saturating_sub(held) / GROWTH)
    }
}

/// Keeps to the limit of the settings, or to that of the control group, if there is one.
pub(super) fn limit(settings: &Settings, core: &Core) -> Result<(), LiveError> {
    let Some(limit) = limit_of(settings) else { return Ok(()) };
    let books = MemoryBooks::new(limit);
    core.metrics.add(Box::new(books.clone()));
    watch(&core.queue, core.engine.clone(), limit, books)
}

/// Watches until the queue is gone.
fn watch(
    queue: &Arc<Queue>,
    engine: EngineBooks,
    limit: u64,
    books: MemoryBooks,
) -> Result<(), LiveError> {
    let queue = Arc::downgrade(queue);
    let mut mark = Mark { limit, short: false };
    std::thread::Builder::new().name("memory".to_owned()).spawn(move || {
        while let Some(queue) = queue.upgrade() {
            let resident = resident_bytes().unwrap_or(0);
            let held = resident + ANNOUNCED * engine.unannounced();
            let was = mark.short;
            let short = mark.at(held);
            queue.set_room(mark.room(held));
            if short != was {
                queue.set_short(short);
                books.set_short(short);
                if short {
                    tracing::warn!(resident, limit, "memory is short: sources wait");
                } else {
                    tracing::info!(resident, limit, "there is memory again");
                }
            }
            drop(queue);
            std::thread::sleep(EVERY);
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_bounds_leaves_room_for_what_has_none() {
        let (store, queue) = (StoreLimits::default(), OutboxLimits::default());
        let of_256_mib = bounded(Some(256 << 20), store);
        assert_eq!(of_256_mib.revision_bytes_max, 16 << 20);
        assert_eq!(of_256_mib.stream_bytes_max, 4 << 20);
        assert_eq!(bounded_queue(Some(256 << 20), queue).bytes_max, 4 << 20);
        for limit in [None, Some(64 << 30)] {
            assert_eq!((bounded(limit, store), bounded_queue(limit, queue)), (store, queue));
        }
    }

    #[test]
    fn memory_is_short_until_there_is_some_way_to_the_mark() {
        let mut mark = Mark { limit: 1_000, short: false };
        let answers = [700, 750, 751, 730, 701, 700, 750].map(|held| mark.at(held));
        assert_eq!(answers, [false, false, true, true, true, false, false]);
        assert_eq!([40, 520, 750, 2_000].map(|held| mark.room(held)), [11, 3, 0, 0]);
        let mut mark = Mark { limit: 10_000 << 20, short: false };
        assert_eq!([8_750 << 20, 8_751 << 20].map(|held| mark.at(held)), [false, true]);
    }
}
