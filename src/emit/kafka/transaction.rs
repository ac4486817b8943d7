//! Revisions that readers see once: each batch is a transaction, and the number of its last
//! revision is written in the same one.
//!
//! ```text
//!  begin ─► revisions to the topic, the number to the state topic ─► commit ─► settled
//! ```
//!
//! Before the first the transactional id is claimed, which ends whatever an earlier process of
//! the same id has open and keeps it from opening more; only then is the state topic read. What
//! it says was committed is told no more, whatever the data directory has of it. Brokers that are
//! away at a start are no reason not to start: the id is claimed once they answer. Readers must
//! read with `isolation.level=read_committed`.

use super::batch::BatchLimit;
use super::{Context, PAUSE_MAX, Report, headers, is_refusal, later, producer};
use crate::emit::outbox::{Carried, Carrier, CarryError};
use crate::emit::wire::Message;
use crate::kafka::reader_config;
use crate::settings::KafkaSinkSettings;
use crossbeam_channel::Receiver;
use rdkafka::consumer::Consumer;
use rdkafka::consumer::base_consumer::BaseConsumer;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::producer::{BaseRecord, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

/// The setting that makes a client's messages transactions.
const TRANSACTIONAL_ID: &str = "transactional.id";
/// How long one try to claim the id lasts: a transaction that another process left open is ended
/// first, and the next try goes on with it.
const CLAIM: Duration = Duration::from_secs(5);
/// How long one try to end a transaction lasts, and how many there are before the sink says that
/// it is stuck; it goes on trying.
const COMMIT: Duration = Duration::from_secs(10);
/// How long the state topic is read at most without an answer.
const READ: Duration = Duration::from_secs(10);
/// How long the client may have no room for a message.
const ROOM: Duration = Duration::from_millis(10);

/// Writes revisions to a topic, each once for readers of what is committed.
pub struct TransactionCarrier {
    name: SmolStr,
    settings: KafkaSinkSettings,
    state_topic: String,
    /// The transactional id, and the key in the state topic.
    id: String,
    journal: String,
    producer: ThreadedProducer<Context>,
    reports: Receiver<Report>,
    batch: BatchLimit,
    /// Whether the id is claimed.
    is_claimed: bool,
    /// The last revision that was committed when it was; `None` before that is known.
    committed: Option<u64>,
    /// The numbers of the messages that come next.
    numbers: Vec<u64>,
    /// Messages of a transaction whose commit has no answer yet.
    committing: Option<usize>,
    /// Whether one is being taken back, and that has no answer yet.
    is_aborting: bool,
    /// Messages that are told one by one, because one of them was refused.
    careful: usize,
}

/// What the state topic holds under a transactional id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    /// The journal that the number counts in.
    journal: String,
    /// The last revision that is committed.
    number: u64,
}

