//! The live run once more, from its journal.
//!
//! ```text
//!  journal ─► decoders ─► epochs ─► workers ─► ledger ─► revisions
//!                                       └────► tally, and rows when they are wanted
//! ```
//!
//! Epochs, ticks and contents are those of the journal, so the revisions are those
//! that were told, byte for byte, and so is the digest (SEMANTICS rule 22), as long as
//! settings and program are. It begins with the journal, or with the oldest snapshot where
//! the journal's beginning is gone, and ends where the journal ends: nothing is drained that
//! was not. The journal is only read, and may be that of a process that runs.

use super::finals::Kept;
use super::{Keeper, Note, Outlet, emit};
use crate::canonical::Counts;
use crate::clock::WallClock;
use crate::cluster::Membership;
use crate::emit::ledger::{Emission, Ledger};
use crate::emit::standing::Tally;
use crate::epoch::{Listeners, RecoverError, Recovered, recover};
use crate::ingest::reception::Surroundings;
use crate::ingest::receptions::Receptions;
use crate::ingest::record::Head;
use crate::ingest::{Busy, BusyReason, Durable, Intake, Submission};
use crate::journal::{self, DIRECTORY, JournalError, Reader};
use crate::replay::Finals;
use crate::runtime::{Collector, Feeder, RuntimeError, resume, start};
use crate::settings::Settings;
use crate::snapshot::{Folder, Snapshot, SnapshotError};
use crate::telemetry::Metrics;
use crossbeam_channel::{Receiver, unbounded};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Epochs under way at a time. One may hold megabytes, so fewer than in a replay of files.
const OUTSTANDING_MAX: usize = 32;

/// Why a journal could not be run again.
#[derive(Debug, thiserror::Error)]
pub enum JournalReplayError {
    /// There is none.
    #[error(
        "{} holds no journal; name the data directory of a run, or the folder `{DIRECTORY}` in it",
        path.display()
    )]
    NotFound {
        /// As given.
        path: PathBuf,
    },
    /// The system refused to show what is there.
    #[error("cannot look into {}: {source}", path.display())]
    Look {
        /// As given.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There are not those of all processes that computed together.
    #[error("{0}")]
    Together(String),
    /// It cannot be read, or not understood.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// The snapshot that it goes on from cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// What it told cannot be understood.
    #[error("what a snapshot holds of what was told cannot be read: {0}")]
    Told(#[from] serde_json::Error),
    /// The engine could not start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// The side that takes answers is gone.
    #[error("the thread that takes revisions stopped; its panic is in the log above")]
    Emitter,
}

/// The journal that a directory is or holds.
///
/// # Errors
/// When there is none, or the system does not say.
pub fn find(directory: &Path) -> Result<PathBuf, JournalReplayError> {
    let inner = directory.join(DIRECTORY);
    if inner.is_dir() {
        return Ok(inner);
    }
    let refuse = |source| JournalReplayError::Look { path: directory.to_owned(), source };
    // A process that has just begun has an empty one.
    let is_named = directory.is_dir() && directory.file_name().is_some_and(|own| own == DIRECTORY);
    if is_named || journal::is_journal(directory).map_err(refuse)? {
        return Ok(directory.to_owned());
    }
    Err(JournalReplayError::NotFound { path: directory.to_owned() })
}

/// The journals that directories are or hold: one alone, or those of all processes that computed
/// together, in their order.
///
/// # Errors
/// When there is none, the system does not say, or they are not those of all.
pub fn find_all(directories: &[PathBuf]) -> Result<Vec<PathBuf>, JournalReplayError> {
    let mut found = Vec::with_capacity(directories.len());
    for (at, directory) in directories.iter().enumerate() {
        let path = find(directory)?;
        let beside = path.canonicalize().ok().and_then(|path| Some(path.parent()?.to_owned()));
        let place = beside.and_then(|data_dir| Membership::of(&data_dir).ok().flatten());
        let (process, processes) = place.map_or((0, 1), |place| (place.process, place.processes));
        if (process, processes) != (at, directories.len()) {
            return Err(JournalReplayError::Together(format!(
                "{} is the journal of process {process} of {processes}, and it is number {at} of \
                 {}; give `--journal` once for each process, process 0 first",
                path.display(),
                directories.len()
            )));
        }
        found.push(path);
    }
    Ok(found)
}

/// How a journal is run again.
pub struct Plan<'a> {
    /// The settings of the run.
    pub settings: &'a Settings,
    /// Worker threads, which decide nothing but speed.
    pub workers: usize,
    /// Whether the last rows of alerts and incidents are wanted.
    pub rows: bool,
}

/// What a journal led to.
pub struct Replayed<O> {
    /// The books and the digest, as a drain at its end would have left them.
    pub tally: Tally,
    /// The last rows, when they were wanted.
    pub finals: Option<Finals>,
    /// Revisions told.
    pub told: u64,
    /// What the decoders counted.
    pub counts: Counts,
    /// What the journal held.
    pub recovered: Recovered,
    /// The first epoch that was run, when a snapshot stands for those before.
    pub from: Option<u64>,
    /// Where the revisions went.
    pub outlet: O,
}

