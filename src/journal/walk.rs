//! From frame to frame through the segments, up to the end or a torn tail.
//!
//! Another process may be writing: what looks like damage may be a frame that is only half
//! written yet. But whatever says that it was durable was written after it, so a second
//! look, after the witness was found, sees it whole unless it is damaged indeed.

use super::cursor::{Cursor, Look, Opened, Want};
use super::error::{Corruption, Damage, JournalError};
use super::frame::Header;
use super::segment;
use super::storage::Storage;
use super::tail::{self, Torn, Witness};
use std::mem;

/// A place in a journal.
#[derive(Debug)]
pub(super) struct Walk<S: Storage> {
    pub(super) storage: S,
    /// The segment that is walked through; none before the first.
    pub(super) cursor: Option<Cursor<S::File>>,
    /// The epoch that comes next, which is the first of the next segment when one ends.
    pub(super) next: u64,
}

/// What a step comes to.
pub(super) enum Step {
    /// A frame with its payload, if that was wanted, and the byte at which it begins.
    Frame(Header, Vec<u8>, u64),
    /// The end of the journal, torn or not. Another step looks again.
    End(Option<Torn>),
}

/// Why there is no frame here.
enum Stop {
    /// The segment ends, and no other begins with what comes next.
    End,
    /// The segment goes on with what is no frame.
    Bad(Damage),
    /// The next segment, of so many bytes, does not begin as one does.
    Opening(u64),
}

impl<S: Storage> Walk<S> {
    /// The beginning of the segment that begins with an epoch.
    pub(super) fn begin(storage: S, first: u64) -> Self {
        Walk { storage, cursor: None, next: first }
    }

    /// Looks at the next frame and passes it.
    ///
    /// # Errors
    /// When the disk refuses, the version is not known or what was durable is damaged.
    pub(super) fn step(&mut self, want: Want) -> Result<Step, JournalError> {
        let mut seen = None;
        loop {
            let stop = match self.look(want)? {
                Ok(step) => return Ok(step),
                Err(stop) => stop,
            };
            let Some(witness) = self.witness(&stop)? else { return self.end(&stop) };
            let offset = self.cursor.as_ref().map(|cursor| cursor.offset);
            let place = (self.first(), offset, mem::discriminant(&stop));
            if seen.replace(place) == Some(place) {
                return Err(self.refuse(&stop, &witness));
            }
        }
    }

    fn look(&mut self, want: Want) -> Result<Result<Step, Stop>, JournalError> {
        loop {
            if let Some(cursor) = &mut self.cursor {
                let at = cursor.offset;
                match cursor.look(want)? {
                    Look::Frame(header, payload) => {
                        self.next = cursor.epoch;
                        return Ok(Ok(Step::Frame(header, payload, at)));
                    }
                    Look::Bad(damage) => return Ok(Err(Stop::Bad(damage))),
                    // A segment without a frame is named by what comes next itself.
                    Look::End if cursor.header.first == self.next => return Ok(Err(Stop::End)),
                    Look::End => {}
                }
            }
            match Cursor::open(&self.storage, self.next)? {
                Opened::Segment(cursor) => self.cursor = Some(cursor),
                Opened::None => return Ok(Err(Stop::End)),
                Opened::Damaged(bytes) => return Ok(Err(Stop::Opening(bytes))),
            }
        }
    }

    /// The first epoch of the segment that is walked through.
    pub(super) fn first(&self) -> Option<u64> {
        self.cursor.as_ref().map(|cursor| cursor.header.first)
    }

    fn witness(&mut self, stop: &Stop) -> Result<Option<Witness>, JournalError> {
        match stop {
            Stop::End => tail::outside(&self.storage, self.first(), self.next),
            Stop::Bad(_) => {
                let found = tail::outside(&self.storage, self.first(), self.next)?;
                match (found, &mut self.cursor) {
                    (None, Some(cursor)) => tail::behind(cursor),
                    (found, _) => Ok(found),
                }
            }
            Stop::Opening(bytes) if *bytes > segment::HEADER_BYTES as u64 => {
                Ok(Some(Witness::Frames(*bytes)))
            }
            Stop::Opening(_) => tail::outside(&self.storage, Some(self.next), self.next),
        }
    }

    /// The end of the journal.
    fn end(&mut self, stop: &Stop) -> Result<Step, JournalError> {
        let epoch = self.next;
        let torn = match (stop, &mut self.cursor) {
            (Stop::Bad(damage), Some(cursor)) => {
                let (path, offset) = (cursor.path.clone(), cursor.offset);
                let bytes = cursor.refresh()?.saturating_sub(offset);
                Some(Torn { path, offset, bytes, epoch, damage: *damage, kept: None })
            }
            (Stop::Opening(bytes), _) => {
                let path = self.storage.path(&segment::name(epoch));
                let damage = Damage::SegmentHeader;
                Some(Torn { path, offset: 0, bytes: *bytes, epoch, damage, kept: None })
            }
            _ => None,
        };
        Ok(Step::End(torn))
    }

    fn refuse(&self, stop: &Stop, witness: &Witness) -> JournalError {
        let text = Some(witness.text());
        match (stop, witness, &self.cursor) {
            (Stop::Bad(damage), _, Some(cursor)) => cursor.corrupt(*damage, text),
            (Stop::End, Witness::Segment(first), _) if *first < self.next => {
                self.spoilt(*first, Damage::Overlap, None)
            }
            (Stop::End, Witness::Segment(later) | Witness::Mark(later), _) => {
                let (path, from) = (self.storage.path(""), self.next);
                let (to, witness) = (later.saturating_sub(1), witness.text());
                JournalError::Missing { path, from, to, witness }
            }
            _ => self.spoilt(self.next, Damage::SegmentHeader, text),
        }
    }

    /// That the segment that begins with an epoch is damaged as a whole.
    pub(super) fn spoilt(
        &self,
        first: u64,
        damage: Damage,
        witness: Option<String>,
    ) -> JournalError {
        let path = self.storage.path(&segment::name(first));
        let corruption = Corruption { path, offset: 0, epoch: first, damage, witness };
        JournalError::Corrupt(Box::new(corruption))
    }

    /// That the frame at a byte of the segment that is walked through is damaged.
    pub(super) fn damaged(&self, offset: u64, epoch: u64, damage: Damage) -> JournalError {
        let path = self.storage.path(&segment::name(self.first().unwrap_or(epoch)));
        let corruption = Corruption { path, offset, epoch, damage, witness: None };
        JournalError::Corrupt(Box::new(corruption))
    }
}
