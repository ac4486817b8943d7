//! Whether what is no frame is the torn end of a crash or damage to what was durable.
//!
//! A crash may leave anything of the frames that no sync covered: pages of them reach the
//! disk in any order, so a whole frame can stand behind a torn one. Hence a whole frame
//! behind a bad one proves nothing by being there; what proves it is that the frame says
//! the bad one was durable when it was written.

use super::cursor::{CHUNK_BYTES, Cursor};
use super::error::{Damage, JournalError};
use super::frame::{HEADER_BYTES, Header};
use super::storage::{Storage, StorageFile, read_full};
use super::{mark, segment};
use std::path::PathBuf;

/// The end of a journal that is no frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment.
    pub path: PathBuf,
    /// Where the whole frames end, bytes.
    pub offset: u64,
    /// What lies behind, bytes.
    pub bytes: u64,
    /// The epoch that would be there.
    pub epoch: u64,
    /// What is wrong with it.
    pub damage: Damage,
    /// Where it was kept for the operator, when it was cut away and could be kept.
    pub kept: Option<PathBuf>,
}

/// What says that an epoch was durable, as a person reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Witness {
    /// A segment that begins later: one is only begun when all before it is durable.
    Segment(u64),
    /// The mark says that epochs below this one are durable.
    Mark(u64),
    /// The frame of an epoch, at a byte of the same segment.
    Frame(u64, u64),
    /// More bytes than a segment's header has: frames come after it is durable.
    Frames(u64),
}

impl Witness {
    /// Names it.
    pub(super) fn text(&self) -> String {
        match self {
            Witness::Segment(first) => segment::name(*first),
            Witness::Mark(_) => mark::NAME.to_owned(),
            Witness::Frame(epoch, at) => format!("the frame of epoch {epoch} at byte {at}"),
            Witness::Frames(bytes) => format!("the file has {bytes} bytes"),
        }
    }
}

/// What, outside of the segment that begins with `first`, says that `epoch` was durable.
pub(super) fn outside(
    storage: &impl Storage,
    first: Option<u64>,
    epoch: u64,
) -> Result<Option<Witness>, JournalError> {
    let refuse = |source| JournalError::Io { action: "list", path: storage.path(""), source };
    let later = |other: &u64| first.is_none_or(|first| *other > first);
    let firsts = segment::list(storage).map_err(refuse)?;
    if let Some(other) = firsts.into_iter().find(later) {
        return Ok(Some(Witness::Segment(other)));
    }
    let path = storage.path(mark::NAME);
    let refuse = |source| JournalError::Io { action: "read", path, source };
    let durable = mark::read(storage).map_err(refuse)?;
    Ok((durable > epoch).then_some(Witness::Mark(durable)))
}

/// What, behind the bad frame at which the cursor stands, says that it was durable.
pub(super) fn behind<F: StorageFile>(
    cursor: &mut Cursor<F>,
) -> Result<Option<Witness>, JournalError> {
    let end = cursor.refresh()?;
    let mut chunk = vec![0; CHUNK_BYTES.min(end.saturating_sub(cursor.offset) as usize)];
    let mut at = cursor.offset + 1;
    while at + HEADER_BYTES as u64 <= end {
        let read = read_full(&cursor.file, at, &mut chunk).map_err(|source| JournalError::Io {
            action: "read",
            path: cursor.path.clone(),
            source,
        })?;
        let Some(starts) = (read + 1).checked_sub(HEADER_BYTES) else { break };
        for (index, bytes) in chunk[..read].windows(HEADER_BYTES).enumerate() {
            let place = at + index as u64;
            if Header::may_begin(bytes)
                && let Ok(bytes) = bytes.try_into()
                && let Some(header) = Header::decode(bytes, cursor.header.salt, place)
                && header.durable > cursor.epoch
            {
                return Ok(Some(Witness::Frame(header.epoch, place)));
            }
        }
        // The last starts of this chunk are the first of the next, whole there.
        at += starts as u64;
    }
    Ok(None)
}
