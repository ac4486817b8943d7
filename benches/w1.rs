//! Question: how fast do bytes become deduplicated alerts, beside what a hand-written loop takes?
//!
//! Unit:     million events a second, of wall and of processor time
//! Workload: W1 of BENCHMARKS.md: normal events (360 B, 12 fields, 8 labels, Zipf(1.1), 70 %
//!           duplicates, 5 % late up to 30 s, 0.1 % malformed), 1 M live keys, exact with late
//!           events; the floor is simd-json's tape, a fingerprint and a hash table on one thread
//! Seed:     7
//! Command:  `cargo bench --bench w1 [-- --live-keys 10000000 --events 36000000 --runs 10]`
//!
//! `floor` and the `w1` rows must agree on every alert and its exact count. They read the stream
//! from disk a few megabytes ahead, by a thread whose processor time the kernel counts apart and
//! which is taken out of each; wall has it in it, as `input_wait_s` says. The rows below them
//! take the first million events, in memory, and say where the time goes. What a key holds is
//! counted by the bench `memory`.

#[allow(dead_code, reason = "each bench uses its part")]
mod harness;
#[allow(dead_code, reason = "each bench uses its part")]
mod floor;
#[allow(dead_code, reason = "each bench uses its part")]
mod work;

use causeway_dataflows::model::{Alert, AlertCount, AlertKey, Fingerprint, Severity, Status};
use causeway_dataflows::params::Params;
use causeway_loadgen::normal;
use clap::Parser;
use floor::decode::TapeDecoder;
use harness::report::{self, Figure, Target};
use harness::{Common, Meter, Outcome, RowDigest, rounds};
use serde_json::json;
use std::sync::Arc;
use work::lines::{self, Chunk, Input, ReadAhead};
use work::ndjson::{self, Heard, Lines};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Arguments of this bench.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// Lines.
    #[arg(long, default_value_t = 4_000_000)]
    events: u64,
    /// Keys alive once the stream is under way.
    #[arg(long, default_value_t = 1_000_000)]
    live_keys: u64,
    /// Lines of the rows that only say where the time goes.
    #[arg(long, default_value_t = 1_000_000)]
    part: u64,
}

const WORK: &str = "alerts and their exact counts";
const DECODED: &str = "decoded events";

/// Rows with the most runs each gets.
const ROWS: [(&str, usize); 8] = [
    ("floor", usize::MAX),
    ("w1, 1 worker", usize::MAX),
    ("w1, 2 workers", usize::MAX),
    ("memcpy", 4),
    ("newline scan", 4),
    ("floor: tape only", 4),
    ("decode only", 4),
    ("decode, all broken", 4),
];

fn main() {
    let args = Args::parse();
    let input =
        normal::Params { events: args.events, live_keys: args.live_keys, seed: args.common.seed };
    if let Some(name) = &args.common.row {
        return row(name, &args, input).print();
    }
    eprintln!("making {} events", args.events);
    lines::make(input);
    let mut outcomes = rounds::run(&args.common, &ROWS);
    rounds::check(&mut outcomes);
    let setup = json!({"events": args.events, "live_keys": args.live_keys, "part": args.part,
                       "runs": args.common.runs, "seed": args.common.seed});
    std::process::exit(report::finish("w1", setup, &outcomes, &figures(&outcomes)));
}

fn figures(outcomes: &[Outcome]) -> Vec<Figure> {
    let (one, two) = ("w1, 1 worker", "w1, 2 workers");
    let rate = |row| report::values(outcomes, row, Outcome::rate_cpu);
    let over = |row, base| report::ratios(outcomes, row, base, Outcome::rate_cpu);
    use Target::{AtLeast, None};
    vec![
        Figure::new("floor, M events/s of processor time", &rate("floor"), None),
        Figure::new("1 worker, M events/s of processor time", &rate(one), AtLeast(1.0)),
        Figure::new("1 worker over the floor, processor time", &over(one, "floor"), AtLeast(0.7)),
        Figure::new(
            "1 worker over the floor, wall",
            &report::ratios(outcomes, one, "floor", Outcome::rate_wall),
            None,
        ),
        Figure::new(
            "2 workers over 1, wall",
            &report::ratios(outcomes, two, one, Outcome::rate_wall),
            AtLeast(1.7),
        ),
        Figure::new("2 workers over 1, per second of processor time", &over(two, one), None),
        Figure::new(
            "decode only over simd-json's tape alone",
            &over("decode only", "floor: tape only"),
            None,
        ),
        Figure::new(
            "every line broken over good input, decode only",
            &over("decode, all broken", "decode only"),
            AtLeast(1.0),
        ),
    ]
}

