//! What a journal holds when it is opened, and making sure of it.

use super::Options;
use super::cursor::{Cursor, Want};
use super::error::{Damage, JournalError};
use super::segment;
use super::storage::{Storage, StorageFile, write_all};
use super::tail::Torn;
use super::walk::{Step, Walk};
use super::{mark, storage};
use crate::disk::naming;
use std::collections::VecDeque;
use std::io::{self, IoSlice};

/// Tails that are kept beside the journal, the newest ones.
const TORN_FILES_MAX: usize = 4;

/// What a journal held when it was opened. All of it is durable by then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Number of frames.
    pub frames: u64,
    /// Epoch of the first.
    pub first_epoch: Option<u64>,
    /// Epoch of the last.
    pub last_epoch: Option<u64>,
    /// Tick of the last, seconds since the Unix epoch.
    pub tick: Option<i64>,
    /// What was cut away behind the last.
    pub torn: Option<Torn>,
}

/// A segment with its length, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) first: u64,
    pub(super) bytes: u64,
}

/// What a writer goes on with.
#[derive(Debug)]
pub(super) struct Found<F> {
    pub(super) recovery: Recovery,
    /// Segments before the last one.
    pub(super) older: VecDeque<Held>,
    /// The last one, opened for writing, and where it ends.
    pub(super) last: Option<(F, segment::Header, u64)>,
    /// The epoch that comes next, when one is known.
    pub(super) next: Option<u64>,
}

/// Checks everything, cuts a torn tail and makes the rest durable.
pub(super) fn recover<S: Storage>(
    storage: &S,
    options: &Options,
) -> Result<Found<S::File>, JournalError> {
    let refuse = |source| JournalError::Io { action: "list", path: storage.path(""), source };
    let firsts = segment::list(storage).map_err(refuse)?;
    let Some(first) = firsts.first().copied() else { return empty(storage) };
    let mut survey = Survey::new(Walk::begin(storage.clone(), first));
    let mut recovery = survey.run()?;
    // What the walk passed by lies within another segment.
    if let Some(stray) = firsts.iter().find(|first| !survey.visited(**first, &recovery)) {
        return Err(survey.walk.spoilt(*stray, Damage::Overlap, None));
    }
    let next = survey.walk.next;
    if survey.walk.cursor.is_none() && read_mark(storage)? > 0 {
        // Where epochs were durable, the only segment is not one that was being made.
        let witness = Some(mark::NAME.to_owned());
        return Err(survey.walk.spoilt(next, Damage::SegmentHeader, witness));
    }
    if let Some(torn) = &mut recovery.torn {
        keep(storage, options, torn, survey.walk.cursor.as_ref());
    }
    let opening = recovery.torn.as_ref().filter(|torn| torn.damage == Damage::SegmentHeader);
    if let Some(torn) = opening {
        // Made by a crash in the making of a segment; the next append makes it again.
        let refuse =
            |source| JournalError::Io { action: "remove", path: torn.path.clone(), source };
        storage.remove(&segment::name(torn.epoch)).map_err(refuse)?;
        recovery.torn = recovery.torn.filter(|torn| torn.bytes > 0);
    }
    let rewrite = survey.doubtful.front().map_or(0, |(_, at)| *at);
    let mut held = survey.held;
    let last = match (survey.walk.cursor, held.pop_back()) {
        (Some(cursor), Some(_)) => Some(settle(storage, &cursor, rewrite)?),
        _ => None,
    };
    let refuse = |source| JournalError::Io { action: "sync", path: storage.path(""), source };
    storage.sync_dir().map_err(refuse)?;
    let next = (last.is_some()).then_some(next);
    Ok(Found { recovery, older: held, last, next })
}

/// A journal without segments, in which nothing was ever durable.
fn empty<S: Storage>(storage: &S) -> Result<Found<S::File>, JournalError> {
    let durable = read_mark(storage)?;
    if durable > 0 {
        let (path, witness) = (storage.path(""), mark::NAME.to_owned());
        return Err(JournalError::Missing { path, from: 0, to: durable - 1, witness });
    }
    Ok(Found { recovery: Recovery::default(), older: VecDeque::new(), last: None, next: None })
}

fn read_mark(storage: &impl Storage) -> Result<u64, JournalError> {
    let refuse =
        |source| JournalError::Io { action: "read", path: storage.path(mark::NAME), source };
    mark::read(storage).map_err(refuse)
}

/// A walk through all of a journal.
struct Survey<S: Storage> {
    walk: Walk<S>,
    /// Segments so far.
    held: VecDeque<Held>,
    /// Frames of the last segment that nothing says are durable: epoch and place.
    doubtful: VecDeque<(u64, u64)>,
}

