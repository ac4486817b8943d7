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
//! {"kind":"model","model":{"version":"shop-2","weights":{"own":1.5,"change":0.8}}}
//! ```
//!
//! `op` delete needs the `id` (of a model the `version`) and nothing else. An
//! `upsert` without an `id` takes the event's.

use super::fields::Field;
use super::interval::IntervalBody;
use super::matcher::{MatcherBody, check_all};
use super::{Event, Refusal, op};
use crate::canonical::decoded::Kind;
use crate::canonical::intake::Intake;
use crate::canonical::json::Json;
use crate::canonical::time::{instant_text, seconds_after, seconds_of};
use causeway_dataflows::model::{
    Context, EntityRef, Maintenance, Matcher, ModelUpdate, Op, Rule, RuleAction, Severity, Silence,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Entities that one maintenance window may name.
const ENTITIES_MAX: usize = 10_000;
/// Intervals that one maintenance window may have.
const INTERVALS_MAX: usize = 64;
/// Weights that one model may have.
const WEIGHTS_MAX: usize = 1_024;

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
    /// RFC 3339.
    Text(String),
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
    pub id: String,
    /// All must hold; at least one.
    #[serde(default)]
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
            return Err(Invalid::new("endsAt", "endsAt is missing"));
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
    pub id: String,
    /// Entities it covers; all that match when empty.
    #[serde(default)]
    pub entities: Vec<String>,
    /// All must hold.
    #[serde(default)]
    pub matchers: Vec<MatcherBody>,
    /// From; no bound without it.
    #[serde(default)]
    pub starts_at: Option<InstantBody>,
    /// Until; no bound without it.
    #[serde(default)]
    pub ends_at: Option<InstantBody>,
    /// Within the bounds only when one of these holds; always when empty.
    #[serde(default)]
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
    pub id: String,
    /// All must hold; at least one.
    #[serde(default)]
    pub matchers: Vec<MatcherBody>,
    /// What to do.
    #[serde(default)]
    pub action: Option<ActionBody>,
}

/// What a rule does: `"suppress"` or `{"severity": …}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActionBody {
    /// Keeps matching alerts out of incidents.
    Suppress,
    /// Gives them this severity.
    Severity(SeverityBody),
}

/// A severity as a word or a number of 1 to 24.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SeverityBody {
    /// fatal, critical, error, warning, info, debug, and what means the same.
    Word(String),
    /// OpenTelemetry's number.
    Number(i64),
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
                let wrong = || Invalid::new("action.severity", "it is no severity");
                RuleAction::Severity(severity.ok_or_else(wrong)?)
            }
        };
        Ok(Rule { rule_id: SmolStr::new(&self.id), matchers, action })
    }
}

/// A version of the scorer's weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModelBody {
    /// Name and version.
    pub version: String,
    /// Weight by name of feature or level.
    #[serde(default)]
    pub weights: BTreeMap<String, f64>,
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

pub(super) fn decode(intake: &mut Intake, event: Event<'_>) -> Result<(), Refusal> {
    let (kind, common) = (event.kind, event.common);
    let op = op(&event.fields)?;
    let upsert = op == Op::Upsert;
    let field = match kind {
        Kind::Silence => Field::Silence,
        Kind::Maintenance => Field::Maintenance,
        Kind::Rule => Field::Rule,
        _ => Field::Model,
    };
    let Some(given) = event.fields.get(field) else {
        return Err(Refusal::invalid(kind.word(), format!("{} is missing", kind.word())));
    };
    // Without an id a deletion means nothing, and an upsert takes the event's.
    let default_id = if upsert { common.id } else { "" };
    let refuse = |wrong: Invalid| {
        let dot = if wrong.field.is_empty() { "" } else { "." };
        Refusal::invalid(&format!("{}{dot}{}", kind.word(), wrong.field), wrong.message)
    };
    let body = match kind {
        Kind::Silence => {
            let mut body: SilenceBody = read(given, &refuse)?;
            require_id(&mut body.id, default_id).map_err(refuse)?;
            let now = common.time.or(common.observed).unwrap_or(0);
            let silence = if upsert { body.check(now).map_err(refuse)? } else { body.named() };
            Context::Silence(silence)
        }
        Kind::Maintenance => {
            let mut body: MaintenanceBody = read(given, &refuse)?;
            require_id(&mut body.id, default_id).map_err(refuse)?;
            let window =
                if upsert { body.check(intake.tenant()).map_err(refuse)? } else { body.named() };
            Context::Maintenance(window)
        }
        Kind::Rule => {
            let mut body: RuleBody = read(given, &refuse)?;
            require_id(&mut body.id, default_id).map_err(refuse)?;
            Context::Rule(if upsert {
                body.check().map_err(refuse)?
            } else {
                let rule_id = SmolStr::new(&body.id);
                Rule { rule_id, matchers: Vec::new(), action: RuleAction::Suppress }
            })
        }
        _ => {
            let mut body: ModelBody = read(given, &refuse)?;
            require_id(&mut body.version, "").map_err(refuse)?;
            Context::Model(body.check().map_err(refuse)?)
        }
    };
    let subject = match &body {
        Context::Silence(silence) => silence.silence_id.clone(),
        Context::Maintenance(window) => window.maintenance_id.clone(),
        Context::Rule(rule) => rule.rule_id.clone(),
        Context::Model(model) => model.version.clone(),
        _ => SmolStr::default(),
    };
    intake.context(common, kind, op, &subject, body);
    Ok(())
}

fn read<T: for<'de> Deserialize<'de>>(
    given: Json<'_, '_>,
    refuse: &impl Fn(Invalid) -> Refusal,
) -> Result<T, Refusal> {
    if !given.is_object() {
        return Err(refuse(Invalid::new("", "it is no object")));
    }
    serde_json::from_value(given.to_value())
        .map_err(|error| refuse(Invalid::new("", error.to_string())))
}

fn require_id(id: &mut String, default: &str) -> Result<(), Invalid> {
    if id.is_empty() {
        default.clone_into(id);
    }
    if id.is_empty() {
        return Err(Invalid::new("id", "id is missing"));
    }
    if id.len() > 256 {
        return Err(Invalid::new("id", "id is longer than 256 bytes"));
    }
    Ok(())
}
