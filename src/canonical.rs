//! Bytes in, records or rejects out: every wire format becomes the one record of EVENT.md here.
//!
//! ```text
//!  bytes ─► frame ─► json ─► native, alertmanager, cloudevents, cdevents ─┐
//!      ├──────────────────► backstage, kubernetes (YAML, JSON) ───────────┼─► intake ─► Decoded
//!      └─► protobuf ──────► otlp, remote_write ───────────────────────────┘
//! ```
//!
//! A [`Decoder`] belongs to one source and one thread. It reads no clock and
//! no file: receipt comes with the call. What it keeps from call to call is a
//! cache of identities, the tick of a replay, and, if the source wants it, the
//! ids seen lately; only the last two can change an answer.
//!
//! For every call received = accepted + rejected + duplicate, and accepted =
//! folded + signals + context; a refused event never stops its neighbours.

pub mod source;
mod format;
mod buckets;
pub mod frame;
mod framing;
mod message;
pub mod time;
pub mod json;
pub mod numbers;
pub mod scan;
pub mod reject;
pub mod native;
pub mod alertmanager;
pub mod csv;
mod cloudevents;
pub mod cdevents;
pub mod backstage;
pub mod kubernetes;
pub mod protobuf;
pub mod otlp;
pub mod remote_write;
pub mod intake;
pub mod decoded;

pub use decoded::{ByCode, ByKind, Counts, Decoded, Kind, Segment};
pub use format::Format;
pub use framing::Framing;
pub use intake::{IdWindow, Kept, Leap, Mode, SavedIds};
pub use message::Message;
pub use reject::{Code, DeadLetter, DeadLetterData, Origin, Reject};
pub use source::{EntityStep, Limits, OnReject, OnRepair, Source};

use causeway_dataflows::model::Seconds;
use intake::{Intake, Payload};
use json::{Fault, Json, Reader};
use reject::Quality;
use scan::Scanner;
use smol_str::SmolStr;
use std::sync::{Arc, Mutex};

/// A text that wraps many events may be this many times as large as one event.
const WRAPPER_FACTOR: usize = 16;

/// What a call says about its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// What they are.
    pub format: Format,
    /// How they hold events.
    pub framing: Framing,
    /// Whose they are, by the sender's token.
    pub tenant: &'a SmolStr,
    /// Where receipt comes from.
    pub mode: Mode,
    /// Where they came from, for rejects.
    pub origin: &'a Origin,
    /// The number of the first line; 1, or what the calls before add up to.
    pub first_line: u64,
}

/// The decoder of one source, for one thread.
pub struct Decoder {
    intake: Intake,
    reader: Reader,
    inner: Reader,
    scanner: Scanner,
    /// Lines that may pass before the short way is tried again.
    detour: u32,
    /// Lines in a row that could not take it.
    misses: u32,
}

impl Decoder {
    /// A decoder that deals alerts to `workers`; decoders of one source share
    /// `ids` when the source wants ids deduplicated.
    pub fn new(source: Arc<Source>, workers: usize, ids: Option<Arc<Mutex<IdWindow>>>) -> Self {
        let depth_max = source.limits.depth_max;
        let ids = ids.or_else(|| source.dedupe_ids.then(|| Decoder::shared_ids(&source)));
        Decoder {
            intake: Intake::new(source, workers, ids),
            reader: Reader::new(depth_max),
            inner: Reader::new(depth_max),
            scanner: Scanner::default(),
            detour: 0,
            misses: 0,
        }
    }

    /// Says which kinds of events the next calls may hold, empty for all; one of another kind
    /// is refused, and its neighbours are not.
    pub fn expect(&mut self, kinds: &[Kind]) {
        self.intake.set_kinds(kinds);
    }

    /// The window of ids that the decoders of `source` share.
    pub fn shared_ids(source: &Source) -> Arc<Mutex<IdWindow>> {
        let window = IdWindow::new(source.lateness_seconds, source.limits.ids_max);
        Arc::new(Mutex::new(window))
    }

