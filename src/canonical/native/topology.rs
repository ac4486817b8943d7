//! Entities and relations in the native form.
//!
//! ```json
//! {"kind":"entity","op":"upsert","entity":"service:shop/cart","type":"service",
//!  "owner":"team:shop/payments","criticality":"high","aliases":["lb:shop/cart-lb"]}
//! {"kind":"relation","op":"upsert","from":"service:shop/checkout",
//!  "to":"service:shop/cart","relation":"calls","confidence":1.0}
//! ```
//!
//! `valid_from` and `valid_to` bound when an entity is there; what is said of it counts then only.
//! `type` is the reference's own prefix when absent, `criticality` medium,
//! `confidence` 1. `ttl` is nanoseconds, rounded up to seconds.

use super::fields::{Field, Fields};
use super::lookup::Lookup;
use super::{Event, Refusal, op};
use crate::canonical::decoded::Kind;
use crate::canonical::intake::Intake;
use crate::canonical::reject::{Code, Quality};
use crate::canonical::time::{go_instant, seconds_after, seconds_of};
use causeway_dataflows::model::{
    Context, Criticality, EntityUpdate, Op, Relation, RelationKind, Seconds,
};
use smol_str::SmolStr;

/// Other names an entity may have.
const ALIASES_MAX: usize = 256;

pub(super) fn entity(intake: &mut Intake, event: Event<'_>) -> Result<(), Refusal> {
    let Event { fields, mut common, .. } = event;
    let text = required(&fields, Field::Entity, "entity")?;
    let entity = intake.entity_ref(text);
    let op = within(&fields, op(&fields)?, &mut common.quality)?;
    let criticality = match fields.text(Field::Criticality) {
        "" => Criticality::default(),
        word => match criticality(word) {
            Some(criticality) => criticality,
            None => {
                let message = "criticality is none of critical, high, medium, low";
                return Err(Refusal::invalid("criticality", message));
            }
        },
    };
    let kind = match fields.text(Field::Type) {
        "" => SmolStr::new(entity.kind()),
        kind => SmolStr::new(kind),
    };
    let owner = fields.text(Field::Owner);
    let owner = (!owner.is_empty()).then(|| intake.entity_ref(owner));
    let mut aliases = Vec::new();
    if let Some(given) = fields.get(Field::Aliases) {
        for alias in given.elements().filter_map(|alias| alias.str()) {
            let alias = intake.entity_ref(alias);
            if !alias.text.is_empty() && alias != entity && !aliases.contains(&alias) {
                aliases.push(alias);
            }
        }
        if aliases.len() > ALIASES_MAX {
            aliases.truncate(ALIASES_MAX);
            common.quality.note(Code::W106);
        }
    }
    let body = Context::Entity(EntityUpdate { entity, kind, owner, criticality, aliases });
    intake.context(common, Kind::Entity, op, text, body);
    Ok(())
}

/// An upsert with the bounds that are given for it; what is no time bounds nothing.
fn within(fields: &Fields<'_, '_>, op: Op, quality: &mut Quality) -> Result<Op, Refusal> {
    if op == Op::Delete {
        return Ok(op);
    }
    let mut given = |field: Field| {
        let value = fields.get(field)?;
        let instant = value.str().map_or_else(|| value.int(), go_instant);
        // Go writes the year 1 for no time.
        let is_none = value.str().is_some_and(|text| text.starts_with("0001-"));
        if instant.is_none() && !is_none {
            quality.note(Code::W106);
        }
        instant
    };
    let (from, until) = (given(Field::ValidFrom), given(Field::ValidTo));
    if from.zip(until).is_some_and(|(from, until)| until <= from) {
        return Err(Refusal::invalid("valid_to", "valid_to is not after valid_from"));
    }
    if from.is_none() && until.is_none() {
        return Ok(op);
    }
    let from = from.map_or(Seconds::MIN, seconds_of);
    Ok(Op::Within { from, until: until.map_or(Seconds::MAX, seconds_after) })
}

pub(super) fn relation(intake: &mut Intake, event: Event<'_>) -> Result<(), Refusal> {
    let Event { fields, common, .. } = event;
    let from = required(&fields, Field::From, "from")?;
    let to = required(&fields, Field::To, "to")?;
    let op = op(&fields)?;
    let word = fields.text(Field::Relation);
    let Some(kind) = RelationKind::parse(word) else {
        let message = "relation is none of calls, runs_on, part_of, owned_by, reads, writes, \
                       routes_to, depends_on, alias_of";
        return Err(Refusal::invalid("relation", message));
    };
    if from == to && op == Op::Upsert {
        return Err(Refusal::invalid("to", "an entity cannot depend on itself"));
    }
    let confidence_ppm = match fields.get(Field::Confidence) {
        None => 1_000_000,
        Some(value) => match value.float() {
            Some(share) if (0.0..=1.0).contains(&share) => (share * 1e6).round() as u32,
            _ => return Err(Refusal::invalid("confidence", "confidence is no number 0 to 1")),
        },
    };
    let ttl_seconds = match fields.get(Field::Ttl) {
        None => 0,
        Some(value) => match value.int() {
            Some(ttl @ 0..) => u32::try_from(seconds_after(ttl)).unwrap_or(u32::MAX),
            _ => return Err(Refusal::invalid("ttl", "ttl is no number of nanoseconds")),
        },
    };
    let subject = format!("{from} {word} {to}");
    let relation = Relation {
        from: intake.entity_ref(from),
        to: intake.entity_ref(to),
        kind,
        confidence_ppm,
        ttl_seconds,
    };
    intake.context(common, Kind::Relation, op, &subject, Context::Relation(relation));
    Ok(())
}

/// The criticality that a word means, case aside.
pub(in crate::canonical) fn criticality(word: &str) -> Option<Criticality> {
    Some(match word.to_ascii_lowercase().as_str() {
        "low" => Criticality::Low,
        "medium" => Criticality::Medium,
        "high" => Criticality::High,
        "critical" => Criticality::Critical,
        _ => return None,
    })
}

pub(super) fn required<'i>(
    fields: &Fields<'i, 'i>,
    field: Field,
    name: &'static str,
) -> Result<&'i str, Refusal> {
    match fields.text(field) {
        "" => Err(Refusal::invalid(name, format!("{name} is missing"))),
        text => Ok(text),
    }
}
