//! From what a decoder found in an event to the record the engine reads.
//!
//! Decoders of all formats end here. They hand in drafts that borrow from the
//! text; this module derives what is missing (name, id, entity, fingerprint,
//! receipt), repairs or refuses what is wrong, keeps the books, and packs the
//! rest: alerts into one arena-backed batch for each worker, context events as
//! they are, signals as numbers.
//!
//! For an alert whose fingerprint is known nothing is allocated: its strings go
//! to the batch's arena, its identity is a place in the batch's list.

mod context;
mod entity;
mod identities;
mod ids;
mod labels;
mod ticks;

pub use entity::DEFAULT_NAMESPACE;
pub use ids::IdWindow;
pub use labels::{Labels, cut};
pub use ticks::Mode;

use super::decoded::{Decoded, Kind, Segment};
use super::json::Json;
use super::reject::{Code, Origin, Quality, Reject};
use super::source::{OnReject, Source};
use super::time::{NANOS, seconds_after, seconds_of};
use causeway_dataflows::model::{
    AlertBatch, AlertEvent, AlertFlags, EntityRef, Fingerprint, Identity, Seconds, Severity,
};
use entity::Found;
use identities::Identities;
use ids::{Ordinals, id_key};
use smol_str::SmolStr;
use std::sync::{Arc, Mutex, PoisonError};
use ticks::Ticks;
use xxhash_rust::xxh3::xxh3_128;

/// Bytes of an event's id.
const ID_BYTES_MAX: usize = 256;
/// Bytes of a name or an entity.
const NAME_BYTES_MAX: usize = 256;
/// Bytes of a source.
const SOURCE_BYTES_MAX: usize = 512;
/// Bytes of a summary.
const SUMMARY_BYTES_MAX: usize = 1_024;
/// How far event time may lie ahead of receipt.
const AHEAD_NS_MAX: i64 = 300 * NANOS;
/// A source whose clock runs ahead by more than this, on average, is skewed.
const SKEW_NS_MAX: i64 = 2 * NANOS;

/// The event's bytes, for its hash and for the dead-letter store.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    /// As received.
    Raw(&'a [u8]),
    /// A part of a larger text, already parsed.
    Tree(Json<'a, 'a>),
}

