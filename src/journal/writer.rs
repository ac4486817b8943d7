//! Appending to a journal.

use super::Options;
use super::error::JournalError;
use super::frame::{self, FrameRef};
use super::mark::Mark;
use super::recovery::{Held, Recovery, recover};
use super::segment;
use super::storage::{Disk, Storage, StorageFile, write_all};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::path::Path;

/// Appends frames to a journal, syncs them and forgets the oldest.
///
/// The first call that fails in a way that [`JournalError::is_passing`] denies poisons the
/// writer, because what is on disk is unknown from then on: every later call says so, and
/// the process must end. Opening the journal anew finds out what is there.
#[derive(Debug)]
pub struct Writer<S: Storage = Disk> {
    storage: S,
    options: Options,
    /// Segments before the last one, oldest first.
    older: VecDeque<Held>,
    last: Option<Last<S::File>>,
    /// The epoch that comes next; none when any may.
    next: Option<u64>,
    /// Epochs below this one are durable.
    durable: u64,
    mark: Mark<S::File>,
    poisoned: bool,
    /// Header and table of the frame that is being written.
    head: Vec<u8>,
}

/// The segment that is written to.
#[derive(Debug)]
struct Last<F> {
    file: F,
    header: segment::Header,
    /// Where the last frame ends, bytes.
    end: u64,
    /// Whether something may lie behind the end.
    cut: bool,
}

impl Writer<Disk> {
    /// Opens the journal in `directory`, which is made if it is not there, and says what it
    /// holds. A torn tail is cut away. The caller sees to it that there is one writer.
    ///
    /// # Errors
    /// When the disk refuses, a newer program wrote the journal, or anything that was
    /// durable is damaged or not there.
    pub fn open(directory: &Path, options: Options) -> Result<(Self, Recovery), JournalError> {
        let path = directory.to_owned();
        let refuse = |source| JournalError::Io { action: "make", path, source };
        Self::open_in(Disk::make(directory).map_err(refuse)?, options)
    }
}

impl<S: Storage> Writer<S> {
    /// Opens the journal in any storage.
    ///
    /// # Errors
    /// As those of [`Writer::open`].
    pub fn open_in(storage: S, options: Options) -> Result<(Self, Recovery), JournalError> {
        let found = recover(&storage, &options)?;
        let last = found.last.map(|(file, header, end)| Last { file, header, end, cut: false });
        let mut mark = Mark::new();
        let durable = found.next.unwrap_or(0);
        if durable > 0 {
            mark.set(&storage, durable);
        }
        let writer = Writer {
            storage,
            options,
            older: found.older,
            last,
            next: found.next,
            durable,
            mark,
            poisoned: false,
            head: Vec::new(),
        };
        Ok((writer, found.recovery))
    }

    /// Hands a frame to the system and returns its length on disk, bytes. It is durable when
    /// a later [`Writer::sync`] returns; all frames that it covers cost one.
    ///
    /// # Errors
    /// Without room, for a frame that is not the next one or does not fit, the journal is as
    /// it was; any other error poisons the writer.
    pub fn append(&mut self, frame: &FrameRef<'_>) -> Result<u64, JournalError> {
        self.refuse_poisoned()?;
        if let Some(expected) = self.next.filter(|next| *next != frame.epoch) {
            return Err(JournalError::Order { epoch: frame.epoch, expected });
        }
        let appended = self.try_append(frame);
        self.poison_unless_passing(appended)
    }

