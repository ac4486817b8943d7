//! The `detection` section: what Causeway looks for in signals by itself.

use super::source::SeverityWord;
use super::units::Period;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is looked for in metrics, logs, spans and signs of life.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Detection {
    /// Series, log writers, operations and beating entities that one worker watches; what is
    /// beyond is counted and not watched.
    pub series: usize,
    /// What nobody spoke of for so long is forgotten.
    pub idle: Period,
    /// Entities that send heartbeats and fall silent.
    pub heartbeats: Heartbeats,
}

impl Default for Detection {
    fn default() -> Self {
        Detection {
            series: 1 << 20,
            idle: Period::minutes(6 * 60),
            heartbeats: Heartbeats::default(),
        }
    }
}

/// When a silence is a finding: after three usual gaps, or one and a half of the longest lately.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Heartbeats {
    /// Whether silences are looked for.
    pub enabled: bool,
    /// Heartbeats of an entity before any more is expected of it.
    pub after: u32,
    /// The shortest silence that is a finding.
    pub silence_min: Period,
    /// The longest silence that is none, however rare the heartbeats are.
    pub silence_max: Period,
    /// What has been silent for longer is taken to be gone, and its finding ends.
    pub gone_after: Period,
    /// Severity of the finding.
    pub severity: SeverityWord,
}

impl Default for Heartbeats {
    fn default() -> Self {
        Heartbeats {
            enabled: true,
            after: 5,
            silence_min: Period::minutes(1),
            silence_max: Period::minutes(6 * 60),
            gone_after: Period::minutes(60),
            severity: SeverityWord::Word("warning".to_owned()),
        }
    }
}
