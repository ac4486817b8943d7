//! The revision schema: what an incident looks like to every reader.
//!
//! One line is one CloudEvents envelope around one [`Revision`]. The bytes are
//! a pure function of the value: fields in declared order, maps sorted, numbers
//! rounded to a fixed unit before they are written. So a redelivery is
//! byte-identical and a sink may be idempotent on `(incident_id, revision)`.
//!
//! Versions: `v1` in [`Envelope::kind`] is the major version. A minor version only
//! adds fields, which are left out when empty, and words; readers ignore what
//! they do not know. So every revision ever written stays valid under the
//! schemas of its major version, which are committed in `fixtures/schema`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;

pub mod value;
pub mod envelope;
pub mod convert;
pub mod words;
pub mod difference;
pub mod as_json;
#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;

pub use as_json::AsJson;
pub use convert::{Announcement, alert_row, revision};
pub use envelope::{Envelope, Message};
pub use value::{Home, Milli, Ppm, SeverityWord, Time};

/// One version of one incident, complete in itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revision {
    /// Public id, the same for the life of the incident.
    pub incident_id: SmolStr,
    /// Number of this version: from 1, without gaps.
    #[schemars(range(min = 1))]
    pub revision: u64,
    /// Why this version was sent.
    pub event: RevisionEvent,
    /// Whose incident it is.
    pub tenant: SmolStr,
    /// Onset of the earliest alert.
    pub opened_at: Time,
    /// The tick at which this version was made.
    pub updated_at: Time,
    /// When the last member ended; null while one fires.
    pub resolved_at: Option<Time>,
    /// The highest severity among the members.
    pub severity: SeverityWord,
    /// One line for a pager.
    pub title: String,
    /// Who answers for the probable cause; null when no catalogue says.
    pub owner: Option<SmolStr>,
    /// The members, in order of onset.
    pub alerts: Vec<AlertRow>,
    /// Every entity that a member is on, each once, in order of the text.
    pub entities: Vec<SmolStr>,
    /// Changes near the candidates, most recent first.
    pub changes: Vec<ChangeRow>,
    /// Who or what did it, probably.
    pub cause: CauseRow,
    /// Why we say so.
    pub explanation: ExplanationRow,
    /// Which incidents it came from or went into.
    pub lineage: Lineage,
    /// What differs from the revision before.
    pub difference: Difference,
    /// Its group was over the size bound and had to be cut.
    pub degraded: bool,
}

impl Revision {
    /// Whether another revision of the same incident tells readers nothing else; numbers,
    /// events, times of making and lists of differences aside.
    pub fn says_the_same(&self, other: &Revision) -> bool {
        let Revision { revision, event, updated_at, difference, .. } = self.clone();
        *self == Revision { revision, event, updated_at, difference, ..other.clone() }
    }
}

/// Why a revision was sent.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RevisionEvent {
    /// It is new.
    Opened,
    /// Something about it changed.
    Updated,
    /// It ended because another incident took its alerts over.
    Merged,
    /// Some of its alerts are now another incident's, or it began as such a part.
    Split,
    /// All its alerts ended.
    Resolved,
    /// It was wrong: the input that made it is gone.
    Withdrawn,
}

impl RevisionEvent {
    /// Every event, in the order of a life.
    pub const ALL: [RevisionEvent; 6] = [
        RevisionEvent::Opened,
        RevisionEvent::Updated,
        RevisionEvent::Merged,
        RevisionEvent::Split,
        RevisionEvent::Resolved,
        RevisionEvent::Withdrawn,
    ];

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            RevisionEvent::Opened => "opened",
            RevisionEvent::Updated => "updated",
            RevisionEvent::Merged => "merged",
            RevisionEvent::Split => "split",
            RevisionEvent::Resolved => "resolved",
            RevisionEvent::Withdrawn => "withdrawn",
        }
    }

    /// The event that a word means.
    pub fn parse(word: &str) -> Option<RevisionEvent> {
        RevisionEvent::ALL.into_iter().find(|event| event.word() == word)
    }

    /// Whether the id stands for nothing any more after this revision.
    pub fn ends_the_id(self) -> bool {
        matches!(self, RevisionEvent::Merged | RevisionEvent::Withdrawn)
    }
}

/// One deduplicated alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlertRow {
    /// Identity of the alert: its onset and fingerprint, hashed.
    pub alert_id: SmolStr,
    /// Fingerprint of its key, 32 hexadecimal digits.
    #[schemars(regex(pattern = "^[0-9a-f]{32}$"))]
    pub fingerprint: SmolStr,
    /// The entity it is on, aliases resolved: `type:namespace/name`.
    pub entity: SmolStr,
    /// The rule or type of the alert.
    pub name: SmolStr,
    /// Severity of its last firing event, after rules.
    pub severity: SeverityWord,
    /// The first firing event.
    pub first: Time,
    /// The last firing event.
    pub last: Time,
    /// Firing events folded into it.
    pub count: u64,
    /// Firing or resolved.
    pub status: StatusWord,
    /// Why people do not see it; null when they do.
    pub suppressed: Option<SuppressedRow>,
    /// The least firing event by time and id.
    pub first_event_id: SmolStr,
    /// The incident that holds it, in files of alerts: null when suppressed or standalone.
    /// Left out inside a revision, which is that incident.
    #[serde(default, skip_serializing_if = "Home::is_enclosing")]
    #[schemars(with = "Option<String>")]
    pub incident_id: Home,
    /// What its first event said.
    pub summary: SmolStr,
    /// The source that first spoke of it.
    pub source: SmolStr,
    /// Whose alert it is.
    pub tenant: SmolStr,
    /// Its identity labels.
    pub labels: BTreeMap<SmolStr, SmolStr>,
    /// What Causeway saw in signals, when it raised the alert itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finding: Option<FindingRow>,
}

