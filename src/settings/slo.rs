//! What services promise.

use super::checker::Checker;
use super::openslo;
use super::selector::counter;
use super::source::{SEVERITIES, severity};
use crate::config::slo::{Calls, Ratio, Slo, Tier};
use crate::config::units::Period;
use causeway_dataflows::model::Severity;
use causeway_dataflows::params::{Indicator, SloParams, TierParams};
use smol_str::SmolStr;
use std::collections::BTreeSet;

/// The longest window, seconds: its sums are kept by the hour.
const WINDOW_SECONDS_MAX: i64 = 90 * 86_400;
const PPM: f64 = 1_000_000.0;

pub(super) fn check(checker: &mut Checker<'_>, given: &[Slo]) -> Vec<SloParams> {
    let mut slos = Vec::new();
    let mut names = BTreeSet::new();
    for (at, slo) in given.iter().enumerate() {
        let key = format!("slos.{at}");
        let mut say = |field: &str, message: String, remedy: &str| {
            let key = if field.is_empty() { key.clone() } else { format!("{key}.{field}") };
            checker.wrong(&key, message, remedy);
        };
        slos.extend(one(&mut say, slo, &mut names));
    }
    for file in checker.attached() {
        for written in openslo::read(&file.text) {
            let mut say = |field: &str, message: String, remedy: &str| {
                let at = if field.is_empty() { String::new() } else { format!(", {field}") };
                let place = format!("{}, document {}{at}", file.path.display(), written.document);
                checker.wrong(&file.key, format!("{place}: {message}"), remedy);
            };
            match &written.slo {
                Ok(slo) => slos.extend(one(&mut say, slo, &mut names)),
                Err(wrong) => say(&wrong.field, wrong.message.clone(), wrong.remedy),
            }
        }
    }
    slos
}

/// How a mistake is noted: its field, what it is, and the remedy.
type Say<'a> = dyn FnMut(&str, String, &str) + 'a;

/// Checks one; nothing when it cannot be used.
fn one(say: &mut Say<'_>, slo: &Slo, names: &mut BTreeSet<(String, String)>) -> Option<SloParams> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if slo.name.is_empty() || slo.name.len() > 128 || !slo.name.chars().all(plain) {
        let remedy = "use up to 128 letters, digits, `.`, `-` and `_`";
        say("name", format!("`{}` cannot be a name", slo.name), remedy);
    }
    if !names.insert((slo.tenant.clone(), slo.name.clone())) {
        say("name", format!("`{}` is the name of another one", slo.name), "rename one of the two");
    }
    let entity = match slo.entity.as_str() {
        "" => format!("slo:{}", slo.name),
        entity => entity.to_owned(),
    };
    if !entity.split_once(':').is_some_and(|(kind, name)| !kind.is_empty() && !name.is_empty()) {
        let remedy = "write `type:namespace/name`, such as `service:shop/cart`";
        say("entity", format!("`{entity}` is no entity"), remedy);
    }
    // Of one in 10,000,000 no number of events would tell.
    let budget_ppm = ((100.0 - slo.objective) / 100.0 * PPM).round();
    if !(1.0..PPM).contains(&budget_ppm) {
        let message = format!("{} is not between 0 and 99.9999 percent", slo.objective);
        say("objective", message, "write a percentage such as 99.9");
    }
    let window_seconds = minutes(say, "window", slo.window);
    if !(3600..=WINDOW_SECONDS_MAX).contains(&window_seconds) {
        say("window", format!("{} is not from 1h to 90d", slo.window), "30d is usual");
    }
    let tiers = tiers(say, &slo.tiers, window_seconds);
    let indicator = match (&slo.calls, &slo.ratio) {
        (Some(calls), None) => calls_of(say, calls, &slo.entity),
        (None, Some(ratio)) => ratio_of(say, ratio),
        _ => {
            let message = "it needs one of `calls` and `ratio`".to_owned();
            say("", message, "write `calls: {}` for the calls of its entity");
            None
        }
    };
    Some(SloParams {
        name: SmolStr::new(&slo.name),
        tenant: SmolStr::new(&slo.tenant),
        entity: SmolStr::new(entity),
        indicator: indicator?,
        budget_ppm: budget_ppm.clamp(1.0, PPM) as u32,
        window_seconds,
        tiers,
        events_min: slo.events,
    })
}

