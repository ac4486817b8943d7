//! One counter that an SLO reads: how much was counted in which minute.
//!
//! What was counted between two numbers belongs to the minute of the later one. A number that
//! comes late, between two others, moves part of it to its own minute.

use super::curve::MINUTE;
use crate::model::{Measure, Seconds};
use serde::{Deserialize, Serialize};

/// The numbers of a total that a late one may still come between, and the one before them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counter {
    /// In order of time.
    numbers: Vec<(Seconds, f64)>,
}

impl Counter {
    /// Takes in a number; `count` gets the beginning of a minute and what is counted in it more,
    /// or less.
    pub fn push(
        &mut self,
        time: Seconds,
        measure: Measure,
        value: f64,
        gap_max: Seconds,
        mut count: impl FnMut(Seconds, i64),
    ) {
        let minute = |time: Seconds| time.div_euclid(MINUTE) * MINUTE;
        if measure == Measure::Added {
            return count(minute(time), value.round() as i64);
        }
        let at = self.numbers.partition_point(|(before, _)| *before < time);
        let before = at.checked_sub(1).map(|before| self.numbers[before]);
        let same = self.numbers.get(at).copied().filter(|(same, _)| *same == time);
        let after = self.numbers.get(at + usize::from(same.is_some())).copied();
        // Of two numbers of one second the greater counts, whichever came first.
        let new = (time, same.map_or(value, |(_, same)| same.max(value)));
        let grown = |from: Option<(Seconds, f64)>, to: Option<(Seconds, f64)>| match (from, to) {
            (Some(from), Some(to)) => increase(from, to, gap_max),
            _ => 0,
        };
        let was = same.or(before);
        if let Some((later, _)) = after {
            count(minute(later), grown(Some(new), after) - grown(was, after));
        }
        count(minute(time), grown(before, Some(new)) - grown(before, same));
        match same {
            Some(_) => self.numbers[at] = new,
            None => self.numbers.insert(at, new),
        }
    }

    /// Forgets numbers that nothing can come between any more, but for the last of them.
    pub fn settle(&mut self, settled: Seconds) {
        let before = self.numbers.partition_point(|(time, _)| *time < settled);
        self.numbers.drain(..before.saturating_sub(1));
    }

    /// The time of the last number.
    pub fn last(&self) -> Seconds {
        self.numbers.last().map_or(Seconds::MIN, |(time, _)| *time)
    }
}

/// What was counted from one number to the next. Whole numbers are subtracted, so that parts add
/// up to the whole however it is cut.
fn increase(from: (Seconds, f64), to: (Seconds, f64), gap_max: Seconds) -> i64 {
    if to.0 - from.0 > gap_max {
        return 0;
    }
    let (from, to) = (from.1.floor() as i64, to.1.floor() as i64);
    // A counter that is less than before began again at zero.
    if to < from { to.max(0) } else { to.saturating_sub(from) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn counted(numbers: &[(Seconds, f64)]) -> BTreeMap<Seconds, i64> {
        let mut counter = Counter::default();
        let mut minutes = BTreeMap::new();
        for (time, value) in numbers {
            let count = |minute, more: i64| *minutes.entry(minute).or_default() += more;
            counter.push(*time, Measure::Total, *value, 3600, count);
        }
        minutes.retain(|_, count| *count != 0);
        minutes
    }

    #[test]
    fn a_total_that_begins_again_counts_from_zero() {
        let numbers = [(0, 5.0), (60, 8.0), (120, 2.0), (180, 2.5), (4_000, 9.0)];
        assert_eq!(counted(&numbers), BTreeMap::from([(60, 3), (120, 2)]));
    }

    #[test]
    fn what_was_added_counts_as_it_is() {
        let mut added = Vec::new();
        let mut counter = Counter::default();
        for (time, value) in [(61, 3.0), (10, 4.0)] {
            counter
                .push(time, Measure::Added, value, 60, |minute, more| added.push((minute, more)));
        }
        assert_eq!(added, [(60, 3), (0, 4)]);
    }

    proptest! {
        #[test]
        fn order_of_arrival_does_not_matter(
            numbers in prop::collection::vec((0i64..600, 0u32..50), 1..40),
            seed in any::<u64>(),
        ) {
            let numbers: Vec<(Seconds, f64)> =
                numbers.iter().map(|(time, value)| (*time, f64::from(*value))).collect();
            let mut sorted = numbers.clone();
            sorted.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
            let mut other = numbers.clone();
            other.rotate_left((seed % numbers.len() as u64) as usize);
            other.reverse();
            prop_assert_eq!(counted(&other), counted(&sorted));
            prop_assert_eq!(counted(&numbers), counted(&sorted));
        }
    }
}
