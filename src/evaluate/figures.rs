//! The small arithmetic that every score is made of.
//!
//! A figure that has nothing to be measured on is absent, never 0 or NaN: a
//! storm without incidents has no top-1 accuracy, and printing one would be a
//! claim.

use serde::Serialize;

/// Precision, recall and their harmonic mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Prf {
    /// Share of what was claimed that is true; 1 when nothing was claimed.
    pub precision: f64,
    /// Share of what is true that was claimed; 1 when there was nothing to claim.
    pub recall: f64,
    /// Harmonic mean of the two.
    pub f1: f64,
}

/// A 95 % interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The 2.5th percentile.
    pub low: f64,
    /// The 97.5th percentile.
    pub high: f64,
}

/// Resamples per interval: the percentiles then move by under 0.01 between seeds.
const RESAMPLES: usize = 2_000;

/// Fixed, so that the same inputs print the same interval.
const BOOTSTRAP_SEED: u64 = 0xCA05_E3A7;

impl Prf {
    /// From counts of claims that hold, claims that do not, and misses.
    pub fn from_counts(hit: u64, false_alarm: u64, miss: u64) -> Self {
        let precision = share(hit, hit + false_alarm).unwrap_or(1.0);
        let recall = share(hit, hit + miss).unwrap_or(1.0);
        Self::from_rates(precision, recall)
    }

    /// From the two rates.
    pub fn from_rates(precision: f64, recall: f64) -> Self {
        Prf { precision, recall, f1: harmonic(precision, recall) }
    }
}

/// `part / whole`, absent when the whole is empty.
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The mean, absent when there are no values.
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.into_iter().fold((0.0, 0u64), |(s, n), v| (s + v, n + 1));
    (count > 0).then(|| sum / count as f64)
}

/// The harmonic mean of two rates, 0 when both are 0.
pub fn harmonic(a: f64, b: f64) -> f64 {
    if a + b > 0.0 { 2.0 * a * b / (a + b) } else { 0.0 }
}

/// Number of unordered pairs among `n` things.
pub fn pairs(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}

/// A 95 % percentile bootstrap over `units`, absent when there are none.
///
/// `figure` receives the indices of one resample, drawn with replacement, and
/// may decline to give a value.
pub fn bootstrap(units: usize, figure: impl Fn(&[usize]) -> Option<f64>) -> Option<Interval> {
    if units == 0 {
        return None;
    }
    let mut rng = SplitMix(BOOTSTRAP_SEED);
    let mut drawn = vec![0; units];
    let mut values = Vec::with_capacity(RESAMPLES);
    for _ in 0..RESAMPLES {
        drawn.iter_mut().for_each(|index| *index = rng.below(units));
        values.extend(figure(&drawn));
    }
    values.sort_by(f64::total_cmp);
    let at = |q: f64| {
        let last = values.len().checked_sub(1)?;
        values.get((q * last as f64).round() as usize).copied()
    };
    Some(Interval { low: at(0.025)?, high: at(0.975)? })
}

/// SplitMix64: sixty-four bits of state, the same stream everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`, by the high half of a 128-bit product.
    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_to_rates() {
        // 3 of 4 claims hold and 3 of 6 truths are found: P 3/4, R 1/2, F 2*(3/8)/(5/4) = 0.6.
        let prf = Prf::from_counts(3, 1, 3);
        assert_eq!((prf.precision, prf.recall), (0.75, 0.5));
        assert!((prf.f1 - 0.6).abs() < 1e-12);
        assert_eq!(Prf::from_counts(0, 0, 0).f1, 1.0);
        assert_eq!(Prf::from_counts(0, 0, 2).f1, 0.0);
        assert_eq!(Prf::from_counts(0, 2, 0).f1, 0.0);
    }

    #[test]
    fn absent_is_not_zero() {
        assert_eq!(share(0, 0), None);
        assert_eq!(share(0, 3), Some(0.0));
        assert_eq!(mean([]), None);
        assert_eq!(mean([1.0, 2.0]), Some(1.5));
        assert_eq!((pairs(0), pairs(1), pairs(4)), (0, 0, 6));
    }

    #[test]
    fn bootstrap_brackets_the_mean_and_repeats_itself() {
        // 100 coin flips, half heads: the standard error of the mean is 0.05, so the
        // interval is close to 0.5 -+ 0.098.
        let flips: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        let run = || bootstrap(100, |drawn| mean(drawn.iter().map(|&i| flips[i]))).unwrap();
        let interval = run();
        assert_eq!(interval, run());
        assert!((interval.low - 0.402).abs() < 0.02, "{interval:?}");
        assert!((interval.high - 0.598).abs() < 0.02, "{interval:?}");
        assert_eq!(bootstrap(0, |_| Some(1.0)), None);
        assert_eq!(bootstrap(3, |_| None), None);
    }

    #[test]
    fn draws_cover_the_range_and_stay_in_it() {
        let mut rng = SplitMix(7);
        let mut seen = [0u32; 5];
        (0..5_000).for_each(|_| seen[rng.below(5)] += 1);
        assert!(seen.iter().all(|&n| (850..1_150).contains(&n)), "{seen:?}");
    }
}
