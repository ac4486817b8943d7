//! Flapping, silences, maintenance and rules annotate alerts; nothing is deleted.
//!
//! Dependency suppression is not here: a symptom stays a member of its incident
//! and is marked there (SEMANTICS rule 13).

use crate::model::{
    Alert, AlertKey, Annotated, Context, EntityRef, Live, Pin, Reason, RuleAction, Seconds,
    Severity, Status, Suppression,
};
use crate::ops::epochs::Epoch;
use crate::ops::matcher::Compiled;
use crate::ops::window;
use differential_dataflow::VecCollection;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// What a condition says about an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Part {
    /// The alert itself.
    Alert(EntityRef, Arc<Alert>),
    /// Keep it out.
    Suppress(Suppression),
    /// Give it this severity; the rule with the least id speaks.
    Severity(SmolStr, Severity),
    /// Group it by this; likewise.
    Group(Arc<Pin>),
}

/// Applies silences, maintenance windows and rules to alerts.
///
/// Shape:    alerts (resolved entity, Alert), conditions Live -> Annotated
/// Time:     a firing alert is judged at the tick, a closed one at the instant it ended
/// State:    alerts and conditions arranged by tenant, annotations by alert
/// Retracts: an annotation when the alert, the condition or the hour changes
/// Source:   DESIGN.md section 5, SEMANTICS rule 13
pub fn suppress<'scope>(
    alerts: VecCollection<'scope, Epoch, (EntityRef, Arc<Alert>), isize>,
    conditions: VecCollection<'scope, Epoch, Live, isize>,
) -> VecCollection<'scope, Epoch, Arc<Annotated>, isize> {
    let by_tenant = alerts
        .clone()
        .map(|(entity, alert)| (tenant_key(&alert.identity.tenant), (entity, alert)))
        .arrange_by_key_named("suppress: alerts by tenant");
    let conditions = conditions
        .map(|live| (tenant_key(&live.event.tenant), live))
        .arrange_by_key_named("suppress: conditions by tenant");
    let mut compiled = Cache::default();
    let verdicts = by_tenant.join_core(conditions, move |_, (entity, alert), live| {
        judge(&mut compiled, entity, alert, live).map(|part| (alert.key, part))
    });
    alerts
        .map(|(entity, alert)| (alert.key, Part::Alert(entity, alert)))
        .concat(verdicts)
        .reduce_named("suppress: annotate", |_key: &AlertKey, parts, out| {
            out.extend(annotate(parts).map(|row| (row, 1isize)));
        })
        .map(|(_, row)| row)
}

fn tenant_key(tenant: &str) -> u64 {
    xxh3_64(tenant.as_bytes())
}

/// Compiled matchers by condition; rebuilt when the condition's event is another.
type Cache = BTreeMap<(u8, SmolStr), (Live, Compiled)>;

fn judge(cache: &mut Cache, entity: &EntityRef, alert: &Alert, live: &Live) -> Option<Part> {
    let (slot, id) = match &live.event.body {
        Context::Silence(silence) => (0, &silence.silence_id),
        Context::Maintenance(maintenance) => (1, &maintenance.maintenance_id),
        Context::Rule(rule) => (2, &rule.rule_id),
        _ => return None,
    };
    let key = (slot, id.clone());
    let fresh = cache.get(&key).is_some_and(|(known, _)| Arc::ptr_eq(&known.event, &live.event));
    if !fresh {
        let matchers = match &live.event.body {
            Context::Silence(silence) => &silence.matchers,
            Context::Maintenance(maintenance) => &maintenance.matchers,
            Context::Rule(rule) => &rule.matchers,
            _ => return None,
        };
        cache.insert(key.clone(), (live.clone(), Compiled::new(matchers)));
    }
    let (_, compiled) = cache.get(&key)?;
    let matches = || compiled.matches(&alert.identity, entity, alert.severity);
    match &live.event.body {
        Context::Silence(silence) => {
            let holds = holds(alert, live.active, |at| silence.starts <= at && at <= silence.ends);
            (holds && matches()).then(|| suppression(Reason::Silence, &silence.silence_id))
        }
        Context::Maintenance(planned) => {
            let covered = planned.entities.is_empty()
                || planned
                    .entities
                    .iter()
                    .any(|e| e.id == entity.id || e.id == alert.identity.entity.id);
            let holds = holds(alert, live.active, |at| window::maintenance_active(planned, at));
            let matching = planned.matchers.is_empty() && !planned.entities.is_empty();
            (holds && covered && (matching || matches()))
                .then(|| suppression(Reason::Maintenance, &planned.maintenance_id))
        }
        Context::Rule(rule) if matches() => match &rule.action {
            RuleAction::Suppress => Some(suppression(Reason::Rule, &rule.rule_id)),
            RuleAction::Severity(severity) => Some(Part::Severity(rule.rule_id.clone(), *severity)),
            RuleAction::GroupBy(labels) => {
                Pin::of(&rule.rule_id, labels, &alert.identity, entity).map(Part::Group)
            }
        },
        _ => None,
    }
}

fn suppression(reason: Reason, by: &SmolStr) -> Part {
    Part::Suppress(Suppression { reason, by: by.clone() })
}

/// Whether a window holds for an alert: now while it fires, at its end once it is closed.
fn holds(alert: &Alert, active: bool, at_end: impl Fn(Seconds) -> bool) -> bool {
    match alert.status {
        Status::Firing => active,
        Status::Resolved { at, .. } => at_end(at),
    }
}

fn annotate(parts: &[(&Part, isize)]) -> Option<Arc<Annotated>> {
    let (entity, alert) = parts.iter().find_map(|(part, diff)| match part {
        Part::Alert(entity, alert) if *diff > 0 => Some((entity, alert)),
        _ => None,
    })?;
    let flap = alert
        .flapping
        .then(|| Suppression { reason: Reason::Flap, by: SmolStr::new_static("flap detector") });
    let said = parts.iter().filter_map(|(part, _)| match part {
        Part::Suppress(suppression) => Some(suppression.clone()),
        _ => None,
    });
    let severity = parts.iter().find_map(|(part, _)| match part {
        Part::Severity(_, severity) => Some(*severity),
        _ => None,
    });
    let pin = parts.iter().find_map(|(part, _)| match part {
        Part::Group(pin) => Some(pin.clone()),
        _ => None,
    });
    Some(Arc::new(Annotated {
        alert: alert.clone(),
        entity: entity.clone(),
        severity: severity.unwrap_or(alert.severity),
        suppression: flap.into_iter().chain(said).min(),
        pin,
    }))
}
