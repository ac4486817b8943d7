//! `causeway generate`: a storm on disk.

use super::{Failure, exit};
use causeway_loadgen::profile::Profile;
use causeway_loadgen::scenario::Scenario;
use std::path::PathBuf;
use std::process::ExitCode;

/// Flags of `generate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What sort of storm: easy, moderate, stress, churn, adversarial or quiet.
    #[arg(long, default_value = "stress")]
    profile: Profile,
    /// The same seed makes the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// About how many events; duration and faults grow with it, rates stay.
    #[arg(long)]
    events: Option<u64>,
    /// Folder to write events.ndjson, topology.ndjson, truth.json and labels.ndjson to.
    #[arg(long)]
    out: PathBuf,
}

/// Writes the storm.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let scenario = Scenario::build(args.profile, args.seed, args.events);
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
