//! Revisions out: from standing incidents to the programs and people who wait for them.
//!
//! ```text
//! ledger ─► wire ─┬► store ─► API, live stream
//!                 └► outbox (one per sink, behind its matcher) ─► stdout, file, webhook, kafka
//! ```
//!
//! The ledger says *which* id and revision; `wire` says *how it looks*, byte for
//! byte; the sinks only carry what they are given. Nothing here decides what
//! belongs to an incident.

pub mod table;
pub mod standing;
pub mod ledger;
pub mod wire;
pub mod store;
pub mod matcher;
pub mod outbox;
pub mod spool;
pub mod refused;
pub mod stdout;
pub mod file;
pub mod webhook;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod digest;
pub mod summary;
pub mod schema;

/// Name of the directory in the data directory of what is known of sinks: how far each is, what
/// waits for it, what it refused.
pub const DIRECTORY: &str = "sinks";
