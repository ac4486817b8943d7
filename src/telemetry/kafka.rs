//! The books of Kafka sources: how far behind each partition is, and what came of it.

use super::by_source::{Figure, counters, gauges};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What one Kafka source did so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KafkaCounts {
    /// Messages handed to the decoder and taken.
    pub messages: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Messages that came again although they were taken, and were left out.
    pub repeated: u64,
    /// Messages that were deleted before they were read.
    pub lost: u64,
    /// Times that partitions were given or taken away.
    pub rebalances: u64,
    /// Errors of the client.
    pub errors: u64,
    /// Whether a broker is connected, as the client last said.
    pub is_connected: bool,
    /// The last error of the client while none is.
    pub problem: Option<String>,
    /// Refused events that reached the dead-letter topic.
    pub dead_letters: u64,
    /// Refused events that did not.
    pub dead_letters_dropped: u64,
    /// What is known of each partition that is read here.
    pub partitions: BTreeMap<(SmolStr, i32), PartitionState>,
}

/// What is known of a partition.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PartitionState {
    /// The next message to take.
    pub next: u64,
    /// Where the partition ends, as the broker last said.
    pub end: Option<u64>,
    /// The engine has no room, so nothing is fetched.
    pub is_paused: bool,
}

impl PartitionState {
    /// Messages that wait in the partition.
    fn lag(&self) -> u64 {
        self.end.map_or(0, |end| end.saturating_sub(self.next))
    }
}

/// The books of all Kafka sources, by name; cloning shares them.
#[derive(Clone, Default)]
pub struct KafkaBooks(Arc<Mutex<BTreeMap<SmolStr, KafkaCounts>>>);

impl KafkaBooks {
    /// Enters something for `source`.
    pub fn enter(&self, source: &SmolStr, change: impl FnOnce(&mut KafkaCounts)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(source.clone()).or_default());
    }

    /// The same for a partition, if it is read here.
    pub fn enter_partition(
        &self,
        source: &SmolStr,
        topic: &str,
        partition: i32,
        change: impl FnOnce(&mut PartitionState),
    ) {
        self.enter(source, |counts| {
            if let Some(state) = counts.partitions.get_mut(&(SmolStr::new(topic), partition)) {
                change(state);
            }
        });
    }

    /// Whether a source is connected to a broker, and what its client said last while not.
    pub fn connection(&self, source: &SmolStr) -> (bool, Option<String>) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let counts = all.get(source);
        counts.map_or((false, None), |counts| (counts.is_connected, counts.problem.clone()))
    }

    /// Whether no partition is read for a source here.
    pub fn reads_nothing(&self, source: &SmolStr) -> bool {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(source).is_none_or(|counts| counts.partitions.is_empty())
    }

    /// The books as they stand.
    pub fn snapshot(&self) -> BTreeMap<SmolStr, KafkaCounts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for KafkaBooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KafkaBooks")
    }
}

const COUNTERS: [Figure<KafkaCounts>; 8] = [
    ("kafka_messages", "Messages taken", None, |counts| counts.messages),
    ("kafka", "Bytes of messages taken", Some(Unit::Bytes), |counts| counts.bytes),
    ("kafka_messages_repeated", "Messages that came again and were left out", None, |counts| {
        counts.repeated
    }),
    ("kafka_messages_lost", "Messages deleted before they were read", None, |counts| counts.lost),
    ("kafka_rebalances", "Times that partitions were given or taken", None, |counts| {
        counts.rebalances
    }),
    ("kafka_errors", "Errors of the client", None, |counts| counts.errors),
    ("kafka_dead_letters", "Refused events in the dead-letter topic", None, |counts| {
        counts.dead_letters
    }),
    ("kafka_dead_letters_dropped", "Refused events that did not reach it", None, |counts| {
        counts.dead_letters_dropped
    }),
];

const GAUGES: [Figure<KafkaCounts>; 2] = [
    ("kafka_partitions_assigned", "Partitions that are read here", None, |counts| {
        counts.partitions.len() as u64
    }),
    ("kafka_partitions_paused", "Partitions that wait for the engine", None, |counts| {
        counts.partitions.values().filter(|state| state.is_paused).count() as u64
    }),
];

impl Collector for KafkaBooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sources = self.snapshot();
        if sources.is_empty() {
            return Ok(());
        }
        counters(&mut encoder, &sources, &COUNTERS)?;
        gauges(&mut encoder, &sources, &GAUGES)?;
        encode_lags(&mut encoder, &sources)
    }
}

fn encode_lags(
    encoder: &mut DescriptorEncoder<'_>,
    sources: &BTreeMap<SmolStr, KafkaCounts>,
) -> fmt::Result {
    let help = "Messages of a partition that are not taken yet";
    let mut family =
        encoder.encode_descriptor("kafka_lag_messages", help, None, MetricType::Gauge)?;
    for (source, counts) in sources {
        for ((topic, partition), state) in &counts.partitions {
            let partition = partition.to_string();
            let labels = [
                ("source", source.as_str()),
                ("topic", topic.as_str()),
                ("partition", partition.as_str()),
            ];
            family.encode_family(&labels)?.encode_gauge(&state.lag())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::telemetry::Metrics;

    #[test]
    fn the_lag_is_what_is_not_taken() {
        let (books, source) = (KafkaBooks::default(), SmolStr::new("orders"));
        books.enter_partition(&source, "t", 0, |state| state.next = 9);
        books.enter(&source, |counts| {
            let state = PartitionState { next: 4, end: Some(10), is_paused: true };
            counts.partitions.insert(("t".into(), 0), state);
            counts.messages = 4;
        });
        books.enter_partition(&source, "t", 0, |state| state.next += 1);
        let metrics = Metrics::new(&ManualClock::at_seconds(0));
        metrics.add(Box::new(books));
        let text = metrics.text();
        for line in [
            "causeway_kafka_lag_messages{source=\"orders\",topic=\"t\",partition=\"0\"} 5",
            "causeway_kafka_messages_total{source=\"orders\"} 4",
            "causeway_kafka_bytes_total{source=\"orders\"} 0",
            "causeway_kafka_partitions_paused{source=\"orders\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
