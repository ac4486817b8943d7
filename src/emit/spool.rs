//! What waits for a sink beyond its queue in memory: lines in files, in order.
//!
//! ```text
//!  append ─► segment ─ segment ─ … ─► take
//!               └ settled for good: deleted
//! ```
//!
//! A snapshot says up to which number lines wait here, and has them on disk before it counts.
//! A start after it goes on with those, and cuts off what came later: the journal leads to it once
//! more. So nothing here is ever synced for its own sake.
//!
//! A segment whose lines cannot be read again is set aside, and what it held is counted as lost.

mod segment;
#[cfg(test)]
mod tests;

use crate::disk::{naming, sync_directory};
use segment::{Frame, Segment};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is said of a line that cannot be read any more.
const LOST: &str = "what waited for the sink is damaged and will not be told; the journal has it, \
                    and `causeway verify` names it";

/// What the names of its files end with.
pub const ENDING: &str = segment::ENDING;

/// Bytes after which another segment is begun.
const SEGMENT_BYTES: u64 = 16 << 20;

/// The part of a spool that a snapshot builds on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// A number below those of all lines that wait.
    pub after: u64,
    /// The number of the last line that waits.
    pub last: u64,
    /// The files in which they are, so that it can be told how many are missing.
    pub parts: Vec<Part>,
}

/// Lines that wait in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// A number that none of them is below.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// How many there are.
    pub count: u64,
}

/// Lines in the order of their numbers.
pub struct Spool {
    directory: PathBuf,
    /// What the names of its files begin with.
    name: String,
    segment_bytes: u64,
    /// Whether a line that was taken stays until it is forgotten: a start may need it again.
    keeps: bool,
    segments: VecDeque<Segment>,
    /// Segments before this one have been taken whole.
    reading: usize,
    /// Where in it the next line begins, and how many lines of it are left.
    at: u64,
    left: u64,
    /// The number of the line that was taken last.
    taken: u64,
    count: u64,
    bytes: u64,
    /// Whether the system would not have it read when that was tried last.
    is_refused: bool,
}

/// Lines that were taken.
#[derive(Debug, Default)]
pub struct Taken {
    /// With their numbers.
    pub lines: Vec<(u64, Arc<str>)>,
    /// Lines that are damaged.
    pub lost: u64,
    /// Why there are no more, when the system refuses: they stay, and may be taken later.
    pub refused: Option<io::Error>,
}

/// What a snapshot needs on disk before it counts.
#[derive(Clone, Debug)]
pub struct Unsynced {
    directory: PathBuf,
    files: Vec<segment::Unsynced>,
}

impl Unsynced {
    /// Puts it there.
    ///
    /// # Errors
    /// When the system refuses; then the snapshot must not count.
    pub fn sync(&self) -> io::Result<()> {
        self.files.iter().try_for_each(segment::Unsynced::sync)?;
        match self.files.is_empty() {
            true => Ok(()),
            false => sync_directory(&self.directory).map_err(naming(&self.directory)),
        }
    }
}

impl Spool {
    /// That of a sink in a directory, which is made once something waits. `keeps` whether there is
    /// a journal, after which a start goes on.
    pub fn at(directory: PathBuf, name: &str, keeps: bool) -> Spool {
        Spool {
            directory,
            name: name.to_owned(),
            segment_bytes: SEGMENT_BYTES,
            keeps,
            segments: VecDeque::new(),
            reading: 0,
            at: 0,
            left: 0,
            taken: 0,
            count: 0,
            bytes: 0,
            is_refused: false,
        }
    }

    /// Lines that wait.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Bytes that they take on disk.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Where it lies.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds a line.
    ///
    /// # Errors
    /// When the system refuses; then it is not added.
    pub fn append(&mut self, number: u64, line: &str) -> io::Result<()> {
        let is_full = |segment: &Segment| segment.is_closed() || segment.len >= self.segment_bytes;
        if self.segments.back().is_none_or(is_full) {
            fs::create_dir_all(&self.directory).map_err(naming(&self.directory))?;
            self.segments.push_back(Segment::create(&self.directory, &self.name, number)?);
            if self.segments.len() == self.reading + 1 {
                (self.at, self.left) = (0, 0);
            }
        }
        let is_read = self.segments.len() == self.reading + 1;
        let Some(segment) = self.segments.back_mut() else { return Ok(()) };
        self.bytes += segment.append(number, line)?;
        self.count += 1;
        if is_read {
            self.left += 1;
        }
        Ok(())
    }

    /// Takes up to `max` lines, the first ones.
    pub fn take(&mut self, max: usize) -> Taken {
        let mut taken = Taken::default();
        while taken.lines.len() < max && self.count > 0 {
            let Some(segment) = self.segments.get_mut(self.reading) else { break };
            if self.left == 0 {
                self.reading += 1;
                (self.at, self.left) = (0, self.segments.get(self.reading).map_or(0, |s| s.count));
                continue;
            }
            match segment.read(self.at) {
                Ok(Frame { number, line, bytes }) => {
                    if std::mem::take(&mut self.is_refused) {
                        let (sink, path) = (&self.name, segment.path.display());
                        tracing::info!(sink, %path, "what waits can be read again");
                    }
                    self.at += bytes;
                    self.left -= 1;
                    self.count -= 1;
                    self.bytes -= bytes;
                    self.taken = number;
                    taken.lines.push((number, line));
                }
                Err(error) => {
                    let is_damage = segment::is_damage(&error);
                    match if is_damage { self.pass(&error) } else { Err(error) } {
                        Ok(lines) => taken.lost += lines,
                        Err(error) => {
                            taken.refused = Some(self.refused(error));
                            break;
                        }
                    }
                }
            }
        }
        if !self.keeps {
            self.forget(u64::MAX);
        }
        taken
    }

