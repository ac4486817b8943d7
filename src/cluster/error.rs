//! Why processes cannot compute together.

use std::io;
use std::path::PathBuf;

/// Why a process cannot be one of several.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The list of hosts cannot be read.
    #[error("host file {}: {source}", path.display())]
    Hosts {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The list of hosts, or what was said beside it, cannot be meant.
    #[error("{0}")]
    Shape(String),
    /// An address is not this machine's, or is taken.
    #[error("cannot listen on {address}, line of process {process} in the host file: {source}")]
    Listen {
        /// As written.
        address: String,
        /// Whose.
        process: usize,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The processes do not fit together.
    #[error("{0}")]
    Differs(String),
    /// Another process ended, or is not heard of.
    #[error("process {process} {problem}; all processes have to be started again")]
    Gone {
        /// Which.
        process: usize,
        /// What happened.
        problem: String,
    },
    /// The system has no thread to give.
    #[error("the system refused: {0}")]
    System(#[from] io::Error),
}
