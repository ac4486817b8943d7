//! Attributes and their values, which may be anything that JSON can say.

use super::super::intake::Labels;
use super::super::native::Refusal;
use super::super::protobuf::{Damage, Fields};
use super::super::reject::{Code, Quality};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value as Json};
use std::borrow::Cow;

/// Keys and values that became texts.
pub(super) type Texts<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// The key of an attribute, and the bytes of its value.
#[inline]
pub(super) fn attribute(bytes: &[u8]) -> Result<(&str, &[u8]), Refusal> {
    let (mut key, mut value) = ("", &[][..]);
    for field in Fields::of(bytes) {
        match field? {
            (1, name) => key = name.text().map_err(bad_key)?,
            (2, any) => value = any.bytes()?,
            _ => {}
        }
    }
    Ok((key, value))
}

#[cold]
fn bad_key(damage: Damage) -> Refusal {
    match damage {
        Damage::Utf8 => Refusal::new(Code::E005, "", "invalid UTF-8 in the key of an attribute"),
        Damage::Torn => damage.into(),
    }
}

/// The attributes in `all` as texts.
pub(super) fn texts<'a>(
    all: impl IntoIterator<Item = &'a [u8]>,
    depth_max: usize,
) -> Result<Texts<'a>, Refusal> {
    let read = |bytes: &'a [u8]| {
        let (key, value) = attribute(bytes)?;
        Ok((key, text(value, depth_max)?))
    };
    all.into_iter().map(read).collect()
}

/// Makes labels of texts.
pub(super) fn push<'a>(labels: &mut Labels<'a>, texts: &'a Texts<'_>, quality: &mut Quality) {
    for (key, value) in texts {
        labels.push(key, value, quality);
    }
}

/// A value as a text: texts as they are, lists and maps as JSON, bytes in base64.
pub(super) fn text(any: &[u8], depth_max: usize) -> Result<Cow<'_, str>, Refusal> {
    let mut text = Cow::Borrowed("");
    for field in Fields::of(any) {
        text = match field? {
            (1, value) => Cow::Borrowed(value.text()?),
            (2, value) => Cow::Borrowed(if value.varint()? > 0 { "true" } else { "false" }),
            (3, value) => Cow::Owned((value.varint()? as i64).to_string()),
            (4, value) => Cow::Owned(value.double()?.to_string()),
            (5 | 6, _) => Cow::Owned(json(any, depth_max)?.to_string()),
            (7, value) => Cow::Owned(STANDARD.encode(value.bytes()?)),
            _ => text,
        };
    }
    Ok(text)
}

fn json(any: &[u8], depth_left: usize) -> Result<Json, Refusal> {
    let Some(depth_left) = depth_left.checked_sub(1) else {
        return Err(Refusal::new(Code::E006, "", "nested deeper than depth_max"));
    };
    let mut found = Json::Null;
    for field in Fields::of(any) {
        found = match field? {
            (1, value) => Json::from(value.text()?),
            (2, value) => Json::from(value.varint()? > 0),
            (3, value) => Json::from(value.varint()? as i64),
            (4, value) => Number::from_f64(value.double()?).map_or(Json::Null, Json::Number),
            (5, value) => {
                let mut elements = Vec::new();
                for element in Fields::of(value.bytes()?) {
                    if let (1, element) = element? {
                        elements.push(json(element.bytes()?, depth_left)?);
                    }
                }
                Json::Array(elements)
            }
            (6, value) => {
                let mut members = Map::new();
                for member in Fields::of(value.bytes()?) {
                    if let (1, member) = member? {
                        let (key, value) = attribute(member.bytes()?)?;
                        members.insert(key.to_owned(), json(value, depth_left)?);
                    }
                }
                Json::Object(members)
            }
            (7, value) => Json::from(STANDARD.encode(value.bytes()?)),
            _ => found,
        };
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::super::protobuf::put_bytes;
    use super::*;

    fn string(text: &str) -> Vec<u8> {
        let mut out = Vec::new();
        put_bytes(&mut out, 1, text.as_bytes());
        out
    }

    #[test]
    fn values_become_texts() {
        let of = |any: &[u8]| text(any, 8).map(Cow::into_owned).map_err(|bad| bad.code);
        assert_eq!(of(&string("as it is")).unwrap(), "as it is");
        assert_eq!(of(&[]).unwrap(), "");
        assert_eq!(of(&[0x10, 1]).unwrap(), "true");
        let minus_one = [&[0x18][..], &[0xff; 9], &[1]].concat();
        assert_eq!(of(&minus_one).unwrap(), "-1");
        assert_eq!(of(&[&[0x21][..], &0.5f64.to_le_bytes()].concat()).unwrap(), "0.5");
        assert_eq!(of(&[0x3a, 2, 0xff, 0]).unwrap(), "/wA=");
        let mut member = Vec::new();
        put_bytes(&mut member, 1, b"a");
        put_bytes(&mut member, 2, &string("b"));
        let (mut list, mut map) = (Vec::new(), Vec::new());
        put_bytes(&mut list, 1, &member);
        put_bytes(&mut map, 6, &list);
        assert_eq!(of(&map).unwrap(), r#"{"a":"b"}"#);
        assert_eq!(of(&[0x0a, 1, 0xff]).unwrap_err(), Code::E001);
    }

    #[test]
    fn depth_is_bounded() {
        let mut any = string("x");
        for _ in 0..10_000 {
            let (mut list, mut outer) = (Vec::new(), Vec::new());
            put_bytes(&mut list, 1, &any);
            put_bytes(&mut outer, 5, &list);
            any = outer;
        }
        assert_eq!(text(&any, 64).unwrap_err().code, Code::E006);
    }
}
