//! From-scratch versions of the stages: obviously right, and slow.
//!
//! Tests compare them with the incremental pipeline at every epoch. They take
//! the whole history, so they hold no state that could go wrong. They do not
//! model the horizon: a test that uses them sets it beyond its history.

pub mod alerts;
pub mod findings;
mod names;

use crate::context::latest::look_back;
use crate::correlate::{Fact, Outcome, tenant::Tenant};
use crate::history::rate::Rates;
use crate::model::{
    Alert, AlertKey, AlertRow, Annotated, Context, ContextEvent, Disposition, Edge, EntityRef,
    EntityUpdate, Group, IncidentKey, Live, NameId, Pin, PlacedChange, Profile, Rated, Reason,
    RuleAction, Seconds, Status, Suppression,
};
use crate::ops::matcher::Compiled;
use crate::ops::window;
use crate::params::Params;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// What must stand after an epoch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// Dispositions by alert.
    pub rows: BTreeMap<AlertKey, Arc<AlertRow>>,
    /// Standing groups by key.
    pub groups: BTreeMap<IncidentKey, Arc<Group>>,
}

/// Everything that must stand at `tick` after `alerts` and `context` have been heard.
pub fn expected(
    alerts: &[Arc<Alert>],
    context: &[ContextEvent],
    tick: Seconds,
    params: &Params,
) -> Expected {
    let live = live(context, tick, params);
    let aliases = names::aliases(&live);
    let rated = rate(annotate(alerts, &live, &aliases), params);
    let mut facts: BTreeMap<SmolStr, Vec<(Fact, isize)>> = BTreeMap::new();
    for rated in rated {
        let tenant = rated.row.alert.identity.tenant.clone();
        facts.entry(tenant).or_default().push((Fact::Alert(rated), 1));
    }
    for (tenant, fact) in known(&live, &aliases) {
        facts.entry(tenant).or_default().push((fact, 1));
    }
    let mut expected = Expected::default();
    for facts in facts.into_values() {
        // A tenant that hears everything at once has nothing to be incremental about.
        Tenant::default().apply(facts, tick, params, &mut |outcome, diff| {
            if diff > 0 {
                match outcome {
                    Outcome::Row(row) => drop(expected.rows.insert(row.alert.key, row)),
                    Outcome::Group(group) => drop(expected.groups.insert(group.key, group)),
                    Outcome::Sealed(_) => {}
                }
            }
        });
    }
    expected
}

/// The latest word on every thing that still holds.
fn live(context: &[ContextEvent], tick: Seconds, params: &Params) -> Vec<Live> {
    let mut latest: BTreeMap<String, &ContextEvent> = BTreeMap::new();
    for event in context {
        let key = thing(event);
        let newer = |old: &&ContextEvent| (old.time_ns, &old.id) < (event.time_ns, &event.id);
        if latest.get(&key).is_none_or(newer) {
            latest.insert(key, event);
        }
    }
    let said = |event: &ContextEvent| event.time_ns.div_euclid(1_000_000_000);
    let horizon = params.dedup.revise_horizon_seconds;
    latest
        .into_values()
        .filter(|event| {
            let (from, until) = event.op.span();
            from <= tick && tick < until
        })
        .filter(|event| match &event.body {
            Context::Relation(r) if r.ttl_seconds > 0 => {
                tick < said(event) + i64::from(r.ttl_seconds)
            }
            Context::Change(_) | Context::Feedback(_) => {
                tick < said(event) + params.context.change_window_seconds + horizon
            }
            Context::Silence(silence) => tick < silence.ends.saturating_add(look_back(params)),
            Context::Maintenance(m) => tick < m.ends.saturating_add(look_back(params)),
            _ => true,
        })
        .map(|event| Live {
            active: match &event.body {
                Context::Silence(silence) => silence.starts <= tick && tick < silence.ends,
                Context::Maintenance(m) => window::maintenance_active(m, tick),
                _ => true,
            },
            event: Arc::new(event.clone()),
        })
        .collect()
}

