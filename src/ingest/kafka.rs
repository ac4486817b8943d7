//! Topics of Apache Kafka.
//!
//! ```text
//!  consumer ─► rebalance ─► positions: where each partition goes on
//!     │
//!     └─ a queue for each partition ─► poller threads ─► batches ─► reception ─► journal
//!                                                                                   │
//!  commits, for others to see ◄─ offsets that are durable ◄────────────────────────┘
//! ```
//!
//! One thread polls the consumer, which serves the group, errors and statistics;
//! a few more read the partitions, each partition always by the same one, so
//! that its order is kept. A batch is taken or refused as a whole; a refused one
//! waits, and when it waits for long its partition is paused. What is in the
//! journal is never asked for again: a restart goes on behind it.

use crate::clock::SharedClock;
use crate::ingest::reception::Reception;
use crate::kafka::client_config;
use crate::settings::{GroupProtocol, KafkaSourceSettings};
use crate::telemetry::Repeats;
use crate::telemetry::kafka::KafkaBooks;
use batch::HeaderRules;
use context::Context;
use crossbeam_channel::{Receiver, RecvTimeoutError, TryRecvError};
use dead_letters::DeadLetters;
use poller::Pollers;
use positions::{Partition, Positions};
use rdkafka::consumer::Consumer;
use rdkafka::consumer::base_consumer::BaseConsumer;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::topic_partition_list::TopicPartitionList;
use reader::{End, Reader, Shared};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

mod batch;
mod context;
mod dead_letters;
mod poller;
mod positions;
mod reader;

/// Before a consumer begins anew.
const AGAIN: Duration = Duration::from_secs(1);
/// How often offsets that became durable are stored; committing takes a second in any case.
const POLL: Duration = Duration::from_millis(50);
/// How long a partition that is taken away, or the end of the source, waits for the journal:
/// 2 s, far more than a sync takes and far less than a group waits for a member.
const SETTLE_POLLS: u32 = 100;
const SETTLE_EVERY: Duration = Duration::from_millis(20);
/// Statistics, from which the lag is read.
const STATISTICS_MS: &str = "1000";
/// Bytes fetched ahead of a partition's reader: a few batches, and at a gigabit a second more
/// than what arrives between two looks at whether there is room again. librdkafka's own figures
/// are 64 MiB and a second, in which a reader without anything to read stands still.
const QUEUED_KILOBYTES: &str = "8192";
const QUEUED_LOOK_MS: &str = "10";

/// What a Kafka source works with.
pub struct KafkaParams {
    /// The source.
    pub settings: KafkaSourceSettings,
    /// Where its messages go.
    pub reception: Arc<Reception>,
    /// How far the journal has each partition, named `topic/number`: the next offset.
    pub reached: BTreeMap<SmolStr, u64>,
    /// What tells the journal from every other; empty without one.
    pub journal: String,
    /// What is counted.
    pub books: KafkaBooks,
    /// Keeps the log short.
    pub repeats: Arc<Repeats>,
    /// For waits.
    pub clock: SharedClock,
}

