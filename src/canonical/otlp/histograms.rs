//! Distributions: histograms, exponential histograms and summaries.
//!
//! Each data point is one event and brings the series `<name>.count` and `<name>.sum`, as what was
//! added or as totals. A point that covers only what came since the one before, which is delta
//! temporality, also brings `<name>.p50` and `<name>.p99`, taken from its buckets by
//! interpolation. A cumulative one brings its buckets as `<name>.buckets`: they count since the
//! start, so what they say of now is the difference from the point before, and a decoder that
//! remembered that one would decode the same bytes to something else after a crash. Detection
//! makes the quantiles of them.

use super::super::buckets::{self, Side};
use super::super::decoded::Kind;
use super::super::intake::{Intake, Measured, SignalDraft, Spelling};
use super::super::native::Refusal;
use super::super::protobuf::Fields;
use super::super::reject::{Code, Quality};
use super::any::Texts;
use super::metrics::{Metric, NOTHING_RECORDED, Point, Shape};
use causeway_dataflows::model::Measure;
use smallvec::SmallVec;

/// Buckets between zero and the next that an exponential histogram may be away from it.
const OFFSET_MAX: i64 = 1 << 31;
/// A data point.
#[derive(Default)]
struct Distribution<'a> {
    point: Point<'a>,
    count: u64,
    sum: Option<f64>,
    bounds: Vec<f64>,
    counts: Vec<u64>,
    scale: i64,
    zeros: u64,
    positive: Buckets,
    negative: Buckets,
}

/// The buckets of an exponential histogram on one side of zero.
#[derive(Default)]
struct Buckets {
    offset: i64,
    counts: Vec<u64>,
}

