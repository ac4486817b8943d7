//! The thread that puts the parts of a snapshot together and writes it.

use super::beside::{self, Rests};
use super::folder::Folder;
use super::state::{Emission, Head, Snapshot, Sources};
use crate::clock::SharedClock;
use crate::epoch::Run;
use crate::ingest::http::idempotency::Keys;
use crate::ingest::reception::SavedSource;
use crate::telemetry::snapshots::SnapshotBooks;
use causeway_dataflows::model::Seconds;
use causeway_dataflows::pipeline::Saved;
use crossbeam_channel::{Receiver, Sender, unbounded};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long to wait for the answer to a request of an epoch that is on disk: it is on its way.
const ANSWERS: Duration = Duration::from_millis(10);
const ANSWERS_MAX: u32 = 1000;

/// What one side gives for the snapshot after an epoch.
pub enum Part {
    /// The receiving side, as it was when the epoch was formed.
    Sources {
        /// After which epoch.
        epoch: u64,
        /// When, nanoseconds since the Unix epoch.
        taken_ns: i64,
        /// What each source remembers.
        sources: Vec<SavedSource>,
    },
    /// The emitting side, when it has handed everything out, perhaps some epochs later.
    Told {
        /// After which epoch.
        epoch: u64,
        /// Its tick.
        now: Seconds,
        /// What the emitting side remembers.
        emission: Box<Emission>,
    },
    /// The engine, when it has handed everything out, some epochs later.
    Engine {
        /// After which epoch.
        epoch: u64,
        /// What each worker remembered then.
        engine: Vec<Saved>,
    },
    /// Instead of what the emitting side remembers: a sink cannot carry any more, so from here on
    /// only the journal leads to what it is to be told.
    Broken {
        /// The sink.
        sink: SmolStr,
    },
}

/// The parts of one snapshot, as far as they have come.
#[derive(Default)]
struct Parts {
    sources: Option<(i64, Vec<SavedSource>)>,
    told: Option<(Seconds, Box<Emission>)>,
    engine: Option<Vec<Saved>>,
}

/// The same when all have come.
type Whole = ((i64, Vec<SavedSource>), (Seconds, Box<Emission>), Vec<Saved>);

/// How far the writing is; clones share it.
#[derive(Clone, Debug)]
pub struct Progress(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    busy: AtomicBool,
    kept: Mutex<Vec<u64>>,
}

impl Progress {
    fn new(kept: Vec<u64>) -> Progress {
        Progress(Arc::new(Shared { busy: AtomicBool::new(false), kept: Mutex::new(kept) }))
    }

    /// Whether one is under way.
    pub fn is_busy(&self) -> bool {
        self.0.busy.load(Ordering::Acquire)
    }

    /// Whether one is under way; if none is, one is from now on.
    pub fn begin(&self) -> bool {
        !self.0.busy.swap(true, Ordering::AcqRel)
    }

    fn done(&self) {
        self.0.busy.store(false, Ordering::Release);
    }

    /// The epoch after which the oldest snapshot that is kept goes on: what the journal holds of
    /// it and of epochs before is not needed any more.
    pub fn oldest(&self) -> Option<u64> {
        self.lock().first().copied()
    }

