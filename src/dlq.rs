//! The dead-letter store: events that could not be used, kept for a while on disk.
//!
//! ```text
//!  rejects ─► epoch ─► Keeper ─► segments ─► journal ─► senders are told
//!               list, show, replay, purge ─┘
//! ```
//!
//! Records are CloudEvents, one a line, in segments that are only appended to.
//! The store is bounded in bytes and in age, by dropping whole segments from
//! the old end; what is dropped is counted. What was refused in an epoch is
//! written and synced before the epoch is in the journal, so no kill comes
//! between an answer and the records of what it refuses; an epoch in which
//! nothing was refused costs nothing. A full disk is waited for, as the journal
//! waits; one that fails costs dead letters and a counter, nothing else.
//!
//! The running process and the commands of an operator may use one store at the
//! same time: each change is made under a lock on the directory, which no
//! command holds while it waits for the process. Whoever holds it for longer
//! all the same keeps the process from the segments that he may be changing,
//! and from nothing else: it begins a segment of its own.

mod segment;
pub mod error;
pub mod filter;
pub mod store;
pub mod rewrite;
pub mod keeper;

pub use error::DlqError;
pub use filter::Filter;
pub use keeper::{Keeper, LetterLimits, Letters, LettersStats, Refusal};
pub use rewrite::{Outcome, Replayed};
pub use store::{Holdings, Listed, Store, StoreLimits};

/// Name of the store's directory in the data directory.
pub const DIRECTORY: &str = "dlq";
