//! Where bytes meet their decoder: the one way from any live source to the engine.
//!
//! ```text
//!  bytes ─► room? ─► decode ─► Intake, rejects with it ─► counted
//!             └ no: Busy, nothing happened
//! ```
//!
//! Nothing is counted before the engine has taken the batch, so a batch that is
//! turned away and sent again is in the books once.

mod held;

pub use held::{Held, SavedSource};

use super::chunk::{Chunk, CutLine};
use super::decoders::Decoders;
use super::reached::Reached;
use super::record::{Head, KeyUsed, Record};
use super::{Busy, BusyReason, Durable, Intake, Submission};
use crate::canonical::{
    Counts, Decoded, Format, Framing, Kind, Message, Mode, Origin, Reject, Source,
};
use crate::clock::SharedClock;
use crate::dlq::Refusal;
use crate::settings::SourceSettings;
use crate::telemetry::Metrics;
use crate::telemetry::ingest::Tally;
use causeway_dataflows::model::ContextEvent;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

/// Is told of every context event that was taken.
pub type ContextListener = Arc<dyn Fn(&ContextEvent) + Send + Sync>;

/// Is told of every event that was refused.
pub type RejectListener = Box<dyn Fn(&Reject) + Send + Sync>;

/// What all receptions share.
#[derive(Clone)]
pub struct Surroundings {
    /// Where decoded events go.
    pub intake: Arc<dyn Intake>,
    /// Who reads context events back, such as the list of silences.
    pub listener: Option<ContextListener>,
    /// What is counted.
    pub metrics: Metrics,
    /// When events are received.
    pub clock: SharedClock,
    /// Workers that alerts are dealt to.
    pub workers: usize,
}

/// Takes bytes for one source.
pub struct Reception {
    source: Arc<Source>,
    tenant: SmolStr,
    keeps_rejects: bool,
    decoders: Decoders,
    next_request: AtomicU64,
    /// How far each partition, such as a file, has been read.
    reached: Mutex<BTreeMap<SmolStr, Reached>>,
    rejects: OnceLock<RejectListener>,
    around: Surroundings,
}

/// Some bytes and what is known of them.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The bytes, decompressed.
    pub bytes: &'a [u8],
    /// What they are.
    pub format: Format,
    /// How they hold events.
    pub framing: Framing,
    /// Attributes of a CloudEvent in binary mode.
    pub headers: Option<&'a [(&'a str, &'a str)]>,
    /// Whose they are.
    pub tenant: &'a SmolStr,
    /// Where they came from; `None` for a request, which gets a number.
    pub origin: Option<&'a Origin>,
    /// The messages that the bytes are made of, where they are; each is a body of its own.
    pub messages: &'a [Message],
    /// The number of the first line.
    pub first_line: u64,
    /// Lines that were cut because they were too long.
    pub cut: &'a [CutLine],
    /// Kinds of events that may be in it; empty for all.
    pub kinds: &'a [Kind],
    /// The sender keeps what is refused: a dead letter sent again must not become a second one.
    pub is_resent: bool,
    /// The Idempotency-Key that it came under.
    pub key: Option<&'a KeyUsed>,
}

impl<'a> Delivery<'a> {
    /// A whole body, of which nothing else is known.
    pub fn body(bytes: &'a [u8], format: Format, tenant: &'a SmolStr) -> Delivery<'a> {
        Delivery {
            bytes,
            format,
            framing: Framing::Body,
            headers: None,
            tenant,
            origin: None,
            messages: &[],
            first_line: 1,
            cut: &[],
            kinds: &[],
            is_resent: false,
            key: None,
        }
    }
}

/// What became of a delivery.
#[derive(Clone, Debug, Default)]
pub struct Receipt {
    /// The books of the delivery.
    pub counts: Counts,
    /// What was refused, in order.
    pub rejects: Vec<Refused>,
    /// An event was refused and the source's policy is to stop on that.
    pub failed: bool,
    /// When the sender may be told.
    pub durable: Durable,
}

/// One refused event, as its sender is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Line, element or document, counted from 1.
    pub line: u64,
    /// The code, such as `E004`.
    pub code: &'static str,
    /// What is wrong, the field included.
    pub message: String,
}

