//! Reading a journal from an epoch on, one frame at a time.

use super::cursor::Want;
use super::error::{Damage, JournalError};
use super::frame::Frame;
use super::storage::{Disk, Storage};
use super::tail::Torn;
use super::walk::{Step, Walk};
use super::{mark, segment};
use std::path::Path;

/// Reads frames in order; one of them is in memory at a time.
///
/// The journal may be another process's that is being written: a reader that has come to
/// the end goes on when it is asked again. What it reads there may not be durable yet.
#[derive(Debug)]
pub struct Reader<S: Storage = Disk> {
    storage: S,
    /// The first epoch that is wanted; none for the oldest that there is.
    from: Option<u64>,
    /// None until there is a segment.
    walk: Option<Walk<S>>,
    torn: Option<Torn>,
}

impl Reader<Disk> {
    /// A reader of the journal in `directory`, whose first frame is that of `from`. An
    /// epoch that is not there yet is waited for: until then there is no frame.
    ///
    /// # Errors
    /// When the disk refuses, or `from` is no longer kept.
    pub fn open(directory: &Path, from: u64) -> Result<Self, JournalError> {
        Self::open_in(Disk::at(directory), Some(from))
    }

    /// A reader of the journal in `directory`, whose first frame is the oldest.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn open_oldest(directory: &Path) -> Result<Self, JournalError> {
        Self::open_in(Disk::at(directory), None)
    }
}

impl<S: Storage> Reader<S> {
    /// A reader of the journal in any storage, from an epoch or the oldest.
    ///
    /// # Errors
    /// As those of [`Reader::open`].
    pub fn open_in(storage: S, from: Option<u64>) -> Result<Self, JournalError> {
        let mut reader = Reader { storage, from, walk: None, torn: None };
        reader.begin()?;
        Ok(reader)
    }

    /// The next frame; `None` at the end, which [`Reader::torn`] tells more about.
    ///
    /// # Errors
    /// When the disk refuses, the version is not known or what was durable is damaged.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, JournalError> {
        self.begin()?;
        let Some(walk) = &mut self.walk else { return Ok(None) };
        let from = self.from.unwrap_or(0);
        loop {
            let want = if walk.next < from { Want::Skip } else { Want::Read };
            let step = walk.step(want);
            match step.map_err(|error| overtaken(walk, error))? {
                Step::Frame(header, ..) if header.epoch < from => {}
                Step::Frame(header, payload, at) => {
                    self.torn = None;
                    let frame = Frame::of(&header, payload);
                    let wrong = || walk.damaged(at, header.epoch, Damage::Parts);
                    return Ok(Some(frame.ok_or_else(wrong)?));
                }
                Step::End(torn) => {
                    self.torn = torn;
                    return Ok(None);
                }
            }
        }
    }

    /// The torn end at which the reader stopped, if it did: a frame that a crash cut off, or
    /// one that is being written.
    pub fn torn(&self) -> Option<&Torn> {
        self.torn.as_ref()
    }

    /// Finds the segment to begin with, when there is one.
    fn begin(&mut self) -> Result<(), JournalError> {
        if self.walk.is_some() {
            return Ok(());
        }
        let path = self.storage.path(mark::NAME);
        let refuse = |source| JournalError::Io { action: "read", path, source };
        // Looked at first: a segment is there before the mark speaks of it.
        let durable = mark::read(&self.storage).map_err(refuse)?;
        let path = self.storage.path("");
        let refuse = |source| JournalError::Io { action: "list", path: path.clone(), source };
        let firsts = segment::list(&self.storage).map_err(refuse)?;
        let Some(oldest) = firsts.first().copied() else {
            return match durable.checked_sub(1) {
                None => Ok(()),
                Some(to) => {
                    let (from, witness) = (self.from.unwrap_or(0).min(to), mark::NAME.to_owned());
                    Err(JournalError::Missing { path, from, to, witness })
                }
            };
        };
        let from = self.from.unwrap_or(oldest);
        let before = firsts.into_iter().take_while(|first| *first <= from).last();
        let Some(first) = before else {
            return Err(JournalError::Forgotten { asked: from, first: oldest });
        };
        self.walk = Some(Walk::begin(self.storage.clone(), first));
        Ok(())
    }
}

/// What is missing at the place where a reader stands may have been forgotten meanwhile.
fn overtaken<S: Storage>(walk: &Walk<S>, error: JournalError) -> JournalError {
    let oldest = || segment::list(&walk.storage).ok()?.first().copied();
    match error {
        JournalError::Missing { .. } if oldest().is_some_and(|oldest| oldest > walk.next) => {
            JournalError::Forgotten { asked: walk.next, first: oldest().unwrap_or(walk.next) }
        }
        error => error,
    }
}
