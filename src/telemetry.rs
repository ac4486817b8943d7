//! What the process says about itself: its log on standard error, its metrics on request.
//!
//! Nothing here is on the path of one event: batches are logged and counted.
//! The log never shows payloads or secrets.

pub mod log;
pub mod repeat;
mod by_source;
pub mod bins;
pub mod ingest;
pub mod kafka;
pub mod kubernetes;
pub mod http;
pub mod engine;
pub mod snapshots;
pub mod reload;
pub mod journal;
pub mod process;
pub mod memory;
pub mod metrics;

pub use engine::EngineBooks;
pub use journal::JournalBooks;
pub use log::{LogError, LogFilter, init};
pub use metrics::Metrics;
pub use reload::ReloadBooks;
pub use repeat::Repeats;
