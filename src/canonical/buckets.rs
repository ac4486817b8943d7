//! Buckets of exponential histograms as bounds with what is at most that, as detection reads them.
//!
//! At scale `n` a bound is a power of 2^(2^-n), and bounds of a scale are bounds of every finer
//! one. So a histogram becomes one of a scale that has few enough, and what came since the point
//! before can be told when that one was finer.

use std::collections::BTreeMap;

/// The finest scale that detection is told of: four buckets from a number to its double.
const SCALE_MAX: i64 = 2;
/// How many buckets at most hold something; each may bring two bounds.
const MERGED_MAX: usize = 120;

/// What is in buckets on one side of zero: bucket `n` begins at the `n`-th power of the base.
#[derive(Debug, Default)]
pub struct Side(pub BTreeMap<i64, f64>);

impl Side {
    /// The same some scales coarser, without what holds nothing.
    fn merged(&self, shift: i64) -> Side {
        let mut merged = BTreeMap::new();
        for (number, count) in self.0.iter().filter(|(_, count)| **count > 0.0) {
            *merged.entry(number >> shift.clamp(0, 63)).or_insert(0.0) += count;
        }
        Side(merged)
    }
}

/// By bound, ascending, what is at most so much; the last bound is infinity. Nothing of a histogram
/// that holds nothing.
pub fn ascending(scale: i64, negative: &Side, zeros: f64, positive: &Side) -> Vec<(f64, f64)> {
    let mut coarse = scale.min(SCALE_MAX);
    let mut merged = [negative, positive].map(|side| side.merged(scale - coarse));
    // In the end there is one bucket from zero to one, and one above.
    while merged.iter().map(|side| side.0.len()).sum::<usize>() > MERGED_MAX {
        merged = merged.map(|side| side.merged(1));
        coarse -= 1;
    }
    let edge = |number: i64| (number as f64 * (-(coarse as f64)).exp2()).exp2();
    let [negative, positive] = merged;
    let mut buckets = Ascending::default();
    for (number, count) in negative.0.into_iter().rev() {
        buckets.add((-edge(number + 1), -edge(number)), count);
    }
    if zeros > 0.0 {
        buckets.add((0.0, 0.0), zeros);
    }
    for (number, count) in positive.0 {
        buckets.add((edge(number), edge(number + 1)), count);
    }
    let mut buckets = buckets.0;
    if let Some((_, all)) = buckets.last().copied().filter(|(bound, _)| bound.is_finite()) {
        buckets.push((f64::INFINITY, all));
    }
    buckets
}

#[derive(Default)]
struct Ascending(Vec<(f64, f64)>);

impl Ascending {
    fn add(&mut self, (lower, upper): (f64, f64), count: f64) {
        let (last, sum) = self.0.last().copied().unwrap_or((f64::NEG_INFINITY, 0.0));
        if lower > last && lower < upper {
            self.0.push((lower, sum));
        }
        self.0.push((upper, sum + count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn side(buckets: &[(i64, f64)]) -> Side {
        Side(buckets.iter().copied().collect())
    }

    #[test]
    fn what_is_at_most_a_bound_ascends_from_below_zero() {
        let (negative, positive) = (side(&[(0, 2.0), (1, 1.0)]), side(&[(1, 4.0), (3, 0.0)]));
        let found = ascending(0, &negative, 5.0, &positive);
        let expected = [(-4.0, 0.0), (-2.0, 1.0), (-1.0, 3.0), (0.0, 8.0), (2.0, 8.0), (4.0, 12.0)];
        assert_eq!(found[..6], expected);
        assert_eq!(found[6..], [(f64::INFINITY, 12.0)]);
        assert_eq!(ascending(0, &Side::default(), 0.0, &Side::default()), []);
    }

    #[test]
    fn fine_buckets_become_fewer() {
        // Eight to a double, of which detection hears of four.
        let found = ascending(3, &Side::default(), 0.0, &side(&[(0, 1.0), (1, 1.0), (2, 1.0)]));
        let edges = [1.0, 0.25f64.exp2(), 0.5f64.exp2()];
        assert_eq!(found[..3], [(edges[0], 0.0), (edges[1], 2.0), (edges[2], 3.0)]);
        let many: Vec<_> = (-500..500).map(|number| (number, 1.0)).collect();
        let found = ascending(2, &Side::default(), 0.0, &side(&many));
        assert!(found.len() <= MERGED_MAX + 2, "{}", found.len());
        assert_eq!(found.last().map(|(_, count)| *count), Some(1000.0));
    }
}
