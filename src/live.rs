//! The live process: sources, engine, sinks and server put together, from start to drain.
//!
//! ```text
//!  sources ─► Reception ─► Queue ─► journal ─► feed ─► workers ─► Emitter ─┬► outboxes ─► sinks
//!  console ──────┘                                                         └► Store ─► console
//! ```
//!
//! A start reads the journal again first, so that all of it stands as it stood.
//!
//! Stopping goes the same way: the queue refuses from then on, what was accepted
//! is worked off, exact counts are published, sinks get everything, and only
//! then does the server stop answering readers.

mod cluster;
mod cut;
mod data_dir;
mod emitter;
mod error;
mod journal;
mod memory;
mod positions;
mod reload;
mod resume;
mod serving;
mod sinks;
mod snapshots;
mod sources;
mod standing;
mod start;
mod stop;
mod topics;
mod watched_cluster;
mod watch;

use crate::clock::SharedClock;
use crate::cluster::{Role, Shape};
use crate::config::Written;
use crate::console::Health;
use crate::console::health::Condition;
use crate::emit::standing::Tally;
use crate::emit::store::Store;
use crate::emit::summary::Summary;
use crate::epoch::Queue;
use crate::ingest::http::Http;
use crate::ingest::http::server::ServerError;
use crate::ingest::http::terms::Terms;
use crate::ingest::receptions::Receptions;
use crate::runtime::RuntimeError;
use crate::settings::{Settings, SourceKind, SourceSettings};
use crate::telemetry::process::peak_resident_bytes;
use crate::telemetry::{EngineBooks, LogFilter, Metrics, Repeats};
use cut::AtHand;
use data_dir::DataDir;
use emitter::Kept;
use positions::Positions;
use reload::{Asking, Reloader};
use serving::{Listeners, Serving};
use sinks::Sinks;
use smol_str::SmolStr;
use sources::{Ended, Means, Readers};
use start::{Core, GoneOn, announce, app, feeding, go_on, standing_context, store_limits};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;
use watch::Watched;

pub use data_dir::DataDirError;
pub use error::LiveError;
pub use sinks::SinkError;
pub use stop::Signal;

/// Epochs under way at a time: one being worked on, one ready behind it.
const OUTSTANDING_MAX: usize = 2;
/// The exit code when the journal cannot be written.
const EXIT_IO: i32 = 74;
/// How long a drain waits for sources that tell others of their end, and for clients.
const LEAVE_MAX: Duration = Duration::from_secs(5);
/// Between two log lines of one kind.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// Everything was told; the summary is in the data directory too.
    Drained(Summary),
    /// A second signal came, or draining took too long; the summary in the data directory
    /// says what was not worked off.
    Cut(Signal),
}

/// What a process runs under, and what it needs to read that again.
pub struct Given {
    /// The settings.
    pub settings: Settings,
    /// As they were written.
    pub written: Written,
    /// Where; nowhere for the defaults.
    pub paths: Vec<PathBuf>,
    /// Changes what the log shows.
    pub log: Option<LogFilter>,
    /// How the process is one of several, if it is.
    pub cluster: Option<Shape>,
}

/// Runs until a signal or the end of all input, then drains for at most `drain_max`.
///
/// # Errors
/// When a part cannot start, or the engine, the server or a source fails.
pub fn run(given: Given, clock: SharedClock, drain_max: Duration) -> Result<Outcome, LiveError> {
    let settings = &given.settings;
    let terms = Terms::of(&settings.server, &given.written)?;
    let data_dir = DataDir::open(&settings.data_dir)?;
    data_dir.is_of(given.cluster.as_ref(), settings.workers)?;
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.workers.clamp(1, 4))
        .enable_all()
        .build()?;
    let outcome = tokio.block_on(async {
        let live = Live::start(given, terms, &data_dir, clock).await?;
        live.until_stopped(&data_dir, drain_max).await
    });
    // A reader that waits for standard input would hold the process for ever.
    tokio.shutdown_background();
    outcome
}