/// Takes one data point.
pub(super) fn take(
    intake: &mut Intake,
    metric: &Metric<'_>,
    shape: Shape,
    bytes: &[u8],
    line: u64,
) -> Result<(), Refusal> {
    let found = match shape {
        Shape::Histogram => explicit(bytes),
        Shape::Exponential => exponential(bytes),
        _ => summary(bytes),
    }?;
    let mut quality = metric.quality();
    let payload = metric.payload(bytes);
    if found.point.flags & NOTHING_RECORDED > 0 {
        let common = metric.scene.common(line, payload, found.point.time_ns, quality);
        intake.count_signal(common, Kind::Metric);
        return Ok(());
    }
    let (buckets, grows) = if metric.is_delta { (Vec::new(), false) } else { found.ascending() };
    let mut parts = derived(metric, &found, &mut quality);
    if !buckets.is_empty() {
        parts.push((".buckets", Measured::Buckets { buckets: &buckets, grows }));
    }
    let mut spelled: SmallVec<[(Spelling, Option<Texts<'_>>, String); 4]> = SmallVec::new();
    for (suffix, _) in &parts {
        let spelling = metric.spelling(intake, &found.point, suffix)?;
        let texts = metric.texts(intake, &found.point, spelling)?;
        let name = texts.as_ref().map(|_| format!("{}{suffix}", metric.name));
        spelled.push((spelling, texts, name.unwrap_or_default()));
    }
    let mut drafts = SmallVec::<[(SignalDraft<'_>, Option<Spelling>); 4]>::new();
    for ((_, measured), (spelling, texts, name)) in parts.iter().zip(&spelled) {
        let (labels, measured) = (metric.labels(texts.as_ref(), &mut quality), *measured);
        drafts.push((SignalDraft { name, entity: "", labels, measured }, Some(*spelling)));
    }
    let common = metric.scene.common(line, payload, found.point.time_ns, quality);
    intake.signals(common, &drafts);
    Ok(())
}

/// The series that a data point brings: the suffix of each, its value, and what that is.
fn derived<'a>(
    metric: &Metric<'_>,
    found: &Distribution<'_>,
    quality: &mut Quality,
) -> SmallVec<[(&'static str, Measured<'a>); 4]> {
    let measure = if metric.is_delta { Measure::Added } else { Measure::Total };
    let mut parts = SmallVec::new();
    let count = found.count as f64;
    parts.push((".count", Measured::Sample { value: count, measure }));
    match found.sum {
        Some(value) if value.is_finite() => {
            parts.push((".sum", Measured::Sample { value, measure }))
        }
        Some(_) => quality.note(Code::W109),
        None => {}
    }
    if metric.is_delta {
        for (suffix, share) in [(".p50", 0.50), (".p99", 0.99)] {
            if let Some(value) = found.quantile(share).filter(|value| value.is_finite()) {
                parts.push((suffix, Measured::Sample { value, measure: Measure::Level }));
            }
        }
    }
    parts
}

fn explicit(bytes: &[u8]) -> Result<Distribution<'_>, Refusal> {
    let mut found = Distribution::default();
    for field in Fields::of(bytes) {
        match field? {
            (3, value) => found.point.time_ns = value.fixed64()?,
            (4, value) => found.count = value.fixed64()?,
            (5, value) => found.sum = Some(value.double()?),
            (6, value) => value.each_fixed64(|count| found.counts.push(count))?,
            (7, value) => value.each_fixed64(|bits| found.bounds.push(f64::from_bits(bits)))?,
            (9, value) => found.point.attributes.push(value.bytes()?),
            (10, value) => found.point.flags = value.varint()?,
            _ => {}
        }
    }
    let fits = found.counts.is_empty() || found.counts.len() == found.bounds.len() + 1;
    if !fits || !found.bounds.is_sorted_by(|a, b| a < b) {
        let message = "bounds must ascend, and there is one bucket more than bounds";
        return Err(Refusal::invalid("explicit_bounds", message));
    }
    Ok(found)
}

fn exponential(bytes: &[u8]) -> Result<Distribution<'_>, Refusal> {
    let mut found = Distribution::default();
    for field in Fields::of(bytes) {
        match field? {
            (1, value) => found.point.attributes.push(value.bytes()?),
            (3, value) => found.point.time_ns = value.fixed64()?,
            (4, value) => found.count = value.fixed64()?,
            (5, value) => found.sum = Some(value.double()?),
            (6, value) => found.scale = value.zigzag()?,
            (7, value) => found.zeros = value.fixed64()?,
            (8, value) => found.positive = Buckets::read(value.bytes()?)?,
            (9, value) => found.negative = Buckets::read(value.bytes()?)?,
            (10, value) => found.point.flags = value.varint()?,
            _ => {}
        }
    }
    if !(-64..=64).contains(&found.scale) {
        return Err(Refusal::invalid("scale", "the scale is beyond what a double can hold"));
    }
    Ok(found)
}

fn summary(bytes: &[u8]) -> Result<Distribution<'_>, Refusal> {
    let mut found = Distribution::default();
    for field in Fields::of(bytes) {
        match field? {
            (3, value) => found.point.time_ns = value.fixed64()?,
            (4, value) => found.count = value.fixed64()?,
            (5, value) => found.sum = Some(value.double()?),
            (7, value) => found.point.attributes.push(value.bytes()?),
            (8, value) => found.point.flags = value.varint()?,
            _ => {}
        }
    }
    Ok(found)
}

impl Buckets {
    fn read(bytes: &[u8]) -> Result<Buckets, Refusal> {
        let mut found = Buckets::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, value) => found.offset = value.zigzag()?.clamp(-OFFSET_MAX, OFFSET_MAX),
                (2, value) => value.each_varint(|count| found.counts.push(count))?,
                _ => {}
            }
        }
        Ok(found)
    }

    /// The middle, on the scale of logarithms, of the bucket in which the count from zero on
    /// reaches `rank`; or how much is left of it.
    fn reach(&self, rank: f64, scale: i64) -> Result<f64, f64> {
        let mut left = rank;
        for (at, count) in self.counts.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && left <= count {
                let place = (self.offset + at as i64) as f64 + left / count;
                return Ok((place * (-(scale as f64)).exp2()).exp2());
            }
            left -= count;
        }
        Err(left)
    }

    fn side(&self) -> Side {
        let numbered = (self.offset..).zip(&self.counts);
        Side(numbered.map(|(number, count)| (number, *count as f64)).collect())
    }

    fn total(&self) -> f64 {
        self.counts.iter().map(|count| *count as f64).sum()
    }
}

