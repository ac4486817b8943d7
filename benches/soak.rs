//! Does a process under steady load and churn grow?
//!
//! Unit:     resident memory, bytes; growth over the run by linear regression, per cent
//! Workload: `causeway run` with every horizon at about five seconds, fed over HTTP at half
//!           of what it takes at most: alerts on a window of entities that moves on, relations
//!           and silences that come and go
//! Seed:     the number of each batch; nothing is drawn
//! Command:  `cargo bench --bench soak [-- --seconds 300 --warm-up 180]`
//!
//! The first three minutes are left out: a key is forgotten two minutes after its last event,
//! and until then tables and buffers find their size. The binary is `CAUSEWAY_BIN`, else the
//! one built with this bench.

#[allow(dead_code, unused_imports, reason = "each bench uses its part")]
mod harness;
#[allow(dead_code, reason = "each bench uses its part")]
mod work;

use causeway_loadgen::send::{Batch, Options, send};
use clap::Parser;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use work::process::{Process, configure};

/// Growth over the measured stretch beyond which the run has failed, per cent.
const GROWTH_MAX: f64 = 2.0;
/// Events of one request.
const BATCH: usize = 500;
/// Entities that alert at a time.
const WINDOW: u64 = 5_000;
/// Entities by which the window moves on with each batch.
const STEP: u64 = 5;
/// How long the most is looked for.
const MOST_FOR: Duration = Duration::from_secs(15);
/// Share of batches that may be turned away at half of the most, or the run means nothing.
const REFUSED_MAX: f64 = 0.001;
/// Batches of one call of the sender, so that no more are in memory.
const STRETCH_SECONDS: u64 = 5;

/// Every horizon at about five seconds.
const CONFIG: &str = "
sources: {http: {type: http, quiet: 5s, lateness: 5s, resolve_timeout: 5s}}
history: {bucket: 5s, slow_buckets: 20, fast_buckets: 4, keys: 20000}
suppression: {flap: {half_life: 5s}}
correlation: {same_entity: 5s, neighbour: 5s, slice: 1s, lag_max: 4s, revise_horizon: 5s}
cause: {change_window: 5s}
emission: {settle: 1s, settle_max: 2s, revise_interval: 5s, resolved_incidents: 1000, resolved_for: 5s}
sinks: {out: {type: stdout}}
";

