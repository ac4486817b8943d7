//! From the bodies to context events: which body a kind has, and what a deletion needs.

use super::*;
use crate::canonical::decoded::Kind;
use crate::canonical::intake::Intake;
use crate::canonical::json::Json;
use crate::canonical::native::fields::Field;
use crate::canonical::native::{Event, Refusal, op};
use causeway_dataflows::model::{Context, Op};

pub(in crate::canonical::native) fn decode(
    intake: &mut Intake,
    event: Event<'_>,
) -> Result<(), Refusal> {
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