impl<S: Storage> Survey<S> {
    fn new(walk: Walk<S>) -> Self {
        Survey { walk, held: VecDeque::new(), doubtful: VecDeque::new() }
    }

    fn run(&mut self) -> Result<Recovery, JournalError> {
        let mut recovery = Recovery::default();
        loop {
            match self.walk.step(Want::Check)? {
                Step::Frame(header, _, at) => {
                    self.note_segment();
                    let durable = |(epoch, _): &(u64, u64)| *epoch < header.durable;
                    while self.doubtful.front().is_some_and(durable) {
                        self.doubtful.pop_front();
                    }
                    self.doubtful.push_back((header.epoch, at));
                    recovery.frames += 1;
                    recovery.first_epoch.get_or_insert(header.epoch);
                    recovery.last_epoch = Some(header.epoch);
                    recovery.tick = Some(header.now);
                }
                Step::End(torn) => {
                    self.note_segment();
                    recovery.torn = torn;
                    return Ok(recovery);
                }
            }
        }
    }

    /// Takes down how far the segment reaches that is walked through.
    fn note_segment(&mut self) {
        let Some(cursor) = &self.walk.cursor else { return };
        let (first, bytes) = (cursor.header.first, cursor.offset);
        match self.held.back_mut() {
            Some(held) if held.first == first => held.bytes = bytes,
            _ => {
                self.held.push_back(Held { first, bytes });
                // All before a segment is durable when it is begun.
                self.doubtful.clear();
            }
        }
    }

    /// Whether the walk came by a segment.
    fn visited(&self, first: u64, recovery: &Recovery) -> bool {
        let torn = recovery.torn.as_ref().is_some_and(|torn| torn.offset == 0);
        self.held.iter().any(|held| held.first == first) || torn && first == self.walk.next
    }
}

/// Cuts the last segment behind its last frame and writes what may not be durable again.
///
/// A process whose sync failed was ended by it, and the system may since show pages that
/// never reached the disk and that no later sync will write: they are clean. Written again
/// they are not, and a crash on the way leaves what was there or the same bytes.
fn settle<S: Storage>(
    storage: &S,
    cursor: &Cursor<S::File>,
    rewrite: u64,
) -> Result<(S::File, segment::Header, u64), JournalError> {
    let refuse = |action| {
        let path = cursor.path.clone();
        move |source| JournalError::Io { action, path, source }
    };
    let name = segment::name(cursor.header.first);
    let mut file = storage.open(&name, true).map_err(refuse("open"))?;
    let end = cursor.offset;
    if file.bytes().map_err(refuse("read"))? > end {
        file.truncate(end).map_err(refuse("cut"))?;
    }
    let mut written = Ok(());
    cursor.chunks(rewrite, end, |at, chunk| {
        written = write_all(&mut file, at, &mut [IoSlice::new(chunk)]);
        written.is_ok()
    })?;
    written.map_err(refuse("write"))?;
    file.sync().map_err(refuse("sync"))?;
    Ok((file, cursor.header, end))
}

/// Keeps a tail beside the journal. That is for a person to look at: when there is no room
/// for it, or no more than zeros in it, it is cut away all the same.
fn keep<S: Storage>(
    storage: &S,
    options: &Options,
    torn: &mut Torn,
    cursor: Option<&Cursor<S::File>>,
) {
    let Some(cursor) = cursor.filter(|cursor| cursor.path == torn.path) else { return };
    let name = segment::torn_name(cursor.header.first, torn.offset);
    match try_keep(storage, options, &name, cursor) {
        Ok(true) => torn.kept = Some(storage.path(&name)),
        Ok(false) => {}
        Err(error) => {
            let path = storage.path(&name);
            tracing::warn!(path = %path.display(), %error, "a torn tail is not kept");
            let _ = storage.remove(&name);
        }
    }
}

fn try_keep<S: Storage>(
    storage: &S,
    options: &Options,
    name: &str,
    cursor: &Cursor<S::File>,
) -> io::Result<bool> {
    let end = cursor.file.bytes()?.min(cursor.offset.saturating_add(options.torn_bytes_max));
    let mut tail = vec![0; end.saturating_sub(cursor.offset) as usize];
    let read = storage::read_full(&cursor.file, cursor.offset, &mut tail)?;
    if tail[..read].iter().all(|byte| *byte == 0) {
        return Ok(false);
    }
    let older = segment::list_torn(storage)?;
    for name in older.iter().take((older.len() + 1).saturating_sub(TORN_FILES_MAX)) {
        storage.remove(name).map_err(naming(&storage.path(name)))?;
    }
    let mut file = storage.create(name)?;
    write_all(&mut file, 0, &mut [IoSlice::new(&tail[..read])])?;
    file.sync()?;
    Ok(true)
}
