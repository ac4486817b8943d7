//! What senders were told was taken, held against what the journal holds.

use super::lines::Lines;
use super::report::{Finding, Found};
use crate::canonical::Framing;
use crate::ingest::record::Head;
use hashbrown::HashMap;
use serde::Deserialize;
use serde::de::{Deserializer as _, SeqAccess, Visitor};
use smol_str::SmolStr;
use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// Bytes of a line that are kept, to name it.
const SHOWN_BYTES_MAX: usize = 64;

/// Things that a sender was told were taken, each an event's line or its id.
///
/// An event is in the journal when its line is, byte for byte but for the white space
/// around it, or when an event of the same `source` and `id` is; an id alone when an event
/// with it is, of whatever source. One that was acknowledged twice need be there once,
/// because a key lets it count once.
#[derive(Debug, Default)]
pub struct Acked {
    entries: Vec<Entry>,
    keys: HashMap<u128, usize>,
    /// Whether any is an id alone, which can only be found by reading every event.
    has_ids: bool,
    repeated: u64,
}

#[derive(Debug)]
struct Entry {
    line: u64,
    shown: SmolStr,
    is_found: bool,
}

/// What an event is known by.
#[derive(Default, Deserialize)]
struct Name<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    source: Option<Cow<'a, str>>,
}

impl Acked {
    /// Reads one thing a line: an event as it was sent, a JSON string, or a bare id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(reader: impl BufRead) -> io::Result<Acked> {
        let mut acked = Acked::default();
        let mut lines = Lines::new(reader);
        while let Some(line) = lines.next_line()? {
            let text = line.bytes.trim_ascii();
            if !text.is_empty() {
                acked.add(line.number, text);
            }
        }
        Ok(acked)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.entries.len() as u64 + self.repeated
    }

    /// A delivery that the journal holds.
    pub fn meet(&mut self, head: &Head, body: &[u8]) {
        if let Some(headers) = &head.headers {
            self.attributed(headers);
        }
        let mut rest = body;
        for message in &head.messages {
            // Each is a body of its own, and they lie one behind the other.
            let (own, behind) = rest.split_at((message.bytes as usize).min(rest.len()));
            rest = behind;
            self.attributed(&message.attributes);
            self.body(Framing::Body, own);
        }
        if head.messages.is_empty() {
            self.body(head.framing, body);
        }
    }

    /// A CloudEvent in binary mode, which has its name in its headers.
    fn attributed(&mut self, headers: &[(String, String)]) {
        let value = |wanted: &str| {
            let is_it = |(name, _): &&(String, String)| name.eq_ignore_ascii_case(wanted);
            headers.iter().find(is_it).map(|(_, value)| Cow::Borrowed(value.as_str()))
        };
        self.named(&Name { id: value("ce-id"), source: value("ce-source") });
    }

    fn body(&mut self, framing: Framing, body: &[u8]) {
        match framing {
            // What a longer array was cut into lacks its opening bracket.
            Framing::Elements { .. } => self.array(&[b"[", body].concat()),
            Framing::Body if body.trim_ascii_start().starts_with(b"[") => {
                self.array(body);
                // Other lines may follow one that is an array by itself; within an array over
                // several lines there is nothing that the journal does not hold.
                self.lines(body.trim_ascii_start(), 1);
            }
            Framing::Body if self.object(body.trim_ascii()) => {}
            Framing::Body | Framing::Lines => self.lines(body, 0),
        }
    }

    /// Lines, each an event or an array of them, but for so many.
    fn lines(&mut self, body: &[u8], skipped: usize) {
        let lines = body.split(|byte| *byte == b'\n').skip(skipped);
        for line in lines.map(<[u8]>::trim_ascii) {
            if line.starts_with(b"[") {
                self.array(line);
            } else {
                self.object(line);
            }
        }
    }

    /// One event; false when it is none.
    fn object(&mut self, text: &[u8]) -> bool {
        let is_known = self.found(of_line(text));
        if is_known && !self.has_ids {
            return true;
        }
        let name = serde_json::from_slice::<Name<'_>>(text);
        if let Ok(name) = &name {
            self.named(name);
        }
        is_known || name.is_ok()
    }

    /// Events of an array, up to where it breaks off.
    fn array(&mut self, text: &[u8]) {
        // An array that is not closed costs its end only, as in the decoder.
        let _ = serde_json::Deserializer::from_slice(text).deserialize_seq(Elements(self));
    }

    /// Those that the journal does not hold.
    pub(super) fn lost(&self, file: &SmolStr) -> Found {
        let mut lost = Found::default();
        for entry in self.entries.iter().filter(|entry| !entry.is_found) {
            let detail = || format!("was acknowledged and is not in the journal: {}", entry.shown);
            lost.add(|| Finding { detail: detail(), ..Finding::default() }.at(file, entry.line));
        }
        lost
    }

    fn add(&mut self, line: u64, text: &[u8]) {
        let mut keys = Vec::with_capacity(2);
        if text.starts_with(b"{") {
            keys.push(of_line(text));
            if let Ok(Name { id: Some(id), source }) = serde_json::from_slice(text) {
                keys.push(of_name(source.as_deref(), &id));
            }
        } else {
            self.has_ids = true;
            let id = match serde_json::from_slice::<Cow<'_, str>>(text) {
                Ok(id) => id,
                Err(_) => String::from_utf8_lossy(text),
            };
            keys.push(of_id(&id));
        }
        if self.keys.contains_key(&keys[0]) {
            self.repeated += 1;
            return;
        }
        for key in keys {
            self.keys.entry(key).or_insert(self.entries.len());
        }
        let shown = String::from_utf8_lossy(&text[..text.len().min(SHOWN_BYTES_MAX)]);
        let more = if text.len() > SHOWN_BYTES_MAX { "…" } else { "" };
        let shown = SmolStr::from(format!("{shown}{more}"));
        self.entries.push(Entry { line, shown, is_found: false });
    }

    fn named(&mut self, name: &Name<'_>) {
        if let Some(id) = &name.id {
            self.found(of_name(name.source.as_deref(), id));
            self.found(of_id(id));
        }
    }

    fn found(&mut self, key: u128) -> bool {
        let Some(at) = self.keys.get(&key) else { return false };
        self.entries[*at].is_found = true;
        true
    }
}

/// Takes the elements of an array as they come.
struct Elements<'a>(&'a mut Acked);

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of events")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element::<serde_json::Value>()? {
            let text = |field: &str| Some(Cow::Borrowed(element.get(field)?.as_str()?));
            self.0.named(&Name { id: text("id"), source: text("source") });
        }
        Ok(())
    }
}

fn of_line(line: &[u8]) -> u128 {
    xxh3_128(line)
}

fn of_id(id: &str) -> u128 {
    hash(&[b"id", id.as_bytes()])
}

fn of_name(source: Option<&str>, id: &str) -> u128 {
    hash(&[b"name", source.unwrap_or_default().as_bytes(), id.as_bytes()])
}

/// A hash of texts of which none can be taken for a part of another.
fn hash(texts: &[&[u8]]) -> u128 {
    let mut hasher = Xxh3::new();
    for text in texts {
        hasher.update(&(text.len() as u64).to_le_bytes());
        hasher.update(text);
    }
    hasher.digest128()
}
