//! The files of a sink, in the order in which they were written.

use crate::ingest::compressed::decompressed;
use crate::ingest::file::{FileError, matching};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};

/// Read at a time.
const READ_BYTES: usize = 256 << 10;

/// Why a sink cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SinkFileError {
    /// Names and patterns.
    #[error(transparent)]
    Names(#[from] FileError),
    /// The system refused.
    #[error("cannot read sink {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A file that is open, as long as it was then: what a running process adds is not read.
pub struct SinkFile {
    /// Its name, `-` for standard input.
    pub name: String,
    /// Its bytes, decompressed.
    pub reader: BufReader<Box<dyn Read + Send>>,
}

/// Opens what `patterns` name: files, globs, `-` for standard input; plain, gzip or zstd.
///
/// Files that one pattern finds come in the order of rotation: those with a number before
/// the one without, which still grows.
///
/// # Errors
/// When a pattern is malformed or finds nothing, or a file cannot be read.
pub fn open(patterns: &[PathBuf]) -> Result<Vec<SinkFile>, SinkFileError> {
    let mut files = Vec::new();
    for pattern in patterns {
        if pattern.as_os_str() == "-" {
            let stream: Box<dyn Read + Send> = Box::new(io::stdin());
            let read = |source| SinkFileError::Read { path: pattern.clone(), source };
            let stream = decompressed(stream).map_err(read)?;
            files.push(SinkFile { name: "-".to_owned(), reader: buffered(stream) });
            continue;
        }
        let mut found = matching(std::slice::from_ref(pattern))?;
        found.retain(|path| path == pattern || !is_count(path));
        if found.is_empty() {
            let pattern = pattern.to_string_lossy().into_owned();
            return Err(FileError::NoMatch { pattern }.into());
        }
        found.sort_by_cached_key(|path| age(path));
        for path in found {
            files.push(open_one(&path).map_err(|source| SinkFileError::Read { path, source })?);
        }
    }
    Ok(files)
}

/// The files of the file sink that writes to `path`: the rotated ones and itself.
///
/// # Errors
/// When its directory cannot be read.
pub fn rotated(path: &Path) -> Result<Vec<PathBuf>, SinkFileError> {
    let pattern = format!("{}.*", glob::Pattern::escape(&path.to_string_lossy()));
    let mut found = matching(&[PathBuf::from(pattern)])?;
    found.retain(|other| rotation(other).is_some_and(|(of, _)| of == path));
    if path.exists() {
        found.push(path.to_owned());
    }
    found.sort_by_cached_key(|path| age(path));
    Ok(found)
}

fn open_one(path: &Path) -> io::Result<SinkFile> {
    let file = File::open(path)?;
    let bytes = file.metadata()?;
    // A pipe has no length, and ends when it ends.
    let bytes = if bytes.is_file() { bytes.len() } else { u64::MAX };
    let stream = decompressed(file.take(bytes))?;
    Ok(SinkFile { name: path.to_string_lossy().into_owned(), reader: buffered(stream) })
}

pub(super) fn buffered(stream: Box<dyn Read + Send>) -> BufReader<Box<dyn Read + Send>> {
    BufReader::with_capacity(READ_BYTES, stream)
}

/// Sorts the files of one sink: by the file that they were, then by their number.
fn age(path: &Path) -> (PathBuf, u64) {
    rotation(path).unwrap_or_else(|| (path.to_owned(), u64::MAX))
}

/// Where a sink keeps the number that it gave last, or was about to: no lines, unless somebody
/// names it.
fn is_count(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rotated" || extension == "new")
}

/// `incidents.ndjson.000007.zst` as `incidents.ndjson` and 7.
fn rotation(path: &Path) -> Option<(PathBuf, u64)> {
    let plain = match path.extension()?.to_str()? {
        "zst" | "gz" => path.with_extension(""),
        _ => path.to_owned(),
    };
    let digits = plain.extension()?.to_str()?;
    let is_number = digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| digits.parse().ok()).flatten()?;
    Some((plain.with_extension(""), number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn read(files: Vec<SinkFile>) -> String {
        let mut text = String::new();
        for mut file in files {
            file.reader.read_to_string(&mut text).unwrap();
        }
        text
    }

    #[test]
    fn rotated_files_come_in_their_order_and_the_one_that_grows_last() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (name, text) in [
            ("i.ndjson", "4"),
            ("i.ndjson.000003", "3"),
            ("i.ndjson.note", "x"),
            ("i.ndjson.000003.zst.part", "x"),
            ("other.ndjson.000001", "x"),
        ] {
            std::fs::write(at(name), text).unwrap();
        }
        let packed = zstd::encode_all(&b"1"[..], 1).unwrap();
        std::fs::write(at("i.ndjson.000001.zst"), packed).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), Default::default());
        gzip.write_all(b"2").unwrap();
        std::fs::write(at("i.ndjson.000002.gz"), gzip.finish().unwrap()).unwrap();
        assert_eq!(read(open(&rotated(&at("i.ndjson")).unwrap()).unwrap()), "1234");
        std::fs::remove_file(at("i.ndjson.000003.zst.part")).unwrap();
        std::fs::remove_file(at("i.ndjson.note")).unwrap();
        std::fs::write(at("i.ndjson.rotated"), "3\n").unwrap();
        assert_eq!(read(open(&[at("i.ndjson*")]).unwrap()), "1234");
        let named = [at("i.ndjson.000003"), at("i.ndjson")];
        assert_eq!(read(open(&named).unwrap()), "34");
        assert!(open(&[at("j*")]).is_err());
    }

    #[test]
    fn what_is_added_later_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("i.ndjson");
        std::fs::write(&path, "before").unwrap();
        let files = open(std::slice::from_ref(&path)).unwrap();
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"!").unwrap();
        assert_eq!(read(files), "before");
    }
}
