//! The explanation in sentences.

use super::{phrase, probable, worst};
use crate::emit::wire::{
    CandidateRow, ChangeRow, DegradedSourceRow, HopRow, Milli, Revision, RevisionEvent, StatusWord,
};
use std::collections::BTreeSet;

/// Contributions smaller than this say nothing to people.
const WORTH_SAYING: Milli = Milli(50);
/// How many reasons of each sign are said.
const REASONS_MAX: usize = 3;
/// A second candidate below this probability is not named.
const RIVAL_PPM: u32 = 50_000;

/// The explanation as three to six sentences.
pub fn text(revision: &Revision) -> String {
    let sentences = [
        hurt(revision),
        verdict(revision),
        reasons(revision),
        path(revision),
        change(revision),
        counterfactual(revision),
        cut(revision),
        doubt(revision),
    ];
    sentences.into_iter().flatten().collect::<Vec<String>>().join(" ")
}

/// The only sentence of a revision that ends its id.
pub fn closing_text(revision: &Revision) -> String {
    match (&revision.event, &revision.lineage.merged_into) {
        (RevisionEvent::Merged, Some(id)) => {
            format!("Its alerts are part of {id} now; follow that one.")
        }
        _ => "The events that made this incident were corrected or taken back; nothing is left of it."
            .to_owned(),
    }
}

fn hurt(revision: &Revision) -> Option<String> {
    let alert = worst(revision, None)?;
    let from = phrase::clock(revision.opened_at, revision.opened_at);
    let firing = revision.alerts.iter().filter(|row| row.status == StatusWord::Firing).count();
    let total = revision.alerts.len();
    let subject = format!("{} ({}) on {}", alert.name, alert.severity, alert.entity);
    let until = revision.resolved_at.map(|end| phrase::clock(end, revision.opened_at));
    Some(match (total, until) {
        (1, None) => format!("{subject} has been firing since {from}."),
        (1, Some(until)) => format!("{subject} fired from {from} until {until}."),
        (_, None) => {
            let still = if firing == total { "all" } else { &firing.to_string() };
            let reach = phrase::reach(revision);
            format!("{reach} since {from}, {still} still firing; the worst is {subject}.")
        }
        (_, Some(until)) => {
            let reach = phrase::reach(revision);
            format!("{reach} from {from} until {until}, all over; the worst was {subject}.")
        }
    })
}

fn verdict(revision: &Revision) -> Option<String> {
    let cause = &revision.cause;
    let Some(first) = cause.candidates.first() else {
        return Some("No candidate for the cause was found.".to_owned());
    };
    let name = &first.entity;
    let share = first.probability.shown();
    let rival = match cause.candidates.get(1) {
        Some(second) if second.probability.0 >= RIVAL_PPM => {
            format!("; next is {} ({})", second.entity, second.probability.shown())
        }
        _ => String::new(),
    };
    let none = cause.unknown.shown();
    Some(match first.probability.0 {
        900_000.. => format!("The cause is almost certainly {name} ({share}){rival}."),
        750_000.. => format!("The cause is very likely {name} ({share}){rival}."),
        500_000.. => format!("The cause is probably {name} ({share}){rival}."),
        ppm if cause.unknown.0 > ppm => {
            format!(
                "The cause is unclear ({none} none of those examined); the best guess is {name} ({share}){rival}."
            )
        }
        _ => format!("The cause is unclear; the best guess is {name} ({share}){rival}."),
    })
}

fn reasons(revision: &Revision) -> Option<String> {
    let first = revision.cause.candidates.first()?;
    let (plus, minus) = weighed(first);
    let say = |list: &[(&str, Milli)], lead: &str| {
        let reasons = list.iter().take(REASONS_MAX);
        let parts: Vec<String> = reasons
            .map(|(feature, value)| format!("{} ({:+.1})", phrase::reason(feature), value.units()))
            .collect();
        (!parts.is_empty()).then(|| format!("{lead}: {}", parts.join(", ")))
    };
    let said: Vec<String> =
        [say(&plus, "for it"), say(&minus, "against it")].into_iter().flatten().collect();
    (!said.is_empty()).then(|| capital(&format!("{}.", said.join("; "))))
}

/// Contributions worth saying, the weightiest first: those in favour, and those against.
fn weighed(candidate: &CandidateRow) -> (Vec<(&str, Milli)>, Vec<(&str, Milli)>) {
    let mut all: Vec<(&str, Milli)> = candidate
        .contributions
        .iter()
        .map(|(feature, value)| (feature.as_str(), *value))
        .filter(|(_, value)| value.0.unsigned_abs() >= WORTH_SAYING.0.unsigned_abs())
        .collect();
    all.sort_by_key(|(feature, value)| (std::cmp::Reverse(value.0.unsigned_abs()), *feature));
    all.into_iter().partition(|(_, value)| value.0 > 0)
}

