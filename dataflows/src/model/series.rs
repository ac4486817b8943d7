//! What detection keeps of a series, for people who ask; it is in no collection.

use super::event::{Identity, SourceIndex};
use super::ids::Seconds;
use smol_str::SmolStr;
use std::sync::Arc;

/// One thing that is watched.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesRow {
    /// What it is called.
    pub identity: Arc<Identity>,
    /// The source whose policy applies.
    pub source: SourceIndex,
    /// The tick at which something was heard of it last.
    pub heard: Seconds,
    /// Nothing is found before this second.
    pub begins: Option<Seconds>,
    /// What is known.
    pub kept: Kept,
}

/// What is known of it, by its sort.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// A metric.
    Metric(FigureRow),
    /// A writer of log lines.
    Log {
        /// Lines that were read.
        lines: u64,
        /// Lines that wait for the end of their minute.
        waiting: usize,
        /// Templates that stand.
        templates: usize,
        /// The most frequent of them.
        frequent: Vec<TemplateRow>,
    },
    /// An operation: requests a second, the part of them that fails, seconds that one takes.
    Span([FigureRow; 3]),
    /// Something that gives signs of life.
    Heartbeat {
        /// The last sign.
        last: Seconds,
        /// Signs so far.
        beats: u32,
        /// The usual time between two, thousandths of a second.
        gap_milli: i64,
        /// When silence becomes a finding; never while too little is known.
        silent_after: Option<Seconds>,
    },
    /// An error budget.
    Budget {
        /// Minutes that ended by then are judged.
        judged: Seconds,
        /// What is left of it, parts per million; less than nothing when more was used.
        left_ppm: i64,
        /// The rate in the long window of the tier that burns, thousandths, if one does.
        burning_milli: Option<u64>,
    },
    /// Something that has to come.
    Expected {
        /// When it came last, or the first tick.
        last: Option<Seconds>,
        /// When its absence becomes a finding.
        missing_after: Option<Seconds>,
    },
    /// A histogram: its p50 and p99.
    Histogram([FigureRow; 2]),
    /// How a source does: the median delay of its events, the parts of them that break the
    /// schema and that are late; what is usual is the bound of each.
    Source([FigureRow; 3]),
}

/// A figure and what is usual for it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FigureRow {
    /// Time of the latest sample.
    pub latest: Option<Seconds>,
    /// Samples so far.
    pub samples: u32,
    /// The latest value, or rate of a counter.
    pub value: f64,
    /// What is usual at that time.
    pub expected: f64,
    /// When it went off, if it is.
    pub off_since: Option<Seconds>,
}

/// A template of log lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateRow {
    /// Its id.
    pub id: u64,
    /// Its text, parameters as `<*>`.
    pub text: SmolStr,
    /// Lines that had it.
    pub lines: u64,
}

impl Kept {
    /// The sort.
    pub fn word(&self) -> &'static str {
        match self {
            Kept::Metric(_) => "metric",
            Kept::Log { .. } => "log",
            Kept::Span(_) => "span",
            Kept::Heartbeat { .. } => "heartbeat",
            Kept::Budget { .. } => "slo",
            Kept::Expected { .. } => "expected",
            Kept::Histogram(_) => "histogram",
            Kept::Source(_) => "source",
        }
    }
}
