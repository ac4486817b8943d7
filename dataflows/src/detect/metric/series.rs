//! One series: a few running figures, one pass, no history.

use super::lanes::{Beyond, Ranges};
use super::model::{MetricModel, THRESHOLD_PPM};
use super::reading::{Reading, Transform};
use super::seasons::{Phase, Seasons};
use super::steps::Steps;
use serde::{Deserialize, Serialize};

/// Distances from the anchor beyond this count as this, so that no square overflows.
const FARTHEST: f64 = 1e18;

/// Scores below this belong to samples that are no record.
const FAINT_PPM: f32 = 250_000.0;

/// What is known of a series.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    rows: u32,
    /// The first value; figures are kept relative to it.
    anchor: f64,
    last: f64,
    first_seconds: i64,
    latest_seconds: i64,
    /// Seconds between samples, usually.
    interval: f32,
    /// The least step that the series ever made.
    grain: f32,
    plain: Ranges,
    seasonal: Ranges,
    seasons: Seasons,
    steps: Steps,
    /// Strength of the last records, and when it was brought up to date.
    carried: f32,
    carried_row: u32,
    muted: Mute,
    muted_faint: Mute,
}

/// What a strong record does to those after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Mute {
    row: u32,
    strength: f32,
}

impl Series {
    /// How many samples it has had.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// The latest value.
    pub(super) fn last(&self) -> f64 {
        self.last
    }

    /// What a sample at this time would usually be.
    pub(super) fn usual_at(&self, model: &MetricModel, time_seconds: i64) -> f64 {
        self.expected(Phase::of(model.season, time_seconds), model)
    }

    /// Takes a sample in and says how strange it is. A value that is no number says nothing
    /// and changes nothing.
    pub fn step(&mut self, model: &MetricModel, time_seconds: i64, value: f64) -> Reading {
        let phase = Phase::of(model.season, time_seconds);
        if !value.is_finite() {
            return Reading::nothing(self.expected(phase, model));
        }
        if self.rows == 0 {
            self.begin(model, phase, time_seconds, value);
            return Reading::nothing(value);
        }
        let expected = self.expected(phase, model);
        let over = ((value - self.anchor).clamp(-FARTHEST, FARTHEST)) as f32;
        let jump = ((value - self.last).abs().min(FARTHEST)) as f32;
        let step = self.advance(model, time_seconds).then_some(jump);
        let step_milli = self.steps.measure(over, self.anchor, model.plain.settled_rows, model);
        self.steps.take(over, step, model);
        let (plain, swing) = self.take_plain(model, over, step);
        let mean = self.seasons.mean(phase, model);
        let (seasonal, level) = self.take_seasonal(model, over, mean, swing);
        self.seasons.take(phase, over, model);
        if jump > 0.0 {
            self.grain = if self.grain > 0.0 { self.grain.min(jump) } else { jump };
        }
        self.last = value;
        let (score, transform) = match (plain, seasonal) {
            (None, None) => (level, Transform::None),
            found => self.judge(model, found, level),
        };
        let score_ppm = score as u32;
        let alert = score_ppm >= THRESHOLD_PPM;
        self.rows = self.rows.saturating_add(1);
        Reading { score_ppm, alert, expected, step_milli, transform }
    }

    fn begin(&mut self, model: &MetricModel, phase: Phase, seconds: i64, value: f64) {
        (self.rows, self.anchor, self.last) = (1, value, value);
        (self.first_seconds, self.latest_seconds) = (seconds, seconds);
        self.steps.take(0.0, None, model);
        self.seasons.take(phase, 0.0, model);
        self.plain.smooth(&[0.0; 4], &model.plain);
    }

    /// What a sample at this time would usually be, if that is known of its season.
    pub fn seasonal(&self, model: &MetricModel, time_seconds: i64) -> Option<f64> {
        let mean = self.seasons.mean(Phase::of(model.season, time_seconds), model)?;
        Some(self.anchor + f64::from(mean))
    }

    /// What a sample in this phase would usually be.
    fn expected(&self, phase: Phase, model: &MetricModel) -> f64 {
        let over = self.seasons.mean(phase, model).unwrap_or(self.steps.recent());
        self.anchor + f64::from(over)
    }

    /// Moves time on; says whether this sample follows the one before it.
    #[inline]
    fn advance(&mut self, model: &MetricModel, seconds: i64) -> bool {
        let passed = seconds.saturating_sub(self.latest_seconds);
        if passed <= 0 {
            return true;
        }
        self.latest_seconds = seconds;
        let passed = passed as f32;
        let follows = self.interval == 0.0 || passed <= model.gap_intervals * self.interval;
        let weight = (1.0 / self.rows as f32).max(model.step_weight);
        self.interval += weight * (passed - self.interval);
        follows
    }

