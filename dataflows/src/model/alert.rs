//! Deduplicated alerts and what becomes of them.

use super::event::Identity;
use super::ids::{AlertKey, EntityRef, EventId, IncidentKey, Seconds};
use super::severity::Severity;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// Whether an alert still fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// It fires.
    Firing,
    /// It ended: by a resolve, by its own `ends`, or by silence longer than `quiet`.
    Resolved {
        /// When it ended, event time.
        at: Seconds,
        /// The last firing event, event time.
        last: Seconds,
    },
}

/// One alert as the stages after dedup see it.
///
/// The count is only an order of magnitude here (SEMANTICS rule 12): a
/// duplicate that changes nothing else is invisible downstream.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Alert {
    /// Onset and fingerprint.
    pub key: AlertKey,
    /// The first firing event, event time.
    pub first: Seconds,
    /// Severity of the last firing event.
    pub severity: Severity,
    /// Firing or resolved.
    pub status: Status,
    /// floor(log2(firing events)).
    pub magnitude: u8,
    /// Whether its fingerprint is flapping, so that it is annotated, not grouped.
    pub flapping: bool,
    /// The least (time, id) of its firing events.
    pub first_event_id: EventId,
    /// What the first event said, for people.
    pub summary: SmolStr,
    /// The words behind the fingerprint.
    pub identity: Arc<Identity>,
}

/// The exact count of an alert, which only `emit` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertCount {
    /// Which alert.
    pub key: AlertKey,
    /// Firing events folded into it.
    pub count: u64,
    /// The last firing event, event time.
    pub last: Seconds,
}

/// Why an alert is kept out of incidents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its fingerprint opens and closes too often.
    Flap,
    /// A silence's matchers hold.
    Silence,
    /// A maintenance window covers it.
    Maintenance,
    /// A rule says so.
    Rule,
    /// Feedback taught that it is never acted on.
    LowValue,
}

impl Reason {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Reason::Flap => "flap",
            Reason::Silence => "silence",
            Reason::Maintenance => "maintenance",
            Reason::Rule => "rule",
            Reason::LowValue => "low_value",
        }
    }
}

/// A reason together with who gave it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Suppression {
    /// Why.
    pub reason: Reason,
    /// The silence, window or rule; for a flap the detector.
    pub by: SmolStr,
}

/// What became of an alert; exactly one of the three, which is what makes the books balance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Disposition {
    /// Annotated and kept out of incidents.
    Suppressed(Suppression),
    /// A member of an incident.
    Incident(IncidentKey),
    /// Alone, and too mild to be an incident by itself.
    Standalone,
}

/// An alert with everything later stages learned about it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AlertRow {
    /// The alert.
    pub alert: Arc<Alert>,
    /// The entity after aliases are resolved.
    pub entity: EntityRef,
    /// Severity after rules.
    pub severity: Severity,
    /// What became of it.
    pub disposition: Disposition,
}

/// An alert whose entity is resolved and to which rules, silences and windows have been applied.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Annotated {
    /// The alert.
    pub alert: Arc<Alert>,
    /// The entity after aliases are resolved.
    pub entity: EntityRef,
    /// Severity after rules.
    pub severity: Severity,
    /// Why it is kept out of incidents, if it is.
    pub suppression: Option<Suppression>,
    /// What a rule groups it by, if one does: then topology does not.
    pub pin: Option<Arc<Pin>>,
}

impl Annotated {
    /// The alert's row, once it is known what becomes of it.
    pub fn told(&self, disposition: Disposition) -> Arc<AlertRow> {
        Arc::new(AlertRow {
            alert: self.alert.clone(),
            entity: self.entity.clone(),
            severity: self.severity,
            disposition,
        })
    }
}

/// What a rule groups an alert by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Pin {
    /// The rule.
    pub rule: SmolStr,
    /// Its labels with the alert's values, as `name="value", name="value"`: quoted, so that no
    /// two lists of values read alike.
    pub values: SmolStr,
}

impl Pin {
    /// What `rule` groups an alert by; `None` when the alert has none of the labels.
    pub fn of(
        rule: &SmolStr,
        labels: &[SmolStr],
        identity: &Identity,
        entity: &EntityRef,
    ) -> Option<Arc<Pin>> {
        let value = |name: &str| match name {
            "alertname" => Some(identity.name.as_str()),
            "entity" => Some(entity.text.as_str()),
            _ => identity.label(name),
        };
        labels.iter().any(|name| value(name).is_some()).then(|| {
            let pairs: Vec<String> = labels
                .iter()
                .map(|name| format!("{name}={:?}", value(name).unwrap_or_default()))
                .collect();
            Arc::new(Pin { rule: rule.clone(), values: pairs.join(", ").into() })
        })
    }
}

/// An alert with its rarity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rated {
    /// The alert.
    pub row: Arc<Annotated>,
    /// Surprise, thousandths of a nat.
    pub surprise_milli: u32,
    /// How particular its name is, thousandths of a nat.
    pub specific_milli: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Fingerprint, Labels};

    fn pin(labels: &[(&str, &str)]) -> Option<String> {
        let entity = EntityRef::new("t", "service:a/b");
        let identity = Identity {
            fingerprint: Fingerprint(0),
            tenant: "t".into(),
            source: "s".into(),
            entity: entity.clone(),
            name: "N".into(),
            labels: Labels::pack(labels.iter().copied()),
        };
        let by = ["build".into(), "lane".into()];
        Pin::of(&"r".into(), &by, &identity, &entity).map(|pin| pin.values.to_string())
    }

    #[test]
    fn values_group_and_nothing_that_only_looks_like_them() {
        assert_eq!(pin(&[("build", "7")]).as_deref(), Some(r#"build="7", lane="""#));
        assert_eq!(pin(&[("team", "qa")]), None);
        let (one, other) =
            (pin(&[("build", "1, lane=2")]), pin(&[("build", "1"), ("lane", "2, lane=")]));
        assert_ne!(one, other);
    }
}
