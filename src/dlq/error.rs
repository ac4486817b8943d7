//! Why the dead-letter store cannot be used.

use std::io;
use std::path::PathBuf;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DlqError {
    /// The system refused.
    #[error("cannot use dead-letter store {}: {source}", path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No record has that id.
    #[error("no dead letter matches `{id}`; `causeway dlq list` shows what there is")]
    Unknown {
        /// As given.
        id: String,
    },
    /// Several records have ids that begin so.
    #[error("{count} dead letters match `{id}`; give more of the id")]
    Ambiguous {
        /// As given.
        id: String,
        /// How many.
        count: usize,
    },
}

impl DlqError {
    /// Whether there is no room, which may pass.
    pub fn is_full(&self) -> bool {
        let DlqError::Io { source, .. } = self else { return false };
        matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}
