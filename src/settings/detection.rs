//! What detection looks for.

use super::checker::Checker;
use super::source::severity;
use crate::config::detection::{Detection, Heartbeats};
use crate::config::source::SeverityWord;
use causeway_dataflows::model::Severity;
use causeway_dataflows::params::DetectParams;

pub(super) fn detection(checker: &mut Checker<'_>, given: &Detection, params: &mut DetectParams) {
    checker.positive("detection.series", given.series);
    checker.some_time("detection.idle", given.idle);
    params.series_max = given.series;
    params.idle_seconds = checker.whole_seconds("detection.idle", given.idle);
    heartbeats(checker, &given.heartbeats, params);
}

fn heartbeats(checker: &mut Checker<'_>, given: &Heartbeats, params: &mut DetectParams) {
    let beat = &mut params.beat;
    let mut seconds = |name: &str, period| {
        let key = format!("detection.heartbeats.{name}");
        checker.some_time(&key, period);
        checker.whole_seconds(&key, period)
    };
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

/// A severity of findings.
fn word(checker: &mut Checker<'_>, key: &str, given: &SeverityWord) -> Severity {
    severity(given).unwrap_or_else(|| {
        let remedy = "write fatal, critical, error, warning, info, debug, or a number from 1 to 24";
        checker.wrong(key, "it is no severity".to_owned(), remedy);
        Severity::WARNING
    })
}
