//! Question: what does it cost to keep explained groups true, beside recomputing them?
//!
//! Unit:     million events a second of processor time; milliseconds from due to answered;
//!           a change's cost over a full recompute's; bytes per active alert
//! Workload: W2 of BENCHMARKS.md: decode, dedup, topology join, groups with cause and
//!           explanation; 100 k entities, 400 k relations; 10 k to 1 M active alerts from faults
//!           on an entity and up to three of its dependents, `--onsets` a second of event time
//! Seed:     7
//! Command:  `cargo bench --bench w2 [-- --sizes 10000,100000,1000000 --runs 10]`
//!
//! `floor` is a union-find over the active links, from scratch as often as the engine answers: it
//! groups by links alone, so its digest is its own. `recompute` decides
//! every group from scratch with the engine's own pure function: the `w2` rows must agree with
//! it. The churn rows time both recomputes beside the change. `--onsets` matters: an alert's
//! region grows with the alerts that are near it in time and topology, and at about eight
//! onsets a second over 100 k entities most alerts are near another.

#[allow(dead_code, reason = "each bench uses its part")]
mod harness;
#[allow(dead_code, reason = "each bench uses its part")]
mod floor;
#[allow(dead_code, reason = "each bench uses its part")]
mod work;

#[path = "w2/rows.rs"]
mod rows;
#[path = "w2/churn.rs"]
mod churn;

use clap::Parser;
use harness::report::{self, Figure, Target};
use harness::{Common, Outcome, rounds};
use serde_json::json;

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
    /// Active alerts under the throughput rows.
    #[arg(long, default_value_t = 100_000)]
    active: u32,
    /// Active alerts of the latency and churn rows.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 100_000])]
    sizes: Vec<u32>,
    /// Lines of the throughput rows.
    #[arg(long, default_value_t = 1_000_000)]
    events: u32,
    /// Lines of the row in which every line is a transition.
    #[arg(long, default_value_t = 20_000)]
    transitions: u32,
    /// Alerts that begin in a second of event time.
    #[arg(long, default_value_t = 2.0)]
    onsets: f64,
    /// Changes a second in the latency rows.
    #[arg(long, default_value_t = 200.0)]
    rate: f64,
    /// Seconds of the latency rows.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

impl Args {
    fn shape(&self) -> work::stream::Shape {
        let (entities, onsets, seed) = (self.entities, self.onsets, self.common.seed);
        work::stream::Shape { entities, onsets, seed }
    }
}

/// Oracle, product: what must agree.
const GROUPS: &str = "who is in which incident";

fn main() {
    let args = Args::parse();
    if let Some(name) = &args.common.row {
        return row(name, &args).print();
    }
    let mut names = vec![
        ("floor".to_owned(), usize::MAX),
        ("w2, 1 worker".to_owned(), usize::MAX),
        ("w2, 2 workers".to_owned(), usize::MAX),
        ("recompute".to_owned(), 1),
        ("transitions".to_owned(), 4),
        ("self-test".to_owned(), 1),
    ];
    for size in &args.sizes {
        names.push((format!("one change, {size}"), 2));
        names.push((format!("churn, {size}"), 1));
    }
    let names: Vec<(&str, usize)> =
        names.iter().map(|(name, most)| (name.as_str(), *most)).collect();
    let mut outcomes = rounds::run(&args.common, &names);
    rounds::check(&mut outcomes);
    let setup = json!({"entities": args.entities, "active": args.active, "sizes": args.sizes,
                       "events": args.events, "onsets_per_second": args.onsets,
                       "changes_per_second": args.rate, "seed": args.common.seed,
                       "runs": args.common.runs});
    std::process::exit(report::finish("w2", setup, &outcomes, &figures(&args, &outcomes)));
}

fn row(name: &str, args: &Args) -> Outcome {
    let size = |prefix: &str| name.strip_prefix(prefix).and_then(|rest| rest.parse().ok());
    match name {
        "floor" => rows::floored(name, args),
        "w2, 1 worker" => rows::repeats(name, args, 1),
        "w2, 2 workers" => rows::repeats(name, args, 2),
        "recompute" => rows::recomputed(name, args),
        "transitions" => rows::transitions(name, args),
        "self-test" => rows::one_change(name, args, 10_000, true),
        _ => match (size("one change, "), size("churn, ")) {
            (Some(active), _) => rows::one_change(name, args, active, false),
            (_, Some(active)) => churn::churn(name, args, active),
            _ => Outcome { void: Some("there is no such row".to_owned()), ..Outcome::default() },
        },
    }
}

fn figures(args: &Args, outcomes: &[Outcome]) -> Vec<Figure> {
    use Target::{AtLeast, AtMost, None};
    let (one, two) = ("w2, 1 worker", "w2, 2 workers");
    let rate = |row| report::values(outcomes, row, Outcome::rate_cpu);
    let mut figures = vec![
        Figure::new("floor, M events/s of processor time", &rate("floor"), None),
        Figure::new("1 % transitions, M events/s of processor time", &rate(one), AtLeast(1.0)),
        Figure::new(
            "1 worker over the floor, processor time",
            &report::ratios(outcomes, one, "floor", Outcome::rate_cpu),
            AtLeast(1.0),
        ),
        Figure::new(
            "2 workers over 1, wall",
            &report::ratios(outcomes, two, one, Outcome::rate_wall),
            None,
        ),
        Figure::new("transitions alone, M/s of processor time", &rate("transitions"), AtLeast(0.1)),
        Figure::new(
            "self-test: p99.9 with a stop of 2 s, ms",
            &report::named(outcomes, "self-test", "p99.9_ms"),
            AtLeast(1_500.0),
        ),
    ];
    for size in &args.sizes {
        let (change, churn) = (format!("one change, {size}"), format!("churn, {size}"));
        let latency = |name| report::named(outcomes, &change, name);
        let of = |name| report::named(outcomes, &churn, name);
        let named = |what: &str| format!("{size} active: {what}");
        figures.extend([
            Figure::new(named("one change p50, ms"), &latency("p50_ms"), AtMost(1.0)),
            Figure::new(named("one change p99, ms"), &latency("p99_ms"), AtMost(5.0)),
            Figure::new(named("loading, k alerts/s"), &of("load_k_per_s"), None),
            Figure::new(named("bytes per active alert"), &of("bytes_per_alert"), None),
            Figure::new(named("0.1 % churn, ms"), &of("small_ms"), None),
            Figure::new(named("100 % churn, ms"), &of("whole_ms"), None),
            Figure::new(named("same answer from scratch, ms"), &of("recompute_ms"), None),
            Figure::new(named("union-find from scratch, ms"), &of("union_find_ms"), None),
            Figure::new(
                named("from scratch (same answer) over 0.1 % churn"),
                &of("recompute_over_small"),
                AtLeast(10.0),
            ),
            Figure::new(
                named("100 % churn over from scratch (same answer)"),
                &of("whole_over_recompute"),
                AtMost(1.2),
            ),
            Figure::new(named("union-find over 0.1 % churn"), &of("union_find_over_small"), None),
        ]);
    }
    if let [first, .., last] = args.sizes[..] {
        let p50 = |size| report::named(outcomes, &format!("one change, {size}"), "p50_ms");
        let growth: Vec<f64> = p50(last).iter().zip(p50(first)).map(|(l, f)| l / f).collect();
        let name = format!("one change p50, {last} active over {first}");
        figures.push(Figure::new(name, &growth, AtMost(2.0)));
    }
    figures
}
