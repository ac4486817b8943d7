//! What is said of one sample.

use serde::{Deserialize, Serialize};

/// What a series says of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// How strange the sample is: 0 usual, 1 000 000 unheard of.
    pub score_ppm: u32,
    /// Whether the score reaches the model's threshold.
    pub alert: bool,
    /// What was expected instead.
    pub expected: f64,
    /// The step that the sample makes, in thousandths of a usual step; signed.
    pub step_milli: i32,
    /// Which transform carried the score.
    pub transform: Transform,
}

/// A view of the series whose records count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Transform {
    /// None: no transform left its range.
    #[default]
    None,
    /// The value itself.
    Value,
    /// The value over its own slow mean.
    Trend,
    /// Mean absolute step, short.
    Swing,
    /// Mean absolute step, long.
    SlowSwing,
    /// The value over the mean of its season.
    Seasonal,
    /// The same, smoothed over a few samples.
    SeasonalFew,
    /// The same, smoothed over many samples.
    SeasonalMany,
    /// A short mean over the slow one.
    Level,
}

impl Transform {
    /// Transforms of the series as it is, in the order of their lanes.
    pub const PLAIN: [Transform; 4] =
        [Transform::Value, Transform::Trend, Transform::Swing, Transform::SlowSwing];
    /// Transforms that know the season, and the level, in the order of their lanes.
    pub const SEASONAL: [Transform; 4] =
        [Transform::Seasonal, Transform::SeasonalFew, Transform::SeasonalMany, Transform::Level];

    /// A word for it.
    pub fn name(self) -> &'static str {
        match self {
            Transform::None => "none",
            Transform::Value => "value",
            Transform::Trend => "trend",
            Transform::Swing => "swing",
            Transform::SlowSwing => "slow swing",
            Transform::Seasonal => "seasonal",
            Transform::SeasonalFew => "seasonal, few samples",
            Transform::SeasonalMany => "seasonal, many samples",
            Transform::Level => "level",
        }
    }
}

impl Reading {
    /// A sample of which nothing can be said.
    pub fn nothing(expected: f64) -> Reading {
        Reading { score_ppm: 0, alert: false, expected, step_milli: 0, transform: Transform::None }
    }
}
