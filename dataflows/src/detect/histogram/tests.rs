//! Quantiles from points.

use super::*;
use crate::detect::tests::{Bench, START, identity};
use crate::model::{SignalBatch, Stamp};
use crate::params::Params;

const INF: f64 = f64::INFINITY;

fn point(buckets: &[(f64, f64)], grows: bool) -> Point {
    let mut point = Point::default();
    for &(bound, count) in buckets {
        let stamp = Stamp { identity: 0, source: 0, time: 0 };
        assert_eq!(point.add(&Bucket { stamp, bound, count, grows }), Ok(()));
    }
    point
}

#[test]
fn what_came_since_the_point_before_has_the_quantiles() {
    let before = point(&[(0.1, 900.0), (1.0, 990.0), (INF, 1000.0)], false);
    let after = point(&[(INF, 1100.0), (0.1, 900.0), (1.0, 1080.0)], false);
    // Ninety of a hundred are from 0.1 to 1, ten above.
    assert_eq!(after.quantiles(&before), Some([0.6, 1.0]));
    assert_eq!(before.quantiles(&before), None, "nothing came");
    assert_eq!(before.quantiles(&after), None, "it started again");
}

#[test]
fn other_bounds_are_another_beginning_unless_they_grow() {
    let before = point(&[(1.0, 10.0), (2.0, 30.0)], false);
    let after = point(&[(1.0, 10.0), (2.0, 30.0), (4.0, 50.0)], false);
    assert_eq!(after.quantiles(&before), None);
    let (before, after) = (Point { grows: true, ..before }, Point { grows: true, ..after });
    // All twenty that came are from 2 to 4, where the point before had nothing yet.
    assert_eq!(after.quantiles(&before), Some([3.0, 3.98]));
    let again = point(&[(1.0, 10.0), (2.0, 40.0), (2.5, 45.0)], true);
    assert_eq!(again.quantiles(&after), None, "there were fifty");
    assert_eq!(quantile(&[(INF, 7.0)], 0.5), None);
    // Coarser bounds are bounds of the finer ones.
    let coarse = point(&[(1.0, 10.0), (4.0, 60.0)], true);
    assert_eq!(coarse.quantiles(&after), Some([2.5, 3.9699999999999998]));
}

#[test]
fn the_least_bounds_are_kept_whatever_the_order() {
    let bucket = |bound: usize| {
        let stamp = Stamp { identity: 0, source: 0, time: 0 };
        Bucket { stamp, bound: bound as f64, count: bound as f64, grows: false }
    };
    let mut there = Point::default();
    let mut back = Point::default();
    let many = BUCKETS_MAX + 10;
    let left_out = (0..many).filter(|bound| there.add(&bucket(*bound)).is_err()).count();
    (0..many).rev().for_each(|bound| _ = back.add(&bucket(bound)));
    assert_eq!((&there, left_out), (&back, 10));
    assert_eq!(there.buckets.last(), Some(&(255.0, 255.0)));
}

/// A minute's point of a histogram of a hundred a minute, slow or not, in pieces.
fn minute(at: Seconds, slow: &[bool]) -> SignalBatch {
    let stamp = Stamp { identity: 0, source: 0, time: START + at };
    let all = slow.len() as f64 * 100.0;
    let fast = slow.iter().filter(|slow| !**slow).count() as f64 * 99.0;
    let buckets = [(0.25, fast), (2.5, all), (INF, all)];
    let bucket = |(bound, count)| Bucket { stamp, bound, count, grows: false };
    SignalBatch {
        identities: vec![identity("metric", "service:a/b", "latency_bucket")],
        buckets: buckets.map(bucket).to_vec(),
        ..SignalBatch::default()
    }
}

#[test]
fn a_latency_that_rises_is_found_and_what_is_late_is_counted() {
    let mut params = Params::default();
    params.detect.samples.warm_up_seconds = 3600;
    let mut bench = Bench::new(&params);
    let mut slow = Vec::new();
    for number in 0..240 {
        slow.push(number >= 200);
        let at = number * 60;
        let mut pieces = minute(at, &slow);
        let rest = pieces.buckets.split_off(1);
        bench.epoch_of(START + at, vec![pieces]);
        bench.epoch_of(START + at + 10, vec![SignalBatch { buckets: rest, ..minute(at, &slow) }]);
    }
    let names: std::collections::BTreeSet<&str> =
        bench.stands.keys().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["latency.p50 service:a/b", "latency.p99 service:a/b"]
    );
    let first = bench.stands.keys().map(|(_, time)| *time).min();
    assert_eq!(first, Some(START + 200 * 60));
    let before = bench.watched.unread[Unread::Late as usize];
    bench.epoch_of(START + 240 * 60, vec![minute(230 * 60, &slow)]);
    assert_eq!(bench.watched.unread[Unread::Late as usize] - before, 3);
}
