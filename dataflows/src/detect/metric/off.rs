//! How long a series stays off after a finding.
//!
//! A record is told of once: what follows at the same height is no record any more. But the
//! condition lasts until the series has come half the way back to what is expected, so that an
//! incident is not over while its metric still stands off. A series that stays there for
//! `hold_seconds` has found a new normal.

use super::model::MetricModel;
use super::reading::Reading;
use serde::{Deserialize, Serialize};

/// What is told of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Word {
    /// It is out of the ordinary.
    Found,
    /// The series still stands off.
    Stands,
    /// The series is back, or its new height is taken for usual.
    Over,
}

/// A series that stands off.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Off {
    /// When it went off.
    pub(super) since: i64,
    /// The last reading that was out of the ordinary.
    pub(super) reading: Reading,
    /// How far its figure was from what was expected; signed.
    deviation: f64,
    /// When it was told of last.
    told: i64,
}

impl Off {
    /// A series that goes off, or further off, by a figure.
    pub(super) fn new(was: Option<Off>, time: i64, figure: f64, reading: Reading) -> Off {
        let since = was.map_or(time, |was| was.since);
        Off { since, reading, deviation: figure - reading.expected, told: time }
    }

    /// What is told of the next figure; `seasonal` is what its season makes expected.
    ///
    /// Of one second one thing is told, and that the series still stands off only now and then.
    pub(super) fn word(
        &mut self,
        model: &MetricModel,
        time: i64,
        figure: f64,
        seasonal: Option<f64>,
    ) -> Option<Word> {
        let quiet = time.saturating_sub(self.told);
        if quiet <= 0 {
            return None;
        }
        // Without a known season the running mean follows the fault; what was expected does not.
        let deviation = figure - seasonal.unwrap_or(self.reading.expected);
        let is_off = deviation * self.deviation.signum() >= self.deviation.abs() / 2.0;
        let held = time.saturating_sub(self.since) > i64::from(model.hold_seconds);
        if !is_off || held || self.deviation == 0.0 {
            return Some(Word::Over);
        }
        if quiet < i64::from(model.repeat_seconds) {
            return None;
        }
        self.told = time;
        Some(Word::Stands)
    }
}
