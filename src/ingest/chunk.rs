//! Cuts a stream of bytes into chunks of whole lines, in bounded memory.
//!
//! A chunk ends at a line feed unless the stream ends without one. A line that
//! is longer than allowed is cut after the limit and one byte, which makes its
//! decoder reject it with E002, and the rest is skipped to the next line feed:
//! neighbours are unaffected, and no more than a chunk and a line is in memory.

use crate::canonical::reject::Origin;
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
    /// The lines.
    pub bytes: Vec<u8>,
    /// Lines that were cut.
    pub cut: Vec<CutLine>,
}

/// A line that was cut because it was too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    /// Bytes of a line that has not ended yet.
    carry: Vec<u8>,
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
            carry: Vec::new(),
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
        self.carry.clear();
        self.skipped = None;
        self.next_line = 1;
        self.offset = 0;
        self.damage = None;
    }

    /// How far the stream was read, after decompression.
    pub(super) fn position(&self) -> u64 {
        self.offset + self.carry.len() as u64 + self.skipped.unwrap_or(0)
    }

    /// The next lines. `None` when the stream has ended for now; a stream that grows may be
    /// asked again. An unfinished last line is kept until [`Chunker::finish`].
    ///
    /// # Errors
    /// When the stream cannot be read or decompressed; whole lines before that come first.
    pub fn next_chunk(&mut self) -> io::Result<Option<Chunk>> {
        if let Some(damage) = self.damage.take() {
            return Err(damage);
        }
        loop {
            if self.skipped.is_some() && !self.skip_line()? {
                return Ok(None);
            }
            let mut bytes = std::mem::take(&mut self.carry);
            let ended = match self.fill(&mut bytes) {
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

    /// The last line, if the stream ended without a line feed.
    pub fn finish(&mut self) -> Option<Chunk> {
        self.skipped = None;
        let bytes = std::mem::take(&mut self.carry);
        (!bytes.is_empty()).then(|| self.chunk(bytes, Vec::new()))
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

    /// Wraps whole lines up and moves on behind them.
    fn chunk(&mut self, bytes: Vec<u8>, cut: Vec<CutLine>) -> Chunk {
        let lines = line_feeds(&bytes) + u64::from(bytes.last() != Some(&b'\n'));
        let chunk = Chunk {
            origin: Origin {
                source_id: self.source_id.clone(),
                partition: self.partition.clone(),
                offset: Some(self.offset),
                seq: None,
            },
            first_line: self.next_line,
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
        bytes.truncate(self.limits.line_bytes_max + 1);
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

fn line_feeds(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A stream that yields its parts one `read` at a time, an empty part being an end for now.
    struct Parts(Vec<Vec<u8>>);

    impl Read for Parts {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some(part) = self.0.first_mut() else { return Ok(0) };
            let taken = part.len().min(into.len());
            into[..taken].copy_from_slice(&part[..taken]);
            part.drain(..taken);
            if part.is_empty() {
                self.0.remove(0);
            }
            Ok(taken)
        }
    }

    fn limits(chunk_bytes: usize, line_bytes_max: usize) -> ChunkLimits {
        ChunkLimits { chunk_bytes, line_bytes_max }
    }

    /// Each chunk as `first_line@offset text`, cut lines as `line:bytes`.
    fn check(input: &[u8], limits: ChunkLimits, expected: &[&str]) {
        let mut chunker = Chunker::new(input, "s", None, limits);
        let mut found = Vec::new();
        while let Some(chunk) = chunker.next_chunk().unwrap() {
            found.push(chunk);
        }
        found.extend(chunker.finish());
        let found: Vec<String> = found
            .iter()
            .map(|chunk| {
                let text = String::from_utf8_lossy(&chunk.bytes).replace('\n', "|");
                let cut: String =
                    chunk.cut.iter().map(|cut| format!(" {}:{}", cut.line, cut.bytes)).collect();
                format!("{}@{} {text}{cut}", chunk.first_line, chunk.origin.offset.unwrap())
            })
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn chunks_end_at_line_feeds() {
        check(b"", limits(8, 8), &[]);
        check(b"ab\ncd\nef\ngh\n", limits(8, 8), &["1@0 ab|cd|", "3@6 ef|gh|"]);
        check(b"ab\ncd", limits(8, 8), &["1@0 ab|", "2@3 cd"]);
        check(b"\n\n\n", limits(8, 8), &["1@0 |||"]);
    }

    #[test]
    fn a_line_longer_than_a_chunk_is_whole() {
        check(b"a\n0123456789\nb\n", limits(4, 12), &["1@0 a|", "2@2 0123456789|b|"]);
    }

    #[test]
    fn a_line_over_the_limit_is_cut_and_its_neighbours_stay() {
        check(
            b"a\n0123456789abcdef\nb\nc",
            limits(4, 6),
            &["1@0 a|", "2@2 0123456| 2:16", "3@19 b|", "4@21 c"],
        );
        check(b"0123456789\n", limits(4, 6), &["1@0 0123456| 1:10"]);
        check(b"0123456789", limits(4, 6), &["1@0 0123456| 1:10"]);
    }

    #[test]
    fn memory_is_bounded_by_a_chunk_and_a_line() {
        let mut chunker =
            Chunker::new(io::repeat(b'x').take(100 << 20), "s", None, limits(1 << 10, 4 << 10));
        let chunk = chunker.next_chunk().unwrap().unwrap();
        assert_eq!(chunk.cut, [CutLine { line: 1, bytes: 100 << 20 }]);
        assert_eq!(chunk.bytes.len(), (4 << 10) + 2);
        assert!(chunker.carry.capacity() <= 8 << 10, "{}", chunker.carry.capacity());
        assert_eq!(chunker.next_chunk().unwrap(), None);
    }

    #[test]
    fn whole_lines_before_damage_come_first() {
        use std::io::Write;
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        for number in 0..5_000 {
            writeln!(encoder, "line {number} {}", u64::wrapping_mul(number, 0x9e37_79b9_7f4a_7c15))
                .unwrap();
        }
        let whole = encoder.finish().unwrap();
        let torn = &whole[..whole.len() / 2];
        let stream = flate2::read::MultiGzDecoder::new(torn);
        let mut chunker = Chunker::new(stream, "s", None, limits(1 << 20, 1 << 10));
        let chunk = chunker.next_chunk().unwrap().unwrap();
        assert!(line_feeds(&chunk.bytes) > 1_000 && chunk.bytes.ends_with(b"\n"));
        assert!(chunker.next_chunk().is_err());
    }

    #[test]
    fn an_eager_reader_returns_what_is_there() {
        let parts = Parts(vec![b"ab\nc".to_vec(), b"d\n".to_vec(), b"e".to_vec()]);
        let mut chunker = Chunker::new(parts, "s", None, limits(1 << 10, 64)).eager();
        assert_eq!(chunker.next_chunk().unwrap().unwrap().bytes, b"ab\n");
        assert_eq!(chunker.next_chunk().unwrap().unwrap().bytes, b"cd\n");
        assert_eq!(chunker.next_chunk().unwrap(), None);
        assert_eq!(chunker.finish().unwrap().bytes, b"e");
    }

    #[test]
    fn a_stream_that_grows_continues_where_it_paused() {
        let parts =
            Parts(vec![b"ab\nc".to_vec(), vec![], b"d\nef".to_vec(), vec![], b"\n".to_vec()]);
        let mut chunker = Chunker::new(parts, "s", None, limits(1 << 10, 64));
        assert_eq!(chunker.next_chunk().unwrap().unwrap().bytes, b"ab\n");
        assert_eq!(chunker.next_chunk().unwrap().unwrap().bytes, b"cd\n");
        assert_eq!(chunker.position(), 8);
        let last = chunker.next_chunk().unwrap().unwrap();
        assert_eq!((last.bytes.as_slice(), last.first_line), (&b"ef\n"[..], 3));
    }
}
