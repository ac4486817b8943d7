//! False findings on series in which nothing happens, made up from a seed.

use super::synth::Rng;
use causeway_dataflows::detect::metric::{MetricModel, Series};
use serde_json::{Value, json};
use std::f64::consts::TAU;

/// 2026-01-05, a Monday.
const START: i64 = 1_767_571_200;
const DAY: i64 = 86_400;
const DAYS: i64 = 28;

/// Kinds of series: what each is in a word.
const KINDS: [&str; 10] = [
    "noise",
    "daily",
    "daily, slow noise",
    "latency",
    "counts",
    "rare counts",
    "sawtooth",
    "weekly",
    "percent",
    "constant",
];

/// Scores four weeks of each kind, all rows counted from the first, and prints findings a
/// series and day.
pub fn run(seed: u64) -> Value {
    let mut rows = Vec::new();
    for (step, series) in [(300, 8u64), (60, 4)] {
        let mut all = 0;
        let mut told = Vec::new();
        for (kind, name) in KINDS.iter().enumerate() {
            let findings: usize =
                (0..series).map(|one| findings(kind, seed + one * 16 + kind as u64, step)).sum();
            all += findings;
            told.push(format!("{name} {:.3}", findings as f64 / (series as i64 * DAYS) as f64));
        }
        let days = (series as i64 * DAYS) as f64 * KINDS.len() as f64;
        let rate = all as f64 / days;
        println!("quiet series, every {step} s: {rate:.4} findings a series and day, aim 0.02");
        println!("  {}", told.join(", "));
        rows.push(json!({"step_seconds": step, "series_days": days, "rate": rate}));
    }
    Value::from(rows)
}

fn findings(kind: usize, seed: u64, step: i64) -> usize {
    let model = MetricModel::default();
    let mut series = Series::default();
    let mut maker = Maker::new(kind, seed, step);
    let rows = 0..DAYS * DAY / step;
    rows.filter(|row| series.step(&model, START + row * step, maker.value(row * step)).alert)
        .count()
}

/// A series being made.
struct Maker {
    kind: usize,
    rng: Rng,
    step: f64,
    phase: f64,
    course: f64,
    level: f64,
    noise: f64,
    memory: f64,
    slow: f64,
    saw: f64,
    rate: f64,
}

impl Maker {
    fn new(kind: usize, seed: u64, step: i64) -> Maker {
        let mut rng = Rng(seed);
        let step = step as f64;
        Maker {
            kind,
            step,
            phase: rng.unit(),
            course: 0.1 + 0.35 * rng.unit(),
            level: 5.0 + 100.0 * rng.unit(),
            noise: 0.02 + 0.2 * rng.unit(),
            memory: (-step / (120.0 + 1800.0 * rng.unit())).exp(),
            slow: 0.0,
            saw: 0.0,
            rate: 0.01 + 0.05 * rng.unit(),
            rng,
        }
    }

    fn bell(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.rng.unit()).ln()).sqrt();
        radius * (TAU * self.rng.unit()).cos()
    }

    fn count(&mut self, mean: f64) -> f64 {
        if mean > 40.0 {
            return (mean + mean.sqrt() * self.bell()).round().max(0.0);
        }
        let (least, mut product, mut count) = ((-mean).exp(), self.rng.unit(), 0.0);
        while product > least {
            product *= self.rng.unit();
            count += 1.0;
        }
        count
    }

    fn value(&mut self, seconds: i64) -> f64 {
        let day = (seconds as f64 / DAY as f64 + self.phase) * TAU;
        let course = 1.0 + self.course * (day.sin() + 0.3 * (2.0 * day).sin());
        let weekend = if seconds / DAY % 7 >= 5 { 0.6 } else { 1.0 };
        self.slow = self.memory * self.slow + (1.0 - self.memory.powi(2)).sqrt() * self.bell();
        let bell = self.bell();
        match self.kind {
            0 => self.level * (1.0 + self.noise * bell),
            1 => self.level * (course + self.noise * bell),
            2 => self.level * (course + self.noise * self.slow),
            3 => self.level * course.sqrt() * (0.3 * bell).exp(),
            4 => self.count(self.level * course),
            5 => self.count(self.rate),
            6 => {
                self.saw += self.step * (0.5 + self.rng.unit());
                if self.saw > self.level * 200.0 * (1.0 + 0.1 * self.bell()) {
                    self.saw = 0.0;
                }
                self.saw + self.level * bell
            }
            7 => self.level * course * weekend * (1.0 + 0.5 * self.noise * bell),
            8 => (40.0 * course + 3.0 * self.slow + 2.0 * bell).round().clamp(0.0, 100.0),
            _ => self.level,
        }
    }
}
