//! The parts of a live process, each begun in its turn.

use super::data_dir::DataDir;
use super::emitter::{Emitter, Kept};
use super::positions::Confirmed;
use super::{EXIT_IO, FORMED_MAX, LiveError, OUTSTANDING_MAX, TOPOLOGY};
use crate::canonical::{Format, Origin};
use crate::clock::SharedClock;
use crate::console::{Registry, SOURCE};
use crate::dlq;
use crate::emit::ledger::{Emission, Ledger};
use crate::emit::outbox::Outbox;
use crate::emit::standing::Tally;
use crate::emit::store::{Store, StoreLimits};
use crate::epoch::{self, Queue, feed, keep};
use crate::ingest::Intake;
use crate::ingest::file::{FileError, matching};
use crate::ingest::http::Http;
use crate::ingest::http::server::{ServerError, serve};
use crate::ingest::reception::{Reception, Surroundings};
use crate::runtime::{self, AbortOnPanic, Feeder, RuntimeError};
use crate::settings::{Settings, SourceSettings};
use crate::telemetry::{EngineBooks, Metrics};
use axum::Router;
use causeway_dataflows::model::{ContextEvent, Seconds};
use causeway_dataflows::ops::epochs::Tick;
use crossbeam_channel::{Sender, bounded, unbounded};
use smol_str::SmolStr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

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
        let journaled = settings.journal.enabled;
        let queue = Queue::new(settings.input_queue_bytes, engine.clone(), journaled);
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

/// Workers and the emitting thread; who feeds them comes later.
pub(super) struct Engine {
    pub(super) feeder: Feeder,
    pub(super) notes: Sender<Tick>,
    pub(super) emitter: JoinHandle<Tally>,
    pub(super) kept: Kept,
}

impl Engine {
    /// `outboxes` come with what each sink has confirmed.
    pub(super) fn start(
        settings: &Settings,
        core: &Core,
        store: &Store,
        outboxes: Vec<(Arc<Outbox>, Confirmed)>,
    ) -> Result<Engine, LiveError> {
        let (feeder, collector) =
            runtime::start(settings.workers, &settings.params, OUTSTANDING_MAX)?;
        let (notes, ticked) = unbounded();
        let emitter = Emitter::new(
            Ledger::new(Emission::of(&settings.emission)),
            settings.params.dedup.revise_horizon_seconds,
            store.clone(),
            outboxes,
            core.engine.clone(),
        );
        let kept = emitter.kept();
        let emitter = named("emitter").spawn(move || {
            let _abort = AbortOnPanic;
            emitter.run(collector, &ticked)
        })?;
        Ok(Engine { feeder, notes, emitter, kept })
    }
}

fn named(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.to_owned())
}

/// Starts the thread that forms and keeps epochs and the one that feeds them.
///
/// `last` is the tick that the journal ended with.
pub(super) fn feeding(
    core: &Core,
    clock: &SharedClock,
    (feeder, notes): (Feeder, Sender<Tick>),
    (journal, last): (Option<epoch::Continued>, Option<Seconds>),
) -> Result<JoinHandle<Result<(), RuntimeError>>, LiveError> {
    let (next, formed) = bounded(FORMED_MAX);
    let (queue, clock) = (Arc::clone(&core.queue), Arc::clone(clock));
    named("journal").spawn(move || {
        let _abort = AbortOnPanic;
        if let Err(error) = keep(&queue, journal, last, &clock, &next) {
            // What is on disk is unknown; only a start from what is there tells.
            tracing::error!(%error, "the journal cannot be written, the process ends");
            std::process::exit(EXIT_IO);
        }
    })?;
    let queue = Arc::clone(&core.queue);
    Ok(named("epochs").spawn(move || {
        let _abort = AbortOnPanic;
        feed(&queue, &formed, feeder, &notes)
    })?)
}

/// Whatever takes input, by name: the sources, the server's own and the topology's.
pub(super) struct Receptions {
    sources: Vec<Arc<Reception>>,
    pub(super) console: Arc<Reception>,
    topology: Reception,
}

impl Receptions {
    pub(super) fn new(settings: &Settings, around: &Surroundings) -> Receptions {
        let of = |source| Arc::new(Reception::new(source, around.clone()));
        Receptions {
            sources: settings.sources.iter().map(of).collect(),
            console: Arc::new(Reception::internal(SOURCE, around.clone())),
            topology: Reception::internal(TOPOLOGY, around.clone()),
        }
    }

    /// The reception of a source that is configured.
    pub(super) fn of(&self, source: &SourceSettings) -> Arc<Reception> {
        Arc::clone(&self.sources[usize::from(source.index())])
    }

    /// The reception of a source that a journal names; `None` when it is configured no more.
    pub(super) fn named(&self, name: &SmolStr) -> Option<&Reception> {
        let own = [&*self.console, &self.topology];
        let mut all = self.sources.iter().map(|of| &**of).chain(own);
        all.find(|reception| reception.name() == name)
    }
}

/// What holds before the first event: the configured topology, silences, windows and rules.
/// What an earlier configuration held and this one does not is taken back.
pub(super) fn standing_context(
    settings: &Settings,
    core: &Core,
    receptions: &Receptions,
    clock: &SharedClock,
) -> Result<(), LiveError> {
    let now_ns = clock.now_ns();
    let mut own = settings.context_events(now_ns);
    own.extend(core.registry.left_behind(&own, now_ns));
    own.iter().for_each(|event| core.registry.apply(event));
    core.queue.context(own);
    for pattern in &settings.topology {
        let paths = matching(std::slice::from_ref(pattern))?;
        if paths.is_empty() {
            let pattern = pattern.to_string_lossy().into_owned();
            return Err(FileError::NoMatch { pattern }.into());
        }
        for path in paths {
            topology_file(&receptions.topology, path)?;
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

/// The task of the server.
pub(super) type Serving = tokio::task::JoinHandle<Result<(), ServerError>>;

/// Serves until told to stop.
pub(super) fn serving(
    http: Http,
    listener: TcpListener,
    app: Router,
) -> (oneshot::Sender<()>, Serving) {
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        serve(&http, listener, app, stopped).await
    });
    (stop, server)
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
