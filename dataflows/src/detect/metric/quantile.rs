//! Quantiles of histograms, from the counts of their buckets.
//!
//! Cumulative histograms are first made those of an interval by [`Explicit::since`] and
//! [`Exponential::since`]: what was counted since the point before, or since the sensor's
//! start where a count has fallen. Inside an explicit bucket values are taken as spread
//! evenly, inside an exponential one evenly over the logarithm.

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A histogram that means nothing.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum HistogramError {
    /// Counts and bounds do not belong together.
    #[error("{counts} counts for {bounds} bounds; give one count more than bounds")]
    Counts {
        /// How many counts there are.
        counts: usize,
        /// How many bounds there are.
        bounds: usize,
    },
    /// Bounds do not rise.
    #[error("bound {0} is not above the one before it; sort them and leave out equal ones")]
    Bounds(usize),
    /// No such resolution.
    #[error("scale {0} is no resolution of an exponential histogram; give -10 to 20")]
    Scale(i32),
}

/// A histogram with bounds of its own choice; the last bucket has no end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explicit {
    bounds: Vec<f64>,
    counts: Vec<u64>,
}

impl Explicit {
    /// A histogram from upper bounds and one count more than those.
    ///
    /// # Errors
    /// When counts and bounds do not belong together, or bounds do not rise.
    pub fn new(bounds: Vec<f64>, counts: Vec<u64>) -> Result<Explicit, HistogramError> {
        if counts.len() != bounds.len() + 1 {
            return Err(HistogramError::Counts { counts: counts.len(), bounds: bounds.len() });
        }
        let rises = |pair: &[f64]| pair[0] < pair[1];
        if let Some(at) = bounds.windows(2).position(|pair| !rises(pair)) {
            return Err(HistogramError::Bounds(at + 1));
        }
        if let Some(at) = bounds.iter().position(|bound| bound.is_nan()) {
            return Err(HistogramError::Bounds(at));
        }
        Ok(Explicit { bounds, counts })
    }

    /// What was counted since an earlier point of the same cumulative histogram.
    pub fn since(&self, earlier: &Explicit) -> Explicit {
        let same = self.bounds == earlier.bounds;
        let counts = fallen_or_rest(same, &self.counts, &earlier.counts);
        Explicit { bounds: self.bounds.clone(), counts }
    }

    /// The value below which this share of what was counted lies; none if nothing was.
    /// Beyond the last bound nothing better is known than that bound.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let (bucket, inside) = locate(self.counts.iter().copied(), share)?;
        let last = self.bounds.len().checked_sub(1)?;
        if bucket > last {
            return Some(self.bounds[last]);
        }
        let high = self.bounds[bucket];
        // The first bucket begins at zero for what cannot be negative.
        let low = match bucket.checked_sub(1) {
            Some(before) => self.bounds[before],
            None => high.min(0.0),
        };
        Some(low + (high - low) * inside)
    }
}

/// Buckets on one side of zero: bucket i holds what lies in (b^(first+i), b^(first+i+1)],
/// where b is two to the power of two to the power of minus the scale.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// Index of the first bucket.
    pub first: i32,
    /// Counts from there on.
    pub counts: Vec<u64>,
}

/// A histogram with bounds that grow by a constant factor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exponential {
    scale: i32,
    zero: u64,
    positive: Side,
    negative: Side,
}

impl Exponential {
    /// A histogram of this resolution.
    ///
    /// # Errors
    /// When there is no such resolution.
    pub fn new(
        scale: i32,
        zero: u64,
        positive: Side,
        negative: Side,
    ) -> Result<Exponential, HistogramError> {
        if !(-10..=20).contains(&scale) {
            return Err(HistogramError::Scale(scale));
        }
        Ok(Exponential { scale, zero, positive, negative })
    }

    /// What was counted since an earlier point of the same cumulative histogram, which may
    /// have been finer: a sensor halves its resolution when values spread.
    pub fn since(&self, earlier: &Exponential) -> Exponential {
        let Some(by) = earlier.scale.checked_sub(self.scale).filter(|by| *by >= 0) else {
            return self.clone();
        };
        let rest = |now: &Side, then: &Side| {
            let then = then.coarser(by);
            let counts = now.counts.iter().enumerate();
            let rest: Option<Vec<u64>> = counts
                .map(|(at, count)| count.checked_sub(then.count(i64::from(now.first) + at as i64)))
                .collect();
            let kept = then.counts.iter().enumerate().all(|(at, count)| {
                *count == 0 || now.count(i64::from(then.first) + at as i64) >= *count
            });
            rest.filter(|_| kept).map(|counts| Side { first: now.first, counts })
        };
        let positive = rest(&self.positive, &earlier.positive);
        let negative = rest(&self.negative, &earlier.negative);
        match (positive, negative, self.zero.checked_sub(earlier.zero)) {
            (Some(positive), Some(negative), Some(zero)) => {
                Exponential { scale: self.scale, zero, positive, negative }
            }
            // A count that has fallen: the sensor began anew, and this is all since.
            _ => self.clone(),
        }
    }

    /// The value below which this share of what was counted lies; none if nothing was.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let negative = self.negative.counts.iter().rev().copied();
        let all = negative.chain([self.zero]).chain(self.positive.counts.iter().copied());
        let (bucket, inside) = locate(all, share)?;
        let below = self.negative.counts.len();
        let value = |side: &Side, at: usize, inside: f64| {
            let power = (i64::from(side.first) + at as i64) as f64 + inside;
            (power * 2f64.powi(-self.scale)).exp2()
        };
        Some(match bucket.checked_sub(below) {
            None => -value(&self.negative, below - 1 - bucket, 1.0 - inside),
            Some(0) => 0.0,
            Some(at) => value(&self.positive, at - 1, inside),
        })
    }
}

