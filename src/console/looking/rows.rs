//! What is seen, as JSON.

use crate::emit::wire::convert::alert_row;
use crate::emit::wire::{Home, SeverityWord, Time};
use causeway_dataflows::model::{
    Alert, AlertEvent, AlertFlags, Context, ContextEvent, Disposition, FigureRow, Group, Identity,
    Incident, Kept, Measure, Op, Rated, Seconds, SeriesRow, Status,
};
use causeway_dataflows::ops::tap::{Heard, Row};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, ToSmolStr};
use std::collections::BTreeMap;

/// Members of a group or an incident that are shown.
const MEMBERS_MAX: usize = 20;

/// One thing that detection watches.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SeriesItem {
    /// Whose it is.
    pub tenant: SmolStr,
    /// The entity that it is about.
    pub entity: SmolStr,
    /// `metric`, `log`, `span`, `heartbeat`, `slo`, `expected`, `source` or
    /// `histogram`.
    pub kind: SmolStr,
    /// The metric, or the operation.
    pub name: SmolStr,
    /// What tells it from others of the name.
    pub labels: BTreeMap<SmolStr, SmolStr>,
    /// When something was heard of it last, by the clock of the journal.
    pub heard: Time,
    /// Nothing is found in it before.
    pub begins: Option<Time>,
    /// Figures: `value` of a metric; `rate`, `errors` and `duration` of calls.
    pub figures: BTreeMap<SmolStr, FigureItem>,
    /// What is known of a writer of lines.
    pub lines: Option<LinesItem>,
    /// What is known of signs of life.
    pub beats: Option<BeatsItem>,
    /// What is known of an error budget.
    pub budget: Option<BudgetItem>,
    /// What is known of something that has to come.
    pub expected: Option<ExpectedItem>,
}

/// A figure and what is usual for it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct FigureItem {
    /// Time of the latest sample.
    pub latest: Option<Time>,
    /// Samples so far.
    pub samples: u32,
    /// The latest, in the metric's unit; of a counter its rate a second.
    pub value: f64,
    /// What is usual at that time.
    pub expected: f64,
    /// When it went off, if it is.
    pub off_since: Option<Time>,
}

/// What is known of a writer of lines.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct LinesItem {
    /// Lines that were read.
    pub read: u64,
    /// Lines that wait for the end of their minute.
    pub waiting: usize,
    /// Templates that stand.
    pub templates: usize,
    /// The most frequent, with the lines of each.
    pub frequent: Vec<TemplateItem>,
}

/// A template of lines.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TemplateItem {
    /// Its id.
    pub id: SmolStr,
    /// Its text, parameters as `<*>`.
    pub text: SmolStr,
    /// Lines that had it.
    pub lines: u64,
}

/// What is known of signs of life.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BeatsItem {
    /// The last.
    pub last: Time,
    /// How many so far.
    pub count: u32,
    /// Seconds between two, usually.
    pub gap: f64,
    /// When silence becomes a finding; null while too little is known.
    pub silent_after: Option<Time>,
}

/// What is known of an error budget.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct BudgetItem {
    /// Minutes that ended by then are judged.
    pub judged: Time,
    /// The part of it that is left, 1 when nothing was used; below 0 when more was.
    pub left: f64,
    /// How many times too fast it burns, if it does.
    pub burning: Option<f64>,
}

/// What is known of something that has to come.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct ExpectedItem {
    /// When it came last, or the first tick.
    pub last: Option<Time>,
    /// When its absence becomes a finding.
    pub missing_after: Option<Time>,
}