fn thing(event: &ContextEvent) -> String {
    let (tenant, source) = (&event.tenant, &event.source);
    match &event.body {
        Context::Entity(e) => format!("entity {tenant} {source} {}", e.entity),
        Context::Relation(r) => {
            format!("relation {tenant} {source} {} {} {:?}", r.from, r.to, r.kind)
        }
        Context::Change(c) => format!("change {tenant} {} {}", c.change_id, c.entity),
        Context::Silence(s) => format!("silence {tenant} {}", s.silence_id),
        Context::Maintenance(m) => format!("maintenance {tenant} {}", m.maintenance_id),
        Context::Rule(r) => format!("rule {tenant} {}", r.rule_id),
        Context::Model(_) => format!("model {tenant}"),
        Context::Feedback(f) => format!("feedback {tenant} {} {}", f.incident_id, f.actor),
    }
}

fn annotate(
    alerts: &[Arc<Alert>],
    live: &[Live],
    aliases: &BTreeMap<crate::model::EntityId, EntityRef>,
) -> Vec<Arc<Annotated>> {
    let annotate = |alert: &Arc<Alert>| {
        let given = &alert.identity.entity;
        let entity = aliases.get(&given.id).unwrap_or(given).clone();
        let mut said: Vec<Suppression> = Vec::new();
        let mut severity: Option<(SmolStr, crate::model::Severity)> = None;
        let mut pin: Option<Arc<Pin>> = None;
        if alert.flapping {
            said.push(Suppression { reason: Reason::Flap, by: "flap detector".into() });
        }
        for live in live.iter().filter(|l| l.event.tenant == alert.identity.tenant) {
            judge(alert, &entity, live, &mut said, &mut severity);
            pin = pin.into_iter().chain(pin_of(alert, &entity, live)).min();
        }
        Arc::new(Annotated {
            alert: alert.clone(),
            severity: severity.map_or(alert.severity, |(_, severity)| severity),
            entity,
            suppression: said.into_iter().min(),
            pin,
        })
    };
    alerts.iter().map(annotate).collect()
}

fn judge(
    alert: &Alert,
    entity: &EntityRef,
    live: &Live,
    said: &mut Vec<Suppression>,
    severity: &mut Option<(SmolStr, crate::model::Severity)>,
) {
    let matches = |matchers: &[crate::model::Matcher]| {
        Compiled::new(matchers).matches(&alert.identity, entity, alert.severity)
    };
    let holds = |at_end: &dyn Fn(Seconds) -> bool| match alert.status {
        Status::Firing => live.active,
        Status::Resolved { at, .. } => at_end(at),
    };
    match &live.event.body {
        Context::Silence(s)
            if holds(&|at| s.starts <= at && at <= s.ends) && matches(&s.matchers) =>
        {
            said.push(Suppression { reason: Reason::Silence, by: s.silence_id.clone() });
        }
        Context::Maintenance(m) => {
            let listed = |e: &EntityRef| e.id == entity.id || e.id == alert.identity.entity.id;
            let covered = m.entities.is_empty() || m.entities.iter().any(listed);
            let all = m.matchers.is_empty() && !m.entities.is_empty();
            let held = holds(&|at| window::maintenance_active(m, at));
            if held && covered && (all || matches(&m.matchers)) {
                let by = m.maintenance_id.clone();
                said.push(Suppression { reason: Reason::Maintenance, by });
            }
        }
        Context::Rule(rule) if matches(&rule.matchers) => match &rule.action {
            RuleAction::Suppress => {
                said.push(Suppression { reason: Reason::Rule, by: rule.rule_id.clone() });
            }
            RuleAction::Severity(to) => {
                if severity.as_ref().is_none_or(|(id, _)| rule.rule_id < *id) {
                    *severity = Some((rule.rule_id.clone(), *to));
                }
            }
            RuleAction::GroupBy(_) => {}
        },
        _ => {}
    }
}

/// What a grouping rule makes of an alert.
fn pin_of(alert: &Alert, entity: &EntityRef, live: &Live) -> Option<Arc<Pin>> {
    let Context::Rule(rule) = &live.event.body else { return None };
    let RuleAction::GroupBy(labels) = &rule.action else { return None };
    let matches = Compiled::new(&rule.matchers).matches(&alert.identity, entity, alert.severity);
    matches.then(|| Pin::of(&rule.rule_id, labels, &alert.identity, entity)).flatten()
}