impl TransactionCarrier {
    /// Sets the client up. Where brokers answer soon it claims the transactional id, and says how
    /// far the sink has come: the number of the last revision that is committed, zero for none.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn begin(
        name: &SmolStr,
        settings: &KafkaSinkSettings,
        state_topic: &str,
        journal: &str,
    ) -> KafkaResult<(TransactionCarrier, Option<u64>)> {
        let id = format!("causeway-{journal}-{name}");
        let batch = BatchLimit::of(settings);
        let kind = (TRANSACTIONAL_ID, id.as_str());
        let (producer, reports) = producer(name, &settings.client, kind, batch.bytes)?;
        let mut carrier = TransactionCarrier {
            name: name.clone(),
            settings: settings.clone(),
            state_topic: state_topic.to_owned(),
            id,
            journal: journal.to_owned(),
            producer,
            reports,
            batch,
            is_claimed: false,
            committed: None,
            numbers: Vec::new(),
            committing: None,
            is_aborting: false,
            careful: 0,
        };
        if let Err(error) = carrier.claim() {
            let then = "the sink's transactions wait for its brokers";
            tracing::warn!(sink = %name, %error, "{then}");
        }
        let committed = carrier.committed;
        Ok((carrier, committed))
    }

    /// Claims the transactional id and finds out how far the sink has come, unless both is done.
    fn claim(&mut self) -> KafkaResult<u64> {
        if let Some(committed) = self.committed {
            return Ok(committed);
        }
        if !self.is_claimed {
            self.initialise()?;
            // Brokers that are away would not say, and nobody asks twice.
            if self.batch.find_out(&self.name, &self.settings) {
                self.begin_anew()?;
                self.initialise()?;
            }
            self.is_claimed = true;
        }
        // A producer's question has a topic made where brokers make topics.
        self.producer.client().fetch_metadata(Some(&self.state_topic), READ)?;
        let told = told(&self.settings, &self.state_topic, &self.id)?;
        let own = told.into_iter().filter(|told| told.journal == self.journal);
        let committed = own.map(|told| told.number).max().unwrap_or(0);
        self.committed = Some(committed);
        Ok(committed)
    }

    fn initialise(&mut self) -> KafkaResult<()> {
        let tried = self.producer.init_transactions(CLAIM);
        match &tried {
            Ok(()) => {}
            // The next call goes on with it.
            Err(error) if goes_on(error) => {}
            Err(_) => self.begin_anew()?,
        }
        tried
    }

    fn begin_anew(&mut self) -> KafkaResult<()> {
        let kind = (TRANSACTIONAL_ID, self.id.as_str());
        (self.producer, self.reports) =
            producer(&self.name, &self.settings.client, kind, self.batch.bytes)?;
        Ok(())
    }

    /// What went wrong, and where.
    fn later(&self, error: &KafkaError) -> CarryError {
        later(&format!("{}` or state topic `{}", self.settings.topic, self.state_topic), error)
    }

    /// Tells the messages in one transaction.
    fn transact(&mut self, messages: &[Message]) -> Result<(), CarryError> {
        while self.reports.try_recv().is_ok() {}
        self.producer.begin_transaction().map_err(|error| self.verdict(error))?;
        if let Err(error) = self.send(messages) {
            return Err(self.aborted(error, messages.len()));
        }
        self.committing = Some(messages.len());
        self.commit()
    }

    fn send(&self, messages: &[Message]) -> KafkaResult<()> {
        for (number, message) in messages.iter().enumerate() {
            let record = BaseRecord::with_opaque_to(&self.settings.topic, number);
            let record = record.key(message.revision.incident_id.as_str()).payload(&*message.line);
            self.put(record.headers(headers(message)))?;
        }
        let number = self.numbers.get(messages.len() - 1).copied().unwrap_or(0);
        let told = Told { journal: self.journal.clone(), number };
        let told = serde_json::to_string(&told).unwrap_or_default();
        let record = BaseRecord::with_opaque_to(&self.state_topic, messages.len());
        self.put(record.key(self.id.as_str()).payload(told.as_str()))
    }

    /// Sends a message, waiting for room.
    fn put(&self, mut record: BaseRecord<'_, str, str, usize>) -> KafkaResult<()> {
        while let Err((error, back)) = self.producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error);
            }
            std::thread::sleep(ROOM);
            record = back;
        }
        Ok(())
    }

    /// Commits what is under way; when the brokers do not answer it stays under way.
    fn commit(&mut self) -> Result<(), CarryError> {
        let Some(messages) = self.committing else { return Ok(()) };
        match self.producer.commit_transaction(COMMIT) {
            Ok(()) => {
                self.committing = None;
                Ok(())
            }
            Err(error) if goes_on(&error) => Err(self.later(&error)),
            Err(error) => {
                self.committing = None;
                Err(self.aborted(error, messages))
            }
        }
    }

    /// Takes a transaction back that cannot be committed.
    fn aborted(&mut self, error: KafkaError, messages: usize) -> CarryError {
        if let KafkaError::Transaction(error) = &error
            && error.is_fatal()
        {
            return fenced(&error.to_string());
        }
        let refused = self.reports.try_iter().filter_map(|report| report.result.err());
        let refused = refused.filter(is_refusal).last();
        if let Err(error) = self.abort() {
            return error;
        }
        match refused {
            Some(refused) if messages == 1 => {
                CarryError::Refused(io::Error::other(refused.to_string()))
            }
            refused => {
                // The one at fault is found by telling each on its own.
                self.careful = if refused.is_some() { messages } else { self.careful };
                self.later(&refused.unwrap_or(error))
            }
        }
    }

    /// Takes back what is open; until brokers answer no other transaction can begin.
    fn abort(&mut self) -> Result<(), CarryError> {
        let tried = self.producer.abort_transaction(COMMIT);
        self.is_aborting = tried.as_ref().is_err_and(goes_on);
        match tried {
            Ok(()) => Ok(()),
            Err(error) if self.is_aborting => Err(self.later(&error)),
            Err(error) => Err(self.verdict(error)),
        }
    }

    fn verdict(&self, error: KafkaError) -> CarryError {
        match (&error, self.producer.client().fatal_error()) {
            (KafkaError::Transaction(error), _) if error.is_fatal() => fenced(&error.to_string()),
            (_, Some((_, reason))) => fenced(&reason),
            _ => self.later(&error),
        }
    }
}