impl SeriesItem {
    /// As it is kept.
    pub(super) fn of(row: &SeriesRow) -> SeriesItem {
        let identity = &row.identity;
        let mut item = SeriesItem {
            tenant: identity.tenant.clone(),
            entity: identity.entity.text.clone(),
            kind: row.kept.word().into(),
            name: identity.name.clone(),
            labels: labels(identity),
            heard: Time::from_seconds(row.heard),
            begins: row.begins.map(Time::from_seconds),
            figures: BTreeMap::new(),
            lines: None,
            beats: None,
            budget: None,
            expected: None,
        };
        match &row.kept {
            Kept::Metric(figure) => item.add("value", figure),
            Kept::Span(figures) => {
                for (name, figure) in ["rate", "errors", "duration"].iter().zip(figures) {
                    item.add(name, figure);
                }
            }
            Kept::Log { lines, waiting, templates, frequent } => {
                let template = |of: &causeway_dataflows::model::TemplateRow| TemplateItem {
                    id: format!("{:016x}", of.id).into(),
                    text: of.text.clone(),
                    lines: of.lines,
                };
                item.lines = Some(LinesItem {
                    read: *lines,
                    waiting: *waiting,
                    templates: *templates,
                    frequent: frequent.iter().map(template).collect(),
                });
            }
            Kept::Histogram(figures) => {
                for (name, figure) in ["p50", "p99"].iter().zip(figures) {
                    item.add(name, figure);
                }
            }
            Kept::Source(figures) => {
                for (name, figure) in ["delay", "violations", "late"].iter().zip(figures) {
                    item.add(name, figure);
                }
            }
            Kept::Heartbeat { last, beats, gap_milli, silent_after } => {
                item.beats = Some(BeatsItem {
                    last: Time::from_seconds(*last),
                    count: *beats,
                    gap: *gap_milli as f64 / 1e3,
                    silent_after: silent_after.map(Time::from_seconds),
                });
            }
            Kept::Expected { last, missing_after } => {
                item.expected = Some(ExpectedItem {
                    last: last.map(Time::from_seconds),
                    missing_after: missing_after.map(Time::from_seconds),
                });
            }
            Kept::Budget { judged, left_ppm, burning_milli } => {
                item.budget = Some(BudgetItem {
                    judged: Time::from_seconds(*judged),
                    left: *left_ppm as f64 / 1e6,
                    burning: burning_milli.map(|milli| milli as f64 / 1e3),
                });
            }
        }
        item
    }

    fn add(&mut self, name: &str, figure: &FigureRow) {
        let FigureRow { latest, samples, value, expected, off_since } = *figure;
        let item = FigureItem {
            latest: latest.map(Time::from_seconds),
            samples,
            value,
            expected,
            off_since: off_since.map(Time::from_seconds),
        };
        self.figures.insert(name.into(), item);
    }

    /// Where it stands in a list.
    pub(super) fn place(&self) -> impl Ord + '_ {
        (&self.tenant, &self.entity, &self.kind, &self.name, &self.labels)
    }
}

/// A row of a stage.
pub(super) fn json(row: &Row) -> Value {
    match row {
        Row::Event(identity, event, id, summary) => event_json(identity, event, id, summary),
        Row::Signal(identity, time, heard) => signal_json(identity, *time, heard),
        Row::Context(event) => context_json(event),
        Row::Alert(alert) => alert_json(alert),
        Row::Rated(rated) => rated_json(rated),
        Row::Disposed(row) => {
            let incident = match &row.disposition {
                Disposition::Incident(key) => Some(key.to_smolstr()),
                _ => None,
            };
            let mut value = json!(alert_row(row, Home::default(), None));
            value["kind"] = json!("alert");
            value["group"] = json!(incident);
            value
        }
        Row::Group(group) => group_json(group),
        Row::Incident(incident) => incident_json(incident),
        Row::Series(row) => json!(SeriesItem::of(row)),
    }
}

