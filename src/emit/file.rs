//! Revisions as lines in a file that is rotated.
//!
//! `incidents.ndjson` grows; when it is too large or too old it becomes
//! `incidents.ndjson.000001`, the next one `.000002`, and so on, compressed to
//! `.zst` when asked, and the oldest are deleted beyond `keep`. No number is
//! given twice, whoever moves rotated files away meanwhile. A line is never
//! split. Age is told by the revisions' own `updated_at`, so that no clock is
//! read and the same revisions rotate at the same places.
//!
//! Every batch is synced before it counts as delivered. A line torn by a crash
//! was not, so it is cut off at the next start and comes again whole.

use super::outbox::{Carried, Carrier, CarryError};
use super::wire::{Message, Time};
use crate::disk::{naming, sync_directory};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

mod rotate;
#[cfg(test)]
mod tests;

/// Where and how a file sink writes.
#[derive(Clone, Debug)]
pub struct FileParams {
    /// The file that grows.
    pub path: PathBuf,
    /// Rotated before it would exceed this; `None` for never.
    pub rotate_bytes: Option<u64>,
    /// Rotated when a revision is this much younger than its first; `None` for never.
    pub rotate_age: Option<Duration>,
    /// Rotated files kept; 0 for all.
    pub keep: usize,
    /// Compress rotated files with zstd.
    pub compress: bool,
}

/// A file sink cannot begin.
#[derive(Debug, thiserror::Error)]
#[error("file sink {path:?} cannot be opened: check that the directory exists and is writable")]
pub struct FileError {
    /// The file.
    pub path: PathBuf,
    /// What the system says.
    #[source]
    pub source: io::Error,
}

/// Writes one line a revision to a file.
pub struct FileCarrier {
    params: FileParams,
    file: File,
    /// Bytes of whole lines in the file.
    bytes: u64,
    /// `updated_at` of the first line.
    began: Option<Time>,
    /// Bytes beyond `bytes` may be in the file, from a write that failed.
    torn: bool,
    batch: Vec<u8>,
}

impl FileCarrier {
    /// Opens or continues a file; what a crash tore is cut off.
    ///
    /// # Errors
    /// When the file or its directory cannot be made, read or written.
    pub fn open(params: FileParams) -> Result<FileCarrier, FileError> {
        FileCarrier::try_open(&params)
            .map_err(|source| FileError { path: params.path.clone(), source })
    }

    fn try_open(params: &FileParams) -> io::Result<FileCarrier> {
        fs::create_dir_all(rotate::directory(&params.path))?;
        rotate::tidy(params)?;
        let mut file = open_current(&params.path)?;
        let bytes = whole_lines(&mut file)?;
        file.set_len(bytes)?;
        let began = first_time(&mut file)?;
        Ok(FileCarrier {
            params: params.clone(),
            file,
            bytes,
            began,
            torn: false,
            batch: Vec::new(),
        })
    }

    /// Whether the file must be rotated before `message` is added to what is in the batch.
    fn is_due(&self, message: &Message) -> bool {
        let bytes = self.bytes + self.batch.len() as u64;
        let Some(began) = self.began else { return false };
        if bytes == 0 {
            return false;
        }
        let size_due =
            self.params.rotate_bytes.is_some_and(|max| bytes + message.line.len() as u64 + 1 > max);
        let age = message.revision.updated_at.0.saturating_sub(began.0);
        let age_due =
            self.params.rotate_age.is_some_and(|max| i128::from(age) >= max.as_millis() as i128);
        size_due || age_due
    }

    /// Writes the batch; undone when it fails.
    fn flush(&mut self) -> Result<(), CarryError> {
        let path = &self.params.path;
        let later = |error| CarryError::Later(naming(path)(error));
        if self.torn {
            self.file.set_len(self.bytes).map_err(later)?;
            self.torn = false;
        }
        if self.batch.is_empty() {
            return Ok(());
        }
        self.torn = true;
        self.file.write_all(&self.batch).map_err(later)?;
        // After a failed sync nobody knows what is on the disk, and a second one would lie.
        self.file.sync_data().map_err(|error| CarryError::Never(naming(path)(error)))?;
        self.torn = false;
        self.bytes += self.batch.len() as u64;
        self.batch.clear();
        Ok(())
    }

    fn rotate(&mut self) -> Result<(), CarryError> {
        rotate::set_aside(&self.params).map_err(CarryError::Later)?;
        let path = &self.params.path;
        self.file = open_current(path).map_err(|error| CarryError::Later(naming(path)(error)))?;
        self.bytes = 0;
        self.began = None;
        // The lines are safe either way, and the next rotation or start tries this again.
        if let Err(error) = rotate::tidy(&self.params) {
            let path = self.params.path.display();
            tracing::warn!(%path, %error, "rotated files could not be compressed or deleted");
        }
        Ok(())
    }
}

impl Carrier for FileCarrier {
    fn carry(&mut self, messages: &[Message]) -> Carried {
        self.batch.clear();
        let mut done = 0;
        for (at, message) in messages.iter().enumerate() {
            if self.is_due(message) {
                if let Err(error) = self.flush() {
                    return Carried { done, error: Some(error) };
                }
                done = at;
                if let Err(error) = self.rotate() {
                    return Carried { done, error: Some(error) };
                }
            }
            self.began.get_or_insert(message.revision.updated_at);
            self.batch.extend_from_slice(message.line.as_bytes());
            self.batch.push(b'\n');
        }
        match self.flush() {
            Ok(()) => Carried { done: messages.len(), error: None },
            Err(error) => Carried { done, error: Some(error) },
        }
    }
}

/// Opens the file that grows; its name is on the disk before a line in it counts.
fn open_current(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().create(true).read(true).append(true).open(path)?;
    sync_directory(rotate::directory(path))?;
    Ok(file)
}

/// Length of the file up to and with its last newline.
fn whole_lines(file: &mut File) -> io::Result<u64> {
    const STEP: u64 = 64 << 10;
    let mut end = file.seek(SeekFrom::End(0))?;
    let mut chunk = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(STEP);
        file.seek(SeekFrom::Start(start))?;
        chunk.clear();
        (&mut *file).take(end - start).read_to_end(&mut chunk)?;
        if let Some(at) = chunk.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The time of the first line's envelope, if there is one.
fn first_time(file: &mut File) -> io::Result<Option<Time>> {
    #[derive(serde::Deserialize)]
    struct Head {
        time: Time,
    }
    file.seek(SeekFrom::Start(0))?;
    let mut line = Vec::new();
    BufReader::new(file).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice::<Head>(&line).ok().map(|head| head.time))
}

/// `incidents.ndjson` and 7 as `incidents.ndjson.000007`.
fn rotated_path(path: &Path, number: u64) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number:06}"));
    name.into()
}