impl Payload<'_> {
    fn hash(self, scratch: &mut Vec<u8>) -> u128 {
        match self {
            Payload::Raw(bytes) => xxh3_128(bytes),
            Payload::Tree(json) => json.digest(scratch),
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
    /// How bad.
    pub severity: SeverityGiven<'a>,
    /// For people.
    pub summary: &'a str,
    /// When.
    pub when: When,
}

/// The instants of an alert event.
struct Moment {
    observed_ns: i64,
    time_ns: i64,
    onset_ns: i64,
    ends: Seconds,
    resolved: bool,
}

/// The normaliser of one source.
pub struct Intake {
    source: Arc<Source>,
    workers: u64,
    ids: Option<Arc<Mutex<IdWindow>>>,
    identities: Identities,
    ordinals: Ordinals,
    ticks: Ticks,
    skew_ns: i64,
    scratch: Vec<u8>,
    entity: String,
    tenant: SmolStr,
    origin: Origin,
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
            identities: Identities::new(limits.identities_max),
            ordinals: Ordinals::new(limits.ordinals_max),
            ticks: Ticks::new(source.leap_seconds_max),
            skew_ns: 0,
            scratch: Vec::with_capacity(1024),
            entity: String::new(),
            tenant: SmolStr::new_static("default"),
            origin: Origin::default(),
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

    /// Goes on from a tick reached before.
    pub fn restore_tick(&mut self, tick: Option<Seconds>) {
        self.ticks.restore(tick);
    }

    /// What stands for the time of an event that by its nature has none; `None`
    /// at the beginning of a replay.
    pub fn now_ns(&self) -> Option<i64> {
        self.ticks.now_ns()
    }

    /// The running mean of receipt less event time of live events, nanoseconds.
    pub fn skew_ns(&self) -> i64 {
        self.skew_ns
    }

    /// Begins a call.
    pub fn begin(&mut self, tenant: &SmolStr, mode: Mode, origin: &Origin) {
        self.tenant.clone_from(tenant);
        self.origin.clone_from(origin);
        self.out = Decoded::default();
        self.ticks.set_mode(mode);
        if mode != Mode::Replay {
            self.ordinals.begin_batch();
        }
        self.open_segment();
    }

    /// Ends a call.
    pub fn finish(&mut self) -> Decoded {
        self.close_segment();
        std::mem::take(&mut self.out)
    }

    /// Notes how many lines, elements or documents were seen.
    pub fn set_lines(&mut self, lines: u64) {
        self.out.lines = lines;
    }

    /// Counts fields that the schema does not have.
    pub fn add_unknown_fields(&mut self, count: u64) {
        self.out.counts.unknown_fields += count;
    }

    /// Takes an alert event.
    #[inline]
    pub fn alert(&mut self, common: Common<'_>, mut draft: AlertDraft<'_>) {
        let mut quality = common.quality;
        let Some(moment) = self.moment(&common, draft.when, &mut quality) else {
            return self.reject_timeless(&common);
        };
        let limits = &self.source.limits;
        draft.labels.settle(&self.source.replica_labels, limits.labels_max, &mut quality);
        let name = match draft.name {
            "" => Kind::Alert.word(),
            name => cut(name, NAME_BYTES_MAX, &mut quality),
        };
        let explicit = cut(draft.entity, NAME_BYTES_MAX, &mut quality);
        let order = &self.source.entity_order;
        let found = entity::find(order, explicit, &draft.labels, &mut self.entity);
        let given = match found {
            Found::Explicit => explicit,
            Found::Derived => cut(&self.entity, NAME_BYTES_MAX, &mut quality),
            Found::Unknown => {
                quality.note(Code::W112);
                ""
            }
        };
        let kind = Kind::Alert.word();
        let fingerprint = if draft.key.is_empty() {
            let labels = draft.labels.iter();
            Fingerprint::of(&mut self.scratch, &self.tenant, kind, given, name, labels)
        } else {
            // No label has an empty name, so a key can never pass for name and labels.
            let key = std::iter::once(("", draft.key));
            Fingerprint::of(&mut self.scratch, &self.tenant, kind, given, "", key)
        };
        let severity = self.severity(draft.severity, &mut quality);
        let summary = cut(draft.summary, SUMMARY_BYTES_MAX, &mut quality);
        let source = match common.source {
            "" => self.source.name.as_str(),
            source => cut(source, SOURCE_BYTES_MAX, &mut quality),
        };

        let long;
        let mut digits = [0; 22];
        let id = match common.id.len() {
            0 => {
                let payload = common.payload.hash(&mut self.scratch);
                let (scratch, time_ns) = (&mut self.scratch, moment.time_ns);
                let digits = &mut digits;
                let kind = Kind::Alert;
                self.ordinals.derive(scratch, digits, source, kind, fingerprint, time_ns, payload)
            }
            1..=ID_BYTES_MAX => common.id,
            _ => {
                long = short_id(common.id, &mut quality);
                &long
            }
        };
        if !quality.is_clean() && refuses(&self.source, quality) {
            return self.reject_repaired(&common, quality);
        }
        if let Some(ids) = &self.ids {
            let key = id_key(&mut self.scratch, &self.tenant, source, id);
            let mut ids = ids.lock().unwrap_or_else(PoisonError::into_inner);
            let (repeat, forgotten) = ids.is_repeat(key, seconds_of(moment.observed_ns));
            self.out.counts.ids_forgotten += forgotten;
            if repeat {
                self.out.counts.received += 1;
                self.out.counts.duplicate += 1;
                return;
            }
        }

        let batch = &mut self.segment.alerts[(fingerprint.low64() % self.workers) as usize];
        let tenant = &self.tenant;
        let place = self.identities.place(fingerprint, &mut batch.identities, || Identity {
            fingerprint,
            tenant: tenant.clone(),
            source: SmolStr::new(source),
            entity: match found {
                Found::Unknown => unknown(tenant, source, fingerprint),
                _ => EntityRef::new(tenant, given),
            },
            name: SmolStr::new(name),
            labels: draft.labels.iter().map(|(k, v)| (SmolStr::new(k), SmolStr::new(v))).collect(),
        });
        let mut flags = AlertFlags::default();
        if moment.resolved {
            flags = flags.with(AlertFlags::RESOLVED);
        }
        if quality.has(Code::W103) {
            flags = flags.with(AlertFlags::LATE);
        }
        let event = AlertEvent {
            fingerprint,
            time: seconds_of(moment.time_ns),
            observed: seconds_of(moment.observed_ns),
            onset: seconds_of(moment.onset_ns),
            ends: moment.ends,
            identity: place,
            text_at: 0,
            id_len: 0,
            summary_len: 0,
            source: self.source.index,
            severity,
            flags,
        };
        batch.push(event, id, summary);
        self.out.counts.folded += 1;
        self.accept(Kind::Alert, quality);
    }

    /// Takes a signal, which is only counted.
    pub fn signal(&mut self, common: Common<'_>, kind: Kind) {
        let mut quality = common.quality;
        let Some((observed_ns, _)) = self.instants(&common, false, &mut quality) else {
            return self.reject_timeless(&common);
        };
        if !quality.is_clean() && refuses(&self.source, quality) {
            return self.reject_repaired(&common, quality);
        }
        if self.ids.is_some() && !common.id.is_empty() && self.repeats(&common, observed_ns) {
            return;
        }
        self.segment.signals.add_one(kind);
        self.out.counts.signals += 1;
        self.accept(kind, quality);
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
        match self.source.on_reject {
            OnReject::DeadLetter => {}
            OnReject::Drop => return,
            OnReject::Fail => self.out.failed = true,
        }
        if self.out.rejects.len() >= self.source.limits.rejects_max {
            self.out.counts.rejects_unrecorded += 1;
            return;
        }
        let written;
        let bytes = match payload {
            Payload::Raw(bytes) => bytes,
            Payload::Tree(json) => {
                written = serde_json::to_vec(&json.to_value()).unwrap_or_default();
                &written
            }
        };
        self.out.rejects.push(Reject {
            line,
            code,
            field: SmolStr::new(field),
            message: message.into(),
            payload: Box::from(&bytes[..bytes.len().min(Reject::PAYLOAD_BYTES_MAX)]),
            payload_bytes: bytes.len() as u64,
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
    fn reject_repaired(&mut self, common: &Common<'_>, quality: Quality) {
        let code = quality.codes().find(|code| *code != Code::W113).unwrap_or(Code::W113);
        let message = format!("{}; this source takes no repairs", code.text());
        self.reject(common.line, common.payload, code, "", message);
    }

    #[inline]
    fn accept(&mut self, kind: Kind, quality: Quality) {
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

    #[inline]
    fn severity(&self, given: SeverityGiven<'_>, quality: &mut Quality) -> Severity {
        let found = match given {
            SeverityGiven::Word(word) => self.severity_word(word),
            SeverityGiven::Number(number) => Severity::from_number(number),
            SeverityGiven::Absent => None,
        };
        found.unwrap_or_else(|| {
            quality.note(Code::W105);
            Severity::INFO
        })
    }

    fn severity_word(&self, word: &str) -> Option<Severity> {
        if !self.source.severities.is_empty() {
            let lower = word.trim().to_lowercase();
            if let Some(severity) = self.source.severities.get(lower.as_str()) {
                return Some(*severity);
            }
        }
        let number = || Severity::from_number(word.trim().parse().ok()?);
        Severity::parse(word).or_else(number)
    }

    /// Receipt and event time of an event that says when it happened.
    #[inline]
    fn instants(
        &mut self,
        common: &Common<'_>,
        standing: bool,
        quality: &mut Quality,
    ) -> Option<(i64, i64)> {
        let observed_ns = self.observe(common.time, common.observed, standing, quality)?;
        let time_ns = match common.time {
            Some(time) if time <= observed_ns.saturating_add(AHEAD_NS_MAX) => time,
            Some(_) => {
                quality.note(Code::W102);
                observed_ns
            }
            None => {
                quality.note(Code::W101);
                observed_ns
            }
        };
        if self.ticks.is_live() {
            self.note_skew(observed_ns, time_ns, quality);
        }
        // What holds from an old date on is not late.
        if !standing {
            self.note_late(observed_ns, time_ns, quality);
        }
        Some((observed_ns, time_ns))
    }

    #[inline]
    fn moment(
        &mut self,
        common: &Common<'_>,
        when: When,
        quality: &mut Quality,
    ) -> Option<Moment> {
        match when {
            When::Event { resolved, end } => {
                let (observed_ns, time_ns) = self.instants(common, false, quality)?;
                let ends = match end {
                    Some(end) if end >= time_ns => seconds_of(end),
                    Some(_) => {
                        quality.note(Code::W108);
                        Seconds::MAX
                    }
                    None => Seconds::MAX,
                };
                Some(Moment { observed_ns, time_ns, onset_ns: time_ns, ends, resolved })
            }
            When::Repeated { starts, ends, resolved, timeout_seconds } => {
                let over = if resolved == Some(true) { ends.or(starts) } else { starts.or(ends) };
                let observed_ns = self.observe(over, common.observed, false, quality)?;
                let resolved = resolved.unwrap_or_else(|| ends.is_some_and(|e| e <= observed_ns));
                let moment =
                    repeated(observed_ns, starts, ends, resolved, timeout_seconds, &self.source);
                self.note_late(observed_ns, moment.time_ns, quality);
                Some(moment)
            }
        }
    }

    #[inline]
    fn observe(
        &mut self,
        time: Option<i64>,
        own: Option<i64>,
        standing: bool,
        quality: &mut Quality,
    ) -> Option<i64> {
        let observed = self.ticks.observe(time, own, standing, quality);
        if self.ticks.tick() != self.segment.tick {
            self.turn_segment();
        }
        observed
    }

    #[inline]
    fn note_late(&self, observed_ns: i64, time_ns: i64, quality: &mut Quality) {
        let bound = self.source.lateness_seconds.saturating_mul(NANOS);
        if observed_ns.saturating_sub(time_ns) > bound {
            quality.note(Code::W103);
        }
    }

    /// Keeps a mean over about 64 events. A clock that runs behind looks like
    /// slow delivery, so only one that runs ahead is called skewed.
    fn note_skew(&mut self, observed_ns: i64, time_ns: i64, quality: &mut Quality) {
        const DAY_NS: i64 = 86_400 * NANOS;
        let delay = observed_ns.saturating_sub(time_ns).clamp(-DAY_NS, DAY_NS);
        self.skew_ns += (delay - self.skew_ns) / 64;
        if self.skew_ns < -SKEW_NS_MAX {
            quality.note(Code::W113);
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
        }
        repeat
    }

    /// The tick has moved: what comes next is another segment.
    #[cold]
    fn turn_segment(&mut self) {
        self.close_segment();
        self.ordinals.begin_batch();
        self.open_segment();
    }

    fn open_segment(&mut self) {
        self.identities.begin_batch();
        let (events, text) = self.room;
        let batch = |worker| AlertBatch {
            worker,
            identities: Vec::new(),
            events: Vec::with_capacity(events),
            text: String::with_capacity(text),
        };
        self.segment = Segment {
            tick: self.ticks.tick(),
            alerts: (0..self.workers).map(batch).collect(),
            ..Segment::default()
        };
    }

    fn close_segment(&mut self) {
        let segment = std::mem::take(&mut self.segment);
        let most = |of: fn(&AlertBatch) -> usize| segment.alerts.iter().map(of).max().unwrap_or(0);
        // A little more than last time, so that batches of about one size rarely grow.
        let (events, text) = (most(|batch| batch.events.len()), most(|batch| batch.text.len()));
        self.room = (events + events / 8, text + text / 8);
        if !segment.is_empty() {
            self.out.segments.push(segment);
        }
    }
}

fn repeated(
    observed_ns: i64,
    starts: Option<i64>,
    ends: Option<i64>,
    resolved: bool,
    timeout_seconds: Option<i64>,
    source: &Source,
) -> Moment {
    if resolved {
        let time_ns = ends.map_or(observed_ns, |end| end.min(observed_ns));
        let ends = Seconds::MAX;
        return Moment { observed_ns, time_ns, onset_ns: time_ns, ends, resolved };
    }
    let bound = source.lateness_seconds.saturating_mul(NANOS);
    let near = |start: &i64| {
        let age = observed_ns.saturating_sub(*start);
        (0..=bound).contains(&age)
    };
    let onset_ns = starts.filter(near).unwrap_or(observed_ns);
    let ends = match (ends.filter(|end| *end > observed_ns), timeout_seconds) {
        (Some(end), _) => seconds_after(end),
        (None, Some(timeout)) => seconds_of(observed_ns).saturating_add(timeout),
        (None, None) => Seconds::MAX,
    };
    Moment { observed_ns, time_ns: observed_ns, onset_ns, ends, resolved }
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
