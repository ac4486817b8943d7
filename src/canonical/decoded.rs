//! What one call of a decoder yields.

use super::reject::{Code, Reject};
use crate::emit::summary::Books;
use causeway_dataflows::model::{AlertBatch, ContextEvent, Seconds, SignalBatch};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::ops::AddAssign;

/// What sort of event it is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, JsonSchema, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "NativeKind", rename_all = "snake_case", description = "The kinds of events.")]
#[repr(u8)]
pub enum Kind {
    /// Something fires or ends.
    Alert,
    /// A line of a log.
    Log,
    /// A sample.
    Metric,
    /// A part of a trace.
    Span,
    /// What people or machines did.
    Change,
    /// A node of the topology.
    Entity,
    /// An edge of the topology.
    Relation,
    /// A verdict on an incident.
    Feedback,
    /// A sign of life; nothing but the envelope.
    Heartbeat,
    /// Matchers that keep alerts out of incidents for a while.
    Silence,
    /// A planned window.
    Maintenance,
    /// A standing instruction about alerts.
    Rule,
    /// Weights of the scorer.
    Model,
    /// Understood, and about nothing that the engine reads; no word on the wire.
    #[schemars(skip)]
    Other,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Kind; 14] = [
        Kind::Alert,
        Kind::Log,
        Kind::Metric,
        Kind::Span,
        Kind::Change,
        Kind::Entity,
        Kind::Relation,
        Kind::Feedback,
        Kind::Heartbeat,
        Kind::Silence,
        Kind::Maintenance,
        Kind::Rule,
        Kind::Model,
        Kind::Other,
    ];

    /// The kind that a word of the native form means.
    #[inline]
    pub fn parse(word: &str) -> Option<Kind> {
        if word == "alert" {
            return Some(Kind::Alert);
        }
        Kind::ALL.into_iter().find(|kind| kind.word() == word && *kind != Kind::Other)
    }

    /// The word on the wire and in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Alert => "alert",
            Kind::Log => "log",
            Kind::Metric => "metric",
            Kind::Span => "span",
            Kind::Change => "change",
            Kind::Entity => "entity",
            Kind::Relation => "relation",
            Kind::Feedback => "feedback",
            Kind::Heartbeat => "heartbeat",
            Kind::Silence => "silence",
            Kind::Maintenance => "maintenance",
            Kind::Rule => "rule",
            Kind::Model => "model",
            Kind::Other => "other",
        }
    }

    /// Whether events of this kind are signals, of which alerts are made only when they are out of the ordinary.
    pub fn is_signal(self) -> bool {
        matches!(self, Kind::Log | Kind::Metric | Kind::Span | Kind::Heartbeat | Kind::Other)
    }
}

/// One number for each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<(SmolStr, u64)>", from = "Vec<(SmolStr, u64)>")]
pub struct ByKind([u64; Kind::ALL.len()]);

impl ByKind {
    /// Adds one to `kind`.
    #[inline]
    pub fn add_one(&mut self, kind: Kind) {
        self.0[kind as usize] += 1;
    }

    /// The number of `kind`.
    pub fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    /// The sum.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Kinds whose number is not zero, in the order of [`Kind::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl From<ByKind> for Vec<(SmolStr, u64)> {
    fn from(counts: ByKind) -> Self {
        counts.iter().map(|(what, count)| (SmolStr::new_static(what.word()), count)).collect()
    }
}

/// A word that is no more is left out.
impl From<Vec<(SmolStr, u64)>> for ByKind {
    fn from(words: Vec<(SmolStr, u64)>) -> Self {
        let mut counts = ByKind::default();
        for (word, count) in words {
            if let Some(what) = Kind::ALL.into_iter().find(|what| what.word() == word) {
                counts.0[what as usize] = count;
            }
        }
        counts
    }
}

impl AddAssign<&ByKind> for ByKind {
    fn add_assign(&mut self, other: &ByKind) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

/// One number for each code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Vec<(SmolStr, u64)>", from = "Vec<(SmolStr, u64)>")]
pub struct ByCode([u64; Code::ALL.len()]);

impl ByCode {
    /// Adds one to `code`.
    pub fn add_one(&mut self, code: Code) {
        self.0[code as usize] += 1;
    }

    /// The number of `code`.
    pub fn of(&self, code: Code) -> u64 {
        self.0[code as usize]
    }

    /// The sum.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Codes whose number is not zero, in the order of [`Code::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Code, u64)> {
        Code::ALL.into_iter().zip(self.0).filter(|(_, count)| *count > 0)
    }
}

