//! Kafka's client as source and sink set it up: librdkafka's settings, its log, its errors.

use crate::config::kafka::SaslMechanism;
use crate::settings::KafkaClient;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaErrorCode as Code;

/// What tells our connections apart in a broker's log.
const CLIENT_ID: &str = concat!("causeway-", env!("CARGO_PKG_VERSION"));

/// The settings that a client of `cluster` begins with: `defaults`, what the configuration says,
/// and how the cluster is reached.
pub fn client_config(cluster: &KafkaClient, defaults: &[(&str, &str)]) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("client.id", CLIENT_ID);
    for (name, value) in defaults {
        config.set(*name, *value);
    }
    for (name, value) in &cluster.properties {
        config.set(name, value);
    }
    config.set("bootstrap.servers", cluster.brokers.join(","));
    let protocol = match (cluster.tls.is_some(), cluster.sasl.is_some()) {
        (false, false) => "plaintext",
        (true, false) => "ssl",
        (false, true) => "sasl_plaintext",
        (true, true) => "sasl_ssl",
    };
    config.set("security.protocol", protocol);
    if let Some(tls) = &cluster.tls {
        let paths = [
            ("ssl.ca.location", &tls.ca),
            ("ssl.certificate.location", &tls.certificate),
            ("ssl.key.location", &tls.key),
        ];
        for (name, path) in paths {
            if let Some(path) = path {
                config.set(name, path.0.to_string_lossy());
            }
        }
        if let Some(password) = &tls.key_password {
            config.set("ssl.key.password", password.reveal());
        }
    }
    if let Some(sasl) = &cluster.sasl {
        let mechanism = match sasl.mechanism {
            SaslMechanism::Plain => "PLAIN",
            SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
            SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
        };
        config.set("sasl.mechanism", mechanism);
        config.set("sasl.username", &sasl.username);
        config.set("sasl.password", sasl.password.reveal());
    }
    config.set_log_level(RDKafkaLogLevel::Warning);
    config
}

/// Those of one who reads what is committed in a topic from its first message to its end.
pub fn reader_config(cluster: &KafkaClient, group: &str) -> ClientConfig {
    let mut config = client_config(&cluster.for_consumer(), &[]);
    config.set("isolation.level", "read_committed");
    config.set("enable.partition.eof", "true").set("enable.auto.commit", "false");
    // Needed to assign, and never joined.
    config.set("group.id", group);
    config
}

/// Whether librdkafka knows the settings and their values.
///
/// # Errors
/// The name of the first that it refuses, and why; empty when it is none of `properties`.
pub fn check(cluster: &KafkaClient) -> Result<(), (String, String)> {
    // Files and passwords are looked at when a client begins, names and values here.
    let plain = KafkaClient { tls: None, sasl: None, ..cluster.clone() };
    match client_config(&plain, &[]).create_native_config() {
        Ok(_) => Ok(()),
        Err(KafkaError::ClientConfig(_, problem, name, _)) => Err((name, problem)),
        Err(error) => Err((String::new(), error.to_string())),
    }
}

/// Settings that mean nothing to a producer, which would complain of them.
const CONSUMERS: [&str; 9] = [
    "auto.commit.",
    "check.crcs",
    "fetch.",
    "heartbeat.",
    "isolation.",
    "max.poll.",
    "partition.assignment.",
    "queued.",
    "session.",
];
/// The same for a consumer.
const PRODUCERS: [&str; 9] = [
    "batch.",
    "compression.",
    "linger.",
    "max.in.flight",
    "message.send.",
    "partitioner",
    "queue.buffering.",
    "request.timeout",
    "sticky.",
];

impl KafkaClient {
    /// Without what only a consumer knows.
    pub fn for_producer(&self) -> KafkaClient {
        self.without(&CONSUMERS)
    }

    /// Without what only a producer knows.
    pub fn for_consumer(&self) -> KafkaClient {
        self.without(&PRODUCERS)
    }

    fn without(&self, prefixes: &[&str]) -> KafkaClient {
        let mut client = self.clone();
        let foreign = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix));
        client.properties.retain(|name, _| !foreign(name));
        client
    }
}

/// Writes a line of librdkafka's log into ours.
pub fn log(who: &str, level: RDKafkaLogLevel, facility: &str, line: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error => tracing::error!(client = who, facility, "{line}"),
        RDKafkaLogLevel::Warning => tracing::warn!(client = who, facility, "{line}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
            tracing::info!(client = who, facility, "{line}");
        }
        RDKafkaLogLevel::Debug => tracing::debug!(client = who, facility, "{line}"),
    }
}

/// Whether a broker may be back later, and librdkafka tries on its own.
pub fn is_passing(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        Code::AllBrokersDown
            | Code::BrokerTransportFailure
            | Code::OperationTimedOut
            | Code::MessageTimedOut
            | Code::Resolve
            | Code::UnknownTopic
            | Code::UnknownTopicOrPartition
            | Code::UnknownPartition
    )
}
