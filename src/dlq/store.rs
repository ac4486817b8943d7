//! The store on disk: appending, bounds, listing.

use super::error::DlqError;
use super::filter::Filter;
use super::segment::{self, Line, Segment, Survey, is_torn, seconds_of};
use crate::canonical::DeadLetter;
use crate::disk::sync_directory;
use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The store is cut from the old end by segments, so it has a few of them.
const SEGMENTS: u64 = 8;
/// How often, and how long between, the process asks for the lock before it does without: a
/// command holds it for as long as a segment takes to be written anew.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// Name of the file that is locked.
const LOCK: &str = "lock";

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Bytes on disk.
    pub bytes_max: u64,
    /// Age of a record.
    pub age_max: Duration,
}

/// What a listing yields.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// Oldest first; of records with one id the last.
    pub letters: Vec<DeadLetter>,
    /// Records that match beyond those listed.
    pub omitted: u64,
    /// Lines that are no records.
    pub damaged: u64,
}

/// What the store holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Records, damaged lines included.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
    /// Records dropped by this handle because of the bound on bytes.
    pub dropped_bytes: u64,
    /// Records dropped by this handle because of their age.
    pub dropped_age: u64,
    /// When the oldest record was first refused, seconds since the Unix epoch.
    pub oldest: Option<i64>,
}

/// A dead-letter store.
#[derive(Debug)]
pub struct Store {
    pub(super) directory: PathBuf,
    limits: StoreLimits,
    /// What each segment held when it was last looked through.
    pub(super) surveys: BTreeMap<u64, Survey>,
    dropped_bytes: u64,
    dropped_age: u64,
}

