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
    /// How many events; duration and faults grow with it, rates stay. The shortest storm lasts
    /// twelve minutes and has all its alerts, also when they are more.
    #[arg(long, value_parser = some_events)]
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
    if let Some(wanted) = args.events.filter(|wanted| *wanted < stats.events) {
        eprintln!(
            "note: {wanted} events are less than the alerts of a storm of twelve minutes, the \
             shortest there is; its {} are all written",
            stats.events
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// A number of events; none is a slip, not a storm.
fn some_events(text: &str) -> Result<u64, String> {
    match text.parse() {
        Ok(0) => Err("a storm has events; give a number from 1 up, or leave --events out for the \
                      profile's own number"
            .to_owned()),
        Ok(events) => Ok(events),
        Err(error) => Err(format!("{error}; give a whole number from 1 up")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser as _;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_storm_of_no_events_is_refused() {
        let line = |events| Line::try_parse_from(["generate", "--out", "x", "--events", events]);
        let refused = |events| line(events).map(|_| ()).unwrap_err();
        assert_eq!(refused("0").exit_code(), 2);
        assert!(refused("0").to_string().contains("leave --events out"));
        assert!(refused("some").to_string().contains("a whole number from 1 up"));
        assert_eq!(line("10").unwrap().args.events, Some(10));
    }
}
