//! Keeping the process within the memory that it may have.
//!
//! What is remembered grows with what stands, and no queue bounds that. So somebody looks at
//! what the process holds a few times a second; near the limit nothing more is taken, what is
//! under way is worked off, and as alerts end and leave the horizon there is room again.

use super::LiveError;
use super::start::Core;
use crate::epoch::Queue;
use crate::settings::Settings;
use crate::snapshot::writer::Progress;
use crate::telemetry::memory::{MemoryBooks, limit_of_group};
use crate::telemetry::process::resident_bytes;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked at: a queue's worth of input comes in less than a second.
const EVERY: Duration = Duration::from_millis(100);

/// The least that is left free, or a quarter: what is under way and a table that doubles need as
/// much where the limit is low.
const ROOM_MIN: u64 = 48 << 20;

/// The most that is left free for a snapshot, thousandths of what is held.
const SAVING_MAX: u64 = 500;

/// Whether memory is short; it is until there is some way to the mark, so that senders are not
/// turned away and called back in turns.
#[derive(Clone, Copy, Debug)]
struct Mark {
    limit: u64,
    short: bool,
    saving: Saving,
}

/// What a snapshot takes beside what is held, as the last one has shown.
#[derive(Clone, Copy, Debug, Default)]
struct Saving {
    /// What was held when the one under way began.
    from: Option<u64>,
    /// What it has come to, and what the one before it came to, thousandths of that.
    now: u64,
    last: u64,
}

impl Saving {
    fn at(&mut self, held: u64, is_saving: bool) {
        match (is_saving, self.from) {
            (true, None) => (self.from, self.now) = (Some(held), 0),
            (true, Some(from)) => {
                let more = held.saturating_sub(from).saturating_mul(1000) / from.max(1);
                self.now = self.now.max(more.min(SAVING_MAX));
            }
            (false, Some(_)) => (self.from, self.last) = (None, self.now),
            (false, None) => {}
        }
    }

    /// What the next one may take when so much is held; one under way has taken its own.
    fn room(&self, held: u64) -> u64 {
        if self.from.is_some() { 0 } else { held / 1000 * self.last }
    }
}

impl Mark {
    fn new(limit: u64) -> Mark {
        Mark { limit, short: false, saving: Saving::default() }
    }

    /// Whether it is short when so many bytes are held, perhaps beside a snapshot.
    fn at(&mut self, held: u64, is_saving: bool) -> bool {
        self.saving.at(held, is_saving);
        let room = (self.limit / 10).max(ROOM_MIN.min(self.limit / 4));
        let room = room.max(self.saving.room(held));
        let way = if self.short { self.limit / 20 } else { 0 };
        self.short = held > self.limit.saturating_sub(room + way);
        self.short
    }
}

/// Keeps to the limit of the settings, or to that of the control group, if there is one.
pub(super) fn limit(
    settings: &Settings,
    core: &Core,
    snapshots: Option<Progress>,
) -> Result<(), LiveError> {
    let Some(limit) = settings.memory_limit_bytes.or_else(limit_of_group) else { return Ok(()) };
    let books = MemoryBooks::new(limit);
    core.metrics.add(Box::new(books.clone()));
    watch(&core.queue, Mark::new(limit), books, snapshots)
}

/// Watches until the queue is gone.
fn watch(
    queue: &Arc<Queue>,
    mut mark: Mark,
    books: MemoryBooks,
    snapshots: Option<Progress>,
) -> Result<(), LiveError> {
    let queue = Arc::downgrade(queue);
    std::thread::Builder::new().name("memory".to_owned()).spawn(move || {
        while let Some(queue) = queue.upgrade() {
            let held = resident_bytes().unwrap_or(0);
            let was = mark.short;
            let short = mark.at(held, snapshots.as_ref().is_some_and(Progress::is_busy));
            let limit = mark.limit;
            if short != was {
                queue.set_short(short);
                books.set_short(short);
                if short {
                    tracing::warn!(held, limit, "memory is short: sources wait");
                } else {
                    tracing::info!(held, limit, "there is memory again");
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
    fn memory_is_short_until_there_is_some_way_to_the_mark() {
        let mut mark = Mark::new(1_000);
        let answers = [700, 750, 751, 730, 701, 700, 750].map(|held| mark.at(held, false));
        assert_eq!(answers, [false, false, true, true, true, false, false]);
        let mut mark = Mark::new(10_000 << 20);
        assert_eq!([9_000 << 20, 9_001 << 20].map(|held| mark.at(held, false)), [false, true]);
    }

    #[test]
    fn room_is_left_for_what_a_snapshot_takes() {
        let mut mark = Mark::new(10_000 << 20);
        // A quarter more beside a snapshot; it stays with the allocator, which is what is held.
        let held = [4_000, 4_200, 5_000, 4_900].map(|mib| mark.at(mib << 20, true));
        assert_eq!((held, mark.at(4_900 << 20, false)), ([false; 4], false));
        // So at 8,000 MiB the next one would fill the memory, and then there is none.
        assert_eq!([7_990, 8_010].map(|mib| mark.at(mib << 20, false)), [false, true]);
        assert!(!mark.at(7_500 << 20, false));
        // One is under way: what it takes is held already.
        assert_eq!([8_010, 8_900, 9_010].map(|mib| mark.at(mib << 20, true)), [false, false, true]);
        // One that finds what it needs with the allocator asks for no room of its own.
        mark.at(8_500 << 20, false);
        mark.at(8_500 << 20, true);
        assert_eq!([8_500, 8_990].map(|mib| mark.at(mib << 20, false)), [false, false]);
    }
}
