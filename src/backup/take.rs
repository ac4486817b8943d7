//! Making a copy.

use super::manifest::{Manifest, listed};
use super::{BackupError, DIRECTORIES, FILES, is_empty, sync_directory};
use crate::dlq::{self, StoreLimits};
use crate::emit::{self, refused, spool};
use crate::epoch::first_run;
use crate::journal::{self, MARK, Reader};
use crate::snapshot::{self, Folder};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

/// Tries to copy the journal before it has forgotten what the newest copied snapshot goes on
/// with. Forgetting begins with a snapshot, goes on a file at a time, some seconds in all, and
/// leaves what two of them need.
const TRIES_MAX: u32 = 20;

/// What of the engine's past is in a copy.
struct Past {
    first_epoch: Option<u64>,
    next_epoch: u64,
    snapshots: Vec<u64>,
    left_out: Vec<u64>,
}

/// Copies the data directory `data` into `to`, which must be empty or not there, and reads the
/// copy. A process may run in `data` meanwhile.
///
/// # Errors
/// When the system refuses, or what is there is damaged; then nothing is left of the copy.
pub fn take(data: &Path, to: &Path, created_at: String) -> Result<Manifest, BackupError> {
    let journal = data.join(journal::DIRECTORY);
    if !journal::is_journal(&journal).map_err(BackupError::io("list", &journal))? {
        return Err(BackupError::NoData { path: data.to_owned() });
    }
    if !is_empty(to)? {
        let remedy = "name a directory that is empty or not there yet";
        return Err(BackupError::NotEmpty { path: to.to_owned(), remedy });
    }
    fs::create_dir_all(to).map_err(BackupError::io("make", to))?;
    let taken = copy(data, to).and_then(|past| finish(to, past, created_at));
    if taken.is_err() {
        // Without its list it is no copy; what is left of it is of no use to anybody.
        let _ = clear(to);
    }
    taken
}

/// Copies until nothing that was to be copied was forgotten meanwhile.
fn copy(data: &Path, to: &Path) -> Result<Past, BackupError> {
    let (sinks, copies) = (data.join(emit::DIRECTORY), to.join(emit::DIRECTORY));
    for _ in 0..TRIES_MAX {
        // Opened before the positions are copied, by which it could be deleted, and read after the
        // snapshots, which build on what is added meanwhile.
        let waits = opened(&sinks, BTreeMap::new())?;
        copy_directory(&sinks, &copies, |name| name.ends_with(".position"))?;
        for file in FILES {
            copy_file(&data.join(file), &to.join(file))?;
        }
        if copy_snapshots(data, to)?
            && copy_journal(data, to)?
            && let Some(past) = read(to)?
        {
            for (name, file) in opened(&sinks, waits)? {
                copy_rest(file, &copies.join(name))?;
            }
            copy_directory(&sinks, &copies, |name| name.ends_with(refused::ENDING))?;
            copy_letters(data, to)?;
            return Ok(past);
        }
        clear(to)?;
    }
    Err(BackupError::Overtaken { tries: TRIES_MAX })
}

/// The files of what waits for sinks, those included that are open already and may have no name any
/// more.
fn opened(
    sinks: &Path,
    mut opened: BTreeMap<String, File>,
) -> Result<BTreeMap<String, File>, BackupError> {
    if !sinks.is_dir() {
        return Ok(opened);
    }
    for name in names(sinks)?.into_iter().filter(|name| name.ends_with(spool::ENDING)) {
        if let Entry::Vacant(entry) = opened.entry(name)
            && let Some(file) = open(&sinks.join(entry.key()))?
        {
            entry.insert(file);
        }
    }
    Ok(opened)
}

