//! `causeway verify`: what was told, held against what the journal leads to.

use super::config::settings;
use super::journal::{code_of, doubts};
use super::output::put;
use super::{Failure, exit};
use crate::emit::matcher::Matcher;
use crate::replay::journal::find_all;
use crate::settings::{KafkaClient, Settings, SinkKind, SinkSettings};
use crate::verify::{Acked, Asked, Checker, Report, SinkFile, lead, open_files, rotated};
use anyhow::{Context as _, anyhow};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Flags of `verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The journal is run again, and each revision that it leads to must be in the sink: the same
bytes, in order, and nothing else. Told again with the same bytes is allowed, and so is a
line that a kill tore. A process that runs may be checked with --unfinished.

Examples:
  causeway verify -c causeway.yaml --name archive
  causeway verify --journal /var/lib/causeway -c causeway.yaml --sink 'incidents.ndjson*' --json
  causeway verify --journal causeway-data --sink told.ndjson --acked sent.ndjson
  causeway verify --journal causeway-data --sink kafka://127.0.0.1:9092/incidents

Exit codes: 0 clean, 3 something is lost, duplicate, phantom, reordered or malformed, 65 the
journal means nothing to this program, 74 it is damaged or something cannot be read, 78 the
configuration is wrong.")]
pub struct Args {
    /// Data directory of the run, or the folder `journal` in it; the configured one without
    /// it. It is only read, and the process may be running. Of processes that ran together those
    /// of all, process 0 first.
    #[arg(long, value_name = "DIR")]
    journal: Vec<PathBuf>,
    /// Lines of the sink: NDJSON, plain, .gz or .zst, or a glob for a rotated set, or `-`; may
    /// be given more than once, in the order of writing. Or its topic, as
    /// `kafka://BROKERS/TOPIC`. Without it those of --name, a sink of files or of a topic, which
    /// is read with the TLS and SASL of the configuration.
    #[arg(long, value_name = "FILE|TOPIC")]
    sink: Vec<PathBuf>,
    /// The configured sink: only what its matchers admit is expected.
    #[arg(long, value_name = "SINK")]
    name: Option<String>,
    /// First epoch of which the sink is told: a sink that was configured anew has it as the
    /// second number of `sinks/SINK.position` in the data directory.
    #[arg(long, value_name = "EPOCH", default_value_t = 0)]
    since: u64,
    /// The process runs, or was killed and not started again: what lies behind the last
    /// revision in the sink is still to come, not lost.
    #[arg(long)]
    unfinished: bool,
    /// What senders were told was taken, a line each: events as sent, or ids. Each must be in
    /// the journal.
    #[arg(long, value_name = "FILE")]
    acked: Option<PathBuf>,
    /// Configuration of the run; file or folder, may be given more than once.
    #[arg(short = 'c', long = "config")]
    config: Vec<PathBuf>,
    /// Worker threads; as configured without it.
    #[arg(long)]
    workers: Option<usize>,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// Checks the sink.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let settings = settings(&args.config)?;
    let sink = args.name.as_deref().map(|name| named(&settings, name)).transpose()?;
    // Opened before the journal is read: whatever was told by now is in it.
    let (files, gone) = lines(args, sink)?;
    let mut acked = args.acked.as_deref().map(acknowledged).transpose()?;
    let directories = match args.journal.as_slice() {
        [] => std::slice::from_ref(&settings.data_dir),
        given => given,
    };
    let refuse = |error| Failure { code: code_of(&error), error: error.into() };
    let paths = find_all(directories).map_err(refuse)?;
    let asked = Asked {
        settings: &settings,
        workers: args.workers.unwrap_or(settings.workers).max(1),
        wanted: sink.map_or_else(Matcher::default, |sink| sink.wanted.clone()),
        name: sink.map(|sink| sink.name.clone()),
        since: args.since,
        acked: acked.as_mut(),
    };
    let led = lead(&paths, asked).map_err(refuse)?;
    let epochs = led.recovered.epochs;
    let doubts = [doubts(&led.recovered, &settings), gone].concat();
    let digest = led.digest;
    if let (Some(from), Some(_)) = (led.from, &args.acked) {
        let error = anyhow!(
            "--acked: the journal begins with epoch {from}, so what was taken before cannot be \
             found in it; `journal: {{forget: false}}` keeps all of it"
        );
        return Err(Failure { code: exit::DATA, error });
    }
    let mut checker = Checker::new(led.expected);
    for file in files {
        let read = checker.read(&file.name, file.reader);
        read.with_context(|| format!("sink {}", file.name)).map_err(Failure::with(exit::IO))?;
    }
    if let (Some(path), Some(acked)) = (&args.acked, &acked) {
        checker.acked(&path.to_string_lossy(), acked);
    }
    let report = Report { epochs, digest, doubts, ..checker.finish(args.unfinished) };
    tell(&report, args.json)
}

