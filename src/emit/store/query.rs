//! What a reader may ask for; every condition given must hold.

use super::{Cursor, Standing};
use crate::emit::matcher::LabelMatcher;
use crate::emit::wire::{AlertRow, Home, Revision, SeverityWord, StatusWord, Time};
use smol_str::SmolStr;

/// Where an incident is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum IncidentState {
    /// An alert of it fires.
    Open,
    /// All its alerts ended.
    Resolved,
    /// Another incident took its alerts over.
    Merged,
    /// It was wrong.
    Withdrawn,
}

impl IncidentState {
    /// The state that a word means.
    pub fn parse(word: &str) -> Option<IncidentState> {
        Some(match word {
            "open" => IncidentState::Open,
            "resolved" => IncidentState::Resolved,
            "merged" => IncidentState::Merged,
            "withdrawn" => IncidentState::Withdrawn,
            _ => return None,
        })
    }

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            IncidentState::Open => "open",
            IncidentState::Resolved => "resolved",
            IncidentState::Merged => "merged",
            IncidentState::Withdrawn => "withdrawn",
        }
    }
}

/// What became of an alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertState {
    /// It fires.
    Firing,
    /// It ended.
    Resolved,
    /// It is kept out of incidents, firing or not.
    Suppressed,
    /// It is alone and too mild for an incident, firing or not.
    Standalone,
}

impl AlertState {
    /// The state that a word means.
    pub fn parse(word: &str) -> Option<AlertState> {
        Some(match word {
            "firing" => AlertState::Firing,
            "resolved" => AlertState::Resolved,
            "suppressed" => AlertState::Suppressed,
            "standalone" => AlertState::Standalone,
            _ => return None,
        })
    }

    fn holds(self, row: &AlertRow) -> bool {
        match self {
            AlertState::Firing => row.status == StatusWord::Firing,
            AlertState::Resolved => row.status == StatusWord::Resolved,
            AlertState::Suppressed => row.suppressed.is_some(),
            AlertState::Standalone => row.suppressed.is_none() && row.incident_id == Home::None,
        }
    }
}

/// A listing of incidents.
#[derive(Clone, Debug, Default)]
pub struct IncidentQuery {
    /// The least severity.
    pub severity: Option<SeverityWord>,
    /// Any of these owners.
    pub owner: Vec<SmolStr>,
    /// Any of these tenants.
    pub tenant: Vec<SmolStr>,
    /// Any of these is an entity of a member, or a candidate for the cause.
    pub entity: Vec<SmolStr>,
    /// Any of these states; none asks for those that are open or resolved.
    pub state: Vec<IncidentState>,
    /// Each must hold for some alert.
    pub labels: Vec<LabelMatcher>,
    /// Revised at this time or later.
    pub since: Option<Time>,
    /// Opened before this time.
    pub until: Option<Time>,
    /// A part of the title, an id, an entity, an alert's name or summary, case aside.
    pub text: Option<String>,
    /// Items of a page, at most [`super::PAGE_MAX`].
    pub limit: Option<usize>,
    /// The cursor that the page before gave.
    pub after: Option<Cursor>,
}

impl IncidentQuery {
    pub(super) fn matches(&self, standing: &Standing) -> bool {
        let revision = &*standing.latest.revision;
        let state = standing.state();
        let state_asked = match self.state.is_empty() {
            true => matches!(state, IncidentState::Open | IncidentState::Resolved),
            false => self.state.contains(&state),
        };
        state_asked
            && self.severity.is_none_or(|least| revision.severity >= least)
            && any_of(&self.owner, revision.owner.as_ref())
            && any_of(&self.tenant, Some(&revision.tenant))
            && (self.entity.is_empty() || self.entity.iter().any(|e| concerns(revision, e)))
            && self.since.is_none_or(|since| revision.updated_at >= since)
            && self.until.is_none_or(|until| revision.opened_at < until)
            && self.labels.iter().all(|m| revision.alerts.iter().any(|alert| m.matches(alert)))
            && self.text.as_ref().is_none_or(|text| mentions(revision, text))
    }
}

/// A listing of alerts.
#[derive(Clone, Debug, Default)]
pub struct AlertQuery {
    /// The least severity.
    pub severity: Option<SeverityWord>,
    /// Any of these tenants.
    pub tenant: Vec<SmolStr>,
    /// On any of these entities.
    pub entity: Vec<SmolStr>,
    /// In any of these states.
    pub state: Vec<AlertState>,
    /// A member of this incident.
    pub incident: Option<SmolStr>,
    /// All must hold.
    pub labels: Vec<LabelMatcher>,
    /// Last firing at this time or later.
    pub since: Option<Time>,
    /// First firing before this time.
    pub until: Option<Time>,
    /// A part of its name, entity or summary, case aside.
    pub text: Option<String>,
    /// Items of a page, at most [`super::PAGE_MAX`].
    pub limit: Option<usize>,
    /// The cursor that the page before gave.
    pub after: Option<Cursor>,
}

impl AlertQuery {
    pub(super) fn matches(&self, row: &AlertRow) -> bool {
        self.severity.is_none_or(|least| row.severity >= least)
            && any_of(&self.tenant, Some(&row.tenant))
            && any_of(&self.entity, Some(&row.entity))
            && (self.state.is_empty() || self.state.iter().any(|state| state.holds(row)))
            && self.incident.as_ref().is_none_or(|id| row.incident_id.incident() == Some(id))
            && self.since.is_none_or(|since| row.last >= since)
            && self.until.is_none_or(|until| row.first < until)
            && self.labels.iter().all(|matcher| matcher.matches(row))
            && self.text.as_ref().is_none_or(|text| alert_mentions(row, &text.to_lowercase()))
    }
}

fn any_of(list: &[SmolStr], value: Option<&SmolStr>) -> bool {
    list.is_empty() || value.is_some_and(|value| list.contains(value))
}

fn concerns(revision: &Revision, entity: &SmolStr) -> bool {
    revision.entities.contains(entity)
        || revision.cause.candidates.iter().any(|candidate| candidate.entity == *entity)
}

fn mentions(revision: &Revision, text: &str) -> bool {
    let wanted = text.to_lowercase();
    contains(&revision.title, &wanted)
        || contains(&revision.incident_id, &wanted)
        || revision.cause.candidates.iter().any(|c| contains(&c.entity, &wanted))
        || revision
            .changes
            .iter()
            .any(|c| contains(&c.change_id, &wanted) || contains(&c.summary, &wanted))
        || revision.alerts.iter().any(|row| alert_mentions(row, &wanted))
}

fn alert_mentions(row: &AlertRow, wanted: &str) -> bool {
    [&row.name, &row.entity, &row.summary, &row.alert_id].iter().any(|text| contains(text, wanted))
}

fn contains(text: &str, wanted: &str) -> bool {
    text.to_lowercase().contains(wanted)
}
