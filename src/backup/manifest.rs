//! The list of a copy's files: names, sizes, checksums, and what wrote them.

use super::{BackupError, DIRECTORIES, FILES, MANIFEST};
use crate::disk::write_whole;
use crate::emit::schema::schema_of;
use crate::hex::hex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

/// Version of the format that is written, and the newest that is read.
const FORMAT: u32 = 1;
/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 1 << 20;

/// What a copy holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// Version of this format; 1.
    pub format: u32,
    /// Version of the program that made the copy.
    pub version: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
    /// What tells the journal from every other; empty when it has no epoch yet.
    pub journal: String,
    /// The first epoch that the journal holds.
    pub first_epoch: Option<u64>,
    /// The first epoch that it does not hold.
    pub next_epoch: u64,
    /// Epochs of the snapshots.
    pub snapshots: Vec<u64>,
    /// Epochs of snapshots that were damaged and are not in the copy.
    pub left_out: Vec<u64>,
    /// Bytes of all files.
    pub bytes: u64,
    /// The files, in the order of their names.
    pub files: Vec<Listed>,
    /// SHA-256 over the lines `name bytes sha256` of the files.
    pub sha256: String,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// Its name, from the directory of the copy on.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Its checksum, hexadecimal.
    pub sha256: String,
}

impl Manifest {
    /// A list of `files`, about which nothing else is known yet.
    pub(super) fn of(mut files: Vec<Listed>, created_at: String) -> Manifest {
        files.sort();
        Manifest {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            created_at,
            journal: String::new(),
            first_epoch: None,
            next_epoch: 0,
            snapshots: Vec::new(),
            left_out: Vec::new(),
            bytes: files.iter().map(|file| file.bytes).sum(),
            sha256: sum(&files),
            files,
        }
    }

    /// Writes the list into the directory of the copy, whole or not at all.
    pub(super) fn write(&self, directory: &Path) -> Result<(), BackupError> {
        let path = directory.join(MANIFEST);
        let text = serde_json::to_string_pretty(self).map_err(io::Error::from);
        let written = text.and_then(|text| write_whole(&path, format!("{text}\n").as_bytes()));
        written.map_err(BackupError::io("write", &path))
    }

    /// Reads the list of the copy in a directory.
    pub(super) fn read(directory: &Path) -> Result<Manifest, BackupError> {
        let path = directory.join(MANIFEST);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(BackupError::NoManifest { path: directory.to_owned() });
            }
            Err(error) => return Err(BackupError::io("read", &path)(error)),
        };
        let wrong = |problem: String| BackupError::Manifest { path: path.clone(), problem };
        let damaged = |error| wrong(format!("is damaged: {error}"));
        // Of a newer one nothing is sure but this.
        let value: Value = serde_json::from_slice(&text).map_err(damaged)?;
        if let Some(found) = value["format"].as_u64().filter(|found| *found > u64::from(FORMAT)) {
            return Err(wrong(format!(
                "has format {found}, this program reads up to {FORMAT}; run the newer program"
            )));
        }
        let manifest: Manifest = serde_json::from_value(value).map_err(damaged)?;
        if sum(&manifest.files) != manifest.sha256 {
            return Err(wrong("is damaged: the checksum of its list does not hold".to_owned()));
        }
        match manifest.files.iter().find(|file| !is_ours(&file.name)) {
            Some(file) => Err(wrong(format!("names `{}`, which no copy holds", file.name))),
            None => Ok(manifest),
        }
    }
}

/// Whether a copy may hold a file of that name: one that leads elsewhere is an attack.
fn is_ours(name: &str) -> bool {
    let parts: Vec<Component<'_>> = Path::new(name).components().collect();
    let plain = |part: &Component<'_>| matches!(part, Component::Normal(_));
    match parts[..] {
        [Component::Normal(file)] => FILES.iter().any(|known| file == *known),
        [Component::Normal(directory), ref file] => {
            plain(file) && DIRECTORIES.iter().any(|known| directory == *known)
        }
        _ => false,
    }
}

/// Looks a file through: its name is that from `directory` on.
pub(super) fn listed(directory: &Path, name: &str) -> Result<Listed, BackupError> {
    let path: PathBuf = directory.join(name);
    let hashed = || -> io::Result<(u64, String)> { hash(&mut File::open(&path)?, io::sink()) };
    let (bytes, sha256) = hashed().map_err(BackupError::io("read", &path))?;
    Ok(Listed { name: name.to_owned(), bytes, sha256 })
}

/// Copies what is read; its length and its checksum.
pub(super) fn hash(from: &mut impl Read, mut to: impl Write) -> io::Result<(u64, String)> {
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let read = match from.read(&mut chunk) {
            Ok(0) => return Ok((bytes, hex(&hash.finalize()))),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hash.update(&chunk[..read]);
        to.write_all(&chunk[..read])?;
        bytes += read as u64;
    }
}

fn sum(files: &[Listed]) -> String {
    let mut hash = Sha256::new();
    for Listed { name, bytes, sha256 } in files {
        hash.update(format!("{name} {bytes} {sha256}\n"));
    }
    hex(&hash.finalize())
}

/// The schema of the list, which both commands also print with `--json`.
pub fn schema() -> Value {
    schema_of::<Manifest>("urn:causeway:schema:backup:1.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_elsewhere_is_none_of_ours() {
        for name in ["summary.json", "journal/mark", "dlq/0.ndjson", "sinks/a.position"] {
            assert!(is_ours(name), "{name}");
        }
        for name in ["", "lock", "../journal/mark", "/etc/passwd", "journal/../../x", "journal/a/b"]
        {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn a_list_that_somebody_changed_is_damaged() {
        let directory = tempfile::tempdir().unwrap();
        let file = |name: &str| Listed { name: name.to_owned(), bytes: 1, sha256: "ab".to_owned() };
        let manifest = Manifest::of(vec![file("journal/mark"), file("dlq/1.ndjson")], "t".into());
        manifest.write(directory.path()).unwrap();
        assert_eq!(Manifest::read(directory.path()).unwrap(), manifest);
        let path = directory.path().join(MANIFEST);
        let text = std::fs::read_to_string(&path).unwrap();
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Manifest::read(directory.path()).unwrap_err().to_string()
        };
        assert!(refused(&text.replace("dlq/1", "dlq/2")).contains("checksum of its list"));
        assert!(refused(&text[..40]).contains("damaged"));
        assert!(refused(&text.replace("\"format\": 1", "\"format\": 2")).contains("newer"));
        std::fs::remove_file(&path).unwrap();
        let none = Manifest::read(directory.path()).unwrap_err();
        assert!(matches!(none, BackupError::NoManifest { .. }), "{none}");
        let elsewhere = Manifest::of(vec![file("../x")], "t".into());
        elsewhere.write(directory.path()).unwrap();
        let told = Manifest::read(directory.path()).unwrap_err().to_string();
        assert!(told.contains("which no copy holds"), "{told}");
    }
}
