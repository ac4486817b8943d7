//! Refused events in a topic, with the headers that Kafka Connect gives them.

use super::KafkaParams;
use crate::canonical::Reject;
use crate::kafka::{client_config, log};
use crate::telemetry::Repeats;
use crate::telemetry::kafka::KafkaBooks;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Duration;

/// What stands for the class of the exception.
const EXCEPTION_CLASS: &str = "causeway.RejectedEvent";
/// Milliseconds after which a dead letter that the brokers did not take is dropped.
const TIMEOUT_MS: &str = "30000";

/// Sends refused events to a topic; what cannot be sent is counted, and nobody waits.
pub(super) struct DeadLetters {
    topic: String,
    producer: ThreadedProducer<Context>,
}

struct Context {
    source: SmolStr,
    books: KafkaBooks,
    repeats: Arc<Repeats>,
}

impl DeadLetters {
    pub(super) fn start(params: &KafkaParams, topic: &str) -> KafkaResult<DeadLetters> {
        let context = Context {
            source: params.reception.name().clone(),
            books: params.books.clone(),
            repeats: Arc::clone(&params.repeats),
        };
        let client = params.settings.client.for_producer();
        let mut config = client_config(&client, &[("linger.ms", "20")]);
        config.set("acks", "all").set("message.timeout.ms", TIMEOUT_MS);
        let producer = config.create_with_context(context)?;
        Ok(DeadLetters { topic: topic.to_owned(), producer })
    }

    /// Sends one, or counts it as dropped.
    pub(super) fn offer(&self, reject: &Reject) {
        let headers = headers(reject);
        let record = BaseRecord::<(), [u8]>::to(&self.topic).payload(&reject.payload);
        if let Err((error, _)) = self.producer.send(record.headers(headers)) {
            self.producer.context().dropped(&error);
        }
    }

    /// Waits, not for long, for those that are on their way; the dead-letter store has them too.
    pub(super) fn flush(&self) {
        if let Err(error) = self.producer.flush(FLUSH) {
            tracing::warn!(topic = self.topic, %error, "dead letters may not be in their topic");
        }
    }
}

/// How long the end of the source waits for dead letters that are on their way.
const FLUSH: Duration = Duration::from_secs(2);

/// The headers of Kafka Connect's dead letters, and the reject's own code.
fn headers(reject: &Reject) -> OwnedHeaders {
    let place = reject.origin.partition.as_deref().and_then(|name| name.rsplit_once('/'));
    let (topic, partition) = place.unwrap_or_default();
    let offset = reject.origin.offset.map(|offset| offset.to_string());
    let line = reject.line.to_string();
    let message = match reject.field.is_empty() {
        true => reject.message.clone(),
        false => format!("{}: {}", reject.field, reject.message),
    };
    let pairs = [
        ("__connect.errors.topic", topic),
        ("__connect.errors.partition", partition),
        ("__connect.errors.offset", offset.as_deref().unwrap_or_default()),
        ("__connect.errors.connector.name", reject.origin.source_id.as_str()),
        ("__connect.errors.stage", "VALUE_CONVERTER"),
        ("__connect.errors.class.name", "causeway.Decoder"),
        ("__connect.errors.exception.class.name", EXCEPTION_CLASS),
        ("__connect.errors.exception.message", message.as_str()),
        ("causeway.code", reject.code.word()),
        ("causeway.line", line.as_str()),
    ];
    let headers = OwnedHeaders::new_with_capacity(pairs.len());
    pairs
        .into_iter()
        .fold(headers, |headers, (key, value)| headers.insert(Header { key, value: Some(value) }))
}

impl Context {
    fn dropped(&self, error: &KafkaError) {
        self.books.enter(&self.source, |counts| counts.dead_letters_dropped += 1);
        if let Some(more) = self.repeats.allow("dead-letter topic") {
            tracing::warn!(source = %self.source, %error, more,
                "a refused event is not in the dead-letter topic");
        }
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        if self.repeats.allow("librdkafka").is_some() {
            log(&self.source, level, facility, line);
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        if let Some(more) = self.repeats.allow("dead-letter topic") {
            tracing::warn!(source = %self.source, %error, more, "dead-letter topic: {reason}");
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(_) => self.books.enter(&self.source, |counts| counts.dead_letters += 1),
            Err((error, _)) => self.dropped(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::{Code, Origin};
    use rdkafka::message::Headers;

    #[test]
    fn a_dead_letter_names_its_message() {
        let reject = Reject {
            line: 2,
            code: Code::E004,
            field: "kind".into(),
            message: "event has no kind".to_owned(),
            payload: Box::from(&b"{}"[..]),
            payload_bytes: 2,
            schema: "event/1.0",
            origin: Origin {
                source_id: "orders".into(),
                partition: Some("t.a-b/3".into()),
                offset: Some(42),
                seq: None,
            },
            tenant: "default".into(),
        };
        let headers = headers(&reject);
        let value = |name: &str| {
            let found = headers.iter().find(|header| header.key == name).unwrap();
            std::str::from_utf8(found.value.unwrap()).unwrap().to_owned()
        };
        assert_eq!(value("__connect.errors.topic"), "t.a-b");
        assert_eq!(value("__connect.errors.partition"), "3");
        assert_eq!(value("__connect.errors.offset"), "42");
        assert_eq!(value("__connect.errors.exception.message"), "kind: event has no kind");
        assert_eq!(value("causeway.code"), "E004");
    }
}
