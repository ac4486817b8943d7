//! Question: how fast are metric samples scored, beside a hand-written loop over arrays?
//!
//! Unit:     million samples a second of processor time, bytes a series
//! Workload: W4 of BENCHMARKS.md: 100 k and 1 M series in dense slots, a sample of each every
//!           10 s of event time, a daily course with noise and a fault in one series of 10 000
//! Seed:     7
//! Command:  `cargo bench --bench w4 [-- --samples 60000000 --runs 10]`
//!
//! The ensemble is the detector as the dataflow runs it; the mean alone is one running mean
//! and spread in the same slots; the floor keeps eight views in one array for each figure.
//! Rows of the ensemble with as many series agree on every score, run by run.

#[allow(dead_code, unused_imports, reason = "each bench uses its part")]
mod harness;
#[path = "floor/scores.rs"]
mod scores;

use causeway_dataflows::detect::metric::{MetricModel, Series};
use clap::Parser;
use harness::report::{self, Figure, Target};
use harness::{Common, Meter, Outcome, rounds};
use serde_json::json;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Arguments of this bench.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// Samples of each row, over all series.
    #[arg(long, default_value_t = 20_000_000)]
    samples: u64,
}

const SMALL: usize = 100_000;
const LARGE: usize = 1_000_000;

/// Rows with the most runs each gets.
const ROWS: [(&str, usize); 6] = [
    ("ensemble, 100 k series", usize::MAX),
    ("mean alone, 100 k series", usize::MAX),
    ("floor, 100 k series", usize::MAX),
    ("ensemble, 1 M series", usize::MAX),
    ("mean alone, 1 M series", usize::MAX),
    ("floor, 1 M series", usize::MAX),
];

fn main() {
    let args = Args::parse();
    if let Some(name) = &args.common.row {
        return row(name, &args).print();
    }
    let mut outcomes = rounds::run(&args.common, &ROWS);
    rounds::check(&mut outcomes);
    let setup =
        json!({"samples": args.samples, "runs": args.common.runs, "seed": args.common.seed});
    std::process::exit(report::finish("w4", setup, &outcomes, &figures(&outcomes)));
}

fn figures(outcomes: &[Outcome]) -> Vec<Figure> {
    use Target::{AtLeast, AtMost};
    let mut figures = Vec::new();
    for (size, ensemble, alone) in [("100 k", 5.0, 20.0), ("1 M", 2.5, 8.0)] {
        let row = |what: &str| format!("{what}, {size} series");
        let rate = |what: &str| report::values(outcomes, &row(what), Outcome::rate_cpu);
        let floor = report::ratios(outcomes, &row("ensemble"), &row("floor"), Outcome::rate_cpu);
        let name = |what: &str| format!("{}, M samples/s/core", row(what));
        figures.push(Figure::new(name("ensemble"), &rate("ensemble"), AtLeast(ensemble)));
        figures.push(Figure::new(name("mean alone"), &rate("mean alone"), AtLeast(alone)));
        figures.push(Figure::new(name("floor"), &rate("floor"), Target::None));
        figures.push(Figure::new(format!("{size}: ensemble over floor"), &floor, AtLeast(0.3)));
        let bytes = report::named(outcomes, &row("ensemble"), "bytes_per_series");
        figures.push(Figure::new(format!("{size}: bytes a series"), &bytes, AtMost(1024.0)));
    }
    figures
}

fn row(name: &str, args: &Args) -> Outcome {
    let series = if name.ends_with("1 M series") { LARGE } else { SMALL };
    let ticks = (args.samples / series as u64).max(1);
    let input = Input::new(args.common.seed);
    let outcome =
        Outcome { events: ticks * series as u64, ..Outcome::new(name, "", 1, args.common.seed) };
    match name.split(',').next() {
        Some("ensemble") => ensemble(&input, series, ticks, outcome),
        Some("mean alone") => alone(&input, series, ticks, outcome),
        Some("floor") => floored(&input, series, ticks, outcome),
        _ => Outcome { void: Some(format!("there is no row {name:?}")), ..outcome },
    }
}

/// Samples from a table of noise and a course that all series share.
struct Input {
    noise: Vec<f64>,
}

impl Input {
    fn new(seed: u64) -> Input {
        let mut state = seed | 1;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(0x9e37_79b9);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        // The sum of four is near enough to a bell.
        Input { noise: (0..1 << 12).map(|_| next() + next() + next() + next() - 2.0).collect() }
    }

    fn value(&self, series: usize, tick: u64, course: f64) -> f64 {
        let at = series.wrapping_mul(2_654_435_761).wrapping_add(tick as usize * 40_503);
        let fault = if series.is_multiple_of(10_000) && tick % 100 > 90 { 500.0 } else { 0.0 };
        course + 5.0 * self.noise[at & 4095] + fault
    }

    fn course(tick: u64) -> f64 {
        100.0 + 20.0 * (tick as f64 / 8640.0 * std::f64::consts::TAU).sin()
    }
}

fn ensemble(input: &Input, series: usize, ticks: u64, outcome: Outcome) -> Outcome {
    let model = MetricModel::default();
    let meter = Meter::start();
    let mut slots = vec![Series::default(); series];
    let (mut alerts, mut digest) = (0u64, 0u64);
    for tick in 0..ticks {
        let course = Input::course(tick);
        for (slot, state) in slots.iter_mut().enumerate() {
            let value = input.value(slot, tick, course);
            let reading = state.step(&model, tick as i64 * 10, value);
            alerts += u64::from(reading.alert);
            digest = digest.rotate_left(5) ^ u64::from(reading.score_ppm);
        }
    }
    let outcome = Outcome { outputs: alerts, ..outcome.spent(meter.stop()) };
    let outcome = outcome.figure("bytes_per_series", size_of::<Series>() as f64);
    let work = format!("scores of {series} series");
    Outcome { work, digest: format!("{digest:032x}"), ..outcome }
}

/// A running mean and spread.
#[derive(Clone, Copy, Default)]
struct Mean {
    mean: f64,
    variance: f64,
}

fn alone(input: &Input, series: usize, ticks: u64, outcome: Outcome) -> Outcome {
    let meter = Meter::start();
    let mut slots = vec![Mean::default(); series];
    let mut alerts = 0;
    for tick in 0..ticks {
        let course = Input::course(tick);
        let weight = (1.0 / (tick + 1) as f64).max(0.005);
        for (slot, state) in slots.iter_mut().enumerate() {
            let distance = input.value(slot, tick, course) - state.mean;
            alerts += u64::from(tick > 20 && distance * distance > 36.0 * state.variance);
            state.mean += weight * distance;
            state.variance += weight * (distance * distance - state.variance);
        }
    }
    Outcome { outputs: alerts, ..outcome.spent(meter.stop()) }
}

fn floored(input: &Input, series: usize, ticks: u64, outcome: Outcome) -> Outcome {
    let meter = Meter::start();
    let mut all = scores::Scores::new(series);
    let mut values = vec![0.0f32; series];
    let mut sum = 0.0;
    for tick in 0..ticks {
        let course = Input::course(tick);
        for (slot, value) in values.iter_mut().enumerate() {
            *value = input.value(slot, tick, course) as f32;
        }
        sum += all.tick(&values);
    }
    Outcome { outputs: sum as u64, ..outcome.spent(meter.stop()) }
}
