//! The parts of a live process, each begun in its turn.

use super::cluster::{Listing, seat};
use super::data_dir::DataDir;
use super::emitter::{Emitter, Kept};
use super::journal::Opened;
use super::memory;
use super::positions::{Confirmed, Positions};
use super::serving::Addresses;
use super::sinks::Sinks;
use super::snapshots::{Past, Snapshots};
use super::standing;
use super::{EXIT_IO, LiveError, OUTSTANDING_MAX};
use crate::clock::SharedClock;
use crate::cluster::{Role, Shape, Table};
use crate::console::reload::Requests;
use crate::console::{Console, Health, Parts, Registry};
use crate::dlq;
use crate::emit::ledger::{Emission, Ledger};
use crate::emit::outbox::{Outbox, SinkBooks};
use crate::emit::standing::Tally;
use crate::emit::store::{Store, StoreLimits};
use crate::epoch::{self, AheadLimits, Fed, Keeping, Order, Queue, feed};
use crate::ingest::Intake;
use crate::ingest::http::{Http, routes};
use crate::ingest::reception::{Held, Reception, Surroundings};
use crate::ingest::receptions::Receptions;
use crate::runtime::{self, AbortOnPanic, Feeder, Mesh, RuntimeError};
use crate::settings::{DeadLetterSettings, Settings, SourceSettings};
use crate::snapshot::writer::Part;
use crate::telemetry::kafka::KafkaBooks;
use crate::telemetry::kubernetes::KubernetesBooks;
use crate::telemetry::snapshots::SnapshotBooks;
use crate::telemetry::{EngineBooks, Metrics, ReloadBooks};
use axum::Router;
use causeway_dataflows::model::{ContextEvent, Seconds};
use causeway_dataflows::ops::tap::Tap;
use crossbeam_channel::{Receiver, Sender, unbounded};
use smol_str::SmolStr;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::mpsc::UnboundedSender;

/// Refused rows of topology that are logged one by one.
const ROWS_SHOWN_MAX: usize = 10;

/// What does not depend on sources: queue, engine and what they share.
pub(super) struct Core {
    pub(super) metrics: Metrics,
    pub(super) engine: EngineBooks,
    pub(super) kafka: KafkaBooks,
    pub(super) kubernetes: KubernetesBooks,
    pub(super) registry: Registry,
    pub(super) listing: Listing,
    pub(super) queue: Arc<Queue>,
    pub(super) snapshots: SnapshotBooks,
    pub(super) reloads: ReloadBooks,
    pub(super) letters: dlq::Letters,
    pub(super) tap: Tap,
    /// Until epochs are formed.
    keeper: Option<dlq::Keeper>,
}

impl Core {
    pub(super) fn start(
        settings: &Settings,
        data_dir: &DataDir,
        clock: &SharedClock,
    ) -> Result<Core, LiveError> {
        let metrics = Metrics::new(&**clock);
        let limits = letter_limits(&settings.dead_letters);
        let store = dlq::Store::open(&data_dir.path().join(dlq::DIRECTORY), limits.store)?;
        let (keeper, letters) = dlq::Keeper::new(store, limits, Arc::clone(clock));
        let (engine, kafka) = (EngineBooks::default(), KafkaBooks::default());
        metrics.add(Box::new(letters.clone()));
        metrics.add(Box::new(engine.clone()));
        let snapshots = SnapshotBooks::default();
        metrics.add(Box::new(kafka.clone()));
        let kubernetes = KubernetesBooks::new(Arc::clone(clock));
        metrics.add(Box::new(kubernetes.clone()));
        let journaled = settings.journal.enabled;
        if journaled {
            metrics.add(Box::new(snapshots.clone()));
        }
        let reloads = ReloadBooks::new(clock.now_seconds());
        metrics.add(Box::new(reloads.clone()));
        let queue = Queue::new(settings.input_queue_bytes, engine.clone(), journaled);
        let registry = Registry::remembering(settings.params.context.tombstone_seconds);
        let (listing, keeper) = (Listing::new(registry.clone()), Some(keeper));
        Ok(Core {
            metrics,
            engine,
            kafka,
            kubernetes,
            registry,
            listing,
            queue,
            snapshots,
            reloads,
            letters,
            tap: Tap::default(),
            keeper,
        })
    }

