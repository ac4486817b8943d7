//! Alerts in the native form.
//!
//! ```json
//! {"id":"a-17","source":"prometheus/eu1","kind":"alert","name":"HighErrorRate",
//!  "time":"2026-11-23T07:01:58.106Z","status":"firing","severity":"critical",
//!  "entity":"service:shop/cart","summary":"error rate 7.6 %","labels":{"env":"prod"}}
//! ```
//!
//! - `status` firing, acknowledged, suppressed and info are firing; resolved ends the alert.
//! - `fingerprint` is the source's own key and replaces name and labels as identity.
//!   A source should give the same name and labels with it; of different ones
//!   those seen first are shown and matched.
//! - `service`, `env`, `region`, `host` and `instance` of the envelope are labels
//!   that the labels do not have.
//! - Without a `name` the label `alertname` is the name, and then no label.
//! - Without a `summary` the first line of `body` is taken.
//! - A label that is a number or a truth value counts as its text; nested ones
//!   are dropped (W107).

use super::fields::Field;
use super::lookup::Lookup;
use super::{Event, Refusal, too_many_keys};
use crate::canonical::intake::{AlertDraft, Common, Intake, Labels, Said, Spelling, When};
use crate::canonical::json::Json;
use crate::canonical::reject::{Code, Quality};

#[inline]
pub(super) fn decode(intake: &mut Intake, event: Event<'_>) -> Result<(), Refusal> {
    let Event { fields, mut common, .. } = event;
    let given = fields.get(Field::Labels);
    if given.is_some_and(|labels| labels.len() > intake.source().limits.keys_max) {
        return Err(too_many_keys("labels"));
    }
    let numbers = given.map(scalar_texts).unwrap_or_default();
    let mut labels = Labels::new();
    if let Some(given) = given {
        push_labels(&mut labels, given, &numbers, &mut common.quality);
    }
    take(intake, &fields, labels, common, None);
    Ok(())
}

/// Hands an alert over, whichever way it was read.
#[inline]
pub(super) fn take<'a>(
    intake: &mut Intake,
    fields: &impl Lookup<'a>,
    mut labels: Labels<'a>,
    mut common: Common<'a>,
    spelling: Option<Spelling>,
) {
    push_envelope(&mut labels, fields, &mut common.quality);
    let name = match fields.text(Field::Name) {
        "" => labels.take("alertname").unwrap_or_default(),
        name => name,
    };
    let draft = AlertDraft {
        name,
        key: fields.text(Field::Fingerprint),
        entity: fields.text(Field::Entity),
        labels,
        said: said(fields),
    };
    intake.alert(common, draft, spelling);
}

/// What an event says of its alert, whichever alert that is.
#[inline]
pub(super) fn said<'a>(fields: &impl Lookup<'a>) -> Said<'a> {
    Said {
        severity: fields.severity(),
        summary: match fields.text(Field::Summary) {
            "" => fields.text(Field::Body).lines().next().unwrap_or_default(),
            summary => summary,
        },
        when: When::Event {
            resolved: fields.text(Field::Status).eq_ignore_ascii_case("resolved"),
            end: fields.instant(Field::EndTime),
        },
    }
}

/// The texts of labels that are numbers, in order; nearly always none.
#[inline]
pub(in crate::canonical) fn scalar_texts(labels: Json<'_, '_>) -> Vec<String> {
    if labels.members().all(|(_, value)| value.str().is_some()) {
        return Vec::new();
    }
    let number = |(_, value): (&str, Json<'_, '_>)| {
        value.int().map(|n| n.to_string()).or_else(|| value.float().map(|n| n.to_string()))
    };
    labels.members().filter_map(number).collect()
}

/// Adds the members of `given`; `numbers` are its [`scalar_texts`].
#[inline]
pub(in crate::canonical) fn push_labels<'a>(
    labels: &mut Labels<'a>,
    given: Json<'a, 'a>,
    numbers: &'a [String],
    quality: &mut Quality,
) {
    if !given.is_object() {
        return quality.note(Code::W107);
    }
    let mut numbers = numbers.iter();
    for (key, value) in given.members() {
        if let Some(text) = value.str() {
            labels.push(key, text, quality);
        } else if let Some(truth) = value.bool() {
            labels.push(key, if truth { "true" } else { "false" }, quality);
        } else if value.float().is_some() {
            labels.push(key, numbers.next().map_or("", String::as_str), quality);
        } else if !value.is_null() {
            quality.note(Code::W107);
        }
    }
}

#[inline]
pub(super) fn push_envelope<'a>(
    labels: &mut Labels<'a>,
    fields: &impl Lookup<'a>,
    quality: &mut Quality,
) {
    for (field, key) in [
        (Field::Service, "service"),
        (Field::Env, "env"),
        (Field::Region, "region"),
        (Field::Host, "host"),
        (Field::Instance, "instance"),
    ] {
        let value = fields.text(field);
        if !value.is_empty() {
            labels.push_missing(key, value, quality);
        }
    }
}
