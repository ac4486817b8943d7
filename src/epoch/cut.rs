//! When a snapshot is begun, and with what.

use super::order::Others;
use super::queue::{Queue, Waiting};
use crate::clock::SharedClock;
use crate::ingest::reception::SavedSource;
use crate::snapshot::writer::{Part, Progress};
use crossbeam_channel::Sender;
use std::time::Duration;

/// Holds every source while it calls what it is given, and returns what they remember then.
pub type Hold = Box<dyn Fn(&mut dyn FnMut()) -> Vec<SavedSource> + Send>;

/// Begins snapshots.
pub struct Cuts {
    every: Duration,
    bytes: u64,
    hold: Hold,
    parts: Sender<Part>,
    progress: Progress,
    since_ns: i64,
    written: u64,
    taken: bool,
    forgets: bool,
    forgotten: Option<u64>,
}

/// What the receiving side remembered when an epoch was formed.
pub(super) struct Cut {
    taken_ns: i64,
    sources: Vec<SavedSource>,
}

impl Cuts {
    /// A snapshot `every` so often, when anything came, and whenever the journal grew by `bytes`;
    /// the journal `forgets` what none of them needs, or keeps everything.
    pub fn new(
        (every, bytes, forgets): (Duration, u64, bool),
        hold: Hold,
        parts: Sender<Part>,
        progress: Progress,
        clock: &SharedClock,
    ) -> Cuts {
        let since_ns = clock.monotonic_ns();
        Cuts {
            every,
            bytes,
            hold,
            parts,
            progress,
            since_ns,
            written: 0,
            taken: false,
            forgets,
            forgotten: None,
        }
    }

    /// Notes what the journal took.
    pub(super) fn note(&mut self, bytes: u64, submissions: usize) {
        self.written += bytes;
        self.taken |= submissions > 0;
    }

    /// If it is time and the other processes may, what [`Cuts::take`] does.
    pub(super) fn begin(
        &mut self,
        queue: &Queue,
        waiting: &mut Waiting,
        (clock, others): (&SharedClock, Option<&dyn Others>),
    ) -> Option<Cut> {
        let elapsed_ns = clock.monotonic_ns() - self.since_ns;
        let long = self.taken && elapsed_ns >= self.every.as_nanos() as i64;
        if !long && self.written < self.bytes || self.progress.is_busy() {
            return None;
        }
        if others.is_some_and(|others| !others.may_save(&self.progress.kept())) {
            return None;
        }
        self.take(queue, waiting, clock)
    }

    /// What the sources remember and everything that they had handed on, unless a snapshot is
    /// being written.
    pub(super) fn take(
        &mut self,
        queue: &Queue,
        waiting: &mut Waiting,
        clock: &SharedClock,
    ) -> Option<Cut> {
        if !self.progress.begin() {
            return None;
        }
        let sources = (self.hold)(&mut || queue.take_rest(waiting));
        self.since_ns = clock.monotonic_ns();
        (self.written, self.taken) = (0, false);
        Some(Cut { taken_ns: clock.now_ns(), sources })
    }

    /// Hands the cut on; its epoch is on disk.
    pub(super) fn hand_on(&self, epoch: u64, cut: Cut) {
        let Cut { taken_ns, sources } = cut;
        // A writer that is gone has told why, and the journal keeps what it holds.
        let _ = self.parts.send(Part::Sources { epoch, taken_ns, sources });
    }

    /// The first epoch that is still needed, when that has changed.
    pub(super) fn needed(&mut self) -> Option<u64> {
        let oldest = self.progress.oldest().filter(|_| self.forgets)?;
        if self.forgotten == Some(oldest) {
            return None;
        }
        self.forgotten = Some(oldest);
        Some(oldest + 1)
    }
}
