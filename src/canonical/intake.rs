//! From what a decoder found in an event to the record the engine reads.
//!
//! Decoders of all formats end here. They hand in drafts that borrow from the
//! text; this module derives what is missing (name, id, entity, fingerprint,
//! receipt), repairs or refuses what is wrong, keeps the books, and packs the
//! rest: alerts and signals into one arena-backed batch each for each worker,
//! context events as they are.
//!
//! For an alert whose words are known nothing is allocated: its strings go
//! to the batch's arena, its identity is a place in the batch's list.

mod alert;
mod context;
mod discover;
mod draft;
mod entity;
mod leap;
mod message;
mod identities;
mod ids;
mod labels;
mod moment;
mod segment;
mod signal;
mod tallies;
mod ticks;

pub use draft::{AlertDraft, Common, Known, Payload, Said, SeverityGiven, Spelling, When};
pub use entity::DEFAULT_NAMESPACE;
pub use ids::{IdWindow, SavedIds};
pub use labels::{Labels, cut};
pub use leap::Leap;
pub use signal::{Measured, SignalDraft};
pub use ticks::Mode;

use super::decoded::{Decoded, Kind, Segment};
use super::json::Json;
use super::reject::{Code, Origin, Quality, Reject};
use super::source::{OnReject, Source};
use super::time::{NANOS, seconds_after, seconds_of};
use causeway_dataflows::model::{
    AlertEvent, AlertFlags, EntityRef, Fingerprint, Identity, Seconds, Severity,
};
use draft::Moment;
use entity::Found;
use identities::Identities;
use ids::{Ordinals, id_key};
use leap::Leaps;
use smol_str::SmolStr;
use std::sync::{Arc, Mutex, PoisonError};
use tallies::Tallies;
use ticks::Ticks;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// What events are kept as that say nothing else.
const EVENT_SCHEMA: &str = "event/1.0";
/// Bytes of an event's id.
const ID_BYTES_MAX: usize = 256;
/// Bytes of a name or an entity.
const NAME_BYTES_MAX: usize = 256;
/// Bytes of a source.
const SOURCE_BYTES_MAX: usize = 512;
/// Bytes of a summary.
const SUMMARY_BYTES_MAX: usize = 1_024;
/// Bytes of what a reject says.
const MESSAGE_BYTES_MAX: usize = 1_024;
/// Bytes of scratch that are kept between calls.
const SCRATCH_BYTES_MAX: usize = 64 << 10;
/// How far event time may lie ahead of receipt.
const AHEAD_NS_MAX: i64 = 300 * NANOS;
/// A source whose clock runs ahead by more than this, on average, is skewed.
const SKEW_NS_MAX: i64 = 2 * NANOS;

/// How much a decoder keeps between calls; each has a bound in [`super::source::Limits`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// Identities of alerts and signals, in both generations.
    pub identities: usize,
    /// Lines without an id whose repeats are told apart.
    pub ordinals: usize,
    /// Event ids, when they are deduplicated; shared by the decoders of the source.
    pub ids: usize,
    /// Buffers for parsing, bytes.
    pub buffer_bytes: usize,
}

/// The normaliser of one source.
pub struct Intake {
    source: Arc<Source>,
    workers: u64,
    ids: Option<Arc<Mutex<IdWindow>>>,
    identities: Identities,
    /// Those of signals.
    series: Identities,
    ordinals: Ordinals,
    ticks: Ticks,
    leaps: Leaps,
    skew_ns: i64,
    heard: discover::Heard,
    /// What became of the segment's events.
    tallies: Tallies,
    scratch: Vec<u8>,
    entity: String,
    tenant: SmolStr,
    /// Sets the spellings of one tenant apart from those of another.
    tenant_seed: u64,
    origin: Origin,
    /// What a refused event is kept as.
    schema: &'static str,
    /// Kinds that may come; empty for all.
    kinds: Vec<Kind>,
    /// Labels that the current message brings for its alerts.
    message_labels: Vec<(String, String)>,
    /// The element of an array that is being read, where lines do not say which.
    element: Option<u64>,
    out: Decoded,
    segment: Segment,
    /// Events and bytes of text of the fullest batch so far of the last segments.
    room: (usize, usize),
}

