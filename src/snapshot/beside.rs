//! Writing beside a process that has something better to do.
//!
//! What is written goes to disk a step at a time: many megabytes at once would have the journal,
//! for which senders wait, wait behind them. After each step the thread rests for as long as the
//! step took, and the system gives processor time to any other thread first.

use crate::clock::SharedClock;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

/// Bytes of a step.
const STEP: u64 = 1 << 20;
/// The longest rest: a slow disk is no reason to write for hours.
const REST_MAX: Duration = Duration::from_millis(100);
/// How far the thread stands back, on the scale of 0 to 19.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Has the system prefer all other threads to this one, where it tells threads apart.
pub(super) fn give_way() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, NICE) {
        tracing::debug!(%error, "the thread that writes snapshots keeps its priority");
    }
}

/// Rests between steps.
pub(super) struct Rests<'a> {
    clock: &'a SharedClock,
    since_ns: Cell<i64>,
}

impl Rests<'_> {
    /// From now on.
    pub(super) fn new(clock: &SharedClock) -> Rests<'_> {
        Rests { clock, since_ns: Cell::new(clock.monotonic_ns()) }
    }

    fn rest(&self) {
        let took_ns = self.clock.monotonic_ns() - self.since_ns.get();
        std::thread::sleep(Duration::from_nanos(took_ns.max(0) as u64).min(REST_MAX));
        self.since_ns.set(self.clock.monotonic_ns());
    }
}

/// A file that is on disk up to its last step.
pub(super) struct Steps<'a> {
    file: File,
    /// Written since the last step.
    waiting: u64,
    rests: Option<&'a Rests<'a>>,
}

impl<'a> Steps<'a> {
    /// Into `file`; at once if nobody rests.
    pub(super) fn of(file: File, rests: Option<&'a Rests<'a>>) -> Steps<'a> {
        Steps { file, waiting: 0, rests }
    }

    /// Waits until all of it is on disk.
    pub(super) fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}

impl Write for Steps<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.waiting += written as u64;
        if let Some(rests) = self.rests
            && self.waiting >= STEP
        {
            self.file.sync_data()?;
            self.waiting = 0;
            rests.rest();
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