    /// The tick that a replay has reached.
    pub fn tick(&self) -> Option<Seconds> {
        self.intake.tick()
    }

    /// The line of a replay that made the most others late by moving the clock, if one did.
    pub fn worst_leap(&mut self) -> Option<Leap> {
        self.intake.worst_leap()
    }

    /// Goes on from a tick that was reached before.
    pub fn restore_tick(&mut self, tick: Option<Seconds>) {
        self.intake.restore_tick(tick);
    }

    /// Mean receipt less event time of live events, nanoseconds: negative when the
    /// source's clock runs ahead.
    pub fn skew_ns(&self) -> i64 {
        self.intake.skew_ns()
    }

    /// Goes on with a skew that was known before.
    pub fn restore_skew(&mut self, skew_ns: i64) {
        self.intake.restore_skew(skew_ns);
    }

    /// What is kept between calls.
    pub fn kept(&self) -> Kept {
        let mut kept = self.intake.kept();
        kept.buffer_bytes +=
            self.reader.kept_bytes() + self.inner.kept_bytes() + self.scanner.kept_bytes();
        kept
    }

    /// Decodes a body or a stretch of lines.
    pub fn decode(&mut self, bytes: &[u8], input: &Input<'_>) -> Decoded {
        self.intake.begin(input.tenant, input.mode, input.origin);
        let lines = self.whole(input.format, input.framing, bytes, input.first_line);
        self.intake.set_lines(lines);
        self.intake.finish()
    }

    /// Decodes what is complete by itself; gives the number of its lines or elements.
    fn whole(&mut self, format: Format, framing: Framing, bytes: &[u8], first_line: u64) -> u64 {
        let (intake, reader) = (&mut self.intake, &mut self.reader);
        match format {
            Format::Otlp(telemetry) => {
                intake.set_schema(telemetry.schema());
                return otlp::decode(intake, telemetry, bytes, first_line);
            }
            Format::RemoteWrite(version) => {
                intake.set_schema(version.schema());
                return remote_write::decode(intake, version, bytes, first_line);
            }
            _ => {}
        }
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match format {
            Format::Backstage => backstage::decode(intake, bytes, first_line),
            Format::Csv => {
                intake.set_schema(csv::SCHEMA);
                csv::decode(intake, bytes, first_line)
            }
            Format::Kubernetes => kubernetes::decode(intake, reader, bytes, first_line),
            Format::OtlpJson(telemetry) => {
                intake.set_schema(telemetry.json_schema());
                otlp::decode_json(intake, reader, telemetry, bytes, first_line)
            }
            format => self.framed(format, framing, bytes, first_line),
        }
    }

    /// Decodes a CloudEvent in binary mode: its attributes in `headers`, its data in `body`.
    pub fn decode_binary(
        &mut self,
        headers: &[(&str, &str)],
        body: &[u8],
        input: &Input<'_>,
    ) -> Decoded {
        self.intake.begin(input.tenant, input.mode, input.origin);
        let (intake, reader) = (&mut self.intake, &mut self.reader);
        cloudevents::binary(intake, reader, headers, body, input.first_line);
        self.intake.set_lines(1);
        self.intake.finish()
    }

    /// One JSON text.
    #[inline]
    fn text(&mut self, format: Format, line: u64, text: &[u8]) {
        if text.len() > self.text_bytes_max(format) {
            return self.oversize(line, text);
        }
        if format == Format::Native && self.takes_short_way(line, text) {
            return;
        }
        if let Err(fault) = self.parsed(format, line, text, text, Quality::default()) {
            self.fault(format, line, text, fault);
        }
    }

