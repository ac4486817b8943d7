//! From the engine's types to the wire's.

use super::value::{Home, Milli, Ppm, SeverityWord, Time};
use super::{
    AlertRow, CandidateRow, CauseRow, ChangeRow, CounterfactualRow, DegradedSourceRow,
    DegradedSourcesRow, ExplanationRow, FindingRow, HopRow, Lineage, MemberRow, Revision,
    RevisionEvent, StatusWord, SuppressedRow, difference, words,
};
use causeway_dataflows::model::finding::{FINDING_ID, SIGNAL};
use causeway_dataflows::model::{
    self, AlertCount, AlertKey, Because, ChangeKind, Counterfactual, Degraded, DegradedSource,
    Disposition, Finding, Incident, Status,
};
use smol_str::{SmolStr, ToSmolStr};
use std::collections::BTreeSet;

/// What the ledger decided about an incident that is to be told of.
#[derive(Clone, Debug)]
pub struct Announcement<'a> {
    /// The public id.
    pub incident_id: SmolStr,
    /// The number of this revision, from 1.
    pub revision: u64,
    /// Why it is sent.
    pub event: RevisionEvent,
    /// The tick of the epoch that it is a function of.
    pub updated_at: Time,
    /// Where it came from.
    pub lineage: Lineage,
    /// The revision sent last; `None` for the first.
    pub previous: Option<&'a Revision>,
}

/// The revision that announces `incident` as it stands.
///
/// `counts` gives the exact count of an alert; without one the order of
/// magnitude stands in (SEMANTICS rule 12).
pub fn revision(
    incident: &Incident,
    announcement: Announcement<'_>,
    counts: impl Fn(AlertKey) -> Option<AlertCount>,
) -> Revision {
    let alerts: Vec<AlertRow> = incident
        .members
        .iter()
        .map(|member| alert_row(&member.row, Home::Enclosing, counts(member.key)))
        .collect();
    let entities: BTreeSet<SmolStr> = alerts.iter().map(|row| row.entity.clone()).collect();
    let mut revision = Revision {
        incident_id: announcement.incident_id,
        revision: announcement.revision,
        event: announcement.event,
        tenant: incident.tenant.clone(),
        opened_at: Time::from_seconds(incident.opened),
        updated_at: announcement.updated_at,
        resolved_at: incident.resolved.map(Time::from_seconds),
        severity: incident.severity.into(),
        title: String::new(),
        owner: incident.owner.as_ref().map(|owner| owner.text.clone()),
        alerts,
        entities: entities.into_iter().collect(),
        changes: incident.changes.iter().map(change_row).collect(),
        cause: cause_row(&incident.cause),
        explanation: explanation_row(incident),
        lineage: announcement.lineage,
        difference: difference::Difference::default(),
        degraded: incident.degraded.is_cut(),
    };
    revision.title = words::title(&revision);
    revision.explanation.text = words::text(&revision);
    revision.difference = difference::between(announcement.previous, &revision);
    revision
}

/// The last revision of an id that stands for nothing any more: merged or withdrawn.
///
/// Title, severity and times stay, so that people recognise what it was; alerts and
/// cause go, because they are another incident's now, or nobody's.
pub fn closing(
    previous: &Revision,
    event: RevisionEvent,
    updated_at: Time,
    lineage: Lineage,
) -> Revision {
    assert!(event.ends_the_id(), "an id ends by merging or withdrawal, not as {}", event.word());
    let mut revision = Revision {
        incident_id: previous.incident_id.clone(),
        revision: previous.revision + 1,
        event,
        tenant: previous.tenant.clone(),
        opened_at: previous.opened_at,
        updated_at,
        resolved_at: previous.resolved_at,
        severity: previous.severity,
        title: previous.title.clone(),
        owner: previous.owner.clone(),
        alerts: Vec::new(),
        entities: Vec::new(),
        changes: Vec::new(),
        cause: CauseRow { unknown: Ppm(1_000_000), ..CauseRow::default() },
        explanation: ExplanationRow::default(),
        lineage,
        difference: difference::Difference::default(),
        degraded: previous.degraded,
    };
    revision.explanation.text = words::closing_text(&revision);
    revision.difference = difference::between(Some(previous), &revision);
    revision
}

/// One alert for readers; `home` says in which incident, or that the place says it.
pub fn alert_row(row: &model::AlertRow, home: Home, count: Option<AlertCount>) -> AlertRow {
    let alert = &row.alert;
    let identity = &alert.identity;
    let (status, last_known) = match alert.status {
        Status::Firing => (StatusWord::Firing, alert.first),
        Status::Resolved { last, .. } => (StatusWord::Resolved, last),
    };
    let at_least = 1u64.checked_shl(u32::from(alert.magnitude)).unwrap_or(u64::MAX);
    AlertRow {
        alert_id: alert.key.to_smolstr(),
        fingerprint: alert.key.fingerprint.to_smolstr(),
        entity: row.entity.text.clone(),
        name: identity.name.clone(),
        severity: row.severity.into(),
        first: Time::from_seconds(alert.first),
        last: Time::from_seconds(count.map_or(last_known, |count| count.last.max(last_known))),
        count: count.map_or(at_least, |count| count.count),
        status,
        suppressed: match &row.disposition {
            Disposition::Suppressed(why) => {
                let reason = SmolStr::new_static(why.reason.word());
                Some(SuppressedRow { reason, by: why.by.clone() })
            }
            Disposition::Incident(_) | Disposition::Standalone => None,
        },
        first_event_id: alert.first_event_id.0.clone(),
        incident_id: home,
        summary: alert.summary.clone(),
        source: identity.source.clone(),
        tenant: identity.tenant.clone(),
        labels: identity
            .labels
            .iter()
            .map(|(name, value)| (SmolStr::new(name), SmolStr::new(value)))
            .collect(),
        finding: finding_row(alert),
    }
}

