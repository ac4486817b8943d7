//! Why a snapshot cannot be written or read.

use super::VERSION;
use std::io;
use std::path::PathBuf;

/// Why a snapshot cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// The disk refused.
    #[error("cannot {action} snapshot {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or the directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What is there was not written so.
    #[error("snapshot {} is damaged at byte {offset}: {problem}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the block begins.
        offset: u64,
        /// What does not hold.
        problem: String,
    },
    /// A newer program wrote it.
    #[error(
        "snapshot {} has format version {found}, this program reads up to {VERSION}; \
         run the newer program, or set another `data_dir`",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u16,
    },
}
