//! What a frame of the journal holds: the submissions of one epoch and what else went in.

use crate::ingest::record::{Head, Record};
use crate::journal::{Frame, PartRef};
use crate::settings::Settings;
use bytes::Bytes;
use causeway_dataflows::model::ContextEvent;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

/// The head of a submission; its body is the next part.
const HEAD: u8 = 1;
/// The bytes of a submission.
const BODY: u8 = 2;
/// Context events that no source sent, as a JSON array.
const CONTEXT: u8 = 3;
/// A process began here.
const RUN: u8 = 4;
/// Flag of a frame whose epoch drains.
pub(super) const DRAIN: u8 = 1;

/// A process that wrote to the journal, told in its first frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The program's version.
    pub version: String,
    /// A hash of the settings that decide what becomes of input.
    pub settings: String,
    /// What tells this journal from every other; that of the first process that wrote to it.
    pub journal: String,
}

impl Run {
    /// This program under `settings`, writing to the journal called `journal`.
    pub fn of(settings: &Settings, journal: String) -> Run {
        let decides = (&settings.params, &settings.emission, settings.sources.len());
        Run {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settings: format!("{:032x}", xxh3_128(format!("{decides:?}").as_bytes())),
            journal,
        }
    }

    /// Whether the same input became the same in both, as far as they say.
    pub fn decides_as(&self, other: &Run) -> bool {
        (&self.settings, &self.version) == (&other.settings, &other.version)
    }
}

/// A part of a frame, understood.
#[derive(Debug)]
pub(super) enum Entry {
    Submission(Box<Head>, Bytes),
    Context(Vec<ContextEvent>),
    Run(Run),
}

/// A frame whose checksums hold and whose meaning nobody knows.
#[derive(Debug, thiserror::Error)]
#[error("epoch {epoch} of the journal, part {part}: {problem}; the program that wrote it reads it")]
pub struct EntryError {
    /// The frame's epoch.
    pub epoch: u64,
    /// Which part, from 0.
    pub part: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// The parts of an epoch as they are written, before they are borrowed.
#[derive(Default)]
pub(super) struct Parts {
    owned: Vec<(u8, Vec<u8>)>,
}

impl Parts {
    pub(super) fn run(&mut self, run: &Run) {
        self.owned.push((RUN, serde_json::to_vec(run).unwrap_or_default()));
    }

    pub(super) fn context(&mut self, events: &[ContextEvent]) {
        if !events.is_empty() {
            self.owned.push((CONTEXT, serde_json::to_vec(events).unwrap_or_default()));
        }
    }

    pub(super) fn submission(&mut self, record: Record) {
        self.owned.push((HEAD, record.head));
        self.owned.push((BODY, record.body));
    }

    /// How many submissions there are.
    pub(super) fn submissions(&self) -> usize {
        self.owned.iter().filter(|(tag, _)| *tag == HEAD).count()
    }

    pub(super) fn refs(&self) -> Vec<PartRef<'_>> {
        self.owned.iter().map(|(tag, bytes)| PartRef { tag: *tag, bytes }).collect()
    }
}

/// What a frame holds, in order.
pub(super) fn entries(frame: &Frame) -> Result<Vec<Entry>, EntryError> {
    let mut entries = Vec::with_capacity(frame.parts.len());
    let mut parts = frame.parts.iter().enumerate();
    while let Some((at, part)) = parts.next() {
        let wrong = |problem: String| EntryError { epoch: frame.epoch, part: at, problem };
        let json = |error: serde_json::Error| wrong(error.to_string());
        entries.push(match part.tag {
            HEAD => {
                let head = serde_json::from_slice(&part.bytes).map_err(json)?;
                match parts.next() {
                    Some((_, body)) if body.tag == BODY => {
                        Entry::Submission(Box::new(head), body.bytes.clone())
                    }
                    _ => return Err(wrong("a submission without its bytes".to_owned())),
                }
            }
            CONTEXT => Entry::Context(serde_json::from_slice(&part.bytes).map_err(json)?),
            RUN => Entry::Run(serde_json::from_slice(&part.bytes).map_err(json)?),
            tag => return Err(wrong(format!("a part with the unknown tag {tag}"))),
        });
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Part;

    fn frame(parts: &[(u8, &str)]) -> Frame {
        let part = |(tag, text): &(u8, &str)| Part {
            tag: *tag,
            bytes: Bytes::copy_from_slice(text.as_bytes()),
        };
        Frame { epoch: 7, now: 0, flags: 0, parts: parts.iter().map(part).collect() }
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for (parts, problem) in [
            (&[(9, "")][..], "epoch 7 of the journal, part 0: a part with the unknown tag 9"),
            (&[(CONTEXT, "[]"), (HEAD, "{")], "part 1: EOF while parsing"),
            (&[(RUN, "{}")], "part 0: missing field `version`"),
        ] {
            let told = entries(&frame(parts)).unwrap_err().to_string();
            assert!(told.contains(problem), "{told}");
        }
        assert_eq!(entries(&frame(&[(CONTEXT, "[]")])).unwrap().len(), 1);
    }
}