fn path(revision: &Revision) -> Option<String> {
    let hops = &revision.explanation.path;
    if hops.is_empty() {
        return None;
    }
    let entities: BTreeSet<&str> =
        hops.iter().flat_map(|hop| [hop.from.as_str(), hop.to.as_str()]).collect();
    let shorts: BTreeSet<&str> = entities.iter().map(|entity| phrase::short(entity)).collect();
    let distinct = shorts.len() == entities.len();
    let name = |entity: &str| -> String {
        if distinct { phrase::short(entity).to_owned() } else { entity.to_owned() }
    };
    let steps: Vec<String> = hops.iter().map(|hop| step(revision, hop, &name)).collect();
    Some(format!("From symptom to cause: {}.", steps.join("; ")))
}

fn step(revision: &Revision, hop: &HopRow, name: &dyn Fn(&str) -> String) -> String {
    let when = match hop.lag_ms {
        0 if worst(revision, Some(&hop.to)).is_none() => "which raised no alert".to_owned(),
        // The lag is effect less cause, so a positive one means that the cause came earlier.
        lag => format!("which alerted {}", phrase::after(lag.saturating_neg())),
    };
    if hop.from == hop.to {
        return format!("an alert on {} itself, {when}", name(&hop.from));
    }
    format!("{} {} {}, {when}", name(&hop.from), phrase::verb(&hop.relation), name(&hop.to))
}

fn change(revision: &Revision) -> Option<String> {
    let change = nearest_change(revision)?;
    let gap = revision.opened_at.0.saturating_sub(change.time.0);
    let when = match gap {
        0 => "at the first alert".to_owned(),
        1.. => format!("{} before the first alert", phrase::duration(gap.unsigned_abs())),
        _ => format!("{} after the first alert", phrase::duration(gap.unsigned_abs())),
    };
    let what = match change.summary.is_empty() {
        true => String::new(),
        false => format!(" ({})", change.summary),
    };
    let (id, kind, entity) = (&change.change_id, change.kind.replace('_', " "), &change.entity);
    Some(format!("Recent change: {kind} {id}{what} on {entity}, {when}."))
}

/// The change that matters most to a reader: on the first candidate, else on the path, else the latest.
fn nearest_change(revision: &Revision) -> Option<&ChangeRow> {
    let first = revision.cause.candidates.first();
    let on_cause = |change: &&ChangeRow| first.is_some_and(|cause| cause.entity == change.entity);
    let on_path =
        |change: &&ChangeRow| revision.explanation.path.iter().any(|hop| hop.to == change.entity);
    let changes = || revision.changes.iter();
    changes().find(on_cause).or_else(|| changes().find(on_path)).or_else(|| changes().next())
}

fn counterfactual(revision: &Revision) -> Option<String> {
    let counterfactual = revision.explanation.counterfactual.as_ref()?;
    let shown: Vec<&str> = counterfactual.without.iter().take(2).map(|id| id.as_str()).collect();
    let more = match counterfactual.without.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let noun = if counterfactual.without.len() == 1 { "event" } else { "events" };
    let share = counterfactual.probability.shown();
    let then = match (&counterfactual.instead, probable(revision)) {
        (Some(entity), Some(_)) => format!("the answer would be {entity} ({share})"),
        (Some(entity), None) => format!("the best guess would be {entity} ({share})"),
        (None, _) => format!("the cause would count as unknown ({share})"),
    };
    Some(format!("Without {noun} {}{more}, {then}.", shown.join(", ")))
}

fn cut(revision: &Revision) -> Option<String> {
    revision.degraded.then(|| {
        "The storm was too large to be grouped whole, so this may be part of something bigger."
            .to_owned()
    })
}

fn doubt(revision: &Revision) -> Option<String> {
    let degraded = revision.explanation.degraded_sources.as_ref()?;
    let source = |of: &DegradedSourceRow| format!("{} ({})", of.source, of.findings.join(", "));
    let names: Vec<String> = degraded.sources.iter().map(source).collect();
    let percent = degraded.factor.0 / 10_000;
    let noun = if names.len() == 1 { "source" } else { "sources" };
    Some(format!(
        "Probabilities are {percent} % of what they would be, because of the {noun} {}.",
        names.join(", ")
    ))
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
