//! Why we say so: the reasoning path and what would change the answer.
//!
//! A pure function of a group and its cause. The scorer is handed in, because a
//! counterfactual is a re-score and stages do not know one another.

pub mod path;
pub mod counterfactual;

use crate::model::{
    AlertRow, Cause, ChangeKind, Context, Disposition, Explanation, Group, Incident, Member,
    MemberChange, Seconds, Status,
};
use std::sync::Arc;

/// Makes the incident of a group: cause, path, counterfactual, changes.
///
/// Shape:    Group -> Incident
/// Source:   DESIGN.md section 5, ALGORITHMS.md 4.3
pub fn explain(group: &Group, score: &dyn Fn(&Group) -> Cause) -> Incident {
    let cause = score(group);
    let top = cause.candidates.first();
    let place = top.and_then(|top| group.entities.iter().position(|e| e.entity == top.entity));
    let path = place.map_or_else(Vec::new, |place| path::path(group, place as u32));
    let explanation =
        Explanation { path, counterfactual: counterfactual::counterfactual(group, &cause, score) };
    let members: Vec<Member> = group
        .members
        .iter()
        .map(|member| Member {
            key: member.key,
            row: Arc::new(AlertRow {
                alert: member.row.alert.clone(),
                entity: member.row.entity.clone(),
                severity: member.row.severity,
                disposition: Disposition::Incident(group.key),
            }),
            because: member.because.clone(),
            surprise_milli: member.surprise_milli,
        })
        .collect();
    Incident {
        key: group.key,
        tenant: group.tenant.clone(),
        opened: group.members.first().map_or(0, |member| member.key.onset),
        resolved: resolved(group),
        severity: group
            .members
            .iter()
            .map(|member| member.row.severity)
            .max()
            .unwrap_or(crate::model::Severity::INFO),
        owner: place.and_then(|place| group.entities[place].owner.clone()),
        members,
        changes: changes(group),
        cause,
        explanation,
        degraded: group.degraded,
    }
}

/// When the last member ended; `None` while one fires.
fn resolved(group: &Group) -> Option<Seconds> {
    group
        .members
        .iter()
        .map(|member| match member.row.alert.status {
            Status::Firing => None,
            Status::Resolved { at, .. } => Some(at),
        })
        .try_fold(Seconds::MIN, |last, at| at.map(|at| last.max(at)))
}

fn changes(group: &Group) -> Vec<MemberChange> {
    let told = group.changes.iter().rev().filter_map(|change| match &change.event.body {
        Context::Change(told) => Some(MemberChange {
            change_id: told.change_id.clone(),
            entity: group.entities[change.entity as usize].entity.clone(),
            kind: told.kind,
            time: change.event.time_ns.div_euclid(1_000_000_000),
            summary: told.summary.clone(),
            event_id: change.event.id.clone(),
        }),
        _ => None,
    });
    told.filter(|change| change.kind != ChangeKind::IncidentFix).take(16).collect()
}