impl Intake {
    /// For a source and a number of workers; `ids` is shared by the source's decoders.
    pub fn new(source: Arc<Source>, workers: usize, ids: Option<Arc<Mutex<IdWindow>>>) -> Self {
        let limits = source.limits;
        Intake {
            workers: workers.max(1) as u64,
            ids,
            // An alert that was not heard of for longer has ended.
            identities: Identities::new(
                limits.identities_max,
                source.lateness_seconds.saturating_add(source.resolve_timeout_seconds),
            ),
            series: Identities::new(
                limits.identities_max,
                source.lateness_seconds.saturating_add(source.resolve_timeout_seconds),
            ),
            ordinals: Ordinals::new(limits.ordinals_max),
            ticks: Ticks::new(source.leap_seconds_max),
            leaps: Leaps::default(),
            skew_ns: 0,
            heard: discover::Heard::default(),
            tallies: Tallies::default(),
            scratch: Vec::with_capacity(1024),
            entity: String::new(),
            tenant: SmolStr::new_static("default"),
            tenant_seed: xxh3_64(b"default"),
            origin: Origin::default(),
            schema: EVENT_SCHEMA,
            kinds: Vec::new(),
            message_labels: Vec::new(),
            element: None,
            out: Decoded::default(),
            segment: Segment::default(),
            room: (0, 0),
            source,
        }
    }

    /// The source it works for.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Whose events they are.
    pub fn tenant(&self) -> &str {
        &self.tenant
    }

    /// The tick a replay has reached.
    pub fn tick(&self) -> Option<Seconds> {
        self.ticks.tick()
    }

    /// The line of a replay that made the most others late by moving the clock, if one did.
    pub fn worst_leap(&mut self) -> Option<Leap> {
        self.leaps.worst()
    }

    /// Goes on from a tick reached before.
    pub fn restore_tick(&mut self, tick: Option<Seconds>) {
        self.ticks.restore(tick);
    }

    /// What stands for the time of an event that by its nature has none; `None`
    /// at the beginning of a replay.
    pub fn now_ns(&self) -> Option<i64> {
        self.ticks.now_ns()
    }

    /// Whether what comes is rows that hold before everything else.
    pub fn is_rows(&self) -> bool {
        self.ticks.is_rows()
    }

    /// The running mean of receipt less event time of live events, nanoseconds.
    pub fn skew_ns(&self) -> i64 {
        self.skew_ns
    }

    /// Goes on with a skew that was known before.
    pub fn restore_skew(&mut self, skew_ns: i64) {
        self.skew_ns = skew_ns;
    }

    /// What is kept between calls, without the decoder's own buffers.
    pub fn kept(&self) -> Kept {
        let ids = self
            .ids
            .as_ref()
            .map_or(0, |ids| ids.lock().unwrap_or_else(PoisonError::into_inner).len());
        Kept {
            identities: self.identities.len() + self.series.len(),
            ordinals: self.ordinals.len(),
            ids,
            buffer_bytes: self.scratch.capacity() + self.entity.capacity(),
        }
    }

    /// Begins a call.
    pub fn begin(&mut self, tenant: &SmolStr, mode: Mode, origin: &Origin) {
        self.tenant.clone_from(tenant);
        self.tenant_seed = xxh3_64(tenant.as_bytes());
        self.origin.clone_from(origin);
        self.schema = EVENT_SCHEMA;
        self.out = Decoded::default();
        self.ticks.set_mode(mode);
        self.tallies.begin(mode != Mode::Rows);
        if mode != Mode::Replay {
            self.ordinals.begin_batch();
        }
        self.open_segment();
    }

    /// Ends a call.
    pub fn finish(&mut self) -> Decoded {
        self.close_segment();
        // One huge event is no reason to hold its room for ever.
        self.scratch.clear();
        self.scratch.shrink_to(SCRATCH_BYTES_MAX);
        std::mem::take(&mut self.out)
    }

    /// Notes how many lines, elements or documents were seen.
    pub fn set_lines(&mut self, lines: u64) {
        self.out.lines = lines;
    }

    /// Says which kinds of events the next calls may hold; empty for all.
    pub fn set_kinds(&mut self, kinds: &[Kind]) {
        self.kinds.clear();
        self.kinds.extend_from_slice(kinds);
    }

    /// Says as what the events of this call are kept that are refused from here on.
    pub fn set_schema(&mut self, schema: &'static str) {
        self.schema = schema;
    }

    /// Refuses an event of a kind that does not belong; says whether it did.
    #[inline]
    fn refuses_kind(&mut self, common: &Common<'_>, kind: Kind) -> bool {
        let is_foreign = !self.kinds.is_empty() && !self.kinds.contains(&kind);
        if is_foreign {
            self.reject_foreign(common, kind);
        }
        is_foreign
    }

    /// Says which element of an array on its line comes next, for rejects to name.
    pub fn set_element(&mut self, number: Option<u64>) {
        self.element = number;
    }

