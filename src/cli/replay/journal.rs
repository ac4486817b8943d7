//! `causeway replay --journal`: a live run once more.

use super::{Args, Ended, FileOutlet, in_file};
use crate::cli::config::settings;
use crate::cli::journal::{code_of, warn_of};
use crate::cli::{Failure, exit};
use crate::clock::{Clock, WallClock};
use crate::replay::Outlet as _;
use crate::replay::journal::{Plan, find_all, replay as run};
use anyhow::Context as _;
use std::path::PathBuf;

/// Runs the journals in or under `directories` to their end; `began_ns` is when that began.
pub(super) fn replay(
    args: &Args,
    directories: &[PathBuf],
    outlet: FileOutlet,
    began_ns: i64,
) -> Result<Ended, Failure> {
    let settings = settings(&args.config)?;
    let refuse = |error| Failure { code: code_of(&error), error: error.into() };
    let paths = find_all(directories).map_err(refuse)?;
    let plan = Plan {
        settings: &settings,
        workers: args.workers.unwrap_or(settings.workers).max(1),
        rows: args.alerts.is_some() || (args.incidents.is_some() && args.final_only),
    };
    let replayed = run(&paths, &plan, outlet, &mut |_, _| {}).map_err(refuse)?;
    warn_of(&replayed.recovered, &settings);
    let written = replayed.outlet.close();
    let file = args.incidents.as_deref().map(in_file).map_or_else(String::new, |name| name());
    written.context(file).map_err(Failure::with(exit::IO))?;
    Ok(Ended {
        finals: replayed.finals.unwrap_or_default(),
        tally: replayed.tally,
        counts: replayed.counts,
        workers: plan.workers,
        seconds: (WallClock.monotonic_ns() - began_ns) as f64 / 1e9,
    })
}
