//! Forming epochs, and keeping them before anyone is told that they were taken.

use super::cut::{Cut, Cuts};
use super::entry::{DRAIN, Parts, Run};
use super::forget::Forgetting;
use super::order::{Order, Others};
use super::queue::Waiting;
use super::{Ahead, Formed, Queue};
use crate::clock::SharedClock;
use crate::dlq;
use crate::journal::storage::{Disk, Storage};
use crate::journal::{FrameRef, JournalError, PartRef, Writer};
use crate::runtime::EpochInput;
use crate::telemetry::JournalBooks;
use causeway_dataflows::model::Seconds;
use crossbeam_channel::Receiver;
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

/// How long to wait before a full disk is tried again.
const FULL_RETRY: Duration = Duration::from_millis(500);

/// A journal that is written to, and what its next frame begins with.
pub struct Continued<S: Storage = Disk> {
    writer: Writer<S>,
    run: Option<Run>,
    cuts: Option<Cuts>,
    forgetting: Forgetting,
    books: JournalBooks,
}

/// Forms epochs and keeps them. With a journal each is on disk before it is handed on, and before
/// its senders are told; what was refused in it is with the dead letters before that, so that no
/// kill leaves an answer without the records that it means.
pub struct Keeping<S: Storage = Disk> {
    /// What waits.
    pub queue: Arc<Queue>,
    /// Where epochs are kept.
    pub journal: Option<Continued<S>>,
    /// Where what was refused is kept.
    pub letters: Option<dlq::Keeper>,
    /// The time.
    pub clock: SharedClock,
    /// Who feeds them.
    pub next: Ahead,
}

/// How far the forming of epochs has come.
pub struct Leading {
    tick: Seconds,
    fed_at: Seconds,
    /// Whether other processes, if there are any, take nothing more.
    are_closed: bool,
}

impl Leading {
    /// Goes on after `last`, the tick that the journal ended with, if it holds any; `is_alone`
    /// where there are no other processes.
    pub fn after(last: Option<Seconds>, is_alone: bool) -> Leading {
        let last = last.unwrap_or(Seconds::MIN);
        Leading { tick: last, fed_at: last, are_closed: is_alone }
    }
}

impl<S: Storage> Keeping<S> {
    /// Goes on until the queue is closed and empty; the last epoch drains. `others` form the same
    /// epochs of what waits with them.
    ///
    /// `last` is the tick that the journal ended with, if it holds any.
    ///
    /// # Errors
    /// When the journal cannot be written: what is on disk is unknown then, and the process must
    /// end. A full disk is no error; everything waits until there is room.
    pub fn lead(
        mut self,
        last: Option<Seconds>,
        others: Option<&dyn Others>,
    ) -> Result<(), JournalError> {
        let mut leading = Leading::after(last, others.is_none());
        loop {
            let waiting = self.queue.take();
            if !self.lead_on(&mut leading, waiting, others)? {
                return Ok(());
            }
        }
    }

    /// The same for what waits now, without waiting for more; false after the last epoch.
    ///
    /// # Errors
    /// As those of [`Keeping::lead`].
    pub fn lead_now(&mut self, leading: &mut Leading) -> Result<bool, JournalError> {
        let waiting = self.queue.take_now();
        self.lead_on(leading, waiting, None)
    }

    fn lead_on(
        &mut self,
        leading: &mut Leading,
        mut waiting: Waiting,
        others: Option<&dyn Others>,
    ) -> Result<bool, JournalError> {
        leading.tick = leading.tick.max(self.clock.now_seconds());
        let idle = waiting.is_empty() && !waiting.asked;
        // Time alone is no reason to be further ahead of an engine that stands still.
        let is_due = leading.fed_at < leading.tick && !self.next.is_far();
        if idle && !waiting.closed && !is_due {
            return Ok(true);
        }
        leading.fed_at = leading.tick;
        // The others close first: what they have taken goes before the last epoch.
        let close = waiting.closed && !leading.are_closed;
        leading.are_closed |= close;
        let drain = waiting.closed && idle && !close;
        let cuts = self.journal.as_mut().and_then(|journal| journal.cuts.as_mut());
        let cut = cuts.filter(|_| !drain && !close);
        let with = (&self.clock, others);
        let cut = cut.and_then(|cuts| cuts.begin(&self.queue, &mut waiting, with));
        let epoch = self.journal.as_ref().and_then(|journal| journal.writer.next_epoch());
        let (epoch, save) = (epoch.unwrap_or(0), cut.is_some());
        let order = Order { epoch, now: leading.tick, drain, save, close };
        self.form(waiting, &order, cut, others)
    }

