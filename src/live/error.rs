//! Why a live process could not start, or not go on.

use super::{DataDirError, SinkError};
use crate::cluster::ClusterError;
use crate::config::ConfigError;
use crate::dlq;
use crate::epoch::RecoverError;
use crate::ingest::file::FileError;
use crate::ingest::http::server::ServerError;
use crate::journal::JournalError;
use crate::runtime::RuntimeError;
use crate::snapshot::SnapshotError;
use smol_str::SmolStr;
use std::path::PathBuf;

/// Why the process could not start, or not go on.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The process cannot compute with others.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The dead-letter store cannot be used.
    #[error(transparent)]
    DeadLetters(#[from] dlq::DlqError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The journal cannot be read again.
    #[error(transparent)]
    Recover(#[from] RecoverError),
    /// A snapshot cannot be read.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The disk refuses a snapshot, which may be whole.
    #[error(
        "{0}; start again, or, if the disk keeps refusing it, move it away to go on from an older \
         one"
    )]
    Unreadable(SnapshotError),
    /// The journal ends before the snapshot.
    #[error(
        "journal {} {} and a snapshot goes on after epoch {epoch}; put the journal's files back, or \
         restore a backup; to begin anew move `journal`, `snapshots` and `sinks` out of the data \
         directory",
        path.display(),
        ends.map_or("is empty".to_owned(), |ends| format!("ends before epoch {ends}"))
    )]
    Behind {
        /// The journal.
        path: PathBuf,
        /// The snapshot's.
        epoch: u64,
        /// The first epoch that the journal does not hold.
        ends: Option<u64>,
    },
    /// The journal's beginning is gone, and no snapshot stands for it.
    #[error(
        "journal {} begins with epoch {first}, and no snapshot holds what was before; put the \
         files of `snapshots` back, or move `journal` and `sinks` away to begin anew",
        path.display()
    )]
    NoSnapshot {
        /// The journal.
        path: PathBuf,
        /// Its first epoch.
        first: u64,
    },
    /// A snapshot holds a revision that is none.
    #[error("the snapshot holds a line that is no revision: {0}")]
    Line(#[from] serde_json::Error),
    /// The engine could not start, or stopped.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A file that the configuration names cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server could not start, or stopped.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A sink cannot begin.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// A file of topology cannot be read.
    #[error("topology: {0}")]
    Topology(#[from] FileError),
    /// A source cannot go on.
    #[error("source `{source_name}` stopped: {problem}")]
    Source {
        /// Which.
        source_name: SmolStr,
        /// Why.
        problem: String,
    },
    /// The system has no thread or handle to give.
    #[error("the system refused: {0}")]
    System(#[from] std::io::Error),
}
