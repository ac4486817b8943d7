//! Checking what was told: a sink held against what its journal leads to.
//!
//! ```text
//!  journal ─► engine ─► Expected (a hash for each revision) ─┐
//!                                                            ├─► Checker ─► Report
//!  sink (lines, as they lie there) ──────────────────────────┘
//! ```
//!
//! Nothing here knows how revisions are queued, carried or confirmed, because that
//! is what it checks: what is expected comes of the journal, the engine, and the
//! writer of revisions, and the sink is read as any program would read it.
//! What both sides share, the engine, is checked by its oracle instead.
//!
//! | word | meaning |
//! |---|---|
//! | lost | an expected revision of which there is no line |
//! | duplicate | a line for an expected revision that says something else |
//! | phantom | a line for a revision that nobody expects |
//! | reordered | a revision that first appears behind a later one of its incident |
//! | malformed | a line that is no revision and that no kill can have left |
//! | retold | the same bytes once more: allowed |
//! | torn | the beginning of a line, as a kill leaves it: allowed |
//!
//! A torn line names an expected revision, or breaks off before it has named one; and
//! where that revision comes whole behind it, it begins with the torn line. A restarted
//! process ends a torn line with a newline (SEMANTICS rule 25), so it may lie anywhere.

mod acked;
mod checker;
mod expected;
mod files;
mod journal;
mod lines;
mod report;
#[cfg(feature = "kafka")]
mod topic;
#[cfg(test)]
mod tests;

pub use acked::Acked;
pub use checker::Checker;
pub use expected::Expected;
pub use files::{SinkFile, SinkFileError, open as open_files, rotated};
pub use journal::{Asked, Led, lead};
pub use report::{Finding, Found, Report, schema};
#[cfg(feature = "kafka")]
pub use topic::{TopicError, open as open_topic};
