//! The directory of everything that outlasts the process, used by one process at a time.

use crate::backup::{RESTORED, RESTORING, Restored, SUMMARY};
use crate::cluster::{Membership, Shape};
use crate::disk::write_whole;
use crate::emit::summary::Summary;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Name of the file that is locked while a process runs.
const LOCK: &str = "lock";

/// Why the directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The system refused.
    #[error(
        "data directory {}: {source}; check that it is writable or set `data_dir`",
        path.display()
    )]
    Io {
        /// The directory, or the file in it.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "data directory {} is in use by another causeway; stop it or set another `data_dir`",
        path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// It belongs to another number of processes.
    #[error("data directory {}: {problem}", path.display())]
    Shape {
        /// The directory.
        path: PathBuf,
        /// What does not fit, and what to do.
        problem: String,
    },
    /// A copy was being put back into it.
    #[error(
        "data directory {} holds `{RESTORING}`: a restore was cut off; remove all that is in the \
         directory and restore once more",
        path.display()
    )]
    Restoring {
        /// The directory.
        path: PathBuf,
    },
}

/// The directory, locked.
pub(super) struct DataDir {
    path: PathBuf,
    was_used: bool,
    /// The lock goes with the handle, also in a crash.
    _lock: File,
}

impl DataDir {
    /// Makes the directory if it is not there, and locks it.
    pub(super) fn open(path: &Path) -> Result<DataDir, DataDirError> {
        let refuse = |source| DataDirError::Io { path: path.to_owned(), source };
        fs::create_dir_all(path).map_err(refuse)?;
        if path.join(RESTORING).exists() {
            return Err(DataDirError::Restoring { path: path.to_owned() });
        }
        let lock_path = path.join(LOCK);
        let was_used = lock_path.exists();
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(refuse)?;
        match lock.try_lock() {
            Ok(()) => Ok(DataDir { path: path.to_owned(), was_used, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => Err(refuse(source)),
        }
    }

    /// Sees to it that what is remembered in the directory is that of one process of several, or
    /// of one alone: whose keys are where depends on how many there are.
    pub(super) fn is_of(
        &self,
        cluster: Option<&Shape>,
        workers: usize,
    ) -> Result<(), DataDirError> {
        let path = self.path.join(Membership::FILE);
        let refuse = |source| DataDirError::Io { path: path.clone(), source };
        let own = cluster.map(|shape| Membership {
            process: shape.process,
            processes: shape.processes(),
            workers,
        });
        let before = Membership::of(&self.path).map_err(refuse)?;
        if before == own {
            return Ok(());
        }
        let Some(own) = own.filter(|_| before.is_none() && !self.has_journal()) else {
            let told = |place: Option<&Membership>| {
                place.map_or("one alone".to_owned(), Membership::to_string)
            };
            let problem = format!(
                "it is of {}, this is {}; start it as that, or set another `data_dir`",
                told(before.as_ref()),
                told(own.as_ref())
            );
            return Err(DataDirError::Shape { path: self.path.clone(), problem });
        };
        let text = serde_json::to_vec(&own).map_err(io::Error::from).map_err(refuse)?;
        write_whole(&path, &text).map_err(refuse)
    }

    fn has_journal(&self) -> bool {
        self.path.join(crate::journal::DIRECTORY).exists()
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a process has run here before.
    pub(super) fn was_used(&self) -> bool {
        self.was_used
    }

    /// What tells the directory from the one that it is a copy of, when it was put back from one.
    pub(super) fn fork(&self) -> Result<Option<String>, DataDirError> {
        let path = self.path.join(RESTORED);
        let refuse = |source| DataDirError::Io { path: path.clone(), source };
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refuse(error)),
        };
        let restored: Restored =
            serde_json::from_slice(&text).map_err(io::Error::from).map_err(refuse)?;
        Ok(Some(restored.fork))
    }

    /// Leaves the summary of a run, whole or not at all.
    pub(super) fn write_summary(&self, summary: &Summary) -> Result<(), DataDirError> {
        let path = self.path.join(SUMMARY);
        let text = format!("{}\n", summary.line());
        write_whole(&path, text.as_bytes()).map_err(|source| DataDirError::Io { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_at_a_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data");
        let first = DataDir::open(&path).unwrap();
        assert!(!first.was_used());
        assert!(matches!(DataDir::open(&path), Err(DataDirError::InUse { .. })));
        first.write_summary(&Summary::default()).unwrap();
        drop(first);
        assert!(DataDir::open(&path).unwrap().was_used());
        assert!(path.join(SUMMARY).exists());
    }

    #[test]
    fn what_was_put_back_in_part_is_refused_and_what_was_put_back_is_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data");
        let fork = || DataDir::open(&path).unwrap().fork().unwrap();
        assert_eq!(fork(), None);
        fs::write(
            path.join(RESTORED),
            "{\"fork\": \"ab\", \"copied_at\": \"t\", \"restored_at\": \"u\"}",
        )
        .unwrap();
        assert_eq!(fork().as_deref(), Some("ab"));
        fs::create_dir(path.join(RESTORING)).unwrap();
        assert!(matches!(DataDir::open(&path), Err(DataDirError::Restoring { .. })));
    }
}