fn labels(identity: &Identity) -> BTreeMap<SmolStr, SmolStr> {
    identity.labels.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

/// What all rows with an identity tell.
fn named(kind: &str, identity: &Identity, time: Seconds) -> Value {
    json!({
        "kind": kind,
        "tenant": identity.tenant,
        "source": identity.source,
        "entity": identity.entity.text,
        "name": identity.name,
        "labels": labels(identity),
        "time": Time::from_seconds(time),
    })
}

fn event_json(identity: &Identity, event: &AlertEvent, id: &str, summary: &str) -> Value {
    let mut value = named("event", identity, event.time);
    let flags = event.flags;
    value["id"] = json!(id);
    value["severity"] = json!(SeverityWord::from(event.severity));
    let status = if flags.has(AlertFlags::RESOLVED) { "resolved" } else { "firing" };
    value["status"] = json!(status);
    value["withdrawn"] = json!(flags.has(AlertFlags::WITHDRAWN));
    value["summary"] = json!(summary);
    value
}

fn signal_json(identity: &Identity, time: Seconds, heard: &Heard) -> Value {
    match heard {
        Heard::Sample(measure, number) => {
            let mut value = named("metric", identity, time);
            let measure = match measure {
                Measure::Level => "level",
                Measure::Total => "total",
                Measure::Added => "added",
            };
            (value["measure"], value["value"]) = (json!(measure), json!(number));
            value
        }
        Heard::Bucket(bound, count) => {
            let mut value = named("metric", identity, time);
            let bound = if bound.is_finite() { json!(bound) } else { json!("+Inf") };
            (value["le"], value["measure"], value["value"]) = (bound, json!("total"), json!(count));
            value
        }
        Heard::Line(severity, text) => {
            let mut value = named("log", identity, time);
            value["severity"] = json!(SeverityWord::from(*severity));
            value["body"] = json!(text);
            value
        }
        Heard::Call(nanos, failed) => {
            let mut value = named("span", identity, time);
            (value["duration_ns"], value["failed"]) = (json!(nanos), json!(failed));
            value
        }
        Heard::Beat => named("heartbeat", identity, time),
    }
}

fn context_json(event: &ContextEvent) -> Value {
    let op = if event.op == Op::Delete { "delete" } else { "upsert" };
    let kind = match &event.body {
        Context::Entity(_) => "entity",
        Context::Relation(_) => "relation",
        Context::Change(_) => "change",
        Context::Silence(_) => "silence",
        Context::Maintenance(_) => "maintenance",
        Context::Rule(_) => "rule",
        Context::Model(_) => "model",
        Context::Feedback(_) => "feedback",
    };
    let mut value = json!({
        "kind": kind,
        "tenant": event.tenant,
        "source": event.source,
        "id": event.id.0,
        "time": Time::from_nanos(event.time_ns),
        "op": op,
        "said": event.body,
    });
    if let Op::Within { from, until } = event.op {
        for (bound, at) in [("valid_from", from), ("valid_to", until)] {
            if at > i64::MIN && at < i64::MAX {
                value[bound] = json!(Time::from_nanos(at.saturating_mul(1_000_000_000)));
            }
        }
    }
    value
}

fn alert_json(alert: &Alert) -> Value {
    let mut value = named("alert", &alert.identity, alert.first);
    value["alert_id"] = json!(alert.key.to_smolstr());
    value["severity"] = json!(SeverityWord::from(alert.severity));
    let status = if alert.status == Status::Firing { "firing" } else { "resolved" };
    value["status"] = json!(status);
    value["count_at_least"] = json!(1u64.checked_shl(u32::from(alert.magnitude)));
    value["flapping"] = json!(alert.flapping);
    value["summary"] = json!(alert.summary);
    value
}

fn rated_json(rated: &Rated) -> Value {
    let mut value = alert_json(&rated.row.alert);
    value["entity"] = json!(rated.row.entity.text);
    value["severity"] = json!(SeverityWord::from(rated.row.severity));
    let why = rated.row.suppression.as_ref();
    value["suppressed"] = json!(why.map(|why| json!({"reason": why.reason.word(), "by": why.by})));
    value["surprise_nats"] = json!(f64::from(rated.surprise_milli) / 1e3);
    value
}

fn group_json(group: &Group) -> Value {
    let member = |member: &causeway_dataflows::model::GroupMember| json!({"entity": member.row.entity.text, "name": member.row.alert.identity.name});
    json!({
        "kind": "group",
        "tenant": group.tenant,
        "group": group.key.to_smolstr(),
        "members": group.members.len(),
        "first_members": group.members.iter().take(MEMBERS_MAX).map(member).collect::<Vec<_>>(),
        "entities": group.entities.len(),
        "changes": group.changes.len(),
        "degraded": group.degraded,
    })
}

fn incident_json(incident: &Incident) -> Value {
    let member = |member: &causeway_dataflows::model::Member| json!({"entity": member.row.entity.text, "name": member.row.alert.identity.name});
    let candidate = |of: &causeway_dataflows::model::Candidate| json!({"entity": of.entity.text, "probability": f64::from(of.probability_ppm) / 1e6});
    json!({
        "kind": "incident",
        "tenant": incident.tenant,
        "group": incident.key.to_smolstr(),
        "opened": Time::from_seconds(incident.opened),
        "resolved": incident.resolved.map(Time::from_seconds),
        "severity": SeverityWord::from(incident.severity),
        "members": incident.members.len(),
        "first_members": incident.members.iter().take(MEMBERS_MAX).map(member).collect::<Vec<_>>(),
        "causes": incident.cause.candidates.iter().map(candidate).collect::<Vec<_>>(),
        "unknown": f64::from(incident.cause.unknown_ppm) / 1e6,
    })
}
