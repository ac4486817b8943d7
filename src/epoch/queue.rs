//! What waits between sources and engine, bounded.

use crate::ingest::{Busy, BusyReason, Durable, Intake, Reservation, Share, Submission};
use crate::telemetry::EngineBooks;
use causeway_dataflows::model::ContextEvent;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How long a refused sender should wait.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// How long the clock may go on without an epoch while something stands.
const IDLE: Duration = Duration::from_millis(250);

/// What waits for the next epoch.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) submissions: Vec<Submission>,
    pub(super) context: Vec<ContextEvent>,
    pub(super) closed: bool,
    /// Another process has something for an epoch.
    pub(super) asked: bool,
    /// Another process has been told that something waits.
    told: bool,
    /// How often something was added since the start, these included: what tells a sender that
    /// all up to its own is on disk.
    pub(super) count: u64,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.submissions.is_empty() && self.context.is_empty()
    }

    /// All of it; what tells of the queue itself stays.
    fn take(&mut self) -> Waiting {
        let (closed, count) = (self.closed, self.count);
        std::mem::replace(self, Waiting { closed, count, ..Waiting::default() })
    }
}

/// The queue between sources and engine.
pub struct Queue {
    waiting: Mutex<Waiting>,
    wake: Condvar,
    /// What the engine does not have yet.
    bytes: Arc<AtomicUsize>,
    bytes_max: AtomicUsize,
    /// What not everybody has been told of yet, which is in memory in one form or another.
    under_way: Arc<AtomicUsize>,
    under_way_max: AtomicUsize,
    books: EngineBooks,
    /// Submissions that are on disk; `None` when none are kept there.
    durable: Option<watch::Sender<u64>>,
    /// The disk has no room: nothing is taken until it has.
    full: AtomicBool,
    /// The process holds about as much memory as it may.
    short: AtomicBool,
}

impl Queue {
    /// An empty queue that holds at most `bytes_max` of input; `journaled` when what goes
    /// through is kept on disk, and senders are to be told only then.
    pub fn new(bytes_max: usize, books: EngineBooks, journaled: bool) -> Arc<Queue> {
        Arc::new(Queue {
            waiting: Mutex::default(),
            wake: Condvar::new(),
            bytes: books.queue_bytes(),
            bytes_max: AtomicUsize::new(bytes_max),
            under_way: Arc::default(),
            under_way_max: AtomicUsize::new(usize::MAX),
            books,
            durable: journaled.then(|| watch::Sender::new(0)),
            full: AtomicBool::new(false),
            short: AtomicBool::new(false),
        })
    }

    /// Adds context that no source sent, such as the configuration's own silences. It is within
    /// one epoch, and has room whatever waits: it is as much as somebody configured.
    ///
    /// # Errors
    /// When the process is stopping or the disk is full; then nothing has happened.
    pub fn context(&self, events: Vec<ContextEvent>) -> Result<Durable, Busy> {
        if self.full.load(Ordering::Acquire) {
            return Err(Busy { retry_after: RETRY_AFTER, reason: BusyReason::Storage });
        }
        self.push(|waiting| waiting.context.extend(events))
    }

    /// Holds at most so much from now on; what waits stays.
    pub fn resize(&self, bytes_max: usize) {
        self.bytes_max.store(bytes_max, Ordering::Release);
    }

    /// Refuses everything from now on and lets the engine finish.
    pub fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    /// Has an epoch formed, whatever waits here.
    pub fn ask(&self) {
        self.lock().asked = true;
        self.wake.notify_one();
    }

    /// Waits until there is something for the next epoch that nobody has been told of; false once
    /// nothing more comes.
    pub fn until_waiting(&self) -> bool {
        let mut waiting = self.lock();
        while waiting.told || waiting.is_empty() {
            if waiting.closed {
                return false;
            }
            waiting = self.wake.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.told = true;
        true
    }

    /// Bytes that the engine does not have yet.
    pub fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Acquire)
    }

    /// All that was added up to the `count`th time is on disk.
    pub(super) fn keep_up(&self, count: u64) {
        if let Some(durable) = &self.durable {
            durable.send_replace(count);
        }
    }

    /// Whether the disk has no room.
    pub(super) fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Release);
        self.books.disk_is_full(full);
    }

    /// The same, for who wants to know.
    pub fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Has at most so much under way while memory is what it is; never less than one batch.
    pub fn set_room(&self, bytes: usize) {
        self.under_way_max.store(bytes, Ordering::Release);
    }

    /// Whether there is hardly any memory left.
    pub fn set_short(&self, short: bool) {
        self.short.store(short, Ordering::Release);
    }

    /// An epoch was formed.
    pub(super) fn formed(&self) {
        self.books.formed();
    }

    /// An epoch was handed to the workers.
    pub(super) fn taken(&self) {
        self.books.taken();
    }

    /// Adds to what waits; the promise is kept once the epoch of it is on disk.
    fn push(&self, add: impl FnOnce(&mut Waiting)) -> Result<Durable, Busy> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(Busy { retry_after: RETRY_AFTER, reason: BusyReason::Stopping });
        }
        add(&mut waiting);
        waiting.count += 1;
        let number = waiting.count;
        drop(waiting);
        self.wake.notify_one();
        let durable = self.durable.as_ref();
        Ok(durable.map_or_else(Durable::now, |reached| Durable::at(number, reached.subscribe())))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something is there, or until the clock should move on.
    pub(super) fn take(&self) -> Waiting {
        let mut waiting = self.lock();
        if waiting.is_empty() && !waiting.closed && !waiting.asked {
            let timed = self.wake.wait_timeout(waiting, IDLE);
            waiting = timed.unwrap_or_else(PoisonError::into_inner).0;
        }
        waiting.take()
    }

    /// What is there now.
    pub(super) fn take_now(&self) -> Waiting {
        self.lock().take()
    }
}

impl Queue {
    /// Adds to `waiting` whatever has come since.
    pub(super) fn take_rest(&self, waiting: &mut Waiting) {
        let mut rest = self.lock();
        waiting.submissions.append(&mut rest.submissions);
        waiting.context.append(&mut rest.context);
        (waiting.closed, waiting.count) = (rest.closed, rest.count);
        rest.told = false;
    }
}

impl Intake for Queue {
    fn reserve(&self, bytes: usize) -> Result<Reservation, Busy> {
        if self.full.load(Ordering::Acquire) {
            return Err(Busy { retry_after: RETRY_AFTER, reason: BusyReason::Storage });
        }
        if self.short.load(Ordering::Acquire) {
            return Err(Busy { retry_after: RETRY_AFTER, reason: BusyReason::Memory });
        }
        // One batch always fits where nothing is, however large: it has been read already.
        let fits = |before: usize, most: &AtomicUsize| {
            before == 0 || before + bytes <= most.load(Ordering::Acquire)
        };
        let (waiting, waits) = Share::take(&self.bytes, bytes);
        let (under_way, are) = Share::take(&self.under_way, bytes);
        if fits(waits, &self.bytes_max) && fits(are, &self.under_way_max) {
            return Ok(Reservation::held(waiting, under_way));
        }
        Err(Busy { retry_after: RETRY_AFTER, reason: BusyReason::Full })
    }

    fn keeps_records(&self) -> bool {
        self.durable.is_some()
    }

    fn submit(&self, batch: Submission) -> Result<Durable, Busy> {
        self.push(|waiting| waiting.submissions.push(batch))
    }
}
