//! `causeway run`: the live process.

use super::config::{approve, load};
use super::{Failure, exit};
use crate::clock::WallClock;
use crate::epoch::RecoverError;
use crate::live::{Given, LiveError, Outcome, run as run_live};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// Flags of `run`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// File or folder of configuration; may be given more than once. Without one: HTTP on
    /// 127.0.0.1:9190, incidents to standard output, data in ./causeway-data.
    #[arg(short = 'c', long = "config")]
    config: Vec<PathBuf>,
    /// Check the configuration and stop.
    #[arg(long)]
    dry_run: bool,
    /// Longest time for draining after SIGTERM or SIGINT, seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    drain_timeout: u64,
}

/// Runs until it is told to stop.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let (written, settings) = load(&args.config)?;
    if args.dry_run {
        return approve(&written, &settings);
    }
    let log = crate::telemetry::init(&settings.logging)
        .map_err(|e| Failure::with(exit::CONFIG)(e.into()))?;
    let given = Given { settings, written, paths: args.config.clone(), log: Some(log) };
    let drain_max = Duration::from_secs(args.drain_timeout);
    let outcome = run_live(given, WallClock::shared(), drain_max)
        .map_err(|error| Failure { code: code_of(&error), error: error.into() })?;
    match outcome {
        Outcome::Drained(summary) => {
            let ledger = &summary.ledger;
            tracing::info!(
                received = ledger.received,
                rejected = ledger.rejected,
                alerts = ledger.alerts,
                incidents = ledger.incidents,
                digest = summary.digest,
                "drained"
            );
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Cut(signal) => Ok(ExitCode::from(signal.exit_code())),
    }
}

fn code_of(error: &LiveError) -> u8 {
    match error {
        LiveError::DataDir(_)
        | LiveError::DeadLetters(_)
        | LiveError::Server(_)
        | LiveError::Topology(_)
        | LiveError::Journal(_)
        | LiveError::Snapshot(_)
        | LiveError::Behind { .. }
        | LiveError::NoSnapshot { .. }
        | LiveError::Line(_)
        | LiveError::System(_) => exit::IO,
        LiveError::Config(_) | LiveError::Sink(_) => exit::CONFIG,
        LiveError::Source { .. } => exit::DATA,
        LiveError::Recover(RecoverError::Journal(_)) => exit::IO,
        LiveError::Recover(RecoverError::Entry(_)) => exit::DATA,
        LiveError::Recover(RecoverError::Runtime(_)) | LiveError::Runtime(_) => exit::FAILED,
    }
}
