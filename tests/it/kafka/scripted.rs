//! Brokers that err as they are told to: librdkafka's own, inside the test.

use super::alert;
use super::broker::{Sent, produce, read};
use causeway::clock::{ManualClock, SharedClock};
use causeway::emit::kafka::KafkaCarrier;
use causeway::emit::outbox::{Carrier, CarryError};
use causeway::emit::wire::{Envelope, Message};
use causeway::ingest::kafka::{KafkaParams, run};
use causeway::ingest::reception::{Reception, Surroundings};
use causeway::ingest::{Busy, BusyReason, Durable, Intake, Reservation, Submission};
use causeway::settings::{
    GroupProtocol, KafkaClient, KafkaSinkSettings, KafkaSourceSettings, OffsetLost, Start,
};
use causeway::telemetry::kafka::KafkaBooks;
use causeway::telemetry::{Metrics, Repeats};
use crossbeam_channel::{Sender, bounded};
use rdkafka::mocking::{MockCluster, MockCoordinator};
use rdkafka::producer::DefaultProducerContext;
use rdkafka::types::{RDKafkaApiKey as Api, RDKafkaRespErr as Err};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// An engine that notes what it was given, and may have no room.
#[derive(Default)]
struct Engine {
    is_full: AtomicBool,
    taken: Mutex<Vec<(String, u64)>>,
}

impl Intake for Engine {
    fn reserve(&self, _: usize) -> Result<Reservation, Busy> {
        match self.is_full.load(Ordering::Acquire) {
            false => Ok(Reservation::none()),
            true => {
                let retry_after = Duration::from_millis(10);
                Err(Busy { retry_after, reason: BusyReason::Full })
            }
        }
    }

    fn keeps_records(&self) -> bool {
        true
    }

    fn submit(&self, batch: Submission) -> Result<Durable, Busy> {
        let record = batch.record.unwrap();
        let head: causeway::ingest::record::Head = serde_json::from_slice(&record.head).unwrap();
        let partition = head.origin.partition.unwrap().to_string();
        let offsets = head.messages.iter().map(|message| (partition.clone(), message.offset));
        self.taken.lock().unwrap().extend(offsets);
        Ok(Durable::now())
    }
}

