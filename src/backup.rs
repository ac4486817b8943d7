//! A copy of a data directory that can be put back, taken while a process runs in it or not.
//!
//! ```text
//!  data ─► positions ─► snapshots ─► journal, its mark first ─► what waits ─► dead letters ─► copy
//!                                                                   read and hashed ─► manifest
//!  copy ─► every checksum ─► restoring/ in an empty directory ─► data
//! ```
//!
//! The order is what makes it whole: each part is at least as new as those that point into it.
//! A position never says more than the journal leads to, no snapshot goes on after the
//! journal's end, and each event that the journal refuses has its dead letter. So what is put
//! back is what a crash would have left at the moment at which the journal's last file was
//! copied, and everything that was acknowledged before the copy began is in it.
//!
//! A copy is a directory of the files as they are, so that whatever a site already uses moves
//! it, and whoever wonders can read it: `causeway replay --journal` runs it where it lies.

mod manifest;
mod take;
mod restore;

pub use manifest::{Listed, Manifest, schema};
pub use restore::{Damage, restore};

use crate::cluster::Membership;
use crate::{disk, dlq, emit, journal, snapshot};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The books of the last drain.
pub const SUMMARY: &str = "summary.json";
/// Name of the list of a copy's files; written last, so that a copy without it is none.
pub const MANIFEST: &str = "manifest.json";
/// Directory in a data directory into which it is put back; while it is there nothing may start.
pub const RESTORING: &str = "restoring";
/// What tells a data directory that was put back from the one that it is a copy of.
pub const RESTORED: &str = "restored.json";

/// What [`RESTORED`] says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// When the copy was made, RFC 3339.
    pub copied_at: String,
    /// Another for each time that anything is put back.
    pub fork: String,
    /// When it was put back, RFC 3339.
    pub restored_at: String,
}

/// Files that are copied where they are.
const FILES: [&str; 2] = [SUMMARY, Membership::FILE];
/// Directories that are copied.
const DIRECTORIES: [&str; 4] =
    [emit::DIRECTORY, snapshot::DIRECTORY, journal::DIRECTORY, dlq::DIRECTORY];

/// Why nothing was copied, or put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The system refused.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// There is no data directory.
    #[error(
        "{} holds no journal; name the data directory of a run with --data or -c",
        path.display()
    )]
    NoData {
        /// As given.
        path: PathBuf,
    },
    /// There is something where nothing may be.
    #[error("{} is not empty; {remedy}", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
        /// What to do.
        remedy: &'static str,
    },
    /// A copy within what is copied is lost with it.
    #[error("{} lies in the data directory {}; name a directory elsewhere", to.display(), data.display())]
    Within {
        /// Where the copy was to be.
        to: PathBuf,
        /// The data directory.
        data: PathBuf,
    },
    /// What is to be copied is damaged.
    #[error("nothing was copied, for what is there is damaged: {0}")]
    Damaged(String),
    /// The process forgets faster than its files can be copied.
    #[error("the journal forgot its files {tries} times while they were copied; try again")]
    Overtaken {
        /// How often it was tried.
        tries: u32,
    },
    /// There is no copy.
    #[error(
        "{} has no {MANIFEST}, so it is no copy, or one that was not finished",
        path.display()
    )]
    NoManifest {
        /// As given.
        path: PathBuf,
    },
    /// The list of a copy cannot be understood.
    #[error("{} {problem}", path.display())]
    Manifest {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Files of a copy are not what they were.
    #[error("nothing was put back, for the copy is damaged:\n{}", restore::lines(.0))]
    Corrupt(Vec<Damage>),
}

impl BackupError {
    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
        let path = path.to_owned();
        move |source| BackupError::Io { action, path, source }
    }
}

/// Copies the data directory `data` into `to`, which must be empty or not there and elsewhere,
/// and reads the copy. A process may run in `data` meanwhile.
///
/// # Errors
/// When the system refuses, or what is there is damaged; then nothing is left of the copy.
pub fn take(data: &Path, to: &Path, created_at: String) -> Result<Manifest, BackupError> {
    let has_data = journal::is_journal(&data.join(journal::DIRECTORY)).is_ok_and(|is_one| is_one);
    if has_data && disk::resolved(to).starts_with(disk::resolved(data)) {
        return Err(BackupError::Within { to: to.to_owned(), data: data.to_owned() });
    }
    take::take(data, to, created_at).map_err(|error| match error {
        BackupError::Damaged(text) => BackupError::Damaged(of_original(text, data, to)),
        other => other,
    })
}

/// What is read is the copy, which is removed then; what is damaged is what it was made of.
fn of_original(mut text: String, data: &Path, to: &Path) -> String {
    for directory in DIRECTORIES {
        let copy = to.join(directory).display().to_string();
        text = text.replace(&copy, &data.join(directory).display().to_string());
    }
    text
}

/// Makes what was created, renamed and removed in a directory outlast a crash of the machine.
fn sync_directory(path: &Path) -> Result<(), BackupError> {
    disk::sync_directory(path).map_err(BackupError::io("sync the directory", path))
}

/// Whether a directory holds nothing; one that is not there holds nothing.
fn is_empty(path: &Path) -> Result<bool, BackupError> {
    match std::fs::read_dir(path) {
        // What a file system of its own has at its top is no content.
        Ok(entries) => Ok(entries.flatten().all(|entry| entry.file_name() == "lost+found")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(BackupError::io("list", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{FrameRef, Options, Writer};
    use std::fs;

    fn written(data: &Path) -> PathBuf {
        let path = data.join(journal::DIRECTORY);
        let (mut writer, _) = Writer::open(&path, Options::default()).unwrap();
        for epoch in 0..2 {
            writer.append(&FrameRef { epoch, now: 0, flags: 0, parts: &[] }).unwrap();
            writer.sync().unwrap();
        }
        let names = journal::segments(&path).unwrap();
        path.join(&names[0])
    }

    #[test]
    fn a_copy_lies_elsewhere() {
        let directory = tempfile::tempdir().unwrap();
        let data = directory.path().join("data");
        written(&data);
        for within in ["copy", "journal/../copies/today", "../data/copy"] {
            let refused = take(&data, &data.join(within), String::new()).unwrap_err().to_string();
            assert!(refused.contains("lies in the data directory"), "{within}: {refused}");
        }
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
    }

    #[test]
    fn damage_is_told_of_what_is_copied_and_not_of_the_copy() {
        let directory = tempfile::tempdir().unwrap();
        let (data, copy) = (directory.path().join("data"), directory.path().join("copy"));
        let segment = written(&data);
        let mut bytes = fs::read(&segment).unwrap();
        bytes[50] ^= 1;
        fs::write(&segment, bytes).unwrap();
        let error = take(&data, &copy, String::new()).unwrap_err().to_string();
        assert!(error.contains(&*segment.to_string_lossy()), "{error}");
        assert!(!error.contains(&*copy.to_string_lossy()), "{error}");
    }
}
