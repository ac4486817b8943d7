//! CloudEvents 1.0: structured, batched (an array, which the framing has cut), and binary.
//!
//! What an envelope holds decides what becomes of it:
//!
//! 1. `data` that is a native event, or an array of them: those events, with the
//!    envelope's `id`, `source` and `time` where they have none of their own. In
//!    an array the default ids are `id/0`, `id/1`, …
//! 2. a `type` that begins with `dev.cdevents.`: a CDEvent.
//! 3. anything else: a signal of kind `log`. An unknown event must not raise
//!    alerts by itself: nobody said that it is a problem, nor about what.
//!
//! `data_base64` is decoded and looked at like `data`; what is not base64, or
//! not JSON within, falls under 3.

use super::cdevents;
use super::decoded::Kind;
use super::intake::{Common, Intake, Payload};
use super::json::{Json, Reader};
use super::native::{self, Defaults, Refusal};
use super::reject::{Code, Quality};
use super::time::instant_text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The attributes that matter.
#[derive(Clone, Copy)]
struct Attributes<'a> {
    id: &'a str,
    source: &'a str,
    kind: &'a str,
    time: Option<i64>,
}

impl<'a> Attributes<'a> {
    /// Checks what the specification requires.
    fn check(
        version: &str,
        id: &'a str,
        source: &'a str,
        kind: &'a str,
        time: &str,
    ) -> Result<Self, Refusal> {
        for (name, value) in
            [("specversion", version), ("id", id), ("source", source), ("type", kind)]
        {
            if value.is_empty() {
                return Err(Refusal::invalid(name, format!("the CloudEvent has no {name}")));
            }
        }
        if version != "1.0" && !version.starts_with("1.0.") {
            let message = "only CloudEvents 1.0 is known";
            return Err(Refusal::new(Code::E003, "specversion", message));
        }
        let time = if time.is_empty() { None } else { instant_text(time) };
        Ok(Attributes { id, source, kind, time })
    }

    fn defaults(&self) -> Defaults<'a> {
        Defaults { id: self.id, source: self.source, time: self.time }
    }
}

/// What one envelope is in the input.
#[derive(Clone, Copy)]
struct Place<'a> {
    line: u64,
    payload: Payload<'a>,
    quality: Quality,
}

/// Takes one CloudEvent in structured mode.
pub fn structured<'a>(
    intake: &mut Intake,
    inner: &mut Reader,
    root: Json<'a, 'a>,
    line: u64,
    payload: Payload<'a>,
    quality: Quality,
) {
    if !root.is_object() {
        return intake.reject(line, payload, Code::E001, "", "a CloudEvent is a JSON object");
    }
    let text = |key| root.text(key).unwrap_or_default();
    let checked = Attributes::check(
        text("specversion"),
        text("id"),
        text("source"),
        text("type"),
        text("time"),
    );
    let attributes = match checked {
        Ok(attributes) => attributes,
        Err(refusal) => return refusal.record(intake, line, payload),
    };
    let place = Place { line, payload, quality };
    match (root.get("data"), root.text("data_base64")) {
        (Some(data), _) => dispatch(intake, data, &attributes, place),
        (None, Some(encoded)) => match STANDARD.decode(encoded) {
            Ok(bytes) => inner_json(intake, inner, &bytes, &attributes, place),
            Err(_) => log(intake, &attributes, place),
        },
        (None, None) => log(intake, &attributes, place),
    }
}

/// Takes one CloudEvent in binary mode: attributes in headers `ce-…`, data in the body.
pub(super) fn binary(
    intake: &mut Intake,
    reader: &mut Reader,
    headers: &[(&str, &str)],
    body: &[u8],
    line: u64,
) {
    let payload = Payload::Raw(body);
    let header = |wanted: &str| {
        let found = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| percent_decoded(value)).unwrap_or_default()
    };
    if body.len() > intake.source().limits.event_bytes_max {
        let message = format!("{} bytes are more than event_bytes_max", body.len());
        return intake.reject(line, payload, Code::E002, "", message);
    }
    let (version, id, source) = (header("ce-specversion"), header("ce-id"), header("ce-source"));
    let (kind, time) = (header("ce-type"), header("ce-time"));
    let attributes = match Attributes::check(&version, &id, &source, &kind, &time) {
        Ok(attributes) => attributes,
        Err(refusal) => return refusal.record(intake, line, payload),
    };
    let place = Place { line, payload, quality: Quality::default() };
    inner_json(intake, reader, body, &attributes, place);
}

fn inner_json(
    intake: &mut Intake,
    reader: &mut Reader,
    bytes: &[u8],
    attributes: &Attributes<'_>,
    place: Place<'_>,
) {
    let decoded = reader.parse(bytes, |data| dispatch(intake, data, attributes, place));
    if decoded.is_err() {
        log(intake, attributes, place);
    }
}

fn dispatch(
    intake: &mut Intake,
    data: Json<'_, '_>,
    attributes: &Attributes<'_>,
    place: Place<'_>,
) {
    let Place { line, payload, quality } = place;
    let defaults = attributes.defaults();
    if native::is_native(data) {
        return native::decode(intake, data, line, payload, quality, defaults);
    }
    if attributes.kind.starts_with(cdevents::TYPE_PREFIX) && cdevents::is_one(data) {
        return cdevents::decode(intake, data, line, payload, quality, defaults);
    }
    if data.elements().next().is_some_and(native::is_native) {
        for (at, event) in data.elements().enumerate() {
            let id = format!("{}/{at}", attributes.id);
            let defaults = Defaults { id: &id, ..defaults };
            native::decode(intake, event, line, Payload::Tree(event), quality, defaults);
        }
        return;
    }
    log(intake, attributes, place);
}

fn log(intake: &mut Intake, attributes: &Attributes<'_>, place: Place<'_>) {
    let common = Common {
        line: place.line,
        payload: place.payload,
        id: attributes.id,
        source: attributes.source,
        time: attributes.time,
        observed: None,
        quality: place.quality,
    };
    intake.count_signal(common, Kind::Log);
}

/// Header values may be percent-encoded (HTTP binding, section 3.1.3.2).
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        // Rust would take a sign for a digit.
        let hex = hex.filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(value) => {
                decoded.push(value);
                at += 3;
            }
            None => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_decoded() {
        assert_eq!(percent_decoded("a%20b%C3%A4"), "a bä");
        assert_eq!(percent_decoded("100% %zz %+5 %4"), "100% %zz %+5 %4");
    }
}