    pub(super) fn surroundings(
        &self,
        settings: &Settings,
        cluster: Option<&Shape>,
        clock: &SharedClock,
    ) -> Surroundings {
        let listing = self.listing.clone();
        Surroundings {
            intake: Arc::clone(&self.queue) as Arc<dyn Intake>,
            listener: Some(Arc::new(move |event: &ContextEvent| listing.hear(event))),
            metrics: self.metrics.clone(),
            clock: Arc::clone(clock),
            workers: settings.workers * cluster.map_or(1, Shape::processes),
        }
    }
}

/// Workers and the emitting thread; who feeds them comes later.
pub(super) struct Engine {
    pub(super) feeder: Feeder,
    pub(super) notes: Sender<Fed>,
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
        (past, parts): (Option<Past>, Option<Sender<Part>>),
        mesh: Option<Mesh>,
    ) -> Result<Engine, LiveError> {
        let (workers, params) = (settings.workers, &settings.params);
        let (notes, ticked) = unbounded();
        let emission = Emission::of(&settings.emission);
        let mut emitter = Emitter::new(
            Ledger::new(emission),
            settings.params.dedup.revise_horizon_seconds,
            store.clone(),
            outboxes,
            (core.engine.clone(), core.listing.clone()),
            parts,
        );
        let (feeder, collector) = match past {
            None => {
                emitter.begin()?;
                runtime::begin(workers, params, OUTSTANDING_MAX, (mesh, None), &core.tap)?
            }
            Some(Past { engine, emission: mut told }) => {
                let tick = engine.tick;
                let past = (mesh, Some(engine));
                let (feeder, mut collector) =
                    runtime::begin(workers, params, OUTSTANDING_MAX, past, &core.tap)?;
                // While workers put up what stood, on their own threads.
                emitter.recall(&mut told)?;
                let first = collector.next_epoch().ok_or(RuntimeError::Stopped)?;
                emitter.resume(emission, &first, tick, told)?;
                (feeder, collector)
            }
        };
        let kept = emitter.kept();
        let emitter = named("emitter").spawn(move || {
            let _abort = AbortOnPanic;
            emitter.run(collector, &ticked)
        })?;
        Ok(Engine { feeder, notes, emitter, kept })
    }
}

/// What a process goes on with.
pub(super) struct GoneOn {
    pub(super) engine: Engine,
    pub(super) sinks: Sinks,
    /// The journal and the tick that it ended with.
    pub(super) journal: (Option<epoch::Continued>, Option<Seconds>),
    /// What tells the journal from every other; empty without one.
    pub(super) journal_name: String,
    pub(super) positions: Option<Positions>,
    /// The thread that writes snapshots.
    pub(super) snapshots: Option<JoinHandle<()>>,
    /// The epochs that another process orders.
    pub(super) orders: Option<Receiver<Order>>,
}

