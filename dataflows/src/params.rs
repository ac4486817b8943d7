//! Every bound and weight, each with its unit. Nothing below is a constant in the logic.

mod budget;
mod detect;
mod expected;
pub mod log;
pub mod metric;
mod quality;

pub use budget::{BudgetParams, Indicator, SloParams, TierParams};
pub use detect::{BeatParams, CallParams, DetectParams, LineParams, SampleParams};
pub use expected::{Expected, ExpectedParams, ExpectingParams};
pub use quality::QualityParams;

use serde::{Deserialize, Serialize};

/// What the pipeline needs to know, fixed at its start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Params {
    /// One entry per configured source, by [`crate::model::SourceIndex`].
    pub sources: Vec<SourceParams>,
    /// What is watched in signals.
    pub detect: DetectParams,
    /// Dedup, flapping included.
    pub dedup: DedupParams,
    /// Topology and other context.
    pub context: ContextParams,
    /// Base rates.
    pub history: HistoryParams,
    /// Links and split.
    pub correlate: CorrelateParams,
    /// The scorer.
    pub cause: CauseParams,
    /// Keys handed out at a time for a snapshot: about a millisecond of work.
    pub saving_slice: usize,
}

impl Default for Params {
    fn default() -> Self {
        Params {
            sources: vec![SourceParams::default()],
            detect: DetectParams::default(),
            dedup: DedupParams::default(),
            context: ContextParams::default(),
            history: HistoryParams::default(),
            correlate: CorrelateParams::default(),
            cause: CauseParams::default(),
            saving_slice: 1024,
        }
    }
}

/// A source's own policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceParams {
    /// A longer gap between firing events ends the alert, seconds of event time.
    pub quiet_seconds: i64,
    /// How far event time may lie behind receipt before an event is late, seconds.
    pub lateness_seconds: i64,
    /// Whether a late event still counts in the alert that was open when it was received.
    pub fold_late: bool,
}

impl Default for SourceParams {
    fn default() -> Self {
        SourceParams { quiet_seconds: 300, lateness_seconds: 300, fold_late: true }
    }
}

/// How alerts are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DedupParams {
    /// How long arrival may lag behind receipt and still be in order, seconds of tick
    /// (SEMANTICS rule 5).
    pub disorder_seconds: i64,
    /// An exact count is published this long after its last change, seconds of tick.
    pub count_delay_seconds: i64,
    /// How long an alert stays in the collections after its slice, seconds of tick
    /// (SEMANTICS rule 16).
    pub revise_horizon_seconds: i64,
    /// Keys the table is sized for at the start; growing later costs a pause.
    pub keys_initial: usize,
    /// When a fingerprint is flapping.
    pub flap: FlapParams,
}

impl Default for DedupParams {
    fn default() -> Self {
        DedupParams {
            disorder_seconds: 60,
            count_delay_seconds: 5,
            revise_horizon_seconds: 3600,
            keys_initial: 1 << 12,
            flap: FlapParams::default(),
        }
    }
}

/// The flap score: plus one a transition, halved every half-life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlapParams {
    /// Seconds in which the score halves.
    pub half_life_seconds: i64,
    /// Flapping begins at this score, thousandths.
    pub enter_milli: u32,
    /// Flapping ends below this score, thousandths.
    pub leave_milli: u32,
}

impl Default for FlapParams {
    fn default() -> Self {
        FlapParams { half_life_seconds: 600, enter_milli: 4000, leave_milli: 1500 }
    }
}

/// How context is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextParams {
    /// How long a deletion is remembered against an older upsert that arrives after it,
    /// seconds of tick.
    pub tombstone_seconds: i64,
    /// How long a change may explain alerts after it, seconds.
    pub change_window_seconds: i64,
}

impl Default for ContextParams {
    fn default() -> Self {
        ContextParams { tombstone_seconds: 360, change_window_seconds: 4 * 3600 }
    }
}

