//! Silences, maintenance windows, rules and models: what people tell the engine.
//!
//! ```json
//! {"kind":"silence","op":"upsert","silence":{"id":"s-1","matchers":["env=\"dev\""],
//!  "startsAt":"2026-11-23T00:00:00Z","endsAt":"2026-11-24T00:00:00Z","createdBy":"alice",
//!  "comment":"noisy rollout"}}
//! {"kind":"maintenance","maintenance":{"id":"m-1","entities":["host:web-1"],"matchers":[],
//!  "starts_at":"2026-11-23T22:00:00Z","ends_at":"2026-11-24T04:00:00Z",
//!  "time_intervals":[{"weekdays":["saturday"]}],"comment":"kernel update"}}
//! {"kind":"rule","rule":{"id":"r-1","matchers":["severity=\"info\""],"action":"suppress"}}
//! {"kind":"rule","rule":{"id":"r-2","matchers":["team=\"qa\""],"action":{"severity":"warning"}}}
//! {"kind":"rule","rule":{"id":"r-3","matchers":["team=\"qa\""],"action":{"group_by":["build"]}}}
//! {"kind":"model","model":{"version":"shop-2","weights":{"own":1.5,"change":0.8}}}
//! ```
//!
//! `op` delete needs the `id` (of a model the `version`) and nothing else. An
//! `upsert` without an `id` takes the event's.

mod take;

pub(super) use take::decode;

use super::interval::IntervalBody;
use super::matcher::{MatcherBody, check_all};
use crate::canonical::time::{instant_text, seconds_after, seconds_of};
use causeway_dataflows::model::{
    EntityRef, Maintenance, Matcher, ModelUpdate, Rule, RuleAction, Severity, Silence,
};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Entities that one maintenance window may name.
const ENTITIES_MAX: usize = 10_000;
/// Intervals that one maintenance window may have.
const INTERVALS_MAX: usize = 64;
/// Weights that one model may have.
const WEIGHTS_MAX: usize = 1_024;
/// Labels that a rule may group by.
const GROUP_LABELS_MAX: usize = 16;

/// What is said of a word or number that is no severity.
const NO_SEVERITY: &str = "it is no severity; write fatal, critical, error, warning, info, debug, \
                           or a number from 1 to 24";

/// What a text that is an instant looks like.
const INSTANT: &str = r"^([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})|\s*[+-]?[0-9]+\s*)$";

/// What is wrong with a body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Invalid {
    /// Path of the field within the body; empty for the whole.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}

impl Invalid {
    fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Invalid { field: field.into(), message: message.into() }
    }
}

/// An instant on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum InstantBody {
    /// RFC 3339, or nanoseconds as text.
    Text(#[schemars(regex(pattern = INSTANT))] String),
    /// Nanoseconds since the Unix epoch.
    Nanoseconds(i64),
}

impl InstantBody {
    fn nanoseconds(&self, field: &str) -> Result<i64, Invalid> {
        let found = match self {
            InstantBody::Text(text) => instant_text(text),
            InstantBody::Nanoseconds(nanoseconds) => Some(*nanoseconds),
        };
        found.ok_or_else(|| Invalid::new(field, "it is no RFC 3339 time"))
    }
}

/// A silence, as Alertmanager's API writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SilenceBody {
    /// Its id.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub id: String,
    /// All must hold; at least one.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub matchers: Vec<MatcherBody>,
    /// From; the event's time without it.
    #[serde(rename = "startsAt", default)]
    pub starts_at: Option<InstantBody>,
    /// Until.
    #[serde(rename = "endsAt", default)]
    pub ends_at: Option<InstantBody>,
    /// Who.
    #[serde(rename = "createdBy", default)]
    pub created_by: String,
    /// Why.
    #[serde(default)]
    pub comment: String,
}

