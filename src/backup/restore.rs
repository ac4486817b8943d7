//! Putting a copy back.

use super::manifest::{Listed, Manifest, hash};
use super::{
    BackupError, DIRECTORIES, FILES, RESTORED, RESTORING, Restored, is_empty, sync_directory,
};
use crate::disk::write_whole;
use crate::hex::hex;
use crate::journal;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// A file of a copy that is not what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Its name, from the directory of the copy on.
    pub name: String,
    /// What does not hold.
    pub problem: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.problem)
    }
}

/// A line each.
pub(super) fn lines(damages: &[Damage]) -> String {
    damages.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Puts the copy in `from` back into `data`, which must be empty or not there. Every checksum
/// is compared before anything is written, and once more on the way.
///
/// # Errors
/// When the system refuses, `data` holds anything, or the copy is damaged; then `data` is as it
/// was.
pub fn restore(from: &Path, data: &Path, restored_at: &str) -> Result<Manifest, BackupError> {
    let manifest = Manifest::read(from)?;
    if !is_empty(data)? {
        let remedy = "name a directory that is empty or not there yet, or move what is there away";
        return Err(BackupError::NotEmpty { path: data.to_owned(), remedy });
    }
    let damages: Vec<Damage> = manifest
        .files
        .iter()
        .filter_map(|file| damage(file, check(from, file, io::sink())))
        .collect();
    if !damages.is_empty() {
        return Err(BackupError::Corrupt(damages));
    }
    let aside = data.join(RESTORING);
    fs::create_dir_all(&aside).map_err(BackupError::io("make", &aside))?;
    let put = fill(from, &aside, &manifest, restored_at);
    if put.is_err() {
        // Nothing has left it yet.
        let _ = fs::remove_dir_all(&aside);
    }
    put.and_then(|()| move_up(&aside, data)).map(|()| manifest)
}

/// Copies everything into a directory of its own.
fn fill(
    from: &Path,
    aside: &Path,
    manifest: &Manifest,
    restored_at: &str,
) -> Result<(), BackupError> {
    for directory in DIRECTORIES {
        let path = aside.join(directory);
        fs::create_dir_all(&path).map_err(BackupError::io("make", &path))?;
    }
    for file in &manifest.files {
        let path = aside.join(&file.name);
        let mut to = File::create_new(&path).map_err(BackupError::io("make", &path))?;
        if let Some(damage) = damage(file, check(from, file, &mut to)) {
            return Err(BackupError::Corrupt(vec![damage]));
        }
        to.sync_all().map_err(BackupError::io("sync", &path))?;
    }
    let path = aside.join(RESTORED);
    let seed = format!("{} {restored_at} {}", manifest.sha256, std::process::id());
    let restored = Restored {
        copied_at: manifest.created_at.clone(),
        fork: hex(&Sha256::digest(seed)[..8]),
        restored_at: restored_at.to_owned(),
    };
    let written = serde_json::to_vec(&restored).map_err(io::Error::from);
    written.and_then(|text| write_whole(&path, &text)).map_err(BackupError::io("write", &path))?;
    for directory in DIRECTORIES {
        sync_directory(&aside.join(directory))?;
    }
    sync_directory(aside)
}

/// Gives everything its place; nothing may start before the directory that it came from is gone.
fn move_up(aside: &Path, data: &Path) -> Result<(), BackupError> {
    let (journals, others): (Vec<&str>, Vec<&str>) =
        DIRECTORIES.into_iter().partition(|name| *name == journal::DIRECTORY);
    let all = FILES.into_iter().chain([RESTORED]).chain(others).chain(journals);
    for name in all {
        let path = aside.join(name);
        match fs::rename(&path, data.join(name)) {
            // No drain has left any books yet, or the process is alone.
            Err(error) if FILES.contains(&name) && error.kind() == io::ErrorKind::NotFound => {}
            moved => moved.map_err(BackupError::io("move", &path))?,
        }
    }
    sync_directory(data)?;
    fs::remove_dir(aside).map_err(BackupError::io("remove", aside))?;
    sync_directory(data)
}

/// Reads a file of the copy; its length and checksum as they are.
fn check(from: &Path, file: &Listed, to: impl Write) -> io::Result<(u64, String)> {
    hash(&mut File::open(from.join(&file.name))?, to)
}

/// What is wrong with a file, if anything is.
fn damage(file: &Listed, found: io::Result<(u64, String)>) -> Option<Damage> {
    let problem = match found {
        Ok((bytes, _)) if bytes != file.bytes => {
            format!("has {bytes} bytes, and had {}", file.bytes)
        }
        Ok((_, sha256)) if sha256 != file.sha256 => {
            format!("has the SHA-256 {sha256}, and had {}", file.sha256)
        }
        Ok(_) => return None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => "is missing".to_owned(),
        Err(error) => format!("cannot be copied: {error}"),
    };
    Some(Damage { name: file.name.clone(), problem })
}
