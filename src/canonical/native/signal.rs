//! Metrics, logs, spans and heartbeats in the native form.
//!
//! Signals are counted; what is wrong with them is counted too, so that a
//! source that sends nonsense shows before anything reads its signals.

use super::fields::Field;
use super::lookup::Lookup;
use super::plain::Plain;
use super::{Event, Refusal};
use crate::canonical::decoded::Kind;
use crate::canonical::intake::Intake;
use crate::canonical::reject::{Code, Quality};

pub(super) fn decode(intake: &mut Intake, event: Event<'_>) -> Result<(), Refusal> {
    let Event { kind, fields, mut common } = event;
    let quality = &mut common.quality;
    match kind {
        Kind::Metric => {
            let metric = fields.get(Field::Metric);
            if fields.text(Field::Name).is_empty()
                && metric.and_then(|metric| metric.text("name")).is_none()
            {
                return Err(Refusal::invalid("name", "the metric has no name"));
            }
            if let Some(unit) = metric.and_then(|metric| metric.get("unit"))
                && !unit.str().is_some_and(is_unit)
            {
                quality.note(Code::W104);
            }
            // Histograms have buckets instead of a value.
            if fields.get(Field::Value).is_some_and(|value| value.float().is_none()) {
                quality.note(Code::W109);
            }
        }
        Kind::Span => {
            if fields.get(Field::Span).is_none_or(|span| !span.is_object()) {
                return Err(Refusal::invalid("span", "span is missing"));
            }
            check_trace(fields.text(Field::TraceId), quality);
        }
        _ => {}
    }
    intake.signal(common, kind);
    Ok(())
}

/// A unit is up to 63 visible ASCII characters, as OpenTelemetry's instruments have it.
fn is_unit(unit: &str) -> bool {
    unit.len() <= 63 && unit.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What is wrong with a signal of the short way, by the same rules; `None` where the tape has
/// to look.
#[inline]
pub(super) fn plain(plain: &Plain<'_>, marks: &[u32], keys_max: usize) -> Option<Quality> {
    plain.is_sound(marks).then_some(())?;
    let mut quality = Quality::default();
    match plain.kind {
        Kind::Metric => {
            if plain.text(Field::Name).is_empty() {
                return None;
            }
            if plain.unit(marks, keys_max)?.is_some_and(|unit| !is_unit(unit)) {
                quality.note(Code::W104);
            }
        }
        Kind::Span => {
            plain.has_span.then_some(())?;
            check_trace(plain.text(Field::TraceId), &mut quality);
        }
        _ => {}
    }
    Some(quality)
}

/// All zeros mean no trace; anything else must be 32 hexadecimal digits.
fn check_trace(trace_id: &str, quality: &mut Quality) {
    let sound = trace_id.len() == 32 && trace_id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !trace_id.is_empty() && !sound {
        quality.note(Code::W111);
    }
}