    /// Counts fields that the schema does not have.
    pub fn add_unknown_fields(&mut self, count: u64) {
        self.out.counts.unknown_fields += count;
    }

    /// Refuses an event.
    #[cold]
    pub fn reject(
        &mut self,
        line: u64,
        payload: Payload<'_>,
        code: Code,
        field: &str,
        message: impl Into<String>,
    ) {
        self.out.counts.received += 1;
        self.out.counts.rejected += 1;
        self.out.counts.rejected_by.add_one(code);
        self.tallies.refused(&self.source.name, self.ticks.now_ns());
        match self.source.on_reject {
            OnReject::DeadLetter => {}
            OnReject::Drop => return,
            OnReject::Fail => self.out.failed = true,
        }
        if self.out.rejects.len() >= self.source.limits.rejects_max {
            self.out.counts.rejects_unrecorded += 1;
            return;
        }
        let bytes = payload.kept();
        let mut message: String = message.into();
        if let Some(number) = self.element {
            message.insert_str(0, &format!("element {number}: "));
        }
        // A message may quote the event.
        message.truncate(message.floor_char_boundary(MESSAGE_BYTES_MAX));
        self.out.rejects.push(Reject {
            line,
            code,
            field: SmolStr::new(&field[..field.floor_char_boundary(NAME_BYTES_MAX)]),
            message,
            payload: Box::from(&bytes[..bytes.len().min(Reject::PAYLOAD_BYTES_MAX)]),
            payload_bytes: bytes.len() as u64,
            schema: self.schema,
            origin: self.origin.clone(),
            tenant: self.tenant.clone(),
        });
    }

    #[cold]
    fn reject_timeless(&mut self, common: &Common<'_>) {
        let message = "no time, and nothing before it says when it is; give time or observed_time";
        self.reject(common.line, common.payload, Code::E004, "time", message);
    }

    #[cold]
    fn reject_foreign(&mut self, common: &Common<'_>, kind: Kind) {
        let welcome: Vec<_> = self.kinds.iter().map(|kind| kind.word()).collect();
        let message = format!(
            "an event of kind {} does not belong here, only {}; send it to POST /v1/events",
            kind.word(),
            welcome.join(" and ")
        );
        self.reject(common.line, common.payload, Code::E004, "kind", message);
    }

    #[cold]
    fn reject_repaired(&mut self, common: &Common<'_>, quality: Quality) {
        let code = quality.codes().find(|code| *code != Code::W113).unwrap_or(Code::W113);
        let message = format!("{}; this source takes no repairs", code.text());
        self.reject(common.line, common.payload, code, "", message);
    }

    #[inline]
    fn accept(&mut self, kind: Kind, quality: Quality) {
        self.tallies.taken(quality);
        let counts = &mut self.out.counts;
        counts.received += 1;
        counts.accepted += 1;
        counts.kinds.add_one(kind);
        if !quality.is_clean() {
            counts.late += u64::from(quality.has(Code::W103));
            for code in quality.codes() {
                counts.repaired.add_one(code);
            }
        }
    }

    fn repeats(&mut self, common: &Common<'_>, observed_ns: i64) -> bool {
        let Some(ids) = &self.ids else { return false };
        let source = if common.source.is_empty() { &self.source.name } else { common.source };
        let key = id_key(&mut self.scratch, &self.tenant, source, common.id);
        let mut ids = ids.lock().unwrap_or_else(PoisonError::into_inner);
        let (repeat, forgotten) = ids.is_repeat(key, seconds_of(observed_ns));
        self.out.counts.ids_forgotten += forgotten;
        if repeat {
            self.out.counts.received += 1;
            self.out.counts.duplicate += 1;
            self.tallies.taken(Quality::default());
        }
        repeat
    }
}

/// Whether a strict source refuses an event for its repairs. A skewed clock
/// does not count: it depends on other events.
#[cold]
fn refuses(source: &Source, quality: Quality) -> bool {
    source.refuses_repairs() && quality.codes().any(|code| code != Code::W113)
}

#[cold]
fn unknown(tenant: &str, source: &str, fingerprint: Fingerprint) -> EntityRef {
    let prefix = (fingerprint.0 >> 96) as u32;
    EntityRef::new(tenant, &format!("unknown:{source}/{prefix:08x}"))
}

/// An id over the limit: its beginning, and a hash so that it stays unique.
#[cold]
fn short_id(id: &str, quality: &mut Quality) -> String {
    let hash = xxh3_128(id.as_bytes());
    format!("{}~{hash:032x}", cut(id, ID_BYTES_MAX - 33, quality))
}
