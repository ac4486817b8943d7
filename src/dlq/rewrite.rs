//! Taking letters out again: purged, or tried once more.

use super::error::DlqError;
use super::filter::Filter;
use super::segment::{self, Line, Segment};
use super::store::Store;
use crate::canonical::DeadLetter;
use crate::disk::write_whole;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;

/// Name of the file that is locked while letters are tried again.
const TURN: &str = "replaying";

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

    /// Tries the letters that match again, oldest first: `submit` gets each with its bytes, and
    /// letters with one id once.
    ///
    /// The process that writes to the store has it meanwhile; another replay waits.
    ///
    /// # Errors
    /// When the disk refuses; letters that were taken may still be there then, and are
    /// recognised by their ids when they are sent again.
    pub fn replay(
        &mut self,
        filter: &Filter,
        submit: &mut dyn FnMut(&DeadLetter, Vec<u8>) -> Outcome,
    ) -> Result<Replayed, DlqError> {
        let mut all = || -> io::Result<Replayed> {
            let turn = File::create(self.directory.join(TURN))?;
            turn.lock()?;
            let mut trial = Trial::default();
            for (segment, file) in self.open_all()? {
                for line in segment::lines(file, segment.bytes) {
                    if let Line::Record(letter, _) = line? {
                        trial.try_again(&letter, filter, submit);
                    }
                }
                self.rewrite_one(&segment, &mut |letter| trial.judge(letter))?;
            }
            Ok(trial.replayed)
        };
        all().map_err(|source| self.refuse(source))
    }

    /// Writes every segment anew without what `judge` drops.
    fn rewrite(&mut self, judge: &mut dyn FnMut(&mut DeadLetter) -> Keep) -> Result<(), DlqError> {
        let mut all = || -> io::Result<()> {
            for (segment, _) in self.open_all()? {
                self.rewrite_one(&segment, judge)?;
            }
            Ok(())
        };
        all().map_err(|source| self.refuse(source))
    }

    fn rewrite_one(
        &mut self,
        segment: &Segment,
        judge: &mut dyn FnMut(&mut DeadLetter) -> Keep,
    ) -> io::Result<()> {
        let _lock = self.lock()?;
        self.surveys.remove(&segment.number);
        match rewrite_segment(segment, judge) {
            // It went with its age meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

/// What became of letters that are tried again.
#[derive(Default)]
struct Trial {
    replayed: Replayed,
    outcomes: BTreeMap<String, Outcome>,
    stopped: bool,
}

impl Trial {
    fn try_again(
        &mut self,
        letter: &DeadLetter,
        filter: &Filter,
        submit: &mut dyn FnMut(&DeadLetter, Vec<u8>) -> Outcome,
    ) {
        if !filter.matches(letter) || self.outcomes.contains_key(&letter.id) {
            return;
        }
        if self.stopped {
            self.replayed.left += 1;
            return;
        }
        let whole = letter
            .data
            .payload_bytes()
            .filter(|bytes| bytes.len() as u64 == letter.data.payload_bytes);
        let Some(bytes) = whole else {
            self.replayed.incomplete += 1;
            return;
        };
        let outcome = submit(letter, bytes);
        match outcome {
            Outcome::Done => self.replayed.done += 1,
            Outcome::Refused => self.replayed.refused += 1,
            Outcome::Stop => {
                self.stopped = true;
                self.replayed.left += 1;
                return;
            }
        }
        self.outcomes.insert(letter.id.clone(), outcome);
    }

    fn judge(&self, letter: &mut DeadLetter) -> Keep {
        match self.outcomes.get(&letter.id) {
            Some(Outcome::Done) => Keep::Drop,
            Some(Outcome::Refused) => {
                letter.data.attempts = letter.data.attempts.saturating_add(1);
                Keep::Changed
            }
            Some(Outcome::Stop) | None => Keep::AsItIs,
        }
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
    let file = File::open(&segment.path)?;
    let bytes = file.metadata()?.len();
    for line in segment::lines(file, bytes) {
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
    write_whole(&segment.path, &kept)
}
