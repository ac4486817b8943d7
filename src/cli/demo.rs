//! `causeway demo`: a storm, and what comes of it, in one process.

use super::Failure;
use std::process::ExitCode;

/// Flags of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The same seed makes the same storm.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Runs the demo.
pub fn run(_args: &Args) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