impl Side {
    /// The count of a bucket by its index.
    fn count(&self, index: i64) -> u64 {
        let at = usize::try_from(index - i64::from(self.first)).ok();
        at.and_then(|at| self.counts.get(at)).copied().unwrap_or(0)
    }

    /// The same counts with the resolution halved `by` times.
    fn coarser(&self, by: i32) -> Side {
        if by == 0 || self.counts.is_empty() {
            return self.clone();
        }
        let coarse = |index: i64| index >> by.min(62);
        let first = coarse(i64::from(self.first));
        let last = coarse(i64::from(self.first) + self.counts.len() as i64 - 1);
        let mut counts = vec![0u64; (last - first + 1) as usize];
        for (at, count) in self.counts.iter().enumerate() {
            let index = coarse(i64::from(self.first) + at as i64) - first;
            counts[index as usize] = counts[index as usize].saturating_add(*count);
        }
        Side { first: first as i32, counts }
    }
}

/// The bucket in which a share of all counts lies, and where in it, 0 to 1.
fn locate(counts: impl Iterator<Item = u64> + Clone, share: f64) -> Option<(usize, f64)> {
    let all: u64 = counts.clone().fold(0, u64::saturating_add);
    if all == 0 || share.is_nan() {
        return None;
    }
    let wanted = share.clamp(0.0, 1.0) * all as f64;
    let mut below = 0.0;
    let mut last = None;
    for (bucket, count) in counts.enumerate().filter(|(_, count)| *count > 0) {
        let count = count as f64;
        if below + count >= wanted {
            return Some((bucket, ((wanted - below) / count).clamp(0.0, 1.0)));
        }
        below += count;
        last = Some((bucket, 1.0));
    }
    last
}

/// Counts minus earlier ones; all of them where one has fallen or the bounds are others.
fn fallen_or_rest(same: bool, now: &[u64], earlier: &[u64]) -> Vec<u64> {
    let pairs = now.iter().zip(earlier);
    let rest: Option<Vec<u64>> = pairs.map(|(now, then)| now.checked_sub(*then)).collect();
    rest.filter(|_| same).unwrap_or_else(|| now.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explicit(counts: &[u64]) -> Explicit {
        Explicit::new(vec![1.0, 2.0, 4.0], counts.to_vec()).expect("well formed")
    }

    fn positive(scale: i32, first: i32, counts: &[u64]) -> Exponential {
        let positive = Side { first, counts: counts.to_vec() };
        Exponential::new(scale, 0, positive, Side::default()).expect("well formed")
    }

    #[test]
    fn an_explicit_quantile_lies_in_its_bucket() {
        let histogram = explicit(&[10, 10, 20, 0]);
        assert_eq!(histogram.quantile(0.25), Some(1.0));
        assert_eq!(histogram.quantile(0.5), Some(2.0));
        assert_eq!(histogram.quantile(0.75), Some(3.0));
        assert_eq!(histogram.quantile(1.0), Some(4.0));
        assert_eq!(explicit(&[0, 0, 0, 5]).quantile(0.5), Some(4.0));
        assert_eq!(explicit(&[0; 4]).quantile(0.5), None);
        assert_eq!(explicit(&[1; 4]).quantile(f64::NAN), None);
    }

    #[test]
    fn the_interval_of_a_cumulative_histogram_counts() {
        let (earlier, now) = (explicit(&[100, 5, 5, 0]), explicit(&[100, 5, 15, 0]));
        assert_eq!(now.since(&earlier).quantile(0.5), Some(3.0));
        let anew = explicit(&[1, 0, 0, 0]);
        assert_eq!(anew.since(&now), anew);
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let refused = Explicit::new(vec![1.0], vec![1]).expect_err("what is wrong is refused");
        assert!(refused.to_string().contains("one count more"), "{refused}");
        assert_eq!(Explicit::new(vec![1.0, 1.0], vec![1; 3]), Err(HistogramError::Bounds(1)));
        assert_eq!(Explicit::new(vec![f64::NAN], vec![1; 2]), Err(HistogramError::Bounds(0)));
        let refused = Exponential::new(21, 0, Side::default(), Side::default())
            .expect_err("what is wrong is refused");
        assert!(refused.to_string().contains("-10 to 20"), "{refused}");
    }

    #[test]
    fn an_exponential_quantile_lies_between_powers() {
        let histogram = positive(0, 2, &[1, 1]);
        assert_eq!(histogram.quantile(0.5), Some(8.0));
        assert_eq!(histogram.quantile(1.0), Some(16.0));
        let fine = positive(1, 0, &[2]);
        assert!((fine.quantile(0.5).expect("well formed") - 2f64.powf(0.25)).abs() < 1e-12);
        let negative = Side { first: 0, counts: vec![1, 1] };
        let both = Exponential::new(0, 2, Side { first: 0, counts: vec![4] }, negative)
            .expect("well formed");
        assert_eq!(both.quantile(0.0), Some(-4.0));
        assert_eq!(both.quantile(0.125), Some(-2.0));
        assert_eq!(both.quantile(0.4), Some(0.0));
        assert_eq!(both.quantile(1.0), Some(2.0));
    }

    #[test]
    fn an_exponential_interval_survives_a_coarser_scale() {
        let fine = positive(1, -2, &[1, 2, 3, 4]);
        let coarse = positive(0, -1, &[3, 7, 5]);
        assert_eq!(coarse.since(&fine), positive(0, -1, &[0, 0, 5]));
        let anew = positive(0, -1, &[3, 6]);
        assert_eq!(anew.since(&fine), anew);
    }
}
