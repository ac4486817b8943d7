//! The sections of the stages: suppression, history, correlation, cause, emission.

use super::source::SeverityWord;
use super::units::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What keeps alerts out of incidents besides silences, windows and rules.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Suppression {
    /// Alerts that open and close too often.
    pub flap: Flap,
}

/// When a fingerprint flaps: its score gains one a transition and halves every `half_life`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Flap {
    /// Time in which the score halves.
    pub half_life: Period,
    /// Flapping begins at this score.
    pub enter: f64,
    /// Flapping ends below this score.
    pub leave: f64,
}

impl Default for Flap {
    fn default() -> Self {
        Flap { half_life: Period::minutes(10), enter: 4.0, leave: 1.5 }
    }
}

/// Base rates of alerts, which say how surprising one is.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// Length of a bucket.
    pub bucket: Period,
    /// Buckets over which the slow rate averages.
    pub slow_buckets: u32,
    /// Buckets over which the fast rate averages.
    pub fast_buckets: u32,
    /// The most surprise one alert can have, in nats.
    pub surprise_max: f64,
    /// Alert keys kept; beyond it the least recently seen are forgotten and counted.
    pub keys: usize,
}

impl Default for History {
    fn default() -> Self {
        History {
            bucket: Period::minutes(10),
            slow_buckets: 20,
            fast_buckets: 4,
            surprise_max: 4.0,
            keys: 4_000_000,
        }
    }
}

/// How alerts are linked and groups are split.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Correlation {
    /// Alerts on one entity link over at most this gap.
    pub same_entity: Period,
    /// Alerts on neighbours link over at most this gap.
    pub neighbour: Period,
    /// Length of a slice of onset; each slice is decided once.
    pub slice: Period,
    /// How far a slice looks ahead: the longest lag between cause and effect.
    pub lag_max: Period,
    /// How much earlier than its cause an effect may seem: clock skew.
    pub skew: Period,
    /// Hops between a cause and its farthest effect.
    pub hops: u8,
    /// Alerts of one candidate group beyond which it is cut smaller.
    pub group_alerts: usize,
    /// Neighbours beyond which an entity that does not alert is not walked through.
    pub hub_degree: usize,
    /// Alerts with less surprise than this never join two groups, in nats.
    pub bridge_surprise: f64,
    /// A lone alert below this severity is no incident; at most `error`.
    pub standalone_below: SeverityWord,
    /// How long an incident may still be revised after its slice.
    pub revise_horizon: Period,
}

impl Default for Correlation {
    fn default() -> Self {
        Correlation {
            same_entity: Period::minutes(5),
            neighbour: Period::minutes(2),
            slice: Period::minutes(1),
            lag_max: Period::minutes(2),
            skew: Period::seconds(30),
            hops: 5,
            group_alerts: 2_000,
            hub_degree: 20,
            bridge_surprise: 1.0,
            standalone_below: SeverityWord::Word("error".to_owned()),
            revise_horizon: Period::minutes(60),
        }
    }
}

/// How the probable cause is found; the weights are a model, which is an input of its own.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cause {
    /// Candidates kept for one incident.
    pub candidates: usize,
    /// How long a change may explain alerts after it.
    pub change_window: Period,
}

impl Default for Cause {
    fn default() -> Self {
        Cause { candidates: 64, change_window: Period::minutes(4 * 60) }
    }
}

/// When incidents are told to sinks.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Emission {
    /// A new incident is told once it has not changed for this long; a fatal one at once.
    pub settle: Period,
    /// A new incident is told at the latest this long after it was first seen.
    pub settle_max: Period,
    /// Between two revisions of one incident lies at least this, unless its severity or
    /// its cause changes.
    pub revise_interval: Period,
    /// Resolved incidents kept for reading.
    pub resolved_incidents: usize,
    /// How long a resolved incident is kept for reading.
    pub resolved_for: Period,
}

impl Default for Emission {
    fn default() -> Self {
        Emission {
            settle: Period::seconds(2),
            settle_max: Period::seconds(10),
            revise_interval: Period::seconds(10),
            resolved_incidents: 10_000,
            resolved_for: Period::minutes(24 * 60),
        }
    }
}
