//! Segments: files of records, named by the number of their first one.

use crate::canonical::DeadLetter;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// How a segment's name ends.
const ENDING: &str = "ndjson";
/// Longest line that is read back: a payload of 256 KiB in base64 with its envelope, and room.
const LINE_BYTES_MAX: u64 = 2 << 20;

/// One segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Segment {
    /// Its number; later segments have larger ones.
    pub(super) number: u64,
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its length.
    pub(super) bytes: u64,
}

impl Segment {
    /// A segment that does not exist yet.
    pub(super) fn new(directory: &Path, number: u64) -> Self {
        let path = directory.join(format!("{number:016}.{ENDING}"));
        Segment { number, path, bytes: 0 }
    }
}

/// The segments of a directory, oldest first.
pub(super) fn list(directory: &Path) -> io::Result<Vec<Segment>> {
    let mut segments = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.extension().is_none_or(|ending| ending != ENDING) {
            continue;
        }
        let number = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        let Some(number) = number else { continue };
        match std::fs::metadata(&path) {
            Ok(metadata) => segments.push(Segment { number, path, bytes: metadata.len() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    segments.sort();
    Ok(segments)
}

/// What one line of a segment is.
pub(super) enum Line {
    /// A record, with the line it is written as.
    Record(Box<DeadLetter>, Vec<u8>),
    /// Not a record: torn by a crash, or damaged.
    Damaged,
}

/// Reads a segment line by line, in bounded memory, as far as it was written when it was opened.
pub(super) fn lines(file: File, bytes: u64) -> impl Iterator<Item = io::Result<Line>> {
    let mut reader = BufReader::with_capacity(256 << 10, file.take(bytes));
    std::iter::from_fn(move || next_line(&mut reader).transpose())
}

/// Opens all segments, oldest first. What is rewritten from then on is another file, and what
/// is appended lies behind.
pub(super) fn open_all(directory: &Path) -> io::Result<Vec<(Segment, File)>> {
    let open = |segment: Segment| File::open(&segment.path).map(|file| (segment, file));
    list(directory)?.into_iter().map(open).collect()
}

fn next_line(reader: &mut impl BufRead) -> io::Result<Option<Line>> {
    let mut line = Vec::new();
    let read = reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if read == 0 {
        return Ok(None);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if read as u64 == LINE_BYTES_MAX {
        reader.skip_until(b'\n')?;
        return Ok(Some(Line::Damaged));
    }
    Ok(Some(match serde_json::from_slice(&line) {
        Ok(record) => Line::Record(Box::new(record), line),
        Err(_) => Line::Damaged,
    }))
}

/// What a segment holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Survey {
    /// The length at which it was looked through.
    pub(super) bytes: u64,
    /// Lines, damaged ones included.
    pub(super) lines: u64,
    /// When the first record was first refused, seconds since the Unix epoch.
    pub(super) oldest: Option<i64>,
    /// When the last record was.
    pub(super) newest: Option<i64>,
}

impl Survey {
    /// Looks a segment through; only its first and last lines are understood.
    pub(super) fn of(segment: &Segment) -> io::Result<Self> {
        let mut survey = Survey { bytes: segment.bytes, ..Survey::default() };
        let mut reader = BufReader::with_capacity(256 << 10, File::open(&segment.path)?);
        let (mut line, mut last) = (Vec::new(), Vec::new());
        loop {
            line.clear();
            if reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)? == 0 {
                break;
            }
            if line.last() != Some(&b'\n') {
                reader.skip_until(b'\n')?;
            }
            survey.lines += 1;
            if survey.oldest.is_none() {
                survey.oldest = first_seen(&line);
            }
            std::mem::swap(&mut line, &mut last);
        }
        survey.newest = first_seen(&last).or(survey.oldest);
        Ok(survey)
    }
}

fn first_seen(line: &[u8]) -> Option<i64> {
    let letter: DeadLetter = serde_json::from_slice(line).ok()?;
    seconds_of(&letter)
}

/// When a record was first refused, seconds since the Unix epoch.
pub(super) fn seconds_of(letter: &DeadLetter) -> Option<i64> {
    letter.data.first_seen.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_second)
}

/// Whether a file's last line was torn.
pub(super) fn is_torn(file: &mut File, bytes: u64) -> io::Result<bool> {
    if bytes == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(bytes - 1))?;
    file.read_exact(&mut last)?;
    Ok(last != [b'\n'])
}
