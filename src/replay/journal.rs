//! The live run once more, from its journal.
//!
//! ```text
//!  journal ─► decoders ─► epochs ─► workers ─► ledger ─► revisions
//!                                       └────► tally, and rows when they are wanted
//! ```
//!
//! Epochs, ticks and contents are those of the journal, so the revisions are those
//! that were told, byte for byte, and so is the digest (SEMANTICS rule 22), as long as
//! settings and program are. It ends where the journal ends: nothing is drained that
//! was not. The journal is only read, and may be that of a process that runs.

use super::{Keeper, Outlet, emit};
use crate::canonical::Counts;
use crate::clock::WallClock;
use crate::emit::ledger::{Emission, Ledger};
use crate::emit::standing::Tally;
use crate::epoch::{Listeners, RecoverError, Recovered, recover};
use crate::ingest::reception::Surroundings;
use crate::ingest::receptions::Receptions;
use crate::ingest::record::Head;
use crate::ingest::{Busy, BusyReason, Durable, Intake, Submission};
use crate::journal::{self, DIRECTORY, Reader};
use crate::replay::Finals;
use crate::runtime::{RuntimeError, start};
use crate::settings::Settings;
use crate::telemetry::Metrics;
use crossbeam_channel::unbounded;
use smol_str::SmolStr;
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
    /// It cannot be read, or not understood.
    #[error(transparent)]
    Recover(#[from] RecoverError),
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
    /// Where the revisions went.
    pub outlet: O,
}

/// Runs the journal in `directory` again, to its end; `submission` hears of every delivery
/// in it, also of those whose source is configured no more.
///
/// # Errors
/// When the journal cannot be read or does not begin with the first epoch, and when the
/// engine stops.
pub fn replay<O: Outlet>(
    directory: &Path,
    plan: &Plan<'_>,
    outlet: O,
    submission: &mut dyn FnMut(&Head, &[u8]),
) -> Result<Replayed<O>, JournalReplayError> {
    // Identities count from the first epoch, so a journal that lacks it leads to others.
    drop(Reader::open(directory, 0).map_err(RecoverError::from)?);
    let settings = plan.settings;
    let metrics = Metrics::new(&WallClock);
    let around = Surroundings {
        intake: Arc::new(Closed),
        letters: None,
        listener: None,
        metrics: metrics.clone(),
        clock: WallClock::shared(),
        workers: plan.workers,
    };
    let receptions = Receptions::new(settings, &around);
    let (mut feeder, collector) = start(plan.workers, &settings.params, OUTSTANDING_MAX)?;
    let (notes, noted) = unbounded();
    let ledger = Ledger::new(Emission::of(&settings.emission));
    let keeper = Keeper::new(settings.params.dedup.revise_horizon_seconds, plan.rows);
    let emitter = std::thread::spawn(move || emit(collector, &noted, ledger, keeper, outlet));
    let mut listeners = Listeners {
        reception: &|name: &SmolStr| receptions.named(name),
        context: &mut |_| {},
        submission,
        answered: &mut |_, _| {},
    };
    let recovered = recover(directory, None, &mut feeder, &notes, &mut listeners);
    // The emitting side ends when nobody feeds any more, also after a failure.
    drop((feeder, notes));
    let (kept, outlet) = emitter.join().map_err(|_| JournalReplayError::Emitter)?;
    Ok(Replayed {
        tally: kept.tally,
        finals: kept.finals,
        told: kept.told,
        counts: metrics.ingest.total(),
        recovered: recovered?,
        outlet,
    })
}

/// Takes nothing: what a journal holds was taken before.
struct Closed;

impl Intake for Closed {
    fn submit(&self, _: Submission) -> Result<Durable, Busy> {
        Err(Busy { retry_after: Duration::ZERO, reason: BusyReason::Stopping })
    }
}