/// Everything that runs.
struct Live {
    began_ns: i64,
    clock: SharedClock,
    workers: usize,
    metrics: Metrics,
    engine: EngineBooks,
    health: Health,
    store: Store,
    queue: Arc<Queue>,
    role: Role,
    /// Speaks when another process has all of them stop.
    stopped: mpsc::UnboundedReceiver<()>,
    feeder: JoinHandle<Result<(), RuntimeError>>,
    emitter: JoinHandle<Tally>,
    kept: Kept,
    /// Events in the books that earlier runs received.
    received_before: u64,
    sinks: Sinks,
    positions: Option<Positions>,
    snapshots: Option<JoinHandle<()>>,
    readers: Readers,
    ended: mpsc::UnboundedReceiver<(SmolStr, Ended)>,
    stop_server: tokio::sync::watch::Sender<()>,
    server: Serving,
    /// Those that end with the run.
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Live {
    async fn start(
        given: Given,
        terms: Terms,
        data_dir: &DataDir,
        clock: SharedClock,
    ) -> Result<Live, LiveError> {
        let began_ns = clock.monotonic_ns();
        let (reloads, asking) = Asking::listen()?;
        let settings = given.settings.clone();
        // Taken first, so that a wrong address is told before anything has begun.
        let listeners = Listeners::bind(&settings).await?;
        let mut core = Core::start(&settings, data_dir, &clock)?;
        let around = core.surroundings(&settings, given.cluster.as_ref(), &clock);
        let store = Store::new(store_limits(&settings), clock.now_ns() as u64);
        let http = Http::new(terms, core.metrics.clone(), Arc::clone(&clock));
        let receptions = Arc::new(Receptions::new(&settings, &around));
        let health = Health::default();
        health.expect("journal");
        let addresses = listeners.addresses()?;
        let shape = given.cluster.as_ref();
        let app = app(&settings, &http, &store, &core, &receptions, &health, (reloads, shape));
        // Answers probes from here on, and everything else once the journal is read.
        let (stop_server, server) = listeners.serve(&http, app, &settings, &receptions);
        let (stop, stopped) = mpsc::unbounded_channel();
        let known = tokio::task::block_in_place(|| {
            let others = cluster::gather(&settings, shape, &clock, &health)?;
            go_on(&settings, data_dir, &core, &store, (&receptions, &http), (others, &stop))
        })?;
        let GoneOn { engine, sinks, journal, journal_name, positions, snapshots, orders } = known;
        let role = core.listing.role();
        let received_before = open_up(&core, &health, &http);
        cluster::all_ready(&role);
        standing_context(&settings, &mut core, &clock)?;
        let feeder = feeding(&mut core, &clock, (engine.feeder, engine.notes), journal, orders)?;
        memory::limit(&settings, &core)?;
        let (ends, ended) = mpsc::unbounded_channel();
        let repeats = Arc::new(Repeats::new(LOG_EVERY, Arc::clone(&clock)));
        let means = Means::of(&core, &receptions, &journal_name, &repeats, &clock);
        let readers = Readers::start(&read_here(&settings, &role), &means, &ends)?;
        health.set("config", Condition::Well);
        let watched = Watched::of(&settings, &core, &sinks);
        let watch = tokio::spawn(watch::keep_up(health.clone(), watched));
        let reloader = Reloader::new(given, &core, (&http, &store, &sinks), &clock);
        let reloading = tokio::spawn(reload::keep_up(Arc::new(reloader), asking));
        announce(&settings, &addresses, data_dir);
        Ok(Live {
            began_ns,
            workers: settings.workers,
            metrics: core.metrics,
            engine: core.engine,
            health,
            store,
            queue: core.queue,
            role,
            stopped,
            feeder,
            emitter: engine.emitter,
            kept: engine.kept,
            received_before,
            sinks,
            positions,
            snapshots,
            readers,
            ended,
            stop_server,
            server,
            tasks: [watch, reloading],
            clock,
        })
    }

    /// Waits for a reason to stop, then drains.
    async fn until_stopped(
        mut self,
        data_dir: &DataDir,
        drain_max: Duration,
    ) -> Result<Outcome, LiveError> {
        let mut signals = stop::Signals::listen()?;
        let mut failed = None;
        let mut signal = None;
        let mut running = self.readers.count;
        while signal.is_none() && failed.is_none() {
            tokio::select! {
                came = signals.next() => signal = Some(came),
                Some(()) = self.stopped.recv() => {
                    tracing::info!("stopping: all processes are to");
                    break;
                }
                Some((name, end)) = self.ended.recv() => {
                    running -= 1;
                    tracing::info!(source = %name, ?end, "source ended");
                    if let Ended::Failed(problem) = end {
                        failed = Some(LiveError::Source { source_name: name, problem });
                    } else if running == 0 && self.readers.endless == 0 {
                        break;
                    }
                }
                served = &mut self.server => {
                    let stopped = std::io::Error::other("the server's task ended");
                    return Err(match served {
                        Ok(Err(error)) => error.into(),
                        Ok(Ok(())) | Err(_) => ServerError::Serve(stopped).into(),
                    });
                }
            }
        }
        match signal {
            Some(signal) => tracing::info!(%signal, "stopping: draining what was accepted"),
            None => tracing::info!("stopping: no source has more to say"),
        }
        if let Role::Follower(follower) = &self.role {
            follower.ask_to_stop();
        }
        let at_hand = AtHand::of(&self);
        let drained = self.drain(data_dir);
        let summary = tokio::select! {
            summary = drained => summary?,
            again = signals.next() => return cut_off(&at_hand, data_dir, again),
            () = tokio::time::sleep(drain_max) => {
                tracing::error!(seconds = drain_max.as_secs(), "draining took too long, giving up");
                return cut_off(&at_hand, data_dir, signal.unwrap_or(Signal::Terminate));
            }
        };
        match failed {
            Some(error) => Err(error),
            None => Ok(Outcome::Drained(summary)),
        }
    }

    async fn drain(self, data_dir: &DataDir) -> Result<Summary, LiveError> {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
        self.health.set("engine", Condition::Unwell("draining".to_owned()));
        let left = self.readers.stop();
        self.queue.close();
        let (feeder, emitter) = (self.feeder, self.emitter);
        let joined = tokio::task::spawn_blocking(move || (feeder.join(), emitter.join())).await;
        let stopped = |_| RuntimeError::Stopped;
        let (fed, tally) = joined.map_err(stopped)?;
        fed.map_err(|_| RuntimeError::Stopped)??;
        let tally = tally.map_err(|_| RuntimeError::Stopped)?;
        self.sinks.drain(self.positions.is_some()).await;
        // An answer never comes: the channel closes, or the time is up.
        let _ = tokio::task::spawn_blocking(move || left.recv_timeout(LEAVE_MAX)).await;
        let (positions, snapshots) = (self.positions, self.snapshots);
        // One that is being written may be finished: it spares the next start a part of the
        // journal.
        let finish = || (positions.map(Positions::finish), snapshots.map(JoinHandle::join));
        let _ = tokio::task::spawn_blocking(finish).await;
        self.store.close();
        let _ = self.stop_server.send(());
        // A client that does not answer must not make a drain of one that was cut off.
        match tokio::time::timeout(LEAVE_MAX, self.server).await {
            Ok(Ok(Err(error))) => tracing::warn!(%error, "the server did not stop cleanly"),
            Ok(_) => {}
            Err(_) => tracing::warn!("clients do not take leave, their connections are cut"),
        }
        let seconds = (self.clock.monotonic_ns() - self.began_ns) as f64 / 1e9;
        let books = self.metrics.ingest.total().books(tally.books());
        let rss = peak_resident_bytes().unwrap_or(0);
        let summary = Summary::new(tally.digest(), seconds, rss, self.workers, books)
            .after(self.received_before);
        data_dir.write_summary(&summary)?;
        Ok(summary)
    }
}

/// Lets requests through, now that all is known; events in the books that earlier runs received.
fn open_up(core: &Core, health: &Health, http: &Http) -> u64 {
    let received = core.metrics.ingest.total().received;
    health.set("journal", Condition::Well);
    http.gate.open();
    received
}

/// The sources that this process reads: of several each reads topics, which their group shares
/// out, and serves its own senders; what is there once is read by the one that tells of incidents.
fn read_here(settings: &Settings, role: &Role) -> Vec<SourceSettings> {
    let all = settings.sources.iter();
    let here = all.filter(|source| {
        role.tells() || matches!(source.kind, SourceKind::Kafka(_) | SourceKind::Http { .. })
    });
    here.cloned().collect()
}

/// Leaves the books as they are.
fn cut_off(at_hand: &AtHand, data_dir: &DataDir, signal: Signal) -> Result<Outcome, LiveError> {
    let summary = at_hand.summary();
    data_dir.write_summary(&summary)?;
    let left = summary.unfinished.unwrap_or_default();
    tracing::error!(
        input_bytes = left.input_bytes,
        epochs = left.epochs,
        revisions = left.revisions,
        "cut off: not all was worked off; summary.json has the books so far"
    );
    Ok(Outcome::Cut(signal))
}
