//! The topic of a sink, partition by partition, as any consumer reads it.
//!
//! Revisions of one incident lie in one partition in the order in which they were told, and that
//! is all that is checked, so partitions are read one after the other. Only what is committed is
//! read, and nothing that was added after the ends were asked for.

use super::files::{SinkFile, buffered};
use crate::kafka::{is_passing, reader_config};
use crate::settings::KafkaClient;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::io::{self, Read};
use std::time::Duration;

/// How long brokers may say nothing, and how many looks for messages that is.
const ANSWER: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_secs(1);
const LOOKS_MAX: u32 = 30;

/// Why a topic cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read topic `{topic}` of {brokers}: {problem}")]
pub struct TopicError {
    topic: String,
    brokers: String,
    problem: String,
}

/// The partitions of a topic, and what can no longer be read of them.
///
/// # Errors
/// When the brokers do not answer, or have no such topic.
pub fn open(client: &KafkaClient, topic: &str) -> Result<(Vec<SinkFile>, Vec<String>), TopicError> {
    let refused = |problem: String| TopicError {
        topic: topic.to_owned(),
        brokers: client.brokers.join(","),
        problem,
    };
    let config = reader_config(client, "causeway-verify");
    let ends = ends(&config, topic).map_err(|error| refused(error.to_string()))?;
    if ends.is_empty() {
        return Err(refused("there is no such topic; name another, or create it".to_owned()));
    }
    let (mut files, mut gone) = (Vec::new(), Vec::new());
    for (number, first, end) in ends {
        let name = format!("{topic}/{number}");
        if first > 0 {
            gone.push(format!(
                "partition {name} begins with offset {first}: what was told before is gone"
            ));
        }
        let (config, topic) = (config.clone(), topic.to_owned());
        let partition =
            Partition { config, topic, number, end, consumer: None, line: Vec::new(), at: 0 };
        files.push(SinkFile { name, reader: buffered(Box::new(partition)) });
    }
    Ok((files, gone))
}

/// Each partition with its first offset and the one behind its last.
fn ends(config: &ClientConfig, topic: &str) -> KafkaResult<Vec<(i32, i64, i64)>> {
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), ANSWER)?;
    let partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
    let mut ends = Vec::new();
    for partition in partitions {
        let (first, end) = consumer.fetch_watermarks(topic, partition.id(), ANSWER)?;
        ends.push((partition.id(), first, end));
    }
    Ok(ends)
}

/// The lines of one partition; its consumer begins with the first.
struct Partition {
    config: ClientConfig,
    topic: String,
    number: i32,
    end: i64,
    consumer: Option<BaseConsumer>,
    line: Vec<u8>,
    at: usize,
}

impl Partition {
    fn begin(&self) -> KafkaResult<BaseConsumer> {
        let consumer: BaseConsumer = self.config.create()?;
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, self.number, Offset::Beginning)?;
        consumer.assign(&list)?;
        Ok(consumer)
    }

    /// Makes the next message the line; false behind the last.
    fn advance(&mut self) -> KafkaResult<bool> {
        let consumer = match self.consumer.take() {
            Some(consumer) => consumer,
            None => self.begin()?,
        };
        let mut looks = 0;
        loop {
            looks += 1;
            match consumer.poll(LOOK) {
                Some(Ok(message)) if message.offset() >= self.end => return Ok(false),
                Some(Ok(message)) => {
                    self.line.clear();
                    self.line.extend_from_slice(message.payload().unwrap_or_default());
                    self.line.push(b'\n');
                    self.at = 0;
                    break;
                }
                Some(Err(KafkaError::PartitionEOF(_))) => return Ok(false),
                Some(Err(error)) => {
                    let may_pass = error.rdkafka_error_code().is_some_and(is_passing);
                    if !may_pass || looks > LOOKS_MAX {
                        return Err(error);
                    }
                }
                None if looks > LOOKS_MAX => {
                    return Err(KafkaError::MessageConsumption(
                        RDKafkaErrorCode::OperationTimedOut,
                    ));
                }
                None => {}
            }
        }
        self.consumer = Some(consumer);
        Ok(true)
    }
}

impl Read for Partition {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let is_spent = self.at == self.line.len();
        if is_spent && (self.end == 0 || !self.advance().map_err(io::Error::other)?) {
            self.end = 0;
            return Ok(0);
        }
        let read = (&self.line[self.at..]).read(bytes)?;
        self.at += read;
        Ok(read)
    }
}
