//! Alerts of faults: specific ones at the root, generic ones along the cascade,
//! indicators where users enter.

use super::Reason;
use super::book::Book;
use crate::faults::{Effect, Fault, Plan, Symptom};
use crate::instant::{Ms, SECOND};
use crate::profile::Rates;
use crate::rng::Rng;
use crate::vocabulary::{Role, Rule, RuleId, Scope, rules};

/// Share of sufferers in the middle that nobody has written a rule for.
const SILENT: f64 = 0.02;
/// Chance of a second alert of one sufferer, and of a third.
const MORE: [f64; 2] = [0.22, 0.05];
/// Chance of an indicator where users enter.
const INDICATOR: f64 = 0.75;
/// Chance that a root shows generic symptoms beside the specific ones.
const ROOT_SYMPTOM: f64 = 0.75;
/// Chance of a second specific alert, and of a third.
const ROOT_MORE: [f64; 2] = [0.45, 0.12];
/// From trouble to alert: median in seconds and deviation of the logarithm.
const NOTICE_ROOT: (f64, f64) = (18.0, 0.9);
const NOTICE_ROOT_SYMPTOM: (f64, f64) = (10.0, 0.8);
const NOTICE_SYMPTOM: (f64, f64) = (8.0, 0.8);
const NOTICE_MORE: (f64, f64) = (18.0, 0.7);
const NOTICE_INDICATOR: (f64, f64) = (18.0, 0.6);
/// From the end of a fault to the end of an alert.
const RECOVER: (f64, f64) = (40.0, 0.6);
/// No alert of a fault is shorter.
const RUN_MIN: Ms = 90 * SECOND;
/// Attempts to find a rule and a part of an entity that are free.
const TRIES: usize = 12;

/// Writes the alerts of every fault into the book, oldest fault first.
pub(super) fn raise(book: &mut Book<'_>, plan: &Plan, rates: &Rates, rng: &mut Rng) {
    for (at, fault) in plan.faults.iter().enumerate() {
        let reason = if fault.visible { Reason::Fault(at as u32) } else { Reason::Hidden };
        for effect in &fault.effects {
            if effect.node == fault.root {
                if !fault.blind {
                    raise_root(book, fault, *effect, reason, rng);
                }
            } else if book.world.is_entry(effect.node) || !rng.chance(SILENT * rates.flaws) {
                raise_sufferer(book, fault, *effect, reason, rng);
            }
        }
    }
}

fn raise_root(book: &mut Book<'_>, fault: &Fault, effect: Effect, reason: Reason, rng: &mut Rng) {
    let mut own: Vec<(RuleId, &Rule)> = rules()
        .filter(|(_, r)| matches!(r.role, Role::Root(kinds) if kinds.contains(&fault.kind)))
        .collect();
    rng.shuffle(&mut own);
    let mut wanted = 1 + ROOT_MORE.iter().filter(|p| rng.chance(**p)).count();
    for (id, rule) in own {
        if wanted == 0 {
            break;
        }
        let run = run(fault, effect.at, NOTICE_ROOT, rng);
        let Some(subject) = book.subject(effect.node, rule.scope, run, rng) else { continue };
        wanted -= usize::from(book.raise(subject, id, reason, run));
    }
    if rng.chance(ROOT_SYMPTOM) {
        raise_symptom(book, fault, effect, NOTICE_ROOT_SYMPTOM, reason, rng);
    }
}

fn raise_sufferer(
    book: &mut Book<'_>,
    fault: &Fault,
    effect: Effect,
    reason: Reason,
    rng: &mut Rng,
) {
    let entry = book.world.is_entry(effect.node);
    raise_symptom(book, fault, effect, NOTICE_SYMPTOM, reason, rng);
    for chance in MORE {
        if rng.chance(chance) {
            raise_symptom(book, fault, effect, NOTICE_MORE, reason, rng);
        }
    }
    if entry && rng.chance(INDICATOR) {
        let indicators = rules().filter(|(_, r)| r.role == Role::Indicator);
        let indicators: Vec<(RuleId, &Rule)> = indicators.collect();
        for _ in 0..TRIES {
            // The last one means that users are gone, which is rare.
            let at = rng.weighted(&[4.0, 3.0, 2.0, 2.0, 0.3]).min(indicators.len() - 1);
            let run = run(fault, effect.at, NOTICE_INDICATOR, rng);
            if book.raise(effect.node, indicators[at].0, reason, run) {
                break;
            }
        }
    }
}

/// One generic alert about `effect`, at the service as a whole or at a part of it.
fn raise_symptom(
    book: &mut Book<'_>,
    fault: &Fault,
    effect: Effect,
    notice: (f64, f64),
    reason: Reason,
    rng: &mut Rng,
) {
    let shows: Vec<(RuleId, &Rule, f64)> = rules()
        .filter(|(_, r)| r.role == Role::Symptom(effect.symptom))
        .map(|(id, r)| (id, r, weight(r, effect.symptom)))
        .collect();
    let weights: Vec<f64> = shows.iter().map(|(.., w)| *w).collect();
    for _ in 0..TRIES {
        let (id, rule, _) = shows[rng.weighted(&weights)];
        let run = run(fault, effect.at, notice, rng);
        let Some(subject) = book.subject(effect.node, rule.scope, run, rng) else { continue };
        if book.raise(subject, id, reason, run) {
            return;
        }
    }
}

/// Most alerts are about services; load balancers and pods come second.
fn weight(rule: &Rule, symptom: Symptom) -> f64 {
    match (rule.scope, symptom) {
        (Scope::Service, Symptom::Down) => 1.0,
        (Scope::Service, _) => 2.0,
        (Scope::Lb, _) => 1.1,
        (Scope::Pod | Scope::Deployment, Symptom::Down) => 2.0,
        _ => 1.0,
    }
}

/// When an alert about trouble that began at `since` fires, and until when.
fn run(fault: &Fault, since: Ms, (median, sigma): (f64, f64), rng: &mut Rng) -> (Ms, Ms) {
    let start = since + (rng.lognormal(median, sigma).min(180.0) * SECOND as f64) as Ms;
    let end = fault.end + (rng.lognormal(RECOVER.0, RECOVER.1) * SECOND as f64) as Ms;
    (start, end.max(start + RUN_MIN))
}
