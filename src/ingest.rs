//! Bytes and their position: from requests, files and standard input.
//!
//! ```text
//!  http ──────────────┐            ┌► counters
//!  file ─► chunks ────┤            │
//!  stdin ─► chunks ───┼► reception ┴► Intake ─► epochs ─► dead letters, journal
//!  kafka ─► batches ──┤   (decode)
//!  kubernetes ────────┘
//! ```
//!
//! A source moves bytes and knows nothing of what they mean; [`reception`] is
//! the one place where bytes meet their decoder. What comes of them is handed
//! to an [`Intake`], which the runtime implements over the queue of the next
//! epoch. Nothing here waits for room: a full queue answers [`Busy`], and that
//! travels back to whoever sent the bytes.

pub mod compressed;
pub mod chunk;
pub mod file;
pub mod stdin;
pub mod reception;
pub mod receptions;
mod decoders;
pub mod durable;
mod reservation;
pub mod record;
pub mod reached;
pub mod http;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod kubernetes;

use crate::canonical::Decoded;
use crate::dlq::Refusal;
use causeway_dataflows::model::SourceIndex;
use reception::Receipt;
use record::Record;
use std::fmt;
use std::time::Duration;

pub use durable::Durable;
pub use reservation::{Reservation, Share};

/// What one request or one chunk of a file became.
#[derive(Debug)]
pub struct Submission {
    /// Whose policy applies.
    pub source: SourceIndex,
    /// The events and the books.
    pub decoded: Decoded,
    /// What was refused, to be in the dead-letter store before the sender is told.
    pub refused: Vec<Refusal>,
    /// Bytes before decoding, after decompression: what the queue's bound counts.
    pub bytes: usize,
    /// Room set aside before decoding; given back when this is dropped.
    pub reservation: Reservation,
    /// What to keep of it, for an intake that keeps records.
    pub record: Option<Record>,
}

/// Takes decoded events for the next epoch.
pub trait Intake: Send + Sync {
    /// Sets room aside for a batch of `bytes`, before the work of decoding it.
    ///
    /// Decoding has an effect that a refusal afterwards could not undo: ids are
    /// remembered for `dedupe_ids`, and the sender's next try would be taken for a
    /// duplicate. So an implementation that can be full should refuse here.
    ///
    /// # Errors
    /// When there is no room now.
    fn reserve(&self, bytes: usize) -> Result<Reservation, Busy> {
        let _ = bytes;
        Ok(Reservation::none())
    }

    /// Whether submissions are to bring their record.
    fn keeps_records(&self) -> bool {
        false
    }

    /// Takes a batch; with a reservation this fails only when the process is stopping. The
    /// sender must not be told that it was taken before it is durable.
    ///
    /// # Errors
    /// When there is no room now.
    fn submit(&self, batch: Submission) -> Result<Durable, Busy>;
}

/// There is no room now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}, try again in {} ms", retry_after.as_millis())]
pub struct Busy {
    /// When another try makes sense.
    pub retry_after: Duration,
    /// Why.
    pub reason: BusyReason,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BusyReason {
    /// The engine is behind; the sender should slow down.
    Full,
    /// The process is stopping; another instance may take over.
    Stopping,
    /// The disk is full; sources are paused until it is not.
    Storage,
    /// Memory is short; sources are paused until it is not.
    Memory,
}

impl fmt::Display for BusyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BusyReason::Full => "the queue of the engine is full",
            BusyReason::Stopping => "the process is stopping",
            BusyReason::Storage => "the disk is full",
            BusyReason::Memory => "`memory_limit` is near",
        })
    }
}

/// Why a source stops whose policy is to fail on rejects.
pub fn refusal(receipt: &Receipt) -> String {
    let first = receipt.rejects.first();
    let what = first.map_or(String::new(), |refused| {
        format!("line {}, {}: {}; ", refused.line, refused.code, refused.message)
    });
    format!("{what}the source's policy is to fail on rejects (`on_violation.reject: fail`)")
}