impl Store {
    /// Opens the store in `directory`, which is made if it is not there.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(directory: &Path, limits: StoreLimits) -> Result<Self, DlqError> {
        let store = Store {
            directory: directory.to_owned(),
            limits,
            surveys: BTreeMap::new(),
            dropped_bytes: 0,
            dropped_age: 0,
        };
        std::fs::create_dir_all(directory).map_err(|source| store.refuse(source))?;
        store.lock().map_err(|source| store.refuse(source))?;
        Ok(store)
    }

    /// Keeps other bounds from now on.
    pub(super) fn set_limits(&mut self, limits: StoreLimits) {
        self.limits = limits;
    }

    /// Appends records, waits until they are on disk, and keeps the bounds.
    ///
    /// # Errors
    /// When the disk refuses; none of the records is written then, unless it refuses to take
    /// them back as well.
    pub fn append(&mut self, letters: &[DeadLetter], now_seconds: i64) -> Result<(), DlqError> {
        self.append_locked(letters, now_seconds).map_err(|source| self.refuse(source))
    }

    fn append_locked(&mut self, letters: &[DeadLetter], now_seconds: i64) -> io::Result<()> {
        let lock = self.lock_soon()?;
        let mut segments = segment::list(&self.directory)?;
        if !letters.is_empty() {
            self.write(&mut segments, letters, lock.is_none())?;
        }
        match lock {
            Some(_) => self.keep_bounds(&mut segments, now_seconds),
            // Whoever holds the lock may be reading what would go.
            None => Ok(()),
        }
    }

    /// Writes to the last segment or, without the lock, to one that nobody else knows.
    fn write(
        &mut self,
        segments: &mut Vec<Segment>,
        letters: &[DeadLetter],
        alone: bool,
    ) -> io::Result<()> {
        let full = |segment: &Segment| segment.bytes >= self.limits.bytes_max / SEGMENTS;
        let is_new = alone || segments.last().is_none_or(full);
        if is_new {
            let number = segments.last().map_or(0, |segment| segment.number + 1);
            segments.push(Segment::new(&self.directory, number));
        }
        let Some(segment) = segments.last_mut() else { return Ok(()) };
        let mut survey = if is_new { Survey::default() } else { self.survey(segment)? };
        let mut batch = Vec::new();
        let mut options = File::options();
        options.create(true).create_new(is_new).append(true).read(true);
        let mut file = options.open(&segment.path)?;
        if is_torn(&mut file, segment.bytes)? {
            batch.push(b'\n');
        }
        for letter in letters {
            serde_json::to_writer(&mut batch, letter).map_err(io::Error::other)?;
            batch.push(b'\n');
            survey.lines += 1;
            survey.newest = seconds_of(letter).or(survey.newest);
            survey.oldest = survey.oldest.or(survey.newest);
        }
        if let Err(error) = file.write_all(&batch).and_then(|()| file.sync_data()) {
            // A part of a line would be taken for damage; what stays of it is passed over.
            let _ = file.set_len(segment.bytes);
            return Err(error);
        }
        if is_new {
            sync_directory(&self.directory)?;
        }
        segment.bytes = file.metadata()?.len();
        self.surveys.insert(segment.number, Survey { bytes: segment.bytes, ..survey });
        Ok(())
    }

    fn keep_bounds(&mut self, segments: &mut Vec<Segment>, now_seconds: i64) -> io::Result<()> {
        let age_max = i64::try_from(self.limits.age_max.as_secs()).unwrap_or(i64::MAX);
        while let Some(oldest) = segments.first() {
            let bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
            // The last segment is being written to; the others are seven eighths of the store.
            let over = bytes > self.limits.bytes_max && segments.len() > 1;
            let survey = self.survey(oldest)?;
            let old =
                survey.newest.is_some_and(|newest| now_seconds.saturating_sub(newest) > age_max);
            if !(old || over) {
                break;
            }
            match old {
                true => self.dropped_age += survey.lines,
                false => self.dropped_bytes += survey.lines,
            }
            std::fs::remove_file(&oldest.path)?;
            self.surveys.remove(&oldest.number);
            segments.remove(0);
        }
        Ok(())
    }

    /// What is held; the bounds on age are kept on the way.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn holdings(&mut self, now_seconds: i64) -> Result<Holdings, DlqError> {
        self.holdings_locked(now_seconds).map_err(|source| self.refuse(source))
    }

    fn holdings_locked(&mut self, now_seconds: i64) -> io::Result<Holdings> {
        let lock = self.lock_soon()?;
        let mut segments = segment::list(&self.directory)?;
        if lock.is_some() {
            self.keep_bounds(&mut segments, now_seconds)?;
        }
        let mut holdings = Holdings {
            dropped_bytes: self.dropped_bytes,
            dropped_age: self.dropped_age,
            ..Holdings::default()
        };
        for segment in &segments {
            holdings.bytes += segment.bytes;
            let survey = self.survey(segment)?;
            holdings.records += survey.lines;
            holdings.oldest = holdings.oldest.or(survey.oldest);
        }
        Ok(holdings)
    }

    /// The letters that match, oldest first, at most `limit` of them.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn list(&self, filter: &Filter, limit: usize) -> Result<Listed, DlqError> {
        let read = || -> io::Result<Listed> {
            let mut listed = Listed::default();
            let mut places: BTreeMap<String, usize> = BTreeMap::new();
            for (segment, file) in self.open_all()? {
                for line in segment::lines(file, segment.bytes) {
                    let Line::Record(letter, _) = line? else {
                        listed.damaged += 1;
                        continue;
                    };
                    if !filter.matches(&letter) {
                        continue;
                    }
                    if let Some(place) = places.get(&letter.id) {
                        listed.letters[*place] = *letter;
                    } else if listed.letters.len() < limit {
                        places.insert(letter.id.clone(), listed.letters.len());
                        listed.letters.push(*letter);
                    } else {
                        listed.omitted += 1;
                    }
                }
            }
            Ok(listed)
        };
        read().map_err(|source| self.refuse(source))
    }

    /// The one letter whose id begins with `id`.
    ///
    /// # Errors
    /// When there is none or there are several, or the disk refuses.
    pub fn show(&self, id: &str) -> Result<DeadLetter, DlqError> {
        let filter = Filter { id: Some(id.to_owned()), ..Filter::default() };
        let mut listed = self.list(&filter, 2)?;
        match (listed.letters.pop(), listed.letters.len()) {
            (Some(letter), 0) => Ok(letter),
            (None, _) => Err(DlqError::Unknown { id: id.to_owned() }),
            (Some(_), _) => {
                let count = 2 + listed.omitted as usize;
                Err(DlqError::Ambiguous { id: id.to_owned(), count })
            }
        }
    }

    fn survey(&mut self, segment: &Segment) -> io::Result<Survey> {
        if let Some(survey) = self.surveys.get(&segment.number)
            && survey.bytes == segment.bytes
        {
            return Ok(*survey);
        }
        let survey = Survey::of(segment)?;
        self.surveys.insert(segment.number, survey);
        Ok(survey)
    }

    /// Copies what is there now into `directory`; the names of the files.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn copy_to(&self, directory: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for (segment, file) in self.open_all()? {
            let Some(name) = segment.path.file_name().and_then(|name| name.to_str()) else {
                continue;
            };
            let mut to = File::create_new(directory.join(name))?;
            io::copy(&mut file.take(segment.bytes), &mut to)?;
            to.sync_all()?;
            names.push(name.to_owned());
        }
        Ok(names)
    }

    /// Waits for the other users of the store; the lock goes with the handle, also in a crash.
    pub(super) fn lock(&self) -> io::Result<File> {
        let path = self.directory.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(file)
    }

    /// The lock, unless somebody holds it for longer than anybody should have to wait.
    fn lock_soon(&self) -> io::Result<Option<File>> {
        let path = self.directory.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        for _ in 0..LOCK_TRIES {
            match file.try_lock() {
                Ok(()) => return Ok(Some(file)),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }

    /// All segments, opened while nobody changes them.
    pub(super) fn open_all(&self) -> io::Result<Vec<(Segment, File)>> {
        let _lock = self.lock()?;
        segment::open_all(&self.directory)
    }

    pub(super) fn refuse(&self, source: io::Error) -> DlqError {
        DlqError::Io { path: self.directory.clone(), source }
    }
}
