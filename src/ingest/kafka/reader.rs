//! Reads one partition: messages from its queue into batches, batches to the engine.

use super::batch::{Batch, HeaderRules};
use super::context::Context;
use super::positions::Partition;
use crate::canonical::{Format, Origin};
use crate::clock::NANOS;
use crate::ingest::reception::{Receipt, Reception};
use crate::ingest::{Busy, BusyReason};
use crate::settings::partition_name;
use rdkafka::consumer::Consumer;
use rdkafka::consumer::base_consumer::{BaseConsumer, PartitionQueue};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::sync::Arc;
use std::time::Duration;

/// How long a refused batch waits at first; it doubles up to [`WAIT_MAX_NS`]. Room comes back as
/// soon as an epoch is through, which takes milliseconds unless the engine is far behind.
const WAIT_MIN_NS: i64 = NANOS / 1_000;
const WAIT_MAX_NS: i64 = NANOS / 4;
/// A wait from which on nothing more is fetched: what lies in the queue meanwhile would only
/// take memory.
const PAUSE_NS: i64 = 16 * WAIT_MIN_NS;

/// What all readers of a source share.
pub(super) struct Shared {
    pub(super) consumer: Arc<BaseConsumer<Context>>,
    pub(super) reception: Arc<Reception>,
    pub(super) rules: HeaderRules,
    pub(super) format: Format,
}

/// Why a source ends.
pub(super) enum End {
    /// The process is stopping.
    Stopping,
    /// It has to begin anew: an offset that is due is not there, or the group does not know it.
    Again,
    /// It cannot go on.
    Failed(String),
}

/// The reader of one partition.
pub(super) struct Reader {
    shared: Arc<Shared>,
    queue: PartitionQueue<Context>,
    pub(super) partition: Partition,
    origin: Origin,
    /// The next message to take.
    next: u64,
    batch: Batch,
    /// Until when a refused batch waits, and for how long it did.
    waits: Option<(i64, i64)>,
    is_paused: bool,
}

impl Reader {
    pub(super) fn new(
        shared: Arc<Shared>,
        queue: PartitionQueue<Context>,
        partition: Partition,
        next: Option<u64>,
    ) -> Reader {
        let name = partition_name(&partition.0, partition.1);
        let source_id = shared.reception.name().clone();
        let origin = Origin { source_id, partition: Some(name), offset: None, seq: None };
        Reader {
            shared,
            queue,
            partition,
            origin,
            next: next.unwrap_or(0),
            batch: Batch::default(),
            waits: None,
            is_paused: false,
        }
    }

    /// Until when a refused batch waits, nanoseconds of the monotonic clock.
    pub(super) fn waits_until(&self) -> Option<i64> {
        self.waits.map(|(until, _)| until)
    }

    /// Takes what is there, at most one batch; says whether there was anything.
    pub(super) fn pump(&mut self, now_ns: i64) -> Result<bool, End> {
        match self.waits {
            Some((until, _)) if now_ns < until => return Ok(false),
            Some(_) => {}
            None => self.fill()?,
        }
        if self.batch.is_empty() {
            return Ok(false);
        }
        self.origin.offset = self.batch.first();
        let (bytes, messages) = (&self.batch.bytes, &self.batch.messages);
        let shared = &self.shared;
        match shared.reception.take_messages(bytes, messages, shared.format, &self.origin) {
            Ok(receipt) => self.taken(receipt)?,
            Err(Busy { reason: BusyReason::Stopping, .. }) => return Err(End::Stopping),
            Err(busy) => self.refused(busy, now_ns),
        }
        Ok(true)
    }

    fn fill(&mut self) -> Result<(), End> {
        let mut repeated = 0;
        let mut error = None;
        while !self.batch.is_full() {
            let message = match self.queue.poll(Duration::ZERO) {
                None => break,
                Some(Ok(message)) => message,
                Some(Err(met)) => {
                    error = Some(met);
                    break;
                }
            };
            let offset = u64::try_from(message.offset()).unwrap_or(0);
            if offset < self.next {
                repeated += 1;
                continue;
            }
            self.next = offset + 1;
            self.batch.push(&message, &self.shared.rules);
        }
        if repeated > 0 {
            let context = self.shared.consumer.context();
            context.books.enter(&context.source, |counts| counts.repeated += repeated);
        }
        error.map_or(Ok(()), |error| self.stumble(&error))
    }

    fn taken(&mut self, receipt: Receipt) -> Result<(), End> {
        let context = self.shared.consumer.context();
        let next = self.batch.next().unwrap_or(self.next);
        context.positions.taken(&self.partition, next, receipt.durable.clone());
        let (messages, bytes) = (self.batch.messages.len() as u64, self.batch.bytes.len() as u64);
        context.books.enter(&context.source, |counts| {
            counts.messages += messages;
            counts.bytes += bytes;
            if let Some(state) = counts.partitions.get_mut(&self.partition) {
                state.next = next;
            }
        });
        self.batch.clear();
        self.waits = None;
        if self.is_paused {
            self.set_paused(false);
        }
        match receipt.failed {
            true => Err(End::Failed(crate::ingest::refusal(&receipt))),
            false => Ok(()),
        }
    }

    fn refused(&mut self, busy: Busy, now_ns: i64) {
        let waited = self.waits.map_or(WAIT_MIN_NS, |(_, waited)| (2 * waited).min(WAIT_MAX_NS));
        let wait = match busy.reason {
            BusyReason::Storage | BusyReason::Memory => {
                i64::try_from(busy.retry_after.as_nanos()).unwrap_or(waited)
            }
            BusyReason::Full | BusyReason::Stopping => waited,
        };
        self.waits = Some((now_ns.saturating_add(wait), waited));
        if wait >= PAUSE_NS && !self.is_paused {
            self.set_paused(true);
        }
    }

    fn set_paused(&mut self, pause: bool) {
        let (topic, partition) = &self.partition;
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, *partition);
        let consumer = &self.shared.consumer;
        let done = if pause { consumer.pause(&list) } else { consumer.resume(&list) };
        let context = consumer.context();
        match done {
            Ok(()) => self.is_paused = pause,
            Err(error) => context.note("a partition is neither paused nor resumed", &error),
        }
        let is_paused = self.is_paused;
        context.books.enter_partition(&context.source, topic, *partition, |state| {
            state.is_paused = is_paused;
        });
    }

    /// Deals with an error that came in place of a message.
    fn stumble(&self, error: &KafkaError) -> Result<(), End> {
        let context = self.shared.consumer.context();
        match error {
            KafkaError::MessageConsumptionFatal(code) => Err(context.end(*code)),
            // Whoever begins anew looks where the partition goes on.
            KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) => Err(End::Again),
            error => {
                context.note("a partition cannot be read", error);
                Ok(())
            }
        }
    }
}
