//! Error budgets: what SLOs promise, and how fast their budget may burn.

use crate::model::{Matcher, Severity};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// How error budgets are watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetParams {
    /// What is promised.
    pub slos: Vec<SloParams>,
    /// How long after its end a minute is judged, seconds of tick.
    pub wait_seconds: i64,
    /// Counters that one SLO adds up; numbers of others are counted and not read.
    pub counters_max: usize,
    /// A longer gap between two numbers of a counter says nothing of what was counted between,
    /// seconds of event time.
    pub gap_max_seconds: i64,
}

impl Default for BudgetParams {
    fn default() -> Self {
        BudgetParams {
            slos: Vec::new(),
            wait_seconds: 30,
            counters_max: 10_000,
            gap_max_seconds: 3600,
        }
    }
}

/// One SLO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SloParams {
    /// What it is called; no other of its tenant is.
    pub name: SmolStr,
    /// Whose it is.
    pub tenant: SmolStr,
    /// What its findings are about.
    pub entity: SmolStr,
    /// What is counted.
    pub indicator: Indicator,
    /// The part of all that may be bad, parts per million; at least one.
    pub budget_ppm: u32,
    /// Over how long, seconds.
    pub window_seconds: i64,
    /// When the budget burns too fast.
    pub tiers: Vec<TierParams>,
    /// A tier with fewer events in its long window is not judged: one bad event of three says
    /// nothing.
    pub events_min: u64,
}

/// What an SLO counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Indicator {
    /// Calls.
    Calls {
        /// Whose.
        entity: SmolStr,
        /// Which of its operations; all when there is none.
        operation: Option<SmolStr>,
        /// Whom it asks; when there is none, calls that it answers itself.
        peer: Option<SmolStr>,
        /// Whether one that failed is bad.
        failed_is_bad: bool,
        /// One that took so long or longer is bad, nanoseconds.
        bad_from_ns: Option<u64>,
    },
    /// Counters.
    Ratio {
        /// Those of all that happened; `alertname` stands for the metric.
        total: Vec<Matcher>,
        /// Those of a part of it.
        part: Vec<Matcher>,
        /// Whether that part is the good one.
        part_is_good: bool,
    },
}

/// When the budget burns too fast: in both of two windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TierParams {
    /// Times the rate at which the budget lasts exactly for the SLO's window, thousandths.
    pub burn_milli: u64,
    /// The window that says that it matters, seconds; whole minutes.
    pub long_seconds: i64,
    /// The window that says that it still goes on, seconds; whole minutes.
    pub short_seconds: i64,
    /// How bad that is.
    pub severity: Severity,
}

impl TierParams {
    /// Those of the SRE workbook for an SLO over 30 days: 2 % of the budget in an hour, 5 % in
    /// six, 10 % in a day or three.
    pub const USUAL: [TierParams; 4] = [
        TierParams::new(14_400, 3_600, 300, Severity::CRITICAL),
        TierParams::new(6_000, 21_600, 1_800, Severity::CRITICAL),
        TierParams::new(3_000, 86_400, 7_200, Severity::WARNING),
        TierParams::new(1_000, 259_200, 21_600, Severity::WARNING),
    ];

    const fn new(
        burn_milli: u64,
        long_seconds: i64,
        short_seconds: i64,
        severity: Severity,
    ) -> TierParams {
        TierParams { burn_milli, long_seconds, short_seconds, severity }
    }
}
