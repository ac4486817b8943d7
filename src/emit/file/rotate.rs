//! Setting a full file aside, compressing it, and deleting the oldest.
//!
//! A number is given once: whoever moves rotated files to an archive must not find another
//! file of the same name later. So the last one is kept beside the file, in
//! `incidents.ndjson.rotated`, and counts even when no rotated file is left.

use super::{FileParams, rotated_path};
use crate::disk::{naming, write_whole};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

/// Level 3 is zstd's own default: about 300 MB/s and a tenth of the size for such lines.
const LEVEL: i32 = 3;

/// Gives the current file the next number.
pub(super) fn set_aside(params: &FileParams) -> io::Result<()> {
    // An earlier attempt renamed it and could not go on.
    if !params.path.try_exists().map_err(naming(&params.path))? {
        return Ok(());
    }
    let number = last_number(params)?.saturating_add(1);
    // Before the name is used: a crash in between leaves a number out.
    write_whole(&count_path(&params.path), format!("{number}\n").as_bytes())?;
    fs::rename(&params.path, rotated_path(&params.path, number)).map_err(naming(&params.path))
}

/// The number that was given last: as it was kept, or as the files say that lie there.
fn last_number(params: &FileParams) -> io::Result<u64> {
    let lying = rotated(params)?.last_key_value().map_or(0, |(number, _)| *number);
    let path = count_path(&params.path);
    let kept = match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().ok(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        // Not text: as good as none.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
        Err(error) => return Err(naming(&path)(error)),
    };
    Ok(kept.unwrap_or(0).max(lying))
}

/// Where the last number is kept.
fn count_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".rotated");
    name.into()
}

/// Deletes what is beyond `keep`, unless all are kept, and compresses the rest when asked; also
/// what a crash left.
pub(super) fn tidy(params: &FileParams) -> io::Result<()> {
    let mut all = rotated(params)?;
    let kept_max = if params.keep == 0 { usize::MAX } else { params.keep };
    while all.len() > kept_max {
        if let Some((_, path)) = all.pop_first() {
            fs::remove_file(&path).map_err(naming(&path))?;
            let (path, keep) = (path.display(), params.keep);
            tracing::info!(%path, keep, "a rotated file was deleted: its sink keeps no more");
        }
    }
    for path in all.into_values().filter(|_| params.compress) {
        if path.extension().is_none_or(|extension| extension != "zst") {
            compress(&path)?;
        }
    }
    Ok(())
}

/// The directory of a file; the current one when the path names none.
pub(super) fn directory(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Rotated files by number; of a file and its compressed form the plain one, which is whole.
fn rotated(params: &FileParams) -> io::Result<BTreeMap<u64, PathBuf>> {
    let Some(name) = params.path.file_name().and_then(|name| name.to_str()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file"));
    };
    let mut found = BTreeMap::new();
    let directory = directory(&params.path);
    for entry in fs::read_dir(directory).map_err(naming(directory))? {
        let entry = entry.map_err(naming(directory))?;
        let file_name = entry.file_name();
        let Some(rest) = file_name.to_str().and_then(|text| text.strip_prefix(name)) else {
            continue;
        };
        let digits = rest.strip_prefix('.').map(|rest| rest.strip_suffix(".zst").unwrap_or(rest));
        let Some(number) = digits.filter(|text| text.len() >= 6).and_then(|text| text.parse().ok())
        else {
            continue;
        };
        let is_plain = !rest.ends_with(".zst");
        if is_plain || !found.contains_key(&number) {
            found.insert(number, entry.path());
        }
    }
    Ok(found)
}

/// Compresses beside the plain file and only then deletes it, so that a crash loses nothing.
fn compress(plain: &Path) -> io::Result<()> {
    let with = |suffix: &str| {
        let mut name = plain.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let (partial, whole) = (with(".zst.part"), with(".zst"));
    let from = File::open(plain).map_err(naming(plain))?;
    compress_into(&partial, from).map_err(naming(&partial))?;
    fs::rename(&partial, &whole).map_err(naming(&partial))?;
    fs::remove_file(plain).map_err(naming(plain))
}

fn compress_into(partial: &Path, from: File) -> io::Result<()> {
    let mut encoder = zstd::Encoder::new(File::create(partial)?, LEVEL)?;
    encoder.include_checksum(true)?;
    io::copy(&mut BufReader::new(from), &mut encoder)?;
    let mut file = encoder.finish()?;
    file.flush()?;
    file.sync_all()
}