/// What a detector saw, if the alert is its finding.
fn finding_row(alert: &model::Alert) -> Option<FindingRow> {
    alert.identity.label(SIGNAL).filter(|_| alert.first_event_id.0.starts_with(FINDING_ID))?;
    let Finding { what, value, expected, score_ppm, step_milli, model } =
        Finding::read(&alert.summary)?;
    let step = (step_milli != 0).then_some(Milli(step_milli.into()));
    Some(FindingRow { what, value, expected, score: Ppm(score_ppm), step, model })
}

/// The word of a change's kind on the wire.
pub fn change_word(kind: ChangeKind) -> &'static str {
    match kind {
        ChangeKind::Deploy => "deploy",
        ChangeKind::Upgrade => "upgrade",
        ChangeKind::Rollback => "rollback",
        ChangeKind::Remove => "remove",
        ChangeKind::Config => "config",
        ChangeKind::FeatureFlag => "feature_flag",
        ChangeKind::Infra => "infra",
        ChangeKind::DbMigration => "db_migration",
        ChangeKind::Scale => "scale",
        ChangeKind::Access => "access",
        ChangeKind::Maintenance => "maintenance",
        ChangeKind::IncidentFix => "incident_fix",
        ChangeKind::Other => "other",
    }
}

fn change_row(change: &model::MemberChange) -> ChangeRow {
    ChangeRow {
        change_id: change.change_id.clone(),
        entity: change.entity.text.clone(),
        kind: SmolStr::new_static(change_word(change.kind)),
        time: Time::from_seconds(change.time),
        summary: change.summary.clone(),
        event_id: change.event_id.0.clone(),
    }
}

fn cause_row(cause: &model::Cause) -> CauseRow {
    let candidates = cause.candidates.iter().map(|candidate| CandidateRow {
        entity: candidate.entity.text.clone(),
        probability: Ppm(candidate.probability_ppm),
        score: Milli(candidate.score_milli),
        contributions: candidate
            .contributions
            .iter()
            .map(|&(feature, milli)| (SmolStr::new_static(feature.word()), Milli(milli)))
            .collect(),
    });
    CauseRow {
        candidates: candidates.collect(),
        unknown: Ppm(cause.unknown_ppm),
        model: cause.model.clone(),
    }
}

fn explanation_row(incident: &Incident) -> ExplanationRow {
    let path = incident.explanation.path.iter().map(|hop| HopRow {
        from: hop.from.text.clone(),
        to: hop.to.text.clone(),
        relation: SmolStr::new_static(hop.relation.word()),
        lag_ms: hop.lag_ms,
        evidence: hop.evidence.iter().map(|id| id.0.clone()).collect(),
    });
    let members = incident.members.iter().map(|member| MemberRow {
        alert_id: member.key.to_smolstr(),
        because: words::because(&member.row.entity.text, &member.because),
        symptom_of: match &member.because {
            Because::Depends { via, .. } => Some(via.text.clone()),
            Because::Anchor
            | Because::Continues { .. }
            | Because::Alone
            | Because::Pinned { .. } => None,
        },
    });
    ExplanationRow {
        path: path.collect(),
        text: String::new(),
        counterfactual: incident.explanation.counterfactual.as_ref().map(counterfactual_row),
        members: members.collect(),
        degraded_sources: degraded_row(&incident.degraded),
    }
}

fn degraded_row(degraded: &Degraded) -> Option<DegradedSourcesRow> {
    let Degraded::Doubted { factor_ppm, sources, .. } = degraded else { return None };
    let source = |of: &DegradedSource| DegradedSourceRow {
        source: of.source.clone(),
        findings: of.findings.clone(),
        alerts: of.alerts,
    };
    Some(DegradedSourcesRow {
        factor: Ppm(*factor_ppm),
        sources: sources.iter().map(source).collect(),
    })
}

fn counterfactual_row(counterfactual: &Counterfactual) -> CounterfactualRow {
    CounterfactualRow {
        without: counterfactual.without.iter().map(|id| id.0.clone()).collect(),
        feature: SmolStr::new_static(counterfactual.feature.word()),
        instead: counterfactual.instead.as_ref().map(|entity| entity.text.clone()),
        probability: Ppm(counterfactual.probability_ppm),
    }
}

impl SeverityWord {
    /// The least number of the scale that reads as this word, for comparing with the engine's.
    pub fn number(self) -> u8 {
        match self {
            SeverityWord::Debug => 1,
            SeverityWord::Info => 9,
            SeverityWord::Warning => 13,
            SeverityWord::Error => 17,
            SeverityWord::Critical => 18,
            SeverityWord::Fatal => 21,
        }
    }
}
