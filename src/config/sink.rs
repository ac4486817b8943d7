//! The `sinks` section: who is told of incidents, and of which.

use super::kafka::{Guarantee, Sasl, Tls};
use super::units::{ByteSize, FilePath, OneOrMore, Period, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::BTreeMap;

/// One receiver of revisions; its key is the name that counters carry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(tag = "type")]
pub enum Sink {
    /// One line a revision on standard output.
    Stdout(StdoutSink),
    /// One line a revision in a file that is rotated.
    File(FileSink),
    /// One request a revision to an address.
    Webhook(WebhookSink),
    /// One message a revision in a topic of Apache Kafka.
    Kafka(KafkaSink),
}

impl Sink {
    /// Which revisions it wants.
    pub fn wanted(&self) -> &Match {
        match self {
            Sink::Stdout(sink) => &sink.wanted,
            Sink::File(sink) => &sink.wanted,
            Sink::Webhook(sink) => &sink.wanted,
            Sink::Kafka(sink) => &sink.wanted,
        }
    }

    /// What may wait for it.
    pub fn queue(&self) -> &Queue {
        match self {
            Sink::Stdout(sink) => &sink.queue,
            Sink::File(sink) => &sink.queue,
            Sink::Webhook(sink) => &sink.queue,
            Sink::Kafka(sink) => &sink.queue,
        }
    }
}

/// Standard output.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StdoutSink {
    /// Which revisions it wants; every condition given must hold.
    #[serde(rename = "match")]
    pub wanted: Match,
    /// Waiting revisions and what happens when there are too many.
    pub queue: Queue,
}

/// A file of lines.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FileSink {
    /// The file that is written to; rotated ones lie beside it.
    pub path: FilePath,
    /// A larger file is rotated; `0` for never.
    pub rotate_size: ByteSize,
    /// An older file is rotated; `0` for never.
    pub rotate_age: Period,
    /// Rotated files kept; older ones are deleted, and with `0` none is.
    pub keep: usize,
    /// Compress rotated files with zstd.
    pub compress: bool,
    /// Which revisions it wants; every condition given must hold.
    #[serde(rename = "match")]
    pub wanted: Match,
    /// Waiting revisions and what happens when there are too many.
    pub queue: Queue,
}

impl Default for FileSink {
    fn default() -> Self {
        FileSink {
            path: FilePath::default(),
            rotate_size: ByteSize::mebibytes(256),
            rotate_age: Period::default(),
            keep: 8,
            compress: true,
            wanted: Match::default(),
            queue: Queue::default(),
        }
    }
}

/// A request a revision.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookSink {
    /// Where to post; `https` unless the host is listed in `allow_private`.
    pub url: SinkUrl,
    /// Key of the `webhook-signature` header, by reference; without it nothing is signed.
    pub secret: Option<Secret>,
    /// Further headers; the values by reference, because they tend to be credentials.
    pub headers: BTreeMap<String, Secret>,
    /// Private address ranges that may be posted to, such as `10.1.0.0/16`.
    pub allow_private: Vec<String>,
    /// Longest time for one attempt.
    pub timeout: Period,
    /// Attempts at one revision before it is given up and counted as failed; `0` for no end.
    pub attempts: u32,
    /// Longest wait between two attempts.
    pub backoff_max: Period,
    /// Which revisions it wants; every condition given must hold.
    #[serde(rename = "match")]
    pub wanted: Match,
    /// Waiting revisions and what happens when there are too many.
    pub queue: Queue,
}

impl Default for WebhookSink {
    fn default() -> Self {
        WebhookSink {
            url: SinkUrl::default(),
            secret: None,
            headers: BTreeMap::new(),
            allow_private: Vec::new(),
            timeout: Period::seconds(10),
            attempts: 0,
            backoff_max: Period::minutes(1),
            wanted: Match::default(),
            queue: Queue::default(),
        }
    }
}

/// A message a revision, its key the incident's id.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaSink {
    /// Brokers to begin with, as `host:port`.
    pub brokers: OneOrMore<String>,
    /// The topic.
    pub topic: String,
    /// What readers can rely on.
    pub guarantee: Guarantee,
    /// The topic that remembers, with `exactly_once`, how far the sink has come; it should be
    /// compacted.
    pub state_topic: String,
    /// Encryption.
    pub tls: Option<Tls>,
    /// Who we are.
    pub sasl: Option<Sasl>,
    /// Further settings of librdkafka, by their own names.
    pub librdkafka: BTreeMap<String, String>,
    /// Which revisions it wants; every condition given must hold.
    #[serde(rename = "match")]
    pub wanted: Match,
    /// Waiting revisions and what happens when there are too many.
    pub queue: Queue,
}

/// The address of a webhook; shown without its path, which often is the credential.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct SinkUrl(pub String);

impl SinkUrl {
    /// Scheme and host only.
    pub fn shown(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return self.0.clone() };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = host.rsplit('@').next().unwrap_or_default();
        match rest.trim_end_matches('/').len() == host.len() {
            true => format!("{scheme}://{host}"),
            false => format!("{scheme}://{host}/{}", super::units::REDACTED),
        }
    }
}

impl std::fmt::Debug for SinkUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Serialize for SinkUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.shown())
    }
}

/// Which revisions a sink wants; every condition given must hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Match {
    /// The least severity, as a word.
    pub severity: Option<String>,
    /// Owners, such as `team:shop/payments`; any of them.
    pub owner: Vec<String>,
    /// Tenants; any of them.
    pub tenant: Vec<String>,
    /// Conditions such as `env="prod"` or `cluster=~"k8s-.*"`; each must hold for some alert
    /// of the incident.
    pub labels: Vec<String>,
    /// Kinds of revision: opened, updated, merged, split, resolved, withdrawn; any of them.
    pub events: Vec<String>,
}

/// Revisions that wait for a sink.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Queue {
    /// How many may wait in memory.
    pub revisions: usize,
    /// How much may wait on disk beyond that, compressed, in the data directory; `0` for nothing.
    pub disk: ByteSize,
    /// What happens to one more.
    pub full: WhenFull,
}

impl Default for Queue {
    fn default() -> Self {
        Queue { revisions: 10_000, disk: ByteSize::mebibytes(1024), full: WhenFull::Block }
    }
}

/// What happens when a queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenFull {
    /// Emission waits, and with it everything before: other sinks, and in the end senders.
    Block,
    /// The oldest is dropped and counted.
    DropOldest,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_credentials() {
        for (url, shown) in [
            ("https://hooks.example/T0/B1?key=2", "https://hooks.example/<redacted>"),
            ("https://user:pass@hooks.example:8443/", "https://hooks.example:8443/<redacted>"),
            ("https://hooks.example/", "https://hooks.example"),
        ] {
            assert_eq!(SinkUrl(url.to_owned()).shown(), shown);
        }
    }
}
