//! Question: how fast do bytes become deduplicated alerts, beside what a hand-written loop takes?
//!
//! Unit:     million events a second, of wall and of processor time; bytes per live key
//! Workload: W1 of BENCHMARKS.md: normal events (360 B, 12 fields, 8 labels, Zipf(1.1), 70 %
//!           duplicates, 5 % late up to 30 s, 0.1 % malformed), 1 M live keys, exact with late
//!           events; the floor is simd-json's tape, a fingerprint and a hash table on one thread
//! Seed:     7
//! Command:  `cargo bench --bench w1 [-- --live-keys 10000000 --events 36000000 --runs 10]`
//!
//! `floor` and the `w1` rows must agree on every alert and its exact count. The rows below
//! them take the first million events and say where the time goes.

#[allow(dead_code, reason = "each bench uses its part")]
mod harness;
#[allow(dead_code, reason = "each bench uses its part")]
mod floor;
#[allow(dead_code, reason = "each bench uses its part")]
mod work;

use causeway_dataflows::dedup::key::Output;
use causeway_dataflows::dedup::table::Table;
use causeway_dataflows::model::{Alert, AlertCount, AlertKey, Fingerprint, Severity, Status};
use causeway_dataflows::params::Params;
use causeway_loadgen::normal;
use clap::Parser;
use floor::decode::TapeDecoder;
use harness::report::{self, Figure, Target};
use harness::{Common, Meter, Outcome, RowDigest, rounds};
use serde_json::json;
use std::sync::Arc;
use work::lines::{self, Chunk};
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
const ROWS: [(&str, usize); 9] = [
    ("floor", usize::MAX),
    ("w1, 1 worker", usize::MAX),
    ("w1, 2 workers", usize::MAX),
    ("memory", 1),
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
    let memory = |name| report::named(outcomes, "memory", name);
    use Target::{AtLeast, AtMost, None};
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
        Figure::new("bytes per key inside the lateness bound", &memory("in_bound_bytes"), None),
        Figure::new("bytes per key beyond it, alert included", &memory("settled_bytes"), None),
        Figure::new("bytes per key of fold state beyond it", &memory("state_bytes"), AtMost(96.0)),
        Figure::new(
            "bytes per identity, decoder's cache included",
            &memory("identity_bytes"),
            None,
        ),
    ]
}

fn row(name: &str, args: &Args, input: normal::Params) -> Outcome {
    let whole = ROWS.iter().any(|(row, most)| *row == name && *most == usize::MAX);
    let events = if whole || name == "memory" { args.events } else { args.part };
    let chunks = lines::load(input, events);
    let outcome =
        |work, workers| Outcome { events, ..Outcome::new(name, work, workers, input.seed) };
    let bytes = || chunks.iter().map(|chunk| chunk.bytes.as_slice());
    match name {
        "floor" => floored(&chunks, args.live_keys, outcome(WORK, 1)),
        "w1, 1 worker" => deduped(chunks, args.live_keys, outcome(WORK, 1)),
        "w1, 2 workers" => deduped(chunks, args.live_keys, outcome(WORK, 2)),
        "memory" => memory(&chunks, args.live_keys, outcome("", 1)),
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

fn floored(chunks: &[Chunk], live_keys: u64, outcome: Outcome) -> Outcome {
    let quiet = Params::default().sources[0].quiet_seconds;
    let meter = Meter::start();
    let mut decoder = TapeDecoder::default();
    let mut table = floor::dedup::Table::new(live_keys as usize * 3 / 2, quiet);
    let mut rejected = 0;
    for line in chunks.iter().flat_map(|chunk| chunk.bytes.split(|byte| *byte == b'\n')) {
        match decoder.event(line) {
            Some(event) => drop(table.insert(event)),
            None => rejected += u64::from(!line.is_empty()),
        }
    }
    let spent = meter.stop();
    let now = chunks.last().map_or(0, |chunk| chunk.tick);
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
    outcome.figure("rejected", rejected as f64).figure("keys", table.len() as f64)
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

fn deduped(chunks: Vec<Chunk>, live_keys: u64, outcome: Outcome) -> Outcome {
    let params = params(live_keys / outcome.workers as u64);
    let meter = Meter::start();
    let heard: Heard = ndjson::run(chunks, outcome.workers, &params);
    let outcome = outcome.spent(meter.stop());
    let (outputs, digest) = heard.digest();
    let outcome = Outcome { outputs, digest: digest.text(), ..outcome };
    outcome
        .figure("rejected", heard.rejected as f64)
        .figure("changes", heard.changes.len() as f64)
        .figure("counts", heard.counts.len() as f64)
}

/// Somewhere for a table's changes to go.
struct Nowhere;

impl Output for Nowhere {
    fn alert(&mut self, _: &Arc<Alert>, _: isize) {}
    fn count(&mut self, _: AlertCount) {}
}

/// What a key costs: the identity, then the state while late events may come, then less.
fn memory(chunks: &[Chunk], live_keys: u64, outcome: Outcome) -> Outcome {
    let params = params(live_keys);
    let meter = Meter::start();
    let mut lines = Lines::new(1);
    let rss = harness::usage::rss_bytes;
    // Twice, so that the second time only the table grows.
    for chunk in chunks {
        lines.decode(&chunk.bytes, chunk.tick);
    }
    let known = rss();
    let mut table = Table::new(&params);
    for chunk in chunks {
        let decoded = lines.decode(&chunk.bytes, chunk.tick);
        for batch in decoded.segments.iter().flat_map(|segment| &segment.alerts) {
            table.insert(batch, chunk.tick);
        }
        table.close(chunk.tick, false, &mut Nowhere);
    }
    let in_bound = rss();
    let keys = table.len() as f64;
    let source = params.sources[0];
    let last = chunks.last().map_or(0, |chunk| chunk.tick);
    let beyond = last + source.lateness_seconds + params.dedup.disorder_seconds + 2;
    for tick in last..=beyond {
        table.close(tick, false, &mut Nowhere);
    }
    let settled = rss();
    let alert = size_of::<Alert>() as f64 + 16.0;
    let per_key = |bytes: u64, base: u64| (bytes as f64 - base as f64) / keys;
    let outputs = table.len() as u64;
    Outcome { outputs, ..outcome.spent(meter.stop()) }
        .figure("identity_bytes", per_key(known, 0) - per_key(rss_of(chunks), 0))
        .figure("in_bound_bytes", per_key(in_bound, known))
        .figure("settled_bytes", per_key(settled, known))
        .figure("state_bytes", per_key(settled, known) - alert)
}

fn rss_of(chunks: &[Chunk]) -> u64 {
    chunks.iter().map(|chunk| chunk.bytes.capacity() as u64).sum()
}
