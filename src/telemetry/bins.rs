//! A histogram with fixed bounds that a batch fills in one go.

use prometheus_client::encoding::MetricEncoder;
use std::fmt;

/// Counts by upper bound; the last bin has none.
#[derive(Clone, Debug)]
pub struct Bins {
    bounds: &'static [f64],
    counts: Vec<u64>,
    sum: f64,
}

impl Bins {
    /// Empty bins with these upper bounds, ascending.
    pub fn new(bounds: &'static [f64]) -> Self {
        Bins { bounds, counts: vec![0; bounds.len() + 1], sum: 0.0 }
    }

    /// Adds one value.
    pub fn observe(&mut self, value: f64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        self.counts[at] += 1;
        self.sum += value;
    }

    /// Adds what other bins of the same bounds hold.
    pub fn add(&mut self, other: &Bins) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.sum += other.sum;
    }

    /// Values so far.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Writes the bins as an OpenMetrics histogram.
    ///
    /// # Errors
    /// When the writer refuses.
    pub fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counts.iter().copied()).collect();
        encoder.encode_histogram::<NoLabels>(self.sum, self.count(), &buckets, None)
    }
}

/// No labels, as a set.
type NoLabels = [(&'static str, &'static str); 0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_fall_under_the_first_bound_that_holds_them() {
        let mut bins = Bins::new(&[1.0, 5.0]);
        for value in [0.0, 1.0, 1.1, 5.0, 9.0] {
            bins.observe(value);
        }
        assert_eq!((bins.counts.as_slice(), bins.count(), bins.sum), (&[2, 2, 1][..], 5, 16.1));
    }
}
