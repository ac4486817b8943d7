//! `causeway run`: the live process.

use super::config::{approve, load};
use super::{Failure, exit};
use crate::clock::WallClock;
use crate::cluster::{ClusterError, Shape};
use crate::epoch::RecoverError;
use crate::live::{Given, LiveError, Outcome, run as run_live};
use crate::settings::Settings;
use anyhow::anyhow;
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
    /// Processes that compute as one; with `--process` and `--hostfile`.
    #[arg(long, value_name = "N", requires = "process", requires = "hostfile")]
    processes: Option<usize>,
    /// Which of them this is, from 0.
    #[arg(long, value_name = "I", requires = "processes")]
    process: Option<usize>,
    /// File with the address of each process for the others, `host:port`, one a line.
    #[arg(long, value_name = "FILE", requires = "processes")]
    hostfile: Option<PathBuf>,
    /// Longest time for draining after SIGTERM or SIGINT, seconds.
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    drain_timeout: u64,
}

/// Runs until it is told to stop.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let (written, settings) = load(&args.config)?;
    let cluster = shape(args, &settings)?;
    if args.dry_run {
        return approve(&written, &settings);
    }
    let log = crate::telemetry::init(&settings.logging)
        .map_err(|e| Failure::with(exit::CONFIG)(e.into()))?;
    let given = Given { settings, written, paths: args.config.clone(), log: Some(log), cluster };
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

/// How this process belongs to others, if it does.
fn shape(args: &Args, settings: &Settings) -> Result<Option<Shape>, Failure> {
    let (Some(processes), Some(process), Some(file)) =
        (args.processes, args.process, &args.hostfile)
    else {
        return Ok(None);
    };
    let config = |error: anyhow::Error| Failure { code: exit::CONFIG, error };
    let shape = Shape::read(processes, process, file).map_err(|error| config(error.into()))?;
    if processes == 1 {
        return Ok(None);
    }
    if !settings.journal.enabled {
        return Err(config(anyhow!("several processes need `journal.enabled: true`")));
    }
    if shape.is_exposed() && settings.cluster.secret.reveal().is_empty() && !settings.insecure {
        return Err(config(anyhow!(
            "{} can be reached from other machines and the processes have to prove nothing to \
             each other; set `cluster.secret`, use addresses of 127.0.0.1, or spell out \
             `server.insecure: true`",
            shape.own()
        )));
    }
    Ok(Some(shape))
}

fn code_of(error: &LiveError) -> u8 {
    match error {
        LiveError::DataDir(_)
        | LiveError::DeadLetters(_)
        | LiveError::Server(_)
        | LiveError::Topology(_)
        | LiveError::Journal(_)
        | LiveError::Snapshot(_)
        | LiveError::Unreadable(_)
        | LiveError::Behind { .. }
        | LiveError::NoSnapshot { .. }
        | LiveError::Line(_)
        | LiveError::System(_) => exit::IO,
        LiveError::Cluster(error) => match error {
            ClusterError::Hosts { .. } | ClusterError::Listen { .. } | ClusterError::System(_) => {
                exit::IO
            }
            ClusterError::Shape(_) | ClusterError::Differs(_) => exit::CONFIG,
            ClusterError::Gone { .. } => exit::AGAIN,
        },
        LiveError::Config(_) | LiveError::Sink(_) => exit::CONFIG,
        LiveError::Source { .. } => exit::DATA,
        LiveError::Recover(RecoverError::Journal(_)) => exit::IO,
        LiveError::Recover(RecoverError::Entry(_) | RecoverError::Apart { .. }) => exit::DATA,
        LiveError::Recover(RecoverError::Runtime(_)) | LiveError::Runtime(_) => exit::FAILED,
    }
}
