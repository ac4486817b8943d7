//! The normal event by hand: simd-json's tape, the fields that matter, a fingerprint.

use simd_json::{Buffers, INPUT_PADDING, Node, Tape};
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// What dedup needs of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// xxh3_128 over tenant, kind, entity, name and labels (SEMANTICS rule 1).
    pub fingerprint: u128,
    /// Event time, whole seconds.
    pub time: i64,
    /// OpenTelemetry's number.
    pub severity: u8,
}

/// Decodes line after line in the same memory.
pub struct TapeDecoder {
    padded: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
    scratch: Vec<u8>,
}

/// The fields of one line, as they stand on its tape.
#[derive(Default)]
struct Line<'a> {
    kind: &'a str,
    name: &'a str,
    time: &'a str,
    severity: &'a str,
    entity: &'a str,
    status: &'a str,
    labels: Vec<(&'a str, &'a str)>,
}

impl Default for TapeDecoder {
    fn default() -> Self {
        TapeDecoder {
            padded: vec![b' '; 4096 + INPUT_PADDING],
            buffers: Buffers::new(4096),
            tape: Tape(Vec::new()),
            scratch: Vec::with_capacity(512),
        }
    }
}

impl TapeDecoder {
    /// How many nodes the tape of `line` has: parsing and nothing else.
    pub fn nodes(&mut self, line: &[u8]) -> usize {
        let mut nodes = 0;
        self.parse(line, |tape, _| nodes = tape.len());
        nodes
    }

    /// The event of `line`, or `None` when it is malformed.
    pub fn event(&mut self, line: &[u8]) -> Option<Event> {
        let mut event = None;
        self.parse(line, |tape, scratch| event = read(tape).and_then(|l| finish(l, scratch)));
        event
    }

    /// The same with the hash of its entity and whether it resolves.
    pub fn placed(&mut self, line: &[u8]) -> Option<(Event, u64, bool)> {
        let mut placed = None;
        self.parse(line, |tape, scratch| {
            placed = read(tape).and_then(|line| {
                let (entity, resolved) = (hash_of(line.entity), line.status == "resolved");
                Some((finish(line, scratch)?, entity, resolved))
            });
        });
        placed
    }

    fn parse(&mut self, line: &[u8], then: impl FnOnce(&[Node<'_>], &mut Vec<u8>)) {
        if self.padded.len() < line.len() + INPUT_PADDING {
            self.padded.resize(line.len() + INPUT_PADDING, b' ');
        }
        self.padded[..line.len()].copy_from_slice(line);
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let padded = &mut self.padded[..line.len() + INPUT_PADDING];
        let parsed = simd_json::fill_tape_padded(padded, line.len(), &mut self.buffers, &mut tape);
        if parsed.is_ok() {
            then(&tape.0, &mut self.scratch);
        }
        self.tape = tape.reset();
    }
}

/// What the floor knows an entity by.
pub fn hash_of(entity: &str) -> u64 {
    xxh3_64(entity.as_bytes())
}

fn read<'a>(tape: &[Node<'a>]) -> Option<Line<'a>> {
    let Node::Object { len, .. } = *tape.first()? else { return None };
    let mut line = Line { labels: Vec::with_capacity(8), ..Line::default() };
    let mut at = 1;
    for _ in 0..len {
        let (Node::String(key), value) = (tape.get(at)?, tape.get(at + 1)?) else { return None };
        if let Node::String(text) = value {
            match *key {
                "kind" => line.kind = text,
                "name" => line.name = text,
                "time" => line.time = text,
                "severity" => line.severity = text,
                "entity" => line.entity = text,
                "status" => line.status = text,
                _ => {}
            }
        } else if let (&"labels", Node::Object { len, .. }) = (key, value) {
            for pair in tape.get(at + 2..at + 2 + 2 * len)?.chunks(2) {
                let [Node::String(key), Node::String(value)] = pair else { return None };
                line.labels.push((key, value));
            }
        }
        at += match value {
            Node::Object { count, .. } | Node::Array { count, .. } => count + 2,
            _ => 2,
        };
    }
    Some(line)
}

fn finish(mut line: Line<'_>, scratch: &mut Vec<u8>) -> Option<Event> {
    if line.kind != "alert" {
        return None;
    }
    let severity = match line.severity {
        "critical" => 18,
        "error" => 17,
        "warning" => 13,
        _ => 9,
    };
    if !line.labels.is_sorted() {
        line.labels.sort_unstable();
    }
    scratch.clear();
    let mut part = |text: &str| {
        scratch.extend_from_slice(&(text.len() as u32).to_le_bytes());
        scratch.extend_from_slice(text.as_bytes());
    };
    for text in ["default", "alert", line.entity, line.name] {
        part(text);
    }
    for (key, value) in &line.labels {
        part(key);
        part(value);
    }
    Some(Event { fingerprint: xxh3_128(scratch), time: seconds(line.time.as_bytes())?, severity })
}

/// Seconds of `2026-11-02T08:00:00.000Z`; the normal event has no other spelling.
fn seconds(text: &[u8]) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| {
        text.get(range)?.iter().try_fold(0i64, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let of_day = number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    // Days from the civil date, in years that begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = year * 365 + year / 4 - year / 100 + year / 400 + of_year - 719_468;
    Some(days * 86_400 + of_day)
}
