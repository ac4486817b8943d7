//! One file of a spool.
//!
//! ```text
//!  frame: stored bytes 4, raw bytes 4, number 8, checksum 8, then the line, compressed with zstd
//! ```
//!
//! Numbers are little-endian and grow from frame to frame. The checksum covers all of the rest.

use crate::disk::naming;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use xxhash_rust::xxh3::Xxh3;

const HEADER_BYTES: u64 = 24;
/// Longer than any line; a length beyond it is damage, not a reason to allocate.
const RAW_MAX: u32 = 1 << 30;
/// Fast, and a tenth of the size for such lines.
const LEVEL: i32 = 1;
/// What the names of segments end with.
pub(super) const ENDING: &str = ".spool";

pub(super) struct Segment {
    pub(super) path: PathBuf,
    file: Arc<File>,
    /// The numbers of the first and the last line.
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) count: u64,
    pub(super) len: u64,
    synced: Arc<AtomicU64>,
    /// Compresses what is added, until nothing is any more.
    compressor: Option<zstd::bulk::Compressor<'static>>,
    scratch: Vec<u8>,
}

/// One line as it was read.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) number: u64,
    pub(super) line: Arc<str>,
    /// In the file.
    pub(super) bytes: u64,
}

/// What of a file may not outlast a crash of the machine.
#[derive(Clone, Debug)]
pub(super) struct Unsynced {
    path: PathBuf,
    file: Arc<File>,
    len: u64,
    synced: Arc<AtomicU64>,
}

impl Unsynced {
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data().map_err(naming(&self.path))?;
        self.synced.fetch_max(self.len, Ordering::AcqRel);
        Ok(())
    }
}

/// The header of a frame.
struct Header {
    stored: u32,
    raw: u32,
    number: u64,
    checksum: u64,
}

impl Header {
    fn of(bytes: [u8; HEADER_BYTES as usize]) -> Header {
        let [a, b, c, d, e, f, g, h, rest @ ..] = bytes;
        let [n0, n1, n2, n3, n4, n5, n6, n7, checksum @ ..] = rest;
        Header {
            stored: u32::from_le_bytes([a, b, c, d]),
            raw: u32::from_le_bytes([e, f, g, h]),
            number: u64::from_le_bytes([n0, n1, n2, n3, n4, n5, n6, n7]),
            checksum: u64::from_le_bytes(checksum),
        }
    }

    fn checksum_of(&self, stored: &[u8]) -> u64 {
        let mut hash = Xxh3::new();
        hash.update(&self.stored.to_le_bytes());
        hash.update(&self.raw.to_le_bytes());
        hash.update(&self.number.to_le_bytes());
        hash.update(stored);
        hash.digest()
    }

    fn frame_bytes(&self) -> u64 {
        HEADER_BYTES + u64::from(self.stored)
    }
}

fn damaged(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// Whether something was read that makes no sense; else the system refused, and may not the next
/// time.
pub(super) fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

/// The segments of a sink in a directory, in order; none where there is no directory.
pub(super) fn listed(directory: &Path, sink: &str) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(naming(directory)(error)),
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>().map_err(naming(directory))?;
    let number = |path: &PathBuf| -> Option<String> {
        let rest = path.file_name()?.to_str()?.strip_prefix(sink)?.strip_prefix('.')?;
        Some(rest.strip_suffix(ENDING)?.to_owned())
    };
    paths.retain(|path| number(path).is_some_and(|text| text.parse::<u64>().is_ok()));
    paths.sort();
    Ok(paths)
}

/// Removes one that holds nothing that is needed, whatever it holds.
pub(super) fn delete(path: &Path) {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            // It is read again after the next start, and is settled then too.
            tracing::warn!(path = %path.display(), %error, "a spent file stays");
        }
        _ => {}
    }
}

impl Segment {
    fn of(path: PathBuf, file: File, first: u64) -> Segment {
        Segment {
            path,
            file: Arc::new(file),
            first,
            last: first,
            count: 0,
            len: 0,
            synced: Arc::default(),
            compressor: None,
            scratch: Vec::new(),
        }
    }

    /// A new one, whose first line will have that number.
    pub(super) fn create(directory: &Path, sink: &str, first: u64) -> io::Result<Segment> {
        let path = directory.join(format!("{sink}.{first:020}{ENDING}"));
        let file = File::options().create(true).truncate(true).read(true).write(true).open(&path);
        let mut segment = Segment::of(path.clone(), file.map_err(naming(&path))?, first);
        segment.compressor = Some(zstd::bulk::Compressor::new(LEVEL)?);
        Ok(segment)
    }

    /// Looks through one that is there, and cuts off what comes after the line `last`; one that
    /// holds nothing else is deleted. Lines behind a place that cannot be understood are not
    /// counted: whoever knows how many there should be says that they are missing.
    pub(super) fn open(path: &Path, last: u64) -> io::Result<Option<Segment>> {
        let file = File::options().read(true).write(true).open(path).map_err(naming(path))?;
        let end = file.metadata().map_err(naming(path))?.len();
        let mut segment = Segment::of(path.to_owned(), file, 0);
        segment.synced.store(end, Ordering::Release);
        segment.look_through(last, end).map_err(naming(path))?;
        if segment.count == 0 {
            segment.delete();
            return Ok(None);
        }
        if segment.len < end {
            segment.file.set_len(segment.len).map_err(naming(path))?;
        }
        Ok(Some(segment))
    }

