//! A native histogram: how many were how much, in buckets that are powers of a base.

use crate::canonical::buckets::{Side, ascending};
use crate::canonical::native::Refusal;
use crate::canonical::protobuf::{Damage, Fields, signed};
use crate::canonical::reject::Code;

/// How a histogram says that it is a gauge.
const GAUGE: u64 = 3;
/// Schemas of powers of a base; others name their bounds.
const SCHEMAS: std::ops::RangeInclusive<i64> = -4..=8;
/// Where numbers of buckets end: beyond, a bound is nothing that a double can hold.
const NUMBER_MAX: i64 = 1 << 31;

/// A histogram.
#[derive(Debug, Default)]
pub(super) struct Native {
    pub(super) count: f64,
    pub(super) sum: f64,
    pub(super) is_gauge: bool,
    pub(super) time_ms: i64,
    schema: i64,
    zeros: f64,
    negative: Written,
    positive: Written,
}

/// One side of zero as it is written: stretches of buckets, and what is in each as the difference
/// from the one before, or as it is.
#[derive(Debug, Default)]
struct Written {
    /// Buckets between a stretch and the one before, and its length.
    spans: Vec<(i64, u64)>,
    deltas: Vec<i64>,
    counts: Vec<f64>,
}

impl Native {
    pub(super) fn read(bytes: &[u8]) -> Result<Native, Refusal> {
        let mut found = Native::default();
        for field in Fields::of(bytes) {
            match field? {
                (1, field) => found.count = field.varint()? as f64,
                (2, field) => found.count = field.double()?,
                (3, field) => found.sum = field.double()?,
                (4, field) => found.schema = field.zigzag()?,
                (6, field) => found.zeros = field.varint()? as f64,
                (7, field) => {
                    found.zeros = Some(field.double()?).filter(|n| n.is_finite()).unwrap_or(0.0)
                }
                (8, field) => found.negative.spans.push(span(field.bytes()?)?),
                (9, field) => field.each_varint(|bits| found.negative.deltas.push(signed(bits)))?,
                (10, field) => field.each_fixed64(|bits| found.negative.count(bits))?,
                (11, field) => found.positive.spans.push(span(field.bytes()?)?),
                (12, field) => {
                    field.each_varint(|bits| found.positive.deltas.push(signed(bits)))?
                }
                (13, field) => field.each_fixed64(|bits| found.positive.count(bits))?,
                (14, field) => found.is_gauge = field.varint()? == GAUGE,
                (15, field) => found.time_ms = field.varint()? as i64,
                _ => {}
            }
        }
        if !found.negative.is_whole() || !found.positive.is_whole() {
            let message = "its spans have other buckets than there are counts";
            return Err(Refusal::new(Code::E004, "spans", message));
        }
        Ok(found)
    }

    /// By bound, how many were at most so much; nothing of a schema whose bounds are named.
    pub(super) fn ascending(&self) -> Vec<(f64, f64)> {
        if !SCHEMAS.contains(&self.schema) {
            return Vec::new();
        }
        let [negative, positive] = [&self.negative, &self.positive].map(Written::side);
        ascending(self.schema, &negative, self.zeros, &positive)
    }
}

impl Written {
    fn count(&mut self, bits: u64) {
        self.counts.push(f64::from_bits(bits));
    }

    /// Whether there is something for every bucket of its spans, and nothing else.
    fn is_whole(&self) -> bool {
        let buckets = self.spans.iter().fold(0u64, |sum, (_, length)| sum.saturating_add(*length));
        buckets == (self.deltas.len() + self.counts.len()) as u64
            && (self.deltas.is_empty() || self.counts.is_empty())
    }

    fn side(&self) -> Side {
        let mut side = Side::default();
        // Here a bucket has the number of the power that it ends at.
        let (mut number, mut place, mut count) = (-1i64, 0, 0i64);
        for (gap, length) in &self.spans {
            number = number.saturating_add(*gap).clamp(-NUMBER_MAX, NUMBER_MAX);
            for _ in 0..*length {
                count = count.saturating_add(self.deltas.get(place).copied().unwrap_or(0));
                let counted = self.counts.get(place).copied();
                let counted = counted.unwrap_or(count as f64);
                if counted.is_finite() && counted > 0.0 {
                    side.0.insert(number, counted);
                }
                number = number.saturating_add(1);
                place += 1;
            }
        }
        side
    }
}

fn span(bytes: &[u8]) -> Result<(i64, u64), Damage> {
    let (mut gap, mut length) = (0, 0);
    for field in Fields::of(bytes) {
        match field? {
            (1, field) => gap = field.zigzag()?,
            (2, field) => length = field.varint()?,
            _ => {}
        }
    }
    Ok((gap, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_and_differences_are_buckets() {
        // Buckets 0, 1 and 4 of schema 0: up to 1, to 2, and from 8 to 16.
        let positive =
            Written { spans: vec![(0, 2), (2, 1)], deltas: vec![3, -1, 4], ..Written::default() };
        let found = Native { zeros: 1.0, positive, ..Native::default() };
        let expected = [(0.0, 1.0), (0.5, 1.0), (1.0, 4.0), (2.0, 6.0), (8.0, 6.0), (16.0, 12.0)];
        assert_eq!(found.ascending()[..6], expected);
        assert_eq!(Native { schema: -53, ..found }.ascending(), []);
        let of = |spans| Written { spans, deltas: vec![1, 0], ..Written::default() };
        let far = Native { positive: of(vec![(i64::MAX, 2)]), ..Native::default() }.ascending();
        assert_eq!(far.last(), Some(&(f64::INFINITY, 2.0)));
        for spans in [vec![(0, 3)], vec![(0, u64::MAX), (0, u64::MAX)], vec![]] {
            assert!(!of(spans).is_whole());
        }
    }
}
