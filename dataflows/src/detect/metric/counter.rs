//! From what a sensor counts to what can be judged: a gauge.
//!
//! A cumulative counter becomes a rate; when it falls it has begun anew, and what it shows
//! is what it has counted since. A delta sum is the rate over its interval. A gauge passes.

use serde::{Deserialize, Serialize};

/// How the points of a metric add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accumulation {
    /// They do not: a temperature.
    #[default]
    Gauge,
    /// Each counts from a beginning: requests since the start.
    Cumulative,
    /// Each counts from the one before: requests since the last point.
    Delta,
}

/// The last point of a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    last: Option<(i64, f64)>,
}

impl Counter {
    /// The gauge that a point makes, or none where it says nothing yet: the first of a
    /// counter, one that is no number, and one that is not later than the one before.
    ///
    /// Rates are for each second.
    pub fn gauge(&mut self, kind: Accumulation, time_seconds: i64, value: f64) -> Option<f64> {
        if !value.is_finite() {
            return None;
        }
        if kind == Accumulation::Gauge {
            return Some(value);
        }
        let last = self.last.filter(|(time, _)| *time < time_seconds);
        if self.last.is_some() && last.is_none() {
            return None;
        }
        self.last = Some((time_seconds, value));
        let (time, before) = last?;
        let counted = match kind {
            Accumulation::Cumulative if value >= before => value - before,
            _ => value,
        };
        // A negative count is a sensor's slip, not a rate.
        (counted >= 0.0).then(|| counted / (time_seconds - time) as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauges(kind: Accumulation, points: &[(i64, f64)]) -> Vec<Option<f64>> {
        let mut counter = Counter::default();
        points.iter().map(|(time, value)| counter.gauge(kind, *time, *value)).collect()
    }

    #[test]
    fn a_counter_is_a_rate_and_may_begin_anew() {
        let points = [(0, 100.0), (10, 150.0), (20, 150.0), (30, 20.0), (40, 40.0)];
        let rates = gauges(Accumulation::Cumulative, &points);
        assert_eq!(rates, [None, Some(5.0), Some(0.0), Some(2.0), Some(2.0)]);
    }

    #[test]
    fn a_delta_is_a_rate_over_its_interval() {
        let points = [(0, 7.0), (10, 50.0), (30, 50.0), (40, -1.0)];
        assert_eq!(gauges(Accumulation::Delta, &points), [None, Some(5.0), Some(2.5), None]);
    }

    #[test]
    fn a_gauge_passes_and_what_is_no_number_does_not() {
        let points = [(0, -3.0), (0, f64::NAN), (0, f64::INFINITY), (0, 4.0)];
        assert_eq!(gauges(Accumulation::Gauge, &points), [Some(-3.0), None, None, Some(4.0)]);
        let points = [(0, 1.0), (10, f64::NAN), (20, 3.0)];
        assert_eq!(gauges(Accumulation::Cumulative, &points), [None, None, Some(0.1)]);
    }

    #[test]
    fn a_point_that_is_not_later_says_nothing_and_changes_nothing() {
        let points = [(10, 1.0), (10, 5.0), (5, 9.0), (20, 11.0)];
        assert_eq!(gauges(Accumulation::Cumulative, &points), [None, None, None, Some(1.0)]);
    }
}
