//! Question: how soon are incidents right again after the topology has changed?
//!
//! Unit:     milliseconds from when an edit was due until its answer is there
//! Workload: W3 of BENCHMARKS.md: relations of a topology of 100 k entities and 400 k relations
//!           come and go, half of them deletes, open loop, under active alerts; then the
//!           worst that an edit can do: a bridge in a chain of 10 k alerting entities, one
//!           dependency of a hub with 10 k alerting dependents at 10 Hz, and a relation that
//!           joins and parts two stars of 50 k alerting entities
//! Seed:     7
//! Command:  `cargo bench --bench w3 [-- --runs 10 --active 100000]`
//!
//! An epoch is answered as a whole, so an incident that has nothing to do with a bad edit
//! waits as long as that edit takes: the maximum of an adversarial row is its wait.
//! After the churn every edge is as it was, so the digest must be that of no churn at all.

#[allow(dead_code, reason = "each bench uses its part")]
mod harness;
#[allow(dead_code, reason = "each bench uses its part")]
mod work;

#[path = "w3/adverse.rs"]
mod adverse;

use causeway_dataflows::model::Op;
use causeway_loadgen::rng::Rng;
use clap::Parser;
use harness::report::{self, Figure, Target};
use harness::{Common, Meter, Outcome, rounds};
use serde_json::json;
use std::collections::VecDeque;
use work::graph::relation;
use work::groups::Engine;
use work::openloop::{Arrival, drive, stall_self};
use work::scratch;
use work::stream::{Shape, World, load, params, world};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Arguments of this bench.
#[derive(Parser)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    /// Entities; each depends on four others.
    #[arg(long, default_value_t = 100_000)]
    entities: u32,
    /// Active alerts.
    #[arg(long, default_value_t = 50_000)]
    active: u32,
    /// Alerts that begin in a second of event time.
    #[arg(long, default_value_t = 2.0)]
    onsets: f64,
    /// Edits a second.
    #[arg(long, default_value_t = 500.0)]
    rate: f64,
    /// Seconds of churn.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Entities of the chain, and dependents of the hub.
    #[arg(long, default_value_t = 10_000)]
    chain: u32,
    /// Entities of each of the two stars.
    #[arg(long, default_value_t = 50_000)]
    star: u32,
}

const CHURN: &str = "churn";
const GROUPS: &str = "who is in which incident";

fn main() {
    let args = Args::parse();
    if let Some(name) = &args.common.row {
        return row(name, &args).print();
    }
    let rows = [
        ("no churn: recompute", 1),
        (CHURN, 4),
        ("self-test", 1),
        ("chain", 2),
        ("hub", 2),
        ("stars", 2),
    ];
    let mut outcomes = rounds::run(&args.common, &rows);
    rounds::check(&mut outcomes);
    let setup = json!({"entities": args.entities, "active": args.active, "chain": args.chain,
                       "star": args.star, "onsets_per_second": args.onsets,
                       "edits_per_second": args.rate, "seconds": args.seconds,
                       "seed": args.common.seed, "runs": args.common.runs});
    std::process::exit(report::finish("w3", setup, &outcomes, &figures(&outcomes)));
}

fn figures(outcomes: &[Outcome]) -> Vec<Figure> {
    use Target::{AtLeast, AtMost};
    let of = |row: &str, name: &str| report::named(outcomes, row, name);
    let mut figures = vec![
        Figure::new("churn p50, ms", &of(CHURN, "p50_ms"), AtMost(1.0)),
        Figure::new("churn p99, ms", &of(CHURN, "p99_ms"), AtMost(10.0)),
        Figure::new("churn p99.9, ms", &of(CHURN, "p99.9_ms"), AtMost(50.0)),
        Figure::new(
            "self-test: p99.9 with a stop of 2 s, ms",
            &of("self-test", "p99.9_ms"),
            AtLeast(1_500.0),
        ),
    ];
    for row in ["chain", "hub", "stars"] {
        let (part, join) = (of(row, "part_max_ms"), of(row, "join_max_ms"));
        figures.push(Figure::new(format!("{row}: an edge goes, worst ms"), &part, AtMost(500.0)));
        figures.push(Figure::new(format!("{row}: an edge comes, worst ms"), &join, AtMost(500.0)));
        let wait: Vec<f64> = part.iter().zip(&join).map(|(a, b)| a.max(*b)).collect();
        let name = format!("{row}: unrelated incidents wait, worst ms");
        figures.push(Figure::new(name, &wait, AtMost(200.0)));
    }
    figures
}

