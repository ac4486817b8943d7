//! How large a batch of a topic may be.
//!
//! A batch that is larger than its topic takes is refused as a whole, small messages in it too.
//! So what the topic takes is asked of the brokers: before anything is sent, and again when a
//! message is refused as too large that is smaller than what was said.

use super::Context;
use crate::kafka::client_config;
use crate::settings::KafkaSinkSettings;
use crossbeam_channel::unbounded;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use smol_str::SmolStr;
use std::sync::Arc;
use std::time::Duration;

/// How long the answer is waited for.
const ANSWER: Duration = Duration::from_secs(5);
/// What librdkafka makes of it, where nothing else is said: bytes.
const DEFAULT: usize = 1_000_000;
/// The setting of a producer, and that of a topic.
pub(super) const BATCH_SIZE: &str = "batch.size";
const OF_TOPIC: &str = "max.message.bytes";

/// The bytes of a batch at most.
pub(super) struct BatchLimit {
    pub(super) bytes: usize,
    /// Somebody has said how many; nobody else is asked then.
    is_configured: bool,
    is_known: bool,
}

impl BatchLimit {
    /// What the settings say.
    pub(super) fn of(settings: &KafkaSinkSettings) -> BatchLimit {
        let configured = settings.client.properties.get(BATCH_SIZE);
        BatchLimit {
            bytes: configured.and_then(|bytes| bytes.parse().ok()).unwrap_or(DEFAULT),
            is_configured: configured.is_some(),
            is_known: configured.is_some(),
        }
    }

    /// Asks what the topic takes, unless that is known; whether it is less than it was.
    pub(super) fn find_out(&mut self, name: &SmolStr, settings: &KafkaSinkSettings) -> bool {
        !std::mem::replace(&mut self.is_known, true) && self.ask(name, settings)
    }

    /// The same when a message of so many bytes was refused as too large.
    pub(super) fn doubt(
        &mut self,
        bytes: usize,
        name: &SmolStr,
        settings: &KafkaSinkSettings,
    ) -> bool {
        bytes < self.bytes && !self.is_configured && self.ask(name, settings)
    }

    fn ask(&mut self, name: &SmolStr, settings: &KafkaSinkSettings) -> bool {
        let topic = &settings.topic;
        match max_message_bytes(name, settings) {
            Ok(Some(bytes)) if bytes < self.bytes => {
                tracing::info!(sink = %name, topic, bytes, "batches are no larger than the topic takes");
                self.bytes = bytes;
                true
            }
            Ok(_) => false,
            // Nobody may ask, or the brokers do not know the question, which looks like silence.
            Err(error) => {
                let bytes = self.bytes;
                tracing::warn!(sink = %name, topic, %error, bytes, "how large a batch may be is not known");
                false
            }
        }
    }
}

fn max_message_bytes(name: &SmolStr, settings: &KafkaSinkSettings) -> KafkaResult<Option<usize>> {
    let context = Context { name: name.clone(), reports: unbounded().0, problem: Arc::default() };
    let config = client_config(&settings.client.for_producer(), &[]);
    let admin: AdminClient<Context> = config.create_with_context(context)?;
    let topic = [ResourceSpecifier::Topic(&settings.topic)];
    let options = AdminOptions::new().request_timeout(Some(ANSWER));
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
    let described = runtime.block_on(admin.describe_configs(&topic, &options))?;
    let no_answer = Err(RDKafkaErrorCode::NoEnt);
    let topic = described.into_iter().next().unwrap_or(no_answer).map_err(KafkaError::AdminOp)?;
    Ok(topic.get(OF_TOPIC).and_then(|entry| entry.value.as_ref()?.parse().ok()))
}