    /// Passes over what is damaged at the place that is read; returns how many lines that costs.
    fn pass(&mut self, error: &io::Error) -> io::Result<u64> {
        let Some(segment) = self.segments.get_mut(self.reading) else { return Ok(0) };
        let (bytes, lines) = match segment.passed(self.at)? {
            Some(bytes) => (bytes, 1),
            None => {
                segment.close();
                segment.set_aside();
                (segment.len.saturating_sub(self.at), self.left)
            }
        };
        let (sink, path) = (&self.name, segment.path.display());
        tracing::error!(sink, %path, at = self.at, lines, %error, "{LOST}");
        self.at += bytes;
        self.left -= lines;
        self.count -= lines;
        self.bytes -= bytes;
        Ok(lines)
    }

    /// The system would not have the place read.
    fn refused(&mut self, error: io::Error) -> io::Error {
        let error = match self.segments.get(self.reading) {
            Some(segment) => naming(&segment.path)(error),
            None => error,
        };
        if !std::mem::replace(&mut self.is_refused, true) {
            let sink = &self.name;
            tracing::error!(sink, %error, "what waits cannot be read; it stays and is tried again");
        }
        error
    }

    /// Whether something could be deleted if everything up to this number is settled for good.
    pub fn can_forget(&self, upto: u64) -> bool {
        let is_taken = self.reading > 0 || self.left == 0;
        is_taken && self.segments.front().is_some_and(|first| first.last <= upto)
    }

    /// Everything up to this number is settled for good: deletes what holds nothing else.
    pub fn forget(&mut self, upto: u64) {
        while self.can_forget(upto) {
            let Some(segment) = self.segments.pop_front() else { break };
            segment.delete();
            match self.reading.checked_sub(1) {
                Some(reading) => self.reading = reading,
                None => (self.at, self.left) = (0, self.segments.front().map_or(0, |s| s.count)),
            }
        }
    }

    /// What a snapshot is to build on; nothing when nothing waits.
    pub fn mark(&self) -> Option<(Mark, Unsynced)> {
        let last = self.segments.back()?.last;
        let files = self.segments.iter().skip(self.reading).filter_map(Segment::unsynced).collect();
        let parts = self.segments.iter().enumerate().skip(self.reading).map(|(at, segment)| {
            let (first, last) = (segment.first.max(self.taken + 1), segment.last);
            let count = if at == self.reading { self.left } else { segment.count };
            Part { first, last, count }
        });
        let parts = parts.filter(|part| part.count > 0).collect();
        let mark = Mark { after: self.taken, last, parts };
        let unsynced = Unsynced { directory: self.directory.clone(), files };
        (self.count > 0).then_some((mark, unsynced))
    }

    /// Begins without anything: what lies there is of a start that the journal leads to once more.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn clear(&mut self) -> io::Result<()> {
        self.reset();
        segment::listed(&self.directory, &self.name)?.iter().for_each(|path| segment::delete(path));
        Ok(())
    }

    fn reset(&mut self) {
        *self = Spool {
            segment_bytes: self.segment_bytes,
            ..Spool::at(std::mem::take(&mut self.directory), &self.name, self.keeps)
        };
    }

    /// Goes on with what waited when the mark was made and is not settled since, which is
    /// everything up to `settled`; returns how many lines of it are not there. Of a file that is
    /// missing and was settled in part that is too many, as nobody knows where in it that was.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn resume(&mut self, mark: &Mark, settled: u64) -> io::Result<u64> {
        self.open(mark, settled)?;
        let mut missing = 0;
        for part in mark.parts.iter().filter(|part| part.last > settled) {
            let mut there = 0;
            for segment in &self.segments {
                let upto = |number| segment.after(number).map(|(_, lines)| lines);
                there += upto(part.last)? - upto(part.first - 1)?;
            }
            missing += part.count.saturating_sub(there);
        }
        Ok(missing)
    }

    /// Looks at the files: those behind the mark go, and lines up to `settled` count as taken.
    fn open(&mut self, mark: &Mark, settled: u64) -> io::Result<()> {
        self.reset();
        self.taken = settled.max(mark.after);
        let mut is_before = true;
        for path in segment::listed(&self.directory, &self.name)? {
            let Some(mut segment) = Segment::open(&path, mark.last)? else { continue };
            if is_before {
                let (at, taken) = segment.after(self.taken)?;
                (self.at, self.left) = (at, segment.count - taken);
                is_before = self.left == 0;
                self.bytes += segment.len - at;
                self.count += self.left;
                self.reading = self.segments.len();
            } else {
                self.bytes += segment.len;
                self.count += segment.count;
            }
            segment.close();
            self.segments.push_back(segment);
        }
        Ok(())
    }
}
