//! Why a journal cannot be written, read or trusted.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The system refused. From a writer it is final: every later call says `Poisoned`.
    #[error("cannot {action} journal file {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file, or the directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file that is written to was removed meanwhile. It is final, as `Io` is.
    #[error(
        "the journal cannot be written: {} was removed while it was in use; put the data \
         directory back from a backup and start again, or start in an empty one",
        path.display()
    )]
    Removed {
        /// The segment.
        path: PathBuf,
    },
    /// There is no room. Nothing of the frame is left, and a later append may succeed.
    #[error("no room for journal {}: {source}; free space on its disk", path.display())]
    Full {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// An earlier call failed, and what is on disk is unknown; the process must end.
    #[error(
        "journal {} failed to reach the disk earlier, so what it holds is unknown; \
         the process must end and start again",
        path.display()
    )]
    Poisoned {
        /// The directory.
        path: PathBuf,
    },
    /// The frame is not the one that comes next. The journal is as it was.
    #[error("epoch {epoch} was given to the journal where {expected} comes next")]
    Order {
        /// As given.
        epoch: u64,
        /// What comes next.
        expected: u64,
    },
    /// A part is too long or there are too many. The journal is as it was.
    #[error("epoch {epoch} does not fit a frame of the journal: a part has at most 4 GiB")]
    TooLarge {
        /// As given.
        epoch: u64,
    },
    /// A newer program wrote the journal.
    #[error(
        "journal file {} has format version {found}, this program reads up to {known}; \
         run the newer program, or set another `data_dir`",
        path.display()
    )]
    Version {
        /// The segment.
        path: PathBuf,
        /// As written.
        found: u16,
        /// The newest that is read.
        known: u16,
    },
    /// Something that was durable is damaged.
    #[error(transparent)]
    Corrupt(Box<Corruption>),
    /// Segments are not there, between others or at the end.
    #[error(
        "journal {} lacks epochs {from} to {to}, which were durable ({witness}); \
         put the missing files back, or restore a backup; \
         to begin anew move `journal`, `snapshots` and `sinks` out of the data directory",
        path.display()
    )]
    Missing {
        /// The directory.
        path: PathBuf,
        /// The first epoch that is not there.
        from: u64,
        /// The last.
        to: u64,
        /// What says that they were there: the name of a file.
        witness: String,
    },
    /// The epoch asked for is older than what is kept.
    #[error("epoch {asked} is no longer in the journal, which begins with {first}")]
    Forgotten {
        /// As given.
        asked: u64,
        /// What is oldest.
        first: u64,
    },
}

impl JournalError {
    /// Whether a writer may go on after it: there was no room, or the frame was no good.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            JournalError::Full { .. } | JournalError::Order { .. } | JournalError::TooLarge { .. }
        )
    }
}

/// Where something that was durable is damaged, and why it is no torn tail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Corruption {
    /// The segment.
    pub path: PathBuf,
    /// Where the damaged frame begins, bytes.
    pub offset: u64,
    /// The epoch that should be there.
    pub epoch: u64,
    /// What is wrong.
    pub damage: Damage,
    /// What says that the place was durable; `None` when no crash can do such damage.
    pub witness: Option<String>,
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Corruption { path, offset, epoch, damage, witness } = self;
        let path = path.display();
        write!(f, "journal file {path} is damaged at byte {offset}, epoch {epoch}: {damage}")?;
        if let Some(witness) = witness {
            write!(f, ", and it was durable ({witness})")?;
        }
        f.write_str(
            "; put a whole copy of the file in its place, or restore a backup; to begin anew \
             without it move `journal`, `snapshots` and `sinks` out of the data directory",
        )
    }
}

impl std::error::Error for Corruption {}

/// What is wrong with a place of a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// A segment's header is short or its checksum does not hold.
    SegmentHeader,
    /// A segment's header names another first epoch than the file's name.
    Name {
        /// What the header says.
        found: u64,
    },
    /// There is no frame's header, or its checksum does not hold.
    FrameHeader,
    /// The file ends within a frame.
    Cut {
        /// Bytes that the frame, or its header, has.
        wanted: u64,
        /// Bytes that are left.
        left: u64,
    },
    /// The checksum of a payload does not hold.
    Payload,
    /// A whole frame is that of another epoch.
    Epoch {
        /// Which.
        found: u64,
    },
    /// The lengths of a whole frame's parts do not add up.
    Parts,
    /// Segments overlap.
    Overlap,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Damage::SegmentHeader => f.write_str("the segment's header does not hold"),
            Damage::Name { found } => write!(f, "the segment's header names epoch {found}"),
            Damage::FrameHeader => f.write_str("the frame's header does not hold"),
            Damage::Cut { wanted, left } => {
                write!(f, "the file ends {left} bytes on, where {wanted} are needed")
            }
            Damage::Payload => f.write_str("the payload's checksum does not hold"),
            Damage::Epoch { found } => write!(f, "the frame is that of epoch {found}"),
            Damage::Parts => f.write_str("the lengths of the frame's parts do not add up"),
            Damage::Overlap => f.write_str("the segment holds epochs that another holds"),
        }
    }
}
