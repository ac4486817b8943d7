//! Properties that hold for any series: bounds, determinism, no look-ahead, late samples.

use super::model::THRESHOLD_PPM;
use super::{
    Accumulation, Change, Counter, MetricModel, Pushed, Reading, Season, Series, Track, Transform,
    Word,
};
use proptest::prelude::*;
use std::num::NonZeroU32;

/// Numbers that look like noise, from a seed.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed | 1;
    move || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64 - 0.5
    }
}

fn readings(samples: &[(i64, f64)]) -> Vec<Reading> {
    let model = MetricModel::default();
    let mut series = Series::default();
    samples.iter().map(|(time, value)| series.step(&model, *time, *value)).collect()
}

/// Days of a calm series, a sample every five minutes, and what `change` makes of them.
fn days(days: usize, change: impl Fn(usize, f64) -> f64) -> Vec<(i64, f64)> {
    let mut noise = noise(3);
    let value = |row: usize, noise: f64| {
        let day = row as f64 / 288.0 * std::f64::consts::TAU;
        change(row, 100.0 + 20.0 * day.sin() + 4.0 * noise)
    };
    (0..days * 288).map(|row| (row as i64 * 300, value(row, noise()))).collect()
}

fn alerts(readings: &[Reading]) -> Vec<usize> {
    (0..readings.len()).filter(|row| readings[*row].alert).collect()
}

#[test]
fn a_series_is_small() {
    assert!(size_of::<Series>() <= 1024, "{} bytes", size_of::<Series>());
    let model = MetricModel::default();
    let mut track = Track::default();
    let mut out = Vec::new();
    let mut noise = noise(1);
    for row in 0..20_000 {
        track.push(&model, row * 10, gauge(noise()), &mut out);
        assert!(track.bytes() <= 3 * 1024, "{} bytes at sample {row}", track.bytes());
    }
}

#[test]
fn a_calm_series_has_no_finding_and_a_fault_has_one_at_once() {
    assert_eq!(alerts(&readings(&days(14, |_, value| value))), [0usize; 0]);
    let fault =
        |row: usize, value: f64| if (3000..3040).contains(&row) { value * 2.0 } else { value };
    let found = readings(&days(14, fault));
    assert_eq!(alerts(&found)[0], 3000);
    assert!(found[3000].step_milli > 5000, "{}", found[3000].step_milli);
    assert!((found[3000].expected - 100.0).abs() < 30.0);
    assert_ne!(found[3000].transform, Transform::None);
    let slump =
        |row: usize, value: f64| if (3000..3040).contains(&row) { value * 0.2 } else { value };
    let found = readings(&days(14, slump));
    assert_eq!(alerts(&found)[0], 3000);
    assert!(found[3000].step_milli < -5000, "{}", found[3000].step_milli);
}

#[test]
fn findings_are_the_scores_from_the_threshold_on_and_keep_apart() {
    let storm = |row: usize, value: f64| {
        if row % 300 > 250 { value * (1.0 + row as f64 / 500.0) } else { value }
    };
    let found = readings(&days(14, storm));
    assert!(!alerts(&found).is_empty());
    for (row, reading) in found.iter().enumerate() {
        assert_eq!(reading.alert, reading.score_ppm >= THRESHOLD_PPM, "row {row}");
        assert!(reading.score_ppm <= 1_000_000);
    }
}

#[test]
fn a_flat_series_says_nothing_until_it_moves() {
    let mut samples: Vec<_> = (0..2000).map(|row| (row * 300, 7.0)).collect();
    assert!(readings(&samples).iter().all(|reading| reading.score_ppm == 0));
    samples.push((2000 * 300, 8.0));
    let found = readings(&samples);
    assert!(found[2000].alert, "{:?}", found[2000]);
}

#[test]
fn what_is_no_number_changes_nothing() {
    let model = MetricModel::default();
    let (mut with, mut without) = (Series::default(), Series::default());
    for (row, (time, value)) in days(2, |_, value| value).into_iter().enumerate() {
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let reading = with.step(&model, time, odd);
            assert!(reading.score_ppm == 0 && !reading.alert && reading.expected.is_finite());
        }
        assert_eq!(with.step(&model, time, value), without.step(&model, time, value), "{row}");
    }
    assert_eq!(with, without);
}

