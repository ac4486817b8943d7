//! The step that a sample makes, in usual steps: what the search for a cause reads.
//!
//! Steps and values are held as running quantiles, not means: a fault that began a minute
//! before its onset is known must not widen what it is measured with.

use super::model::MetricModel;
use serde::{Deserialize, Serialize};

/// A usual step is the larger of what a median absolute step and a 95th percentile suggest.
const MEDIAN_TO_SPREAD: f32 = 1.4826;
const TAIL_TO_SPREAD: f32 = 1.0 / 3.0;

/// Quantiles of values and steps, relative to the series' anchor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Steps {
    count: u32,
    /// Mean of the samples just before.
    recent: f32,
    /// Median of all.
    median: f32,
    /// Mean absolute distance from the median.
    distance: f32,
    /// Median absolute step.
    usual: f32,
    /// 95th percentile of absolute steps.
    large: f32,
    /// Mean absolute step.
    mean: f32,
}

impl Steps {
    /// What would be expected without a season.
    pub fn recent(&self) -> f32 {
        self.recent
    }

    /// The signed step of a sample over both the samples just before and all before, in
    /// thousandths of a usual step. Nothing is usual before a few samples are known.
    #[inline]
    pub fn measure(&self, value: f32, anchor: f64, settled: u32, model: &MetricModel) -> i32 {
        let (over_recent, over_median) = (value - self.recent, value - self.median);
        let step = if over_recent > 0.0 && over_median > 0.0 {
            over_recent.min(over_median)
        } else if over_recent < 0.0 && over_median < 0.0 {
            over_recent.max(over_median)
        } else {
            return 0;
        };
        if self.count < settled {
            return 0;
        }
        let floor = (anchor + f64::from(self.median)).abs() * model.step_floor;
        let usual = (MEDIAN_TO_SPREAD * self.usual).max(TAIL_TO_SPREAD * self.large);
        let usual = f64::from(usual).max(floor).max(f64::MIN_POSITIVE);
        // A cast of a float stops at the ends of the integer.
        (f64::from(step) / usual * 1000.0) as i32
    }

    /// Takes a sample in; `step` is none for the first, and after a gap.
    #[inline]
    pub fn take(&mut self, value: f32, step: Option<f32>, model: &MetricModel) {
        self.count = self.count.saturating_add(1);
        let weight = model.step_weight.max(1.0 / self.count as f32);
        if self.count == 1 {
            (self.recent, self.median) = (value, value);
            return;
        }
        self.recent += model.step_recent_weight.max(weight) * (value - self.recent);
        let over = value - self.median;
        // A median moves by a share of the mean distance for each sample beyond it; a sign
        // of zero keeps it where a series stands still.
        let pull = weight * 3.0 * self.distance;
        self.median += if over > 0.0 {
            pull
        } else if over < 0.0 {
            -pull
        } else {
            0.0
        };
        // Outliers count for little, but for something: a series may have stood still.
        let distance = over.abs().min(8.0 * self.distance + weight * over.abs());
        self.distance += weight * (distance - self.distance);
        let Some(step) = step else { return };
        self.mean += weight * (step - self.mean);
        let pull = weight * 4.0 * self.mean;
        self.usual += pull * if step > self.usual { 0.5 } else { -0.5 };
        self.large += pull * if step > self.large { 0.95 } else { -0.05 };
        self.usual = self.usual.max(0.0);
        self.large = self.large.max(0.0);
    }
}
