//! Causeway, the process.
pub mod runtime;
pub mod emit;
pub mod replay;
pub mod canonical;
pub mod clock;
pub mod ingest;
pub mod evaluate;
pub mod cli;
pub mod epoch;
