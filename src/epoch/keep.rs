//! Forming epochs, and keeping them before anyone is told that they were taken.

use super::cut::Cuts;
use super::entry::{DRAIN, Parts, Run};
use super::{Formed, Queue};
use crate::clock::SharedClock;
use crate::dlq;
use crate::journal::{FrameRef, JournalError, Writer};
use crate::runtime::EpochInput;
use crate::telemetry::JournalBooks;
use causeway_dataflows::model::Seconds;
use causeway_dataflows::ops::epochs::Tick;
use crossbeam_channel::Sender;
use std::fmt::Display;
use std::time::Duration;

/// How long to wait before a full disk is tried again.
const FULL_RETRY: Duration = Duration::from_millis(500);

/// A journal that is written to, and what its next frame begins with.
pub struct Continued {
    writer: Writer,
    run: Option<Run>,
    cuts: Option<Cuts>,
    books: JournalBooks,
}

/// Forms epochs until the queue is closed and empty; the last one drains. With a journal each
/// is on disk before it is handed on, and before its senders are told; what was refused in it is
/// with `letters` before that, so that no kill leaves an answer without the records that it means.
///
/// `last` is the tick that the journal ended with, if it holds any.
///
/// # Errors
/// When the journal cannot be written: what is on disk is unknown then, and the process must
/// end. A full disk is no error; everything waits until there is room.
pub fn keep(
    queue: &Queue,
    (mut journal, mut letters): (Option<Continued>, Option<dlq::Keeper>),
    last: Option<Seconds>,
    clock: &SharedClock,
    next: &Sender<Formed>,
) -> Result<(), JournalError> {
    let mut tick =
        Tick { now: clock.now_seconds().max(last.unwrap_or(Seconds::MIN)), drain: false };
    let mut fed_at = last.unwrap_or(Seconds::MIN);
    loop {
        let mut waiting = queue.take();
        tick.now = tick.now.max(clock.now_seconds());
        let idle = waiting.submissions.is_empty() && waiting.context.is_empty();
        if idle && !waiting.closed && fed_at == tick.now {
            continue;
        }
        fed_at = tick.now;
        tick.drain = waiting.closed && idle;
        let cuts = journal.as_mut().and_then(|journal| journal.cuts.as_mut());
        let cut = cuts.filter(|_| !tick.drain);
        let cut = cut.and_then(|cuts| cuts.begin(queue, &mut waiting, clock));
        let save = cut.is_some();
        let mut parts = Parts::default();
        parts.context(&waiting.context);
        let mut input = EpochInput { context: waiting.context, ..EpochInput::default() };
        let mut rooms = Vec::with_capacity(waiting.submissions.len());
        let mut refused = Vec::new();
        for mut submission in waiting.submissions {
            refused.append(&mut submission.refused);
            if let Some(record) = submission.record {
                parts.submission(record);
            }
            input.add(submission.decoded);
            rooms.push(submission.reservation);
        }
        if let Some(letters) = &mut letters {
            keep_refused(queue, letters, refused);
        }
        if let Some(journal) = &mut journal {
            let epoch = journal.write((queue, clock), tick, parts)?;
            queue.keep_up(waiting.count);
            if let (Some(cuts), Some(cut)) = (&journal.cuts, cut) {
                cuts.hand_on(epoch, cut);
            }
            journal.forget()?;
        }
        // The engine is gone when nobody takes it, and whoever waits for the engine says so.
        if next.send(Formed { tick, input, rooms, save }).is_err() || tick.drain {
            return Ok(());
        }
    }
}

/// Has what was refused on disk, also when that has to wait for room.
fn keep_refused(queue: &Queue, letters: &mut dlq::Keeper, mut refused: Vec<dlq::Refusal>) {
    until_room(queue, "dead letters", || letters.keep(&mut refused).err());
}

/// Does what `full` does until it says of no full disk any more; sources wait meanwhile.
fn until_room<E: Display>(queue: &Queue, what: &str, mut full: impl FnMut() -> Option<E>) {
    let mut was_full = false;
    while let Some(error) = full() {
        if !was_full {
            tracing::error!(%error, "sources wait");
        }
        was_full = true;
        queue.set_full(true);
        std::thread::sleep(FULL_RETRY);
    }
    if was_full {
        tracing::info!("there is room for {what} again");
        queue.set_full(false);
    }
}

impl Continued {
    /// A journal that `run` goes on with, counted in `books`.
    pub fn new(writer: Writer, run: Run, books: JournalBooks) -> Continued {
        Continued { writer, run: Some(run), cuts: None, books }
    }

    /// The same, with snapshots, after which the journal forgets.
    pub fn with_cuts(mut self, cuts: Option<Cuts>) -> Continued {
        self.cuts = cuts;
        self
    }

    /// Lets go of what no snapshot that is kept needs.
    fn forget(&mut self) -> Result<(), JournalError> {
        if let Some(needed) = self.cuts.as_mut().and_then(Cuts::needed) {
            let removed = self.writer.forget_before(needed)?;
            tracing::info!(before = needed, segments = removed, "the journal forgets");
        }
        Ok(())
    }

    fn write(
        &mut self,
        (queue, clock): (&Queue, &SharedClock),
        tick: Tick,
        mut parts: Parts,
    ) -> Result<u64, JournalError> {
        let submissions = parts.submissions();
        if let Some(run) = self.run.take() {
            parts.run(&run);
        }
        let parts = parts.refs();
        let epoch = self.writer.next_epoch().unwrap_or(0);
        let frame = FrameRef {
            epoch,
            now: tick.now,
            flags: if tick.drain { DRAIN } else { 0 },
            parts: &parts,
        };
        let mut written = Ok(0);
        until_room(queue, "the journal", || match self.writer.append(&frame) {
            Err(error @ JournalError::Full { .. }) => Some(error),
            done => {
                written = done;
                None
            }
        });
        let bytes = written?;
        let began_ns = clock.monotonic_ns();
        self.writer.sync()?;
        let seconds = (clock.monotonic_ns() - began_ns) as f64 / 1e9;
        self.books.wrote(bytes, seconds, &self.writer);
        if let Some(cuts) = &mut self.cuts {
            cuts.note(bytes, submissions);
        }
        Ok(epoch)
    }
}
