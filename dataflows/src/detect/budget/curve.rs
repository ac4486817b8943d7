//! How much there was and how much of it was bad, up to each minute, in bounded room.
//!
//! The running sums are kept at the ends of minutes, further back at those of ten minutes, and
//! still further back at those of hours: leaving out a point of a running sum loses nothing of
//! those that stay. A window begins where a point is kept however old it is, so what it holds
//! does not depend on when points were left out.

use crate::model::Seconds;
use serde::{Deserialize, Serialize};

/// Length of the shortest step, seconds.
pub const MINUTE: Seconds = 60;

/// Windows up to a length begin at a multiple of a step, seconds; longer ones at the last.
const STEPS: [(Seconds, Seconds); 3] =
    [(6 * 3600, MINUTE), (3 * 86_400, 600), (Seconds::MAX, 3600)];

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    /// What was bad.
    pub bad: i64,
    /// All of it.
    pub total: i64,
}

impl Sum {
    fn add(&mut self, other: Sum) {
        self.bad = self.bad.saturating_add(other.bad);
        self.total = self.total.saturating_add(other.total);
    }
}

/// The sums of all that lies before an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Point {
    at: Seconds,
    sum: Sum,
}

/// Running sums.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Curve {
    /// What lies before the first point's step.
    base: Sum,
    /// In order of time.
    points: Vec<Point>,
}

impl Curve {
    /// Adds what was counted in the minute that begins at `minute`.
    pub fn add(&mut self, minute: Seconds, sum: Sum) {
        let end = minute.saturating_add(MINUTE);
        let at = self.points.partition_point(|point| point.at < end);
        if self.points.get(at).is_none_or(|point| point.at != end) {
            let sum = self.until(end);
            self.points.insert(at, Point { at: end, sum });
        }
        self.points[at..].iter_mut().for_each(|point| point.sum.add(sum));
    }

    /// What was counted before `at`.
    fn until(&self, at: Seconds) -> Sum {
        let after = self.points.partition_point(|point| point.at <= at);
        after.checked_sub(1).map_or(self.base, |last| self.points[last].sum)
    }

    /// What was counted in the window of a length that ends at `end`; never less than nothing.
    pub fn within(&self, end: Seconds, length: Seconds) -> Sum {
        let step = STEPS.into_iter().find(|(longest, _)| length <= *longest).map_or(1, |s| s.1);
        let begin = end.saturating_sub(length).div_euclid(step) * step;
        let (until, before) = (self.until(end), self.until(begin));
        Sum { bad: (until.bad - before.bad).max(0), total: (until.total - before.total).max(0) }
    }

    /// Where the first and the last step end in which anything was counted.
    pub fn ends(&self) -> Option<(Seconds, Seconds)> {
        Some((self.points.first()?.at, self.points.last()?.at))
    }

    /// When the first minute begins of which anything is known.
    pub fn since(&self) -> Seconds {
        match self.points.first() {
            Some(first) if self.base == Sum::default() => first.at - MINUTE,
            Some(_) => Seconds::MIN,
            None => Seconds::MAX,
        }
    }

    /// Leaves out what no window that ends at or after `settled` needs, none of which is longer
    /// than `longest`.
    pub fn thin(&mut self, settled: Seconds, longest: Seconds) {
        let oldest = settled.saturating_sub(longest).saturating_sub(2 * STEPS[2].1);
        let gone = self.points.partition_point(|point| point.at <= oldest);
        if let Some(last) = gone.checked_sub(1) {
            self.base = self.points[last].sum;
            self.points.drain(..gone);
        }
        for (shorter, longer) in STEPS.into_iter().zip(STEPS.into_iter().skip(1)) {
            let limit = settled.saturating_sub(shorter.0).saturating_sub(2 * shorter.1);
            let upto = self.points.partition_point(|point| point.at <= limit);
            let cell = |point: &Point| (point.at - 1).div_euclid(longer.1);
            // Of each step only its end counts.
            let mut kept = 0;
            for at in 0..upto {
                if kept > 0 && cell(&self.points[kept - 1]) == cell(&self.points[at]) {
                    self.points[kept - 1] = self.points[at];
                } else {
                    self.points[kept] = self.points[at];
                    kept += 1;
                }
            }
            self.points.drain(kept..upto);
        }
    }

    /// How many points it has.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.points.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: Seconds = 10_000_000 / 3600 * 3600;

    fn sum(bad: i64, total: i64) -> Sum {
        Sum { bad, total }
    }

    #[test]
    fn a_window_holds_what_lies_in_it() {
        let mut curve = Curve::default();
        curve.add(120, sum(1, 10));
        curve.add(0, sum(2, 20));
        curve.add(120, sum(3, 30));
        assert_eq!(curve.within(180, 60), sum(4, 40));
        assert_eq!(curve.within(180, 180), sum(6, 60));
        assert_eq!(curve.within(120, 120), sum(2, 20));
        assert_eq!((curve.ends(), curve.since()), (Some((60, 180)), 0));
    }

    #[test]
    fn ninety_days_take_some_thousand_points() {
        let longest = 90 * 86_400;
        let mut curve = Curve::default();
        for minute in 0..100 * 24 * 60 {
            let at = START + minute * MINUTE;
            curve.add(at, sum(1, 2));
            curve.thin(at, longest);
        }
        // Six hours of minutes, three days of ten minutes, ninety days of hours.
        assert!((2_800..2_900).contains(&curve.len()), "{}", curve.len());
        let (_, end) = curve.ends().unwrap_or_default();
        let whole = curve.within(end, longest);
        assert_eq!(whole, sum(90 * 24 * 60, 2 * 90 * 24 * 60));
    }

    proptest! {
        /// What is left out, and when, changes no window that may still be asked for.
        #[test]
        fn thinning_changes_no_answer(
            minutes in prop::collection::vec((0i64..20 * 24 * 60, 0i64..5), 1..200),
            looks in prop::collection::vec(0i64..400, 1..20),
        ) {
            let mut minutes = minutes;
            minutes.sort_unstable();
            let longest = 10 * 86_400;
            let (mut whole, mut thinned) = (Curve::default(), Curve::default());
            for (place, (minute, bad)) in minutes.iter().enumerate() {
                let at = START + minute * MINUTE;
                whole.add(at, sum(*bad, 5));
                thinned.add(at, sum(*bad, 5));
                if place % 3 == 0 {
                    thinned.thin(at, longest);
                }
                for look in &looks {
                    let end = at + look * MINUTE;
                    for length in [300, 3600, 21_600, 86_400, 259_200, longest] {
                        prop_assert_eq!(whole.within(end, length), thinned.within(end, length));
                    }
                }
            }
        }
    }
}
