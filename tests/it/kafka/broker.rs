//! A real broker, and what a test asks of it.

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long anything is waited for without progress before a test fails.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a broker may take to start: two programs for Java one after the other, and whoever
/// tortures keeps the machine busy.
const START: Duration = Duration::from_secs(300);

/// One broker of Apache Kafka, that ends with the test program at the latest: it is carried by
/// a shell that ends when its standard input does.
pub(super) struct Broker {
    /// Those of the broker, of its controller, and of the shared one the one that wants TLS and a
    /// password.
    ports: Vec<u16>,
    directory: tempfile::TempDir,
    shell: Child,
}

/// A message as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) key: String,
    pub(super) value: String,
    pub(super) headers: Vec<(String, String)>,
}

impl Read {
    fn of(message: &BorrowedMessage<'_>) -> Read {
        let text = |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap()).into_owned();
        let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
        Read {
            partition: message.partition(),
            offset: message.offset(),
            key: message.key().map_or(String::new(), |key| text(Some(key))),
            value: text(message.payload()),
            headers: headers.map(|header| (header.key.to_owned(), text(header.value))).collect(),
        }
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

impl Broker {
    /// The broker that tests share; each has topics and groups of its own.
    pub(super) fn shared() -> &'static Broker {
        static SHARED: OnceLock<Broker> = OnceLock::new();
        SHARED.get_or_init(|| Broker::with((0..3).map(|_| free_port()).collect()))
    }

    /// A broker of its own.
    pub(super) fn start() -> Broker {
        Broker::with((0..2).map(|_| free_port()).collect())
    }

    fn with(ports: Vec<u16>) -> Broker {
        let directory = tempfile::tempdir().unwrap();
        let shell = serve(&ports, directory.path());
        let mut broker = Broker { ports, directory, shell };
        broker.wait();
        broker
    }

    /// Kills it and, after a while, starts it again on the same port with what it had on disk.
    pub(super) fn restart(&mut self, outage: Duration) {
        drop(self.shell.stdin.take());
        self.shell.wait().unwrap();
        std::thread::sleep(outage);
        self.shell = serve(&self.ports, self.directory.path());
        self.wait();
    }

    fn wait(&mut self) {
        let until = Instant::now() + START;
        let client: BaseProducer = self.config().create().unwrap();
        while client.client().fetch_metadata(None, Duration::from_secs(1)).is_err() {
            let ended = self.shell.try_wait().unwrap();
            let log = || std::fs::read_to_string(self.directory.path().join("log"));
            assert!(
                ended.is_none() && Instant::now() < until,
                "the broker does not start: run `make test-packages`, which fetches it; {:?}",
                log()
            );
        }
    }

    /// The number of the shell whose child it is.
    #[allow(dead_code, reason = "the bench of Kafka asks, tests do not")]
    pub(super) fn shell_id(&self) -> u32 {
        self.shell.id()
    }

    pub(super) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.ports[0])
    }

    /// The address that wants TLS and a password, and the certificate to trust.
    pub(super) fn secure(&self) -> (String, std::path::PathBuf) {
        (format!("127.0.0.1:{}", self.ports[2]), self.directory.path().join("ca.pem"))
    }

    pub(super) fn config(&self) -> ClientConfig {
        client(&self.address())
    }

    pub(super) async fn create(&self, topic: &str, partitions: i32) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let created = admin.create_topics(&[new], &options).await.unwrap();
        assert_eq!(created, [Ok(topic.to_owned())]);
    }

    /// Has a topic take batches of so many bytes at most.
    pub(super) async fn limit(&self, topic: &str, bytes: u32) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let bytes = bytes.to_string();
        let of = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", &bytes);
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        let altered = admin.alter_configs(&[of], &options).await.unwrap();
        assert!(altered.iter().all(Result::is_ok), "{altered:?}");
    }

    /// Deletes what a partition holds before `offset`.
    pub(super) async fn forget(&self, topic: &str, partition: i32, offset: i64) {
        let admin: AdminClient<DefaultClientContext> = self.config().create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).unwrap();
        let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
        admin.delete_records(&list, &options).await.unwrap();
    }

    pub(super) fn produce(&self, messages: &[Sent<'_>]) {
        produce(&self.address(), messages);
    }

    /// Reads a topic from its beginning until `enough`, every partition of it.
    pub(super) fn read(&self, topic: &str, enough: impl FnMut(&[Read]) -> bool) -> Vec<Read> {
        read(&self.address(), topic, enough)
    }

    /// What a group has committed for a partition.
    pub(super) fn committed(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        let consumer: BaseConsumer = self.config().set("group.id", group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition(topic, partition);
        let committed = consumer.committed_offsets(list, PATIENCE).unwrap();
        match committed.elements()[0].offset() {
            Offset::Offset(offset) => Some(offset),
            _ => None,
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// A message to produce.
#[derive(Clone, Copy, Default)]
pub(super) struct Sent<'a> {
    pub(super) topic: &'a str,
    pub(super) partition: i32,
    pub(super) value: &'a str,
    pub(super) headers: &'a [(&'a str, &'a str)],
    pub(super) stamp_ms: Option<i64>,
}

pub(super) fn client(address: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", address);
    config
}

/// Produces in order and waits until all of it has arrived.
pub(super) fn produce(address: &str, messages: &[Sent<'_>]) {
    let producer: BaseProducer = client(address).set("linger.ms", "5").create().unwrap();
    for sent in messages {
        let mut headers = OwnedHeaders::new();
        for (key, value) in sent.headers {
            headers = headers.insert(Header { key, value: Some(*value) });
        }
        let mut record = BaseRecord::<(), str>::to(sent.topic)
            .partition(sent.partition)
            .payload(sent.value)
            .headers(headers);
        record.timestamp = sent.stamp_ms;
        while let Err((error, back)) = producer.send(record) {
            assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            producer.poll(Duration::from_millis(10));
            record = back;
        }
    }
    producer.flush(PATIENCE).unwrap();
}

/// Reads a topic from its beginning until `enough`, every partition of it. That is asked before
/// the first message and after each, and as long as more come nobody loses patience.
pub(super) fn read(
    address: &str,
    topic: &str,
    mut enough: impl FnMut(&[Read]) -> bool,
) -> Vec<Read> {
    let mut config = client(address);
    config.set("isolation.level", "read_committed").set("group.id", "reader-of-a-test");
    let consumer: BaseConsumer = config.create().unwrap();
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).unwrap();
    let mut list = TopicPartitionList::new();
    for partition in metadata.topics()[0].partitions() {
        list.add_partition_offset(topic, partition.id(), Offset::Beginning).unwrap();
    }
    consumer.assign(&list).unwrap();
    let mut until = Instant::now() + PATIENCE;
    let mut found = Vec::new();
    while !enough(&found) {
        assert!(
            Instant::now() < until,
            "after {} messages nothing more comes to {topic}; the last: {:?}",
            found.len(),
            found.last()
        );
        // After an error the client tries again by itself.
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            found.push(Read::of(&message));
            until = Instant::now() + PATIENCE;
        }
    }
    found
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn serve(ports: &[u16], directory: &Path) -> Child {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/kafka.sh"))
        .arg("serve")
        .arg(directory)
        .args(ports.iter().map(u16::to_string))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap()
}
