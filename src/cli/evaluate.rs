//! `causeway evaluate`: what came out against what really happened.

use super::{Failure, exit};
use crate::evaluate::{Inputs, evaluate};
use std::path::PathBuf;
use std::process::ExitCode;

/// Flags of `evaluate`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The ground truth; labels.ndjson beside it is used when it exists.
    #[arg(long)]
    truth: PathBuf,
    /// Alerts as `replay --alerts` writes them.
    #[arg(long)]
    alerts: PathBuf,
    /// Incidents as `replay --final-only --incidents` writes them.
    #[arg(long)]
    incidents: PathBuf,
    /// The object of `replay --summary json`, to check the books.
    #[arg(long)]
    summary: Option<PathBuf>,
    /// Topology, to score the trivial rivals as well; may be given more than once.
    #[arg(long)]
    topology: Vec<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Prints the report; fails when the books do not balance.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let inputs = Inputs {
        truth: args.truth.clone(),
        alerts: args.alerts.clone(),
        incidents: args.incidents.clone(),
        summary: args.summary.clone(),
        topology: args.topology.clone(),
    };
    let report = evaluate(&inputs).map_err(|e| Failure::with(exit::DATA)(e.into()))?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{}", report.to_table());
    }
    let failures = report.failures();
    for failure in &failures {
        eprintln!("causeway: {failure}");
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILED) })
}
