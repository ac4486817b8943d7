//! Sources that watch a cluster, put together with what stands of what they said before.

use super::sources::{Ended, Means};
use crate::canonical::kubernetes::said::Statement;
use crate::canonical::kubernetes::source_name;
use crate::clock::SharedClock;
use crate::console::registry::{Said, Thing, TopologyQuery};
use crate::ingest::kubernetes::{KubernetesParams, Standing, run};
use crate::ingest::reception::Reception;
use crate::settings::KubernetesSettings;
use crate::telemetry::Repeats;
use crate::telemetry::kubernetes::KubernetesBooks;
use crossbeam_channel::Receiver;
use std::sync::Arc;

/// Where one source goes on, and with what.
pub(super) struct WatchedCluster {
    standing: Vec<Standing>,
    books: KubernetesBooks,
    clock: SharedClock,
}

impl WatchedCluster {
    pub(super) fn new(reception: &Reception, means: &Means<'_>) -> WatchedCluster {
        means.kubernetes.enter(reception.name(), |_| ());
        let query = TopologyQuery {
            tenants: vec![reception.tenant().clone()],
            sources: vec![source_name(reception.name())],
            limit: usize::MAX,
            ..TopologyQuery::default()
        };
        let (found, _) = means.registry.topology(&query, means.clock.now_ns());
        let standing = found.into_iter().map(|(key, said)| {
            let (confidence_ppm, is_ageing) = match said.body {
                Said::Entity(_) => (0, false),
                Said::Relation { confidence_ppm, ttl_seconds } => (confidence_ppm, ttl_seconds > 0),
            };
            let statement = match key.thing {
                Thing::Entity(entity) => Statement::Entity(entity),
                Thing::Relation(from, to, kind) => Statement::Relation(from, kind, to),
            };
            Standing { statement, confidence_ppm, is_ageing, time_ns: said.time_ns }
        });
        WatchedCluster {
            standing: standing.collect(),
            books: means.kubernetes.clone(),
            clock: Arc::clone(means.clock),
        }
    }

    /// Watches until `stop` closes.
    pub(super) fn read(
        self,
        settings: &KubernetesSettings,
        reception: &Arc<Reception>,
        repeats: &Arc<Repeats>,
        stop: &Receiver<()>,
    ) -> Ended {
        let params = KubernetesParams {
            settings: settings.clone(),
            reception: Arc::clone(reception),
            standing: self.standing,
            books: self.books,
            repeats: Arc::clone(repeats),
            clock: self.clock,
        };
        match run(params, stop) {
            Ok(()) => Ended::Stopped,
            Err(error) => Ended::Failed(error.to_string()),
        }
    }
}
