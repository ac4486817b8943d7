//! `causeway replay`: recorded events to their end.

use super::output::{summary, write_alerts, write_incidents};
use super::{Failure, exit};
use crate::canonical::{Counts, Decoder, Format, Origin, Reject, Source};
use crate::clock::{Clock, WallClock};
use crate::emit::ledger::Emission;
use crate::emit::wire::Message;
use crate::ingest::chunk::ChunkLimits;
use crate::ingest::file::Files;
use crate::replay::{Finals, Outlet, Replay};
use anyhow::Context as _;
use causeway_dataflows::params::Params;
use smol_str::SmolStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Flags of `replay`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Entities and relations that hold before the first event; may be given more than once.
    #[arg(long)]
    topology: Vec<PathBuf>,
    /// Worker threads.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Write incidents here: every revision, or with --final-only the last row of each.
    #[arg(long)]
    incidents: Option<PathBuf>,
    /// Write one row per alert here, with its final incident.
    #[arg(long)]
    alerts: Option<PathBuf>,
    /// Write only what stands at the end.
    #[arg(long)]
    final_only: bool,
    /// Print one object about the run on standard output.
    #[arg(long)]
    summary: Option<SummaryFormat>,
    /// Events: NDJSON, .gz, .zst or globs; read in the order given.
    #[arg(required = true)]
    events: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SummaryFormat {
    /// One JSON object.
    Json,
}

/// Revisions to a file, rejects to the error stream.
pub struct FileOutlet {
    /// Where revisions go; nowhere when only the end is of interest.
    pub revisions: Option<BufWriter<File>>,
    /// Rejects shown so far; the rest is only counted.
    pub shown: u64,
}

/// Rejects shown in full.
const REJECTS_SHOWN: u64 = 10;

impl Outlet for FileOutlet {
    fn revisions(&mut self, messages: Vec<Message>) {
        if let Some(file) = &mut self.revisions {
            for message in messages {
                if let Err(error) = writeln!(file, "{}", message.line) {
                    eprintln!("causeway: cannot write incidents: {error}");
                    self.revisions = None;
                    return;
                }
            }
        }
    }

    fn rejects(&mut self, rejects: Vec<Reject>) {
        for reject in rejects {
            self.shown += 1;
            if self.shown <= REJECTS_SHOWN {
                let (line, code) = (reject.line, reject.code.word());
                eprintln!("causeway: line {line} refused, {code}: {}", reject.message);
            } else if self.shown == REJECTS_SHOWN + 1 {
                eprintln!("causeway: more lines refused; the summary counts them");
            }
        }
    }
}

/// Runs the replay.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let clock = WallClock;
    let began = clock.monotonic_ns();
    let revisions = match &args.incidents {
        Some(path) if !args.final_only => Some(create(path)?),
        _ => None,
    };
    let outlet = FileOutlet { revisions, shown: 0 };
    let (finals, counts) = replay(args, outlet)?;
    let seconds = (clock.monotonic_ns() - began) as f64 / 1e9;
    if let (Some(path), true) = (&args.incidents, args.final_only) {
        let mut file = create(path)?;
        write_incidents(&finals, &mut file)
            .and_then(|()| file.flush())
            .with_context(in_file(path))?;
    }
    if let Some(path) = &args.alerts {
        let mut file = create(path)?;
        write_alerts(&finals, &mut file).and_then(|()| file.flush()).with_context(in_file(path))?;
    }
    let summary = summary(&finals, &counts, args.workers, seconds);
    match args.summary {
        Some(SummaryFormat::Json) => println!("{}", summary.line()),
        None => {
            let ledger = &summary.ledger;
            println!(
                "{} events, {} alerts, {} incidents in {seconds:.2} s ({:.0} events/s)",
                ledger.received, ledger.alerts, ledger.incidents, summary.events_per_second
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn replay(args: &Args, outlet: FileOutlet) -> Result<(Finals, Counts), Failure> {
    let source = Arc::new(Source::named("replay"));
    let line_max = source.limits.event_bytes_max;
    let decoder = Decoder::new(source, args.workers.max(1), None);
    let params = Params::default();
    let mut replay = Replay::start(args.workers, &params, Emission::default(), decoder, outlet)?;
    for path in &args.topology {
        let bytes =
            std::fs::read(path).with_context(in_file(path)).map_err(Failure::with(exit::IO))?;
        let origin = Origin {
            source_id: SmolStr::new_static("topology"),
            partition: Some(SmolStr::new(path.to_string_lossy())),
            ..Origin::default()
        };
        let format = Format::of_topology(path);
        replay.begin_file();
        replay.rows(&bytes, &origin, format)?;
    }
    let files = Files::open("replay", &args.events, ChunkLimits::lines_of(line_max))
        .map_err(|e| Failure::with(exit::IO)(e.into()))?;
    let mut file = None;
    for chunk in files {
        let chunk = chunk.map_err(|e| Failure::with(exit::IO)(e.into()))?;
        if file != chunk.origin.partition {
            replay.begin_file();
            file.clone_from(&chunk.origin.partition);
        }
        replay.events(&chunk.bytes, &chunk.origin)?;
    }
    Ok(replay.finish()?)
}

fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    let file = File::create(path).with_context(in_file(path)).map_err(Failure::with(exit::IO))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

fn in_file(path: &Path) -> impl FnOnce() -> String {
    let text = format!("file {}", path.display());
    move || text
}
