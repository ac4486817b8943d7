//! What of a configuration is about Kafka: the cluster, topics, and librdkafka's own settings.

use super::checker::Checker;
use super::source::format;
use crate::canonical;
use crate::canonical::time::{NANOS, rfc3339};
use crate::config::kafka::{Guarantee, Sasl, SaslMechanism, Tls};
use crate::config::sink::KafkaSink;
use crate::config::source::KafkaSource;
use smol_str::SmolStr;
use std::collections::BTreeMap;

pub use crate::config::kafka::{GroupProtocol, OffsetLost};

/// Bytes of a topic's name, as Kafka has it.
const TOPIC_BYTES_MAX: usize = 249;
/// Threads that read one source.
const POLLERS_MAX: usize = 64;

/// How a cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaClient {
    /// Brokers to begin with.
    pub brokers: Vec<String>,
    /// Encryption, if any.
    pub tls: Option<Tls>,
    /// Who we are, if anybody asks.
    pub sasl: Option<Sasl>,
    /// Further settings of librdkafka.
    pub properties: BTreeMap<String, String>,
}

/// What a Kafka source must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSourceSettings {
    /// The cluster.
    pub client: KafkaClient,
    /// Topics, or regular expressions of them.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// How its members share the partitions.
    pub group_protocol: GroupProtocol,
    /// Where unknown partitions begin.
    pub start: Start,
    /// Where a partition goes on whose offset is gone.
    pub offset_lost: OffsetLost,
    /// What messages hold.
    pub format: canonical::Format,
    /// Headers that become labels, with the labels' names.
    pub header_labels: BTreeMap<String, String>,
    /// Threads that read.
    pub pollers: usize,
    /// Where refused messages are sent as well.
    pub dead_letter_topic: Option<String>,
}

/// What a Kafka sink must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KafkaSinkSettings {
    /// The cluster.
    pub client: KafkaClient,
    /// The topic.
    pub topic: String,
    /// The topic that remembers how far the sink has come; `None` for at-least-once.
    pub state_topic: Option<String>,
}

/// Where a partition begins that nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At its oldest message.
    Earliest,
    /// Behind its newest.
    Latest,
    /// At the first message from this instant on, milliseconds since the Unix epoch.
    Time(i64),
}

/// Settings of librdkafka that decide what is promised, and what decides them instead.
const OWNED: [(&str, &str); 26] = [
    ("bootstrap.servers", "use `brokers`"),
    ("metadata.broker.list", "use `brokers`"),
    ("group.id", "use `group`"),
    ("group.instance.id", "it is made from the journal's own id"),
    ("group.protocol", "use `group_protocol`"),
    ("enable.auto.commit", "offsets are committed once they are durable"),
    ("enable.auto.offset.store", "offsets are committed once they are durable"),
    ("auto.offset.reset", "use `start` and `offset_lost`"),
    ("enable.partition.eof", "nothing reads it"),
    ("statistics.interval.ms", "the lag is read from them"),
    ("security.protocol", "it follows from `tls` and `sasl`"),
    ("sasl.mechanism", "use `sasl`"),
    ("sasl.mechanisms", "use `sasl`"),
    ("sasl.username", "use `sasl`"),
    ("ssl.ca.location", "use `tls.ca`"),
    ("ssl.certificate.location", "use `tls.certificate`"),
    ("ssl.key.location", "use `tls.key`"),
    ("acks", "a revision counts as told when all replicas have it"),
    ("request.required.acks", "a revision counts as told when all replicas have it"),
    ("enable.idempotence", "without it retries could double or reorder revisions"),
    ("enable.gapless.guarantee", "it is not kept by librdkafka"),
    ("transactional.id", "use `guarantee`"),
    ("message.timeout.ms", "a revision is tried until it is told"),
    ("delivery.timeout.ms", "a revision is tried until it is told"),
    ("plugin.library.paths", "it would load code"),
    ("sasl.kerberos.kinit.cmd", "it would run a program"),
];

/// Parts of the names of settings that hold credentials, which nothing here may print.
const CREDENTIALS: [&str; 4] = ["password", "secret", "jaas", ".pem"];