/// Copies the snapshots; whether all of them were still there.
fn copy_snapshots(data: &Path, to: &Path) -> Result<bool, BackupError> {
    let path = data.join(snapshot::DIRECTORY);
    let epochs = Folder::of(data).epochs().map_err(damaged)?;
    let target = to.join(snapshot::DIRECTORY);
    make(&target)?;
    // Opened before anything is copied: what goes meanwhile is still there for whoever has it.
    let mut opened = Vec::new();
    for name in epochs.into_iter().map(Folder::name) {
        match open(&path.join(&name))? {
            Some(file) => opened.push((file, target.join(name))),
            None => return Ok(false),
        }
    }
    for (file, to) in opened {
        copy_rest(file, &to)?;
    }
    Ok(true)
}

/// Copies the journal; whether all of it was still there that was not forgotten at its beginning.
fn copy_journal(data: &Path, to: &Path) -> Result<bool, BackupError> {
    let (path, target) = (data.join(journal::DIRECTORY), to.join(journal::DIRECTORY));
    make(&target)?;
    copy_file(&path.join(MARK), &target.join(MARK))?;
    let mut copied = false;
    for name in journal::segments(&path).map_err(BackupError::io("list", &path))? {
        match copy_file(&path.join(&name), &target.join(&name))? {
            false if copied => return Ok(false),
            was_there => copied = was_there,
        }
    }
    Ok(copied)
}

/// Copies the dead letters, last: each event that the copied journal refuses has its own.
fn copy_letters(data: &Path, to: &Path) -> Result<(), BackupError> {
    let (path, target) = (data.join(dlq::DIRECTORY), to.join(dlq::DIRECTORY));
    make(&target)?;
    if !path.is_dir() {
        return Ok(());
    }
    // Nothing is written through this handle, so no bound is kept.
    let limits = StoreLimits { bytes_max: u64::MAX, age_max: Duration::MAX };
    let opened = dlq::Store::open(&path, limits).map_err(damaged)?;
    opened.copy_to(&target).map_err(BackupError::io("copy", &path))?;
    Ok(())
}

/// Reads the copied snapshots and journal through; `None` when the journal, which was copied
/// later, has forgotten what every snapshot goes on with.
fn read(to: &Path) -> Result<Option<Past>, BackupError> {
    let folder = Folder::of(to);
    let (mut snapshots, mut left_out) = (Vec::new(), Vec::new());
    for epoch in folder.epochs().map_err(damaged)? {
        match folder.check(epoch) {
            Ok(()) => snapshots.push(epoch),
            Err(error) => {
                tracing::warn!(%error, "it is left out");
                let path = to.join(snapshot::DIRECTORY).join(Folder::name(epoch));
                fs::remove_file(&path).map_err(BackupError::io("remove", &path))?;
                left_out.push(epoch);
            }
        }
    }
    let (first_epoch, next_epoch) = read_journal(&to.join(journal::DIRECTORY))?;
    let begins = first_epoch.unwrap_or(0);
    let (useless, snapshots): (Vec<u64>, Vec<u64>) =
        snapshots.into_iter().partition(|epoch| epoch + 1 < begins);
    for epoch in &useless {
        let path = to.join(snapshot::DIRECTORY).join(Folder::name(*epoch));
        fs::remove_file(&path).map_err(BackupError::io("remove", &path))?;
    }
    if snapshots.is_empty() && !useless.is_empty() {
        return Ok(None);
    }
    if snapshots.last().is_some_and(|newest| *newest >= next_epoch) {
        let problem =
            format!("a snapshot goes on after epoch {next_epoch}, where the journal ends");
        return Err(BackupError::Damaged(problem));
    }
    if snapshots.is_empty() && begins > 0 {
        let problem = format!(
            "the journal begins with epoch {begins}, and no snapshot holds what was before"
        );
        return Err(BackupError::Damaged(problem));
    }
    Ok(Some(Past { first_epoch, next_epoch, snapshots, left_out }))
}