fn row(name: &str, args: &Args) -> Outcome {
    match name {
        "no churn: recompute" => still(name, args),
        CHURN => churn(name, args, false),
        "self-test" => churn(name, args, true),
        "chain" => adverse::chain(name, args),
        "hub" => adverse::hub(name, args),
        "stars" => adverse::stars(name, args),
        _ => Outcome { void: Some("there is no such row".to_owned()), ..Outcome::default() },
    }
}

impl Args {
    fn shape(&self) -> Shape {
        Shape { entities: self.entities, onsets: self.onsets, seed: self.common.seed }
    }
}

fn loaded(args: &Args, keep: bool) -> (World, Engine) {
    let world = world(&args.shape(), args.active);
    let mut engine = Engine::start(1, &params(args.active), keep);
    load(&mut engine, &world);
    (world, engine)
}

/// The groups of the topology as it is, from scratch.
fn still(name: &str, args: &Args) -> Outcome {
    let (world, engine) = loaded(args, true);
    let standing = engine.finish();
    let rows = standing.rows.unwrap_or_default().into_values().collect();
    let meter = Meter::start();
    let found = scratch::recompute(&world.graph, rows, &params(args.active));
    let outcome = Outcome::new(name, GROUPS, 1, args.common.seed).spent(meter.stop());
    let (events, outputs, also) = (found.alerts, found.groups, standing.digest.to_string());
    Outcome { events, outputs, digest: found.members.text(), also, ..outcome }
}

/// Relations go and come back, in the order in which they went.
fn churn(name: &str, args: &Args, stalled: bool) -> Outcome {
    let (world, mut engine) = loaded(args, false);
    let mut rng = Rng::stream(args.common.seed, "w3 churn");
    let mut there = world.graph.edges.clone();
    let mut gone: VecDeque<(u32, u32)> = VecDeque::new();
    if stalled {
        stall_self(3);
    }
    let meter = Meter::start();
    let revisions = engine.standing.revisions;
    let driven = drive(&mut engine, args.rate, args.seconds, world.now, |number, second| {
        let time_ns = second * 1_000_000_000 + number as i64;
        // A hundred are away at a time, so that one that comes back has been missed.
        let back = if gone.len() > 100 { gone.pop_front() } else { None };
        let edit = match back {
            Some(edge) => {
                there.push(edge);
                relation(edge, Op::Upsert, time_ns)
            }
            None => {
                let edge = there.swap_remove(rng.below(there.len()));
                gone.push_back(edge);
                relation(edge, Op::Delete, time_ns)
            }
        };
        Arrival { lines: Vec::new(), context: vec![edit] }
    });
    let outcome = Outcome::new(name, GROUPS, 1, args.common.seed).spent(meter.stop());
    let changed = (engine.standing.revisions - revisions) as f64;
    let last = (driven.now + 1) * 1_000_000_000;
    let back = gone.into_iter().map(|edge| relation(edge, Op::Upsert, last)).collect();
    engine.submit(driven.now + 1, &[], back);
    let standing = engine.finish();
    let (events, outputs) = (driven.latencies.len(), standing.incidents as u64);
    let outcome = Outcome { events, outputs, digest: standing.members.text(), ..outcome };
    let outcome = Outcome { also: standing.digest.to_string(), ..outcome };
    driven.into_outcome(outcome.figure("revisions", changed))
}