/// A source that reads from a scripted cluster.
struct Reading {
    engine: Arc<Engine>,
    books: KafkaBooks,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Reading {
    fn start(address: &str, topic: &str) -> Reading {
        let clock: SharedClock = Arc::new(ManualClock::at_seconds(1_795_417_200));
        let engine = Arc::new(Engine::default());
        let around = Surroundings {
            intake: Arc::clone(&engine) as Arc<dyn Intake>,
            listener: None,
            metrics: Metrics::new(&*clock),
            clock: Arc::clone(&clock),
            workers: 1,
        };
        let books = KafkaBooks::default();
        let params = KafkaParams {
            settings: settings(address, topic),
            reception: Arc::new(Reception::internal("events", around)),
            reached: BTreeMap::new(),
            journal: String::new(),
            books: books.clone(),
            repeats: Arc::new(Repeats::new(Duration::ZERO, clock)),
            // Waits for room are real.
            clock: causeway::clock::WallClock::shared(),
        };
        let (stop, stopped) = bounded(0);
        let thread = std::thread::spawn(move || run(params, &stopped).unwrap());
        Reading { engine, books, stop, thread }
    }

    /// Waits until so many messages were taken.
    fn until_taken(&self, number: usize) {
        super::wait("messages to be taken", || self.engine.taken.lock().unwrap().len() >= number);
    }

    /// Stops it; what it has taken, each partition in order.
    fn stop(self) -> BTreeMap<String, Vec<u64>> {
        drop(self.stop);
        self.thread.join().unwrap();
        let mut partitions: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (partition, offset) in self.engine.taken.lock().unwrap().drain(..) {
            partitions.entry(partition).or_default().push(offset);
        }
        partitions
    }
}

fn cluster(address: &str) -> KafkaClient {
    KafkaClient {
        brokers: vec![address.to_owned()],
        tls: None,
        sasl: None,
        properties: BTreeMap::from([("reconnect.backoff.max.ms".into(), "200".into())]),
    }
}

fn settings(address: &str, topic: &str) -> KafkaSourceSettings {
    KafkaSourceSettings {
        client: cluster(address),
        topics: vec![topic.to_owned()],
        group: "g".to_owned(),
        group_protocol: GroupProtocol::Classic,
        start: Start::Earliest,
        offset_lost: OffsetLost::Earliest,
        format: causeway::canonical::Format::Native,
        header_labels: BTreeMap::new(),
        pollers: 2,
        dead_letter_topic: None,
    }
}

type Mock = MockCluster<'static, DefaultProducerContext>;

fn mock(topic: &str, partitions: i32) -> (Mock, String) {
    let mock = MockCluster::new(1).unwrap();
    mock.create_topic(topic, partitions, 1).unwrap();
    mock.coordinator(MockCoordinator::Group("g".to_owned()), 1).unwrap();
    let address = mock.bootstrap_servers();
    (mock, address)
}

fn fill(address: &str, topic: &str, partitions: i32, number: usize) {
    let value = alert("s");
    let message = |at: usize| {
        let partition = at as i32 % partitions;
        Sent { topic, partition, value: &value, ..Sent::default() }
    };
    produce(address, &(0..number).map(message).collect::<Vec<_>>());
}

#[test]
fn a_source_says_whether_it_is_connected() {
    let (mock, address) = mock("t", 1);
    let reading = Reading::start(&address, "t");
    let connection = || reading.books.connection(&"events".into());
    super::wait("a connection", || connection() == (true, None));
    mock.broker_down(1).unwrap();
    super::wait("the end of it", || matches!(connection(), (false, Some(_))));
    mock.broker_up(1).unwrap();
    super::wait("another one", || connection() == (true, None));
    reading.stop();
}

#[test]
fn a_source_reads_on_through_errors_and_absent_brokers() {
    let (mock, address) = mock("t", 2);
    fill(&address, "t", 2, 200);
    mock.request_errors(
        Api::Fetch,
        &[
            Err::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            Err::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            Err::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
            Err::RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
        ],
    );
    mock.request_errors(Api::OffsetFetch, &[Err::RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS]);
    let reading = Reading::start(&address, "t");
    reading.until_taken(200);
    mock.broker_down(1).unwrap();
    mock.broker_up(1).unwrap();
    fill(&address, "t", 2, 100);
    reading.until_taken(300);
    let expected = (0..150).collect::<Vec<u64>>();
    let taken = reading.stop();
    assert_eq!(taken, ["t/0", "t/1"].map(|name| (name.to_owned(), expected.clone())).into());
}

#[test]
fn partitions_are_paused_while_there_is_no_room() {
    let (_mock, address) = mock("t", 2);
    let reading = Reading::start(&address, "t");
    reading.engine.is_full.store(true, Ordering::Release);
    fill(&address, "t", 2, 100);
    let paused = || {
        let counts = reading.books.snapshot().remove("events").unwrap_or_default();
        counts.partitions.values().filter(|state| state.is_paused).count()
    };
    super::wait("both partitions to be paused", || paused() == 2);
    assert!(reading.engine.taken.lock().unwrap().is_empty());
    fill(&address, "t", 2, 100);
    reading.engine.is_full.store(false, Ordering::Release);
    reading.until_taken(200);
    super::wait("both partitions to go on", || paused() == 0);
    let expected = (0..100).collect::<Vec<u64>>();
    let taken = reading.stop();
    assert_eq!(taken, ["t/0", "t/1"].map(|name| (name.to_owned(), expected.clone())).into());
}

/// Revisions of one incident, in order.
fn messages(number: u64) -> Vec<Message> {
    let path = "fixtures/schema/examples/revision";
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let mut files: Vec<_> =
        std::fs::read_dir(directory).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let envelope: Envelope =
        serde_json::from_str(&std::fs::read_to_string(&files[0]).unwrap()).unwrap();
    let revision = |at| {
        let mut revision = (*envelope.data).clone();
        revision.revision = at;
        Message::new(revision)
    };
    (1..=number).map(revision).collect()
}

fn carrier(address: &str) -> KafkaCarrier {
    let topic = "out".to_owned();
    let settings = KafkaSinkSettings { client: cluster(address), topic, state_topic: None };
    KafkaCarrier::new(&"out".into(), &settings).unwrap()
}

/// Carries until all is settled; what was complained of on the way.
fn carried(carrier: &mut KafkaCarrier, messages: &[Message]) -> Vec<String> {
    let (mut done, mut problems) = (0, Vec::new());
    super::wait("revisions to be carried", || {
        let carried = carrier.carry(&messages[done..]);
        done += carried.done;
        match carried.error {
            Some(CarryError::Later(error)) => problems.push(error.to_string()),
            Some(CarryError::Refused(error)) => {
                problems.push(format!("refused: {error}"));
                done += 1;
            }
            Some(CarryError::Never(error)) => panic!("{error}"),
            None => {}
        }
        done == messages.len()
    });
    problems
}

/// The ids in the topic, in order.
fn ids(address: &str, number: usize) -> Vec<String> {
    let found = read(address, "out", |found| found.len() >= number);
    found.iter().map(|read| read.header("idempotency-key").to_owned()).collect()
}

#[test]
fn a_sink_tells_in_order_and_once_through_errors_and_absent_brokers() {
    let (mock, address) = mock("out", 1);
    let messages = messages(60);
    let mut carrier = carrier(&address);
    mock.request_errors(
        Api::Produce,
        &[
            Err::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
            Err::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
            Err::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
        ],
    );
    assert_eq!(carried(&mut carrier, &messages[..20]), [""; 0]);
    mock.broker_down(1).unwrap();
    let carried_down = carrier.carry(&messages[20..40]);
    assert_eq!(carried_down.done, 0);
    let mut said = None;
    super::wait("the sink to say why nothing moves", || {
        said = carrier.carry(&messages[20..40]).error.map(|error| format!("{error:?}"));
        said.is_some()
    });
    mock.broker_up(1).unwrap();
    carried(&mut carrier, &messages[20..40]);
    carried(&mut carrier, &messages[40..]);
    let expected: Vec<String> = messages.iter().map(|message| message.id.to_string()).collect();
    assert_eq!(ids(&address, 60), expected);
}

#[test]
fn a_revision_that_the_brokers_refuse_is_given_up_and_the_rest_is_told() {
    let (mock, address) = mock("out", 1);
    let messages = messages(3);
    let mut carrier = carrier(&address);
    mock.request_errors(Api::Produce, &[Err::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE]);
    let problems = carried(&mut carrier, &messages[..1]);
    assert!(problems.len() == 1 && problems[0].starts_with("refused: "), "{problems:?}");
    assert_eq!(carried(&mut carrier, &messages[1..]), [""; 0]);
    let expected: Vec<String> = messages[1..].iter().map(|m| m.id.to_string()).collect();
    assert_eq!(ids(&address, 2), expected);
}

#[test]
fn a_cluster_that_nobody_answers_for_is_no_reason_to_fail() {
    // A source waits for its brokers, however long they take.
    let (mock, address) = mock("t", 1);
    mock.broker_down(1).unwrap();
    let reading = Reading::start(&address, "t");
    super::wait("the source to complain", || {
        reading.books.snapshot().get("events").is_some_and(|counts| counts.errors > 0)
    });
    mock.broker_up(1).unwrap();
    fill(&address, "t", 1, 10);
    reading.until_taken(10);
    assert_eq!(reading.stop()["t/0"], (0..10).collect::<Vec<u64>>());
}