    /// The transforms of the series as it is; also how far its swing is from usual.
    #[inline]
    fn take_plain(
        &mut self,
        model: &MetricModel,
        over: f32,
        step: Option<f32>,
    ) -> (Option<Beyond>, f32) {
        let before = *self.plain.smoothed();
        let swing = step.unwrap_or(before[2]);
        let slow_swing = step.unwrap_or(before[3]);
        self.plain.smooth(&[over, over, swing, slow_swing], &model.plain);
        let smoothed = self.plain.smoothed();
        let figures = [over, over - before[1], smoothed[2], smoothed[3]];
        let squares = self.plain.squares(&figures);
        (self.plain.record(&figures, &model.plain, self.grain), squares[2])
    }

    /// The transforms that need the mean of the phase; also the score of the sample if
    /// it is no record. A phase that is not known yet says nothing.
    #[inline]
    fn take_seasonal(
        &mut self,
        model: &MetricModel,
        over: f32,
        mean: Option<f32>,
        swing: f32,
    ) -> (Option<Beyond>, f32) {
        let [of_swing, of_many, of_few] = model.level;
        let Some(mean) = mean else {
            return (None, self.usual(model, of_swing * swing));
        };
        let rest = over - mean;
        self.seasonal.smooth(&[rest, rest, rest, over], &model.seasonal);
        let mut figures = *self.seasonal.smoothed();
        figures[3] -= self.plain.smoothed()[1];
        let squares = self.seasonal.squares(&figures);
        let level = of_swing * swing + of_many * squares[2] + of_few * squares[1];
        let beyond = self.seasonal.record(&figures, &model.seasonal, self.grain);
        (beyond, self.usual(model, level))
    }

    /// The score of a sample that is no record.
    #[inline]
    fn usual(&self, model: &MetricModel, squared: f32) -> f32 {
        let settled = self.rows as f32 / (self.rows as f32 + model.young_rows);
        // Not a number only where nothing has ever moved.
        (FAINT_PPM * settled * squared / (squared + model.level_half)).clamp(0.0, FAINT_PPM - 1.0)
    }

    /// The score of a record: its own strength, and what is left of those before it.
    #[cold]
    fn judge(
        &mut self,
        model: &MetricModel,
        (plain, seasonal): (Option<Beyond>, Option<Beyond>),
        level: f32,
    ) -> (f32, Transform) {
        let strength_of = |beyond: Option<Beyond>| beyond.map_or(0.0, |beyond| beyond.strength);
        let sum_of = |beyond: Option<Beyond>| beyond.map_or(0.0, |beyond| beyond.sum);
        let (one, other) = (strength_of(plain), strength_of(seasonal));
        let transform = if one >= other {
            plain.map_or(Transform::None, |beyond| Transform::PLAIN[beyond.lane])
        } else {
            seasonal.map_or(Transform::None, |beyond| Transform::SEASONAL[beyond.lane])
        };
        let young = self.young(model);
        let carried = self.carried * power(model.carried_kept, self.rows - self.carried_row);
        let left = ((sum_of(plain) + sum_of(seasonal)) / young).min(model.carried_most);
        (self.carried, self.carried_row) = (carried + left, self.rows);
        let strength = one.max(other) / young + model.carried * carried;
        let score = if strength >= 1.0 {
            if self.muted.mutes(model, self.rows, strength) {
                return (level, transform);
            }
            self.muted = Mute { row: self.rows, strength };
            THRESHOLD_PPM as f32 * (2.0 - 1.0 / strength)
        } else {
            if strength < model.faint || self.muted_faint.mutes(model, self.rows, strength) {
                return (level, transform);
            }
            let faint = (strength - model.faint) / (1.0 - model.faint);
            (FAINT_PPM + (THRESHOLD_PPM as f32 - FAINT_PPM) * faint).min(THRESHOLD_PPM as f32 - 1.0)
        };
        self.muted_faint = Mute { row: self.rows, strength };
        (score, transform)
    }

    /// What a record's strength is divided by as long as little is known.
    fn young(&self, model: &MetricModel) -> f32 {
        let lived = self.latest_seconds.saturating_sub(self.first_seconds) as f32;
        let whole = model.young_seasons * model.season.seconds() as f32;
        let new = (1.0 - lived / whole).max(0.0);
        1.0 + model.young_rows / self.rows as f32 + model.young_strength * new
    }
}

impl Mute {
    /// Whether a record in this row is not worth another finding.
    fn mutes(&self, model: &MetricModel, row: u32, strength: f32) -> bool {
        let rows = (u64::from(row) * u64::from(model.mute_ppm) / 1_000_000) as u32;
        self.strength > 0.0
            && row - self.row <= rows.min(model.mute_rows_max)
            && strength <= model.mute_broken * self.strength
    }
}

/// A whole power by squaring: the same bits on every machine.
fn power(mut base: f32, mut exponent: u32) -> f32 {
    let mut product = 1.0;
    while exponent > 0 {
        if exponent & 1 == 1 {
            product *= base;
        }
        base *= base;
        exponent >>= 1;
    }
    product
}
