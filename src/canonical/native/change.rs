//! Changes and feedback in the native form.
//!
//! ```json
//! {"kind":"change","entity":"service:shop/cart","summary":"cart 1.4.2","change":{"id":"CHG-9",
//!  "type":"deploy","phase":"finished","class":"standard","risk":"low","version":"1.4.2"}}
//! {"kind":"feedback","feedback":{"incident_id":"inc-1","verdict":"wrong_cause",
//!  "correct_entity":"database:shop/cart-db","actor":"user:alice"}}
//! ```
//!
//! A change without an id of its own takes the event's; an unknown or absent
//! `type` is other, an absent `phase` is finished.

use super::fields::Field;
use super::lookup::Lookup;
use super::topology::required;
use super::{Event, Refusal, op};
use crate::canonical::decoded::Kind;
use crate::canonical::intake::{Intake, cut};
use crate::canonical::json::Json;
use crate::canonical::reject::{Code, Quality};
use causeway_dataflows::model::{Change, ChangeKind, ChangePhase, Context, Feedback};
use smol_str::SmolStr;

/// What is read of the body of a change.
const CHANGE_TEXTS: [&str; 6] = ["id", "type", "phase", "class", "risk", "version"];
const VERDICTS: [&str; 5] = ["correct", "false_positive", "missed", "wrong_cause", "bad_grouping"];

pub(super) fn change(intake: &mut Intake, event: Event<'_>) -> Result<(), Refusal> {
    let Event { fields, mut common, .. } = event;
    let entity = required(&fields, Field::Entity, "entity")?;
    let Some(given) = fields.get(Field::Change).filter(|change| change.is_object()) else {
        return Err(Refusal::invalid("change", "change is missing"));
    };
    note_mistyped(given, &CHANGE_TEXTS, &mut common.quality);
    let text = |key| given.text(key).unwrap_or_default();
    let change_id = match text("id") {
        "" if common.id.is_empty() => {
            return Err(Refusal::invalid("change.id", "neither change.id nor id is given"));
        }
        "" => common.id,
        id => id,
    };
    let phase = match phase(text("phase")) {
        Some(phase) => phase,
        None => {
            let message = "phase is none of planned, started, finished, failed, cancelled";
            return Err(Refusal::invalid("change.phase", message));
        }
    };
    let quality = &mut common.quality;
    let change = Change {
        change_id: SmolStr::new(cut(change_id, 256, quality)),
        entity: intake.entity_ref(entity),
        kind: kind(text("type")),
        phase,
        risk: risk(given),
        emergency: text("class") == "emergency",
        version: SmolStr::new(cut(text("version"), 256, quality)),
        summary: SmolStr::new(cut(fields.text(Field::Summary), 1_024, quality)),
    };
    let op = op(&fields)?;
    intake.context(common, Kind::Change, op, change_id, Context::Change(change));
    Ok(())
}

pub(super) fn feedback(intake: &mut Intake, event: Event<'_>) -> Result<(), Refusal> {
    let Event { fields, mut common, .. } = event;
    let Some(given) = fields.get(Field::Feedback).filter(|feedback| feedback.is_object()) else {
        return Err(Refusal::invalid("feedback", "feedback is missing"));
    };
    note_mistyped(given, &["correct_entity", "actor", "note"], &mut common.quality);
    let text = |key| given.text(key).unwrap_or_default();
    let incident_id = text("incident_id");
    if incident_id.is_empty() {
        return Err(Refusal::invalid("feedback.incident_id", "incident_id is missing"));
    }
    let verdict = text("verdict");
    if !VERDICTS.contains(&verdict) {
        let message = format!("verdict is none of {}", VERDICTS.join(", "));
        return Err(Refusal::invalid("feedback.verdict", message));
    }
    let quality = &mut common.quality;
    let correct = text("correct_entity");
    let feedback = Feedback {
        incident_id: SmolStr::new(cut(incident_id, 256, quality)),
        verdict: SmolStr::new(verdict),
        correct_entity: (!correct.is_empty()).then(|| intake.entity_ref(correct)),
        actor: SmolStr::new(cut(text("actor"), 256, quality)),
        note: SmolStr::new(cut(text("note"), 4_096, quality)),
    };
    let op = op(&fields)?;
    intake.context(common, Kind::Feedback, op, incident_id, Context::Feedback(feedback));
    Ok(())
}

/// Notes texts of a body that are none, and so count as absent.
fn note_mistyped(body: Json<'_, '_>, keys: &[&str], quality: &mut Quality) {
    let mistyped = |key: &&str| body.get(key).is_some_and(|value| value.str().is_none());
    if keys.iter().any(mistyped) {
        quality.note(Code::W106);
    }
}

fn kind(word: &str) -> ChangeKind {
    match word {
        "deploy" => ChangeKind::Deploy,
        "upgrade" => ChangeKind::Upgrade,
        "rollback" => ChangeKind::Rollback,
        "remove" => ChangeKind::Remove,
        "config" => ChangeKind::Config,
        "feature_flag" => ChangeKind::FeatureFlag,
        "infra" => ChangeKind::Infra,
        "db_migration" => ChangeKind::DbMigration,
        "scale" => ChangeKind::Scale,
        "access" => ChangeKind::Access,
        "maintenance" => ChangeKind::Maintenance,
        "incident_fix" => ChangeKind::IncidentFix,
        _ => ChangeKind::Other,
    }
}

fn phase(word: &str) -> Option<ChangePhase> {
    Some(match word {
        "planned" => ChangePhase::Planned,
        "started" => ChangePhase::Started,
        "" | "finished" => ChangePhase::Finished,
        "failed" => ChangePhase::Failed,
        "cancelled" => ChangePhase::Cancelled,
        _ => return None,
    })
}

fn risk(change: Json<'_, '_>) -> u8 {
    match change.text("risk") {
        Some("high") => 3,
        Some("medium") => 2,
        Some("low") => 1,
        _ => 0,
    }
}
