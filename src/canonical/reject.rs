//! Why an event is refused or repaired, and what is kept of a refused one.

use crate::hex::hex;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;
use std::fmt;
use xxhash_rust::xxh3::xxh3_128;

/// The violations of EVENT.md section 5; a closed list, so that they can be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Code {
    /// Not JSON, or not the shape the format asks for.
    E001,
    /// Larger than the limit.
    E002,
    /// A major version of the schema that is not known.
    E003,
    /// A required field is missing or makes no sense, and nothing stands in for it.
    E004,
    /// Invalid UTF-8 in a key.
    E005,
    /// Too deep, or too many keys.
    E006,
    /// Another tenant's than the token's.
    E007,
    /// No event time.
    W101,
    /// Event time in the future.
    W102,
    /// Older than the lateness bound.
    W103,
    /// A unit that is not one.
    W104,
    /// A severity that no table has.
    W105,
    /// A value was cut, or dropped because it is of another type than the schema's.
    W106,
    /// Labels were dropped.
    W107,
    /// An end before the beginning.
    W108,
    /// Not a finite number.
    W109,
    /// A counter went back.
    W110,
    /// A trace id that is none.
    W111,
    /// No entity to be found.
    W112,
    /// The source's clock is off.
    W113,
}

impl Code {
    /// Every code, in the order of their numbers.
    pub const ALL: [Code; 20] = [
        Code::E001,
        Code::E002,
        Code::E003,
        Code::E004,
        Code::E005,
        Code::E006,
        Code::E007,
        Code::W101,
        Code::W102,
        Code::W103,
        Code::W104,
        Code::W105,
        Code::W106,
        Code::W107,
        Code::W108,
        Code::W109,
        Code::W110,
        Code::W111,
        Code::W112,
        Code::W113,
    ];

    /// As written on wires and in metrics.
    pub fn word(self) -> &'static str {
        self.row().0
    }

    /// What is wrong.
    pub fn text(self) -> &'static str {
        self.row().1
    }

    /// What the sender can do about it.
    pub fn remedy(self) -> &'static str {
        self.row().2
    }

    /// Whether it refuses an event always, and not only under a strict policy.
    pub fn refuses(self) -> bool {
        self < Code::W101
    }

    /// The repairs, in the order of their numbers.
    pub fn repairs() -> &'static [Code] {
        &Code::ALL[Code::W101 as usize..]
    }

    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Code::E001 => ("E001", "undecodable", "send one complete JSON value for each event"),
            Code::E002 => ("E002", "too large", "send smaller events, or raise event_bytes_max"),
            Code::E003 => ("E003", "unknown schema version", "send event/1.x, or update Causeway"),
            Code::E004 => ("E004", "required field missing or invalid", "give the field named"),
            Code::E005 => ("E005", "invalid UTF-8 in a key", "send UTF-8"),
            Code::E006 => ("E006", "too deep or too many keys", "flatten the event"),
            Code::E007 => ("E007", "another tenant's", "leave tenant out: the token decides"),
            Code::W101 => ("W101", "time missing, receipt taken", "send time"),
            Code::W102 => ("W102", "time in the future, receipt taken", "set the sender's clock"),
            Code::W103 => {
                ("W103", "older than the lateness bound", "send sooner, or raise lateness")
            }
            Code::W104 => ("W104", "unit unknown", "send a UCUM unit"),
            Code::W105 => ("W105", "severity unmapped, info taken", "map the word for this source"),
            Code::W106 => (
                "W106",
                "value cut to its limit, or of another type and dropped",
                "send shorter values, of the types in `causeway schema event`",
            ),
            Code::W107 => ("W107", "labels dropped", "send fewer labels, as strings"),
            Code::W108 => ("W108", "end before time, dropped", "send end_time after time"),
            Code::W109 => ("W109", "not a finite number, dropped", "send finite numbers"),
            Code::W110 => ("W110", "counter went back", "nothing: a restart does that"),
            Code::W111 => ("W111", "trace id malformed, dropped", "send 32 hexadecimal digits"),
            Code::W112 => ("W112", "entity unknown", "send entity, or labels that name one"),
            Code::W113 => ("W113", "the source's clock is off", "set the sender's clock"),
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// The repairs made to one event, as a bit set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality(u16);

impl Quality {
    /// Notes a repair.
    ///
    /// # Panics
    /// When `code` is no repair, which is our own mistake.
    #[inline]
    pub fn note(&mut self, code: Code) {
        assert!(code >= Code::W101, "{code} refuses an event");
        self.0 |= 1 << (code as u8 - Code::W101 as u8);
    }

    /// Whether nothing was repaired.
    #[inline]
    pub fn is_clean(self) -> bool {
        self.0 == 0
    }

    /// Whether `code` was noted.
    #[inline]
    pub fn has(self, code: Code) -> bool {
        code >= Code::W101 && self.0 & (1 << (code as u8 - Code::W101 as u8)) != 0
    }

    /// The repairs noted, in the order of their numbers.
    pub fn codes(self) -> impl Iterator<Item = Code> {
        Code::repairs().iter().copied().filter(move |code| self.has(*code))
    }
}

/// Where some bytes came from, so that they can be found again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The configured source.
    pub source_id: SmolStr,
    /// The file, or the topic and partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<SmolStr>,
    /// Position in the partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Number of the request, where there are no offsets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

/// An event that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Line, element or document, counted from 1.
    pub line: u64,
    /// Why.
    pub code: Code,
    /// Path of the field at fault; empty for the whole.
    pub field: SmolStr,
    /// Why, with particulars.
    pub message: String,
    /// The event as received, up to [`Reject::PAYLOAD_BYTES_MAX`].
    pub payload: Box<[u8]>,
    /// How long the event was.
    pub payload_bytes: u64,
    /// What it was read as, such as `event/1.0` or `otlp_logs`.
    pub schema: &'static str,
    /// Where it came from.
    pub origin: Origin,
    /// Whose it would have been.
    pub tenant: SmolStr,
}