    /// The epochs after which the snapshots that are kept go on, in order.
    pub fn kept(&self) -> Vec<u64> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u64>> {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the writer works with.
pub struct Settings {
    /// Where snapshots lie.
    pub folder: Folder,
    /// Who writes.
    pub run: Run,
    /// The names of the sources, in the order by which alerts know them.
    pub source_names: Vec<SmolStr>,
    /// The Idempotency-Keys.
    pub keys: Keys,
    /// How long it takes.
    pub clock: SharedClock,
    /// What is counted.
    pub books: SnapshotBooks,
    /// Other processes that go on after the same snapshots, if there are any.
    pub others: Option<WithOthers>,
}

/// What is kept for other processes, and how they hear of what there is.
pub struct WithOthers {
    /// Snapshots before that of this epoch are not needed any more.
    pub floor: Arc<AtomicU64>,
    /// Is told which there are when another was tried.
    pub tried: Option<Box<dyn Fn(Vec<u64>) + Send>>,
}

/// The writing side of snapshots.
pub struct Writer {
    settings: Settings,
    progress: Progress,
    parts: BTreeMap<u64, Parts>,
}

impl Writer {
    /// Starts the thread; it ends when nobody can send parts any more. `kept` are the epochs of
    /// the snapshots that there are.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub fn start(
        settings: Settings,
        kept: Vec<u64>,
    ) -> io::Result<(Sender<Part>, Progress, JoinHandle<()>)> {
        let (parts, received) = unbounded();
        let progress = Progress::new(kept);
        let writer = Writer { settings, progress: progress.clone(), parts: BTreeMap::new() };
        let thread = std::thread::Builder::new()
            .name("snapshots".to_owned())
            .spawn(move || writer.run(&received))?;
        Ok((parts, progress, thread))
    }

    fn run(mut self, parts: &Receiver<Part>) {
        beside::give_way();
        for part in parts {
            if let Part::Broken { sink } = part {
                // It stays so until the next start, and until then one stays under way.
                self.settings.books.failed();
                tracing::error!(%sink, "no snapshots: the sink is broken; the journal keeps all");
                return;
            }
            let Some((epoch, (sources, (now, emission), engine))) = self.take(part) else {
                continue;
            };
            let Settings { run, source_names, .. } = &self.settings;
            let (run, source_names) = (run.clone(), source_names.clone());
            let engine = Saved::of_shares(engine);
            self.write(Head { epoch, now, run, source_names }, engine, *emission, sources);
            self.progress.done();
            let tried = self.settings.others.as_ref().and_then(|others| others.tried.as_ref());
            if let Some(tried) = tried {
                tried(self.progress.kept());
            }
        }
    }

    /// Adds a part; all of them with their epoch when it was the last.
    fn take(&mut self, part: Part) -> Option<(u64, Whole)> {
        let (Part::Sources { epoch, .. } | Part::Told { epoch, .. } | Part::Engine { epoch, .. }) =
            part
        else {
            return None;
        };
        let parts = self.parts.entry(epoch).or_default();
        match part {
            Part::Sources { taken_ns, sources, .. } => parts.sources = Some((taken_ns, sources)),
            Part::Told { now, emission, .. } => parts.told = Some((now, emission)),
            Part::Engine { engine, .. } => parts.engine = Some(engine),
            Part::Broken { .. } => {}
        }
        if parts.sources.is_none() || parts.told.is_none() || parts.engine.is_none() {
            return None;
        }
        let Parts { sources, told, engine } = self.parts.remove(&epoch)?;
        Some((epoch, (sources?, told?, engine?)))
    }

    fn write(
        &self,
        head: Head,
        engine: Saved,
        mut emission: Emission,
        (taken_ns, sources): (i64, Vec<SavedSource>),
    ) {
        let Settings { folder, clock, books, .. } = &self.settings;
        let Some(keys) = self.answered(taken_ns) else {
            books.failed();
            tracing::warn!("no snapshot: requests of its epochs are unanswered");
            return;
        };
        let (epoch, began_ns) = (head.epoch, clock.monotonic_ns());
        emission.leave_out_twice();
        let snapshot = Snapshot { head, engine, emission, sources: Sources { sources, keys } };
        let floor = self.settings.others.as_ref().map(|o| o.floor.load(Ordering::Acquire));
        match folder.write_beside(&snapshot, &Rests::new(clock), floor) {
            Ok(written) => {
                let seconds = (clock.monotonic_ns() - began_ns) as f64 / 1e9;
                *self.progress.lock() = written.kept;
                books.written(epoch, written.bytes, seconds);
                tracing::info!(epoch, bytes = written.bytes, seconds, "snapshot written");
            }
            Err(error) => {
                books.failed();
                tracing::error!(%error, "no snapshot; the journal keeps what it holds");
            }
        }
    }

    fn answered(&self, taken_ns: i64) -> Option<Vec<crate::ingest::http::idempotency::SavedKey>> {
        for _ in 0..ANSWERS_MAX {
            if let Some(keys) = self.settings.keys.save(taken_ns) {
                return Some(keys);
            }
            std::thread::sleep(ANSWERS);
        }
        None
    }
}
