//! The store on disk, for the writer and for `causeway dlq`.

use super::filter::Filter;
use super::segment::{self, Line, Segment, Survey, is_torn, seconds_of};
use crate::canonical::DeadLetter;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The store is cut from the old end by segments, so it has a few of them.
const SEGMENTS: u64 = 8;
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

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DlqError {
    /// The system refused.
    #[error("cannot use dead-letter store {}: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No record has that id.
    #[error("no dead letter matches `{id}`; `causeway dlq list` shows what there is")]
    Unknown {
        /// As given.
        id: String,
    },
    /// Several records have ids that begin so.
    #[error("{count} dead letters match `{id}`; give more of the id")]
    Ambiguous {
        /// As given.
        id: String,
        /// How many.
        count: usize,
    },
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

/// What became of one letter that was tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken; its record goes.
    Done,
    /// It was refused again; its record stays, with one more attempt.
    Refused,
    /// Nothing can be tried now; this record and those after it stay as they are.
    Stop,
}

/// What became of the letters that were tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Taken.
    pub done: u64,
    /// Refused again.
    pub refused: u64,
    /// Left alone because only a part of the payload was kept, or it is damaged.
    pub incomplete: u64,
    /// Left alone because trying was stopped.
    pub left: u64,
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
    directory: PathBuf,
    limits: StoreLimits,
    /// What each segment held when it was last looked through.
    surveys: BTreeMap<u64, Survey>,
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

    /// Appends records and keeps the bounds.
    ///
    /// # Errors
    /// When the disk refuses; some of the records may be written then.
    pub fn append(&mut self, letters: &[DeadLetter], now_seconds: i64) -> Result<(), DlqError> {
        self.append_locked(letters, now_seconds).map_err(|source| self.refuse(source))
    }

    fn append_locked(&mut self, letters: &[DeadLetter], now_seconds: i64) -> io::Result<()> {
        let _lock = self.lock()?;
        let mut segments = segment::list(&self.directory)?;
        if !letters.is_empty() {
            self.write(&mut segments, letters)?;
        }
        self.keep_bounds(&mut segments, now_seconds)
    }

    fn write(&mut self, segments: &mut Vec<Segment>, letters: &[DeadLetter]) -> io::Result<()> {
        let full = |segment: &Segment| segment.bytes >= self.limits.bytes_max / SEGMENTS;
        let is_new = segments.last().is_none_or(full);
        if is_new {
            let number = segments.last().map_or(0, |segment| segment.number + 1);
            segments.push(Segment::new(&self.directory, number));
        }
        let Some(segment) = segments.last_mut() else { return Ok(()) };
        let mut survey = if is_new { Survey::default() } else { self.survey(segment)? };
        let mut batch = Vec::new();
        let mut file = File::options().create(true).append(true).read(true).open(&segment.path)?;
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
        file.write_all(&batch)?;
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
            let old = survey
                .newest
                .is_some_and(|newest| now_seconds.saturating_sub(newest) > age_max);
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
        let _lock = self.lock()?;
        let mut segments = segment::list(&self.directory)?;
        self.keep_bounds(&mut segments, now_seconds)?;
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
            let _lock = self.lock()?;
            let mut listed = Listed::default();
            let mut places: BTreeMap<String, usize> = BTreeMap::new();
            for segment in segment::list(&self.directory)? {
                for line in segment::lines(&segment.path)? {
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

    /// Removes the letters that match, and lines that are no records; says how many letters.
    ///
    /// # Errors
    /// When the disk refuses; some may be removed then.
    pub fn purge(&mut self, filter: &Filter) -> Result<u64, DlqError> {
        let mut purged = 0;
        self.rewrite(&mut |letter| match filter.matches(letter) {
            true => {
                purged += 1;
                Keep::Drop
            }
            false => Keep::AsItIs,
        })?;
        Ok(purged)
    }

    /// Tries the letters that match again, oldest first: `submit` gets each with its bytes.
    ///
    /// The store is locked meanwhile, so `submit` should not wait for the process that
    /// writes to it; what that process refuses meanwhile waits in its queue.
    ///
    /// # Errors
    /// When the disk refuses; letters that were taken may still be there then, and are
    /// recognised by their ids when they are sent again.
    pub fn replay(
        &mut self,
        filter: &Filter,
        submit: &mut dyn FnMut(&DeadLetter, Vec<u8>) -> Outcome,
    ) -> Result<Replayed, DlqError> {
        let mut replayed = Replayed::default();
        let mut stopped = false;
        self.rewrite(&mut |letter| {
            if !filter.matches(letter) {
                return Keep::AsItIs;
            }
            if stopped {
                replayed.left += 1;
                return Keep::AsItIs;
            }
            let whole = letter
                .data
                .payload_bytes()
                .filter(|bytes| bytes.len() as u64 == letter.data.payload_bytes);
            let Some(bytes) = whole else {
                replayed.incomplete += 1;
                return Keep::AsItIs;
            };
            match submit(letter, bytes) {
                Outcome::Done => {
                    replayed.done += 1;
                    Keep::Drop
                }
                Outcome::Refused => {
                    replayed.refused += 1;
                    letter.data.attempts = letter.data.attempts.saturating_add(1);
                    Keep::Changed
                }
                Outcome::Stop => {
                    stopped = true;
                    replayed.left += 1;
                    Keep::AsItIs
                }
            }
        })?;
        Ok(replayed)
    }

    /// Writes every segment anew without what `judge` drops.
    fn rewrite(&mut self, judge: &mut dyn FnMut(&mut DeadLetter) -> Keep) -> Result<(), DlqError> {
        let mut all = || -> io::Result<()> {
            let _lock = self.lock()?;
            for segment in segment::list(&self.directory)? {
                rewrite_segment(&segment, judge)?;
                self.surveys.remove(&segment.number);
            }
            Ok(())
        };
        all().map_err(|source| self.refuse(source))
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

    /// Waits for the other users of the store; the lock goes with the handle, also in a crash.
    fn lock(&self) -> io::Result<File> {
        let path = self.directory.join(LOCK);
        let file = File::options().create(true).truncate(false).write(true).open(path)?;
        file.lock()?;
        Ok(file)
    }

    fn refuse(&self, source: io::Error) -> DlqError {
        DlqError::Io { path: self.directory.clone(), source }
    }
}

enum Keep {
    AsItIs,
    Changed,
    Drop,
}

fn rewrite_segment(
    segment: &Segment,
    judge: &mut dyn FnMut(&mut DeadLetter) -> Keep,
) -> io::Result<()> {
    let mut kept = Vec::new();
    let mut changed = false;
    for line in segment::lines(&segment.path)? {
        let Line::Record(mut letter, text) = line? else {
            changed = true;
            continue;
        };
        match judge(&mut letter) {
            Keep::AsItIs => kept.extend_from_slice(&text),
            Keep::Changed => {
                changed = true;
                serde_json::to_writer(&mut kept, &letter).map_err(io::Error::other)?;
            }
            Keep::Drop => {
                changed = true;
                continue;
            }
        }
        kept.push(b'\n');
    }
    if !changed {
        return Ok(());
    }
    if kept.is_empty() {
        return std::fs::remove_file(&segment.path);
    }
    let aside = segment.path.with_extension("new");
    let mut file = File::create(&aside)?;
    file.write_all(&kept)?;
    file.sync_all()?;
    std::fs::rename(&aside, &segment.path)
}
