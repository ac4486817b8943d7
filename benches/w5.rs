//! Question: how long is it from a message in Kafka to its incident in Kafka, and how many events
//! a second go that way?
//!
//! Unit:     thousand events a second of wall; milliseconds from when an event was due to when a
//!           reader of committed messages has its incident
//! Workload: W5 of BENCHMARKS.md: one broker of Apache Kafka, `causeway run` with journal, the
//!           producer and the reader, all on the same cores; lines of the normal event of 50,000
//!           firing alerts that repeat by Zipf(1.1), and `--probes` a second that open an alert on
//!           an entity of its own, which is told at once (`emission: {settle: 0s}`)
//! Seed:     7
//! Command:  `cargo bench --bench w5 [-- --runs 10 --seconds 20 --lines 1,20]`, after
//!           `tools/kafka.sh fetch`
//!
//! The most is found by a producer that is at most a second's worth ahead of what has been taken;
//! the open loop sends at 50 % and 80 % of it. What is taken is read from the process's own
//! metrics. The floor is a consumer and a producer of librdkafka with nothing between them: it
//! passes every message on, of which the process would tell a few. `--lines` says how many
//! events a message holds: with one, what a message costs the broker and the clients decides.
//! The broker is started as tests start it, compiled quickly and not well, in 256 MB.

#[allow(dead_code, unused_imports, reason = "each bench uses its part")]
mod harness;
#[allow(dead_code, reason = "each bench uses its part")]
mod work;

#[allow(dead_code, clippy::unwrap_used, reason = "the broker is that of the tests")]
#[path = "../tests/it/kafka/broker.rs"]
mod broker;
#[path = "w5/forward.rs"]
mod forward;
#[path = "w5/stream.rs"]
mod stream;
#[path = "w5/rows.rs"]
mod rows;

use clap::Parser;
use harness::report::{self, Figure, Target};
use harness::{Common, Outcome};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Arguments of this bench.
#[derive(Parser, Clone)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    /// Alerts that fire and repeat.
    #[arg(long, default_value_t = 10_000)]
    keys: u64,
    /// Seconds of an open loop, and half as many of the search for the most.
    #[arg(long, default_value_t = 12)]
    seconds: u64,
    /// Events of a message.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 20])]
    lines: Vec<u64>,
    /// Alerts a second that are new.
    #[arg(long, default_value_t = 100.0)]
    probes: f64,
    /// What the process of the floor is to connect to.
    #[arg(long, hide = true)]
    brokers: Option<String>,
}

fn main() {
    let args = Args::parse();
    if let (Some(row), Some(brokers)) = (&args.common.row, &args.brokers) {
        return forward::run(row, brokers);
    }
    let mut outcomes = Vec::new();
    for round in 0..args.common.runs.min(4) {
        eprintln!("run {}", round + 1);
        for lines in &args.lines {
            outcomes.extend(rows::all(&args, *lines));
        }
    }
    outcomes.push(rows::self_test(&args));
    let setup = json!({"keys": args.keys, "seconds": args.seconds, "lines": args.lines,
                       "probes_per_second": args.probes, "runs": args.common.runs,
                       "seed": args.common.seed});
    std::process::exit(report::finish("w5", setup, &outcomes, &figures(&args, &outcomes)));
}

fn figures(args: &Args, outcomes: &[Outcome]) -> Vec<Figure> {
    use Target::{AtLeast, AtMost, None};
    let mut figures = Vec::new();
    for lines in &args.lines {
        for way in rows::WAYS {
            let name = format!("{}, {lines} a message", way.name);
            let most = format!("{name}, most");
            let thousand = |row: &str| report::values(outcomes, row, |o| o.rate_wall() * 1e3);
            let goal = if way.is_floor() { None } else { AtLeast(400.0) };
            figures.push(Figure::new(
                format!("{most}: k events/s of wall"),
                &thousand(&most),
                goal,
            ));
            if !way.is_floor() {
                let floor = format!("{}, {lines} a message, most", rows::FLOOR.name);
                let over = report::ratios(outcomes, &most, &floor, Outcome::rate_wall);
                figures.push(Figure::new(format!("{most}: over the floor"), &over, None));
            }
            for percent in rows::PERCENTS {
                let row = format!("{name}, at {percent} %");
                let named = |figure| report::named(outcomes, &row, figure);
                let goal = match (way.p99_ms, percent) {
                    (Some(ms), 50) => AtMost(ms),
                    _ => None,
                };
                figures.extend([
                    Figure::new(format!("{row}: k events/s"), &thousand(&row), None),
                    Figure::new(format!("{row}: p50, ms"), &named("p50_ms"), None),
                    Figure::new(format!("{row}: p99, ms"), &named("p99_ms"), goal),
                    Figure::new(format!("{row}: p99.9, ms"), &named("p99.9_ms"), None),
                ]);
            }
        }
    }
    let shown = report::named(outcomes, "self-test", "p99.9_ms");
    let what = "self-test: p99.9 of a run with a stop of 2 s, ms";
    figures.push(Figure::new(what, &shown, AtLeast(1_000.0)));
    figures
}
