//! Quantiles of histograms whose buckets count since some start.
//!
//! What a point says of now is what it has more than the point before. Its buckets may come one
//! by one, so a point is judged once, a little after its time; a bucket that comes later still
//! is counted and changes nothing. Where a bucket has less than before it started again, and
//! that point says nothing but where the next begins.

#[cfg(test)]
mod tests;

use super::metric::{Accumulation, Track};
use super::raise::{Out, Subject};
use super::samples::Finder;
use super::watch::Around;
use crate::model::{BUCKET_ENDINGS, Bucket, Identity, Kept, Seconds, SourceIndex, Unread};
use crate::params::SampleParams;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The quantiles, with what their names end in.
pub const QUANTILES: [(&str, f64); 2] = [(".p50", 0.50), (".p99", 0.99)];
/// Buckets of a point that are kept: those with the least bounds.
const BUCKETS_MAX: usize = 256;

/// A histogram at an instant: by bound, what was at most that since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    grows: bool,
    buckets: Vec<(f64, f64)>,
}

impl Point {
    /// Adds a bucket; of two with one bound the greater counts, whichever comes first.
    ///
    /// # Errors
    /// When there are too many, and one is left out.
    pub fn add(&mut self, bucket: &Bucket) -> Result<(), Unread> {
        self.grows |= bucket.grows;
        let found = self.buckets.binary_search_by(|(bound, _)| bound.total_cmp(&bucket.bound));
        match found {
            Ok(at) => self.buckets[at].1 = self.buckets[at].1.max(bucket.count),
            Err(at) => self.buckets.insert(at, (bucket.bound, bucket.count)),
        }
        if self.buckets.len() > BUCKETS_MAX {
            self.buckets.pop();
            return Err(Unread::Crowded);
        }
        Ok(())
    }

    /// What came since `before`, by bound; nothing when that cannot be said.
    fn since(&self, before: &Point) -> Option<Vec<(f64, f64)>> {
        if !self.grows && self.bounds().ne(before.bounds()) {
            return None;
        }
        let more = |(bound, count): &(f64, f64)| (*bound, count - before.at_most(*bound));
        let since: Vec<(f64, f64)> = self.buckets.iter().map(more).collect();
        let all = |point: &Point| point.buckets.last().map_or(0.0, |(_, count)| *count);
        if all(self) < all(before) {
            return None;
        }
        let ascends = since.is_sorted_by(|(_, a), (_, b)| a <= b);
        (ascends && since.first().is_some_and(|(_, count)| *count >= 0.0)).then_some(since)
    }

    fn bounds(&self) -> impl Iterator<Item = u64> + '_ {
        self.buckets.iter().map(|(bound, _)| bound.to_bits())
    }

    /// What was at most a bound; between two bounds there is nothing.
    fn at_most(&self, bound: f64) -> f64 {
        let above = self.buckets.partition_point(|(own, _)| own.total_cmp(&bound).is_le());
        above.checked_sub(1).map_or(0.0, |at| self.buckets[at].1)
    }

    /// The quantiles of what came since `before`; nothing when nothing did, or it cannot be
    /// said.
    pub fn quantiles(&self, before: &Point) -> Option<[f64; QUANTILES.len()]> {
        let since = self.since(before)?;
        let mut values = [0.0; QUANTILES.len()];
        for (value, (_, share)) in values.iter_mut().zip(QUANTILES) {
            *value = quantile(&since, share)?;
        }
        Some(values)
    }
}

