//! `causeway demo`: a storm, and what comes of it, in one process.

use super::explain::WIDTH;
use super::output::{final_incidents, summary, write_alerts, write_incidents};
use super::replay::FileOutlet;
use super::storm::Storm;
use super::{Failure, exit};
use crate::canonical::{Decoder, Format, Origin, Source};
use crate::clock::{Clock, WallClock};
use crate::emit::ledger::Emission;
use crate::emit::wire::Revision;
use crate::evaluate::{Inputs, evaluate};
use crate::explain::wrap;
use crate::ingest::chunk::ChunkLimits;
use crate::ingest::file::Files;
use crate::replay::{Finals, Replay};
use anyhow::Context as _;
use causeway_dataflows::params::Params;
use causeway_loadgen::scenario::Scenario;
use indicatif::{ProgressBar, ProgressStyle};
use smol_str::SmolStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Flags of `demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    storm: Storm,
    /// Where the storm, the incidents and the alerts are written.
    #[arg(long, default_value = "causeway-data/demo")]
    out: PathBuf,
}

/// Incidents shown in full.
const SHOWN: usize = 5;
/// Before what is said of an incident.
const INDENT: &str = "    ";

/// Runs the demo.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let clock = WallClock;
    println!("making a storm: profile {}, seed {} ...", args.storm.profile, args.storm.seed);
    let scenario = Scenario::build(args.storm.profile, args.storm.seed, None);
    scenario.write_dir(&args.out).map_err(|e| Failure::with(exit::IO)(e.into()))?;
    let began = clock.monotonic_ns();
    let (finals, counts) = process(&args.out)?;
    let seconds = (clock.monotonic_ns() - began) as f64 / 1e9;
    let paths = ["incidents.ndjson", "alerts.ndjson", "summary.json"].map(|n| args.out.join(n));
    write(&paths[0], |file| write_incidents(&finals, file))?;
    write(&paths[1], |file| write_alerts(&finals, file))?;
    let summary = summary(&finals.tally(), &counts, 1, seconds);
    write(&paths[2], |file| writeln!(file, "{}", summary.line()))?;
    println!();
    let first = top_incidents(&finals);
    let report = evaluate(&Inputs {
        truth: args.out.join("truth.json"),
        alerts: paths[1].clone(),
        incidents: paths[0].clone(),
        summary: Some(paths[2].clone()),
        topology: vec![args.out.join("topology.ndjson")],
    })?;
    println!("{}", report.to_table());
    let ledger = &summary.ledger;
    println!(
        "funnel      {} events -> {} alerts -> {} incidents",
        ledger.received, ledger.alerts, ledger.incidents
    );
    println!("throughput  {:.0} events/s ({seconds:.1} s)", summary.events_per_second);
    println!("incidents   {}", paths[0].display());
    println!(
        "read one    {} explain --file {} {first}",
        std::env::args().next().unwrap_or_else(|| "causeway".to_owned()),
        paths[0].display(),
    );
    Ok(ExitCode::SUCCESS)
}

fn process(dir: &Path) -> Result<(Finals, crate::canonical::Counts), Failure> {
    let source = Arc::new(Source::named("demo"));
    let line_max = source.limits.event_bytes_max;
    let decoder = Decoder::new(source, 1, None);
    let outlet = FileOutlet { revisions: None, shown: 0, failed: None };
    let mut replay = Replay::start(1, &Params::default(), Emission::default(), decoder, outlet)?;
    let topology = std::fs::read(dir.join("topology.ndjson"))?;
    replay.rows(&topology, &Origin::default(), Format::Native)?;
    let files = Files::open("demo", &[dir.join("events.ndjson")], ChunkLimits::lines_of(line_max))?;
    let style = "{bar:40} {percent:>3} %  {binary_bytes_per_sec}  {elapsed}";
    let bar = ProgressBar::new(files.bytes_on_disk());
    bar.set_style(ProgressStyle::with_template(style)?);
    for chunk in files {
        let chunk = chunk?;
        replay.events(&chunk.bytes, &chunk.origin, chunk.framing, chunk.first_line)?;
        bar.inc(chunk.bytes.len() as u64);
    }
    let finals = replay.finish()?;
    bar.finish();
    Ok(finals)
}

/// The largest incidents, a few lines each; returns the id of the first.
fn top_incidents(finals: &Finals) -> SmolStr {
    let mut revisions: Vec<Arc<Revision>> =
        final_incidents(finals).map(|message| message.revision).collect();
    revisions.sort_by_key(|revision| std::cmp::Reverse(revision.alerts.len()));
    for revision in revisions.iter().take(SHOWN) {
        println!("{}  {}", revision.incident_id, revision.title);
        for line in wrap(&revision.explanation.text, WIDTH - INDENT.len()) {
            println!("{INDENT}{line}");
        }
        let mut path: Vec<&str> = Vec::new();
        for hop in &revision.explanation.path {
            path.push(&hop.from);
        }
        path.extend(revision.explanation.path.last().map(|hop| hop.to.as_str()));
        if !path.is_empty() {
            println!("{INDENT}path: {}", path.join(" -> "));
        }
        println!();
    }
    revisions.first().map(|revision| revision.incident_id.clone()).unwrap_or_default()
}

fn write(
    path: &Path,
    contents: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
) -> Result<(), Failure> {
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        contents(&mut file)?;
        file.flush()
    };
    write().with_context(|| format!("file {}", path.display())).map_err(Failure::with(exit::IO))
}
