//! What people read: titles, the explanation in sentences, why an alert is in.
//!
//! Written for somebody who was asleep a minute ago: what is hurt comes first,
//! then the probable cause and how sure we are, then the reasons. Every
//! sentence is made from the revision's own fields, so the text never says
//! more than the data beside it.

use super::{AlertRow, CandidateRow, Revision, RevisionEvent};
use causeway_dataflows::model::{Because, RelationKind};
use std::cmp::Reverse;

pub mod phrase;
mod story;

pub use story::{closing_text, text};

/// From this probability on the cause leads the title, and is called probable.
const PROBABLE_PPM: u32 = 500_000;

/// One line for a pager: where, what, and how far it reaches.
pub fn title(revision: &Revision) -> String {
    let reach = phrase::reach(revision);
    match probable(revision) {
        Some(cause) => match worst(revision, Some(&cause.entity)) {
            Some(alert) => headline(alert, revision, &reach, ""),
            None => format!(
                "{}: no alert of its own, probable cause of {reach}",
                phrase::short(&cause.entity)
            ),
        },
        None => match worst(revision, None) {
            Some(alert) => headline(alert, revision, &reach, ", cause unclear"),
            None => format!("{}: no alerts", revision.incident_id),
        },
    }
}

fn headline(alert: &AlertRow, revision: &Revision, reach: &str, doubt: &str) -> String {
    let lead = format!("{}: {} on {}", phrase::short(&alert.entity), alert.name, alert.entity);
    if revision.alerts.len() == 1 { lead } else { format!("{lead}, {reach}{doubt}") }
}

/// Why an alert on `entity` is a member, in one sentence.
pub fn because(entity: &str, because: &Because) -> String {
    match because {
        Because::Anchor => format!("On {entity}, from which this incident grew."),
        Because::Pinned { pin } => {
            format!("Rule {} groups it by {}.", pin.rule, pin.values)
        }
        Because::Alone => "Alone, and severe enough to be an incident by itself.".to_owned(),
        Because::Continues { via } if via.text == entity => {
            format!("The incident already stood on {entity} when it began.")
        }
        Because::Continues { via } => {
            format!("{entity} touches {via}, on which the incident already stood when it began.")
        }
        Because::Depends { relation: RelationKind::Same, lag, .. } => {
            format!(
                "On {entity} like the alert it follows; it began {}.",
                phrase::after(*lag * 1000)
            )
        }
        Because::Depends { via, relation, hops, lag } => {
            let verb = phrase::verb(relation.word());
            let when = phrase::after(*lag * 1000);
            let distance = match hops {
                0 | 1 => String::new(),
                _ => format!(", {hops} hops from where the incident grew"),
            };
            format!("{entity} {verb} {via} and alerted {when}{distance}.")
        }
    }
}

/// The first candidate, if it is more likely than all the rest together.
pub(crate) fn probable(revision: &Revision) -> Option<&CandidateRow> {
    let first = revision.cause.candidates.first()?;
    (first.probability.0 >= PROBABLE_PPM).then_some(first)
}

/// The most severe alert, of several the earliest; on `entity` only, when given.
pub(crate) fn worst<'a>(revision: &'a Revision, entity: Option<&str>) -> Option<&'a AlertRow> {
    revision
        .alerts
        .iter()
        .filter(|row| entity.is_none_or(|entity| row.entity == entity))
        .min_by_key(|row| (Reverse(row.severity), row.first, &row.alert_id))
}

/// The event as people say it in a heading.
pub fn event_heading(event: RevisionEvent) -> &'static str {
    match event {
        RevisionEvent::Opened => "new",
        RevisionEvent::Updated => "updated",
        RevisionEvent::Merged => "merged into another",
        RevisionEvent::Split => "split",
        RevisionEvent::Resolved => "resolved",
        RevisionEvent::Withdrawn => "withdrawn",
    }
}