fn calls_of(say: &mut Say<'_>, calls: &Calls, entity: &str) -> Option<Indicator> {
    if entity.is_empty() {
        let message = "it has `calls` and no `entity`".to_owned();
        say("", message, "add `entity:` to say whose calls they are");
    }
    if !calls.failures && calls.latency_below.is_none() {
        let remedy = "leave `failures` out, or add `latency_below`";
        say("calls", "no call would be bad".to_owned(), remedy);
    }
    let bad_from = calls.latency_below.map(|below| below.0.as_nanos());
    if bad_from == Some(0) {
        say("calls.latency_below", "it is zero".to_owned(), "write a period such as 300ms");
    }
    Some(Indicator::Calls {
        entity: SmolStr::new(entity),
        operation: calls.operation.as_ref().map(SmolStr::new),
        peer: calls.peer.as_ref().map(SmolStr::new),
        failed_is_bad: calls.failures,
        bad_from_ns: bad_from.map(|from| u64::try_from(from).unwrap_or(u64::MAX)),
    })
}

fn ratio_of(say: &mut Say<'_>, ratio: &Ratio) -> Option<Indicator> {
    let (field, part) = match (&ratio.good, &ratio.bad) {
        (Some(good), None) => ("ratio.good", good),
        (None, Some(bad)) => ("ratio.bad", bad),
        _ => {
            let message = "it needs one of `good` and `bad`".to_owned();
            say("ratio", message, "name the counters of one of the two");
            return None;
        }
    };
    let mut read = |field: &str, text: &str| match counter(text) {
        Ok(matchers) => Some(matchers),
        Err((message, remedy)) => {
            say(field, message, remedy);
            None
        }
    };
    let (total, part) = (read("ratio.total", &ratio.total), read(field, part));
    let part_is_good = field == "ratio.good";
    Some(Indicator::Ratio { total: total?, part: part?, part_is_good })
}

fn tiers(say: &mut Say<'_>, given: &[Tier], window_seconds: i64) -> Vec<TierParams> {
    if given.is_empty() {
        let fits = |tier: &TierParams| tier.long_seconds <= window_seconds;
        return TierParams::USUAL.into_iter().filter(fits).collect();
    }
    let mut tiers = Vec::new();
    for (at, tier) in given.iter().enumerate() {
        let field = |name: &str| format!("tiers.{at}.{name}");
        if !(0.001..=1_000_000.0).contains(&tier.burn) {
            let message = format!("{} is not from 0.001 to 1000000", tier.burn);
            say(&field("burn"), message, "14.4 is usual for a page");
        }
        let long_seconds = minutes(say, &field("long"), tier.long);
        let short_seconds = minutes(say, &field("short"), tier.short);
        if long_seconds > window_seconds {
            let message = format!("{} is longer than the SLO's window", tier.long);
            say(&field("long"), message, "shorten it");
        }
        if short_seconds > long_seconds {
            let message = format!("{} is longer than `long`, {}", tier.short, tier.long);
            say(&field("short"), message, "a twelfth of `long` is usual");
        }
        let severity = severity(&tier.severity).unwrap_or_else(|| {
            say(&field("severity"), "it is no severity".to_owned(), SEVERITIES);
            Severity::WARNING
        });
        let burn_milli = (tier.burn.clamp(0.001, 1_000_000.0) * 1000.0).round() as u64;
        tiers.push(TierParams { burn_milli, long_seconds, short_seconds, severity });
    }
    tiers
}

/// A period of whole minutes, seconds.
fn minutes(say: &mut Say<'_>, field: &str, period: Period) -> i64 {
    let is_whole = period.0.subsec_nanos() == 0 && period.as_seconds() % 60 == 0;
    if !is_whole || period.0.is_zero() {
        let message = format!("{period} is not a number of minutes");
        say(field, message, "write a period such as 5m");
    }
    period.as_seconds().max(60)
}
