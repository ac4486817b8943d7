//! Revisions as messages of a topic, their key the incident's id.
//!
//! ```text
//! outbox ─► carry ─► producer (idempotent, acks=all) ─► topic
//!    ▲                    │
//!    └─ settled ◄─ delivery reports, in order
//! ```
//!
//! The value is the line that every sink carries; the header `content-type` says
//! that it is a CloudEvent in structured mode, and `idempotency-key` has the
//! incident's id and the revision's number, as a webhook has it. Revisions of one
//! incident lie in one partition, in order. A message stays with librdkafka
//! until the brokers have it, so that a retry neither doubles nor reorders; one
//! comes twice only when the process ends between its delivery and the moment
//! at which that is written down.

use super::outbox::{Carried, Carrier, CarryError};
use super::wire::Message;
use crate::kafka::client_config;
use crate::settings::{KafkaClient, KafkaSinkSettings};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use smol_str::SmolStr;
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

mod batch;
mod transaction;

use batch::{BATCH_SIZE, BatchLimit};
pub use transaction::TransactionCarrier;

/// What the value is.
pub const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";
/// How long one look at the delivery reports lasts when the brokers say nothing.
const LOOK: Duration = Duration::from_millis(200);
/// Longest pause after a failure: librdkafka itself goes on trying meanwhile.
const PAUSE_MAX: Duration = Duration::from_millis(500);
/// Bytes of a message: an incident with thousands of alerts is one of several megabytes, and
/// what the brokers allow is theirs to say.
const MESSAGE_BYTES_MAX: &str = "100000000";
/// Who gives a message up after a time can no longer keep the order.
const FOR_EVER: (&str, &str) = ("message.timeout.ms", "0");
/// Milliseconds that messages wait for others to go with: a batch costs what a message costs.
const LINGER_MS: &str = "5";

/// Writes revisions to a topic, each at least once.
pub struct KafkaCarrier {
    name: SmolStr,
    settings: KafkaSinkSettings,
    producer: ThreadedProducer<Context>,
    reports: Receiver<Report>,
    batch: BatchLimit,
    /// The messages at the front of the outbox, as far as they were seen.
    sent: VecDeque<Sent>,
    /// The number of the first of those.
    first: usize,
}

/// A message and how far it has come.
struct Sent {
    id: SmolStr,
    state: State,
}

enum State {
    Waiting,
    UnderWay,
    Delivered,
    Failed(KafkaError),
}

/// What became of the message of that number.
struct Report {
    number: usize,
    result: Result<(), KafkaError>,
}

struct Context {
    name: SmolStr,
    reports: Sender<Report>,
    /// What the client last complained of, until a message arrives.
    problem: Arc<Mutex<Option<String>>>,
}

impl KafkaCarrier {
    /// Sets the client up; nothing is asked of the brokers yet.
    ///
    /// # Errors
    /// When a setting cannot be used, or a certificate cannot be read.
    pub fn new(name: &SmolStr, settings: &KafkaSinkSettings) -> KafkaResult<KafkaCarrier> {
        let batch = BatchLimit::of(settings);
        let (producer, reports) = producer(name, &settings.client, FOR_EVER, batch.bytes)?;
        Ok(KafkaCarrier {
            name: name.clone(),
            settings: settings.clone(),
            producer,
            reports,
            batch,
            sent: VecDeque::new(),
            first: 0,
        })
    }

