//! Cuts a stream of bytes into chunks of whole lines, in bounded memory.
//!
//! A stream whose first value is an array over several lines, or on a line over
//! the limit, is cut between the elements of the array instead (`array`).
//!
//! A chunk ends at a line feed unless the stream ends without one. A line that
//! is longer than allowed is cut after the limit and one byte, which makes its
//! decoder reject it with E002, and the rest is skipped to the next line feed:
//! neighbours are unaffected, and no more than a chunk and a line is in memory.

mod array;

use crate::canonical::Framing;
use crate::canonical::frame::{line_feeds, trim};
use crate::canonical::reject::Origin;
use array::Shape;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::io::{self, Read};

/// Bytes of a chunk: large enough that per-chunk work vanishes, small enough for latency.
pub const CHUNK_BYTES: usize = 1 << 20;
/// Bytes asked for at once from a pipe, which holds no more.
const PIPE_BYTES: usize = 64 << 10;

/// Some whole lines and where they stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// The source, the file, and the offset of the first byte (after decompression).
    pub origin: Origin,
    /// Number of the first line, from 1.
    pub first_line: u64,
    /// Lines, or elements of an array.
    pub framing: Framing,
    /// The lines or elements.
    pub bytes: Vec<u8>,
    /// Lines that were cut.
    pub cut: Vec<CutLine>,
}

/// A line that was cut because it was too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CutLine {
    /// Its number, from 1.
    pub line: u64,
    /// How long it was.
    pub bytes: u64,
}

/// Bounds of chunks and lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkLimits {
    /// Bytes of a chunk, unless one line is longer.
    pub chunk_bytes: usize,
    /// Bytes of a line; must be what the decoder allows for an event.
    pub line_bytes_max: usize,
}

impl ChunkLimits {
    /// The usual chunk, and lines of `line_bytes_max`.
    pub fn lines_of(line_bytes_max: usize) -> Self {
        ChunkLimits { chunk_bytes: CHUNK_BYTES, line_bytes_max }
    }
}

/// Reads chunks from a stream.
pub struct Chunker<R> {
    stream: R,
    source_id: SmolStr,
    partition: Option<SmolStr>,
    limits: ChunkLimits,
    /// Return what is there instead of waiting until a chunk is full.
    eager: bool,
    shape: Shape,
    /// Bytes of a line or an element that has not ended yet.
    carry: Vec<u8>,
    /// How many of them are done with; none as long as there are lines.
    done: usize,
    /// Length so far of a line that is being skipped.
    skipped: Option<u64>,
    next_line: u64,
    offset: u64,
    /// What went wrong behind the lines that were handed over last.
    damage: Option<io::Error>,
}

impl<R: Read> Chunker<R> {
    /// Chunks of `stream`, filled before they are returned.
    pub fn new(stream: R, source_id: &str, partition: Option<&str>, limits: ChunkLimits) -> Self {
        Chunker {
            stream,
            source_id: SmolStr::new(source_id),
            partition: partition.map(SmolStr::new),
            limits,
            eager: false,
            shape: Shape::Undecided,
            carry: Vec::new(),
            done: 0,
            skipped: None,
            next_line: 1,
            offset: 0,
            damage: None,
        }
    }

    /// The same, but each chunk is returned as soon as it holds a line.
    #[must_use]
    pub fn eager(mut self) -> Self {
        self.eager = true;
        self
    }

    /// Starts over at the beginning of another stream, the part of a line in hand forgotten.
    pub(super) fn restart(&mut self, stream: R) {
        self.stream = stream;
        self.shape = Shape::Undecided;
        self.carry.clear();
        self.done = 0;
        self.skipped = None;
        self.next_line = 1;
        self.offset = 0;
        self.damage = None;
    }

    /// How far the stream was read, after decompression.
    pub(super) fn position(&self) -> u64 {
        self.offset + (self.carry.len() - self.done) as u64 + self.skipped.unwrap_or(0)
    }

