//! How well sources have to do.

use serde::{Deserialize, Serialize};

/// How well sources have to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityParams {
    /// Whether they are watched.
    pub enabled: bool,
    /// How far each minute looks back, seconds.
    pub window_seconds: i64,
    /// With fewer events in it nothing is found.
    pub events_min: u64,
    /// How long after its end a minute is judged, seconds of tick.
    pub wait_seconds: i64,
    /// A clock that runs ahead by so much, in the median, is skewed, seconds.
    pub ahead_seconds: i64,
    /// Events that come so long after they happened, in the median, are skewed or slow, seconds.
    pub behind_seconds: i64,
    /// The share of events refused or repaired that is a finding, parts per million.
    pub violations_ppm: u64,
    /// The share of late events that is one, parts per million.
    pub late_ppm: u64,
    /// How bad a finding is, 1 to 24.
    pub severity: u8,
}

impl Default for QualityParams {
    fn default() -> Self {
        QualityParams {
            enabled: true,
            window_seconds: 300,
            events_min: 100,
            wait_seconds: 30,
            ahead_seconds: 30,
            behind_seconds: 180,
            violations_ppm: 100_000,
            late_ppm: 200_000,
            severity: 13,
        }
    }
}
