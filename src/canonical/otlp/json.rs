//! The protocol's JSON, written as the protocol buffers that it stands for.
//!
//! As in the JSON of protocol buffers, keys are in lower camel case and those that are not known
//! are passed over, numbers of 64 bits may be texts, enumerations are numbers or names; unlike
//! there, the ids of traces and spans are hexadecimal. Only what is read later is written.

mod tables;

use super::Telemetry;
use crate::canonical::json::Json;
use crate::canonical::protobuf::put_varint;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// A field of a message.
struct Field {
    /// Its key.
    key: &'static str,
    number: u32,
    /// Whether it is a list.
    repeated: bool,
    shape: Shape,
}

/// What a field holds, in JSON and in protocol buffers.
#[derive(Clone, Copy)]
enum Shape {
    Text,
    /// Bytes in base64.
    Base64,
    /// Bytes in hexadecimal digits.
    Id,
    Bool,
    /// Eight bytes, with a sign or without.
    Fixed,
    /// Variable length, with a sign or without.
    Varint,
    /// Variable length, the sign in the last bit.
    Zigzag,
    Double,
    /// A number, or one of the names of those from zero on.
    Enum(&'static [&'static str]),
    Message(&'static [Field]),
}

/// The request as protocol buffers, or what is wrong with it.
pub(super) fn write(telemetry: Telemetry, root: Json<'_, '_>) -> Result<Vec<u8>, String> {
    if !root.is_object() {
        return Err("a request is an object".to_owned());
    }
    let mut out = Vec::new();
    message(&mut out, tables::request(telemetry), root)?;
    Ok(out)
}

fn message(out: &mut Vec<u8>, fields: &[Field], json: Json<'_, '_>) -> Result<(), String> {
    if !json.is_object() {
        return Err(": an object is wanted".to_owned());
    }
    for (key, value) in json.members() {
        let Some(field) = fields.iter().find(|field| field.key == key) else { continue };
        if value.is_null() {
            continue;
        }
        let written = match field.repeated {
            false => one(out, field, value),
            true if value.is_array() => {
                value.elements().try_for_each(|element| one(out, field, element))
            }
            true => Err(": an array is wanted".to_owned()),
        };
        written.map_err(|message| match message.starts_with(':') {
            true => format!("{key}{message}"),
            false => format!("{key}.{message}"),
        })?;
    }
    Ok(())
}

fn one(out: &mut Vec<u8>, field: &Field, json: Json<'_, '_>) -> Result<(), String> {
    let wants = |what: &str| format!(": {what} is wanted");
    match field.shape {
        Shape::Text => bytes(out, field, json.str().ok_or_else(|| wants("a text"))?.as_bytes()),
        Shape::Base64 => {
            let text = json.str();
            let read = |text: &str| STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok();
            bytes(out, field, &text.and_then(read).ok_or_else(|| wants("base64"))?);
        }
        Shape::Id => {
            let text = json.str().ok_or_else(|| wants("a text of hexadecimal digits"))?;
            bytes(out, field, &id(text));
        }
        Shape::Bool => {
            number(out, field, json.bool().ok_or_else(|| wants("true or false"))?.into())
        }
        Shape::Fixed => fixed(out, field, whole(json).ok_or_else(|| wants("a whole number"))?),
        Shape::Varint => number(out, field, whole(json).ok_or_else(|| wants("a whole number"))?),
        Shape::Zigzag => {
            let whole = whole(json).ok_or_else(|| wants("a whole number"))? as i64;
            number(out, field, (whole << 1 ^ whole >> 63) as u64);
        }
        Shape::Double => {
            fixed(out, field, double(json).ok_or_else(|| wants("a number"))?.to_bits());
        }
        Shape::Enum(names) => {
            let named = || names.iter().position(|name| json.str() == Some(name));
            let found = json.int().map(|number| number as u64).or_else(|| Some(named()? as u64));
            number(out, field, found.ok_or_else(|| wants("a number of the enumeration"))?);
        }
        Shape::Message(fields) => {
            tag(out, field, 2);
            let at = out.len();
            out.extend([0; LENGTH_BYTES]);
            message(out, fields, json)?;
            let length = out.len() - at - LENGTH_BYTES;
            put_length(&mut out[at..at + LENGTH_BYTES], length);
        }
    }
    Ok(())
}

/// Bytes of a length that is written once it is known: 2^35 are beyond any request.
const LENGTH_BYTES: usize = 5;

fn put_length(place: &mut [u8], length: usize) {
    let last = place.len() - 1;
    for (at, byte) in place.iter_mut().enumerate() {
        let more = if at < last { 0x80 } else { 0 };
        *byte = (length >> (7 * at)) as u8 & 0x7f | more;
    }
}

fn tag(out: &mut Vec<u8>, field: &Field, kind: u64) {
    put_varint(out, u64::from(field.number) << 3 | kind);
}

fn bytes(out: &mut Vec<u8>, field: &Field, bytes: &[u8]) {
    tag(out, field, 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn number(out: &mut Vec<u8>, field: &Field, number: u64) {
    tag(out, field, 0);
    put_varint(out, number);
}

fn fixed(out: &mut Vec<u8>, field: &Field, bits: u64) {
    tag(out, field, 1);
    out.extend_from_slice(&bits.to_le_bytes());
}

/// A whole number, with a sign or without, as its 64 bits.
fn whole(json: Json<'_, '_>) -> Option<u64> {
    if let Some(number) = json.int() {
        return Some(number as u64);
    }
    let text = json.str()?;
    text.parse::<u64>().or_else(|_| text.parse::<i64>().map(|number| number as u64)).ok()
}

fn double(json: Json<'_, '_>) -> Option<f64> {
    json.float().or_else(|| json.str()?.parse().ok())
}

/// The bytes of an id; one byte, which is no id, where the text is none.
fn id(text: &str) -> Vec<u8> {
    let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let read = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?));
    match read.collect::<Option<Vec<u8>>>() {
        Some(bytes) if rest.is_empty() => bytes,
        _ => vec![0],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::json::Reader;

    fn written(telemetry: Telemetry, text: &str) -> Result<Vec<u8>, String> {
        Reader::new(64).parse(text.as_bytes(), |root| write(telemetry, root)).unwrap()
    }

    #[test]
    fn a_mistake_is_named_by_its_path() {
        let text = r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":"soon"}]}]}]}"#;
        let message = "resourceLogs.scopeLogs.logRecords.timeUnixNano: a whole number is wanted";
        assert_eq!(written(Telemetry::Logs, text), Err(message.to_owned()));
        assert!(written(Telemetry::Logs, r#"{"resourceLogs":{}}"#).is_err());
        assert!(written(Telemetry::Logs, "[]").is_err());
        assert_eq!(
            written(Telemetry::Traces, r#"{"unknown":[1],"resourceSpans":null}"#),
            Ok(vec![])
        );
    }

    #[test]
    fn ids_are_hexadecimal() {
        assert_eq!(id("0aFF"), [0x0a, 0xff]);
        assert_eq!((id("0af"), id("zz"), id("")), (vec![0], vec![0], vec![]));
    }
}
