//! Metrics, logs, spans and heartbeats in the native form.
//!
//! - A metric without a `name` is called as `metric.name` says.
//! - `metric.type` sum with `temporality` cumulative and not `monotonic: false` is a total, with
//!   delta it is what was added; everything else is a level.
//! - A metric without a number for a value, such as a histogram, is counted and not read further.
//! - A span's operation is `span.name`, and `span.peer` is the entity that it asks.
//! - Series are told apart by entity, name and labels; lines and signs of life by their entity;
//!   spans by entity, operation and peer.

use super::alert::{push_envelope, push_labels, scalar_texts};
use super::fields::Field;
use super::lookup::Lookup;
use super::plain::Plain;
use super::{Event, Refusal, too_many_keys};
use crate::canonical::decoded::Kind;
use crate::canonical::intake::{Common, Intake, Labels, Measured, SignalDraft, Spelling};
use crate::canonical::json::Json;
use crate::canonical::reject::{Code, Quality};
use causeway_dataflows::model::{Measure, push_part};

/// What a metric or a span says beyond the envelope, whichever way it was read.
#[derive(Clone, Copy, Default)]
pub(super) struct Own<'a> {
    /// The name that the metric or the span gives.
    pub(super) name: &'a str,
    pub(super) unit: Option<&'a str>,
    pub(super) r#type: &'a str,
    pub(super) temporality: &'a str,
    pub(super) monotonic: Option<bool>,
    /// Of a metric.
    pub(super) value: Option<f64>,
    pub(super) duration_ns: Option<u64>,
    pub(super) status: &'a str,
    pub(super) peer: &'a str,
}

impl<'a> Own<'a> {
    fn of(kind: Kind, event: &Event<'a>) -> Own<'a> {
        let part = match kind {
            Kind::Metric => event.fields.get(Field::Metric),
            _ => event.fields.get(Field::Span),
        };
        let text = |key| part.and_then(|part: Json<'a, 'a>| part.text(key)).unwrap_or_default();
        let get = |key| part.and_then(|part: Json<'a, 'a>| part.get(key));
        Own {
            name: text("name"),
            unit: get("unit").map(|unit| unit.str().unwrap_or(NO_TEXT)),
            r#type: text("type"),
            temporality: text("temporality"),
            monotonic: get("monotonic").and_then(Json::bool),
            value: event.fields.get(Field::Value).and_then(Json::float),
            duration_ns: get("duration_ns").and_then(Json::float).and_then(nanoseconds),
            status: text("status"),
            peer: text("peer"),
        }
    }

    fn measure(&self) -> Measure {
        match (self.r#type, self.temporality, self.monotonic) {
            ("sum", "delta", _) => Measure::Added,
            ("sum", _, None | Some(true)) => Measure::Total,
            _ => Measure::Level,
        }
    }
}

/// Nanoseconds of a duration, which is not negative.
pub(super) fn nanoseconds(number: f64) -> Option<u64> {
    (number >= 0.0).then_some(number as u64)
}

pub(super) fn decode(intake: &mut Intake, mut event: Event<'_>) -> Result<(), Refusal> {
    let kind = event.kind;
    let own = match kind {
        Kind::Metric | Kind::Span => Own::of(kind, &event),
        _ => Own::default(),
    };
    let span = event.fields.get(Field::Span);
    if kind == Kind::Span && span.is_none_or(|span| !span.is_object()) {
        return Err(Refusal::invalid("span", "span is missing"));
    }
    let value = event.fields.get(Field::Value);
    if kind == Kind::Metric && value.is_some() && own.value.is_none() {
        event.common.quality.note(Code::W109);
    }
    let given = event.fields.get(Field::Labels);
    if given.is_some_and(|labels| labels.len() > intake.source().limits.keys_max) {
        return Err(too_many_keys("labels"));
    }
    let numbers = given.map(scalar_texts).unwrap_or_default();
    let mut labels = Labels::new();
    if let Some(given) = given {
        push_labels(&mut labels, given, &numbers, &mut event.common.quality);
    }
    take(intake, (kind, &event.fields, own), labels, event.common, None)
}

/// Hands a signal over, whichever way it was read.
#[inline]
pub(super) fn take<'a>(
    intake: &mut Intake,
    (kind, fields, own): (Kind, &impl Lookup<'a>, Own<'a>),
    mut labels: Labels<'a>,
    mut common: Common<'a>,
    spelling: Option<Spelling>,
) -> Result<(), Refusal> {
    let name = match fields.text(Field::Name) {
        "" => own.name,
        name => name,
    };
    if kind == Kind::Metric {
        if name.is_empty() {
            return Err(Refusal::invalid("name", "the metric has no name"));
        }
        if own.unit.is_some_and(|unit| !is_unit(unit)) {
            common.quality.note(Code::W104);
        }
    }
    if kind == Kind::Span {
        check_trace(fields.text(Field::TraceId), &mut common.quality);
    }
    push_envelope(&mut labels, fields, &mut common.quality);
    let measured = match (kind, own.value, own.duration_ns) {
        (Kind::Metric, Some(value), _) if value.is_finite() => {
            Measured::Sample { value, measure: own.measure() }
        }
        (Kind::Log, _, _) => {
            Measured::Line { severity: fields.severity(), body: fields.text(Field::Body) }
        }
        (Kind::Span, _, Some(duration_ns)) => {
            Measured::Call { duration_ns, failed: own.status == "error", peer: own.peer }
        }
        (Kind::Heartbeat, _, _) => Measured::Beat,
        _ => {
            intake.count_signal(common, kind);
            return Ok(());
        }
    };
    let name = match kind {
        Kind::Metric => name,
        Kind::Span => own.name,
        _ => "",
    };
    let draft = SignalDraft { name, entity: fields.text(Field::Entity), labels, measured };
    intake.signal(common, draft, spelling);
    Ok(())
}

