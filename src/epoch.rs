//! Order and time of live input: what waits becomes an epoch as soon as the engine has room.
//!
//! Adaptive batching: at low load an epoch holds one submission, under pressure
//! thousands. The tick is the wall clock, never going back (SEMANTICS rule 6).
//! Everything is bounded: what does not fit is refused before it is decoded, and
//! the sender is told to come again.

use crate::clock::SharedClock;
use crate::ingest::{Busy, BusyReason, Intake, Reservation, Submission};
use crate::runtime::{EpochInput, Feeder, RuntimeError};
use crate::telemetry::EngineBooks;
use causeway_dataflows::model::{ContextEvent, Seconds};
use causeway_dataflows::ops::epochs::Tick;
use crossbeam_channel::Sender;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a refused sender should wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long the clock may go on without an epoch while something stands.
const IDLE: Duration = Duration::from_millis(250);

/// What waits for the next epoch.
#[derive(Default)]
struct Waiting {
    submissions: Vec<Submission>,
    context: Vec<ContextEvent>,
    closed: bool,
}

/// The queue between sources and engine.
pub struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    bytes: Arc<AtomicUsize>,
    bytes_max: usize,
    books: EngineBooks,
}

/// Gives room back when the submission is through.
struct Room {
    bytes: Arc<AtomicUsize>,
    taken: usize,
}

impl Drop for Room {
    fn drop(&mut self) {
        self.bytes.fetch_sub(self.taken, Ordering::AcqRel);
    }
}

impl Queue {
    /// An empty queue that holds at most `bytes_max` of input.
    pub fn new(bytes_max: usize, books: EngineBooks) -> Arc<Queue> {
        Arc::new(Queue {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            bytes: Arc::default(),
            bytes_max,
            books,
        })
    }

    /// Adds context that no source sent, such as the configuration's own silences.
    pub fn context(&self, events: Vec<ContextEvent>) {
        self.lock().context.extend(events);
        self.wake.notify_one();
    }

    /// Refuses everything from now on and lets the engine finish.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_one();
    }

    /// Bytes that wait or are under way.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something is there, or until the clock should move on.
    fn take(&self) -> Waiting {
        let mut waiting = self.lock();
        if waiting.submissions.is_empty() && waiting.context.is_empty() && !waiting.closed {
            let timed = self.wake.wait_timeout(waiting, IDLE);
            waiting = timed.unwrap_or_else(PoisonError::into_inner).0;
        }
        let closed = waiting.closed;
        let taken = std::mem::take(&mut *waiting);
        waiting.closed = closed;
        taken
    }
}

impl Intake for Queue {
    fn reserve(&self, bytes: usize) -> Result<Reservation, Busy> {
        let before = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        // One batch always fits an empty queue, however large: it has been read already.
        if before > 0 && before + bytes > self.bytes_max {
            self.bytes.fetch_sub(bytes, Ordering::AcqRel);
            return Err(Busy { retry_after: RETRY_AFTER, reason: BusyReason::Full });
        }
        let room = Room { bytes: self.bytes.clone(), taken: bytes };
        Ok(Reservation::held(room))
    }

    fn submit(&self, batch: Submission) -> Result<(), Busy> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Busy { retry_after: RETRY_AFTER, reason: BusyReason::Stopping });
        }
        waiting.submissions.push(batch);
        drop(waiting);
        self.wake.notify_one();
        Ok(())
    }
}

/// Feeds epochs until the queue is closed and empty; the last one drains.
///
/// `notes` tells the emitting side the tick of every epoch, before the epoch is fed.
///
/// # Errors
/// When the engine stopped.
pub fn feed(
    queue: &Queue,
    mut feeder: Feeder,
    clock: &SharedClock,
    notes: &Sender<Tick>,
) -> Result<(), RuntimeError> {
    let mut tick = Tick { now: clock.now_seconds(), drain: false };
    let mut fed_at = Seconds::MIN;
    loop {
        let waiting = queue.take();
        tick.now = tick.now.max(clock.now_seconds());
        let idle = waiting.submissions.is_empty() && waiting.context.is_empty();
        if idle && !waiting.closed && fed_at == tick.now {
            continue;
        }
        fed_at = tick.now;
        tick.drain = waiting.closed && idle;
        let mut input = EpochInput { context: waiting.context, ..EpochInput::default() };
        let mut rooms = Vec::with_capacity(waiting.submissions.len());
        for submission in waiting.submissions {
            for segment in submission.decoded.segments {
                input.alerts.extend(segment.alerts);
                input.context.extend(segment.context);
            }
            rooms.push(submission.reservation);
        }
        notes.send(tick).map_err(|_| RuntimeError::Stopped)?;
        // Waits while two epochs are under way; what arrives meanwhile is the next epoch.
        feeder.submit(tick, input)?;
        drop(rooms);
        queue.books.closed(queue.bytes());
        if tick.drain {
            return Ok(());
        }
    }
}