    /// Forms the epochs that another process orders, up to the last.
    ///
    /// # Errors
    /// As those of [`Keeping::lead`].
    pub fn follow(mut self, orders: &Receiver<Order>) -> Result<(), JournalError> {
        for order in orders {
            if order.close {
                self.queue.close();
            }
            let mut waiting = self.queue.take_now();
            let cuts = self.journal.as_mut().and_then(|journal| journal.cuts.as_mut());
            let cut = cuts.filter(|_| order.save);
            let cut = cut.and_then(|cuts| cuts.take(&self.queue, &mut waiting, &self.clock));
            if !self.form(waiting, &order, cut, None)? {
                break;
            }
        }
        Ok(())
    }

    /// Forms an epoch of what waits, keeps it, and hands it on; false after the last.
    fn form(
        &mut self,
        waiting: Waiting,
        order: &Order,
        cut: Option<Cut>,
        others: Option<&dyn Others>,
    ) -> Result<bool, JournalError> {
        let (tick, save) = (order.tick(), cut.is_some());
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
        if let Some(letters) = &mut self.letters {
            keep_refused(&self.queue, letters, self.journal.as_mut(), refused);
        }
        if let Some(journal) = &mut self.journal {
            journal.write((&self.queue, &self.clock), order, parts)?;
            if let Some(others) = others {
                others.announce(order);
            }
            self.queue.keep_up(waiting.count);
            if let (Some(cuts), Some(cut)) = (&journal.cuts, cut) {
                cuts.hand_on(order.epoch, cut);
            }
            journal.forget(&self.clock)?;
        }
        self.queue.formed();
        // The engine is gone when nobody takes it, and whoever waits for the engine says so.
        Ok(self.next.hand_on(Formed { tick, input, rooms, save }) && !tick.drain)
    }
}

/// Has what was refused on disk, also when that has to wait for room.
fn keep_refused<S: Storage>(
    queue: &Queue,
    letters: &mut dlq::Keeper,
    mut journal: Option<&mut Continued<S>>,
    mut refused: Vec<dlq::Refusal>,
) {
    until_room(queue, "dead letters", || {
        let error = letters.keep(&mut refused).err()?;
        if let Some(Err(error)) = journal.as_mut().map(|journal| journal.make_room()) {
            // It is poisoned now, and says so when it is written to.
            tracing::error!(%error, "the journal does not forget");
        }
        Some(error)
    });
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

impl<S: Storage> Continued<S> {
    /// A journal that `run` goes on with, counted in `books`.
    pub fn new(writer: Writer<S>, run: Run, books: JournalBooks) -> Continued<S> {
        Continued { writer, run: Some(run), cuts: None, forgetting: Forgetting::default(), books }
    }

    /// The same, with snapshots, after which the journal forgets.
    pub fn with_cuts(mut self, cuts: Option<Cuts>) -> Continued<S> {
        self.cuts = cuts;
        self
    }

    /// Lets go of what no snapshot that is kept needs, at leisure.
    fn forget(&mut self, clock: &SharedClock) -> Result<(), JournalError> {
        self.note_needed();
        self.forgetting.go_on(&mut self.writer, clock.monotonic_ns())
    }

    /// The same at once, since there is no room; whether that made some.
    fn make_room(&mut self) -> Result<bool, JournalError> {
        self.note_needed();
        self.forgetting.all(&mut self.writer)
    }

    fn note_needed(&mut self) {
        if let Some(needed) = self.cuts.as_mut().and_then(Cuts::needed) {
            self.forgetting.raise(needed);
        }
    }

    fn write(
        &mut self,
        (queue, clock): (&Queue, &SharedClock),
        order: &Order,
        mut parts: Parts,
    ) -> Result<(), JournalError> {
        let submissions = parts.submissions();
        if let Some(run) = self.run.take() {
            parts.run(&run);
        }
        let parts = parts.refs();
        let frame = frame(order, &parts);
        let mut written = Ok(0);
        until_room(queue, "the journal", || {
            written = match self.writer.append(&frame) {
                Err(full @ JournalError::Full { .. }) => match self.make_room() {
                    Ok(true) => self.writer.append(&frame),
                    Ok(false) => Err(full),
                    Err(error) => Err(error),
                },
                done => done,
            };
            match &written {
                Err(JournalError::Full { .. }) => std::mem::replace(&mut written, Ok(0)).err(),
                _ => None,
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
        Ok(())
    }
}

/// Appends frames without input for epochs that a journal never got; the first of a new one names
/// it.
///
/// # Errors
/// When the disk refuses.
pub fn fill<S: Storage>(
    writer: &mut Writer<S>,
    run: &Run,
    missing: &[Order],
) -> Result<(), JournalError> {
    for order in missing {
        let mut parts = Parts::default();
        if writer.next_epoch().is_none() {
            parts.run(run);
        }
        writer.append(&frame(order, &parts.refs()))?;
    }
    if missing.is_empty() { Ok(()) } else { writer.sync() }
}

fn frame<'a>(order: &Order, parts: &'a [PartRef<'a>]) -> FrameRef<'a> {
    let flags = if order.drain { DRAIN } else { 0 };
    FrameRef { epoch: order.epoch, now: order.now, flags, parts }
}