/// Runs a journal again, to its end, or those of processes that computed together; `submission`
/// hears of every delivery in them, also of those whose source is configured no more.
///
/// A journal that has forgotten its beginning is run from the oldest snapshot beside it.
///
/// # Errors
/// When the journal cannot be read or begins later than any snapshot, and when the engine stops.
pub fn replay<O: Outlet>(
    directories: &[PathBuf],
    plan: &Plan<'_>,
    mut outlet: O,
    submission: &mut dyn FnMut(&Head, &[u8]),
) -> Result<Replayed<O>, JournalReplayError> {
    let pasts = past(directories)?;
    let settings = plan.settings;
    let metrics = Metrics::new(&WallClock);
    let around = Surroundings {
        intake: Arc::new(Closed),
        listener: None,
        metrics: metrics.clone(),
        clock: WallClock::shared(),
        workers: plan.workers,
    };
    // What they learn of senders each process has learned of its own.
    let receptions: Vec<_> =
        directories.iter().map(|_| Receptions::new(settings, &around)).collect();
    let from = pasts.first().map(|past| past.head.epoch + 1);
    if let Some(past) = pasts.first() {
        outlet.begins_after(past);
    }
    let (mut feeder, side) = begin(plan, pasts, &receptions, outlet)?;
    let (notes, noted) = unbounded();
    let emitter = std::thread::spawn(move || side.emit(&noted));
    let mut listeners = Listeners {
        reception: &|journal, name: &SmolStr| receptions[journal].named(name),
        context: &mut |_| {},
        submission,
        answered: &mut |_, _| {},
    };
    let recovered = recover(directories, from, &mut feeder, &notes, &mut listeners);
    // The emitting side ends when nobody feeds any more, also after a failure.
    drop((feeder, notes));
    let (kept, outlet) = emitter.join().map_err(|_| JournalReplayError::Emitter)?;
    Ok(Replayed {
        tally: kept.tally,
        finals: kept.finals,
        told: kept.told,
        counts: metrics.ingest.total(),
        recovered: recovered?,
        from,
        outlet,
    })
}

/// The snapshots that journals of which one lacks its beginning go on from, one each: the oldest
/// that hold.
fn past(directories: &[PathBuf]) -> Result<Vec<Snapshot>, JournalReplayError> {
    // Identities count from the first epoch, so without it all before must be known.
    let (mut from, mut forgotten) = (0, None);
    for directory in directories {
        match Reader::open(directory, 0) {
            Ok(_) => {}
            Err(error @ JournalError::Forgotten { first, .. }) => {
                from = from.max(first);
                forgotten = Some(error);
            }
            Err(error) => return Err(RecoverError::from(error).into()),
        }
    }
    let Some(forgotten) = forgotten else { return Ok(Vec::new()) };
    let beside = |directory: &PathBuf| {
        let found = directory.canonicalize().ok().and_then(|path| path.parent().map(Folder::of));
        found.unwrap_or_else(|| Folder::of(directory))
    };
    let folders: Vec<Folder> = directories.iter().map(beside).collect();
    let mut refused = None;
    let Some(first) = folders.first() else { return Ok(Vec::new()) };
    for epoch in first.epochs()?.into_iter().filter(|epoch| epoch + 1 >= from) {
        match folders.iter().map(|folder| folder.read(epoch)).collect() {
            Ok(snapshots) => return Ok(snapshots),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) => Err(error.into()),
        None => Err(RecoverError::from(forgotten).into()),
    }
}

/// The emitting side of a journal that is run again.
struct Side<O> {
    collector: Collector,
    ledger: Ledger,
    keeper: Keeper,
    outlet: O,
}

impl<O: Outlet> Side<O> {
    fn emit(self, notes: &Receiver<Note>) -> (Kept, O) {
        emit(self.collector, notes, self.ledger, self.keeper, self.outlet)
    }
}

/// Starts the engine, from nothing or after a snapshot.
fn begin<O: Outlet>(
    plan: &Plan<'_>,
    pasts: Vec<Snapshot>,
    receptions: &[Receptions],
    mut outlet: O,
) -> Result<(Feeder, Side<O>), JournalReplayError> {
    let Plan { settings, workers, rows } = *plan;
    let emission = Emission::of(&settings.emission);
    let mut keeper = Keeper::new(settings.params.dedup.revise_horizon_seconds, rows);
    let mut pasts = pasts.into_iter();
    let Some(mut past) = pasts.next() else {
        let (feeder, collector) = start(workers, &settings.params, OUTSTANDING_MAX)?;
        let ledger = Ledger::new(emission);
        return Ok((feeder, Side { collector, ledger, keeper, outlet }));
    };
    let mut engine = past.take_engine(settings);
    let mut sources = vec![past.sources];
    for mut other in pasts {
        engine.saved.add(other.take_engine(settings).saved);
        sources.push(other.sources);
    }
    let (epoch, tick) = (engine.epoch, engine.tick);
    let (feeder, mut collector) = resume(workers, &settings.params, OUTSTANDING_MAX, engine)?;
    let mut told = past.emission;
    told.put_back()?;
    let first = collector.next_epoch().ok_or(RuntimeError::Stopped)?;
    let counts: BTreeMap<_, _> = told.counts.into_iter().map(|c| (c.key, c)).collect();
    let now = keeper.resume(&first, tick.now, told.tally, &counts);
    let (ledger, revisions) =
        Ledger::resume(emission, told.ledger, told.incidents, &now, counts, (epoch, tick))?;
    if !revisions.is_empty() {
        outlet.revisions(epoch, revisions);
    }
    for (sources, receptions) in sources.into_iter().zip(receptions) {
        for saved in sources.sources {
            if let Some(reception) = receptions.named(&saved.name) {
                reception.restore(saved);
            }
        }
    }
    Ok((feeder, Side { collector, ledger, keeper, outlet }))
}

/// Takes nothing: what a journal holds was taken before.
struct Closed;

impl Intake for Closed {
    fn submit(&self, _: Submission) -> Result<Durable, Busy> {
        Err(Busy { retry_after: Duration::ZERO, reason: BusyReason::Stopping })
    }
}
