//! What decoders hand to the dataflow: alert events in batches, arena-backed.

use super::ids::{EntityRef, EventId, Fingerprint, Seconds};
use super::labels::Labels;
use super::severity::Severity;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::cmp::Ordering;
use std::sync::Arc;

/// The place of a configured source in [`crate::params::Params::sources`].
pub type SourceIndex = u16;

/// The part of an alert that its fingerprint determines, in words.
///
/// Shared behind an `Arc` by every event and alert of the fingerprint. Two
/// identities with one fingerprint are equal, so order and equality look at
/// the fingerprint alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    /// The hash of what follows.
    pub fingerprint: Fingerprint,
    /// Whose data it is.
    pub tenant: SmolStr,
    /// Who spoke; of several the first one stands. Not part of the fingerprint.
    pub source: SmolStr,
    /// The entity as given, before aliases are resolved.
    pub entity: EntityRef,
    /// The alert's rule or type.
    pub name: SmolStr,
    /// Identity labels, sorted by name.
    pub labels: Labels,
}

impl Identity {
    /// The value of label `key`, if present.
    pub fn label(&self, key: &str) -> Option<&str> {
        self.labels.get(key)
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint
    }
}
impl Eq for Identity {}
impl PartialOrd for Identity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Identity {
    fn cmp(&self, other: &Self) -> Ordering {
        self.fingerprint.cmp(&other.fingerprint)
    }
}
impl std::hash::Hash for Identity {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.fingerprint.hash(state);
    }
}

/// What an alert event says beside its numbers; a small bit set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertFlags(pub u8);

impl AlertFlags {
    /// The event ends the alert; without it the event fires.
    pub const RESOLVED: AlertFlags = AlertFlags(1);
    /// Older than its source's lateness bound when it was received (SEMANTICS rule 5).
    pub const LATE: AlertFlags = AlertFlags(2);

    /// What fired or resolved at this second did not, as is known by now; only findings, of
    /// which there is one a second, are taken back so.
    pub const WITHDRAWN: AlertFlags = AlertFlags(4);

    /// Whether all bits of `other` are set.
    #[inline]
    pub fn has(self, other: AlertFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[inline]
    #[must_use]
    pub fn with(self, other: AlertFlags) -> AlertFlags {
        AlertFlags(self.0 | other.0)
    }
}

/// One firing or resolving event, 72 bytes; its strings are in its batch.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AlertEvent {
    /// The key that events fold under.
    pub fingerprint: Fingerprint,
    /// Event time.
    pub time: Seconds,
    /// When it was received.
    pub observed: Seconds,
    /// When the condition began: `time`, or the earlier instant the wire names (SEMANTICS rule 7).
    pub onset: Seconds,
    /// When the firing lapses without another event; `Seconds::MAX` when only `quiet` ends it.
    pub ends: Seconds,
    /// Index into [`AlertBatch::identities`].
    pub identity: u32,
    /// Where the id, then the summary, begin in [`AlertBatch::text`].
    pub text_at: u32,
    /// Bytes of the id.
    pub id_len: u16,
    /// Bytes of the summary; zero when there is none.
    pub summary_len: u16,
    /// Which source's policy applies.
    pub source: SourceIndex,
    /// Severity as decoded.
    pub severity: Severity,
    /// Resolved, late.
    pub flags: AlertFlags,
}

/// The alert events of one stretch of input that go to one worker.
///
/// A record of its own in the dataflow: the decoder has already split the
/// events by fingerprint, so exchanging a batch moves a few pointers.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AlertBatch {
    /// The worker that owns these fingerprints: `fingerprint.low64() % peers`.
    pub worker: u64,
    /// Which of several processes took it in: of batches of one epoch those of the first process
    /// come first, whatever the network does.
    pub process: u32,
    /// Each once; of a fingerprint there are several where sources, or the words with a source's
    /// own key, differ.
    pub identities: Vec<Arc<Identity>>,
    /// In order of arrival.
    pub events: Vec<AlertEvent>,
    /// Ids and summaries, back to back.
    pub text: String,
}

impl AlertBatch {
    /// The id of `event`.
    #[inline]
    pub fn id(&self, event: &AlertEvent) -> &str {
        let at = event.text_at as usize;
        &self.text[at..at + event.id_len as usize]
    }

    /// The summary of `event`; empty when the source gave none.
    #[inline]
    pub fn summary(&self, event: &AlertEvent) -> &str {
        let at = event.text_at as usize + event.id_len as usize;
        &self.text[at..at + event.summary_len as usize]
    }

    /// Appends `event` with its strings; fills the event's text fields.
    pub fn push(&mut self, mut event: AlertEvent, id: &str, summary: &str) {
        event.text_at = self.text.len() as u32;
        event.id_len = id.len() as u16;
        event.summary_len = summary.len() as u16;
        self.text.push_str(id);
        self.text.push_str(summary);
        self.events.push(event);
    }

    /// The id of `event` as an owned value.
    pub fn event_id(&self, event: &AlertEvent) -> EventId {
        EventId::new(self.id(event))
    }
}
