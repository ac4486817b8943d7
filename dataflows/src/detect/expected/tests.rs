//! What is missing does not depend on arrival and restarts, and is missed from the start.

use super::super::deal::Dealt;
use super::super::tests::{Bench, START, identity as identity_of, late_and_prompt, stamp};
use super::*;
use crate::model::{
    AlertBatch, AlertEvent, AlertFlags, Fingerprint, Matcher, MatcherOp, Measure, Sample, Severity,
    SignalBatch, SourceTally, Stamp,
};
use crate::params::Params;
use proptest::prelude::*;

fn is(name: &str, value: &str) -> Matcher {
    Matcher { name: name.into(), op: MatcherOp::Equal, value: value.into() }
}

fn expected(name: &str, what: Expected) -> ExpectedParams {
    ExpectedParams {
        name: name.into(),
        tenant: "t".into(),
        entity: "service:shop/prometheus".into(),
        what,
        every_seconds: 300,
        tolerance_seconds: 60,
        severity: Severity::ERROR,
    }
}

fn params(expected: Vec<ExpectedParams>) -> Params {
    let mut params = Params::default();
    params.detect.expecting.expected = expected;
    params
}

fn watchdog() -> Params {
    params(vec![expected("watchdog", Expected::Alert(vec![is("alertname", "Watchdog")]))])
}

/// It comes at seconds after the start, each with how late; and then nothing until `end`.
fn run(comes: &[(Seconds, Seconds)], end: Seconds, restarts: bool) -> Bench {
    let params = watchdog();
    let of = Arc::new(identity(&params.detect.expecting.expected[0]));
    let mut bench = Bench::new(&params);
    for now in (START..=START + end).step_by(5) {
        let arriving = comes.iter().filter(|(at, lag)| {
            let arrival = START + at + lag;
            arrival <= now && arrival > now - 5
        });
        let seen = arriving.map(|(at, _)| stamp(START + at)).collect();
        let identities = vec![of.clone()];
        bench.epoch(now, SignalBatch { identities, seen, ..SignalBatch::default() });
        if restarts && now % 985 == 0 {
            bench.resume(&params, now);
        }
    }
    bench
}

fn told(bench: &Bench) -> Vec<(Seconds, bool)> {
    bench.stands.iter().map(|((_, at), said)| (at - START, said.is_some())).collect()
}

#[test]
fn what_never_came_is_missing_from_the_first_tick_on() {
    let bench = run(&[], 500, false);
    assert_eq!(told(&bench), [(361, true), (421, true), (481, true)]);
    let said = bench.stands.values().next().and_then(Clone::clone).unwrap_or_default();
    assert_eq!(
        said,
        "absence of the alert that always fires watchdog, seconds, is 361, expected 300 \
         (score 1.000, model expected/1)"
    );
    let name = bench.stands.keys().next().map(|(name, _)| name.as_str());
    assert_eq!(name, Some("WatchdogMissing service:shop/prometheus"));
}

#[test]
fn what_comes_again_is_missing_no_more() {
    let bench = run(&[(100, 0), (400, 0), (900, 0), (1_200, 0)], 1_300, false);
    assert_eq!(told(&bench), [(761, true), (821, true), (881, true), (900, false)]);
}

#[test]
fn what_comes_late_was_never_missing() {
    let bench = run(&[(100, 0), (400, 100), (700, 290), (1_000, 0)], 1_300, false);
    assert!(bench.said > 0, "it was missing for a while");
    assert_eq!(told(&bench), []);
}

#[test]
fn after_a_leap_of_the_clock_only_what_can_be_heard_is_told() {
    let params = watchdog();
    let mut bench = Bench::new(&params);
    bench.epoch(START, SignalBatch::default());
    bench.epoch(START + 30 * 86_400, SignalBatch::default());
    assert_eq!(bench.stands.len(), 6, "one a minute of the bound");
}

#[test]
fn alerts_series_heartbeats_and_sources_are_spotted() {
    let params = params(vec![
        expected("alert", Expected::Alert(vec![is("alertname", "Watchdog")])),
        expected("series", Expected::Series(vec![is("alertname", "up"), is("entity", "pod:a")])),
        expected("heartbeat", Expected::Heartbeat("host:a".into())),
        expected("source", Expected::Source(3, "http".into())),
    ]);
    let spotter = Spotter::new(&params);
    let mut dealt = Dealt::new(1);
    let event = |identity: u32, time, flags| AlertEvent {
        fingerprint: Fingerprint(u128::from(identity)),
        time,
        observed: time,
        onset: time,
        ends: Seconds::MAX,
        identity,
        text_at: 0,
        id_len: 0,
        summary_len: 0,
        source: 0,
        severity: Severity::INFO,
        flags,
    };
    let fires = AlertFlags::default();
    let alerts = AlertBatch {
        identities: vec![
            identity_of("alert", "host:a", "Watchdog"),
            identity_of("alert", "host:a", "DiskFull"),
        ],
        events: vec![event(0, 1, fires), event(1, 2, fires), event(0, 3, AlertFlags::RESOLVED)],
        ..AlertBatch::default()
    };
    spotter.alerts(&alerts, &mut dealt);
    let at = |identity, time| Stamp { identity, source: 3, time };
    let sample =
        |identity, time| Sample { stamp: at(identity, time), measure: Measure::Level, value: 1.0 };
    let signals = SignalBatch {
        identities: vec![
            identity_of("metric", "pod:a", "up"),
            identity_of("metric", "pod:b", "up"),
            identity_of("heartbeat", "host:a", "heartbeat"),
            identity_of("source", "source:http", "source"),
        ],
        samples: vec![sample(0, 4), sample(1, 5)],
        beats: vec![at(2, 6)],
        sources: vec![SourceTally {
            stamp: at(3, 0),
            last: 7,
            received: 1,
            rejected: 1,
            repaired: 0,
            late: 0,
            delays: Vec::new(),
        }],
        ..SignalBatch::default()
    };
    spotter.signals(&signals, &mut dealt);
    let batch = &dealt.batches[0];
    let name = |stamp: &Stamp| batch.identities[stamp.identity as usize].name.to_string();
    let mut seen: Vec<(String, Seconds)> =
        batch.seen.iter().map(|stamp| (name(stamp), stamp.time)).collect();
    seen.sort();
    let wanted = [("alert", 1), ("heartbeat", 6), ("series", 4), ("source", 7)];
    assert_eq!(seen, wanted.map(|(name, time)| (name.to_owned(), time)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn arrival_and_restarts_do_not_matter(
        gaps in prop::collection::vec((1i64..900, 0i64..59), 1..20),
        restarts in any::<bool>(),
    ) {
        let gaps: Vec<_> = gaps.into_iter().map(|(gap, lag)| (gap, lag * 5)).collect();
        let (late, prompt, end) = late_and_prompt(&gaps);
        prop_assert_eq!(run(&late, end, restarts).stands, run(&prompt, end, false).stands);
    }
}