/// What a detector saw when the alert began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FindingRow {
    /// What is out of the ordinary.
    pub what: SmolStr,
    /// What it was, in the unit of the signal.
    pub value: SmolStr,
    /// What was expected; left out where there is no such number.
    #[serde(default, skip_serializing_if = "SmolStr::is_empty")]
    pub expected: SmolStr,
    /// How sure the detector is.
    pub score: Ppm,
    /// How far from the usual, in robust deviations; left out where there is no such number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<Milli>,
    /// The detector and the version of its model.
    pub model: SmolStr,
}

/// Whether an alert still fires.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StatusWord {
    /// It fires.
    Firing,
    /// It ended.
    Resolved,
}

impl StatusWord {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            StatusWord::Firing => "firing",
            StatusWord::Resolved => "resolved",
        }
    }
}

/// Why an alert is kept out of incidents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SuppressedRow {
    /// `flap`, `silence`, `maintenance`, `rule` or `low_value`.
    pub reason: SmolStr,
    /// The silence, window or rule that says so; for a flap the detector.
    pub by: SmolStr,
}

/// A change near an incident's candidates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeRow {
    /// The change's own id.
    pub change_id: SmolStr,
    /// What it touched.
    pub entity: SmolStr,
    /// `deploy`, `config`, `feature_flag`, …
    #[serde(rename = "type")]
    pub kind: SmolStr,
    /// When.
    pub time: Time,
    /// What it says of itself.
    pub summary: SmolStr,
    /// The event that told of it.
    pub event_id: SmolStr,
}

/// The ranking of causes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CauseRow {
    /// Best first.
    pub candidates: Vec<CandidateRow>,
    /// Probability that it is none of them.
    pub unknown: Ppm,
    /// The version of the weights that ranked them.
    pub model: SmolStr,
}

/// One entity that may be the cause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CandidateRow {
    /// Which entity.
    pub entity: SmolStr,
    /// With `unknown`, the probabilities sum to 1.
    pub probability: Ppm,
    /// Log-odds.
    pub score: Milli,
    /// What each feature adds to the score; features that add nothing are left out.
    pub contributions: BTreeMap<SmolStr, Milli>,
}

/// The reasoning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExplanationRow {
    /// From symptom to cause; empty when the cause is where the symptom is, or unknown.
    pub path: Vec<HopRow>,
    /// The same for people, in a few sentences.
    pub text: String,
    /// The smallest change of evidence found that makes the answer another; null when none was.
    pub counterfactual: Option<CounterfactualRow>,
    /// Why each alert is in, in the order of `alerts`.
    pub members: Vec<MemberRow>,
    /// Sources of its alerts that do badly; left out when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degraded_sources: Option<DegradedSourcesRow>,
}

/// Sources that do badly, and what that costs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DegradedSourcesRow {
    /// What probabilities of candidates were multiplied by; the rest went to unknown.
    pub factor: Ppm,
    /// Which, in order of their names.
    pub sources: Vec<DegradedSourceRow>,
}

/// A source that does badly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DegradedSourceRow {
    /// Its name.
    pub source: SmolStr,
    /// `SourceLate`, `SourceRejects`, `SourceSkew`.
    pub findings: Vec<SmolStr>,
    /// How many of the incident's alerts are its own.
    pub alerts: u32,
}

/// One step of the reasoning path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HopRow {
    /// The effect.
    pub from: SmolStr,
    /// The cause.
    pub to: SmolStr,
    /// `calls`, `runs_on`, …; `same` between two alerts on one entity.
    pub relation: SmolStr,
    /// Onset of the effect less onset of the cause; zero when one side is silent.
    pub lag_ms: i64,
    /// First events of the alerts on both sides.
    pub evidence: Vec<SmolStr>,
}

/// Without the evidence named, the answer would be another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CounterfactualRow {
    /// The events that would have to be gone.
    pub without: Vec<SmolStr>,
    /// The feature that would fall.
    pub feature: SmolStr,
    /// Who would be first then; null for unknown.
    pub instead: Option<SmolStr>,
    /// With which probability.
    pub probability: Ppm,
}

/// Why one alert is a member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberRow {
    /// Which alert.
    pub alert_id: SmolStr,
    /// One sentence.
    pub because: String,
    /// The alerting entity it depends on: a symptom of that, which need not page by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symptom_of: Option<SmolStr>,
}

/// Where an incident came from and where it went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lineage {
    /// The incident that took its alerts over.
    pub merged_into: Option<SmolStr>,
    /// Incidents whose alerts it took over, in order of the text.
    pub merged_from: Vec<SmolStr>,
    /// The incident that it was a part of.
    pub split_from: Option<SmolStr>,
}

/// What differs from the revision before; the first revision adds all its alerts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Alerts that were not members.
    pub alerts_added: Vec<SmolStr>,
    /// Alerts that are members no longer.
    pub alerts_removed: Vec<SmolStr>,
    /// Members whose row reads otherwise.
    pub alerts_changed: Vec<SmolStr>,
    /// Other fields that read otherwise, in the order of the revision's fields.
    pub fields: Vec<FieldChange>,
}

/// One field that changed, with both values as people would say them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// Name of the field: `severity`, `title`, `cause`, …
    pub field: SmolStr,
    /// Before; null for nothing.
    pub from: Option<String>,
    /// Now; null for nothing.
    pub to: Option<String>,
}
