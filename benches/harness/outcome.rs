//! What one run of one row says.

use super::usage::Spent;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One run of one row, as it travels from the row's process to the parent and to the file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Outcome {
    /// Which row.
    pub row: String,
    /// What was computed: rows of one work must agree on the digest. Empty when it has none.
    pub work: String,
    /// Events, or changes, that went in.
    pub events: u64,
    /// What came out: alerts, incidents, lines.
    pub outputs: u64,
    /// Order-insensitive, 128 bits, hexadecimal.
    pub digest: String,
    /// A second digest, of more than the oracle computes; rows that have one must agree.
    #[serde(default)]
    pub also: String,
    /// Seconds by the clock.
    pub wall_s: f64,
    /// Seconds of processor time in user mode.
    pub user_s: f64,
    /// Seconds of processor time in the kernel.
    pub system_s: f64,
    /// Resident bytes before the work.
    pub rss_before: u64,
    /// Peak resident bytes during the work.
    pub rss_peak: u64,
    /// Workers.
    pub workers: usize,
    /// Seed of the input.
    pub seed: u64,
    /// Version of the program.
    pub version: String,
    /// Why the run does not count, when it does not.
    pub void: Option<String>,
    /// Further figures by name, each with its unit in the name.
    pub figures: BTreeMap<String, f64>,
    /// Per-second latency percentiles, where the row is a latency row.
    pub seconds: Vec<[f64; 4]>,
}

impl Outcome {
    /// An outcome of `row` with nothing in it yet.
    pub fn new(row: &str, work: &str, workers: usize, seed: u64) -> Outcome {
        Outcome {
            row: row.to_owned(),
            work: work.to_owned(),
            workers,
            seed,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..Outcome::default()
        }
    }

    /// With what it cost.
    #[must_use]
    pub fn spent(mut self, spent: Spent) -> Outcome {
        self.wall_s = spent.wall_s;
        self.user_s = spent.user_s;
        self.system_s = spent.system_s;
        self.rss_before = spent.rss_before;
        self.rss_peak = spent.rss_peak;
        self
    }

    /// With one more figure.
    #[must_use]
    pub fn figure(mut self, name: &str, value: f64) -> Outcome {
        self.figures.insert(name.to_owned(), value);
        self
    }

    /// Millions of events a second of wall.
    pub fn rate_wall(&self) -> f64 {
        self.events as f64 / self.wall_s.max(1e-9) / 1e6
    }

    /// Millions of events a second of processor time, user and system.
    pub fn rate_cpu(&self) -> f64 {
        self.events as f64 / (self.user_s + self.system_s).max(1e-9) / 1e6
    }

    /// Prints it for the parent.
    ///
    /// # Panics
    /// Never: numbers and texts can always be written.
    pub fn print(&self) {
        println!("{}", serde_json::to_string(self).expect("numbers and texts become JSON"));
    }
}
