//! Every figure of the metric detector that could be another one.

use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

/// Transforms that share a state; as many as fit a register.
pub const WIDTH: usize = 4;

/// One figure for each transform.
pub type Figures = [f32; WIDTH];

/// The score at which a sample is a finding, the same for every series.
pub const THRESHOLD_PPM: u32 = 500_000;

/// How series repeat.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Season {
    /// By hour of the day, working days and weekends apart, in UTC.
    #[default]
    Auto,
    /// After so many seconds.
    Seconds(NonZeroU32),
}

impl Season {
    /// How long it takes.
    pub fn seconds(self) -> i64 {
        match self {
            Season::Auto => 86_400,
            Season::Seconds(length) => i64::from(length.get()),
        }
    }
}

/// What four transforms share; a figure for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lanes {
    /// Weight of a new sample in the running mean of a transform's input; 1 takes it as it is.
    pub weight: Figures,
    /// An excess this part of the range so far has strength 1.
    pub of_range: Figures,
    /// And not less than so many usual spreads.
    pub of_spread: Figures,
    /// And not less than so many of the least steps ever seen: counts move by whole ones.
    pub of_grain: Figures,
    /// Least weight of a new figure in mean and variance.
    pub spread_weight: f32,
    /// A squared distance counts as at most so many variances.
    pub spread_most: f32,
    /// Most strength that one transform adds to what a sample leaves behind.
    pub sum_most: f32,
    /// Figures before a record means anything.
    pub settled_rows: u32,
}

/// The detector's parameters; a change of any is a new version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MetricModel {
    /// Which model this is.
    pub version: u32,
    /// How series repeat.
    pub season: Season,
    /// Value, trend, swing, slow swing.
    pub plain: Lanes,
    /// Seasonal, the same smoothed over few and over many samples, level.
    pub seasonal: Lanes,
    /// Least weight of a new sample in the mean of its phase.
    pub phase_weight: f32,
    /// A phase's mean counts once it has more samples than this.
    pub phase_rows: u8,
    /// Strength of earlier records that is added to a new one's.
    pub carried: f32,
    /// What is kept of it from one sample to the next.
    pub carried_kept: f32,
    /// Most strength that one sample leaves behind.
    pub carried_most: f32,
    /// A series of so many samples is trusted half.
    pub young_rows: f32,
    /// Strength that a new series needs in addition; none is left after `young_seasons`.
    pub young_strength: f32,
    /// Seasons until a series is no longer new.
    pub young_seasons: f32,
    /// A finding mutes those after it for this part of the samples so far.
    pub mute_ppm: u32,
    /// But for no more samples than this.
    pub mute_rows_max: u32,
    /// Unless one is so many times as strong.
    pub mute_broken: f32,
    /// A record below the threshold is told apart from usual samples from this strength on.
    pub faint: f32,
    /// Weights of the squared distances of swing, of the seasonal value smoothed over many
    /// samples and of that smoothed over few, in the score of samples that are no record.
    pub level: [f32; 3],
    /// Weighted squared distance that has half the score of usual samples.
    pub level_half: f32,
    /// Steps and their median are learned with at least this weight.
    pub step_weight: f32,
    /// Weight of a sample in the mean that a step starts from.
    pub step_recent_weight: f32,
    /// The least usual step, in parts of the median.
    pub step_floor: f64,
    /// After so many usual intervals without a sample a step says nothing.
    pub gap_intervals: f32,
    /// A sample may be so late and still be put in its place.
    pub late_seconds_max: u32,
    /// Samples kept for that; where they come faster, less lateness is forgiven.
    pub kept_samples_max: u32,
    /// That a series still stands off is said again after so many seconds.
    pub repeat_seconds: u32,
    /// A series that stands off for so many seconds has found a new normal.
    pub hold_seconds: u32,
}

impl Default for MetricModel {
    fn default() -> Self {
        MetricModel {
            version: 1,
            season: Season::Auto,
            plain: Lanes {
                weight: [1.0, 1.0 / 200.0, 1.0 / 40.0, 1.0 / 200.0],
                of_range: [0.035, 0.035, 0.195, 0.195],
                of_spread: [1.2, 1.2, 0.057, 0.057],
                of_grain: [1.0, 1.0, 0.025, 0.005],
                ..Lanes::default()
            },
            seasonal: Lanes {
                weight: [1.0, 1.0 / 7.73, 1.0 / 43.0, 1.0 / 20.0],
                of_range: [0.035, 0.035, 0.195, 0.195],
                of_spread: [1.2, 1.2, 0.057, 0.057],
                of_grain: [1.0, 0.13, 0.023, 0.05],
                ..Lanes::default()
            },
            phase_weight: 0.02,
            phase_rows: 6,
            carried: 0.96,
            carried_kept: 0.895,
            carried_most: 2.0,
            young_rows: 900.0,
            young_strength: 14.0,
            young_seasons: 2.0,
            mute_ppm: 20_000,
            mute_rows_max: 97,
            mute_broken: 2.0,
            faint: 0.1,
            level: [0.6, 0.2, 0.2],
            level_half: 9.0,
            step_weight: 1.0 / 500.0,
            step_recent_weight: 1.0 / 20.0,
            step_floor: 1e-6,
            gap_intervals: 20.0,
            late_seconds_max: 300,
            kept_samples_max: 64,
            repeat_seconds: 120,
            hold_seconds: 6 * 3600,
        }
    }
}

impl Default for Lanes {
    fn default() -> Self {
        Lanes {
            weight: [1.0; WIDTH],
            of_range: [0.1; WIDTH],
            of_spread: [1.0; WIDTH],
            of_grain: [1.0; WIDTH],
            spread_weight: 1.0 / 2000.0,
            spread_most: 16.0,
            sum_most: 3.0,
            settled_rows: 20,
        }
    }
}