    /// Tries the short way. After lines that could not take it, it is tried less
    /// and less often, so that input of another kind does not pay for it; which
    /// way a line takes makes no difference to what it yields.
    #[inline]
    fn takes_short_way(&mut self, line: u64, text: &[u8]) -> bool {
        const MISSES_MAX: u32 = 6;
        if self.detour > 0 {
            self.detour -= 1;
            return false;
        }
        if native::read_plain(&mut self.intake, &mut self.scanner, line, text) {
            self.misses = 0;
            return true;
        }
        self.misses = (self.misses + 1).min(MISSES_MAX);
        self.detour = (1 << self.misses) - 2;
        false
    }

    fn text_bytes_max(&self, format: Format) -> usize {
        let max = self.intake.source().limits.event_bytes_max;
        match format {
            Format::Webhook | Format::CloudEvents => max.saturating_mul(WRAPPER_FACTOR),
            _ => max,
        }
    }

    /// Parses `text` and decodes it; `received` is what it was before repairs.
    #[inline]
    fn parsed(
        &mut self,
        format: Format,
        line: u64,
        text: &[u8],
        received: &[u8],
        quality: Quality,
    ) -> Result<(), Fault> {
        let (intake, inner) = (&mut self.intake, &mut self.inner);
        self.reader.parse(text, |root| {
            let payload = Payload::Raw(received);
            match format {
                Format::Native => native(intake, inner, root, line, payload, quality),
                other => wrapped(intake, inner, other, root, line, payload, quality),
            }
        })
    }

    /// A text that is not JSON as it stands. Costs about what a good one costs:
    /// one look at the bytes, and at most one more parse.
    #[cold]
    fn fault(&mut self, format: Format, line: u64, text: &[u8], fault: Fault) {
        let fault = match fault {
            Fault::Number(_) => match numbers::repair(text) {
                Some(repaired) => {
                    let mut quality = Quality::default();
                    if repaired.dropped > 0 {
                        quality.note(Code::W109);
                    }
                    match self.parsed(format, line, &repaired.text, text, quality) {
                        Ok(()) => return,
                        Err(fault) => fault,
                    }
                }
                None => fault,
            },
            other => other,
        };
        let (code, message) = match fault {
            Fault::Utf8(at) if frame::is_key(text, at) => {
                (Code::E005, format!("invalid UTF-8 in a key at byte {at}"))
            }
            Fault::Utf8(at) => (Code::E001, format!("invalid UTF-8 at byte {at}")),
            Fault::Depth => (Code::E006, "nested deeper than depth_max".to_owned()),
            Fault::Grammar(at) | Fault::Number(at) => {
                (Code::E001, format!("invalid JSON near byte {at}"))
            }
        };
        self.intake.reject(line, Payload::Raw(text), code, "", message);
    }
}

#[inline]
fn native<'a>(
    intake: &mut Intake,
    inner: &mut Reader,
    root: Json<'a, 'a>,
    line: u64,
    payload: Payload<'a>,
    quality: Quality,
) {
    let defaults = native::Defaults::default();
    if let Err(refusal) = native::read(intake, root, line, payload, quality, defaults) {
        // What has no kind may be an event in an envelope of another standard.
        match foreign(root) {
            Some(format) => wrapped(intake, inner, format, root, line, payload, quality),
            None => refusal.record(intake, line, payload),
        }
    }
}

#[cold]
fn foreign(root: Json<'_, '_>) -> Option<Format> {
    if root.get("kind").is_some() {
        return None;
    }
    if root.get("specversion").is_some() {
        return Some(Format::CloudEvents);
    }
    cdevents::is_one(root).then_some(Format::CdEvents)
}

fn wrapped<'a>(
    intake: &mut Intake,
    inner: &mut Reader,
    format: Format,
    root: Json<'a, 'a>,
    line: u64,
    payload: Payload<'a>,
    quality: Quality,
) {
    match format {
        Format::Alertmanager => alertmanager::posted(intake, root, line, payload, quality),
        Format::Webhook => alertmanager::webhook(intake, root, line, payload, quality),
        Format::CloudEvents => {
            cloudevents::structured(intake, inner, root, line, payload, quality);
        }
        _ => cdevents::decode(intake, root, line, payload, quality, native::Defaults::default()),
    }
}
