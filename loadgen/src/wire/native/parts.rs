//! What the events of one check or of one series have in common, as bytes.

use super::{push_escaped, push_pair, push_string};
use crate::storm::{Check, METRICS, Series};
use crate::vocabulary::{Rule, Scope, rule_by};
use crate::world::{NodeKind, World};

/// An alert's line, cut where something changes from event to event.
pub(super) struct AlertParts {
    /// End of the source, kind and name, up to the time.
    pub name: Vec<u8>,
    /// End of the status, severity and entity, up to the summary.
    pub subject: Vec<u8>,
    /// The summary up to its value.
    pub before_value: Vec<u8>,
    /// The rest of it, the labels, and the attributes up to their value.
    pub after_value: Vec<u8>,
    /// Summary and labels of a resolved event, which has no value.
    pub over: Vec<u8>,
    /// From the end of the attributes' value.
    pub links: Vec<u8>,
}

impl AlertParts {
    pub fn new(world: &World, check: Check) -> Self {
        let rule = rule_by(check.rule);
        let entity = world.node(check.node);
        let (before, after) = summary(rule, entity.short());
        let mut name = b"\",\"kind\":\"alert\",\"name\":".to_vec();
        push_string(&mut name, rule.name);
        name.extend_from_slice(b",\"time\":\"");
        let mut subject = b"\",".to_vec();
        push_pair(&mut subject, "severity", rule.severity.word());
        subject.push(b',');
        push_pair(&mut subject, "entity", &entity.reference);
        subject.extend_from_slice(b",\"summary\":\"");
        let mut before_value = Vec::new();
        push_escaped(&mut before_value, &before);
        let mut labels_json = b"\",\"labels\":{".to_vec();
        for (i, (key, value)) in labels(world, check).iter().enumerate() {
            if i > 0 {
                labels_json.push(b',');
            }
            push_pair(&mut labels_json, key, value);
        }
        labels_json.push(b'}');
        let mut after_value = Vec::new();
        push_escaped(&mut after_value, &after);
        after_value.extend_from_slice(&labels_json);
        after_value.extend_from_slice(b",\"attributes\":{\"value\":\"");
        let mut over = Vec::new();
        push_escaped(&mut over, &over_summary(entity.short()));
        over.extend_from_slice(&labels_json);
        over.extend_from_slice(b",\"attributes\":{\"value\":\"0\"");
        let mut links = b"},\"links\":[{\"rel\":\"runbook\",\"href\":".to_vec();
        push_string(&mut links, &runbook(rule));
        links.extend_from_slice(b"}]");
        AlertParts { name, subject, before_value, after_value, over, links }
    }
}

/// Where a rule's runbook is.
pub(crate) fn runbook(rule: &Rule) -> String {
    format!("https://runbooks.example/{}", rule.name)
}

/// A rule's summary for an entity, before and after the value.
pub(crate) fn summary(rule: &Rule, entity: &str) -> (String, String) {
    let (before, after) = rule.summary.split_once("{v}").unwrap_or((rule.summary, ""));
    (before.replace("{e}", entity), after.replace("{e}", entity))
}

/// What a resolved alert says.
pub(crate) fn over_summary(entity: &str) -> String {
    format!("{entity} is back to normal")
}

/// The identity labels of a check, sorted by key.
pub(crate) fn labels(world: &World, check: Check) -> Vec<(&'static str, String)> {
    const TIERS: [&str; 6] = ["edge", "middle", "middle", "middle", "middle", "base"];
    let rule = rule_by(check.rule);
    let node = world.node(check.node);
    let namespace = node.namespace();
    let rehearsal = namespace.ends_with("-rehearsal");
    let mut labels: Vec<(&'static str, String)> = Vec::with_capacity(8);
    let mut add = |key: &'static str, value: &str| labels.push((key, value.to_owned()));
    add("env", if rehearsal { "rehearsal" } else { "prod" });
    add("namespace", namespace);
    if let Some(team) = node.owner.map(|team| world.node(team)) {
        add("team", &format!("{}-{}", team.namespace(), team.short()));
    }
    if let Some(service) = world.service_of(check.node) {
        add("service", world.node(service.node).short());
        add("tier", TIERS[service.layer.min(TIERS.len() - 1)]);
    }
    match (rule.scope, node.kind) {
        (Scope::Pod, NodeKind::Instance) => add("instance", node.short()),
        (Scope::Pod, _) => add("pod", node.short()),
        (Scope::Host, _) => {
            let zone = world.zone_of(check.node).map_or("none", |zone| world.node(zone).short());
            add("zone", zone);
            add("node", node.short());
        }
        (Scope::Deployment, _) => add("deployment", node.short()),
        (Scope::Lb, _) => add("lb", node.short()),
        (Scope::Dns, _) => add("record", node.short()),
        (Scope::Database, _) => add("database", node.short()),
        (Scope::Queue, _) => add("queue", node.short()),
        (Scope::External, _) => add("partner", node.short()),
        (Scope::Zone, _) => add("zone", node.short()),
        (Scope::Service, _) => {}
    }
    if let Some(value) = rule.label.1.get(usize::from(check.label)) {
        add(rule.label.0, value);
    }
    labels.sort_unstable();
    labels
}

/// Of a signal: the entity, and what its sort has beside the value.
pub(super) fn series(world: &World, series: Series) -> Vec<u8> {
    let mut out = vec![b','];
    push_pair(&mut out, "entity", &world.node(series.node).reference);
    if let Some(metric) = METRICS.get(usize::from(series.metric)) {
        out.push(b',');
        push_pair(&mut out, "name", metric.name);
        out.extend_from_slice(b",\"metric\":{\"type\":\"gauge\",");
        push_pair(&mut out, "unit", metric.unit);
        out.extend_from_slice(b"},\"labels\":{\"env\":\"prod\",");
        push_pair(&mut out, "namespace", world.node(series.node).namespace());
        out.push(b'}');
    } else if series.is_log() {
        out.extend_from_slice(b",\"labels\":{\"logger\":\"main\"}");
    } else if series.is_span() {
        out.extend_from_slice(b",\"trace_id\":\"");
    }
    out
}