#[test]
fn a_given_season_is_used() {
    let hour = NonZeroU32::new(3600).expect("well formed");
    let model = MetricModel { season: Season::Seconds(hour), ..MetricModel::default() };
    let mut series = Series::default();
    let value = |row: i64| if row % 60 < 5 { 50.0 } else { 10.0 };
    for row in 0..3000 {
        let reading = series.step(&model, row * 60, value(row));
        let known = row > 2000;
        assert!(!known || (reading.expected - value(row)).abs() < 15.0, "{row}: {reading:?}");
    }
}

#[test]
fn a_state_that_was_written_goes_on_as_if_it_had_not() {
    let samples = days(4, |row, value| value + (row % 97) as f64);
    let model: MetricModel = {
        let text = serde_json::to_string(&MetricModel::default()).expect("well formed");
        serde_json::from_str(&text).expect("well formed")
    };
    let mut series = Series::default();
    for (row, (time, value)) in samples.iter().enumerate() {
        if row == 700 {
            let text = serde_json::to_string(&series).expect("well formed");
            series = serde_json::from_str(&text).expect("well formed");
        }
        assert_eq!(series.step(&model, *time, *value), readings(&samples[..=row])[row]);
        if row > 720 {
            break;
        }
    }
}

/// A model that finds something nearly always, so that late samples matter.
pub(crate) fn nervous() -> MetricModel {
    let mut model = MetricModel { young_rows: 0.0, young_strength: 0.0, ..MetricModel::default() };
    for lanes in [&mut model.plain, &mut model.seasonal] {
        lanes.settled_rows = 3;
        lanes.of_range = [0.01; 4];
        lanes.of_spread = [0.01; 4];
        lanes.of_grain = [0.0; 4];
    }
    model.phase_rows = 2;
    model.mute_ppm = 0;
    model
}

/// What is told: when, what, of which reading.
type Row = (i64, Word, Reading);

/// What stands once all changes are summed up.
fn standing(changes: &[Change]) -> Vec<Row> {
    let mut standing: Vec<Row> = Vec::new();
    for change in changes {
        let row = (change.time_seconds, change.word, change.reading);
        if change.diff > 0 {
            standing.push(row);
        } else {
            let at = standing.iter().position(|held| *held == row);
            standing.swap_remove(at.expect("only what stands is taken back"));
        }
    }
    standing.sort_by_key(|(time, word, reading)| (*time, *word, reading.score_ppm));
    standing
}

fn gauge(value: f64) -> (Accumulation, f64) {
    (Accumulation::Gauge, value)
}

/// What stands after all samples, the track, and how many it left out.
fn pushed(
    model: &MetricModel,
    kind: Accumulation,
    samples: &[(i64, f64)],
) -> (Vec<Row>, Track, usize) {
    let (mut track, mut changes, mut ignored) = (Track::default(), Vec::new(), 0);
    for (time, value) in samples {
        let pushed = track.push(model, *time, (kind, *value), &mut changes);
        ignored += usize::from(pushed == Pushed::Ignored);
    }
    (standing(&changes), track, ignored)
}

/// What is found in the sorted samples, without any track.
fn alone(model: &MetricModel, kind: Accumulation, samples: &[(i64, f64)]) -> Vec<Row> {
    let (mut counter, mut series) = (Counter::default(), Series::default());
    let mut found = Vec::new();
    for (time, value) in samples {
        let Some(figure) = counter.gauge(kind, *time, *value) else { continue };
        let reading = series.step(model, *time, figure);
        if reading.alert {
            found.push((*time, Word::Found, reading));
        }
    }
    found.sort_by_key(|(time, word, reading)| (*time, *word, reading.score_ppm));
    found
}

fn only_found(mut rows: Vec<Row>) -> Vec<Row> {
    rows.retain(|(_, word, _)| *word == Word::Found);
    rows
}

