//! How far a source has read what can be read again, such as files.

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

/// How far a partition had been read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Bytes of a file, after decompression; the next message of a log.
    pub offset: u64,
    /// Lines.
    pub lines: u64,
    /// How it begins: another file may come to bear its name.
    pub beginning: Beginning,
}

/// The first bytes of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beginning {
    bytes: usize,
    hash: u64,
}

impl Reached {
    /// A piece was taken: where it begins, its bytes, the number of its first line, its lines.
    pub fn take(&mut self, offset: u64, bytes: &[u8], first_line: u64, lines: u64) {
        if offset == 0 {
            self.beginning = Beginning::of(bytes);
        }
        self.offset = offset + bytes.len() as u64;
        self.lines = first_line.saturating_sub(1) + lines;
    }
}

impl Beginning {
    /// Bytes that tell a file from another of the same name.
    const BYTES_MAX: usize = 1024;

    /// Of what begins with `bytes`.
    pub fn of(bytes: &[u8]) -> Beginning {
        let bytes = &bytes[..bytes.len().min(Self::BYTES_MAX)];
        Beginning { bytes: bytes.len(), hash: xxh3_64(bytes) }
    }

    /// Whether what begins with `bytes` began like this.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        bytes.get(..self.bytes).is_some_and(|bytes| xxh3_64(bytes) == self.hash)
    }
}