    /// Finds the lines up to that number, as far as they can be understood.
    pub(super) fn look_through(&mut self, last: u64, end: u64) -> io::Result<()> {
        while let Some(header) = self.sound(self.len, end)? {
            let is_next = self.count == 0 || header.number > self.last;
            if !is_next || header.number > last {
                break;
            }
            if self.count == 0 {
                self.first = header.number;
            }
            self.last = header.number;
            self.count += 1;
            self.len += header.frame_bytes();
        }
        Ok(())
    }

    /// Where the first line after that number begins, and how many are before it.
    pub(super) fn after(&self, number: u64) -> io::Result<(u64, u64)> {
        let (mut at, mut taken) = (0, 0);
        while at < self.len {
            let header = self.header(at, self.len).map_err(naming(&self.path))?;
            if header.number > number {
                break;
            }
            at += header.frame_bytes();
            taken += 1;
        }
        Ok((at, taken))
    }

    /// Goes on through another descriptor of the same file.
    #[cfg(test)]
    pub(super) fn read_through(&mut self, file: File) {
        self.file = Arc::new(file);
    }

    /// Nothing is added any more.
    pub(super) fn close(&mut self) {
        self.compressor = None;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.compressor.is_none()
    }

    /// Adds a line; returns the bytes that it takes. What a refused write leaves is overwritten by
    /// the next one.
    pub(super) fn append(&mut self, number: u64, line: &str) -> io::Result<u64> {
        let Some(compressor) = &mut self.compressor else {
            return Err(damaged("the segment is closed"));
        };
        let stored = compressor.compress(line.as_bytes())?;
        let too_long = |_| damaged("a line is too long");
        let mut header = Header {
            stored: u32::try_from(stored.len()).map_err(too_long)?,
            raw: u32::try_from(line.len()).map_err(too_long)?,
            number,
            checksum: 0,
        };
        header.checksum = header.checksum_of(&stored);
        self.scratch.clear();
        self.scratch.extend_from_slice(&header.stored.to_le_bytes());
        self.scratch.extend_from_slice(&header.raw.to_le_bytes());
        self.scratch.extend_from_slice(&header.number.to_le_bytes());
        self.scratch.extend_from_slice(&header.checksum.to_le_bytes());
        self.scratch.extend_from_slice(&stored);
        self.file.write_all_at(&self.scratch, self.len).map_err(naming(&self.path))?;
        let bytes = header.frame_bytes();
        self.len += bytes;
        self.last = number;
        self.count += 1;
        Ok(bytes)
    }

    fn header(&self, at: u64, end: u64) -> io::Result<Header> {
        let mut bytes = [0; HEADER_BYTES as usize];
        self.file.read_exact_at(&mut bytes, at)?;
        let header = Header::of(bytes);
        if at + header.frame_bytes() > end || header.raw > RAW_MAX {
            return Err(damaged("a length does not hold"));
        }
        Ok(header)
    }

    /// The same; nothing where it is damaged.
    fn sound(&self, at: u64, end: u64) -> io::Result<Option<Header>> {
        match self.header(at, end) {
            Err(error) if is_damage(&error) => Ok(None),
            read => read.map(Some),
        }
    }

    /// Reads the line that begins there.
    pub(super) fn read(&self, at: u64) -> io::Result<Frame> {
        let header = self.header(at, self.len)?;
        let mut stored = vec![0; header.stored as usize];
        self.file.read_exact_at(&mut stored, at + HEADER_BYTES)?;
        if header.checksum_of(&stored) != header.checksum {
            return Err(damaged("the checksum does not hold"));
        }
        let raw = zstd::bulk::decompress(&stored, header.raw as usize);
        let raw = raw.map_err(|error| damaged(&error.to_string()))?;
        let line = String::from_utf8(raw).map_err(|_| damaged("it is no text"))?;
        Ok(Frame { number: header.number, line: line.into(), bytes: header.frame_bytes() })
    }

    /// How long the line is that begins there and cannot be read, if another one follows it or
    /// the file ends with it.
    pub(super) fn passed(&self, at: u64) -> io::Result<Option<u64>> {
        let Some(header) = self.sound(at, self.len)? else { return Ok(None) };
        let next = at + header.frame_bytes();
        let is_followed = next == self.len
            || self.sound(next, self.len)?.is_some_and(|next| next.number > header.number);
        Ok(is_followed.then(|| header.frame_bytes()))
    }

    /// What of it a crash of the machine could take, if anything.
    pub(super) fn unsynced(&self) -> Option<Unsynced> {
        if self.synced.load(Ordering::Acquire) >= self.len {
            return None;
        }
        let (path, file) = (self.path.clone(), Arc::clone(&self.file));
        Some(Unsynced { path, file, len: self.len, synced: Arc::clone(&self.synced) })
    }

    /// Removes it.
    pub(super) fn delete(&self) {
        delete(&self.path);
    }

    /// Leaves it for whoever wonders.
    pub(super) fn set_aside(&self) {
        let aside = self.path.with_extension("damaged");
        if let Err(error) = fs::rename(&self.path, &aside) {
            tracing::warn!(path = %self.path.display(), %error, "a damaged file stays");
        }
    }
}
