//! Lines of a sink as they lie there, and which revision a line is.

use crate::emit::wire::Time;
use serde::Deserialize;
use smol_str::SmolStr;
use std::io::{self, BufRead};

/// A longer line is no revision: 400,000 alerts fit into one of this length.
const LINE_BYTES_MAX: usize = 256 << 20;
/// How every revision begins; its incident and number follow.
const OPENING: &[u8] = br#"{"specversion":"1.0","id":""#;

/// Reads line by line, in memory that is bounded.
pub(super) struct Lines<R> {
    reader: R,
    line: Vec<u8>,
    line_bytes_max: usize,
    number: u64,
}

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: u64,
    pub(super) bytes: &'a [u8],
    /// Whether it was too long and not all of it is here.
    pub(super) is_cut: bool,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(reader: R) -> Lines<R> {
        Lines::bounded(reader, LINE_BYTES_MAX)
    }

    pub(super) fn bounded(reader: R, line_bytes_max: usize) -> Lines<R> {
        Lines { reader, line: Vec::new(), line_bytes_max, number: 0 }
    }

    /// The next line; `None` at the end.
    pub(super) fn next_line(&mut self) -> io::Result<Option<Line<'_>>> {
        self.line.clear();
        let (mut is_any, mut is_ended, mut is_cut) = (false, false, false);
        while !is_ended {
            let held = match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                held => held?,
            };
            if held.is_empty() {
                break;
            }
            is_any = true;
            let end = held.iter().position(|byte| *byte == b'\n');
            let part = &held[..end.unwrap_or(held.len())];
            let room = self.line_bytes_max - self.line.len();
            is_cut |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            is_ended = end.is_some();
            let used = end.map_or(held.len(), |at| at + 1);
            self.reader.consume(used);
        }
        if !is_any {
            return Ok(None);
        }
        self.number += 1;
        Ok(Some(Line { number: self.number, bytes: &self.line, is_cut }))
    }
}

/// What the first bytes of a line say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Head<'a> {
    /// It begins as the revision of that incident and number does.
    Revision(&'a str, u64),
    /// It breaks off before it has said which, after so much of the incident's id.
    Broken(&'a str),
    /// It does not begin as a revision does.
    Other,
}

impl Head<'_> {
    pub(super) fn of(bytes: &[u8]) -> Head<'_> {
        let Some(rest) = bytes.strip_prefix(OPENING) else {
            return if OPENING.starts_with(bytes) { Head::Broken("") } else { Head::Other };
        };
        let end = rest.iter().position(|byte| *byte == b'"');
        let Ok(name) = std::str::from_utf8(&rest[..end.unwrap_or(rest.len())]) else {
            return Head::Other;
        };
        if end.is_none() {
            return Head::Broken(name);
        }
        let parsed = name.rsplit_once('/').and_then(|(id, text)| {
            let number: u64 = text.parse().ok()?;
            // One spelling each: `+1` and `01` are none of ours.
            (number.to_string() == text).then_some((id, number))
        });
        parsed.map_or(Head::Other, |(id, number)| Head::Revision(id, number))
    }
}

/// What a line as a whole is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Whole {
    /// A revision, however it is written, and when it was told.
    Revision(SmolStr, u64, Option<Time>),
    /// JSON that breaks off: no other damage leaves that.
    Broken,
    /// Something else.
    Other,
}

impl Whole {
    pub(super) fn of(bytes: &[u8]) -> Whole {
        #[derive(Deserialize)]
        struct Envelope {
            data: Data,
        }
        #[derive(Deserialize)]
        struct Data {
            incident_id: SmolStr,
            revision: u64,
            updated_at: Option<Time>,
        }
        match serde_json::from_slice(bytes) {
            Ok(Envelope { data: Data { incident_id, revision, updated_at } }) => {
                Whole::Revision(incident_id, revision, updated_at)
            }
            Err(error) if error.is_eof() => Whole::Broken,
            // To the parser a number that ends with its point is a wrong one.
            Err(_) => match serde_json::from_slice::<Envelope>(&[bytes, b"0"].concat()) {
                Err(error) if error.is_eof() => Whole::Broken,
                _ => Whole::Other,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::wire::sample;
    use std::io::BufReader;

    #[test]
    fn lines_come_whole_whatever_the_buffer_and_are_cut_where_they_are_too_long() {
        let text = b"one\n\ntwo\nfar too long\nend";
        for buffer in [1, 2, 3, 100] {
            let mut lines = Lines::bounded(BufReader::with_capacity(buffer, &text[..]), 8);
            let mut found = Vec::new();
            while let Some(line) = lines.next_line().unwrap() {
                let text = String::from_utf8(line.bytes.to_vec()).unwrap();
                found.push((line.number, text, line.is_cut));
            }
            let expected = [
                (1, "one", false),
                (2, "", false),
                (3, "two", false),
                (4, "far too ", true),
                (5, "end", false),
            ];
            let expected = expected.map(|(at, text, cut)| (at, text.to_owned(), cut));
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn the_head_of_every_beginning_of_a_revision_is_known() {
        let line = sample::message("inc-0123", 42).line;
        let named = OPENING.len() + "inc-0123/42\"".len();
        for end in 0..=line.len() {
            let head = Head::of(&line.as_bytes()[..end]);
            let whole = Whole::of(&line.as_bytes()[..end]);
            assert_eq!(whole == Whole::Broken, end < line.len(), "{end}: {whole:?}");
            match end {
                _ if end >= named => assert_eq!(head, Head::Revision("inc-0123", 42), "{end}"),
                _ => assert!(matches!(head, Head::Broken(_)), "{end}: {head:?}"),
            }
        }
        assert!(
            matches!(Whole::of(line.as_bytes()), Whole::Revision(id, 42, Some(_)) if id == "inc-0123")
        );
        let broken = Head::of(&line.as_bytes()[..named - 2]);
        assert_eq!(broken, Head::Broken("inc-0123/4"));
    }

    #[test]
    fn what_does_not_begin_as_a_revision_is_told_apart() {
        for text in [
            "x",
            "{\"a\":1}",
            "{\"specversion\":\"1.0\",\"id\":\"inc-1\",",
            "{\"specversion\":\"1.0\",\"id\":\"inc-1/x\",",
            "{\"specversion\":\"1.0\",\"id\":\"inc-1/01\",",
        ] {
            assert_eq!(Head::of(text.as_bytes()), Head::Other, "{text}");
            assert!(!matches!(Whole::of(text.as_bytes()), Whole::Revision(..)), "{text}");
        }
    }
}