/// The value below which a share of what was measured lies: by a straight line through the
/// bucket. The first begins at zero when it ends above; of the last only the beginning is known.
fn quantile(buckets: &[(f64, f64)], share: f64) -> Option<f64> {
    let (_, total) = buckets.last().filter(|(_, total)| *total > 0.0)?;
    let rank = total * share;
    let at = buckets.iter().position(|(_, count)| *count > 0.0 && *count >= rank)?;
    let (upper, count) = buckets[at];
    let (lower, below) = match at.checked_sub(1) {
        Some(before) => buckets[before],
        None => (upper.min(0.0), 0.0),
    };
    let value = match upper.is_finite() {
        true => lower + (upper - lower) * ((rank - below) / (count - below)).max(0.0),
        // With no bound at all nothing is known.
        false if at == 0 => return None,
        false => lower,
    };
    value.is_finite().then_some(value)
}

/// Points up to this one are judged at a tick.
pub fn over(now: Seconds, params: &SampleParams) -> Seconds {
    now - params.wait_seconds
}

/// What is remembered of a histogram.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HistogramState {
    /// Points that may not be complete.
    waiting: BTreeMap<Seconds, Point>,
    last: Option<Point>,
    tracks: [Track; QUANTILES.len()],
    /// The first point with quantiles.
    since: Option<Seconds>,
}

/// One histogram.
#[derive(Clone, Debug)]
pub struct HistogramWatch {
    state: HistogramState,
    subjects: [Subject; QUANTILES.len()],
}

impl HistogramWatch {
    /// A histogram that goes on from `state`.
    pub fn new(identity: &Identity, source: SourceIndex, state: HistogramState) -> HistogramWatch {
        let subjects = QUANTILES.map(|(suffix, _)| {
            let name = name(&identity.name, suffix);
            Subject::new(identity, source, &name, "metric")
        });
        HistogramWatch { state, subjects }
    }

    /// What has to be remembered.
    pub fn save(&self) -> HistogramState {
        self.state.clone()
    }

    /// What is known, and since when something may be found.
    pub fn row(&self, params: &SampleParams) -> (Option<Seconds>, Kept) {
        let begins = self.state.since.map(|since| since + params.warm_up_seconds);
        let rows = std::array::from_fn(|of| self.state.tracks[of].row(&params.model));
        (begins, Kept::Histogram(rows))
    }

    /// A bucket that comes when points up to `over` are judged; whether it is the first of its
    /// point.
    ///
    /// # Errors
    /// Why it is not read, or one with a greater bound is not.
    pub fn bucket(&mut self, bucket: &Bucket, over: Seconds) -> Result<bool, Unread> {
        let time = bucket.stamp.time;
        if time <= over {
            return Err(Unread::Late);
        }
        let is_first = !self.state.waiting.contains_key(&time);
        self.state.waiting.entry(time).or_default().add(bucket)?;
        Ok(is_first)
    }

    /// Judges points that are over.
    pub fn update(&mut self, around: &Around<'_>, out: &mut Out) {
        let params = &around.params.samples;
        let later = self.state.waiting.split_off(&(over(around.now, params) + 1));
        for (time, point) in std::mem::replace(&mut self.state.waiting, later) {
            let figures = self.state.last.as_ref().and_then(|last| point.quantiles(last));
            self.state.last = Some(point);
            for (of, figure) in figures.into_iter().flatten().enumerate() {
                let begins = *self.state.since.get_or_insert(time) + params.warm_up_seconds;
                let (track, subject) = (&mut self.state.tracks[of], &self.subjects[of]);
                let severity = params.severity;
                let finder = Finder { subject, severity, begins, model: &params.model };
                finder.judge(track, time, (Accumulation::Gauge, figure), out);
            }
        }
    }

    /// The next tick at which a point is to be judged.
    pub fn due(&self, around: &Around<'_>) -> Option<Seconds> {
        let (first, _) = self.state.waiting.first_key_value()?;
        Some(first + around.params.samples.wait_seconds)
    }
}

/// What a quantile is called.
pub fn name(series: &str, suffix: &str) -> String {
    let metric = BUCKET_ENDINGS.iter().find_map(|ending| series.strip_suffix(ending));
    let metric = metric.filter(|metric| !metric.is_empty()).unwrap_or(series);
    format!("{metric}{suffix}")
}