    fn try_append(&mut self, frame: &FrameRef<'_>) -> Result<u64, JournalError> {
        let Some(bytes) = frame::frame_bytes(frame) else {
            return Err(JournalError::TooLarge { epoch: frame.epoch });
        };
        let room = self.options.segment_bytes;
        let is_over = |last: &Last<S::File>| {
            last.header.first != frame.epoch && last.end.saturating_add(bytes) > room
        };
        if self.last.as_ref().is_none_or(is_over) {
            self.begin_segment(frame.epoch)?;
        }
        let Some(last) = &mut self.last else {
            unreachable!("a segment was begun, or the append has failed")
        };
        let path = self.storage.path(&segment::name(last.header.first));
        if last.cut {
            let refuse = |source| JournalError::Io { action: "cut", path: path.clone(), source };
            last.file.truncate(last.end).map_err(refuse)?;
            last.cut = false;
        }
        let (salt, end) = (last.header.salt, last.end);
        frame::encode(frame, self.durable, salt, end, &mut self.head);
        // Bodies are written from where they lie: copying them behind one another first takes
        // 1.4 times as long at 4 MiB, and saves 2 µs at 4 KiB in 64 parts.
        let mut slices = Vec::with_capacity(1 + frame.parts.len());
        slices.push(IoSlice::new(&self.head));
        slices.extend(frame.parts.iter().map(|part| IoSlice::new(part.bytes)));
        if let Err(source) = write_all(&mut last.file, end, &mut slices) {
            // When the cut fails as well, the next append tries again before it writes, and
            // until then it is a tail that a crash may leave as it is.
            last.cut = last.file.truncate(end).is_err();
            return Err(match is_full(&source) {
                true => JournalError::Full { path: self.storage.path(""), source },
                false => JournalError::Io { action: "write", path, source },
            });
        }
        last.end += bytes;
        self.next = Some(frame.epoch.saturating_add(1));
        Ok(bytes)
    }

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// When the disk refuses; the writer is poisoned then.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        self.refuse_poisoned()?;
        let synced = self.try_sync();
        self.poison_unless_passing(synced)
    }

    fn try_sync(&mut self) -> Result<(), JournalError> {
        let (Some(last), Some(next)) = (&mut self.last, self.next) else { return Ok(()) };
        if self.durable == next {
            return Ok(());
        }
        let path = self.storage.path(&segment::name(last.header.first));
        let refuse = |action| {
            let path = path.clone();
            move |source| JournalError::Io { action, path, source }
        };
        last.file.sync().map_err(refuse("sync"))?;
        // The system goes on writing a file that somebody removed, and nobody finds it again.
        if !last.file.is_named().map_err(refuse("look at"))? {
            return Err(JournalError::Removed { path });
        }
        self.durable = next;
        self.mark.set(&self.storage, next);
        Ok(())
    }

    /// Removes the oldest segment if its frames are all of epochs before `epoch`, and returns its
    /// length, bytes. The segment that is written to stays.
    ///
    /// # Errors
    /// When the disk refuses; the writer is poisoned then.
    pub fn forget_one_before(&mut self, epoch: u64) -> Result<Option<u64>, JournalError> {
        self.refuse_poisoned()?;
        let forgotten = self.try_forget(epoch);
        self.poison_unless_passing(forgotten)
    }

    fn try_forget(&mut self, epoch: u64) -> Result<Option<u64>, JournalError> {
        let after = self.older.get(1).map(|held| held.first);
        let after = after.or(self.last.as_ref().map(|last| last.header.first));
        let Some(oldest) = self.older.front().filter(|_| after.is_some_and(|a| a <= epoch)) else {
            return Ok(None);
        };
        let (name, bytes) = (segment::name(oldest.first), oldest.bytes);
        let refuse = |action| {
            let path = self.storage.path(&name);
            move |source| JournalError::Io { action, path, source }
        };
        self.storage.remove(&name).map_err(refuse("remove"))?;
        // One by one: a crash may keep any of several removals, and a gap is refused.
        self.storage.sync_dir().map_err(refuse("sync the removal of"))?;
        self.older.pop_front();
        Ok(Some(bytes))
    }

    /// Begins a segment, which makes all before it durable, and is durable itself before a
    /// frame is put into it. Without room for it the segment before stays the last one.
    fn begin_segment(&mut self, first: u64) -> Result<(), JournalError> {
        self.try_sync()?;
        let name = segment::name(first);
        let header = segment::Header { first, salt: self.storage.salt() };
        let end = segment::HEADER_BYTES as u64;
        let made = self.storage.create(&name).and_then(|mut file| {
            write_all(&mut file, 0, &mut [IoSlice::new(&header.encode())])?;
            Ok(file)
        });
        let refuse = |action| {
            let path = self.storage.path(&name);
            move |source| JournalError::Io { action, path, source }
        };
        let mut file = match made {
            Err(source) if is_full(&source) => {
                // A segment that stays is emptied when it is made again, and removed when
                // the journal is opened: it holds less than a header.
                let _ = self.storage.remove(&name);
                return Err(JournalError::Full { path: self.storage.path(""), source });
            }
            made => made.map_err(refuse("make"))?,
        };
        file.sync().map_err(refuse("sync"))?;
        self.storage.sync_dir().map_err(refuse("sync the making of"))?;
        let before = self.last.replace(Last { file, header, end, cut: false });
        self.older.extend(before.map(|last| Held { first: last.header.first, bytes: last.end }));
        self.next = Some(first);
        self.durable = first;
        Ok(())
    }

    fn refuse_poisoned(&self) -> Result<(), JournalError> {
        match self.poisoned {
            true => Err(JournalError::Poisoned { path: self.storage.path("") }),
            false => Ok(()),
        }
    }

    fn poison_unless_passing<T>(
        &mut self,
        result: Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        self.poisoned |= result.as_ref().is_err_and(|error| !error.is_passing());
        result
    }

    /// The oldest epoch that is kept.
    pub fn first_epoch(&self) -> Option<u64> {
        let oldest = self.older.front().map(|held| held.first);
        let last = self.last.as_ref().map(|last| last.header.first);
        oldest.or(last.filter(|first| self.next.is_some_and(|next| next > *first)))
    }

    /// The epoch that the next frame must have; none when the journal is empty and any may.
    pub fn next_epoch(&self) -> Option<u64> {
        self.next
    }

    /// The first epoch that is not known to be durable.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// Segments on disk.
    pub fn segments(&self) -> u64 {
        (self.older.len() + usize::from(self.last.is_some())) as u64
    }

    /// Bytes on disk, of segments only.
    pub fn bytes(&self) -> u64 {
        let older: u64 = self.older.iter().map(|held| held.bytes).sum();
        older + self.last.as_ref().map_or(0, |last| last.end)
    }
}

/// Whether there was no room: on the disk, within a quota, or within the largest file.
fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge
            | io::ErrorKind::WriteZero
    )
}
