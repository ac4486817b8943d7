//! Segments: their names and their headers.

use super::frame::{checksum, number};
use super::storage::Storage;
use std::io;

/// Version of the format that is written, and the newest that is read.
pub const VERSION: u16 = 1;
/// How a segment begins.
const MAGIC: [u8; 8] = *b"CWJOURNL";
/// Length of a segment's header, bytes.
pub(super) const HEADER_BYTES: usize = 40;
/// Where the header's checksum lies: behind all that it covers.
const CHECKSUM_AT: usize = HEADER_BYTES - 8;
/// Seed of the header's checksum: it cannot be the salt, which lies in the header.
const SEED: u64 = 0;
/// How a segment's name ends.
const ENDING: &str = ".log";
/// How the name of a tail that was cut away ends.
const TORN_ENDING: &str = ".torn";
/// Digits of an epoch or an offset in a name: those of the largest number.
const DIGITS: usize = 20;

/// Name of the segment that begins with an epoch.
pub(super) fn name(first: u64) -> String {
    format!("{first:0DIGITS$}{ENDING}")
}

/// Name of a tail that was cut from byte `at` of a segment; in the order of names the
/// newest is the last.
pub(super) fn torn_name(first: u64, at: u64) -> String {
    format!("{first:0DIGITS$}-{at:0DIGITS$}{TORN_ENDING}")
}

/// The first epochs of all segments, in order.
pub(super) fn list(storage: &impl Storage) -> io::Result<Vec<u64>> {
    let first = |name: &String| {
        let digits = name.strip_suffix(ENDING)?;
        let plain = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    let mut firsts: Vec<u64> = storage.list()?.iter().filter_map(first).collect();
    firsts.sort_unstable();
    Ok(firsts)
}

/// The names of tails that were cut away, oldest first.
pub(super) fn list_torn(storage: &impl Storage) -> io::Result<Vec<String>> {
    let mut names = storage.list()?;
    names.retain(|name| name.ends_with(TORN_ENDING));
    names.sort_unstable();
    Ok(names)
}

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Its first epoch, which also names it.
    pub(super) first: u64,
    /// Seeds the checksums of its frames.
    pub(super) salt: u64,
}

/// What the first bytes of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// A header of this version.
    Header(Header),
    /// A header of a version that is not known.
    Version(u16),
    /// No header: torn or damaged.
    Damaged,
}

impl Header {
    /// The header as it stands at the beginning of a segment.
    pub(super) fn encode(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.salt.to_le_bytes());
        let checksum = checksum(&bytes[..CHECKSUM_AT], SEED);
        bytes[CHECKSUM_AT..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }
}

/// What a segment's first bytes are; fewer than a header has are damage.
pub(super) fn opening(bytes: &[u8]) -> Opening {
    let Some(bytes) = bytes.get(..HEADER_BYTES) else { return Opening::Damaged };
    let holds = number(bytes, CHECKSUM_AT) == checksum(&bytes[..CHECKSUM_AT], SEED);
    if !(holds && bytes.starts_with(&MAGIC)) {
        return Opening::Damaged;
    }
    match u16::from_le_bytes([bytes[8], bytes[9]]) {
        VERSION => Opening::Header(Header { first: number(bytes, 16), salt: number(bytes, 24) }),
        version => Opening::Version(version),
    }
}