fn tell(report: &Report, json: bool) -> Result<ExitCode, Failure> {
    match json {
        true => put(&(serde_json::to_string(report)? + "\n"))?,
        false => {
            report.doubts.iter().for_each(|doubt| eprintln!("causeway: warning: {doubt}"));
            put(&report.to_text())?
        }
    };
    Ok(if report.clean { ExitCode::SUCCESS } else { ExitCode::from(exit::DIFFERS) })
}

fn named<'a>(settings: &'a Settings, name: &str) -> Result<&'a SinkSettings, Failure> {
    settings.sinks.iter().find(|sink| sink.name == name).ok_or_else(|| {
        let known: Vec<&str> = settings.sinks.iter().map(|sink| sink.name.as_str()).collect();
        let error =
            anyhow!("--name: the configuration has no sink `{name}`; it has {}", known.join(", "));
        Failure { code: exit::CONFIG, error }
    })
}

/// The lines of the sink, opened, and what can no longer be read of them.
fn lines(
    args: &Args,
    sink: Option<&SinkSettings>,
) -> Result<(Vec<SinkFile>, Vec<String>), Failure> {
    let unreadable = |error: crate::verify::SinkFileError| Failure::with(exit::IO)(error.into());
    let kind = sink.map(|sink| &sink.kind);
    let given: Vec<Option<&str>> =
        args.sink.iter().map(|sink| sink.to_str()?.strip_prefix("kafka://")).collect();
    let patterns = match (args.sink.as_slice(), given.as_slice(), kind) {
        ([], _, Some(SinkKind::Kafka(kafka))) => return topic(&kafka.client, &kafka.topic),
        ([], _, Some(SinkKind::File { path, .. })) => {
            let found = rotated(path).map_err(unreadable)?;
            if found.is_empty() { vec![path.clone()] } else { found }
        }
        ([], ..) => {
            let error = anyhow!("give the lines with --sink, or --name a sink of files or a topic");
            return Err(Failure { code: exit::USAGE, error });
        }
        (_, [Some(address)], _) => {
            let (client, name) = addressed(address)?;
            return topic(&client, &name);
        }
        (patterns, given, _) if given.iter().all(Option::is_none) => patterns.to_vec(),
        _ => {
            let error = anyhow!("--sink: a topic is given alone");
            return Err(Failure { code: exit::USAGE, error });
        }
    };
    Ok((open_files(&patterns).map_err(unreadable)?, Vec::new()))
}

/// Brokers and topic of `BROKERS/TOPIC`.
fn addressed(address: &str) -> Result<(KafkaClient, String), Failure> {
    match address.split_once('/') {
        Some((brokers, topic)) if !brokers.is_empty() && !topic.is_empty() => {
            let brokers = brokers.split(',').map(str::to_owned).collect();
            let client =
                KafkaClient { brokers, tls: None, sasl: None, properties: BTreeMap::new() };
            Ok((client, topic.to_owned()))
        }
        _ => {
            let error = anyhow!("--sink: write a topic as kafka://HOST:PORT,HOST:PORT/TOPIC");
            Err(Failure { code: exit::USAGE, error })
        }
    }
}

#[cfg(feature = "kafka")]
fn topic(client: &KafkaClient, topic: &str) -> Result<(Vec<SinkFile>, Vec<String>), Failure> {
    crate::verify::open_topic(client, topic).map_err(|error| Failure::with(exit::IO)(error.into()))
}

#[cfg(not(feature = "kafka"))]
fn topic(_: &KafkaClient, _: &str) -> Result<(Vec<SinkFile>, Vec<String>), Failure> {
    let error = anyhow!("--sink: this program was built without Kafka");
    Err(Failure { code: exit::CONFIG, error })
}

fn acknowledged(path: &Path) -> Result<Acked, Failure> {
    let read = || Acked::read(BufReader::new(File::open(path)?));
    read().with_context(|| format!("file {}", path.display())).map_err(Failure::with(exit::IO))
}
