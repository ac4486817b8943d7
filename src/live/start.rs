//! The parts of a live process, each begun in its turn.

use super::data_dir::DataDir;
use super::emitter::{Emitter, Kept};
use super::sinks::Sinks;
use super::{LiveError, OUTSTANDING_MAX, TOPOLOGY};
use crate::canonical::{Format, Origin};
use crate::clock::SharedClock;
use crate::console::Registry;
use crate::dlq;
use crate::emit::ledger::{Emission, Ledger};
use crate::emit::standing::Tally;
use crate::emit::store::{Store, StoreLimits};
use crate::epoch::{Queue, feed};
use crate::ingest::Intake;
use crate::ingest::file::{FileError, matching};
use crate::ingest::reception::{Reception, Surroundings};
use crate::runtime::{self, AbortOnPanic, RuntimeError};
use crate::settings::{Settings, SourceSettings};
use crate::telemetry::{EngineBooks, Metrics};
use causeway_dataflows::model::ContextEvent;
use crossbeam_channel::unbounded;
use smol_str::SmolStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

/// What does not depend on sources: queue, engine and what they share.
pub(super) struct Core {
    pub(super) metrics: Metrics,
    pub(super) engine: EngineBooks,
    pub(super) registry: Registry,
    pub(super) queue: Arc<Queue>,
    letters: dlq::Letters,
    pub(super) writer: dlq::Writer,
}

impl Core {
    pub(super) fn start(
        settings: &Settings,
        data_dir: &DataDir,
        clock: &SharedClock,
    ) -> Result<Core, LiveError> {
        let metrics = Metrics::new(&**clock);
        let bounds = dlq::StoreLimits {
            bytes_max: settings.dead_letters.bytes_max,
            age_max: settings.dead_letters.age_max,
        };
        let store = dlq::Store::open(&data_dir.path().join(dlq::DIRECTORY), bounds)?;
        let (letters, writer) = dlq::Writer::start(
            store,
            settings.dead_letters.queue_max,
            settings.dead_letters.payload_bytes_max,
            Arc::clone(clock),
        )?;
        let engine = EngineBooks::default();
        metrics.add(Box::new(letters.clone()));
        metrics.add(Box::new(engine.clone()));
        let queue = Queue::new(settings.input_queue_bytes, engine.clone());
        let registry = Registry::remembering(settings.params.context.tombstone_seconds);
        Ok(Core { metrics, engine, registry, queue, letters, writer })
    }

    pub(super) fn surroundings(&self, settings: &Settings, clock: &SharedClock) -> Surroundings {
        let listed = self.registry.clone();
        Surroundings {
            intake: Arc::clone(&self.queue) as Arc<dyn Intake>,
            letters: Some(self.letters.clone()),
            listener: Some(Arc::new(move |event: &ContextEvent| listed.apply(event))),
            metrics: self.metrics.clone(),
            clock: Arc::clone(clock),
            workers: settings.workers,
        }
    }
}

/// Starts workers, the feeding thread and the emitting thread.
pub(super) fn engine(
    settings: &Settings,
    core: &Core,
    store: &Store,
    sinks: &Sinks,
    clock: &SharedClock,
) -> Result<(JoinHandle<Result<(), RuntimeError>>, JoinHandle<Tally>, Kept), LiveError> {
    let (feeder, collector) = runtime::start(settings.workers, &settings.params, OUTSTANDING_MAX)?;
    let (ticks, ticked) = unbounded();
    let emitter = Emitter::new(
        Ledger::new(Emission::of(&settings.emission)),
        settings.params.dedup.revise_horizon_seconds,
        store.clone(),
        sinks.outboxes.clone(),
        core.engine.clone(),
    );
    let kept = emitter.kept();
    let named = |name: &str| std::thread::Builder::new().name(name.to_owned());
    let emitting = named("emitter").spawn(move || {
        let _abort = AbortOnPanic;
        emitter.run(collector, &ticked)
    })?;
    let (queue, clock) = (Arc::clone(&core.queue), Arc::clone(clock));
    let feeding = named("epochs").spawn(move || {
        let _abort = AbortOnPanic;
        feed(&queue, feeder, &clock, &ticks)
    })?;
    Ok((feeding, emitting, kept))
}

/// One reception a source, made when it is first asked for.
pub(super) fn receptions(
    settings: &Settings,
    around: &Surroundings,
) -> impl FnMut(&SourceSettings) -> Arc<Reception> {
    let all: Vec<Arc<Reception>> = settings
        .sources
        .iter()
        .map(|source| Arc::new(Reception::new(source, around.clone())))
        .collect();
    move |source| Arc::clone(&all[usize::from(source.index())])
}

/// What holds before the first event: the configured topology, silences, windows and rules.
pub(super) fn standing_context(
    settings: &Settings,
    core: &Core,
    around: &Surroundings,
    clock: &SharedClock,
) -> Result<(), LiveError> {
    let own = settings.context_events(clock.now_ns());
    own.iter().for_each(|event| core.registry.apply(event));
    core.queue.context(own);
    if settings.topology.is_empty() {
        return Ok(());
    }
    let reception = Reception::internal(TOPOLOGY, around.clone());
    for pattern in &settings.topology {
        let paths = matching(std::slice::from_ref(pattern))?;
        if paths.is_empty() {
            let pattern = pattern.to_string_lossy().into_owned();
            return Err(FileError::NoMatch { pattern }.into());
        }
        for path in paths {
            topology_file(&reception, path)?;
        }
    }
    Ok(())
}

fn topology_file(reception: &Reception, path: PathBuf) -> Result<(), LiveError> {
    let read = |source| FileError::Read { path: path.clone(), source };
    let bytes = std::fs::read(&path).map_err(read)?;
    let format = Format::of_topology(&path);
    let origin = Origin {
        source_id: SmolStr::new_static(TOPOLOGY),
        partition: Some(SmolStr::new(path.to_string_lossy())),
        ..Origin::default()
    };
    // The first batch always fits, and nothing else has been offered yet.
    let receipt = reception
        .take_rows(&bytes, format, &origin)
        .map_err(|busy| read(std::io::Error::other(busy.to_string())))?;
    for refused in receipt.rejects.iter().take(10) {
        let (line, code, message) = (refused.line, refused.code, &refused.message);
        tracing::warn!(path = %path.display(), line, code, message, "a topology row is refused");
    }
    Ok(())
}

pub(super) fn store_limits(settings: &Settings) -> StoreLimits {
    let resolved_for = settings.emission.resolved_for.as_millis();
    StoreLimits {
        resolved_max: settings.emission.resolved_incidents_max,
        resolved_age_ms: i64::try_from(resolved_for).unwrap_or(i64::MAX),
        ..StoreLimits::default()
    }
}

pub(super) fn announce(settings: &Settings, address: std::net::SocketAddr, data_dir: &DataDir) {
    let names = |names: Vec<&SmolStr>| {
        names.into_iter().map(SmolStr::as_str).collect::<Vec<_>>().join(", ")
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        %address,
        workers = settings.workers,
        sources = names(settings.sources.iter().map(SourceSettings::name).collect()),
        sinks = names(settings.sinks.iter().map(|sink| &sink.name).collect()),
        data_dir = %data_dir.path().display(),
        "ready"
    );
}