pub(super) fn check_source(
    checker: &mut Checker<'_>,
    key: &str,
    source: &KafkaSource,
) -> KafkaSourceSettings {
    let client = KafkaClient {
        brokers: source.brokers.0.clone(),
        tls: source.tls.clone(),
        sasl: source.sasl.clone(),
        properties: source.librdkafka.clone(),
    };
    check_client(checker, key, "source", &client);
    if source.topics.0.is_empty() {
        checker.missing(key, "topics", "a Kafka source has no `topics`", "name at least one");
    }
    for (at, topic) in source.topics.0.iter().enumerate() {
        if !topic.starts_with('^') {
            check_topic(checker, &format!("{key}.topics.{at}"), topic);
        }
    }
    if source.group.is_empty() {
        let remedy = "add `group:` with a name that no other application reads under";
        checker.missing(key, "group", "a Kafka source has no `group`", remedy);
    }
    if let Some(topic) = &source.dead_letter_topic {
        let at = format!("{key}.dead_letter_topic");
        check_topic(checker, &at, topic);
        if source.topics.0.contains(topic) {
            checker.wrong(&at, "it is one of the topics that are read", "choose another");
        }
    }
    for (header, label) in &source.header_labels {
        if header.is_empty() || label.is_empty() {
            let at = format!("{key}.header_labels.{header}");
            checker.wrong(&at, "header and label both need a name", "write `header: label`");
        }
    }
    let at = format!("{key}.pollers");
    checker.positive(&at, source.pollers);
    if source.pollers > POLLERS_MAX {
        let message = format!("{} threads are more than {POLLERS_MAX}", source.pollers);
        checker.wrong(&at, message, "write about as many as there are cores");
    }
    let start = start(&source.start);
    if start.is_none() {
        checker.wrong(
            &format!("{key}.start"),
            format!("`{}` is no place to start", source.start),
            "write earliest, latest, or a time such as 2026-11-23T07:00:00Z",
        );
    }
    KafkaSourceSettings {
        client,
        topics: source.topics.0.clone(),
        group: source.group.clone(),
        group_protocol: source.group_protocol,
        start: start.unwrap_or(Start::Earliest),
        offset_lost: source.offset_lost,
        format: format(source.format),
        header_labels: source.header_labels.clone(),
        pollers: source.pollers,
        dead_letter_topic: source.dead_letter_topic.clone(),
    }
}

pub(super) fn check_sink(
    checker: &mut Checker<'_>,
    key: &str,
    sink: &KafkaSink,
    journaled: bool,
) -> Option<KafkaSinkSettings> {
    let client = KafkaClient {
        brokers: sink.brokers.0.clone(),
        tls: sink.tls.clone(),
        sasl: sink.sasl.clone(),
        properties: sink.librdkafka.clone(),
    };
    check_client(checker, key, "sink", &client);
    if sink.topic.is_empty() {
        checker.missing(key, "topic", "a Kafka sink has no `topic`", "add `topic:`");
    } else {
        check_topic(checker, &format!("{key}.topic"), &sink.topic);
    }
    let state_topic = match sink.guarantee {
        Guarantee::AtLeastOnce => None,
        Guarantee::ExactlyOnce => {
            check_state_topic(checker, key, sink);
            if !journaled {
                let message = "without a journal nobody knows which revision is which";
                let remedy = "set `journal.enabled: true`";
                checker.wrong(&format!("{key}.guarantee"), message, remedy);
            }
            Some(sink.state_topic.clone())
        }
    };
    Some(KafkaSinkSettings { client, topic: sink.topic.clone(), state_topic })
}

fn check_state_topic(checker: &mut Checker<'_>, key: &str, sink: &KafkaSink) {
    let at = format!("{key}.state_topic");
    if sink.state_topic.is_empty() {
        let message = "`exactly_once` needs a topic that remembers how far the sink has come";
        checker.missing(key, "state_topic", message, "add `state_topic:`, best a compacted one");
    } else if sink.state_topic == sink.topic {
        checker.wrong(&at, "it is the topic of the revisions", "choose another");
    } else {
        check_topic(checker, &at, &sink.state_topic);
    }
}

