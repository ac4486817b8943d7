//! The floor of W5: a consumer, a producer, and nothing between them.

use crate::broker::client;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
use std::io::Write;
use std::time::{Duration, Instant};

/// Between two words on how many messages were passed on.
const SAY: Duration = Duration::from_millis(20);

/// Passes on what is in topic `{name}-in` to `{name}-out` until it is killed; says on standard
/// output, now and then, how many messages that were.
///
/// # Panics
/// When the broker is gone.
pub fn run(name: &str, brokers: &str) {
    let consumer: BaseConsumer = client(brokers)
        .set("group.id", format!("{name}-forward"))
        .set("auto.offset.reset", "earliest")
        .create()
        .expect("the client starts");
    consumer.subscribe(&[&format!("{name}-in")]).expect("a topic can be subscribed to");
    let producer: ThreadedProducer<DefaultProducerContext> = client(brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5")
        .set("queue.buffering.max.messages", "500000")
        .create()
        .expect("the client starts");
    let out = format!("{name}-out");
    let (mut passed, mut said_at, mut said) = (0u64, Instant::now(), 0);
    println!("ready");
    loop {
        if let Some(message) = consumer.poll(Duration::from_millis(5)) {
            let message = message.expect("the broker answers");
            let payload = message.payload().unwrap_or_default();
            let mut record = BaseRecord::<(), [u8]>::to(&out).payload(payload);
            while let Err((error, back)) = producer.send(record) {
                assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
                std::thread::sleep(Duration::from_millis(1));
                record = back;
            }
            passed += 1;
        }
        if said < passed && said_at.elapsed() >= SAY {
            (said, said_at) = (passed, Instant::now());
            println!("{passed}");
            // Whoever started it listens for as long as it runs.
            let _ = std::io::stdout().flush();
        }
    }
}