impl Distribution<'_> {
    /// The value below which `share` of what was measured lies.
    fn quantile(&self, share: f64) -> Option<f64> {
        match self.counts.is_empty() {
            false => self.explicit_quantile(share),
            true => self.exponential_quantile(share),
        }
    }

    /// By a straight line through the bucket. The first begins at zero when it ends above; of the
    /// last only the beginning is known.
    fn explicit_quantile(&self, share: f64) -> Option<f64> {
        let total: f64 = self.counts.iter().map(|count| *count as f64).sum();
        if total <= 0.0 || self.bounds.is_empty() {
            return None;
        }
        let mut left = total * share;
        for (at, count) in self.counts.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && left <= count {
                let Some(upper) = self.bounds.get(at) else { break };
                let lower = match at.checked_sub(1) {
                    Some(before) => self.bounds[before],
                    None => upper.min(0.0),
                };
                return Some(lower + (upper - lower) * (left / count));
            }
            left -= count;
        }
        self.bounds.last().copied()
    }

    /// By bound, how many were at most so much, and whether there may be more bounds some time.
    fn ascending(&self) -> (Vec<(f64, f64)>, bool) {
        if !self.counts.is_empty() {
            let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
            let mut sum = 0.0;
            let at_most = |(bound, count): (f64, &u64)| {
                sum += *count as f64;
                (bound, sum)
            };
            return (bounds.zip(&self.counts).map(at_most).collect(), false);
        }
        let [negative, positive] = [&self.negative, &self.positive].map(Buckets::side);
        (buckets::ascending(self.scale, &negative, self.zeros as f64, &positive), true)
    }

    fn exponential_quantile(&self, share: f64) -> Option<f64> {
        let (below, zeros) = (self.negative.total(), self.zeros as f64);
        let total = below + zeros + self.positive.total();
        if total <= 0.0 {
            return None;
        }
        let rank = total * share;
        if rank <= below && below > 0.0 {
            // From below, the buckets farthest from zero come first.
            return self.negative.reach(below - rank, self.scale).ok().map(|value| -value);
        }
        if rank <= below + zeros {
            return Some(0.0);
        }
        self.positive.reach(rank - below - zeros, self.scale).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_through_the_bucket() {
        let found = Distribution {
            bounds: vec![1.0, 2.0, 4.0],
            counts: vec![10, 0, 80, 10],
            ..Distribution::default()
        };
        assert_eq!(found.quantile(0.05), Some(0.5));
        assert_eq!(found.quantile(0.50), Some(3.0));
        assert_eq!(found.quantile(0.99), Some(4.0));
        let empty = Distribution { counts: vec![0, 0], bounds: vec![1.0], ..found };
        assert_eq!(empty.quantile(0.5), None);
    }

    #[test]
    fn powers_of_a_base() {
        // At scale 0 the bucket of offset 2 is from 4 to 8.
        let found = Distribution {
            positive: Buckets { offset: 2, counts: vec![4] },
            zeros: 4,
            negative: Buckets { offset: 0, counts: vec![2] },
            ..Distribution::default()
        };
        assert_eq!(found.quantile(0.5), Some(0.0));
        assert_eq!(found.quantile(0.8), Some(32f64.sqrt()));
        assert_eq!(found.quantile(1.0), Some(8.0));
        assert_eq!(found.quantile(0.1), Some(-2f64.sqrt()));
        assert_eq!(Distribution::default().quantile(0.5), None);
    }
}
