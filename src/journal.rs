//! The journal: the durable order of inputs, one frame for what went into each epoch.
//!
//! ```text
//!  append ─► segment (to the system) ─► sync (to the disk) ─► mark (what is durable)
//!                │
//!    forget ◄────┴────► open: check everything, cut a torn tail ─► read from an epoch
//! ```
//!
//! A journal is a directory of segments, files named by their first epoch, whose frames
//! ascend by one epoch. What a frame's parts mean is the caller's.
//!
//! What is promised, whatever call to the system fails or is the last one:
//! - every frame whose [`Writer::sync`] returned is there after a restart, byte for byte;
//! - nothing is there that was not handed to [`Writer::append`];
//! - a frame that no sync covered may be lost, and then all after it are lost as well;
//! - damage to what was durable is never taken for a torn tail while anything says that it
//!   was durable: a later segment, a later frame (each says up to where the journal was
//!   durable when it was written), or the file `mark`.
//!
//! Without any of those witnesses a damaged last group of frames, and a last segment that
//! was cut short, look as a crash looks: the journal ends earlier and says so. That takes a
//! machine that crashed before it wrote `mark` back, and damage besides.
//!
//! This module locks nothing: one writer at a time is the caller's care, any number of
//! readers, in any process, may read meanwhile. It does not wait, retry or log either.
//!
//! # Format, version 1
//!
//! Numbers are little-endian, checksums xxh3-64 with a seed. A segment
//! `NNNNNNNNNNNNNNNNNNNN.log` is a header and frames without gaps between them:
//!
//! ```text
//!  segment   magic "CWJOURNL" 8 │ version 2 │ zero 6 │ first epoch 8 │ salt 8 │ checksum 8
//!  frame     magic "CWfr" 4 │ parts 4 │ epoch 8 │ tick 8 │ durable 8 │ payload bytes 8 │
//!            payload checksum 8 │ flags 1 │ zero 7 │ checksum 8, seed salt + offset
//!  payload   (tag 1 │ bytes 4) for each part, then their bodies; checksum with seed salt
//!  mark      two slots, at 0 and 512: magic "CWJMARK1" 8 │ durable 8 │ checksum 8
//! ```
//!
//! `durable` is the first epoch that was not known to be on disk. The salt is a random
//! number: without it a sender could put a frame into an event, and have it found where a
//! torn frame is searched for survivors. Magic, version and checksum of a segment's header
//! lie where they lie in every later version, so that a newer journal is told from damage.

mod frame;
mod segment;
mod error;
pub mod storage;
mod mark;
mod cursor;
mod tail;
mod walk;
mod writer;
mod recovery;
mod reader;
pub mod testing;

#[cfg(test)]
mod tests;

pub use error::{Corruption, Damage, JournalError};
pub use frame::{Frame, FrameRef, Part, PartRef};
pub use mark::NAME as MARK;
pub use reader::Reader;
pub use recovery::Recovery;
pub use segment::VERSION;
pub use tail::Torn;
pub use writer::Writer;

use std::io;
use std::path::Path;
use storage::Disk;

/// Name of the journal's directory in the data directory.
pub const DIRECTORY: &str = "journal";

/// Whether a directory holds anything of a journal.
///
/// # Errors
/// When the system refuses; a directory that is not there holds nothing.
pub fn is_journal(directory: &Path) -> io::Result<bool> {
    let disk = Disk::at(directory);
    match segment::list(&disk) {
        Ok(firsts) => Ok(!firsts.is_empty() || mark::read(&disk)? > 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// The names of a journal's segments, in order. Whoever copies a journal that is being written
/// copies the mark before he asks for them, so that it says no more than the copy holds.
///
/// # Errors
/// When the system refuses; a directory that is not there holds none.
pub fn segments(directory: &Path) -> io::Result<Vec<String>> {
    match segment::list(&Disk::at(directory)) {
        Ok(firsts) => Ok(firsts.into_iter().map(segment::name).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// How a journal is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Bytes at which a new segment begins; a larger frame has one to itself.
    pub segment_bytes: u64,
    /// Bytes that are kept beside the journal of a tail that is cut away.
    pub torn_bytes_max: u64,
}

impl Default for Options {
    fn default() -> Self {
        // 64 MiB: retention goes by segments, and a new one costs two syncs, a thousandth
        // of what 64 MiB themselves take. A tail is one group of frames, seldom over 16 MiB.
        Options { segment_bytes: 64 << 20, torn_bytes_max: 16 << 20 }
    }
}