impl Reject {
    /// Bytes of an event that are kept.
    pub const PAYLOAD_BYTES_MAX: usize = 256 << 10;

    /// The record for the dead-letter store, a CloudEvent.
    pub fn dead_letter(&self, first_seen: &str, attempts: u32) -> DeadLetter {
        let mut seed = serde_json::to_vec(&self.origin).unwrap_or_default();
        seed.extend_from_slice(&self.line.to_le_bytes());
        seed.extend_from_slice(self.code.word().as_bytes());
        seed.extend_from_slice(self.tenant.as_bytes());
        seed.extend_from_slice(&self.payload);
        DeadLetter {
            specversion: SmolStr::new_static("1.0"),
            id: format!("dlq-{:032x}", xxh3_128(&seed)),
            source: format!("/causeway/sources/{}", self.origin.source_id),
            kind: SmolStr::new_static(DeadLetter::TYPE),
            time: first_seen.to_owned(),
            datacontenttype: SmolStr::new_static("application/json"),
            data: DeadLetterData {
                code: SmolStr::new_static(self.code.word()),
                message: self.message.clone(),
                remedy: SmolStr::new_static(self.code.remedy()),
                field: self.field.clone(),
                source: self.origin.source_id.clone(),
                tenant: self.tenant.clone(),
                line: self.line,
                origin: self.origin.clone(),
                attempts,
                first_seen: first_seen.to_owned(),
                schema: SmolStr::new_static(self.schema),
                payload: STANDARD.encode(&self.payload),
                payload_bytes: self.payload_bytes,
                sha256: hex(&Sha256::digest(&self.payload)),
            },
        }
    }
}

/// A refused event as the dead-letter store keeps it: CloudEvents, structured mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The version of CloudEvents.
    pub specversion: SmolStr,
    /// A hash of origin, line, code, tenant and payload: a record read again is the same record.
    pub id: String,
    /// Which source of this process.
    pub source: String,
    /// [`DeadLetter::TYPE`].
    #[serde(rename = "type")]
    pub kind: SmolStr,
    /// First refused, RFC 3339.
    pub time: String,
    /// The type of `data`.
    pub datacontenttype: SmolStr,
    /// The rest.
    pub data: DeadLetterData,
}

impl DeadLetter {
    /// The CloudEvents type of the records.
    pub const TYPE: &str = "dev.causeway.dlq.record.v1";
}

/// What a dead letter says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterData {
    /// The code, such as `E004`.
    pub code: SmolStr,
    /// What was wrong.
    pub message: String,
    /// What the sender can do.
    pub remedy: SmolStr,
    /// Path of the field at fault.
    pub field: SmolStr,
    /// The configured source.
    pub source: SmolStr,
    /// Whose it would have been.
    pub tenant: SmolStr,
    /// Line, element or document, counted from 1.
    pub line: u64,
    /// Where the bytes came from.
    pub origin: Origin,
    /// How often it was tried.
    pub attempts: u32,
    /// First refused, RFC 3339.
    pub first_seen: String,
    /// The schema it was read as.
    pub schema: SmolStr,
    /// The event's bytes in base64, up to [`Reject::PAYLOAD_BYTES_MAX`] of them.
    pub payload: String,
    /// How long the event was.
    pub payload_bytes: u64,
    /// SHA-256 of the bytes in `payload`.
    pub sha256: String,
}

impl DeadLetterData {
    /// The event's bytes again; `None` when they are damaged.
    pub fn payload_bytes(&self) -> Option<Vec<u8>> {
        let bytes = STANDARD.decode(&self.payload).ok()?;
        (hex(&Sha256::digest(&bytes)) == self.sha256).then_some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_in_order_and_named_like_their_variants() {
        for (at, code) in Code::ALL.into_iter().enumerate() {
            assert_eq!(code as usize, at);
            assert_eq!(format!("{code:?}"), code.word());
            assert!(!code.text().is_empty() && !code.remedy().is_empty());
            assert_eq!(code.refuses(), code.word().starts_with('E'));
        }
    }

    #[test]
    fn a_bit_for_each_repair() {
        let mut quality = Quality::default();
        assert!(quality.is_clean());
        for code in [Code::W113, Code::W101] {
            quality.note(code);
        }
        assert_eq!(quality.codes().collect::<Vec<_>>(), [Code::W101, Code::W113]);
        assert!(!quality.has(Code::E001) && !quality.has(Code::W102));
    }

    #[test]
    fn a_dead_letter_gives_the_event_back() {
        let reject = Reject {
            line: 3,
            code: Code::E004,
            field: SmolStr::new("kind"),
            message: "event has no kind".to_owned(),
            payload: Box::from(&b"{\"id\":\"a\"}\xff"[..]),
            payload_bytes: 11,
            schema: "event/1.0",
            origin: Origin { source_id: "http".into(), seq: Some(9), ..Origin::default() },
            tenant: "default".into(),
        };
        let letter = reject.dead_letter("2026-11-23T07:00:00Z", 1);
        let json = serde_json::to_string(&letter).unwrap();
        let back: DeadLetter = serde_json::from_str(&json).unwrap();
        assert_eq!(back, letter);
        assert_eq!(back.data.payload_bytes().unwrap(), &*reject.payload);
        assert_eq!(reject.dead_letter("2026-11-24T07:00:00Z", 2).id, letter.id);
        let mut damaged = back.data;
        damaged.payload = STANDARD.encode(b"other");
        assert_eq!(damaged.payload_bytes(), None);
    }
}
