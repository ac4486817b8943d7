//! What detection looks for.

use super::checker::Checker;
use super::source::{SEVERITIES, severity};
use crate::config::detection::{Detection, Heartbeats, Logs, Metrics, Sources, Spans};
use crate::config::source::SeverityWord;
use crate::config::units::Period;
use causeway_dataflows::model::Severity;
use causeway_dataflows::params::DetectParams;

pub(super) fn detection(checker: &mut Checker<'_>, given: &Detection, params: &mut DetectParams) {
    checker.positive("detection.series", given.series);
    params.series_max = given.series;
    params.idle_seconds = some_seconds(checker, "detection.idle", given.idle);
    metrics(checker, &given.metrics, params);
    logs(checker, &given.logs, params);
    spans(checker, &given.spans, params);
    heartbeats(checker, &given.heartbeats, params);
    sources(checker, &given.sources, params);
}

fn metrics(checker: &mut Checker<'_>, given: &Metrics, params: &mut DetectParams) {
    let samples = &mut params.samples;
    samples.enabled = given.enabled;
    samples.warm_up_seconds = checker.whole_seconds("detection.metrics.warm_up", given.warm_up);
    samples.wait_seconds = checker.whole_seconds("detection.metrics.wait", given.wait);
    samples.severity = word(checker, "detection.metrics.severity", &given.severity).0;
}

fn logs(checker: &mut Checker<'_>, given: &Logs, params: &mut DetectParams) {
    let lines = &mut params.lines;
    lines.enabled = given.enabled;
    lines.wait_seconds = checker.whole_seconds("detection.logs.wait", given.wait);
    checker.positive("detection.logs.waiting", given.waiting);
    lines.waiting_max = given.waiting;
    lines.severity = word(checker, "detection.logs.severity", &given.severity).0;
}

fn spans(checker: &mut Checker<'_>, given: &Spans, params: &mut DetectParams) {
    let calls = &mut params.calls;
    calls.enabled = given.enabled;
    calls.warm_up_seconds = checker.whole_seconds("detection.spans.warm_up", given.warm_up);
    calls.wait_seconds = checker.whole_seconds("detection.spans.wait", given.wait);
    calls.severity = word(checker, "detection.spans.severity", &given.severity).0;
    calls.relations = given.relations;
    calls.ttl_seconds = some_seconds(checker, "detection.spans.relations_for", given.relations_for);
    // Said again well before it ends.
    calls.refresh_seconds = (calls.ttl_seconds / 4).clamp(1, 600);
    if !(0.0..=1.0).contains(&given.confidence) {
        let message = format!("{} is not from 0 to 1", given.confidence);
        checker.wrong("detection.spans.confidence", message, "write such a number");
    }
    calls.confidence_ppm = (given.confidence.clamp(0.0, 1.0) * 1e6).round() as u32;
}

fn heartbeats(checker: &mut Checker<'_>, given: &Heartbeats, params: &mut DetectParams) {
    let beat = &mut params.beat;
    let mut seconds =
        |name: &str, period| some_seconds(checker, &format!("detection.heartbeats.{name}"), period);
    beat.silence_min_seconds = seconds("silence_min", given.silence_min);
    beat.silence_max_seconds = seconds("silence_max", given.silence_max);
    beat.forget_seconds = seconds("gone_after", given.gone_after);
    beat.beats_min = if given.enabled { given.after.max(2) } else { u32::MAX };
    beat.severity = word(checker, "detection.heartbeats.severity", &given.severity).0;
    if given.silence_max < given.silence_min {
        checker.wrong(
            "detection.heartbeats.silence_max",
            format!("{} is less than `silence_min`, {}", given.silence_max, given.silence_min),
            "make it at least as long",
        );
    }
}

fn sources(checker: &mut Checker<'_>, given: &Sources, params: &mut DetectParams) {
    let quality = &mut params.quality;
    quality.enabled = given.enabled;
    quality.events_min = given.events.max(1);
    let mut seconds =
        |name: &str, period| some_seconds(checker, &format!("detection.sources.{name}"), period);
    quality.window_seconds = seconds("window", given.window);
    quality.ahead_seconds = seconds("ahead", given.ahead);
    quality.behind_seconds = seconds("behind", given.behind);
    quality.severity = word(checker, "detection.sources.severity", &given.severity).0;
    let mut share = |name: &str, share: f64| {
        if !(0.0..=1.0).contains(&share) || share == 0.0 {
            let message = format!("{share} is not above 0 and at most 1");
            checker.wrong(&format!("detection.sources.{name}"), message, "write such a number");
        }
        ((share.clamp(0.0, 1.0) * 1e6).round() as u64).max(1)
    };
    quality.violations_ppm = share("violations", given.violations);
    quality.late_ppm = share("late", given.late);
}

/// A period that is not nothing.
fn some_seconds(checker: &mut Checker<'_>, key: &str, period: Period) -> i64 {
    checker.some_time(key, period);
    checker.whole_seconds(key, period)
}

/// A severity of findings.
pub(super) fn word(checker: &mut Checker<'_>, key: &str, given: &SeverityWord) -> Severity {
    severity(given).unwrap_or_else(|| {
        checker.wrong(key, "it is no severity".to_owned(), SEVERITIES);
        Severity::WARNING
    })
}
