//! The dead-letter store: events that could not be used, kept for a while on disk.
//!
//! ```text
//!  rejects ─► Letters (bounded, never waits) ─► writer thread ─► segments
//!                                                  list, show, replay, purge ─┘
//! ```
//!
//! Records are CloudEvents, one a line, in segments that are only appended to.
//! The store is bounded in bytes and in age, by dropping whole segments from
//! the old end; what is dropped is counted. Taking events never waits for this
//! store, and a disk that fails costs dead letters and a counter, nothing else.
//! The running process and the commands of an operator may use one store at the
//! same time: each change is made under a lock on the directory.

mod segment;
pub mod error;
pub mod filter;
pub mod store;
pub mod rewrite;
pub mod writer;

pub use error::DlqError;
pub use filter::Filter;
pub use rewrite::{Outcome, Replayed};
pub use store::{Holdings, Listed, Store, StoreLimits};
pub use writer::{Letters, LettersStats, Writer};

/// Name of the store's directory in the data directory.
pub const DIRECTORY: &str = "dlq";
