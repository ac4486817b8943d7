//! What an incident is worth whose alerts come from sources that do badly.
//!
//! An alert of a source with a wrong clock, refused events or late ones may be right; it counts
//! half. What candidates lose by it goes to unknown, and which is the first does not change.

use crate::model::finding::{FINDING_ID, SIGNAL};
use crate::model::{AlertKey, AlertRow, Degraded, DegradedSource, Incident, Seconds, Status};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Findings about sources end with the minutes that they look back on, and are found as late: an
/// alert that began so long before or after is affected, seconds. One that has stood for long is
/// not: else each finding would revise all that is open, for nothing that it was concluded from.
const AROUND_SECONDS: Seconds = 300;
/// What an alert of a source that does badly is worth less, parts per million.
const WORTH_LESS_PPM: u64 = 500_000;

/// Findings about one source, by what was found and when.
pub type Findings = BTreeMap<AlertKey, Stood>;

/// What counts of a finding about a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stood {
    /// What it is called.
    pub name: SmolStr,
    /// Until when it stood; the end of time while it does.
    pub until: Seconds,
}

impl Stood {
    /// What counts of a row.
    pub fn of(row: &AlertRow) -> Stood {
        let until = match row.alert.status {
            Status::Firing => Seconds::MAX,
            Status::Resolved { at, .. } => at,
        };
        Stood { name: row.alert.identity.name.clone(), until }
    }

    /// Whether it concerns what began then, when it was found itself at `onset`.
    fn is_around(&self, onset: Seconds, begin: Seconds) -> bool {
        onset <= begin.saturating_add(AROUND_SECONDS) && self.lasts_until(begin)
    }

    /// Whether it may concern what began at an instant or later.
    pub fn lasts_until(&self, begin: Seconds) -> bool {
        self.until >= begin.saturating_sub(AROUND_SECONDS)
    }
}

/// Whether a row tells of a finding about a source.
pub fn is_of_source(row: &AlertRow) -> bool {
    let identity = &row.alert.identity;
    identity.name.starts_with("Source")
        && identity.label(SIGNAL) == Some("source")
        && row.alert.first_event_id.0.starts_with(FINDING_ID)
}