impl Carrier for TransactionCarrier {
    fn numbered(&mut self, numbers: &[u64]) {
        self.numbers.clear();
        self.numbers.extend_from_slice(numbers);
    }

    fn carry(&mut self, messages: &[Message]) -> Carried {
        let committed = match self.claim() {
            Ok(committed) => committed,
            Err(error) => return Carried { done: 0, error: Some(self.later(&error)) },
        };
        if self.is_aborting
            && let Err(error) = self.abort()
        {
            return Carried { done: 0, error: Some(error) };
        }
        let known = self.numbers.iter().take(messages.len()).take_while(|n| **n <= committed);
        let known = known.count();
        if known > 0 {
            return Carried { done: known, error: None };
        }
        let (told, done) = match self.committing {
            Some(done) => (self.commit(), done),
            None => {
                let done = if self.careful > 0 { 1 } else { messages.len() };
                (self.transact(&messages[..done]), done)
            }
        };
        match told {
            Ok(()) => {
                self.careful = self.careful.saturating_sub(done);
                Carried { done, error: None }
            }
            Err(error) => {
                if matches!(error, CarryError::Refused(_)) {
                    self.careful = self.careful.saturating_sub(1);
                }
                Carried { done: 0, error: Some(error) }
            }
        }
    }

    fn pause_max(&self) -> Duration {
        // Before the id is claimed each try may be another client.
        if self.committed.is_some() { PAUSE_MAX } else { CLAIM }
    }
}

/// Whether nobody has answered in time, and the same call once more goes on with it.
fn goes_on(error: &KafkaError) -> bool {
    match error {
        KafkaError::Transaction(error) => error.is_retriable(),
        // What is sent has to arrive first.
        KafkaError::Flush(_) => true,
        _ => false,
    }
}

fn fenced(reason: &str) -> CarryError {
    let problem = format!("{reason}; only a restart can go on, if no other process has taken over");
    CarryError::Never(io::Error::other(problem))
}

/// Everything that is committed in the state topic under `id`.
fn told(settings: &KafkaSinkSettings, topic: &str, id: &str) -> KafkaResult<Vec<Told>> {
    let consumer: BaseConsumer = reader_config(&settings.client, id).create()?;
    let metadata = consumer.fetch_metadata(Some(topic), READ)?;
    let mut list = TopicPartitionList::new();
    let mut open = BTreeSet::new();
    for found in metadata.topics() {
        if let Some(code) = found.error() {
            return Err(KafkaError::MetadataFetch(code.into()));
        }
        for partition in found.partitions() {
            list.add_partition_offset(topic, partition.id(), Offset::Beginning)?;
            open.insert(partition.id());
        }
    }
    consumer.assign(&list)?;
    let mut found = Vec::new();
    while !open.is_empty() {
        match consumer.poll(READ) {
            Some(Ok(message)) if message.key() == Some(id.as_bytes()) => {
                let told = serde_json::from_slice(message.payload().unwrap_or_default());
                found.extend(told.ok());
            }
            Some(Ok(_)) => {}
            // One that grows meanwhile has more than one end.
            Some(Err(KafkaError::PartitionEOF(number))) => drop(open.remove(&number)),
            Some(Err(error)) => {
                let passing = error.rdkafka_error_code().is_some_and(crate::kafka::is_passing);
                if !passing {
                    return Err(error);
                }
            }
            None => {
                return Err(KafkaError::MessageConsumption(RDKafkaErrorCode::OperationTimedOut));
            }
        }
    }
    Ok(found)
}
