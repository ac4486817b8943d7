//! Why we say so: the reasoning path and what would change the answer.
//!
//! A pure function of a group and its cause. The scorer is handed in, because a
//! counterfactual is a re-score and stages do not know one another.

pub mod path;
pub mod counterfactual;
pub mod doubt;

use crate::model::{
    Cause, ChangeKind, Context, Degraded, Disposition, Explanation, Group, GroupMember, Incident,
    Member, MemberChange, Seconds, Status,
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
        members: group.members.iter().map(|member| told(group, member)).collect(),
        changes: changes(group),
        cause,
        explanation,
        degraded: Degraded::cut(group.degraded),
    }
}

/// The incident of a group of which the last version made `before`, if nothing that cause and
/// explanation read has changed since: alerts have ended, or grown in number.
///
/// Shape:    (Group, Incident), Group -> Incident, equal to what [`explain`] makes
pub fn again(last: &Group, before: &Incident, group: &Group) -> Option<Incident> {
    let alike = last.members.len() == group.members.len()
        && last.entities == group.entities
        && last.changes == group.changes
        && last.model == group.model;
    if !alike {
        return None;
    }
    let mut incident = before.clone();
    let pairs = last.members.iter().zip(&group.members);
    for ((was, is), member) in pairs.zip(&mut incident.members) {
        if !reads_alike(was, is) {
            return None;
        }
        if was.row != is.row || was.because != is.because {
            *member = told(group, is);
        }
    }
    incident.resolved = resolved(group);
    incident.degraded = Degraded::cut(group.degraded);
    Some(incident)
}

/// Whether two versions of a member are the same to the scorer and to whoever explains.
fn reads_alike(was: &GroupMember, is: &GroupMember) -> bool {
    let place = |m: &GroupMember| (m.key, m.entity, m.surprise_milli, m.specific_milli);
    place(was) == place(is)
        && (Arc::ptr_eq(&was.row, &is.row)
            || (was.row.severity == is.row.severity && {
                let (was, is) = (&was.row.alert, &is.row.alert);
                was.identity == is.identity
                    && was.summary == is.summary
                    && was.first_event_id == is.first_event_id
            }))
}

fn told(group: &Group, member: &GroupMember) -> Member {
    Member {
        key: member.key,
        row: member.row.told(Disposition::Incident(group.key)),
        because: member.because.clone(),
        surprise_milli: member.surprise_milli,
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