proptest! {
    /// Delays within the bound change nothing of what stands in the end.
    #[test]
    fn any_arrival_within_the_bound_ends_as_the_sorted_one(
        rows in prop::collection::vec((1i64..60, -50i32..50, 0i64..300), 1..150),
        kind in prop::sample::select(
            vec![Accumulation::Gauge, Accumulation::Cumulative, Accumulation::Delta],
        ),
    ) {
        let model = nervous();
        let mut time = 1_700_000_000;
        let mut samples = Vec::new();
        for (passed, value, delay) in rows {
            // Some samples share their second.
            time += passed.saturating_sub(5);
            samples.push((time, f64::from(value), time + delay));
        }
        samples.sort_by(|one, other| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)));
        let sorted: Vec<_> = samples.iter().map(|sample| (sample.0, sample.1)).collect();
        samples.sort_by_key(|sample| sample.2);
        let arrived: Vec<_> = samples.iter().map(|sample| (sample.0, sample.1)).collect();
        let alone = alone(&model, kind, &sorted);
        let (in_order, whole, _) = pushed(&model, kind, &sorted);
        prop_assert_eq!(only_found(in_order.clone()), alone);
        let (found, track, ignored) = pushed(&model, kind, &arrived);
        // Where samples come faster than is kept, less lateness is forgiven.
        prop_assume!(ignored == 0);
        prop_assert_eq!(found, in_order);
        prop_assert_eq!(track.latest_known(), whole.latest_known());
    }

    /// Nothing that can be written as a float, at any time, is out of bounds.
    #[test]
    fn any_value_at_any_time_is_scored_within_bounds(
        rows in prop::collection::vec((any::<i64>(), any::<f64>()), 1..100),
    ) {
        let model = nervous();
        let (mut series, mut track, mut out) = (Series::default(), Track::default(), Vec::new());
        for (time, value) in rows {
            let reading = series.step(&model, time, value);
            prop_assert!(reading.score_ppm <= 1_000_000);
            prop_assert_eq!(reading.alert, reading.score_ppm >= THRESHOLD_PPM);
            track.push(&model, time, gauge(value), &mut out);
        }
    }
}

#[test]
fn a_sample_beyond_the_bound_is_left_out() {
    let (model, mut out) = (MetricModel::default(), Vec::new());
    let (mut with, mut without) = (Track::default(), Track::default());
    for row in 0..100 {
        with.push(&model, row * 60, gauge(1.0), &mut out);
        without.push(&model, row * 60, gauge(1.0), &mut out);
    }
    assert_eq!(with.push(&model, 99 * 60 - 301, gauge(5.0), &mut out), Pushed::Ignored);
    assert_eq!(with.push(&model, 99 * 60, gauge(f64::NAN), &mut out), Pushed::Ignored);
    assert_eq!(with, without);
    assert_eq!(with.push(&model, 99 * 60 - 300, gauge(5.0), &mut out), Pushed::Replayed);
    assert_ne!(with, without);
}

#[test]
fn a_late_point_of_a_counter_makes_both_rates_right() {
    let mut model = nervous();
    model.kept_samples_max = 256;
    let total = |row: i64| (row * 10, (row * row % 37 * 100) as f64);
    let sorted: Vec<_> = (0..100).map(total).collect();
    let mut late = sorted.clone();
    let point = late.remove(95);
    late.push(point);
    let (found, track, ignored) = pushed(&model, Accumulation::Cumulative, &late);
    let (in_order, whole, _) = pushed(&model, Accumulation::Cumulative, &sorted);
    assert_eq!((ignored, &found), (0, &in_order));
    assert_eq!(only_found(found), alone(&model, Accumulation::Cumulative, &sorted));
    assert_eq!(track.latest_known(), whole.latest_known());
}

/// What is told of days with a fault that lasts for `rows` samples of five minutes.
fn told_of_a_fault(rows: usize) -> Vec<(i64, Word)> {
    let fault = |row: usize, value: f64| match row.checked_sub(3000) {
        Some(within) if within < rows => value * 2.0,
        _ => value,
    };
    let model = MetricModel::default();
    let (told, _, _) = pushed(&model, Accumulation::Gauge, &days(14, fault));
    told.into_iter().map(|(time, word, _)| (time / 300 - 3000, word)).collect()
}

#[test]
fn a_finding_stands_as_long_as_its_series_is_off() {
    let told = told_of_a_fault(20);
    assert_eq!(told[0], (0, Word::Found));
    assert_eq!(told.last(), Some(&(20, Word::Over)));
    // Told of so often that no alert runs out meanwhile.
    let times: Vec<i64> = told.iter().map(|(row, _)| *row).collect();
    assert_eq!(times, (0..=20).collect::<Vec<_>>());
}

#[test]
fn a_series_that_stays_off_has_found_a_new_normal() {
    let told = told_of_a_fault(1000);
    let over = told.iter().find(|(_, word)| *word == Word::Over).expect("it ends");
    assert_eq!(over.0, 6 * 12 + 1);
}
