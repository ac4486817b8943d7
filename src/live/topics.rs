//! Sources that read topics of Kafka, put together with what the journal knows of them.

use super::sources::{Ended, Means};
use crate::clock::SharedClock;
use crate::ingest::reception::Reception;
use crate::settings::KafkaSourceSettings;
use crate::telemetry::Repeats;
use crate::telemetry::kafka::KafkaBooks;
use crossbeam_channel::Receiver;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Where one source goes on, and with what.
#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "nothing reads topics then"))]
pub(super) struct Topics {
    reached: BTreeMap<SmolStr, u64>,
    journal: String,
    books: KafkaBooks,
    clock: SharedClock,
}

impl Topics {
    pub(super) fn new(reception: &Reception, means: &Means<'_>) -> Topics {
        means.kafka.enter(reception.name(), |_| ());
        let reached = reception.reached().into_iter();
        Topics {
            reached: reached.map(|(name, reached)| (name, reached.offset)).collect(),
            journal: means.journal.to_owned(),
            books: means.kafka.clone(),
            clock: Arc::clone(means.clock),
        }
    }

    /// Reads until `stop` closes.
    #[cfg(feature = "kafka")]
    pub(super) fn read(
        self,
        settings: &KafkaSourceSettings,
        reception: &Arc<Reception>,
        repeats: &Arc<Repeats>,
        stop: &Receiver<()>,
    ) -> Ended {
        let params = crate::ingest::kafka::KafkaParams {
            settings: settings.clone(),
            reception: Arc::clone(reception),
            reached: self.reached,
            journal: self.journal,
            books: self.books,
            repeats: Arc::clone(repeats),
            clock: self.clock,
        };
        match crate::ingest::kafka::run(params, stop) {
            Ok(()) => Ended::Stopped,
            Err(error) => Ended::Failed(error.to_string()),
        }
    }

    /// No configuration passes its check with such a source then.
    #[cfg(not(feature = "kafka"))]
    pub(super) fn read(
        self,
        _: &KafkaSourceSettings,
        _: &Arc<Reception>,
        _: &Arc<Repeats>,
        _: &Receiver<()>,
    ) -> Ended {
        Ended::Failed("this program was built without Kafka".to_owned())
    }
}