/// What a line of the short way says of its signal.
pub(super) struct Read<'a> {
    own: Own<'a>,
    labels: Labels<'a>,
    pub(super) quality: Quality,
    spelling: Spelling,
}

/// Hands a line of the short way over.
#[inline]
pub(super) fn take_plain<'a>(
    intake: &mut Intake,
    plain: &Plain<'a>,
    read: Read<'a>,
    common: Common<'a>,
) -> Result<(), Refusal> {
    take(intake, (plain.kind, plain, read.own), read.labels, common, Some(read.spelling))
}

/// Reads a line of the short way; nothing where the tape has to look.
#[inline]
pub(super) fn plain<'a>(intake: &mut Intake, plain: &Plain<'a>, marks: &[u32]) -> Option<Read<'a>> {
    plain.is_sound(marks).then_some(())?;
    if plain.kind == Kind::Span && !plain.has_span() {
        return None;
    }
    let keys_max = intake.source().limits.keys_max;
    let own = plain.own(marks, keys_max)?;
    if plain.kind == Kind::Metric && plain.text(Field::Name).is_empty() {
        return None;
    }
    let parts = if plain.kind == Kind::Span { [own.name, own.peer] } else { ["", ""] };
    let spelling = intake.spelling(|out| {
        out.push(plain.kind as u8);
        for part in parts {
            push_part(out, part.as_bytes());
        }
        plain.spell(out);
    });
    let mut quality = Quality::default();
    let labels = match intake.knows_series(spelling) {
        true => Labels::new(),
        false => plain.labels(marks, keys_max, &mut quality)?,
    };
    Some(Read { own, labels, quality, spelling })
}

/// Stands for a unit that is no text, and is none.
const NO_TEXT: &str = "\0";

/// A unit is up to 63 visible ASCII characters, as OpenTelemetry's instruments have it.
pub(in crate::canonical) fn is_unit(unit: &str) -> bool {
    unit.len() <= 63 && unit.bytes().all(|byte| byte.is_ascii_graphic())
}

/// All zeros mean no trace; anything else must be 32 hexadecimal digits.
fn check_trace(trace_id: &str, quality: &mut Quality) {
    let sound = trace_id.len() == 32 && trace_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !trace_id.is_empty() && !sound {
        quality.note(Code::W111);
    }
}
