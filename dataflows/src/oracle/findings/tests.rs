//! Detection, epoch by epoch, against what all signals so far lead to together.

use super::findings;
use crate::detect::metric::tests::nervous as nervous_metrics;
use crate::detect::tests::{Bench, START, beats, calls, identity, lines, samples};
use crate::model::{Bucket, Measure, Seconds, SignalBatch, Stamp};
use crate::params::Params;
use proptest::prelude::*;

/// One signal of six sorts: its sort, seconds since the one before, how late it comes, a number.
type Drawn = (usize, Seconds, Seconds, u32);

/// Signals that do not wait for a day to be judged, by detectors that find much.
fn nervous() -> Params {
    let mut params = Params::default();
    let detect = &mut params.detect;
    (detect.samples.warm_up_seconds, detect.calls.warm_up_seconds) = (0, 0);
    (detect.samples.model, detect.calls.model) = (nervous_metrics(), nervous_metrics());
    (detect.samples.model.hold_seconds, detect.samples.model.repeat_seconds) = (900, 90);
    detect.beat.beats_min = 3;
    detect.lines.model.novelty_lines_min = 3;
    detect.lines.model.rate_lines_min = 1;
    detect.lines.model.warm_minutes = 1;
    detect.lines.model.alert_ppm = 100_000;
    params
}

/// What a drawn signal is, `at` seconds after the start.
fn signal((sort, _, _, number): Drawn, at: Seconds) -> SignalBatch {
    let number = f64::from(number);
    let arrived = [(START + at, number)];
    match sort {
        0 => samples(Measure::Level)(&arrived),
        1 => {
            let mut batch = samples(Measure::Total)(&arrived);
            batch.identities = vec![identity("metric", "service:a/b", "requests")];
            batch
        }
        2 => beats(&[START + at]),
        3 => buckets(START + at, number),
        4 => calls(&[(START + at, if number < 3.0 { -number } else { number })]),
        _ => lines(&[(START + at, if number < 2.0 { -1.0 } else { number })]),
    }
}

/// A bucket of a histogram of which one more was counted each second, half of it below the lower
/// bound, or none of it; it starts again now and then.
fn buckets(time: Seconds, number: f64) -> SignalBatch {
    let since = (time - START) % 1_000;
    let bound = [0.1, 1.0, f64::INFINITY][number as usize % 3];
    let below = if number < 3.0 { 0 } else { since / 2 };
    let count = if bound < 1.0 { below } else { since } as f64;
    let stamp = Stamp { identity: 0, source: 0, time: time.div_euclid(60) * 60 };
    SignalBatch {
        identities: vec![identity("metric", "service:a/b", "latency_bucket")],
        buckets: vec![Bucket { stamp, bound, count, grows: number > 20.0 }],
        ..SignalBatch::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    /// After every epoch what stands is what all signals so far, taken together, lead to.
    #[test]
    fn every_epoch_agrees_with_the_oracle(
        drawn in prop::collection::vec((0usize..6, 1i64..40, 0i64..250, 0u32..40), 1..160),
        step in 3i64..70,
        restarts in any::<bool>(),
    ) {
        let params = nervous();
        let mut bench = Bench::new(&params);
        let (mut at, mut end) = (0, 0);
        let mut coming: Vec<(Seconds, SignalBatch)> = Vec::new();
        for one in drawn {
            at += one.1;
            end = end.max(at + one.2);
            coming.push((START + at + one.2, signal(one, at)));
        }
        coming.sort_by_key(|(tick, _)| *tick);
        let mut heard: Vec<(Seconds, SignalBatch)> = Vec::new();
        let mut now = START;
        while now < START + end + 400 {
            now += step;
            let later = coming.split_off(coming.partition_point(|(tick, _)| *tick <= now));
            let arrived = std::mem::replace(&mut coming, later);
            heard.extend(arrived.iter().map(|(_, batch)| (now, batch.clone())));
            bench.epoch_of(now, arrived.into_iter().map(|(_, batch)| batch).collect());
            prop_assert_eq!(&bench.stands, &findings(&heard, now, &params.detect));
            if restarts && now % 4 == 0 {
                bench.resume(&params, now);
            }
        }
    }
}