/// Surprise from counts over all onsets, read bucket by bucket.
fn rate(rows: Vec<Arc<Annotated>>, params: &Params) -> Vec<Rated> {
    let mut tenants: BTreeMap<SmolStr, Rates> = BTreeMap::new();
    let parts = |row: &Annotated| {
        let identity = &row.alert.identity;
        let level = xxh3_64(identity.entity.kind().as_bytes());
        (level, identity.entity.id, NameId::of(&identity.tenant, &identity.name))
    };
    let mut by_onset: Vec<&Arc<Annotated>> = rows.iter().collect();
    by_onset.sort_by_key(|row| row.alert.key);
    for row in by_onset {
        let (level, entity, name) = parts(row);
        let tenant = row.alert.identity.tenant.clone();
        let rates = tenants.entry(tenant).or_insert_with(|| Rates::new(params.history));
        rates.add(level, entity, name, row.alert.key.onset, 1);
    }
    rows.iter()
        .map(|row| {
            let (level, entity, name) = parts(row);
            let rates = &tenants[&row.alert.identity.tenant];
            let surprise_milli = rates.surprise_milli(level, entity, name, row.alert.key.onset);
            let specific_milli = rates.specific_milli(level, name, row.alert.key.onset);
            Rated { row: row.clone(), surprise_milli, specific_milli }
        })
        .collect()
}

/// Edges, changes, profiles and models by tenant, resolved.
fn known(
    live: &[Live],
    aliases: &BTreeMap<crate::model::EntityId, EntityRef>,
) -> Vec<(SmolStr, Fact)> {
    let resolve = |entity: &EntityRef| aliases.get(&entity.id).unwrap_or(entity).clone();
    let mut edges: BTreeMap<(SmolStr, EntityRef, EntityRef, crate::model::RelationKind), u32> =
        BTreeMap::new();
    let mut profiles: BTreeMap<(SmolStr, EntityRef), BTreeSet<(SmolStr, EntityUpdate)>> =
        BTreeMap::new();
    let mut facts = Vec::new();
    for live in live {
        let tenant = live.event.tenant.clone();
        match &live.event.body {
            Context::Relation(r) if r.kind != crate::model::RelationKind::AliasOf => {
                let (from, to) = (resolve(&r.from), resolve(&r.to));
                if from.id != to.id {
                    let surest = edges.entry((tenant, from, to, r.kind)).or_default();
                    *surest = r.confidence_ppm.max(*surest);
                }
            }
            Context::Entity(update) => {
                let profile = profiles.entry((tenant, resolve(&update.entity))).or_default();
                profile.insert((live.event.source.clone(), update.clone()));
            }
            Context::Change(change)
                if !matches!(
                    change.phase,
                    crate::model::ChangePhase::Planned | crate::model::ChangePhase::Cancelled
                ) =>
            {
                let entity = resolve(&change.entity);
                let change = PlacedChange { entity, event: live.event.clone() };
                facts.push((tenant, Fact::Change(Arc::new(change))));
            }
            Context::Model(model) => facts.push((tenant, Fact::Model(Arc::new(model.clone())))),
            _ => {}
        }
    }
    for ((tenant, from, to, kind), confidence_ppm) in edges {
        let edge = Edge { tenant: tenant.clone(), from, to, kind, confidence_ppm };
        facts.push((tenant, Fact::Edge(Arc::new(edge))));
    }
    for ((tenant, entity), said) in profiles {
        let (owner, criticality) = names::care(&said);
        let profile = Profile { tenant: tenant.clone(), entity, owner, criticality };
        facts.push((tenant, Fact::Profile(Arc::new(profile))));
    }
    facts
}

/// How many alerts of each disposition stand.
pub fn books(rows: &BTreeMap<AlertKey, Arc<AlertRow>>) -> (usize, usize, usize) {
    let count = |is: fn(&Disposition) -> bool| rows.values().filter(|r| is(&r.disposition)).count();
    (
        count(|d| matches!(d, Disposition::Suppressed(_))),
        count(|d| matches!(d, Disposition::Incident(_))),
        count(|d| matches!(d, Disposition::Standalone)),
    )
}
