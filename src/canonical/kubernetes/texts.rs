//! Where one object ends and the next begins: values of JSON one behind the other, as `kubectl`
//! prints them with and without `--watch`, or documents of YAML.

use crate::canonical::backstage::document;
use crate::canonical::frame::{line_feeds, trim, trim_start};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;

/// A stretch of text that holds no value.
pub(super) struct Broken<'a> {
    pub(super) text: &'a [u8],
    pub(super) why: String,
}

/// Hands over each value as JSON, with how many lines or documents come before it; gives the
/// number of all of them.
pub(super) fn each<'a>(
    bytes: &'a [u8],
    take: &mut dyn FnMut(u64, Result<Cow<'a, [u8]>, Broken<'a>>),
) -> u64 {
    match trim(bytes).first() {
        Some(b'{' | b'[') => values(bytes, take),
        _ => documents(bytes, take),
    }
}

fn values<'a>(
    bytes: &'a [u8],
    take: &mut dyn FnMut(u64, Result<Cow<'a, [u8]>, Broken<'a>>),
) -> u64 {
    let mut rest = trim_start(bytes);
    while !rest.is_empty() {
        let before = line_feeds(&bytes[..bytes.len() - rest.len()]);
        let mut stream = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
        match stream.next() {
            Some(Ok(_)) => {
                let (value, behind) = rest.split_at(stream.byte_offset());
                take(before, Ok(Cow::Borrowed(value)));
                rest = trim_start(behind);
            }
            Some(Err(error)) => {
                // What is cut short goes to the end, else the next object begins a line.
                let end = if error.is_eof() { rest.len() } else { next_object(rest) };
                let why = format!("not JSON: {error}");
                take(before, Err(Broken { text: trim(&rest[..end]), why }));
                rest = trim_start(&rest[end..]);
            }
            None => break,
        }
    }
    line_feeds(bytes) + u64::from(!bytes.ends_with(b"\n"))
}

/// Where the next line begins that begins with an object.
fn next_object(text: &[u8]) -> usize {
    text.windows(2).position(|pair| pair == b"\n{").map_or(text.len(), |at| at + 1)
}

fn documents<'a>(
    bytes: &'a [u8],
    take: &mut dyn FnMut(u64, Result<Cow<'a, [u8]>, Broken<'a>>),
) -> u64 {
    let mut count = 0;
    for text in document::split(bytes) {
        let json = std::str::from_utf8(text).map_err(|error| format!("invalid UTF-8: {error}"));
        let json = json.and_then(|text| {
            let value: Result<serde_json::Value, _> = serde_saphyr::from_str(text);
            let message =
                |error: String| format!("not YAML: {}", error.lines().next().unwrap_or_default());
            let value = value.map_err(|error| message(error.to_string()))?;
            match value.is_object() || value.is_array() {
                true => serde_json::to_vec(&value).map_err(|error| error.to_string()),
                false => Err("a document is a mapping".to_owned()),
            }
        });
        take(count, json.map(Cow::Owned).map_err(|why| Broken { text, why }));
        count += 1;
    }
    count
}

/// What tells objects of Kubernetes from native events and from a catalogue.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head<'a> {
    #[serde(borrow)]
    api_version: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    event: Option<Cow<'a, str>>,
    object: Option<IgnoredAny>,
}

/// Whether bytes hold objects of Kubernetes, by the first value or document in them.
pub fn is_kubernetes(bytes: &[u8]) -> bool {
    let text = trim(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes));
    if let Some(b'{' | b'[') = text.first() {
        let text = if text[0] == b'[' { trim_start(&text[1..]) } else { text };
        let head = serde_json::Deserializer::from_slice(text).into_iter::<Head<'_>>().next();
        let Some(Ok(head)) = head else { return false };
        let watched = matches!(
            head.event.as_deref(),
            Some("ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR")
        );
        return head.api_version.is_some_and(|version| !is_catalogue(&version))
            || (watched && head.object.is_some());
    }
    // The first key of that name in the first column is the document's own.
    let version = document::split(text).next().and_then(|document| {
        let lines = document.split(|byte| *byte == b'\n');
        lines.filter_map(|line| line.strip_prefix(b"apiVersion:")).next()
    });
    version.is_some_and(|version| {
        let version = String::from_utf8_lossy(version);
        !is_catalogue(version.trim().trim_matches(['"', '\'']))
    })
}

fn is_catalogue(version: &str) -> bool {
    version.starts_with("backstage.io/")
}
