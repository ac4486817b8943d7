//! The detector says the same whatever the order of lines, and what it says makes sense.

use super::{LogModel, LogService, Reading, ReadingKind};
use proptest::prelude::*;

const INFO: u8 = 9;
const ERROR: u8 = 17;
/// A midnight.
const START: i64 = 1_795_392_000;

/// When all lines have long come.
const END: i64 = START + 365 * 86_400;

type Line = (i64, u64, u8);

fn decided(model: &LogModel, lines: &[Line]) -> (Vec<Reading>, LogService) {
    let mut service = LogService::default();
    let mut readings = Vec::new();
    for &(time, template, severity) in lines {
        readings.extend(service.line(model, time, template, severity));
    }
    readings.extend(service.advance(model, END));
    (readings, service)
}

/// Lines of `template`, `rate` a minute, from minute `from` to minute `to`.
fn steady(template: u64, rate: i64, from: i64, to: i64) -> Vec<Line> {
    let minutes = from..to;
    minutes
        .flat_map(|minute| (0..rate).map(move |n| START + minute * 60 + n * 60 / rate))
        .map(|time| (time, template, INFO))
        .collect()
}

fn alerts(readings: &[Reading]) -> Vec<Reading> {
    readings.iter().copied().filter(|reading| reading.alert).collect()
}

#[test]
fn a_steady_service_is_quiet() {
    let mut lines = steady(1, 10, 0, 600);
    lines.extend(steady(2, 3, 0, 600));
    lines.sort_unstable();
    let (readings, service) = decided(&LogModel::default(), &lines);
    assert_eq!(alerts(&readings), []);
    assert_eq!(service.counts().lines, lines.len() as u64);
}

#[test]
fn a_new_error_is_heard_of_once() {
    let mut lines = steady(1, 20, 0, 120);
    lines.push((START + 90 * 60 + 5, 7, ERROR));
    lines.push((START + 91 * 60 + 5, 7, ERROR));
    lines.sort_unstable();
    let (readings, _) = decided(&LogModel::default(), &lines);
    let heard = alerts(&readings);
    assert_eq!(heard.len(), 1, "{heard:?}");
    assert_eq!((heard[0].template, heard[0].kind), (7, ReadingKind::Novelty));
    assert_eq!(heard[0].time_seconds, START + 90 * 60);
}

#[test]
fn a_burst_is_heard_of_with_what_was_expected() {
    let mut lines = steady(1, 10, 0, 300);
    lines.extend((0..400).map(|n| (START + 200 * 60 + n % 60, 1, ERROR)));
    lines.sort_unstable();
    let (readings, _) = decided(&LogModel::default(), &lines);
    let heard = alerts(&readings);
    assert_eq!(heard.len(), 1, "{heard:?}");
    let burst = heard[0];
    assert_eq!((burst.kind, burst.value), (ReadingKind::Rate, 410));
    assert!((9_500..=10_500).contains(&burst.expected_milli), "{burst:?}");
}

#[test]
fn a_nightly_job_is_expected_at_its_hour() {
    let model = LogModel::default();
    let mut lines = steady(1, 5, 0, 4 * 1440);
    for day in 0..4 {
        lines.extend(steady(2, 50, day * 1440 + 120, day * 1440 + 180));
    }
    lines.sort_unstable();
    let (readings, _) = decided(&model, &lines);
    let later = |reading: &&Reading| reading.time_seconds > START + 1440 * 60;
    let scores = readings.iter().filter(later).filter(|reading| reading.template == 2);
    assert_eq!(scores.map(|reading| reading.score_ppm).max(), None);
}

#[test]
fn beyond_the_bound_a_line_is_counted_only() {
    let model = LogModel::default();
    let mut service = LogService::default();
    service.line(&model, START, 1, INFO);
    service.line(&model, START + 3600, 1, INFO);
    let before = service.clone();
    service.line(&model, START + 60, 2, ERROR);
    assert_eq!(service.counts().late, 1);
    assert_eq!(service.open, before.open);
    assert_eq!(service.seen, before.seen);
}

#[test]
fn counters_go_to_what_is_frequent() {
    let model = LogModel { templates_max: 8, seen_max: 16, ..LogModel::default() };
    let mut lines = steady(1, 30, 0, 60);
    lines.extend((0..200).map(|n| (START + n * 17, 100 + n as u64, INFO)));
    lines.sort_unstable();
    let (_, service) = decided(&model, &lines);
    assert!(service.rates.len() <= 8 && service.seen.len() <= 16);
    assert!(service.rates.contains_key(&1), "the frequent one keeps its counter");
    assert!(service.counts().replaced > 0 && service.counts().forgotten > 0);
}

#[test]
fn an_alias_moves_state_on() {
    let model = LogModel::default();
    let mut lines = steady(1, 10, 0, 120);
    lines.extend(steady(2, 10, 0, 120));
    lines.sort_unstable();
    let (_, mut service) = decided(&model, &lines);
    service.alias(&model, 1, 3);
    service.alias(&model, 2, 3);
    let mut readings = Vec::new();
    for (time, template, severity) in steady(3, 20, 120, 130) {
        readings.extend(service.line(&model, time, template, severity));
    }
    readings.extend(service.advance(&model, END));
    assert_eq!(readings, [], "as many as both had, and not new");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    #[test]
    fn lines_within_the_bound_may_come_in_any_order(
        drawn in prop::collection::vec((0i64..7200, 0u64..12, 1u8..=24, 0i64..300), 1..400),
        warm in 1u32..20,
    ) {
        let model = LogModel {
            warm_minutes: warm, novelty_lines_min: 5, rate_lines_min: 1, templates_max: 6,
            ..LogModel::default()
        };
        let mut sorted: Vec<Line> =
            drawn.iter().map(|&(time, template, severity, _)| (START + time, template, severity)).collect();
        sorted.sort_unstable();
        // Each line comes up to the bound after its time.
        let mut late = drawn.clone();
        late.sort_by_key(|&(time, .., delay)| time + delay);
        let late: Vec<Line> =
            late.iter().map(|&(time, template, severity, _)| (START + time, template, severity)).collect();
        let (expected, one) = decided(&model, &sorted);
        let (found, other) = decided(&model, &late);
        prop_assert_eq!(other.counts().late, 0);
        prop_assert_eq!(expected, found);
        prop_assert_eq!(one, other);
    }
}
