//! The snapshots of a data directory: named by their epoch, the newest two.

use super::beside::{Rests, Steps};
use super::error::SnapshotError;
use super::state::{Head, Snapshot};
use super::{file, read};
use crate::disk::sync_directory;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Directory of the snapshots in the data directory.
pub const DIRECTORY: &str = "snapshots";
/// How many are kept: one more than is needed, because files are damaged.
const KEPT: usize = 2;
const ENDING: &str = ".snapshot";
/// How the name of one ends that was found to be damaged.
const DAMAGED_ENDING: &str = ".damaged";
/// How the name of one ends that is being written.
const PART_ENDING: &str = ".part";

/// A directory of snapshots.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its size.
    pub bytes: u64,
    /// The epochs after which kept snapshots go on, in order.
    pub kept: Vec<u64>,
}

impl Folder {
    /// The snapshots in a data directory.
    pub fn of(data_dir: &Path) -> Folder {
        Folder(data_dir.join(DIRECTORY))
    }

    /// The epochs of all snapshots, in order.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn epochs(&self) -> Result<Vec<u64>, SnapshotError> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(self.refused("list", &self.0, source)),
        };
        let mut epochs = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|source| self.refused("list", &self.0, source))?;
            let name = entry.file_name();
            let digits = name.to_str().and_then(|name| name.strip_suffix(ENDING));
            epochs.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
        }
        epochs.sort_unstable();
        Ok(epochs)
    }

    /// Reads the snapshot of an epoch.
    ///
    /// # Errors
    /// When it cannot be read, is damaged, or a newer program wrote it.
    pub fn read(&self, epoch: u64) -> Result<Snapshot, SnapshotError> {
        read::read(&self.path(epoch))
    }

    /// Reads which epoch of which journal a snapshot is of.
    ///
    /// # Errors
    /// As those of [`Folder::read`].
    pub fn head(&self, epoch: u64) -> Result<Head, SnapshotError> {
        read::head(&self.path(epoch))
    }

    /// Whether the snapshot of an epoch is as it was written; what is in it is not looked at.
    ///
    /// # Errors
    /// As those of [`Folder::read`].
    pub fn check(&self, epoch: u64) -> Result<(), SnapshotError> {
        read::check(&self.path(epoch))
    }

    /// The name of the snapshot of an epoch in its directory.
    pub fn name(epoch: u64) -> String {
        format!("{epoch:020}{ENDING}")
    }

    /// Writes a snapshot, gives it its name once it is whole and on disk, and removes those
    /// that are not needed any more.
    ///
    /// # Errors
    /// When the disk refuses; then what was there before still is.
    pub fn write(&self, snapshot: &Snapshot) -> Result<Written, SnapshotError> {
        self.write_resting(snapshot, None, None)
    }

    /// The same, with rests on the way; with a `floor` those before it are not needed, and no
    /// others.
    pub(super) fn write_beside(
        &self,
        snapshot: &Snapshot,
        rests: &Rests<'_>,
        floor: Option<u64>,
    ) -> Result<Written, SnapshotError> {
        self.write_resting(snapshot, Some(rests), floor)
    }

    fn write_resting(
        &self,
        snapshot: &Snapshot,
        rests: Option<&Rests<'_>>,
        floor: Option<u64>,
    ) -> Result<Written, SnapshotError> {
        fs::create_dir_all(&self.0).map_err(|source| self.refused("make", &self.0, source))?;
        let path = self.path(snapshot.head.epoch);
        let part = path.with_extension(&PART_ENDING[1..]);
        let refused = |action| {
            let path = part.clone();
            move |source| SnapshotError::Io { action, path, source }
        };
        let file = File::create(&part).map_err(refused("make"))?;
        let mut buffer = BufWriter::with_capacity(1 << 20, Steps::of(file, rests));
        let written = file::write(snapshot, &mut buffer).and_then(|bytes| {
            buffer.flush()?;
            buffer.get_ref().sync_all()?;
            Ok(bytes)
        });
        let bytes = match written {
            Ok(bytes) => bytes,
            Err(source) => {
                // It takes room that the journal may need; the next one empties it in any case.
                let _ = fs::remove_file(&part);
                return Err(refused("write")(source));
            }
        };
        for outbox in &snapshot.emission.outboxes {
            outbox.sync().map_err(refused("put on disk what waits beside"))?;
        }
        fs::rename(&part, &path).map_err(refused("name"))?;
        self.sync()?;
        Ok(Written { bytes, kept: self.trim(floor)? })
    }

    /// Takes a damaged snapshot out of the row, so that it does not count as one of those that are
    /// kept; the newest such stays for whoever wonders. Returns where it is now.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn set_aside(&self, epoch: u64) -> Result<PathBuf, SnapshotError> {
        let path = self.path(epoch);
        let mut name = path.clone().into_os_string();
        name.push(DAMAGED_ENDING);
        let aside = PathBuf::from(name);
        fs::rename(&path, &aside).map_err(|source| self.refused("set aside", &path, source))?;
        let entries = fs::read_dir(&self.0).map_err(|e| self.refused("list", &self.0, e))?;
        for other in entries.flatten().map(|entry| entry.path()) {
            let is_damaged = other.to_string_lossy().ends_with(DAMAGED_ENDING);
            if is_damaged && other != aside {
                fs::remove_file(&other).map_err(|e| self.refused("remove", &other, e))?;
            }
        }
        self.sync()?;
        Ok(aside)
    }

    /// Removes those before the floor, without one all but the newest; returns what is left.
    fn trim(&self, floor: Option<u64>) -> Result<Vec<u64>, SnapshotError> {
        let mut epochs = self.epochs()?;
        let at = match floor {
            Some(floor) => epochs.partition_point(|epoch| *epoch < floor),
            None => epochs.len().saturating_sub(KEPT),
        };
        let kept = epochs.split_off(at);
        for epoch in &epochs {
            let path = self.path(*epoch);
            fs::remove_file(&path).map_err(|source| self.refused("remove", &path, source))?;
        }
        // A journal that forgets goes by what is left on disk, not by what will be.
        if !epochs.is_empty() {
            self.sync()?;
        }
        Ok(kept)
    }

    fn sync(&self) -> Result<(), SnapshotError> {
        sync_directory(&self.0)
            .map_err(|source| self.refused("sync the directory of", &self.0, source))
    }

    fn path(&self, epoch: u64) -> PathBuf {
        self.0.join(Folder::name(epoch))
    }

    fn refused(&self, action: &'static str, path: &Path, source: io::Error) -> SnapshotError {
        SnapshotError::Io { action, path: path.to_owned(), source }
    }
}