impl Reception {
    /// A reception for a configured source.
    pub fn new(settings: &SourceSettings, around: Surroundings) -> Self {
        Reception::of(
            Arc::clone(&settings.decode),
            settings.tenant.clone(),
            settings.keeps_rejects,
            around,
        )
    }

    /// A reception for what the server itself writes: changes of topology, silences, windows
    /// and rules made through its own paths.
    pub fn internal(name: &str, around: Surroundings) -> Self {
        let tenant = SmolStr::new_static(crate::settings::DEFAULT_TENANT);
        Reception::of(Arc::new(Source::named(name)), tenant, true, around)
    }

    fn of(source: Arc<Source>, tenant: SmolStr, keeps_rejects: bool, around: Surroundings) -> Self {
        around.metrics.ingest.expect(&source.name);
        Reception {
            decoders: Decoders::new(&source, around.workers.max(1)),
            next_request: AtomicU64::new(1),
            reached: Mutex::default(),
            rejects: OnceLock::new(),
            source,
            tenant,
            keeps_rejects,
            around,
        }
    }

    /// The source's name.
    pub fn name(&self) -> &SmolStr {
        &self.source.name
    }

    /// The source's place among the sources.
    pub fn index(&self) -> u16 {
        self.source.index
    }

    /// Whose data it is when no token says so.
    pub fn tenant(&self) -> &SmolStr {
        &self.tenant
    }

    /// Has `listener` told of what is refused from now on, beside the dead-letter store. The
    /// first one stays.
    pub fn tell_rejects(&self, listener: RejectListener) {
        let _ = self.rejects.set(listener);
    }

    /// Decodes a delivery and hands it to the engine.
    ///
    /// # Errors
    /// When there is no room; then nothing has happened.
    pub fn take(&self, delivery: &Delivery<'_>) -> Result<Receipt, Busy> {
        self.take_as(delivery, |receipt_ns| Mode::Live { receipt_ns })
    }

    fn take_as(
        &self,
        delivery: &Delivery<'_>,
        mode: impl Fn(i64) -> Mode,
    ) -> Result<Receipt, Busy> {
        let around = &self.around;
        let turned_away = |busy: Busy| {
            around.metrics.ingest.turn_away(&self.source.name);
            busy
        };
        let reservation = around.intake.reserve(delivery.bytes.len()).map_err(turned_away)?;
        let receipt_ns = around.clock.now_ns();
        let (mode, origin) = (mode(receipt_ns), self.origin(delivery));
        // The decoder is held until the batch is handed on, so that the journal has what it
        // read in the order in which it read it.
        let mut decoder = self.decoders.free();
        let (mut decoded, skew_ns) = decoder.decode(delivery, mode, &origin);
        let record = around
            .intake
            .keeps_records()
            .then(|| Record::of(delivery, &self.source.name, decoder.number(), mode, &origin));
        let rejects = std::mem::take(&mut decoded.rejects).into_iter().map(Arc::new);
        let rejects: Vec<Arc<Reject>> = rejects.collect();
        let keeps = self.keeps_rejects && !delivery.is_resent;
        let refusal = |reject: &Arc<Reject>| Refusal {
            reject: Arc::clone(reject),
            first_seen_ns: receipt_ns,
        };
        let (counts, failed) = (decoded.counts.clone(), decoded.failed);
        let (tally, lines) = (Tally::of(&decoded), decoded.lines);
        let context: Vec<ContextEvent> = match around.listener {
            Some(_) => decoded.segments.iter().flat_map(|s| s.context.iter().cloned()).collect(),
            None => Vec::new(),
        };
        let batch = Submission {
            source: self.source.index,
            decoded,
            refused: rejects.iter().filter(|_| keeps).map(refusal).collect(),
            bytes: delivery.bytes.len(),
            reservation,
            record,
        };
        let durable = around.intake.submit(batch).map_err(turned_away)?;
        self.note(&origin, delivery, lines);
        around.metrics.ingest.enter(&self.source.name, &counts, &tally, skew_ns);
        // From here on a snapshot may be taken: the batch is in the queue and in the books.
        drop(decoder);
        if let Some(listener) = &around.listener {
            context.iter().for_each(|event| listener(event));
        }
        if let Some(listener) = self.rejects.get().filter(|_| keeps) {
            rejects.iter().for_each(|reject| listener(reject));
        }
        let rejects = rejects.iter().map(|reject| Refused::of(reject)).collect();
        Ok(Receipt { counts, rejects, failed, durable })
    }

