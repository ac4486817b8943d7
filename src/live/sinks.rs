//! The sinks of a configuration, each with its queue and whoever carries it.

use super::data_dir::DataDir;
use super::memory::bounded_queue;
use crate::clock::SharedClock;
use crate::emit;
use crate::emit::file::{FileCarrier, FileError, FileParams};
#[cfg(feature = "kafka")]
use crate::emit::kafka::{KafkaCarrier, TransactionCarrier};
use crate::emit::matcher::Route;
use crate::emit::outbox::{Carrier, Outbox, OutboxLimits, SinkThread, WhenFull};
use crate::emit::refused::Refused;
use crate::emit::spool::Spool;
use crate::emit::stdout::StdoutCarrier;
use crate::emit::webhook::{Webhook, WebhookError, WebhookParams};
use crate::settings::{KafkaSinkSettings, SinkKind, SinkSettings, WebhookSettings};
use smol_str::SmolStr;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a drain waits for a sink that takes nothing.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a sink cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// Its file cannot be used.
    #[error("sink `{name}`: {source}")]
    File {
        /// The sink.
        name: SmolStr,
        /// Why.
        #[source]
        source: FileError,
    },
    /// Its address cannot be used.
    #[error("sink `{name}`: {source}")]
    Webhook {
        /// The sink.
        name: SmolStr,
        /// Why.
        #[source]
        source: WebhookError,
    },
    /// Its client cannot begin.
    #[error("sink `{name}`: Kafka's client cannot begin: {problem}")]
    Kafka {
        /// The sink.
        name: SmolStr,
        /// Why.
        problem: String,
    },
    /// No thread is to be had.
    #[error("sink `{name}` has no thread: {source}")]
    Thread {
        /// The sink.
        name: SmolStr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// All sinks, carried.
#[derive(Default)]
pub(super) struct Sinks {
    pub(super) outboxes: Vec<Arc<Outbox>>,
    /// Of each outbox the last revision that its receiver itself says it has, zero when it does
    /// not say; `None` when it would and cannot be asked yet.
    pub(super) confirmed: Vec<Option<u64>>,
    threads: Vec<SinkThread>,
    tasks: Vec<JoinHandle<()>>,
}

impl Sinks {
    /// Starts every sink; must be called inside the tokio runtime, which carries webhooks.
    pub(super) fn start(
        settings: &[SinkSettings],
        memory: Option<u64>,
        data_dir: &DataDir,
        journal: &str,
        clock: &SharedClock,
    ) -> Result<Sinks, SinkError> {
        let mut sinks = Sinks::default();
        for sink in settings {
            let name = sink.name.clone();
            let route = Route::new(sink.wanted.clone());
            let outbox = Outbox::new(name.clone(), route, limits_of(sink, memory));
            let directory = data_dir.path().join(emit::DIRECTORY);
            let refused = Refused::at(&directory, &name);
            outbox.on_disk(Spool::at(directory, &name, !journal.is_empty()), refused);
            sinks.outboxes.push(Arc::clone(&outbox));
            let mut confirmed = Some(0);
            let thread = |started: io::Result<SinkThread>| {
                started.map_err(|source| SinkError::Thread { name: name.clone(), source })
            };
            match &sink.kind {
                SinkKind::Stdout => {
                    let carrier = StdoutCarrier::new(data_dir.was_used());
                    sinks.threads.push(thread(SinkThread::start(outbox, carrier))?);
                }
                SinkKind::File { path, rotate_bytes, rotate_age, keep, compress } => {
                    let params = FileParams {
                        path: path.clone(),
                        rotate_bytes: *rotate_bytes,
                        rotate_age: *rotate_age,
                        keep: *keep,
                        compress: *compress,
                    };
                    let carrier = FileCarrier::open(params)
                        .map_err(|source| SinkError::File { name: name.clone(), source })?;
                    sinks.threads.push(thread(SinkThread::start(outbox, carrier))?);
                }
                SinkKind::Kafka(kafka) => {
                    let (carrier, number) = topic(&name, kafka, journal)?;
                    confirmed = number;
                    sinks.threads.push(thread(SinkThread::start(outbox, carrier))?);
                }
                SinkKind::Webhook(webhook) => {
                    let webhook = Webhook::new(params_of(webhook, clock), Arc::clone(clock))
                        .map_err(|source| SinkError::Webhook { name: name.clone(), source })?;
                    sinks.tasks.push(tokio::spawn(webhook.run(outbox)));
                }
            }
            sinks.confirmed.push(confirmed);
        }
        Ok(sinks)
    }

    /// Closes the queues and waits until everything in them is settled; where there is a journal,
    /// not for sinks that take nothing, because they are told after the next start.
    pub(super) async fn drain(self, is_journaled: bool) {
        self.outboxes.iter().for_each(|outbox| outbox.close());
        let leaving = is_journaled.then(|| tokio::spawn(leave(self.outboxes.clone())));
        for task in self.tasks {
            // A panic of the task is in the log; what it had stays unsettled.
            let _ = task.await;
        }
        let threads = self.threads;
        let _ = tokio::task::spawn_blocking(move || {
            threads.into_iter().for_each(SinkThread::join);
        })
        .await;
        if let Some(leaving) = leaving {
            leaving.abort();
        }
    }
}

/// Lets go of sinks that have taken nothing for a while and say why.
async fn leave(outboxes: Vec<Arc<Outbox>>) {
    let delivered = |outbox: &Outbox| outbox.counts().delivered;
    let mut before: Vec<u64> = outboxes.iter().map(|outbox| delivered(outbox)).collect();
    loop {
        tokio::time::sleep(PATIENCE).await;
        for (outbox, before) in outboxes.iter().zip(&mut before) {
            let (sink, waiting) = (outbox.name(), outbox.counts().waiting);
            let was = std::mem::replace(before, delivered(outbox));
            if let Some(problem) = outbox.problem().filter(|_| waiting > 0 && was == *before) {
                let then = "the sink takes nothing; what waits is told after the next start";
                tracing::warn!(%sink, waiting, problem, "{then}");
                outbox.stop();
            }
        }
    }
}

/// How much may wait before a sink, in a process that may have so much memory.
pub(super) fn limits_of(sink: &SinkSettings, memory: Option<u64>) -> OutboxLimits {
    let limits = OutboxLimits {
        messages_max: sink.queue_max,
        disk_bytes_max: sink.queue_disk_bytes,
        when_full: if sink.blocks { WhenFull::Block } else { WhenFull::DropOldest },
        ..OutboxLimits::default()
    };
    bounded_queue(memory, limits)
}

#[cfg(feature = "kafka")]
fn topic(
    name: &SmolStr,
    settings: &KafkaSinkSettings,
    journal: &str,
) -> Result<(Box<dyn Carrier>, Option<u64>), SinkError> {
    let begun = match &settings.state_topic {
        None => KafkaCarrier::new(name, settings).map(|carrier| (Box::new(carrier) as _, Some(0))),
        Some(state_topic) => TransactionCarrier::begin(name, settings, state_topic, journal)
            .map(|(carrier, committed)| (Box::new(carrier) as _, committed)),
    };
    begun.map_err(|error| SinkError::Kafka { name: name.clone(), problem: error.to_string() })
}

/// No configuration passes its check with such a sink then.
#[cfg(not(feature = "kafka"))]
fn topic(
    name: &SmolStr,
    _: &KafkaSinkSettings,
    _: &str,
) -> Result<(Box<dyn Carrier>, Option<u64>), SinkError> {
    let problem = "this program was built without Kafka".to_owned();
    Err(SinkError::Kafka { name: name.clone(), problem })
}

fn params_of(webhook: &WebhookSettings, clock: &SharedClock) -> WebhookParams {
    WebhookParams {
        url: webhook.url.0.clone(),
        secret: webhook.secret.as_ref().map(|secret| secret.reveal().to_owned()),
        headers: webhook
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.reveal().to_owned()))
            .collect(),
        allow_private: webhook.allow_private.clone(),
        timeout: webhook.timeout,
        attempts_max: webhook.attempts_max,
        backoff_max: webhook.backoff_max,
        seed: clock.now_ns() as u64,
    }
}