/// Reads snapshot and journal, so that all is known that was known; sinks are told what they
/// have not confirmed. Must be called inside the tokio runtime, which carries webhooks.
pub(super) fn go_on(
    settings: &Settings,
    data_dir: &DataDir,
    core: &Core,
    store: &Store,
    (receptions, http): (&Arc<Receptions>, &Http),
    ((mesh, table), stop): ((Option<Mesh>, Option<Table>), &UnboundedSender<()>),
) -> Result<GoneOn, LiveError> {
    let clock = &http.clock;
    let books = (&core.metrics, &core.snapshots);
    let mut opened = Opened::at(settings, data_dir, clock, books, table.as_ref())?;
    let orders = match table {
        Some(table) => seat(table, core, stop)?,
        None => None,
    };
    let role = core.listing.role();
    let name = sinks_journal(opened.name(), data_dir)?;
    let told = if role.tells() { settings.sinks.as_slice() } else { &[] };
    let sinks = Sinks::start(told, memory::limit_of(settings), data_dir, &name, clock)?;
    core.metrics.add(Box::new(SinkBooks::new(sinks.outboxes.clone())));
    let (positions, outboxes) = opened.positions(data_dir, &sinks)?;
    let snapshots = opened.snapshots(settings, &http.keys, core)?;
    let parts = snapshots.as_ref().map(|snapshots| snapshots.parts.clone());
    let past = opened.take_past(settings, &core.listing);
    let mut engine = Engine::start(settings, core, store, outboxes, (past, parts), mesh)?;
    let resumed = opened.recover(&mut engine, &core.listing, receptions, http)?;
    sinks.outboxes.iter().for_each(|outbox| outbox.recovered());
    core.engine.recovered(resumed.epochs);
    let cuts = snapshots.as_ref().map(|made| cuts(settings, receptions, made, clock));
    let journal = resumed.journal.map(|journal| journal.with_cuts(cuts));
    let snapshots = snapshots.map(|snapshots| snapshots.thread);
    let journal = (journal, resumed.tick);
    // Of several processes each has a journal of its own, under one name.
    let journal_name = match role.process() {
        Some(process) => format!("{}-{process}", resumed.name),
        None => resumed.name,
    };
    Ok(GoneOn { engine, sinks, journal, journal_name, positions, snapshots, orders })
}

/// What receivers know the journal by. Where it was put back from a copy it is not the one that
/// they have heard more of: what they say was told by that is no word about this one.
fn sinks_journal(journal: &str, data_dir: &DataDir) -> Result<String, LiveError> {
    Ok(match data_dir.fork()? {
        Some(fork) => format!("{journal}-{fork}"),
        None => journal.to_owned(),
    })
}

/// Everything that is served.
pub(super) fn app(
    settings: &Settings,
    http: &Http,
    store: &Store,
    core: &Core,
    receptions: &Receptions,
    health: &Health,
    (reloads, shape): (Requests, Option<&Shape>),
) -> Router {
    let receiving = routes(http, &settings.sources, |source| receptions.of(source));
    let console = Console::new(Parts {
        http: http.clone(),
        store: store.clone(),
        registry: core.registry.clone(),
        reception: Arc::clone(receptions.console()),
        health: health.clone(),
        receivers: settings.sinks.iter().map(|sink| sink.name.clone()).collect(),
        reloads,
        tap: core.tap.clone(),
        started_ns: http.clock.now_ns(),
    });
    console.app(receiving, shape.is_some_and(|shape| shape.process > 0))
}

fn named(name: &str) -> std::thread::Builder {
    std::thread::Builder::new().name(name.to_owned())
}

/// Starts the thread that forms and keeps epochs and the one that feeds them.
///
/// `last` is the tick that the journal ended with.
pub(super) fn feeding(
    core: &mut Core,
    clock: &SharedClock,
    (feeder, notes): (Feeder, Sender<Fed>),
    (journal, last): (Option<epoch::Continued>, Option<Seconds>),
    orders: Option<Receiver<Order>>,
) -> Result<JoinHandle<Result<(), RuntimeError>>, LiveError> {
    let (next, formed) = epoch::ahead(AheadLimits::default(), clock);
    let (queue, clock) = (Arc::clone(&core.queue), Arc::clone(clock));
    let keeping = Keeping { queue, journal, letters: core.keeper.take(), clock, next };
    let role = core.listing.role();
    named("journal").spawn(move || {
        let _abort = AbortOnPanic;
        let kept = match (&role, orders) {
            (Role::Leader(leader), _) => keeping.lead(last, Some(&**leader)),
            (_, Some(orders)) => keeping.follow(&orders),
            (_, None) => keeping.lead(last, None),
        };
        if let Err(error) = kept {
            // What is on disk is unknown; only a start from what is there tells.
            tracing::error!(%error, "the journal cannot be written, the process ends");
            std::process::exit(EXIT_IO);
        }
    })?;
    let queue = Arc::clone(&core.queue);
    Ok(named("epochs").spawn(move || {
        let _abort = AbortOnPanic;
        feed(&queue, formed, feeder, &notes)
    })?)
}

