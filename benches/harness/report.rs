//! The table on the screen and the JSON beside it.

use super::args::folder;
use super::outcome::Outcome;
use super::stats::{Median, median};
use serde_json::{Value, json};

/// What a figure should be.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// Nothing is asked of it.
    None,
}

/// A derived figure with what is asked of it.
pub struct Figure {
    /// What, with its unit.
    pub name: String,
    /// How much.
    pub value: Median,
    /// Over how many runs; zero when its rows were not asked for.
    pub runs: usize,
    /// What it should be.
    pub target: Target,
}

impl Figure {
    /// A figure over `values`, one for each run.
    pub fn new(name: impl Into<String>, values: &[f64], target: Target) -> Figure {
        Figure { name: name.into(), value: median(values), runs: values.len(), target }
    }

    fn verdict(&self) -> String {
        let value = self.value.value;
        let (met, sign, goal) = match self.target {
            Target::AtLeast(goal) => (value >= goal, "≥", goal),
            Target::AtMost(goal) => (value <= goal, "≤", goal),
            Target::None => return String::new(),
        };
        format!("{sign} {goal:<8} {}", if met { "met" } else { "MISSED" })
    }
}

/// The runs of `row` that count, in order.
pub fn runs<'a>(outcomes: &'a [Outcome], row: &str) -> Vec<&'a Outcome> {
    outcomes.iter().filter(|o| o.row == row && o.void.is_none()).collect()
}

/// `of` of the runs of `row`.
pub fn values(outcomes: &[Outcome], row: &str, of: impl Fn(&Outcome) -> f64) -> Vec<f64> {
    runs(outcomes, row).into_iter().map(of).collect()
}

/// A named figure of the runs of `row`.
pub fn named(outcomes: &[Outcome], row: &str, name: &str) -> Vec<f64> {
    let found = |outcome: &&Outcome| outcome.figures.get(name).copied();
    runs(outcomes, row).iter().filter_map(found).collect()
}

/// `of` of the runs of `row` over the same run's of `base`.
pub fn ratios(
    outcomes: &[Outcome],
    row: &str,
    base: &str,
    of: impl Fn(&Outcome) -> f64,
) -> Vec<f64> {
    let (rows, bases) = (values(outcomes, row, &of), values(outcomes, base, &of));
    rows.iter().zip(bases).map(|(row, base)| row / base.max(1e-12)).collect()
}

/// Prints rows and figures, writes them to `target/bench/NAME.json`, and gives the exit code.
///
/// # Panics
/// When the file cannot be written: the run would be lost.
pub fn finish(name: &str, setup: Value, outcomes: &[Outcome], figures: &[Figure]) -> i32 {
    println!("\n{name}: {setup}");
    table(outcomes);
    println!();
    for figure in figures.iter().filter(|figure| figure.runs > 0) {
        let Median { value, low, high } = figure.value;
        let verdict = figure.verdict();
        println!("{:<66} {value:>9.3}  [{low:.3} – {high:.3}]  {verdict}", figure.name);
    }
    let path = folder().join(format!("{name}.json"));
    let figures: Vec<Value> = figures
        .iter()
        .filter(|figure| figure.runs > 0)
        .map(|figure| {
            let Median { value, low, high } = figure.value;
            json!({"name": figure.name, "median": value, "low": low, "high": high,
                   "verdict": figure.verdict()})
        })
        .collect();
    let void = outcomes.iter().filter(|outcome| outcome.void.is_some()).count();
    let all = json!({"bench": name, "setup": setup, "void": void, "figures": figures,
                     "runs": outcomes});
    let text = serde_json::to_string_pretty(&all).expect("numbers and texts become JSON");
    std::fs::write(&path, text).expect("target/bench can be written");
    println!("\nwritten to {}", path.display());
    for outcome in outcomes.iter().filter(|outcome| outcome.void.is_some()) {
        println!("VOID {}: {}", outcome.row, outcome.void.as_deref().unwrap_or_default());
    }
    i32::from(void > 0)
}

fn table(outcomes: &[Outcome]) {
    println!(
        "{:<24} {:>2} {:>10} {:>9} {:>7} {:>7} {:>6} {:>7} {:>7} {:>7} {:>7}  digest",
        "row",
        "w",
        "events",
        "outputs",
        "wall s",
        "user s",
        "sys s",
        "M/s",
        "M/s cpu",
        "MB",
        "peak"
    );
    let mut names: Vec<&str> = Vec::new();
    for outcome in outcomes {
        if !names.contains(&outcome.row.as_str()) {
            names.push(&outcome.row);
        }
    }
    for name in names {
        let Some(first) = runs(outcomes, name).first().copied() else { continue };
        let of = |of: fn(&Outcome) -> f64| median(&values(outcomes, name, of)).value;
        println!(
            "{name:<24} {:>2} {:>10} {:>9} {:>7.3} {:>7.3} {:>6.2} {:>7.3} {:>7.3} {:>7.0} {:>7.0}  {}",
            first.workers,
            first.events,
            first.outputs,
            of(|o| o.wall_s),
            of(|o| o.user_s),
            of(|o| o.system_s),
            of(Outcome::rate_wall),
            of(Outcome::rate_cpu),
            of(|o| o.rss_before as f64 / 1e6),
            of(|o| o.rss_peak as f64 / 1e6),
            if first.work.is_empty() { "–" } else { &first.digest },
        );
    }
}
