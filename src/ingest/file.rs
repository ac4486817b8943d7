//! Files of lines: plain, gzip or zstd, found by names and globs.
//!
//! [`Files`] reads everything once, in the order of the names, which is what a
//! replay wants; [`Follower`] goes on as files grow, are rotated or appear.
//! Both yield chunks and know nothing of what is in them.

pub mod follow;

use super::chunk::{Chunk, ChunkLimits, Chunker};
use super::compressed::decompressed;
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

pub use follow::Follower;

/// Why files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The pattern is none.
    #[error("file pattern `{pattern}` is not a glob: {source}; quote `[` as `[[]`")]
    Pattern {
        /// As configured.
        pattern: String,
        /// What is wrong with it.
        source: glob::PatternError,
    },
    /// Nothing has that name.
    #[error("no file matches `{pattern}`; correct the path or create the file")]
    NoMatch {
        /// As configured.
        pattern: String,
    },
    /// The system refused.
    #[error("cannot read file {}: {source}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// More files than handles.
    #[error("{found} files match where at most {max} can be followed; narrow the pattern")]
    TooMany {
        /// Files that match.
        found: usize,
        /// Files that can be followed.
        max: usize,
    },
}

/// The files that `patterns` name, each once, in the order of the patterns and of the
/// names within one pattern.
///
/// # Errors
/// When a pattern is malformed or a directory cannot be read.
pub fn matching(patterns: &[PathBuf]) -> Result<Vec<PathBuf>, FileError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for pattern in patterns {
        let mut found = matching_one(pattern)?;
        found.retain(|path| !files.contains(path));
        files.append(&mut found);
    }
    Ok(files)
}

fn matching_one(pattern: &Path) -> Result<Vec<PathBuf>, FileError> {
    let text = pattern.to_string_lossy();
    // A file whose name looks like a glob is still a file.
    if pattern.exists() || !text.contains(['*', '?', '[']) {
        return Ok(if pattern.exists() { vec![pattern.to_owned()] } else { Vec::new() });
    }
    let paths = glob::glob(&text)
        .map_err(|source| FileError::Pattern { pattern: text.clone().into_owned(), source })?;
    let mut files = Vec::new();
    for path in paths {
        let path = path.map_err(|error| FileError::Read {
            path: error.path().to_owned(),
            source: error.into(),
        })?;
        if path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Every chunk of every file, once.
pub struct Files {
    source_id: String,
    limits: ChunkLimits,
    waiting: VecDeque<PathBuf>,
    current: Option<(PathBuf, Chunker<Box<dyn Read + Send>>)>,
}

impl Files {
    /// Reads what `patterns` name now.
    ///
    /// # Errors
    /// When a pattern is malformed or matches nothing.
    pub fn open(
        source_id: &str,
        patterns: &[PathBuf],
        limits: ChunkLimits,
    ) -> Result<Self, FileError> {
        for pattern in patterns {
            if matching_one(pattern)?.is_empty() {
                let pattern = pattern.to_string_lossy().into_owned();
                return Err(FileError::NoMatch { pattern });
            }
        }
        let waiting = matching(patterns)?.into();
        Ok(Files { source_id: source_id.to_owned(), limits, waiting, current: None })
    }

    /// Bytes of all files on disk, for a progress bar.
    pub fn bytes_on_disk(&self) -> u64 {
        self.waiting.iter().filter_map(|path| std::fs::metadata(path).ok()).map(|m| m.len()).sum()
    }

    fn advance(&mut self) -> Result<Option<Chunk>, FileError> {
        loop {
            if self.current.is_none() {
                let Some(path) = self.waiting.pop_front() else { return Ok(None) };
                let name = path.to_string_lossy().into_owned();
                let stream = File::open(&path)
                    .and_then(decompressed)
                    .map_err(|source| FileError::Read { path: path.clone(), source })?;
                let chunker = Chunker::new(stream, &self.source_id, Some(&name), self.limits);
                self.current = Some((path, chunker));
            }
            let Some((path, chunker)) = &mut self.current else { return Ok(None) };
            match chunker.next_chunk() {
                Ok(Some(chunk)) => return Ok(Some(chunk)),
                Ok(None) => {
                    let last = chunker.finish();
                    self.current = None;
                    if last.is_some() {
                        return Ok(last);
                    }
                }
                Err(source) => {
                    let path = std::mem::take(path);
                    self.current = None;
                    return Err(FileError::Read { path, source });
                }
            }
        }
    }
}

impl Iterator for Files {
    type Item = Result<Chunk, FileError>;

    /// The next chunk; after an error the file at fault is left and the next one begun.
    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}