    /// Sends what waits, in order, as far as the client has room.
    fn send(&mut self, messages: &[Message]) -> Result<(), KafkaError> {
        for (at, (sent, message)) in self.sent.iter_mut().zip(messages).enumerate() {
            if !matches!(sent.state, State::Waiting) {
                continue;
            }
            let number = self.first + at;
            let record = BaseRecord::with_opaque_to(&self.settings.topic, number);
            let record = record
                .key(message.revision.incident_id.as_str())
                .payload(&*message.line)
                .headers(headers(message));
            match self.producer.send(record) {
                Ok(()) => sent.state = State::UnderWay,
                // Reports make room.
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => break,
                Err((error, _)) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes reports in until the first message has one or nothing is said for a while.
    fn look(&mut self) {
        let is_open = |sent: &VecDeque<Sent>| {
            let open = |sent: &Sent| matches!(sent.state, State::Waiting | State::UnderWay);
            sent.front().is_some_and(open)
        };
        while is_open(&self.sent) {
            match self.reports.recv_timeout(LOOK) {
                Ok(report) => self.enter(report),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        while let Ok(report) = self.reports.try_recv() {
            self.enter(report);
        }
    }

    fn enter(&mut self, report: Report) {
        let at = report.number.checked_sub(self.first);
        let Some(sent) = at.and_then(|at| self.sent.get_mut(at)) else { return };
        sent.state = match report.result {
            Ok(()) => State::Delivered,
            Err(error) => State::Failed(error),
        };
    }

    /// Drops the first message, which is settled.
    fn settle(&mut self) {
        self.sent.pop_front();
        self.first += 1;
    }

    /// A client that met a fatal error is of no use; another one begins where it ended.
    fn renew(&mut self) -> Result<(), CarryError> {
        let Some((code, reason)) = self.producer.client().fatal_error() else { return Ok(()) };
        tracing::error!(sink = %self.name, %code, reason, "Kafka's client is begun anew");
        self.begin_anew()
    }

    /// Another client sends what has not been delivered.
    fn begin_anew(&mut self) -> Result<(), CarryError> {
        let client = &self.settings.client;
        let (producer, reports) = producer(&self.name, client, FOR_EVER, self.batch.bytes)
            .map_err(|error| self.later(&error))?;
        (self.producer, self.reports) = (producer, reports);
        for sent in &mut self.sent {
            if !matches!(sent.state, State::Delivered) {
                sent.state = State::Waiting;
            }
        }
        Ok(())
    }

    /// What went wrong, and where.
    fn later(&self, error: &KafkaError) -> CarryError {
        later(&self.settings.topic, error)
    }

    /// What became of the first message that was not delivered, if that is known.
    fn failed(&mut self, line: &str) -> Option<CarryError> {
        let Some(Sent { state: state @ State::Failed(_), .. }) = self.sent.front_mut() else {
            return None;
        };
        let State::Failed(error) = std::mem::replace(state, State::Waiting) else { return None };
        if !is_refusal(&error) {
            return Some(self.later(&error));
        }
        if is_too_large(&error) && self.batch.doubt(line.len(), &self.name, &self.settings) {
            // It was in a batch that the topic does not take.
            return Some(self.begin_anew().err().unwrap_or_else(|| self.later(&error)));
        }
        self.settle();
        Some(CarryError::Refused(io::Error::other(error.to_string())))
    }

    /// Why nothing moves, if the client has said so.
    fn problem(&self) -> Option<CarryError> {
        let problem = &self.producer.context().problem;
        let said = problem.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(CarryError::Later(io::Error::other(said)))
    }
}

impl Carrier for KafkaCarrier {
    fn carry(&mut self, messages: &[Message]) -> Carried {
        let is_less = self.batch.find_out(&self.name, &self.settings);
        let renewed = if is_less { self.begin_anew() } else { self.renew() };
        if let Err(error) = renewed {
            return Carried { done: 0, error: Some(error) };
        }
        for message in messages.iter().skip(self.sent.len()) {
            self.sent.push_back(Sent { id: message.id.clone(), state: State::Waiting });
        }
        debug_assert!(self.sent.iter().zip(messages).all(|(sent, message)| sent.id == message.id));
        if let Err(error) = self.send(messages) {
            return Carried { done: 0, error: Some(self.later(&error)) };
        }
        self.look();
        let mut done = 0;
        while let Some(Sent { state: State::Delivered, .. }) = self.sent.front() {
            self.settle();
            done += 1;
        }
        let error = match messages.get(done) {
            Some(first) => {
                self.failed(&first.line).or_else(|| self.problem().filter(|_| done == 0))
            }
            None => None,
        };
        Carried { done, error }
    }

    fn pause_max(&self) -> Duration {
        PAUSE_MAX
    }
}

/// Whether the brokers will never take the message.
fn is_refusal(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let refusals = [Code::InvalidMessageSize, Code::InvalidMessage, Code::InvalidRecord];
    is_too_large(error) || error.rdkafka_error_code().is_some_and(|code| refusals.contains(&code))
}

/// Whether it or the batch that it was in is larger than they take.
fn is_too_large(error: &KafkaError) -> bool {
    use RDKafkaErrorCode as Code;
    let too_large = [Code::MessageSizeTooLarge, Code::MessageBatchTooLarge];
    error.rdkafka_error_code().is_some_and(|code| too_large.contains(&code))
}

fn later(topic: &str, error: &KafkaError) -> CarryError {
    CarryError::Later(io::Error::other(format!("topic `{topic}`: {error}")))
}

/// What a reader may look at without the value.
fn headers(message: &Message) -> OwnedHeaders {
    OwnedHeaders::new_with_capacity(2)
        .insert(Header { key: "content-type", value: Some(CONTENT_TYPE) })
        .insert(Header { key: "idempotency-key", value: Some(message.id.as_str()) })
}

/// A client with a setting of its kind, and where its delivery reports come out.
fn producer(
    name: &SmolStr,
    cluster: &KafkaClient,
    (key, value): (&str, &str),
    batch_bytes: usize,
) -> KafkaResult<(ThreadedProducer<Context>, Receiver<Report>)> {
    let (reports, received) = unbounded();
    let context = Context { name: name.clone(), reports, problem: Arc::default() };
    let mut config = producer_config(cluster);
    config.set(key, value).set(BATCH_SIZE, batch_bytes.to_string());
    Ok((config.create_with_context(context)?, received))
}

fn producer_config(cluster: &KafkaClient) -> ClientConfig {
    let defaults = [
        ("linger.ms", LINGER_MS),
        ("compression.type", "zstd"),
        ("message.max.bytes", MESSAGE_BYTES_MAX),
        // The partition that Java's clients would choose for the key.
        ("partitioner", "murmur2_random"),
    ];
    let mut config = client_config(&cluster.for_producer(), &defaults);
    config.set("enable.idempotence", "true").set("acks", "all");
    config
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        crate::kafka::log(&self.name, level, facility, line);
    }

    fn error(&self, _: KafkaError, reason: &str) {
        let mut problem = self.problem.lock().unwrap_or_else(PoisonError::into_inner);
        *problem = Some(reason.to_owned());
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        let result = match result {
            Ok(_) => Ok(()),
            Err((error, _)) => Err(error.clone()),
        };
        if result.is_ok() {
            *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        // The carrier may have begun anew and not listen any more.
        let _ = self.reports.send(Report { number, result });
    }
}
