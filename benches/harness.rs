//! What the benches share: rows in processes of their own, usage, digests, intervals, tables.
//!
//! A bench is a list of rows. The parent makes the input once, then starts every row of a
//! round as a process of its own, in the order A B … B A, so that a busy machine slows all
//! rows alike, no row inherits another's heap, and peak memory means something. A row
//! prints one line of JSON. Rows that do the same work must print the same digest: a run
//! whose digest differs from the oracle's is void, and the bench fails.

pub mod args;
pub mod usage;
pub mod digest;
pub mod outcome;
pub mod rounds;
pub mod stats;
pub mod report;
pub mod latency;

pub use args::Common;
#[allow(unused_imports, reason = "not every bench has rows")]
pub use digest::RowDigest;
pub use outcome::Outcome;
pub use usage::Meter;