/// Begins snapshots as the settings say; what sources remember is taken while all are held.
pub(super) fn cuts(
    settings: &Settings,
    receptions: &Arc<Receptions>,
    snapshots: &Snapshots,
    clock: &SharedClock,
) -> epoch::Cuts {
    let receptions = Arc::clone(receptions);
    let hold = move |take: &mut dyn FnMut()| {
        let held: Vec<_> = receptions.all().map(Reception::hold).collect();
        take();
        held.iter().map(Held::save).collect()
    };
    let of = settings.journal;
    let often = (of.snapshot_every, of.snapshot_bytes, of.forget);
    let Snapshots { parts, progress, .. } = snapshots;
    epoch::Cuts::new(often, Box::new(hold), parts.clone(), progress.clone(), clock)
}

/// What holds before the first event: the configured topology, silences, windows and rules.
/// What an earlier configuration held and this one does not is taken back. A row of topology
/// that cannot be used costs itself only.
pub(super) fn standing_context(
    settings: &Settings,
    core: &mut Core,
    clock: &SharedClock,
) -> Result<(), LiveError> {
    if !core.listing.role().tells() {
        return Ok(());
    }
    let now_ns = clock.now_ns();
    let standing::Held { events, refused, failed } = standing::read(settings, now_ns);
    if let Some((_, error)) = failed.into_iter().next() {
        return Err(error.into());
    }
    if !refused.is_empty() {
        tracing::warn!(rows = refused.len(), "rows of topology are refused; they are dead letters");
        core.reloads.left_out(refused.len());
    }
    for row in refused.iter().take(ROWS_SHOWN_MAX) {
        let (line, code, message) = (row.line, row.code.word(), &row.message);
        let path = row.origin.partition.as_deref().unwrap_or_default();
        tracing::warn!(path, line, code, message, "a topology row is refused");
    }
    let refusal = |row| dlq::Refusal { reject: Arc::new(row), first_seen_ns: now_ns };
    let mut refused = refused.into_iter().map(refusal).collect();
    if let Some(keeper) = &mut core.keeper {
        keeper.keep(&mut refused)?;
    }
    let change = core.registry.change_to(events, now_ns);
    // Nothing else was offered yet, and nobody has told the process to stop.
    let _ = standing::hand_on(change, &core.registry, &core.queue);
    Ok(())
}

/// How much of what is refused is kept.
pub(super) fn letter_limits(settings: &DeadLetterSettings) -> dlq::LetterLimits {
    let (bytes_max, age_max) = (settings.bytes_max, settings.age_max);
    dlq::LetterLimits {
        store: dlq::StoreLimits { bytes_max, age_max },
        payload_bytes_max: settings.payload_bytes_max,
        epoch_max: settings.queue_max,
    }
}

pub(super) fn store_limits(settings: &Settings) -> StoreLimits {
    let resolved_for = settings.emission.resolved_for.as_millis();
    let limits = StoreLimits {
        resolved_max: settings.emission.resolved_incidents_max,
        resolved_age_ms: i64::try_from(resolved_for).unwrap_or(i64::MAX),
        ..StoreLimits::default()
    };
    memory::bounded(memory::limit_of(settings), limits)
}

pub(super) fn announce(settings: &Settings, addresses: &Addresses, data_dir: &DataDir) {
    let names = |names: Vec<&SmolStr>| {
        names.into_iter().map(SmolStr::as_str).collect::<Vec<_>>().join(", ")
    };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        address = %addresses.main,
        otlp_grpc = addresses.otlp_grpc.map(display),
        otlp_http = addresses.otlp_http.map(display),
        workers = settings.workers,
        sources = names(settings.sources.iter().map(SourceSettings::name).collect()),
        sinks = names(settings.sinks.iter().map(|sink| &sink.name).collect()),
        data_dir = %data_dir.path().display(),
        "ready"
    );
}
