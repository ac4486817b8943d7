//! What a decoder hands over: borrowed, as found on the wire.

use super::*;
use crate::canonical::protobuf::{Layer, enclosed};
use std::borrow::Cow;

/// The event's bytes, for its hash and for the dead-letter store.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// As received.
    Raw(&'a [u8]),
    /// A part of a larger text, already parsed.
    Tree(Json<'a, 'a>),
    /// A part of a larger message in protocol buffers.
    Part {
        /// What it lies in, the innermost first.
        layers: &'a [Layer<'a>],
        /// Its bytes.
        bytes: &'a [u8],
    },
}

impl Payload<'_> {
    pub(super) fn hash(self, scratch: &mut Vec<u8>) -> u128 {
        match self {
            Payload::Raw(bytes) | Payload::Part { bytes, .. } => xxh3_128(bytes),
            Payload::Tree(json) => json.digest(scratch),
        }
    }

    /// What a dead letter keeps: a part stands alone in what it lies in, so that it can be sent
    /// again.
    pub(super) fn kept(&self) -> Cow<'_, [u8]> {
        match self {
            Payload::Raw(bytes) => Cow::Borrowed(bytes),
            Payload::Tree(json) => {
                Cow::Owned(serde_json::to_vec(&json.to_value()).unwrap_or_default())
            }
            Payload::Part { layers, bytes } => Cow::Owned(enclosed(layers, bytes)),
        }
    }
}

/// What every event has, as found; an empty text is an absent one.
#[derive(Clone, Copy, Debug)]
pub struct Common<'a> {
    /// Line, element or document, counted from 1.
    pub line: u64,
    /// The event's bytes.
    pub payload: Payload<'a>,
    /// The id its source gave it.
    pub id: &'a str,
    /// The source that the event names.
    pub source: &'a str,
    /// Event time, nanoseconds.
    pub time: Option<i64>,
    /// Receipt as recorded, nanoseconds.
    pub observed: Option<i64>,
    /// What was repaired so far.
    pub quality: Quality,
}

/// A severity as found.
#[derive(Clone, Copy, Debug)]
pub enum SeverityGiven<'a> {
    /// None.
    Absent,
    /// A word.
    Word(&'a str),
    /// A number of the scale of 24.
    Number(i64),
}

/// How an alert's instants are to be read.
#[derive(Clone, Copy, Debug)]
pub enum When {
    /// The event says when it happened, and perhaps when the firing lapses.
    Event {
        /// It ends the alert.
        resolved: bool,
        /// The end of the firing.
        end: Option<i64>,
    },
    /// The sender repeats a state that holds now (SEMANTICS rule 7).
    Repeated {
        /// Since when.
        starts: Option<i64>,
        /// Until when.
        ends: Option<i64>,
        /// What the sender calls it; where it does not, an end that has passed resolves.
        resolved: Option<bool>,
        /// How long it holds without being repeated, seconds; `None` for until resolved.
        timeout_seconds: Option<i64>,
    },
}

/// An alert as found.
#[derive(Clone, Debug)]
pub struct AlertDraft<'a> {
    /// Its rule or type.
    pub name: &'a str,
    /// The source's own key, which replaces name and labels in the fingerprint.
    pub key: &'a str,
    /// The entity named outright.
    pub entity: &'a str,
    /// Identity labels.
    pub labels: Labels<'a>,
    /// What is said of it.
    pub said: Said<'a>,
}

/// What an event says of an alert, whichever alert it is.
#[derive(Clone, Copy, Debug)]
pub struct Said<'a> {
    /// How bad.
    pub severity: SeverityGiven<'a>,
    /// For people.
    pub summary: &'a str,
    /// When.
    pub when: When,
}

/// The hash of the bytes that say which alert an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spelling(pub(super) u128);

/// A spelling that was taken before, with what it means.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    pub(super) spelling: Spelling,
    pub(super) fingerprint: Fingerprint,
}

/// The instants of an alert event.
pub(super) struct Moment {
    pub(super) observed_ns: i64,
    pub(super) time_ns: i64,
    pub(super) onset_ns: i64,
    pub(super) ends: Seconds,
    pub(super) resolved: bool,
}
