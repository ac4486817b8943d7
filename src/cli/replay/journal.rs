//! `causeway replay --journal`: a live run once more.

use super::{Args, Ended, FileOutlet};
use crate::cli::config::settings;
use crate::cli::journal::{code_of, warn_of};
use crate::cli::{Failure, exit};
use crate::clock::{Clock, WallClock};
use crate::replay::journal::{Plan, find, replay as run};
use std::path::Path;

/// Runs the journal in or under `directory` to its end; `began_ns` is when that began.
pub(super) fn replay(
    args: &Args,
    directory: &Path,
    outlet: FileOutlet,
    began_ns: i64,
) -> Result<Ended, Failure> {
    let settings = settings(&args.config)?;
    let refuse = |error| Failure { code: code_of(&error), error: error.into() };
    let path = find(directory).map_err(refuse)?;
    let plan = Plan {
        settings: &settings,
        workers: args.workers.unwrap_or(settings.workers).max(1),
        rows: args.alerts.is_some() || (args.incidents.is_some() && args.final_only),
    };
    let replayed = run(&path, &plan, outlet, &mut |_, _| {}).map_err(refuse)?;
    warn_of(&replayed.recovered, &settings);
    replayed.outlet.close().map_err(|e| Failure::with(exit::IO)(e.into()))?;
    Ok(Ended {
        finals: replayed.finals.unwrap_or_default(),
        tally: replayed.tally,
        counts: replayed.counts,
        workers: plan.workers,
        seconds: (WallClock.monotonic_ns() - began_ns) as f64 / 1e9,
    })
}