/// The incident with what its sources leave of it; nothing when none of them does badly.
///
/// `findings` gives what stands of a source.
pub fn doubted<'a>(
    incident: &Incident,
    findings: impl Fn(&SmolStr) -> Option<&'a Findings>,
) -> Option<Incident> {
    let mut sources: BTreeMap<SmolStr, DegradedSource> = BTreeMap::new();
    let own = incident.members.iter().filter(|member| !is_of_source(&member.row));
    for member in own {
        let name = &member.row.alert.identity.source;
        let all = findings(name).into_iter().flatten();
        let around = all.filter(|(key, stood)| stood.is_around(key.onset, member.key.onset));
        let mut around = around.map(|(_, stood)| &stood.name).peekable();
        if around.peek().is_none() {
            continue;
        }
        let none = || DegradedSource { source: name.clone(), findings: Vec::new(), alerts: 0 };
        let known = sources.entry(name.clone()).or_insert_with(none);
        known.alerts += 1;
        for found in around {
            if let Err(at) = known.findings.binary_search(found) {
                known.findings.insert(at, found.clone());
            }
        }
    }
    if sources.is_empty() {
        return None;
    }
    let alerts: u64 = sources.values().map(|source| u64::from(source.alerts)).sum();
    let less = WORTH_LESS_PPM * alerts / incident.members.len().max(1) as u64;
    let factor_ppm = 1_000_000u32.saturating_sub(less as u32);
    let mut incident = incident.clone();
    let mut known = 0;
    for candidate in &mut incident.cause.candidates {
        let left = u64::from(candidate.probability_ppm) * u64::from(factor_ppm) / 1_000_000;
        candidate.probability_ppm = left as u32;
        known += candidate.probability_ppm;
    }
    incident.cause.unknown_ppm = 1_000_000u32.saturating_sub(known);
    incident.degraded = Degraded::Doubted {
        is_cut: incident.degraded.is_cut(),
        factor_ppm,
        sources: sources.into_values().collect(),
    };
    Some(incident)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::{
        Alert, Because, Candidate, Disposition, EntityRef, EventId, Fingerprint, Identity,
        IncidentKey, Labels, Member, Severity,
    };
    use std::sync::Arc;

    const OPENED: Seconds = 1_000_000;

    /// An alert that was over after a minute.
    pub(crate) fn alert(
        name: &str,
        source: &str,
        labels: &[(&str, &str)],
        onset: Seconds,
    ) -> Arc<Alert> {
        let entity = EntityRef::new("t", "service:shop/cart");
        let labels = labels.iter().copied();
        let of = format!("{source}{name}");
        let fingerprint = Fingerprint::of(&mut Vec::new(), "t", "alert", &of, name, labels.clone());
        let identity = Identity {
            fingerprint,
            tenant: "t".into(),
            source: source.into(),
            entity,
            name: name.into(),
            labels: Labels::pack(labels),
        };
        Arc::new(Alert {
            key: AlertKey { onset, fingerprint },
            first: onset,
            severity: Severity::ERROR,
            status: Status::Resolved { at: onset + 60, last: onset + 60 },
            magnitude: 0,
            flapping: false,
            first_event_id: EventId::new("finding/a"),
            summary: Default::default(),
            identity: Arc::new(identity),
        })
    }

    fn row(name: &str, source: &str, labels: &[(&str, &str)], onset: Seconds) -> Arc<AlertRow> {
        let alert = alert(name, source, labels, onset);
        Arc::new(AlertRow {
            entity: alert.identity.entity.clone(),
            alert,
            severity: Severity::ERROR,
            disposition: Disposition::Standalone,
        })
    }

    /// Three alerts, of which two are of source `a`, and one finding about it.
    fn incident() -> Incident {
        let about = [(SIGNAL, "source")];
        let rows = [
            row("HighErrorRate", "a", &[], OPENED),
            row("HighLatency", "a", &[], OPENED),
            row("DiskFull", "b", &[], OPENED),
            row("SourceLate", "a", &about, OPENED),
        ];
        let member = |row: &Arc<AlertRow>| Member {
            key: row.alert.key,
            row: row.clone(),
            because: Because::Anchor,
            surprise_milli: 0,
        };
        let candidate = |name: &str, probability_ppm| Candidate {
            entity: EntityRef::new("t", name),
            probability_ppm,
            score_milli: 0,
            contributions: Vec::new(),
        };
        Incident {
            key: IncidentKey(1),
            tenant: "t".into(),
            opened: OPENED,
            resolved: Some(OPENED + 600),
            severity: Severity::ERROR,
            owner: None,
            members: rows.iter().map(member).collect(),
            changes: Vec::new(),
            cause: crate::model::Cause {
                candidates: vec![candidate("host:x", 600_000), candidate("host:y", 300_001)],
                unknown_ppm: 99_999,
                model: Default::default(),
            },
            explanation: Default::default(),
            degraded: Degraded::Cut,
        }
    }

    fn findings(onset: Seconds) -> Findings {
        let row = row("SourceSkew", "a", &[(SIGNAL, "source")], onset);
        Findings::from([(row.alert.key, Stood::of(&row))])
    }

    #[test]
    fn alerts_of_a_source_that_does_badly_count_half() {
        let found = findings(OPENED + 200);
        let said = doubted(&incident(), |name| (name == "a").then_some(&found))
            .expect("a source does badly");
        // Two of four members are its own, the finding about it is not.
        let left: Vec<u32> = said.cause.candidates.iter().map(|c| c.probability_ppm).collect();
        assert_eq!((left, said.cause.unknown_ppm), (vec![450_000, 225_000], 325_000));
        let source =
            DegradedSource { source: "a".into(), findings: vec!["SourceSkew".into()], alerts: 2 };
        let sources = vec![source];
        let expected = Degraded::Doubted { is_cut: true, factor_ppm: 750_000, sources };
        assert_eq!(said.degraded, expected);
        assert!(said.degraded.is_cut());
    }

    /// An incident that grows has alerts on both sides of what is found in the end.
    #[test]
    fn an_alert_that_has_stood_for_long_is_not_doubted() {
        let mut incident = incident();
        let late = row("DiskFull", "a", &[], OPENED + 480);
        incident.members[2] =
            Member { key: late.alert.key, row: late, ..incident.members[2].clone() };
        let found = findings(OPENED + 500);
        let said = doubted(&incident, |name| (name == "a").then_some(&found))
            .expect("the last alert is doubtful");
        let Degraded::Doubted { factor_ppm, sources, .. } = said.degraded else {
            panic!("no doubt")
        };
        assert_eq!((factor_ppm, sources.len(), sources[0].alerts), (875_000, 1, 1));
    }

    #[test]
    fn what_was_found_long_before_or_after_or_of_another_source_is_no_doubt() {
        for onset in [OPENED - 361, OPENED + 301] {
            let found = findings(onset);
            assert_eq!(doubted(&incident(), |name| (name == "a").then_some(&found)), None);
        }
        for onset in [OPENED - 360, OPENED + 300] {
            let found = findings(onset);
            assert!(doubted(&incident(), |name| (name == "a").then_some(&found)).is_some());
        }
        let found = findings(OPENED);
        assert_eq!(doubted(&incident(), |name| (name == "c").then_some(&found)), None);
    }
}