fn row(name: &str, args: &Args, input: normal::Params) -> Outcome {
    let whole = ROWS.iter().any(|(row, most)| *row == name && *most == usize::MAX);
    let stream = Input::open(input, if whole { args.events } else { args.part });
    let chunks = if whole { Vec::new() } else { stream.load() };
    let events = stream.events();
    let outcome =
        |work, workers| Outcome { events, ..Outcome::new(name, work, workers, input.seed) };
    let bytes = || chunks.iter().map(|chunk| chunk.bytes.as_slice());
    match name {
        "floor" => floored(&stream, args.live_keys, outcome(WORK, 1)),
        "w1, 1 worker" => deduped(&stream, args.live_keys, outcome(WORK, 1)),
        "w1, 2 workers" => deduped(&stream, args.live_keys, outcome(WORK, 2)),
        "memcpy" => timed(outcome("", 1), || (floor::bytes::copied(bytes()), 0)),
        "newline scan" => timed(outcome("", 1), || (floor::bytes::lines(bytes()), 0)),
        "floor: tape only" => timed(outcome("", 1), || {
            let mut decoder = TapeDecoder::default();
            let lines = bytes().flat_map(|chunk| chunk.split(|byte| *byte == b'\n'));
            (lines.map(|line| decoder.nodes(line) as u64).sum(), 0)
        }),
        "decode only" => timed(outcome(DECODED, 1), || decoded(&chunks)),
        "decode, all broken" => {
            let chunks = lines::broken(&chunks);
            timed(outcome("", 1), || decoded(&chunks))
        }
        _ => Outcome { void: Some(format!("there is no row {name:?}")), ..outcome("", 0) },
    }
}

/// Times work that gives a number of outputs and a digest.
fn timed(outcome: Outcome, work: impl FnOnce() -> (u64, u64)) -> Outcome {
    let meter = Meter::start();
    let (outputs, digest) = work();
    let digest = format!("{digest:032x}");
    Outcome { outputs, digest, ..outcome.spent(meter.stop()) }
}

fn decoded(chunks: &[Chunk]) -> (u64, u64) {
    let mut lines = Lines::new(1);
    let (mut events, mut digest) = (0, 0);
    for chunk in chunks {
        let decoded = lines.decode(&chunk.bytes, chunk.tick);
        assert!(decoded.counts.balanced(), "received = accepted + rejected + duplicate");
        for batch in decoded.segments.iter().flat_map(|segment| &segment.alerts) {
            events += batch.events.len() as u64;
            for event in &batch.events {
                digest ^= event.fingerprint.low64().wrapping_mul(event.time as u64 | 1);
            }
        }
    }
    (events, digest)
}

fn params(live_keys: u64) -> Params {
    let mut params = Params::default();
    // Pre-sized, as the floor's table is: growing shows as pauses.
    params.dedup.keys_initial = live_keys as usize * 3 / 2;
    params
}

fn floored(stream: &Input, live_keys: u64, outcome: Outcome) -> Outcome {
    let quiet = Params::default().sources[0].quiet_seconds;
    let meter = Meter::start();
    let mut decoder = TapeDecoder::default();
    let mut table = floor::dedup::Table::new(live_keys as usize * 3 / 2, quiet);
    let mut rejected = 0;
    let mut reading = stream.read(0, 1);
    for chunk in &mut reading {
        for line in chunk.bytes.split(|byte| *byte == b'\n') {
            match decoder.event(line) {
                Some(event) => drop(table.insert(event)),
                None => rejected += u64::from(!line.is_empty()),
            }
        }
    }
    let read_ahead = reading.finish();
    let spent = meter.stop_without(read_ahead.cpu);
    let now = stream.end();
    let (mut digest, mut outputs) = (RowDigest::default(), 0);
    for (fingerprint, run) in table.runs() {
        outputs += 1;
        let key = AlertKey { onset: run.first, fingerprint: Fingerprint(fingerprint) };
        let at = run.last + quiet;
        let over = Status::Resolved { at, last: run.last };
        let status = if at < now { over } else { Status::Firing };
        ndjson::toggle(&mut digest, &alert(key, Severity(run.severity), status));
        let count = AlertCount { key, count: run.count, last: run.last };
        digest.merge(ndjson::count_digest(&count));
    }
    let outcome = Outcome { outputs, digest: digest.text(), ..outcome.spent(spent) };
    let outcome = outcome.figure("rejected", rejected as f64).figure("keys", table.len() as f64);
    with_read_ahead(outcome, read_ahead)
}

/// An alert of which only what the digest reads is right.
fn alert(key: AlertKey, severity: Severity, status: Status) -> Alert {
    Alert {
        key,
        first: key.onset,
        severity,
        status,
        magnitude: 0,
        flapping: false,
        first_event_id: Default::default(),
        summary: Default::default(),
        identity: Arc::new(causeway_dataflows::model::Identity {
            fingerprint: key.fingerprint,
            tenant: Default::default(),
            source: Default::default(),
            entity: causeway_dataflows::model::EntityRef::new("", ""),
            name: Default::default(),
            labels: Default::default(),
        }),
    }
}

fn deduped(stream: &Input, live_keys: u64, outcome: Outcome) -> Outcome {
    let params = params(live_keys / outcome.workers as u64);
    let meter = Meter::start();
    let heard: Heard = ndjson::run(stream, outcome.workers, &params);
    let outcome = outcome.spent(meter.stop_without(heard.read_ahead.cpu));
    let (outputs, digest) = heard.digest();
    let outcome = Outcome { outputs, digest: digest.text(), ..outcome };
    let outcome = outcome
        .figure("rejected", heard.rejected as f64)
        .figure("changes", heard.changes.len() as f64)
        .figure("counts", heard.counts.len() as f64);
    with_read_ahead(outcome, heard.read_ahead)
}

/// Says what was taken out.
fn with_read_ahead(outcome: Outcome, read_ahead: ReadAhead) -> Outcome {
    outcome
        .figure("read_ahead_cpu_s", read_ahead.cpu.total_s())
        .figure("input_wait_s", read_ahead.waited_s)
}