/// Base rates of alert keys (ALGORITHMS.md 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryParams {
    /// Length of a bucket, seconds.
    pub bucket_seconds: i64,
    /// A bucket is read only when it ended this long before the onset, seconds.
    pub lateness_seconds: i64,
    /// Buckets over which the slow rate averages.
    pub slow_buckets: u32,
    /// Buckets over which the fast rate averages.
    pub fast_buckets: u32,
    /// The most surprise an alert can have, thousandths of a nat.
    pub surprise_max_milli: u32,
    /// Keys kept; beyond it the least recently seen are forgotten and counted.
    pub keys_max: usize,
}

impl Default for HistoryParams {
    fn default() -> Self {
        HistoryParams {
            bucket_seconds: 600,
            // The lateness bound and the disorder of arrival together.
            lateness_seconds: 360,
            slow_buckets: 20,
            fast_buckets: 4,
            surprise_max_milli: 4000,
            keys_max: 4_000_000,
        }
    }
}

/// Links and the causal split (SEMANTICS rules 14 to 18).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrelateParams {
    /// Alerts on one entity link over at most this gap, seconds.
    pub same_entity_seconds: i64,
    /// Alerts that a rule groups stay together over at most this gap, seconds.
    pub pinned_seconds: i64,
    /// Alerts on neighbours link over at most this gap, seconds.
    pub neighbour_seconds: i64,
    /// Length of a slice of onset, seconds.
    pub slice_seconds: i64,
    /// How far a slice looks ahead, seconds.
    pub lag_max_seconds: i64,
    /// How much earlier than its cause an effect may seem, seconds: clock skew.
    pub lag_min_seconds: i64,
    /// The middle of the lags that fit an effect following its cause best, seconds; any lag
    /// between zero and twice this fits fully.
    pub lag_usual_seconds: i64,
    /// Beyond that the fit of a lag falls by e in this time, seconds.
    pub lag_fade_seconds: i64,
    /// What one hop leaves of the fit, thousandths.
    pub hop_milli: i64,
    /// What a cone gains for a cause that alerts itself, thousandths.
    pub alerting_milli: i64,
    /// What it gains for a silent one: less than nothing.
    pub silent_milli: i64,
    /// What it gains when all that depend on its cause alert, thousandths.
    pub callers_milli: i64,
    /// What it loses for each that depends on its cause and does not alert, thousandths.
    pub quiet_milli: i64,
    /// The most that it can lose that way, thousandths.
    pub quiet_max_milli: i64,
    /// What it gains for going on with a group that stands, thousandths.
    pub standing_milli: i64,
    /// Hops of a causal cone.
    pub hops_max: u8,
    /// Alerts of one component beyond which it is recut.
    pub component_max: usize,
    /// Neighbours an entity may have and still be walked through when it does not alert.
    pub hub_degree_max: usize,
    /// Alerts below this surprise never bridge, thousandths of a nat.
    pub bridge_surprise_milli: u32,
    /// A group of one below this severity stays a standalone alert.
    pub standalone_below: u8,
}

impl Default for CorrelateParams {
    fn default() -> Self {
        CorrelateParams {
            same_entity_seconds: 300,
            pinned_seconds: 900,
            neighbour_seconds: 120,
            slice_seconds: 60,
            lag_max_seconds: 120,
            lag_min_seconds: 30,
            lag_usual_seconds: 22,
            lag_fade_seconds: 50,
            hop_milli: 800,
            alerting_milli: 300,
            silent_milli: -1600,
            callers_milli: 1000,
            quiet_milli: 100,
            quiet_max_milli: 1000,
            // As much as a new cone on the same entity could gain by alerting and by all its
            // callers alerting, and a little more, so that a cause that goes on alerting does
            // not begin a group of its own in every slice.
            standing_milli: 2000,
            hops_max: 5,
            component_max: 2000,
            hub_degree_max: 20,
            bridge_surprise_milli: 1000,
            standalone_below: 17,
        }
    }
}

/// The scorer's shape; its weights are a model, which is an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseParams {
    /// Candidates kept per incident.
    pub candidates_max: usize,
}

impl Default for CauseParams {
    fn default() -> Self {
        CauseParams { candidates_max: 64 }
    }
}
