//! `causeway replay`: recorded events to their end, or a journal.

mod journal;

use super::config::settings;
use super::output::{put, summary, write_alerts, write_incidents};
use super::{Failure, exit};
use crate::canonical::{Counts, Decoder, Format, Leap, Origin, Reject, Source};
use crate::clock::{Clock, WallClock};
use crate::emit::ledger::Emission;
use crate::emit::standing::Tally;
use crate::emit::wire::Message;
use crate::emit::wire::words::phrase::{count, duration};
use crate::ingest::chunk::ChunkLimits;
use crate::ingest::file::{Files, matching};
use crate::replay::{Finals, Heard, Outlet, Replay, ReplayError};
use crate::settings::SourceSettings;
use anyhow::Context as _;
use causeway_dataflows::model::ContextEvent;
use causeway_dataflows::ops::epochs::Epoch;
use causeway_dataflows::params::Params;
use smol_str::SmolStr;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Flags of `replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  causeway replay --topology t.ndjson --incidents i.ndjson --summary json events.ndjson
  causeway replay --journal /var/lib/causeway -c causeway.yaml --incidents i.ndjson --summary json")]
pub struct Args {
    /// Configuration whose stages, topology, silences, windows and rules hold; file or
    /// folder, may be given more than once. For a journal: that of the run.
    #[arg(short = 'c', long = "config")]
    config: Vec<PathBuf>,
    /// Configured source whose policy holds for the events; the first by name without it.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Entities and relations that hold before the first event; may be given more than once.
    #[arg(long)]
    topology: Vec<PathBuf>,
    /// Worker threads; as configured, or one without a configuration.
    #[arg(long)]
    workers: Option<usize>,
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
    /// Run the journal of a live process again instead of files: the same revisions and the
    /// same digest. Its data directory, or the folder `journal` in it; it is only read, and
    /// the process may be running. Of processes that ran together those of all, process 0 first.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["events", "topology", "source"])]
    journal: Vec<PathBuf>,
    /// Events: NDJSON or a JSON array, plain, .gz or .zst, or globs; read in the order given.
    /// Rows of CSV where the configured source reads such.
    #[arg(required_unless_present = "journal")]
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
    /// Why no more is written.
    pub failed: Option<io::Error>,
}

/// Rejects shown in full.
const REJECTS_SHOWN: u64 = 10;

impl Outlet for FileOutlet {
    fn revisions(&mut self, _: Epoch, messages: Vec<Message>) {
        if let Some(file) = &mut self.revisions {
            for message in messages {
                if let Err(error) = writeln!(file, "{}", message.line) {
                    // Told at the end, with the exit code.
                    self.failed = Some(error);
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

    fn close(mut self) -> io::Result<()> {
        match (self.failed.take(), &mut self.revisions) {
            (Some(error), _) => Err(error),
            (None, Some(file)) => file.flush(),
            (None, None) => Ok(()),
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
    let outlet = FileOutlet { revisions, shown: 0, failed: None };
    if !args.journal.is_empty() {
        return journal::replay(args, &args.journal, outlet, began)?.tell(args);
    }
    let plan = Plan::of(args)?;
    let (finals, counts, heard) = replay(args, &plan, outlet)?;
    let seconds = (clock.monotonic_ns() - began) as f64 / 1e9;
    let (tally, workers) = (finals.tally(), plan.workers);
    let code = Ended { finals, tally, counts, workers, seconds }.tell(args)?;
    if heard.received > 0 && heard.rejected == heard.received {
        return Err(Failure { code: exit::DATA, error: all_junk(&heard) });
    }
    Ok(code)
}

/// What a replay came to.
struct Ended {
    /// Empty when nobody asked for rows.
    finals: Finals,
    tally: Tally,
    counts: Counts,
    workers: usize,
    seconds: f64,
}

impl Ended {
    /// Writes the rows that were asked for and prints the summary.
    fn tell(&self, args: &Args) -> Result<ExitCode, Failure> {
        if let (Some(path), true) = (&args.incidents, args.final_only) {
            let mut file = create(path)?;
            write_incidents(&self.finals, &mut file)
                .and_then(|()| file.flush())
                .with_context(in_file(path))
                .map_err(Failure::with(exit::IO))?;
        }
        if let Some(path) = &args.alerts {
            let mut file = create(path)?;
            write_alerts(&self.finals, &mut file)
                .and_then(|()| file.flush())
                .with_context(in_file(path))
                .map_err(Failure::with(exit::IO))?;
        }
        let summary = summary(&self.tally, &self.counts, self.workers, self.seconds);
        match args.summary {
            Some(SummaryFormat::Json) => put(&(summary.line() + "\n")),
            None => {
                let (ledger, seconds) = (&summary.ledger, self.seconds);
                put(&format!(
                    "{} events, {} alerts, {} incidents in {seconds:.2} s ({:.0} events/s)\n",
                    ledger.received, ledger.alerts, ledger.incidents, summary.events_per_second
                ))
            }
        }
    }
}

/// Says of input in which nothing could be used where that begins.
fn all_junk(heard: &Heard) -> anyhow::Error {
    let lines = match heard.received {
        1 => "the only event was refused".to_owned(),
        count => format!("all {count} events were refused"),
    };
    let first = heard.first_reject.as_ref().map_or(String::new(), |first| {
        let file = first.origin.partition.as_deref().unwrap_or("input");
        format!(", first {file}:{}: {}, {}", first.line, first.code.word(), first.message)
    });
    anyhow::anyhow!(
        "{lines}{first}; give lines of events as `causeway schema event` describes them, \
         CloudEvents or CDEvents"
    )
}

/// What the configuration says about a replay.
struct Plan {
    source: Arc<Source>,
    format: Format,
    params: Params,
    emission: Emission,
    workers: usize,
    topology: Vec<PathBuf>,
    standing: Vec<ContextEvent>,
}

impl Plan {
    fn of(args: &Args) -> Result<Plan, Failure> {
        let given = args.workers.map(|workers| workers.max(1));
        if args.config.is_empty() {
            return Ok(Plan {
                source: Arc::new(Source::named("replay")),
                format: Format::Native,
                params: Params::default(),
                emission: Emission::default(),
                workers: given.unwrap_or(1),
                topology: args.topology.clone(),
                standing: Vec::new(),
            });
        }
        let settings = settings(&args.config)?;
        let is_wanted = |source: &&SourceSettings| {
            args.source.as_ref().is_none_or(|name| source.name() == name.as_str())
        };
        let source = settings.sources.iter().find(is_wanted).ok_or_else(|| {
            let name = args.source.as_deref().unwrap_or_default();
            let error = anyhow::anyhow!("--source: the configuration has no source `{name}`");
            Failure { code: exit::CONFIG, error }
        })?;
        let configured =
            matching(&settings.topology).map_err(|e| Failure::with(exit::IO)(e.into()))?;
        Ok(Plan {
            source: Arc::clone(&source.decode),
            format: source.format().filter(|of| *of == Format::Csv).unwrap_or(Format::Native),
            params: settings.params.clone(),
            emission: Emission::of(&settings.emission),
            workers: given.unwrap_or(settings.workers),
            topology: configured.into_iter().chain(args.topology.iter().cloned()).collect(),
            // A replay has no clock: what the configuration holds has always held.
            standing: settings.context_events(0),
        })
    }
}

fn replay(
    args: &Args,
    plan: &Plan,
    outlet: FileOutlet,
) -> Result<(Finals, Counts, Heard), Failure> {
    let line_max = plan.source.limits.event_bytes_max;
    let decoder = Decoder::new(Arc::clone(&plan.source), plan.workers, None);
    let mut replay = Replay::start(plan.workers, &plan.params, plan.emission, decoder, outlet)?;
    replay.standing(plan.standing.clone());
    replay.set_format(plan.format);
    for path in &plan.topology {
        let bytes =
            std::fs::read(path).with_context(in_file(path)).map_err(Failure::with(exit::IO))?;
        let origin = Origin {
            source_id: SmolStr::new_static("topology"),
            partition: Some(SmolStr::new(path.to_string_lossy())),
            ..Origin::default()
        };
        let format = Format::of_topology(path, &bytes);
        replay.rows(&bytes, &origin, format)?;
    }
    let files = Files::open("replay", &args.events, ChunkLimits::lines_of(line_max))
        .map_err(|e| Failure::with(exit::IO)(e.into()))?;
    for chunk in files {
        let chunk = chunk.map_err(|e| Failure::with(exit::IO)(e.into()))?;
        replay.events(&chunk.bytes, &chunk.origin, chunk.framing, chunk.first_line)?;
    }
    let heard = replay.heard().clone();
    let leap = replay.worst_leap();
    let (finals, counts) = replay.finish().map_err(|error| unwritten(args, error))?;
    if let Some(leap) = leap {
        warn_of_leap(&leap);
    }
    Ok((finals, counts, heard))
}

/// The failure of a replay at its end: a file that takes no more is not that of the engine.
fn unwritten(args: &Args, error: ReplayError) -> Failure {
    let (ReplayError::Outlet(error), Some(path)) = (&error, &args.incidents) else {
        return error.into();
    };
    let error = anyhow::anyhow!("{}: {error}", in_file(path)());
    Failure { code: exit::IO, error }
}

/// Tells of one line that made others late, which nobody would look for.
fn warn_of_leap(leap: &Leap) {
    let file = leap.partition.as_deref().unwrap_or("input");
    let ahead = duration((leap.to - leap.from).unsigned_abs().saturating_mul(1000));
    eprintln!(
        "causeway: warning: {file}:{} moved the clock ahead by {ahead}, so {} after it {} late; \
         give the lines `observed_time`, or correct or remove that one",
        leap.line,
        count(usize::try_from(leap.late).unwrap_or(usize::MAX), "event"),
        if leap.late == 1 { "is" } else { "are" },
    );
}

fn create(path: &Path) -> Result<BufWriter<File>, Failure> {
    let file = File::create(path).with_context(in_file(path)).map_err(Failure::with(exit::IO))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

fn in_file(path: &Path) -> impl FnOnce() -> String {
    let text = format!("file {}", path.display());
    move || text
}
