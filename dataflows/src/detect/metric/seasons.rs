//! Means by phase of a season: hours of working days and of weekends, or parts of a given one.

use super::model::{MetricModel, Season};
use serde::{Deserialize, Serialize};

/// Phases of a season; a day has half of them for itself, a weekend day the other half.
pub const PHASES: usize = 48;
const HALF: usize = PHASES / 2;

const DAY: i64 = 86_400;
/// The first of January 1970 was a Thursday: days before a Monday.
const DAYS_BEFORE_MONDAY: i64 = 3;

/// One mean for each phase, over samples counted up to what the slowest weight needs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seasons {
    means: [[f32; HALF]; 2],
    counts: [[u8; HALF]; 2],
}

/// Where in the season a sample lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Phase {
    half: usize,
    part: usize,
}

impl Phase {
    /// The phase of a time.
    #[inline]
    pub fn of(season: Season, seconds: i64) -> Phase {
        match season {
            Season::Auto => {
                let weekday = (seconds.div_euclid(DAY) + DAYS_BEFORE_MONDAY).rem_euclid(7);
                let hour = seconds.rem_euclid(DAY) / (DAY / HALF as i64);
                Phase { half: usize::from(weekday >= 5), part: hour as usize }
            }
            Season::Seconds(length) => {
                let length = i64::from(length.get());
                let phase = (seconds.rem_euclid(length) * PHASES as i64 / length) as usize;
                Phase { half: phase / HALF, part: phase % HALF }
            }
        }
    }
}

impl Seasons {
    /// The mean of a phase that has been seen often enough.
    #[inline]
    pub fn mean(&self, phase: Phase, model: &MetricModel) -> Option<f32> {
        (self.counts[phase.half][phase.part] > model.phase_rows)
            .then(|| self.means[phase.half][phase.part])
    }

    /// Takes a sample in.
    #[inline]
    pub fn take(&mut self, phase: Phase, value: f32, model: &MetricModel) {
        let count = &mut self.counts[phase.half][phase.part];
        let mean = &mut self.means[phase.half][phase.part];
        let weight = model.phase_weight.max(1.0 / (f32::from(*count) + 1.0));
        *mean += weight * (value - *mean);
        *count = count.saturating_add(1);
    }
}
