//! What decoders hand to detection: samples, log lines, calls and signs of life, in batches.

use super::event::{Identity, SourceIndex};
use super::ids::{Fingerprint, Seconds};
use super::severity::Severity;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the numbers of a metric are.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// A level, which goes up and down.
    #[default]
    Level,
    /// A total since some start, which only grows until it starts again.
    Total,
    /// What was added since the sample before.
    Added,
}

/// Where and when a signal belongs; the first part of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Index into [`SignalBatch::identities`].
    pub identity: u32,
    /// Which source's policy applies.
    pub source: SourceIndex,
    /// Event time.
    pub time: Seconds,
}

/// One number of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The series and the time.
    pub stamp: Stamp,
    /// What the value is.
    pub measure: Measure,
    /// Finite.
    pub value: f64,
}

/// One bucket of a histogram that counts since some start; its identity is the histogram.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// The histogram and the time.
    pub stamp: Stamp,
    /// It counts what is at most so much; infinity for all.
    pub bound: f64,
    /// How many, finite.
    pub count: f64,
    /// Whether a histogram has more bounds when it comes to need them: what it had at most at a
    /// new bound is what it had at the bound below. Otherwise bounds stay.
    pub grows: bool,
}

/// What names of series of buckets end in.
pub const BUCKET_ENDINGS: [&str; 2] = ["_bucket", ".buckets"];

/// The bound of a bucket as the label `le` has it, in its shortest form.
pub fn bound_text(bound: f64) -> String {
    if bound == f64::INFINITY { "+Inf".to_owned() } else { bound.to_string() }
}

/// One line of a log; its identity is the entity that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The writer and the time.
    pub stamp: Stamp,
    /// As given; info where nothing was.
    pub severity: Severity,
    /// Where the line begins in [`SignalBatch::text`].
    pub text_at: u32,
    /// Its bytes.
    pub text_len: u32,
}

/// One span: its identity is the entity that answers or asks, the operation, and as a label
/// `peer` whom it asks, if it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// Whose it is, and when it began.
    pub stamp: Stamp,
    /// How long it took, nanoseconds.
    pub duration_ns: u64,
    /// Whether it went wrong.
    pub failed: bool,
}

/// What calls of a minute came to for an SLO, which is its identity; the minute is its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The SLO, and where the minute begins.
    pub stamp: Stamp,
    /// Calls that were not good enough.
    pub bad: u32,
    /// All of them.
    pub total: u32,
}

/// One number of a counter that an SLO reads; the SLO is its identity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// The SLO and the time.
    pub stamp: Stamp,
    /// Which counter.
    pub series: Fingerprint,
    /// Whether it counts all.
    pub is_total: bool,
    /// Whether it counts those that are good, or bad, whichever the SLO asks for.
    pub is_part: bool,
    /// What the value is.
    pub measure: Measure,
    /// Finite.
    pub value: f64,
}

/// What became of a source's events that were received in one minute; the source is its
/// identity, the minute its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceTally {
    /// The source, and where the minute begins.
    pub stamp: Stamp,
    /// When the last of them was received.
    pub last: Seconds,
    /// How many there were.
    pub received: u32,
    /// Those that were refused.
    pub rejected: u32,
    /// Those that were taken and had to be repaired.
    pub repaired: u32,
    /// Those that were taken and are older than the lateness bound.
    pub late: u32,
    /// How many were received how long after they happened: steps of [`DELAY_SECONDS`], in
    /// order.
    pub delays: Vec<(u8, u32)>,
}

/// Where steps of delays begin, seconds; what came before it happened, as far as clocks can be
/// believed, is less than nothing. The first step is all that is less.
pub const DELAY_SECONDS: [i64; 32] = [
    -3600, -1800, -600, -300, -180, -120, -90, -60, -45, -30, -20, -15, -10, -5, -2, -1, 1, 2, 5,
    10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1800, 3600,
];

/// Why a signal was not read by detection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Unread {
    /// There were as many watches as there may be.
    NoRoom,
    /// The minute or the point that it belongs to was decided.
    Late,
    /// As many lines of its writer waited as may, or an SLO had as many counters, or a histogram
    /// as many buckets, as it may.
    Crowded,
    /// An SLO asks for a counter, and it is a level.
    NoCounter,
}

impl Unread {
    /// All of them, in the order of their numbers.
    pub const ALL: [Unread; 4] = [Unread::NoRoom, Unread::Late, Unread::Crowded, Unread::NoCounter];

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Unread::NoRoom => "no_room",
            Unread::Late => "late",
            Unread::Crowded => "crowded",
            Unread::NoCounter => "no_counter",
        }
    }
}

/// What detection did in an epoch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Watches that there are more, or fewer.
    pub watches: i64,
    /// Signals that were not read, by [`Unread`].
    pub unread: [u64; Unread::ALL.len()],
    /// By SLO, what is left of its error budget, parts per million; less than nothing when more
    /// was used than there is.
    pub budgets_left_ppm: BTreeMap<SmolStr, i64>,
}

impl Watched {
    /// Adds what another worker or epoch did.
    pub fn add(&mut self, other: &Watched) {
        self.watches += other.watches;
        for (own, more) in self.unread.iter_mut().zip(other.unread) {
            *own += more;
        }
        let left = other.budgets_left_ppm.iter().map(|(slo, left)| (slo.clone(), *left));
        self.budgets_left_ppm.extend(left);
    }
}

/// The signals of one stretch of input that go to one worker.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SignalBatch {
    /// The worker that owns these identities: `fingerprint.low64() % peers`.
    pub worker: u64,
    /// As [`super::AlertBatch::process`].
    pub process: u32,
    /// One entry per distinct series, writer, operation or beating entity of the batch.
    pub identities: Vec<Arc<Identity>>,
    /// Numbers, in order of arrival.
    pub samples: Vec<Sample>,
    /// Buckets of histograms, likewise.
    pub buckets: Vec<Bucket>,
    /// Lines, likewise.
    pub lines: Vec<Line>,
    /// Spans, likewise.
    pub calls: Vec<Call>,
    /// Signs of life, likewise.
    pub beats: Vec<Stamp>,
    /// What calls came to for SLOs.
    pub tallies: Vec<Tally>,
    /// Numbers of counters for SLOs, in order of arrival.
    pub counted: Vec<Counted>,
    /// When something came that is expected.
    pub seen: Vec<Stamp>,
    /// What became of events of sources.
    pub sources: Vec<SourceTally>,
    /// The lines, back to back.
    pub text: String,
}

impl SignalBatch {
    /// Whether it holds no signal.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
            && self.buckets.is_empty()
            && self.lines.is_empty()
            && self.calls.is_empty()
            && self.beats.is_empty()
            && self.tallies.is_empty()
            && self.counted.is_empty()
            && self.seen.is_empty()
            && self.sources.is_empty()
    }

    /// The text of `line`.
    pub fn text(&self, line: &Line) -> &str {
        let at = line.text_at as usize;
        &self.text[at..at + line.text_len as usize]
    }

    /// Appends a line with its text.
    pub fn push_line(&mut self, stamp: Stamp, severity: Severity, text: &str) {
        let (text_at, text_len) = (self.text.len() as u32, text.len() as u32);
        self.text.push_str(text);
        self.lines.push(Line { stamp, severity, text_at, text_len });
    }
}
