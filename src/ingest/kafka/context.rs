//! What librdkafka calls back: partitions given and taken, statistics, errors.
//!
//! All of it runs on the thread that polls the consumer.

use super::positions::{Committed, Partition, Positions};
use super::reader::End;
use crate::settings::{KafkaSourceSettings, OffsetLost, Start};
use crate::telemetry::Repeats;
use crate::telemetry::kafka::{KafkaBooks, PartitionState};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::base_consumer::BaseConsumer;
use rdkafka::consumer::{Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the group and the brokers are asked where partitions stand. Longer than a broker
/// takes to answer when it is well, and well below the time after which a member that does not
/// answer is thrown out.
const ASK: Duration = Duration::from_secs(5);

/// What the client calls the state of a broker that answers.
const BROKER_UP: &str = "UP";

/// Under what the client logs that the group did not answer for as long as a member may be silent.
const SESSION_OVER: &str = "SESSTMOUT";

/// A partition, and the offset from which it is read if that is known.
pub(super) type Given = (Partition, Option<u64>);

/// Takes a partition's reader away and waits until it has let go.
pub(super) type Release = Box<dyn Fn(&[Partition]) + Send + Sync>;

/// The state that callbacks share with the thread that polls.
pub(super) struct Context {
    pub(super) source: SmolStr,
    pub(super) settings: KafkaSourceSettings,
    pub(super) positions: Arc<Positions>,
    pub(super) books: KafkaBooks,
    pub(super) repeats: Arc<Repeats>,
    pub(super) release: Release,
    /// Partitions that were given and have no reader yet.
    pub(super) given: Mutex<Vec<Given>>,
    pub(super) fatal: Mutex<Option<String>>,
    /// Whether brokers were out of reach since the consumer began.
    pub(super) lost_brokers: AtomicBool,
}

impl Context {
    /// Partitions that were given since the last call.
    pub(super) fn given(&self) -> Vec<Given> {
        std::mem::take(&mut *self.given.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Why the source cannot go on, if it cannot.
    pub(super) fn fatal(&self) -> Option<String> {
        self.fatal.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What follows when the client cannot go on.
    ///
    /// The group lets the latest of several members of one name in and fences off the others. A
    /// member whose broker goes away while it joins does not hear under which number it was let
    /// in; with the number that it knows it is fenced off by itself. So who has lost brokers
    /// begins anew, and comes in if nobody else is there; who has not was fenced off by another.
    pub(super) fn end(&self, code: RDKafkaErrorCode) -> End {
        let is_fenced = code == RDKafkaErrorCode::FencedInstanceId;
        if is_fenced && self.lost_brokers.load(Ordering::Acquire) {
            let error = KafkaError::MessageConsumptionFatal(code);
            self.note("after its brokers were lost the consumer begins anew", &error);
            return End::Again;
        }
        let remedy = match is_fenced {
            true => "; another process reads with a copy of this data directory",
            false => "",
        };
        End::Failed(format!("Kafka's client cannot go on: {code}{remedy}"))
    }

    fn fail(&self, problem: String) {
        *self.fatal.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
    }

    /// Counts and tells an error of the client.
    pub(super) fn note(&self, what: &str, error: &KafkaError) {
        self.books.enter(&self.source, |counts| counts.errors += 1);
        if let Some(more) = self.repeats.allow("kafka") {
            tracing::warn!(source = %self.source, %error, more, "{what}");
        }
    }

    fn give(&self, consumer: &BaseConsumer<Context>, list: &mut TopicPartitionList) {
        let starts = self.starts(consumer, list);
        for ((topic, partition), start) in &starts {
            let offset = start.map_or(Offset::Stored, |next| {
                Offset::Offset(i64::try_from(next).unwrap_or(i64::MAX))
            });
            let _ = list.set_partition_offset(topic, *partition, offset);
        }
        let assigned = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_assign(list),
            RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.assign(list),
        };
        // Nothing is fetched until the partitions have queues of their own: what a pause finds
        // in a queue is thrown away and fetched again.
        if let Err(error) = assigned.and_then(|()| consumer.pause(list)) {
            return self.note("partitions cannot be read", &error);
        }
        self.books.enter(&self.source, |counts| {
            counts.rebalances += 1;
            // A broker gave them; the statistics say it a little later.
            counts.is_connected = true;
            for (partition, start) in &starts {
                let state = PartitionState { next: start.unwrap_or(0), ..Default::default() };
                counts.partitions.insert(partition.clone(), state);
            }
        });
        let named: Vec<String> = starts.iter().map(|(at, from)| shown(at, *from)).collect();
        tracing::info!(source = %self.source, partitions = named.join(" "), "partitions given");
        self.given.lock().unwrap_or_else(PoisonError::into_inner).extend(starts);
    }

    fn take(&self, consumer: &BaseConsumer<Context>, list: &TopicPartitionList) {
        let partitions: Vec<Partition> = list.elements().iter().map(name).collect();
        (self.release)(&partitions);
        if let Some(durable) = self.positions.durable() {
            // Whoever reads on finds them; of what is lost already the group is not told.
            let _ = consumer.store_offsets(&durable);
        }
        let unassigned = match consumer.rebalance_protocol() {
            RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
            RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
        };
        if let Err(error) = unassigned {
            self.note("partitions cannot be let go", &error);
        }
        self.books.enter(&self.source, |counts| {
            counts.rebalances += 1;
            counts.partitions.retain(|partition, _| !partitions.contains(partition));
        });
        let named: Vec<String> = partitions.iter().map(|(t, p)| format!("{t}/{p}")).collect();
        tracing::info!(source = %self.source, partitions = named.join(" "), "partitions taken");
        let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        given.retain(|(partition, _)| !partitions.contains(partition));
    }

    /// Where each partition goes on; `None` to leave it to the group's own memory, when nobody
    /// could be asked.
    fn starts(&self, consumer: &BaseConsumer<Context>, list: &TopicPartitionList) -> Vec<Given> {
        let committed = match self.committed(consumer, list) {
            Ok(committed) => Some(committed),
            Err(error) => {
                self.note("the group cannot be asked where it stands", &error);
                None
            }
        };
        let partitions: Vec<Partition> = list.elements().iter().map(name).collect();
        let start = |partition: Partition| {
            let known = committed.as_ref().and_then(|all| all.get(&partition));
            let resumed = self.positions.resume(&partition, known);
            let resumed = resumed.map(|next| self.place(consumer, &partition, next));
            if let (Some(next), true) = (resumed, known.map(|known| known.next) != resumed) {
                // What the journal has and the group does not know.
                self.remember(consumer, &partition, next);
            }
            let asked = || match committed.is_some() {
                true => self.start(consumer, &partition),
                false => None,
            };
            let start = resumed.or_else(asked);
            (partition, start)
        };
        partitions.into_iter().map(start).collect()
    }

    fn committed(
        &self,
        consumer: &BaseConsumer<Context>,
        list: &TopicPartitionList,
    ) -> KafkaResult<BTreeMap<Partition, Committed>> {
        let committed = consumer.committed_offsets(list.clone(), ASK)?;
        let offset = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            let Offset::Offset(next) = element.offset() else { return None };
            let owner = element.metadata().to_owned();
            Some((name(element), Committed { next: u64::try_from(next).ok()?, owner }))
        };
        Ok(committed.elements().iter().filter_map(offset).collect())
    }

    /// Where a partition goes on at which `next` is due: there, unless it holds nothing there.
    fn place(&self, consumer: &BaseConsumer<Context>, partition: &Partition, next: u64) -> u64 {
        let ends = match consumer.fetch_watermarks(&partition.0, partition.1, ASK) {
            Ok((first, end)) => (first.max(0) as u64, end.max(0) as u64),
            Err(error) => {
                self.note("the ends of a partition are not known", &error);
                return next;
            }
        };
        let (first, end) = ends;
        if (first..=end).contains(&next) {
            return next;
        }
        let name = shown(partition, None);
        let place = match self.settings.offset_lost {
            OffsetLost::Earliest => first,
            OffsetLost::Latest => end,
            OffsetLost::Fail => {
                self.fail(format!(
                    "partition {name} begins at {first} and ends at {end}, and offset {next} is \
                     due; set `offset_lost` to go on all the same"
                ));
                return next;
            }
        };
        let lost = place.saturating_sub(next);
        tracing::error!(source = %self.source, partition = name, due = next, first, end,
            goes_on = place, lost, "the offset that is due is not there");
        self.books.enter(&self.source, |counts| counts.lost += lost);
        self.positions.moved(partition, place);
        place
    }

    /// Where a partition begins that nobody has read of.
    fn start(&self, consumer: &BaseConsumer<Context>, partition: &Partition) -> Option<u64> {
        let (topic, number) = partition;
        let ends = || consumer.fetch_watermarks(topic, *number, ASK);
        let found = match self.settings.start {
            Start::Earliest => ends().map(|(first, _)| first),
            Start::Latest => ends().map(|(_, end)| end),
            Start::Time(stamp_ms) => {
                let mut times = TopicPartitionList::new();
                times
                    .add_partition_offset(topic, *number, Offset::Offset(stamp_ms))
                    .and_then(|()| consumer.offsets_for_times(times, ASK))
                    .and_then(|found| match found.elements().first().map(|e| e.offset()) {
                        Some(Offset::Offset(offset)) => Ok(offset),
                        // Nothing is that young yet.
                        _ => ends().map(|(_, end)| end),
                    })
            }
        };
        match found {
            Ok(offset) => {
                let next = u64::try_from(offset).unwrap_or(0);
                // A place behind the newest message must be remembered before one comes.
                self.remember(consumer, partition, next);
                Some(next)
            }
            Err(error) => {
                self.note("a partition's first offset is not known", &error);
                None
            }
        }
    }

    /// Tells the group where a partition goes on: at once, and stored like what is taken, because
    /// a commit while members come and go may fail, and those of what is stored are tried again.
    fn remember(&self, consumer: &BaseConsumer<Context>, partition: &Partition, next: u64) {
        self.positions.unsaid(partition, next);
        let mut list = TopicPartitionList::new();
        self.positions.add(&mut list, &partition.0, partition.1, next);
        if let Err(error) = consumer.commit(&list, rdkafka::consumer::CommitMode::Async) {
            self.note("an offset is not committed; the journal has it", &error);
        }
    }
}

fn name(element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>) -> Partition {
    (SmolStr::new(element.topic()), element.partition())
}

fn shown((topic, partition): &Partition, from: Option<u64>) -> String {
    match from {
        Some(from) => format!("{topic}/{partition}@{from}"),
        None => format!("{topic}/{partition}"),
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        if facility == SESSION_OVER {
            self.lost_brokers.store(true, Ordering::Release);
        }
        if self.repeats.allow("librdkafka").is_some() {
            crate::kafka::log(&self.source, level, facility, line);
        }
    }

    fn stats(&self, statistics: Statistics) {
        let is_up = statistics.brokers.values().any(|broker| broker.state == BROKER_UP);
        self.books.enter(&self.source, |counts| {
            counts.is_connected = is_up;
            counts.problem = counts.problem.take().filter(|_| !is_up);
            for ((topic, partition), state) in &mut counts.partitions {
                let topic = statistics.topics.get(topic.as_str());
                let found = topic.and_then(|topic| topic.partitions.get(partition));
                // Of transactions that are open nobody reads yet.
                let end = found.and_then(|found| u64::try_from(found.ls_offset).ok());
                state.end = end.or(state.end);
            }
        });
    }

    fn error(&self, error: KafkaError, reason: &str) {
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => {
                self.fail(format!("Kafka's client cannot go on: {reason}"));
            }
            Some(
                RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::OperationTimedOut,
            ) => self.lost_brokers.store(true, Ordering::Release),
            _ => {}
        }
        self.books.enter(&self.source, |counts| counts.problem = Some(reason.to_owned()));
        self.note(reason, &error);
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Context>,
        event: RDKafkaRespErr,
        list: &mut TopicPartitionList,
    ) {
        match event {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.give(consumer, list),
            _ => self.take(consumer, list),
        }
    }

    fn commit_callback(&self, result: KafkaResult<()>, _: &TopicPartitionList) {
        match result {
            Err(error) if error.rdkafka_error_code() != Some(RDKafkaErrorCode::NoOffset) => {
                self.note("offsets are not committed; the journal has them", &error);
            }
            _ => {}
        }
    }
}