/// Reads a copied journal to its end, and cuts off what was being written when it was copied;
/// its first epoch and the one behind its last.
fn read_journal(path: &Path) -> Result<(Option<u64>, u64), BackupError> {
    let mut reader = Reader::open_oldest(path).map_err(damaged)?;
    let (mut first, mut next) = (None, 0);
    while let Some(frame) = reader.next_frame().map_err(damaged)? {
        first = first.or(Some(frame.epoch));
        next = frame.epoch + 1;
    }
    if let Some(torn) = reader.torn() {
        let cut = File::options().write(true).open(&torn.path).and_then(|file| {
            file.set_len(torn.offset)?;
            file.sync_all()
        });
        cut.map_err(BackupError::io("cut", &torn.path))?;
        if torn.offset == 0 {
            fs::remove_file(&torn.path).map_err(BackupError::io("remove", &torn.path))?;
        }
    }
    Ok((first, next))
}

/// Makes the list of the copy, which makes it one.
fn finish(to: &Path, past: Past, created_at: String) -> Result<Manifest, BackupError> {
    let mut files = Vec::new();
    for file in FILES.into_iter().filter(|file| to.join(file).exists()) {
        files.push(listed(to, file)?);
    }
    for directory in DIRECTORIES.iter().filter(|directory| to.join(directory).is_dir()) {
        for name in names(&to.join(directory))? {
            files.push(listed(to, &format!("{directory}/{name}"))?);
        }
        sync_directory(&to.join(directory))?;
    }
    let newest = past.snapshots.last().copied();
    let journal = match newest {
        Some(epoch) => Some(Folder::of(to).head(epoch).map_err(damaged)?.run),
        None => first_run(&to.join(journal::DIRECTORY)).map_err(damaged)?,
    };
    let manifest = Manifest {
        journal: journal.map(|run| run.journal).unwrap_or_default(),
        first_epoch: past.first_epoch,
        next_epoch: past.next_epoch,
        snapshots: past.snapshots,
        left_out: past.left_out,
        ..Manifest::of(files, created_at)
    };
    sync_directory(to)?;
    manifest.write(to)?;
    sync_directory(to)?;
    Ok(manifest)
}

fn damaged(error: impl ToString) -> BackupError {
    BackupError::Damaged(error.to_string())
}

fn make(directory: &Path) -> Result<(), BackupError> {
    fs::create_dir_all(directory).map_err(BackupError::io("make", directory))
}

/// Copies the files of a directory whose names are `wanted`, if it is there.
fn copy_directory(
    from: &Path,
    to: &Path,
    wanted: impl Fn(&str) -> bool,
) -> Result<(), BackupError> {
    if !from.is_dir() {
        return Ok(());
    }
    make(to)?;
    for name in names(from)?.into_iter().filter(|name| wanted(name)) {
        copy_file(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}

/// Copies a file as far as it is written; whether it was there.
fn copy_file(from: &Path, to: &Path) -> Result<bool, BackupError> {
    let Some(file) = open(from)? else { return Ok(false) };
    copy_rest(file, to).map(|()| true)
}

fn open(path: &Path) -> Result<Option<File>, BackupError> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(BackupError::io("read", path)(error)),
    }
}

fn copy_rest(mut from: File, to: &Path) -> Result<(), BackupError> {
    let copied = File::create(to).and_then(|mut to| {
        io::copy(&mut from, &mut to)?;
        to.sync_all()
    });
    copied.map_err(BackupError::io("write", to))
}

/// The names of the files in a directory, in order.
fn names(directory: &Path) -> Result<Vec<String>, BackupError> {
    let refuse = || BackupError::io("list", directory);
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).map_err(refuse())? {
        let entry = entry.map_err(refuse())?;
        if entry.path().is_file() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort();
    Ok(names)
}

/// Removes whatever was copied.
fn clear(to: &Path) -> Result<(), BackupError> {
    let gone = |removed: io::Result<()>| match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    for directory in DIRECTORIES {
        let path = to.join(directory);
        gone(fs::remove_dir_all(&path)).map_err(BackupError::io("remove", &path))?;
    }
    for file in FILES {
        let path = to.join(file);
        gone(fs::remove_file(&path)).map_err(BackupError::io("remove", &path))?;
    }
    Ok(())
}