/// Runs a soak and says whether memory grew.
#[derive(Parser)]
struct Args {
    /// How long it is measured.
    #[arg(long, default_value_t = 300)]
    seconds: u64,
    /// Seconds before that, in which the process finds its size.
    #[arg(long, default_value_t = 180)]
    warm_up: u64,
    /// Events a second, instead of half of the most.
    #[arg(long)]
    rate: Option<f64>,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    match soak(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn soak(args: &Args) -> Result<bool, Failure> {
    let directory = tempfile::tempdir()?;
    configure(directory.path(), 0, CONFIG);
    let process = Process::run(directory.path(), false);
    let mut load = Load::default();
    let rate = match args.rate {
        Some(rate) => rate,
        None => most(&mut load, process.address)? / 2.0,
    };
    let seconds = args.warm_up + args.seconds;
    println!("{rate:.0} events/s for {seconds} s, of which the first {} warm up", args.warm_up);
    let done = Arc::new(AtomicBool::new(false));
    let pid = process.id();
    let sampler = {
        let done = Arc::clone(&done);
        std::thread::spawn(move || sample(pid, &done))
    };
    let options = Options::ndjson(process.address, rate);
    let began = Instant::now();
    let (mut refused, mut events) = (0, 0);
    while began.elapsed() < Duration::from_secs(seconds) {
        let batches = load.batches((rate * STRETCH_SECONDS as f64) as usize / BATCH);
        let report = send(&batches, &options)?;
        refused += report.statuses.iter().filter(|(s, _)| **s != 200).map(|(_, n)| n).sum::<u64>();
        events += report.events;
    }
    done.store(true, Ordering::Relaxed);
    let samples = sampler.join().map_err(|_| "the sampler panicked")?;
    let measured: Vec<f64> = samples.into_iter().skip(args.warm_up as usize).collect();
    if measured.len() < 30 {
        return Err("too short: --seconds must be at least 30".into());
    }
    let (mean, growth) = growth(&measured);
    let first = measured.first().copied().unwrap_or_default();
    let last = measured.last().copied().unwrap_or_default();
    println!("{}", plot(&measured));
    let result = serde_json::json!({
        "bench": "soak", "version": env!("CARGO_PKG_VERSION"), "seconds": args.seconds,
        "warm_up_seconds": args.warm_up,
        "events": events, "events_per_second": rate, "batches_refused": refused,
        "rss_bytes": {"first": first, "last": last, "mean": mean},
        "growth_percent": growth, "growth_percent_max": GROWTH_MAX,
    });
    println!("{result}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    std::fs::create_dir_all(&path)?;
    std::fs::write(path.join("soak.json"), format!("{result}\n"))?;
    let batches = events / BATCH as u64;
    if refused as f64 > batches as f64 * REFUSED_MAX {
        return Err(format!("{refused} of {batches} batches were turned away: void").into());
    }
    Ok(growth <= GROWTH_MAX)
}

/// The most events a second that the process takes for a while: offered far more, and what
/// is turned away not counted. The first seconds fill its queue and do not count either.
fn most(load: &mut Load, address: SocketAddr) -> Result<f64, Failure> {
    let began = Instant::now();
    let (mut taken, mut counted_from) = (0, None);
    while began.elapsed() < MOST_FOR {
        let batches = load.batches(400);
        let report = send(&batches, &Options::ndjson(address, 1e9))?;
        if began.elapsed() * 3 < MOST_FOR {
            continue;
        }
        match counted_from {
            None => counted_from = Some(Instant::now()),
            Some(_) => taken += report.statuses.get(&200).copied().unwrap_or(0) * BATCH as u64,
        }
    }
    let seconds = counted_from.map_or(1.0, |from| from.elapsed().as_secs_f64());
    Ok(taken as f64 / seconds)
}

/// Alerts, relations and silences, on and on.
#[derive(Default)]
struct Load {
    next: u64,
}

impl Load {
    fn batches(&mut self, count: usize) -> Vec<Batch> {
        (0..count.max(1)).map(|_| self.batch()).collect()
    }

    /// Without times: an event happened when it is received.
    fn batch(&mut self) -> Batch {
        let number = self.next;
        self.next += 1;
        let mut body = String::with_capacity(BATCH * 200);
        let from = number * STEP;
        for i in 0..BATCH as u64 - 4 {
            // Strides over the window, so that each entity is heard of every ten batches.
            let entity = from + (i * 10 + number % 10) % WINDOW;
            let (name, severity) =
                [("HighErrorRate", "error"), ("HighLatency", "warning")][(entity % 2) as usize];
            let _ = writeln!(
                body,
                r#"{{"source":"soak","kind":"alert","name":"{name}","severity":"{severity}","entity":"service:soak/s-{entity}","summary":"over its limit","labels":{{"env":"prod","cluster":"c-{}"}}}}"#,
                entity % 7
            );
        }
        let old = from.saturating_sub(WINDOW);
        for (at, op) in [(from + WINDOW, "upsert"), (old, "delete")] {
            let _ = writeln!(
                body,
                r#"{{"source":"soak","kind":"relation","op":"{op}","from":"service:soak/s-{at}","to":"service:soak/s-{}","relation":"calls"}}"#,
                at / STEP * STEP + STEP
            );
            let _ = writeln!(
                body,
                r#"{{"source":"soak","kind":"silence","op":"{op}","silence":{{"id":"s-{}","matchers":["entity=\"service:soak/s-{at}\""],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2100-01-01T00:00:00Z"}}}}"#,
                if op == "upsert" { number } else { number.saturating_sub(20) }
            );
        }
        Batch { body: body.into_bytes(), events: BATCH as u64 }
    }
}

/// Resident memory once a second.
fn sample(pid: u32, done: &AtomicBool) -> Vec<f64> {
    let mut samples = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap_or_default();
        let pages: Option<f64> = text.split_whitespace().nth(1).and_then(|n| n.parse().ok());
        samples.extend(pages.map(|pages| pages * 4096.0));
        std::thread::sleep(Duration::from_secs(1));
    }
    samples
}

/// The mean, and the growth over the stretch by least squares, per cent of the mean.
fn growth(samples: &[f64]) -> (f64, f64) {
    let n = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / n;
    let middle = (n - 1.0) / 2.0;
    let (mut above, mut below) = (0.0, 0.0);
    for (at, value) in samples.iter().enumerate() {
        let x = at as f64 - middle;
        above += x * (value - mean);
        below += x * x;
    }
    (mean, above / below * (n - 1.0) / mean * 100.0)
}

/// Memory over time as a line of bars, from nothing to the most.
fn plot(samples: &[f64]) -> String {
    const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = samples.iter().copied().fold(1.0, f64::max);
    let bar = |chunk: &[f64]| {
        let mean = chunk.iter().sum::<f64>() / chunk.len() as f64;
        BARS[((mean / most * 8.0) as usize).min(7)]
    };
    let line: String = samples.chunks(samples.len().div_ceil(80)).map(bar).collect();
    format!("{line} {:.1} MB at most", most / 1e6)
}