fn check_client(checker: &mut Checker<'_>, key: &str, what: &str, client: &KafkaClient) {
    if client.brokers.is_empty() {
        let message = format!("a Kafka {what} has no `brokers`");
        checker.missing(key, "brokers", &message, "add `brokers:` with one or more `host:port`");
    }
    for (at, broker) in client.brokers.iter().enumerate() {
        let port = broker.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
        if port.is_none() || broker.contains([',', ' ']) {
            let message = format!("`{broker}` is not an address");
            checker.wrong(&format!("{key}.brokers.{at}"), message, "write it like `host:9092`");
        }
    }
    if let Some(sasl) = &client.sasl
        && sasl.mechanism == SaslMechanism::Plain
        && client.tls.is_none()
    {
        checker.wrong(
            &format!("{key}.sasl.mechanism"),
            "the password would cross the network in the clear",
            "add `tls: {}`, or use scram_sha_512",
        );
    }
    if let Some(tls) = &client.tls
        && tls.certificate.is_some() != tls.key.is_some()
    {
        let message = "a certificate and its key belong together";
        checker.wrong(&format!("{key}.tls"), message, "give both or neither");
    }
    check_properties(checker, key, client);
}

fn check_properties(checker: &mut Checker<'_>, key: &str, client: &KafkaClient) {
    let mut owned = false;
    for name in client.properties.keys() {
        let at = format!("{key}.librdkafka.{name}");
        let lower = name.to_lowercase();
        if let Some((_, remedy)) = OWNED.iter().find(|(owned, _)| *owned == lower) {
            checker.wrong(&at, format!("`{name}` is not yours to set"), *remedy);
        } else if CREDENTIALS.iter().any(|part| lower.contains(part)) {
            checker.wrong(&at, format!("`{name}` holds a credential"), "use `tls` or `sasl`");
        } else {
            continue;
        }
        owned = true;
    }
    // What librdkafka says of them is told once the rest is in order.
    if !owned && let Err((name, problem)) = known(client) {
        let at = match client.properties.contains_key(&name) {
            true => format!("{key}.librdkafka.{name}"),
            false => key.to_owned(),
        };
        checker.wrong(&at, problem, "see CONFIGURATION.md of librdkafka 2.12");
    }
}

/// Whether librdkafka takes the settings; else the name of one that it does not, and why.
#[cfg(feature = "kafka")]
fn known(client: &KafkaClient) -> Result<(), (String, String)> {
    crate::kafka::check(client)
}

#[cfg(not(feature = "kafka"))]
fn known(_client: &KafkaClient) -> Result<(), (String, String)> {
    let problem = "this program was built without Kafka: build it with the feature `kafka`";
    Err((String::new(), problem.to_owned()))
}

fn check_topic(checker: &mut Checker<'_>, key: &str, topic: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let good = !topic.is_empty() && topic.chars().all(plain) && ![".", ".."].contains(&topic);
    if !good || topic.len() > TOPIC_BYTES_MAX {
        let message = format!("`{topic}` cannot be a topic");
        checker.wrong(key, message, "use up to 249 letters, digits, `.`, `_` and `-`");
    }
}

fn start(text: &str) -> Option<Start> {
    match text {
        "earliest" => Some(Start::Earliest),
        "latest" => Some(Start::Latest),
        time => Some(Start::Time(rfc3339(time.as_bytes())?.div_euclid(NANOS / 1_000))),
    }
}

/// The name of a partition in journals, dead letters and metrics: no topic has a slash in it.
pub fn partition_name(topic: &str, partition: i32) -> SmolStr {
    smol_str::format_smolstr!("{topic}/{partition}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_is_a_word_or_a_time() {
        assert_eq!(start("latest"), Some(Start::Latest));
        assert_eq!(start("1970-01-01T00:00:01.5Z"), Some(Start::Time(1_500)));
        assert_eq!(start("yesterday"), None);
    }
}
