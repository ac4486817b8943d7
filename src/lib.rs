//! Causeway, the process: I/O, threads, clocks, stores.
//!
//! The modules are declared in the order in which an event meets them.

pub mod cli;
pub mod config;
pub mod settings;
pub mod clock;
pub mod disk;
mod hex;
mod chance;
pub mod telemetry;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod ingest;
pub mod canonical;
pub mod dlq;
pub mod journal;
pub mod snapshot;
pub mod epoch;
pub mod runtime;
pub mod replay;
pub mod emit;
pub mod explain;
pub mod console;
pub mod cluster;
pub mod live;
pub mod verify;
pub mod backup;
pub mod evaluate;