impl SilenceBody {
    /// The silence, if it makes sense; `now_ns` is when it starts if it does not say.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self, now_ns: i64) -> Result<Silence, Invalid> {
        let matchers = some_matchers(&self.matchers)?;
        let starts = match &self.starts_at {
            Some(instant) => instant.nanoseconds("startsAt")?,
            None => now_ns,
        };
        let Some(ends) = &self.ends_at else {
            let message = "endsAt is missing; a silence has `startsAt` and `endsAt`, spelled so";
            return Err(Invalid::new("endsAt", message));
        };
        let (starts, ends) = (seconds_of(starts), seconds_after(ends.nanoseconds("endsAt")?));
        if ends <= starts {
            return Err(Invalid::new("endsAt", "it ends before it begins"));
        }
        Ok(Silence { matchers, starts, ends, ..self.named() })
    }

    /// Only what a deletion needs.
    fn named(&self) -> Silence {
        Silence {
            silence_id: SmolStr::new(&self.id),
            matchers: Vec::new(),
            starts: 0,
            ends: 0,
            created_by: SmolStr::new(&self.created_by),
            comment: SmolStr::new(&self.comment),
        }
    }
}

/// A maintenance window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MaintenanceBody {
    /// Its id.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub id: String,
    /// Entities it covers; all that match when empty.
    #[serde(default)]
    #[schemars(length(max = 10_000), inner(length(min = 1)))]
    pub entities: Vec<String>,
    /// All must hold.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub matchers: Vec<MatcherBody>,
    /// From; no bound without it.
    #[serde(default)]
    pub starts_at: Option<InstantBody>,
    /// Until; no bound without it.
    #[serde(default)]
    pub ends_at: Option<InstantBody>,
    /// Within the bounds only when one of these holds; always when empty.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub time_intervals: Vec<IntervalBody>,
    /// Why.
    #[serde(default)]
    pub comment: String,
}

impl MaintenanceBody {
    /// The window, if it makes sense.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self, tenant: &str) -> Result<Maintenance, Invalid> {
        let matchers = matchers(&self.matchers)?;
        if self.entities.len() > ENTITIES_MAX {
            let message = format!("there are more than {ENTITIES_MAX} entities");
            return Err(Invalid::new("entities", message));
        }
        if let Some(at) = self.entities.iter().position(|entity| entity.is_empty()) {
            return Err(Invalid::new(format!("entities[{at}]"), "it is empty"));
        }
        let mut entities: Vec<_> =
            self.entities.iter().map(|entity| EntityRef::new(tenant, entity)).collect();
        entities.sort();
        entities.dedup();
        let starts = match &self.starts_at {
            Some(instant) => seconds_of(instant.nanoseconds("starts_at")?),
            None => i64::MIN,
        };
        let ends = match &self.ends_at {
            Some(instant) => seconds_after(instant.nanoseconds("ends_at")?),
            None => i64::MAX,
        };
        if ends <= starts {
            return Err(Invalid::new("ends_at", "it ends before it begins"));
        }
        if self.time_intervals.len() > INTERVALS_MAX {
            let message = format!("there are more than {INTERVALS_MAX} intervals");
            return Err(Invalid::new("time_intervals", message));
        }
        let mut intervals = Vec::with_capacity(self.time_intervals.len());
        for (at, interval) in self.time_intervals.iter().enumerate() {
            let wrong = |message| Invalid::new(format!("time_intervals[{at}]"), message);
            intervals.push(interval.check().map_err(wrong)?);
        }
        Ok(Maintenance { entities, matchers, starts, ends, intervals, ..self.named() })
    }

    fn named(&self) -> Maintenance {
        Maintenance {
            maintenance_id: SmolStr::new(&self.id),
            entities: Vec::new(),
            matchers: Vec::new(),
            starts: i64::MIN,
            ends: i64::MAX,
            intervals: Vec::new(),
            comment: SmolStr::new(&self.comment),
        }
    }
}

/// A standing instruction about alerts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleBody {
    /// Its id.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub id: String,
    /// All must hold; at least one.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub matchers: Vec<MatcherBody>,
    /// What to do.
    #[serde(default)]
    pub action: Option<ActionBody>,
}

