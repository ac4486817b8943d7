//! Flapping, silences, maintenance and rules annotate alerts; nothing is deleted.
//!
//! Dependency suppression is not here: a symptom stays a member of its incident
//! and is marked there (SEMANTICS rule 13).

use crate::model::{
    Alert, AlertKey, Annotated, Context, ContextEvent, EntityRef, Live, Pin, Reason, RuleAction,
    Seconds, Severity, Status, Suppression,
};
use crate::ops::epochs::Epoch;
use crate::ops::matcher::Compiled;
use crate::ops::window;
use differential_dataflow::VecCollection;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
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

/// Compiled matchers by where a condition's event is, for as long as anybody holds that.
#[derive(Default)]
struct Cache {
    compiled: BTreeMap<usize, (Weak<ContextEvent>, Compiled)>,
    /// How many there are when those of conditions that are gone are looked for.
    sweep_at: usize,
}

/// Matchers that are kept before any of them is looked at.
const SWEEP_MIN: usize = 64;

impl Cache {
    fn of(&mut self, event: &Arc<ContextEvent>) -> Option<&Compiled> {
        // Nobody gets the place of an event while its matchers are here.
        let place = Arc::as_ptr(event) as usize;
        if !self.compiled.contains_key(&place) {
            let matchers = match &event.body {
                Context::Silence(silence) => &silence.matchers,
                Context::Maintenance(maintenance) => &maintenance.matchers,
                Context::Rule(rule) => &rule.matchers,
                _ => return None,
            };
            if self.compiled.len() >= self.sweep_at {
                self.compiled.retain(|_, (event, _)| event.strong_count() > 0);
                self.sweep_at = (2 * self.compiled.len()).max(SWEEP_MIN);
            }
            let compiled = Compiled::new(matchers);
            self.compiled.insert(place, (Arc::downgrade(event), compiled));
        }
        self.compiled.get(&place).map(|(_, compiled)| compiled)
    }
}

fn judge(cache: &mut Cache, entity: &EntityRef, alert: &Alert, live: &Live) -> Option<Part> {
    let compiled = cache.of(&live.event)?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EventId, Op, Silence};

    fn silence(number: usize) -> Arc<ContextEvent> {
        let id = format!("s-{number}");
        Arc::new(ContextEvent {
            tenant: "t".into(),
            source: "s".into(),
            id: EventId::new(&id),
            time_ns: 0,
            observed_ns: 0,
            op: Op::Upsert,
            body: Context::Silence(Silence {
                silence_id: id.into(),
                matchers: Vec::new(),
                starts: 0,
                ends: Seconds::MAX,
                created_by: SmolStr::default(),
                comment: SmolStr::default(),
            }),
        })
    }

    #[test]
    fn matchers_go_with_their_conditions() {
        let mut cache = Cache::default();
        let standing: Vec<_> = (0..100).map(silence).collect();
        for number in 0..10_000 {
            assert!(cache.of(&silence(number)).is_some());
            assert!(cache.of(&standing[number % standing.len()]).is_some());
        }
        assert!(cache.compiled.len() <= 2 * 101, "{}", cache.compiled.len());
        let place = |event| Arc::as_ptr(event) as usize;
        assert!(standing.iter().all(|event| cache.compiled.contains_key(&place(event))));
    }
}
