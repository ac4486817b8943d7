//! Log lines: their templates, and what is unusual about how they come.

pub mod detector;
pub mod header;
pub mod mask;
pub mod miner;

pub use detector::{LogModel, LogService, Reading, ReadingKind};
pub use miner::{Limits, MergeModel, Miner, Templates};
