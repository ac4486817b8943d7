//! `causeway generate`: a storm on disk.

use super::storm::Storm;
use super::{Failure, exit};
use causeway_loadgen::scenario::Scenario;
use std::path::PathBuf;
use std::process::ExitCode;

/// Flags of `generate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    storm: Storm,
    /// About how many events; duration and faults grow with it, rates stay.
    #[arg(long)]
    events: Option<u64>,
    /// Folder to write events.ndjson, topology.ndjson, truth.json and labels.ndjson to.
    #[arg(long)]
    out: PathBuf,
}

/// Writes the storm.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let scenario = Scenario::build(args.storm.profile, args.storm.seed, args.events);
    scenario.write_dir(&args.out).map_err(|e| Failure::with(exit::IO)(e.into()))?;
    let stats = scenario.stats();
    eprintln!(
        "wrote {} events, {} incidents to {}",
        stats.events,
        stats.incidents,
        args.out.display()
    );
    Ok(ExitCode::SUCCESS)
}
