//! The dataflow's parameters and the times of emission.

use super::EmissionSettings;
use super::checker::Checker;
use super::source::{SourceSettings, severity};
use crate::config::Config;
use crate::config::stages::{Correlation, Emission, Flap, History};
use causeway_dataflows::model::Severity;
use causeway_dataflows::params::Params;

/// How long arrival may lag behind receipt beyond the lateness, seconds (SEMANTICS rule 5).
const DISORDER_SECONDS: i64 = 60;

pub(super) fn params(
    checker: &mut Checker<'_>,
    config: &Config,
    sources: &[SourceSettings],
) -> Params {
    let mut params = Params::default();
    params.sources.clear();
    params.sources.extend(sources.iter().map(|source| source.params));
    // What all sources share must wait for the latest of them.
    let lateness = params.sources.iter().map(|source| source.lateness_seconds).max().unwrap_or(0);
    params.dedup.disorder_seconds = DISORDER_SECONDS;
    params.context.tombstone_seconds = lateness + DISORDER_SECONDS;
    params.history.lateness_seconds = lateness + DISORDER_SECONDS;
    super::detection::detection(checker, &config.detection, &mut params.detect);
    params.detect.budget.slos = super::slo::check(checker, &config.slos);
    let expected = &config.detection.expected;
    params.detect.expecting.expected = super::expected::check(checker, expected, sources);
    flap(checker, &config.suppression.flap, &mut params);
    history(checker, &config.history, &mut params);
    correlation(checker, &config.correlation, &mut params);
    params.cause.candidates_max = config.cause.candidates;
    checker.positive("cause.candidates", config.cause.candidates);
    params.context.change_window_seconds =
        checker.whole_seconds("cause.change_window", config.cause.change_window);
    params
}

fn flap(checker: &mut Checker<'_>, flap: &Flap, params: &mut Params) {
    let half_life = checker.whole_seconds("suppression.flap.half_life", flap.half_life);
    checker.some_time("suppression.flap.half_life", flap.half_life);
    params.dedup.flap.half_life_seconds = half_life;
    params.dedup.flap.enter_milli = milli(checker, "suppression.flap.enter", flap.enter);
    params.dedup.flap.leave_milli = milli(checker, "suppression.flap.leave", flap.leave);
    if checker.knows(&["suppression.flap.enter"]) && flap.leave >= flap.enter {
        checker.wrong(
            "suppression.flap.leave",
            format!("{} is not below `enter`, {}", flap.leave, flap.enter),
            "lower it, or every transition would toggle the state itself",
        );
    }
}

fn history(checker: &mut Checker<'_>, history: &History, params: &mut Params) {
    checker.some_time("history.bucket", history.bucket);
    checker.positive("history.fast_buckets", history.fast_buckets as usize);
    checker.positive("history.keys", history.keys);
    let known = checker.knows(&["history.slow_buckets"]);
    if known && history.fast_buckets > history.slow_buckets {
        checker.wrong(
            "history.fast_buckets",
            format!(
                "{} is more than `slow_buckets`, {}",
                history.fast_buckets, history.slow_buckets
            ),
            "the fast rate must average over fewer buckets than the slow one",
        );
    }
    params.history.bucket_seconds = checker.whole_seconds("history.bucket", history.bucket);
    params.history.slow_buckets = history.slow_buckets;
    params.history.fast_buckets = history.fast_buckets;
    params.history.surprise_max_milli =
        milli(checker, "history.surprise_max", history.surprise_max);
    params.history.keys_max = history.keys;
}

fn correlation(checker: &mut Checker<'_>, given: &Correlation, params: &mut Params) {
    let mut seconds =
        |name: &str, period| checker.whole_seconds(&format!("correlation.{name}"), period);
    let correlate = &mut params.correlate;
    correlate.same_entity_seconds = seconds("same_entity", given.same_entity);
    correlate.neighbour_seconds = seconds("neighbour", given.neighbour);
    correlate.slice_seconds = seconds("slice", given.slice);
    correlate.lag_max_seconds = seconds("lag_max", given.lag_max);
    correlate.lag_min_seconds = seconds("skew", given.skew);
    params.dedup.revise_horizon_seconds = seconds("revise_horizon", given.revise_horizon);
    correlate.hops_max = given.hops;
    correlate.component_max = given.group_alerts;
    correlate.hub_degree_max = given.hub_degree;
    correlate.bridge_surprise_milli =
        milli(checker, "correlation.bridge_surprise", given.bridge_surprise);
    checker.some_time("correlation.slice", given.slice);
    checker.positive("correlation.group_alerts", given.group_alerts);
    if !(1..=16).contains(&given.hops) {
        let message = format!("{} hops are not from 1 to 16", given.hops);
        checker.wrong("correlation.hops", message, "5 is usual");
    }
    let known = checker.knows(&["correlation.slice", "correlation.lag_max"]);
    if known && given.revise_horizon.0 < given.slice.0 + given.lag_max.0 {
        checker.wrong(
            "correlation.revise_horizon",
            format!("{} ends before a slice has seen all it may see", given.revise_horizon),
            "make it at least `slice` and `lag_max` together",
        );
    }
    match severity(&given.standalone_below) {
        // An unsuppressed alert of error or above is in an incident, whatever else is configured.
        Some(below) if below <= Severity::ERROR => correlate.standalone_below = below.0,
        Some(_) => checker.wrong(
            "correlation.standalone_below",
            "alerts of severity error and above always are incidents",
            "write `error` or less",
        ),
        None => checker.wrong(
            "correlation.standalone_below",
            "it is no severity",
            "write error, warning, info, debug, or a number from 1 to 17",
        ),
    }
}

/// Thousandths of a number that must not be negative.
fn milli(checker: &mut Checker<'_>, key: &str, number: f64) -> u32 {
    if !(0.0..=1_000_000.0).contains(&number) {
        checker.wrong(key, format!("{number} is not from 0 to 1000000"), "write such a number");
        return 0;
    }
    (number * 1000.0).round() as u32
}

pub(super) fn emission(checker: &mut Checker<'_>, emission: &Emission) -> EmissionSettings {
    if checker.knows(&["emission.settle"]) && emission.settle_max < emission.settle {
        checker.wrong(
            "emission.settle_max",
            format!("{} is less than `settle`, {}", emission.settle_max, emission.settle),
            "make it at least as long",
        );
    }
    EmissionSettings {
        settle: emission.settle.0,
        settle_max: emission.settle_max.0,
        revise_interval: emission.revise_interval.0,
        resolved_incidents_max: emission.resolved_incidents,
        resolved_for: emission.resolved_for.0,
    }
}