    /// The same for a chunk of a file or of standard input.
    ///
    /// # Errors
    /// When there is no room; then nothing has happened.
    pub fn take_chunk(&self, chunk: &Chunk, format: Format) -> Result<Receipt, Busy> {
        let delivery = Delivery {
            framing: chunk.framing,
            origin: Some(&chunk.origin),
            first_line: chunk.first_line,
            cut: &chunk.cut,
            ..Delivery::body(&chunk.bytes, format, &self.tenant)
        };
        self.take_as(&delivery, |receipt_ns| Mode::Followed { receipt_ns })
    }

    /// The same for messages of one partition of a log, which lie in `bytes` one behind the
    /// other; `origin` names the partition and the first offset.
    ///
    /// # Errors
    /// When there is no room; then nothing has happened.
    pub fn take_messages(
        &self,
        bytes: &[u8],
        messages: &[Message],
        format: Format,
        origin: &Origin,
    ) -> Result<Receipt, Busy> {
        let delivery = Delivery {
            origin: Some(origin),
            messages,
            ..Delivery::body(bytes, format, &self.tenant)
        };
        self.take_as(&delivery, |receipt_ns| Mode::Followed { receipt_ns })
    }

    /// The same, waiting for room with `pause`, which says whether to go on; `None` when it
    /// said no.
    pub fn take_chunk_patiently(
        &self,
        chunk: &Chunk,
        format: Format,
        pause: &mut dyn FnMut(Duration) -> bool,
    ) -> Option<Receipt> {
        loop {
            match self.take_chunk(chunk, format) {
                Ok(receipt) => return Some(receipt),
                Err(Busy { reason: BusyReason::Stopping, .. }) => return None,
                Err(busy) if !pause(busy.retry_after) => return None,
                Err(_) => {}
            }
        }
    }

    /// Decodes a record of the journal again, as it was decoded when it came: the same events,
    /// counted and listed as they were. What was refused is in the dead letters already.
    pub fn again(&self, head: &Head, body: &[u8]) -> (Decoded, Receipt) {
        let headers = head.header_pairs();
        if let Some(seq) = head.origin.seq {
            self.next_request.fetch_max(seq + 1, Ordering::Relaxed);
        }
        let delivery = head.delivery(body, headers.as_deref());
        let (mut decoded, skew_ns) =
            self.decoders.numbered(head.decoder).decode(&delivery, head.mode, &head.origin);
        let rejects = std::mem::take(&mut decoded.rejects);
        let tally = Tally::of(&decoded);
        self.note(&head.origin, &delivery, decoded.lines);
        self.around.metrics.ingest.enter(&self.source.name, &decoded.counts, &tally, skew_ns);
        if let Some(listener) = &self.around.listener {
            decoded.segments.iter().flat_map(|s| &s.context).for_each(|event| listener(event));
        }
        let rejects = rejects.iter().map(Refused::of).collect();
        let (counts, failed) = (decoded.counts.clone(), decoded.failed);
        (decoded, Receipt { counts, rejects, failed, durable: Durable::now() })
    }

    /// What a record of the journal has that was refused, as it was when it came; nothing when its
    /// source does not keep such. Nothing is counted.
    pub fn rejects_of(&self, head: &Head, body: &[u8]) -> Vec<Reject> {
        let headers = head.header_pairs();
        let delivery = head.delivery(body, headers.as_deref());
        let mut decoder = self.decoders.numbered(head.decoder);
        let (decoded, _) = decoder.decode(&delivery, head.mode, &head.origin);
        if self.keeps_rejects { decoded.rejects } else { Vec::new() }
    }

    fn origin(&self, delivery: &Delivery<'_>) -> Origin {
        match delivery.origin {
            Some(origin) => origin.clone(),
            None => {
                let seq = self.next_request.fetch_add(1, Ordering::Relaxed);
                let source_id = self.source.name.clone();
                Origin { source_id, partition: None, offset: None, seq: Some(seq) }
            }
        }
    }
}

impl Refused {
    fn of(reject: &Reject) -> Self {
        let message = match reject.field.is_empty() {
            true => reject.message.clone(),
            false => format!("{}: {}", reject.field, reject.message),
        };
        Refused { line: reject.line, code: reject.code.word(), message }
    }
}
