//! What differs between two revisions of one incident.

pub use super::Difference;
use super::{AlertRow, CauseRow, FieldChange, Revision};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// What `next` says otherwise than `previous`; without one, all alerts are new.
///
/// The lists are in the order of `next`'s alerts, removed ones in that of `previous`.
/// Revision number, event and `updated_at` differ always and are not listed.
pub fn between(previous: Option<&Revision>, next: &Revision) -> Difference {
    let Some(previous) = previous else {
        let alerts_added = next.alerts.iter().map(|row| row.alert_id.clone()).collect();
        return Difference { alerts_added, ..Difference::default() };
    };
    let before = by_id(&previous.alerts);
    let after = by_id(&next.alerts);
    let ids = |rows: &[AlertRow], keep: &dyn Fn(&AlertRow) -> bool| -> Vec<SmolStr> {
        rows.iter().filter(|row| keep(row)).map(|row| row.alert_id.clone()).collect()
    };
    Difference {
        alerts_added: ids(&next.alerts, &|row| !before.contains_key(&row.alert_id)),
        alerts_removed: ids(&previous.alerts, &|row| !after.contains_key(&row.alert_id)),
        alerts_changed: ids(&next.alerts, &|row| {
            before.get(&row.alert_id).is_some_and(|old| *old != row)
        }),
        fields: fields(previous, next),
    }
}

fn by_id(rows: &[AlertRow]) -> BTreeMap<&SmolStr, &AlertRow> {
    rows.iter().map(|row| (&row.alert_id, row)).collect()
}

fn fields(previous: &Revision, next: &Revision) -> Vec<FieldChange> {
    let mut changes = Vec::new();
    let mut note = |field: &'static str, from: Option<String>, to: Option<String>| {
        changes.push(FieldChange { field: SmolStr::new_static(field), from, to });
    };
    let pairs: [(&'static str, fn(&Revision) -> Option<String>); 9] = [
        ("opened_at", |r| Some(r.opened_at.to_string())),
        ("resolved_at", |r| r.resolved_at.map(|time| time.to_string())),
        ("severity", |r| Some(r.severity.word().to_owned())),
        ("title", |r| Some(r.title.clone())),
        ("owner", |r| r.owner.as_ref().map(SmolStr::to_string)),
        ("changes", |r| list(r.changes.iter().map(|change| &change.change_id))),
        ("cause", |r| leader(&r.cause)),
        ("degraded", |r| Some(r.degraded.to_string())),
        ("degraded_sources", |r| {
            let degraded = r.explanation.degraded_sources.as_ref()?;
            list(degraded.sources.iter().map(|of| &of.source))
        }),
    ];
    for (field, read) in pairs {
        let (from, to) = (read(previous), read(next));
        if from != to {
            note(field, from, to);
        }
    }
    if previous.explanation.path != next.explanation.path {
        note("path", route(previous), route(next));
    }
    changes
}

/// The first candidate with its probability; nothing when there is none.
fn leader(cause: &CauseRow) -> Option<String> {
    let first = cause.candidates.first()?;
    Some(format!("{} ({})", first.entity, first.probability.shown()))
}

fn list<'a>(items: impl Iterator<Item = &'a SmolStr>) -> Option<String> {
    let items: Vec<&str> = items.map(SmolStr::as_str).collect();
    (!items.is_empty()).then(|| items.join(", "))
}

/// The entities of the path, symptom first.
fn route(revision: &Revision) -> Option<String> {
    let path = &revision.explanation.path;
    let mut stops: Vec<&str> = vec![path.first()?.from.as_str()];
    stops.extend(path.iter().map(|hop| hop.to.as_str()));
    Some(stops.join(" -> "))
}
