//! Taking letters out again: purged, or tried once more.

use super::error::DlqError;
use super::filter::Filter;
use super::segment::{self, Line, Segment};
use super::store::Store;
use crate::canonical::DeadLetter;
use std::fs::File;
use std::io::{self, Write};

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

impl Store {
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