impl From<ByCode> for Vec<(SmolStr, u64)> {
    fn from(counts: ByCode) -> Self {
        counts.iter().map(|(what, count)| (SmolStr::new_static(what.word()), count)).collect()
    }
}

/// A word that is no more is left out.
impl From<Vec<(SmolStr, u64)>> for ByCode {
    fn from(words: Vec<(SmolStr, u64)>) -> Self {
        let mut counts = ByCode::default();
        for (word, count) in words {
            if let Some(what) = Code::ALL.into_iter().find(|what| what.word() == word) {
                counts.0[what as usize] = count;
            }
        }
        counts
    }
}

impl AddAssign<&ByCode> for ByCode {
    fn add_assign(&mut self, other: &ByCode) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine += theirs;
        }
    }
}

/// The books of a decoder: received = accepted + rejected + duplicate, and
/// accepted = folded + signals + context.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Events seen, good or bad.
    pub received: u64,
    /// Events that went on.
    pub accepted: u64,
    /// Events refused.
    pub rejected: u64,
    /// Events whose id was seen before.
    pub duplicate: u64,
    /// Accepted events older than the lateness bound.
    pub late: u64,
    /// Accepted alert events.
    pub folded: u64,
    /// Accepted signals.
    pub signals: u64,
    /// Accepted events about topology, changes, silences, maintenance, rules, models, feedback.
    pub context: u64,
    /// Accepted events by kind.
    pub kinds: ByKind,
    /// Repairs of accepted events; one event may have several.
    pub repaired: ByCode,
    /// Rejects by code.
    pub rejected_by: ByCode,
    /// Fields of native events that the schema does not have.
    pub unknown_fields: u64,
    /// Rejects beyond what one call may record; they are in `rejected` all the same.
    pub rejects_unrecorded: u64,
    /// Ids forgotten before their time because too many were remembered.
    pub ids_forgotten: u64,
}

impl Counts {
    /// Whether the books balance.
    pub fn balanced(&self) -> bool {
        self.received == self.accepted + self.rejected + self.duplicate
            && self.accepted == self.folded + self.signals + self.context
            && self.accepted == self.kinds.total()
            && self.rejected == self.rejected_by.total()
            && self.late <= self.accepted
    }
}

impl Counts {
    /// The columns of events, beside those of alerts and incidents in `alerts`.
    pub fn books(&self, alerts: Books) -> Books {
        Books {
            received: self.received,
            accepted: self.accepted,
            rejected: self.rejected,
            duplicate: self.duplicate,
            late: self.late,
            folded: self.folded,
            signals: self.signals,
            context: self.context,
            ..alerts
        }
    }
}

impl AddAssign<&Counts> for Counts {
    fn add_assign(&mut self, other: &Counts) {
        self.received += other.received;
        self.accepted += other.accepted;
        self.rejected += other.rejected;
        self.duplicate += other.duplicate;
        self.late += other.late;
        self.folded += other.folded;
        self.signals += other.signals;
        self.context += other.context;
        self.kinds += &other.kinds;
        self.repaired += &other.repaired;
        self.rejected_by += &other.rejected_by;
        self.unknown_fields += other.unknown_fields;
        self.rejects_unrecorded += other.rejects_unrecorded;
        self.ids_forgotten += other.ids_forgotten;
    }
}

/// A stretch of input with one tick.
#[derive(Clone, Debug, Default)]
pub struct Segment {
    /// The second it belongs to in a replay; `None` where the caller's clock says.
    pub tick: Option<Seconds>,
    /// One batch for each worker, at the worker's number; some may be empty.
    pub alerts: Vec<AlertBatch>,
    /// In order of arrival.
    pub context: Vec<ContextEvent>,
    /// One batch for each worker likewise, of what can be told of by more than a number.
    pub heard: Vec<SignalBatch>,
    /// How many signals of which kind.
    pub signals: ByKind,
}

impl Segment {
    /// Whether it holds no event.
    pub fn is_empty(&self) -> bool {
        self.context.is_empty()
            && self.signals.total() == 0
            && self.heard.iter().all(SignalBatch::is_empty)
            && self.alerts.iter().all(|batch| batch.events.is_empty())
    }
}

/// What one call yields.
#[derive(Clone, Debug, Default)]
pub struct Decoded {
    /// In order; ticks ascend. A segment's tick may be that of the last one of the call before.
    pub segments: Vec<Segment>,
    /// The call's books.
    pub counts: Counts,
    /// Refused events in order, up to a bound.
    pub rejects: Vec<Reject>,
    /// Lines, elements or documents seen, empty ones included: what the next call's
    /// numbers go on from.
    pub lines: u64,
    /// An event was refused and the source's policy is to fail on that.
    pub failed: bool,
}
