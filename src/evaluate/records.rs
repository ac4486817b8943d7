//! The rows that evaluation reads, reduced to the fields it needs.
//!
//! These are the published wire forms (EVENT.md sections 6 and 7, and the
//! revision schema), decoded here on their own and not through the engine's
//! types: an evaluator that shared the engine's decoder would share its bugs.
//! Fields that are not named here are ignored.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

/// An instant in nanoseconds since the Unix epoch, UTC.
///
/// On the wire it is RFC 3339 text or an integer of nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nanos(pub i64);

/// `truth.json`: what really happened.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Truth {
    /// The generator's profile, or the name of the data set.
    #[serde(default)]
    pub profile: String,
    /// The seed that the storm was made from.
    #[serde(default)]
    pub seed: u64,
    /// The faults that could be seen from outside.
    pub incidents: Vec<TrueIncident>,
}

/// One real fault and how it spread.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TrueIncident {
    /// Name of the incident, unique in its truth.
    pub id: String,
    /// The entity where it began.
    pub root: String,
    /// Kind of fault.
    #[serde(default)]
    pub fault: String,
    /// When the fault began.
    #[serde(default)]
    pub start: Option<Nanos>,
    /// When the fault ended.
    #[serde(default)]
    pub end: Option<Nanos>,
    /// The change that caused it, if a change did.
    #[serde(default)]
    pub change_id: Option<String>,
    /// Every entity that it reached.
    #[serde(default)]
    pub entities: Vec<String>,
    /// Propagation edges, the effect's side first.
    #[serde(default)]
    pub path: Vec<(String, String)>,
}

/// What an event is, by construction of the storm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// An alert that a true incident raised.
    Incident,
    /// An alert that belongs to no incident.
    Noise,
    /// A repetition of another event.
    Duplicate,
    /// One transition of a check that flaps.
    Flap,
    /// Anything that is not an alert.
    Context,
}

/// One row of `labels.ndjson`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Label {
    /// The event that the row describes.
    pub event_id: String,
    /// The true incident that the event belongs to.
    #[serde(default)]
    pub incident: Option<String>,
    /// What the event is.
    pub class: Class,
    /// The event that this one repeats.
    #[serde(default)]
    pub duplicate_of: Option<String>,
    /// Whether hiding it from people would be right.
    #[serde(default)]
    pub suppressible: bool,
}

/// The labels that the alerts need, and how many there are of each class.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Rows by event id; those of events that opened no alert may be left out.
    pub rows: BTreeMap<String, Label>,
    /// Number of events by class, over the whole file.
    pub events: BTreeMap<Class, u64>,
}

/// One row of the alerts file.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct AlertRow {
    /// Identity of the alert.
    pub alert_id: String,
    /// Fingerprint of its key.
    #[serde(default)]
    pub fingerprint: String,
    /// The entity that it is raised on.
    pub entity: String,
    /// Onset.
    pub first: Nanos,
    /// Firing events folded into it.
    #[serde(default)]
    pub count: u64,
    /// Why people do not see it, if they do not.
    #[serde(default)]
    pub suppressed: Option<Suppressed>,
    /// The least firing event by time and id.
    #[serde(default)]
    pub first_event_id: String,
    /// The incident that holds it.
    #[serde(default)]
    pub incident_id: Option<String>,
}

/// The annotation of a suppressed alert.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Suppressed {
    /// Flap, silence, maintenance, dependency or low value.
    #[serde(default)]
    pub reason: String,
}

/// One revision of an incident.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct IncidentRow {
    /// Public id.
    pub incident_id: String,
    /// Number of the revision, from 1.
    #[serde(default)]
    pub revision: u64,
    /// Opened, updated, merged, split, resolved or withdrawn.
    #[serde(default)]
    pub event: String,
    /// Its members.
    #[serde(default)]
    pub alerts: Vec<MemberRow>,
    /// The ranked cause.
    #[serde(default)]
    pub cause: Option<CauseRow>,
    /// The reasoning path.
    #[serde(default)]
    pub explanation: Option<ExplanationRow>,
}

/// A member of an incident.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct MemberRow {
    /// Identity of the alert.
    pub alert_id: String,
}

/// The ranking of an incident's causes.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CauseRow {
    /// Candidates, best first.
    #[serde(default)]
    pub candidates: Vec<CandidateRow>,
    /// Probability that none of them is the cause.
    #[serde(default)]
    pub unknown: f64,
}

/// One candidate cause.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct CandidateRow {
    /// The entity that is blamed.
    pub entity: String,
    /// Published confidence, 0 to 1.
    #[serde(default)]
    pub probability: f64,
}

/// The explanation of an incident.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct ExplanationRow {
    /// Edges from symptom to cause.
    #[serde(default)]
    pub path: Vec<EdgeRow>,
}

/// One edge of a reasoning path.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct EdgeRow {
    /// The effect.
    pub from: String,
    /// What it is blamed on.
    pub to: String,
}

/// The object that `replay --summary json` prints.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Summary {
    /// The books.
    pub ledger: Ledger,
}

/// Every event and every alert, accounted for once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[allow(missing_docs)] // the names are the specification
pub struct Ledger {
    pub received: u64,
    pub accepted: u64,
    pub rejected: u64,
    pub duplicate: u64,
    #[serde(default)]
    pub late: u64,
    pub folded: u64,
    pub signals: u64,
    pub context: u64,
    pub alerts: u64,
    pub suppressed: u64,
    pub standalone: u64,
    pub in_incidents: u64,
    #[serde(default)]
    pub incidents: u64,
}

/// The rows of a topology file that the trivial rivals use.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// Each alias and the entity that it stands for.
    pub aliases: BTreeMap<String, String>,
    /// Relations that stand at the end of the file, dependent first.
    pub relations: Vec<(String, String)>,
}

impl<'de> Deserialize<'de> for Nanos {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NanosVisitor)
    }
}

struct NanosVisitor;

impl Visitor<'_> for NanosVisitor {
    type Value = Nanos;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an RFC 3339 time or an integer of nanoseconds")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Nanos, E> {
        let instant: jiff::Timestamp = text.parse().map_err(E::custom)?;
        i64::try_from(instant.as_nanosecond()).map(Nanos).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, nanos: i64) -> Result<Nanos, E> {
        Ok(Nanos(nanos))
    }

    fn visit_u64<E: de::Error>(self, nanos: u64) -> Result<Nanos, E> {
        i64::try_from(nanos).map(Nanos).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_text_or_integers() {
        // 2026-11-23T07:01:58.106Z is 1 795 417 318 seconds and 106 ms after the epoch.
        let text: Nanos = serde_json::from_str("\"2026-11-23T07:01:58.106Z\"").unwrap();
        let number: Nanos = serde_json::from_str("1795417318106000000").unwrap();
        assert_eq!(text, Nanos(1_795_417_318_106_000_000));
        assert_eq!(text, number);
        assert!(serde_json::from_str::<Nanos>("\"yesterday\"").is_err());
        assert!(serde_json::from_str::<Nanos>("18446744073709551615").is_err());
    }

    #[test]
    fn an_alert_row_needs_only_its_identity_and_onset() {
        let row: AlertRow = serde_json::from_str(
            r#"{"alert_id":"a","entity":"service:x/y","first":0,"suppressed":null,
                "severity":"error","incident_id":null,"unheard_of":[1]}"#,
        )
        .unwrap();
        assert!(row.suppressed.is_none() && row.incident_id.is_none());
        assert!(serde_json::from_str::<AlertRow>(r#"{"alert_id":"a"}"#).is_err());
    }
}