    /// The next lines or elements. `None` when the stream has ended for now; a stream that
    /// grows may be asked again. An unfinished last line is kept until [`Chunker::finish`].
    ///
    /// # Errors
    /// When the stream cannot be read or decompressed; what is whole before that comes first.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        let undecided = self.shape != Shape::Lines;
        if undecided {
            let found = self.next_stretch()?;
            if found.is_some() || self.shape != Shape::Lines {
                return Ok(found);
            }
        }
        self.next_lines(undecided)
    }

    /// The next lines; `is_filled` when enough to look at is already in hand.
    fn next_lines(&mut self, mut is_filled: bool) -> io::Result<Option<Chunk>> {
        loop {
            if self.skipped.is_some() && !self.skip_line()? {
                return Ok(None);
            }
            let mut bytes = std::mem::take(&mut self.carry);
            let filled = match std::mem::take(&mut is_filled) {
                true => Ok(false),
                false => self.refill(&mut bytes),
            };
            let ended = match filled {
                Ok(ended) => ended,
                Err(error) if last_line_feed(&bytes).is_some() => {
                    self.damage = Some(error);
                    true
                }
                Err(error) => {
                    self.carry = bytes;
                    return Err(error);
                }
            };
            if let Some(end) = last_line_feed(&bytes) {
                self.carry.extend_from_slice(&bytes[end..]);
                bytes.truncate(end);
                return Ok(Some(self.chunk(bytes, Vec::new())));
            }
            if bytes.len() > self.limits.line_bytes_max {
                return self.cut(bytes).map(Some);
            }
            self.carry = bytes;
            if ended {
                return Ok(None);
            }
        }
    }

    /// The last line, if the stream ended without a line feed; or what an array that is not
    /// closed ends with.
    pub fn finish(&mut self) -> Option<Chunk> {
        if let Some(torn) = self.torn() {
            return Some(torn);
        }
        self.skipped = None;
        let mut bytes = std::mem::take(&mut self.carry);
        bytes.drain(..std::mem::take(&mut self.done));
        (!bytes.is_empty()).then(|| self.chunk(bytes, Vec::new()))
    }

    /// The same as [`Chunker::fill`], after the damage that was met before.
    fn refill(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        match self.damage.take() {
            Some(damage) => Err(damage),
            None => self.fill(bytes),
        }
    }

    /// Reads until there is enough to look at; says whether the stream has ended.
    fn fill(&mut self, bytes: &mut Vec<u8>) -> io::Result<bool> {
        // One byte over the limit of a line is enough to know that it is over.
        let full = match bytes.len() < self.limits.chunk_bytes {
            true => self.limits.chunk_bytes,
            false => self.limits.line_bytes_max.max(bytes.len()) + 1,
        };
        let wanted = (full - bytes.len()) as u64;
        if !self.eager {
            bytes.reserve_exact(full - bytes.len());
            let read = self.stream.by_ref().take(wanted).read_to_end(bytes)?;
            return Ok((read as u64) < wanted);
        }
        let before = bytes.len();
        bytes.resize(before + PIPE_BYTES.min(full - before), 0);
        let read = loop {
            match self.stream.read(&mut bytes[before..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        bytes.truncate(before + *read.as_ref().unwrap_or(&0));
        Ok(read? == 0)
    }

    /// Where the next byte stands.
    fn origin(&self) -> Origin {
        Origin {
            source_id: self.source_id.clone(),
            partition: self.partition.clone(),
            offset: Some(self.offset),
            seq: None,
        }
    }

    /// Wraps whole lines up and moves on behind them.
    fn chunk(&mut self, bytes: Vec<u8>, cut: Vec<CutLine>) -> Chunk {
        let lines = line_feeds(&bytes) + u64::from(bytes.last() != Some(&b'\n'));
        let chunk = Chunk {
            origin: self.origin(),
            first_line: self.next_line,
            framing: Framing::Lines,
            cut,
            bytes,
        };
        self.next_line += lines;
        self.offset += chunk.bytes.len() as u64;
        chunk
    }

    /// A line over the limit: its head as a chunk, its tail skipped.
    fn cut(&mut self, mut bytes: Vec<u8>) -> io::Result<Chunk> {
        let read = bytes.len() as u64;
        let line = self.next_line;
        bytes = self.head_of(&bytes);
        bytes.push(b'\n');
        self.skipped = Some(read);
        let offset = self.offset;
        // When the stream pauses inside the line, its length is what was seen of it.
        let length = match self.skip_line()? {
            true => self.offset - offset - 1,
            false => self.skipped.unwrap_or(read),
        };
        let behind = self.offset;
        self.offset = offset;
        let chunk = self.chunk(bytes, vec![CutLine { line, bytes: length }]);
        self.offset = behind;
        Ok(chunk)
    }

    /// Of a text over the limit what shows that it is: blanks at either end would be trimmed
    /// away by its decoder.
    fn head_of(&self, bytes: &[u8]) -> Vec<u8> {
        let length = self.limits.line_bytes_max + 1;
        let mut head = trim(&bytes[..bytes.len().min(length)]).to_vec();
        head.resize(length, b'_');
        head
    }

    /// Skips to the end of the line; `false` when the stream ended first.
    fn skip_line(&mut self) -> io::Result<bool> {
        let mut bytes = Vec::new();
        loop {
            bytes.clear();
            let ended = self.fill(&mut bytes)?;
            let skipped = self.skipped.unwrap_or(0);
            if let Some(at) = bytes.iter().position(|byte| *byte == b'\n') {
                self.offset += skipped + at as u64 + 1;
                self.carry.extend_from_slice(&bytes[at + 1..]);
                self.skipped = None;
                return Ok(true);
            }
            self.skipped = Some(skipped + bytes.len() as u64);
            if ended {
                return Ok(false);
            }
        }
    }
}

/// Just behind the last line feed.
fn last_line_feed(bytes: &[u8]) -> Option<usize> {
    bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1)
}

#[cfg(test)]
mod tests;
