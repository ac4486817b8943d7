//! How signals are watched.

use super::budget::BudgetParams;
use super::expected::ExpectingParams;
use super::log::{Limits, LogModel, MergeModel};
use super::metric::MetricModel;
use super::quality::QualityParams;
use serde::{Deserialize, Serialize};

/// How signals are watched.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DetectParams {
    /// Series, writers, operations and beating entities that one worker watches; signals of
    /// others are counted.
    pub series_max: usize,
    /// What nobody spoke of for so long is forgotten, seconds of tick.
    pub idle_seconds: i64,
    /// Numbers of series.
    pub samples: SampleParams,
    /// Lines of writers.
    pub lines: LineParams,
    /// Calls of operations.
    pub calls: CallParams,
    /// Signs of life.
    pub beat: BeatParams,
    /// Error budgets.
    pub budget: BudgetParams,
    /// What has to come regularly.
    pub expecting: ExpectingParams,
    /// How well sources have to do.
    pub quality: QualityParams,
}

/// How series are judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleParams {
    /// Whether they are.
    pub enabled: bool,
    /// How bad a finding is, 1 to 24.
    pub severity: u8,
    /// Nothing is found in a series before it is so old, seconds of event time.
    pub warm_up_seconds: i64,
    /// How long after its time a point of a histogram is judged, seconds of tick.
    pub wait_seconds: i64,
    /// The detector's figures.
    pub model: MetricModel,
}

impl Default for SampleParams {
    fn default() -> Self {
        let model = MetricModel::default();
        SampleParams {
            enabled: true,
            severity: 13,
            warm_up_seconds: 86_400,
            wait_seconds: 30,
            model,
        }
    }
}

/// How log lines are read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LineParams {
    /// Whether they are.
    pub enabled: bool,
    /// How bad a finding is, 1 to 24.
    pub severity: u8,
    /// How long after its end a minute is read, seconds of tick.
    pub wait_seconds: i64,
    /// Lines of one writer that wait at a time.
    pub waiting_max: usize,
    /// When templates are one.
    pub merge: MergeModel,
    /// Bounds of a writer's templates.
    pub limits: Limits,
    /// The detector's figures.
    pub model: LogModel,
}

impl Default for LineParams {
    fn default() -> Self {
        LineParams {
            enabled: true,
            severity: 13,
            wait_seconds: 30,
            waiting_max: 100_000,
            merge: MergeModel::default(),
            limits: Limits {
                templates_max: 2048,
                bytes_max: 4 << 20,
                shelf_max: 256,
                forms_max: 16_384,
            },
            // Lines have been put in order before.
            model: LogModel { lateness_seconds: 0, ..LogModel::default() },
        }
    }
}

/// How calls are judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallParams {
    /// Whether they are.
    pub enabled: bool,
    /// How bad a finding is, 1 to 24.
    pub severity: u8,
    /// Nothing is found in an operation before it is so old, seconds of event time.
    pub warm_up_seconds: i64,
    /// How long after its end a minute is judged, seconds of tick.
    pub wait_seconds: i64,
    /// Whether calls make relations.
    pub relations: bool,
    /// How sure a relation is, parts per million.
    pub confidence_ppm: u32,
    /// A relation is said again after this, seconds.
    pub refresh_seconds: i64,
    /// How long it holds without being said again, seconds.
    pub ttl_seconds: i64,
    /// The detector's figures.
    pub model: MetricModel,
}

impl Default for CallParams {
    fn default() -> Self {
        CallParams {
            enabled: true,
            severity: 13,
            warm_up_seconds: 86_400,
            wait_seconds: 30,
            relations: true,
            confidence_ppm: 900_000,
            refresh_seconds: 600,
            ttl_seconds: 86_400,
            model: MetricModel::default(),
        }
    }
}

impl Default for DetectParams {
    fn default() -> Self {
        DetectParams {
            series_max: 1 << 20,
            idle_seconds: 6 * 3600,
            samples: SampleParams::default(),
            lines: LineParams::default(),
            calls: CallParams::default(),
            beat: BeatParams::default(),
            budget: BudgetParams::default(),
            expecting: ExpectingParams::default(),
            quality: QualityParams::default(),
        }
    }
}

/// When a silence is out of the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeatParams {
    /// Beats before anything is expected.
    pub beats_min: u32,
    /// The shortest silence that counts, seconds.
    pub silence_min_seconds: i64,
    /// The longest that does not, seconds.
    pub silence_max_seconds: i64,
    /// A silence is said again after this, seconds.
    pub repeat_seconds: i64,
    /// What is silent for longer is taken to be gone, seconds.
    pub forget_seconds: i64,
    /// How bad a silence is, 1 to 24.
    pub severity: u8,
}

impl Default for BeatParams {
    fn default() -> Self {
        BeatParams {
            beats_min: 30,
            silence_min_seconds: 60,
            silence_max_seconds: 6 * 3600,
            repeat_seconds: 60,
            forget_seconds: 3600,
            severity: 13,
        }
    }
}