/// What a rule does: `"suppress"`, `{"severity": …}` or `{"group_by": […]}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionBody {
    /// Keeps matching alerts out of incidents.
    Suppress,
    /// Gives them this severity.
    Severity(SeverityBody),
    /// Groups those that share the values of these labels, and not by topology; `alertname`
    /// and `entity` count as labels. An alert with none of them is grouped by topology.
    GroupBy(#[schemars(length(min = 1, max = 16), inner(length(min = 1)))] Vec<String>),
}

/// A severity as a word or a number of 1 to 24.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SeverityBody {
    /// fatal, critical, error, warning, info, debug, and what means the same.
    Word(String),
    /// OpenTelemetry's number.
    Number(#[schemars(range(min = 1, max = 24))] i64),
}

impl RuleBody {
    /// The rule, if it makes sense.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<Rule, Invalid> {
        let matchers = some_matchers(&self.matchers)?;
        let action = match &self.action {
            None => return Err(Invalid::new("action", "action is missing")),
            Some(ActionBody::Suppress) => RuleAction::Suppress,
            Some(ActionBody::Severity(given)) => {
                let severity = match given {
                    SeverityBody::Word(word) => Severity::parse(word),
                    SeverityBody::Number(number) => Severity::from_number(*number),
                };
                let wrong = || Invalid::new("action.severity", NO_SEVERITY);
                RuleAction::Severity(severity.ok_or_else(wrong)?)
            }
            Some(ActionBody::GroupBy(labels)) => RuleAction::GroupBy(group_labels(labels)?),
        };
        Ok(Rule { rule_id: SmolStr::new(&self.id), matchers, action })
    }
}

/// Names of labels to group by, if they are some.
fn group_labels(labels: &[String]) -> Result<Vec<SmolStr>, Invalid> {
    let wrong = |message: String| Err(Invalid::new("action.group_by", message));
    if labels.is_empty() || labels.len() > GROUP_LABELS_MAX {
        return wrong(format!("it needs 1 to {GROUP_LABELS_MAX} names of labels"));
    }
    match labels.iter().position(String::is_empty) {
        Some(at) => wrong(format!("name {} is empty", at + 1)),
        None => Ok(labels.iter().map(SmolStr::new).collect()),
    }
}

/// A version of the scorer's weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelBody {
    /// Name and version.
    #[schemars(length(min = 1, max = 256))]
    pub version: String,
    /// Weight by name of feature or level, within a million, kept in thousandths.
    #[serde(default)]
    #[schemars(transform = limit_weights)]
    pub weights: BTreeMap<String, f64>,
}

fn limit_weights(schema: &mut Schema) {
    schema.insert("maxProperties".to_owned(), WEIGHTS_MAX.into());
    let limits = json!({"type": "number", "minimum": -1e6, "maximum": 1e6});
    schema.insert("additionalProperties".to_owned(), limits);
}

impl ModelBody {
    /// The model, if it makes sense.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn check(&self) -> Result<ModelUpdate, Invalid> {
        if self.weights.len() > WEIGHTS_MAX {
            let message = format!("there are more than {WEIGHTS_MAX} weights");
            return Err(Invalid::new("weights", message));
        }
        let mut weights_milli = Vec::with_capacity(self.weights.len());
        for (name, weight) in &self.weights {
            if !weight.is_finite() || weight.abs() > 1e6 {
                return Err(Invalid::new(format!("weights.{name}"), "it is beyond a million"));
            }
            weights_milli.push((SmolStr::new(name), (weight * 1e3).round() as i64));
        }
        Ok(ModelUpdate { version: SmolStr::new(&self.version), weights_milli })
    }
}

fn matchers(bodies: &[MatcherBody]) -> Result<Vec<Matcher>, Invalid> {
    check_all(bodies).map_err(|(at, message)| Invalid::new(format!("matchers[{at}]"), message))
}

/// Matchers of something that must not match everything by oversight.
fn some_matchers(bodies: &[MatcherBody]) -> Result<Vec<Matcher>, Invalid> {
    if bodies.is_empty() {
        return Err(Invalid::new("matchers", "at least one matcher is needed"));
    }
    matchers(bodies)
}