/// Why a Kafka source ended.
#[derive(Debug, thiserror::Error)]
pub enum KafkaSourceError {
    /// The client cannot begin.
    #[error("Kafka's client cannot begin: {0}")]
    Client(#[from] KafkaError),
    /// The system has no thread to give.
    #[error("a thread cannot be started: {0}")]
    Thread(#[from] std::io::Error),
    /// It cannot go on.
    #[error("{0}")]
    Failed(String),
}

/// Reads until `stop` speaks or closes.
///
/// # Errors
/// When the client cannot begin, is fenced off, or the source's policy is to stop.
pub fn run(params: KafkaParams, stop: &Receiver<()>) -> Result<(), KafkaSourceError> {
    let positions = Arc::new(Positions::new(params.journal.clone(), &params.reached));
    let mut letters = None;
    if let Some(topic) = &params.settings.dead_letter_topic {
        let started = Arc::new(DeadLetters::start(&params, topic)?);
        let offered = Arc::clone(&started);
        params.reception.tell_rejects(Box::new(move |reject| offered.offer(reject)));
        letters = Some(started);
    }
    let mut ended = read(&params, &positions, stop);
    while let Ok(Next::Again) = ended {
        // The brokers may not know better at once.
        if stop.recv_timeout(AGAIN) != Err(RecvTimeoutError::Timeout) {
            break;
        }
        ended = read(&params, &positions, stop);
    }
    if let Some(letters) = letters {
        letters.flush();
    }
    ended.map(|_| ())
}

/// What follows when a consumer has ended.
enum Next {
    Stop,
    /// Another begins where it ended.
    Again,
}

/// Reads with one consumer from its beginning to its end.
fn read(
    params: &KafkaParams,
    positions: &Arc<Positions>,
    stop: &Receiver<()>,
) -> Result<Next, KafkaSourceError> {
    let name = params.reception.name().clone();
    let pollers =
        Pollers::start(&format!("source-{name}"), params.settings.pollers, &params.clock)?;
    let release = {
        let (lanes, positions) = (pollers.lanes.clone(), Arc::clone(positions));
        move |partitions: &[Partition]| {
            lanes.remove(partitions);
            settle(&positions);
        }
    };
    let context = Context {
        source: name,
        settings: params.settings.clone(),
        positions: Arc::clone(positions),
        books: params.books.clone(),
        repeats: Arc::clone(&params.repeats),
        release: Box::new(release),
        given: Default::default(),
        fatal: Default::default(),
        lost_brokers: Default::default(),
    };
    let consumer: BaseConsumer<Context> = consumer_config(params).create_with_context(context)?;
    let topics: Vec<&str> = params.settings.topics.iter().map(String::as_str).collect();
    consumer.subscribe(&topics)?;
    let shared = Arc::new(Shared {
        consumer: Arc::new(consumer),
        reception: Arc::clone(&params.reception),
        rules: HeaderRules::new(params.settings.header_labels.clone(), params.settings.format),
        format: params.settings.format,
    });
    let ended = serve(&shared, &pollers, stop);
    pollers.stop();
    settle(positions);
    if let Some(durable) = positions.durable() {
        // Closing commits what is stored.
        let _ = shared.consumer.store_offsets(&durable);
    }
    ended
}

/// Polls the consumer and hands partitions to their readers.
fn serve(
    shared: &Arc<Shared>,
    pollers: &Pollers,
    stop: &Receiver<()>,
) -> Result<Next, KafkaSourceError> {
    let (consumer, context) = (&shared.consumer, shared.consumer.context());
    loop {
        match consumer.poll(POLL) {
            None => {}
            // Partitions have queues of their own before anything is fetched for them.
            Some(Ok(_)) => context.note("a message came outside its queue", &KafkaError::Canceled),
            Some(Err(KafkaError::MessageConsumptionFatal(code))) => {
                return follow(context.end(code));
            }
            Some(Err(error)) => context.note("the group cannot be served", &error),
        }
        for (partition, next) in context.given() {
            open(shared, pollers, partition, next);
        }
        if let Some(durable) = context.positions.durable()
            && let Err(error) = consumer.store_offsets(&durable)
            && error.rdkafka_error_code() != Some(RDKafkaErrorCode::State)
        {
            context.note("offsets are not stored; the journal has them", &error);
        }
        if let Some(problem) = context.fatal() {
            let of_client = consumer.client().fatal_error().map(|(code, _)| context.end(code));
            return follow(of_client.unwrap_or(End::Failed(problem)));
        }
        if let Ok(end) = pollers.ends.try_recv() {
            return follow(end);
        }
        if stop.try_recv() != Err(TryRecvError::Empty) {
            return Ok(Next::Stop);
        }
    }
}

/// Gives a partition a queue and a reader, then lets it be fetched.
fn open(shared: &Arc<Shared>, pollers: &Pollers, partition: Partition, next: Option<u64>) {
    let (consumer, context) = (&shared.consumer, shared.consumer.context());
    let (topic, number) = (partition.0.clone(), partition.1);
    let Some(mut queue) = consumer.split_partition_queue(&topic, number) else {
        return context.note("a partition has no queue", &KafkaError::Canceled);
    };
    let waker = pollers.lanes.waker(&partition);
    queue.set_nonempty_callback(move || waker.wake());
    let reader = Reader::new(Arc::clone(shared), queue, partition, next);
    pollers.lanes.add(reader);
    let mut list = TopicPartitionList::new();
    list.add_partition(&topic, number);
    if let Err(error) = consumer.resume(&list) {
        context.note("a partition is not resumed", &error);
    }
}

/// Waits, within reason, until what was taken is durable.
fn settle(positions: &Positions) {
    for _ in 0..SETTLE_POLLS {
        if positions.is_settled() {
            return;
        }
        std::thread::sleep(SETTLE_EVERY);
    }
}

fn follow(end: End) -> Result<Next, KafkaSourceError> {
    match end {
        End::Failed(problem) => Err(KafkaSourceError::Failed(problem)),
        End::Stopping => Ok(Next::Stop),
        End::Again => Ok(Next::Again),
    }
}

fn consumer_config(params: &KafkaParams) -> rdkafka::ClientConfig {
    let settings = &params.settings;
    let defaults = [
        ("queued.max.messages.kbytes", QUEUED_KILOBYTES),
        ("fetch.queue.backoff.ms", QUEUED_LOOK_MS),
        ("auto.commit.interval.ms", "1000"),
        ("isolation.level", "read_committed"),
    ];
    let mut config = client_config(&settings.client, &defaults);
    config.set("group.id", &settings.group);
    config.set("enable.auto.commit", "true");
    config.set("enable.auto.offset.store", "false");
    config.set("auto.offset.reset", "error");
    config.set("statistics.interval.ms", STATISTICS_MS);
    match settings.group_protocol {
        GroupProtocol::Classic => {
            config.set("group.protocol", "classic");
            if config.get("partition.assignment.strategy").is_none() {
                config.set("partition.assignment.strategy", "cooperative-sticky");
            }
            if !params.journal.is_empty() {
                // A process that was killed is back as the same member: its partitions need not
                // wait until the group has given it up.
                let member = format!("causeway-{}-{}", params.journal, params.reception.name());
                config.set("group.instance.id", member);
            }
        }
        GroupProtocol::Consumer => {
            config.set("group.protocol", "consumer");
        }
    }
    config
}
