//! The directory of everything that outlasts the process, used by one process at a time.

use super::positions::says_told;
use crate::backup::{RESTORED, RESTORING, Restored, SUMMARY};
use crate::cluster::{Membership, Shape};
use crate::disk::write_whole;
use crate::emit;
use crate::emit::summary::Summary;
use crate::journal::{self, is_journal};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

/// Name of the file that is locked while a process runs.
const LOCK: &str = "lock";

/// How often the lock is tried before it is another's, and the pause between: the system may hold
/// that of a killed process for some milliseconds longer.
const LOCK_TRIES: u32 = 50;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

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
    /// Sinks were told of what the journal led to, and there is no journal.
    #[error(
        "data directory {}: `{}` holds nothing, and {} says that revisions were told; put it back, \
         or restore a backup; to begin anew move `snapshots` and `sinks` out of the data directory",
        path.display(),
        journal::DIRECTORY,
        position.display()
    )]
    NoJournal {
        /// The directory.
        path: PathBuf,
        /// The position that says so.
        position: PathBuf,
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
        DataDir::open_after(path, &mut || sleep(LOCK_PAUSE))
    }

    /// The same, with what to do between two tries.
    fn open_after(path: &Path, pause: &mut dyn FnMut()) -> Result<DataDir, DataDirError> {
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
        for tries in 1.. {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if tries < LOCK_TRIES => pause(),
                Err(TryLockError::WouldBlock) => {
                    return Err(DataDirError::InUse { path: path.to_owned() });
                }
                Err(TryLockError::Error(source)) => return Err(refuse(source)),
            }
        }
        Ok(DataDir { path: path.to_owned(), was_used, _lock: lock })
    }

    /// Sees to it that what sinks were told has the journal that it is of: without it the process
    /// would tell other things under the same numbers.
    pub(super) fn has_what_was_told(&self) -> Result<(), DataDirError> {
        let refuse = |path: &Path| {
            let path = path.to_owned();
            move |source| DataDirError::Io { path, source }
        };
        let journal = self.path.join(journal::DIRECTORY);
        if is_journal(&journal).map_err(refuse(&journal))? {
            return Ok(());
        }
        let directory = self.path.join(emit::DIRECTORY);
        let entries = match fs::read_dir(&directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(refuse(&directory))?,
        };
        for entry in entries {
            let position = entry.map_err(refuse(&directory))?.path();
            if position.extension().is_none_or(|extension| extension != "position") {
                continue;
            }
            let text = fs::read(&position).map_err(refuse(&position))?;
            if says_told(&text) {
                return Err(DataDirError::NoJournal { path: self.path.clone(), position });
            }
        }
        Ok(())
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
        let second = DataDir::open_after(&path, &mut || {});
        assert!(matches!(second, Err(DataDirError::InUse { .. })));
        first.write_summary(&Summary::default()).unwrap();
        drop(first);
        assert!(DataDir::open(&path).unwrap().was_used());
        assert!(path.join(SUMMARY).exists());
    }

    #[test]
    fn a_lock_that_is_let_go_of_soon_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("data");
        let mut first = Some(DataDir::open(&path).unwrap());
        // As a killed process does: it is gone, and its lock goes a little later.
        let mut pauses = 0;
        let second = DataDir::open_after(&path, &mut || {
            pauses += 1;
            drop(first.take_if(|_| pauses == 3));
        });
        assert!(second.is_ok());
        let third = DataDir::open_after(&path, &mut || pauses += 1);
        assert!(matches!(third, Err(DataDirError::InUse { .. })));
        assert_eq!(pauses, 3 + LOCK_TRIES - 1);
    }

    #[test]
    fn what_was_told_without_its_journal_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let data = DataDir::open(&directory.path().join("data")).unwrap();
        assert!(data.has_what_was_told().is_ok());
        let sinks = data.path().join(emit::DIRECTORY);
        fs::create_dir(&sinks).unwrap();
        fs::write(sinks.join("new.position"), "00000000000000000000 00000000000000000007 a x\n")
            .unwrap();
        assert!(data.has_what_was_told().is_ok());
        fs::write(sinks.join("pager.position"), "00000000000000000012 00000000000000000000 a x\n")
            .unwrap();
        for makes_directory in [false, true] {
            if makes_directory {
                fs::create_dir(data.path().join(journal::DIRECTORY)).unwrap();
            }
            let error = data.has_what_was_told().unwrap_err().to_string();
            for part in ["`journal` holds nothing", "sinks/pager.position", "put it back"] {
                assert!(error.contains(part), "{error}");
            }
        }
        let options = journal::Options::default();
        let (mut writer, _) =
            journal::Writer::open(&data.path().join(journal::DIRECTORY), options).unwrap();
        let frame = journal::FrameRef { epoch: 0, now: 0, flags: 0, parts: &[] };
        writer.append(&frame).unwrap();
        assert!(data.has_what_was_told().is_ok());
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
