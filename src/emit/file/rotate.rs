//! Setting a full file aside, compressing it, and deleting the oldest.

use super::{FileParams, rotated_path};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

/// Level 3 is zstd's own default: about 300 MB/s and a tenth of the size for such lines.
const LEVEL: i32 = 3;

/// Renames the current file, compresses it when asked, deletes what is beyond `keep`.
pub(super) fn set_aside(params: &FileParams) -> io::Result<()> {
    let number = rotated(params)?.last_key_value().map_or(0, |(number, _)| *number) + 1;
    let plain = rotated_path(&params.path, number);
    fs::rename(&params.path, &plain)?;
    if params.compress {
        compress(&plain)?;
    }
    delete_oldest(params)
}

/// Finishes what a crash interrupted.
pub(super) fn finish_compression(params: &FileParams) -> io::Result<()> {
    if !params.compress {
        return Ok(());
    }
    for path in rotated(params)?.into_values() {
        if path.extension().is_none_or(|extension| extension != "zst") {
            compress(&path)?;
        }
    }
    Ok(())
}

fn delete_oldest(params: &FileParams) -> io::Result<()> {
    let all = rotated(params)?;
    for path in all.values().take(all.len().saturating_sub(params.keep)) {
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Rotated files by number; of a file and its compressed form the plain one, which is whole.
fn rotated(params: &FileParams) -> io::Result<BTreeMap<u64, PathBuf>> {
    let directory = match params.path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let Some(name) = params.path.file_name().and_then(|name| name.to_str()) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path does not name a file"));
    };
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
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
    let mut encoder = zstd::Encoder::new(File::create(&partial)?, LEVEL)?;
    encoder.include_checksum(true)?;
    io::copy(&mut BufReader::new(File::open(plain)?), &mut encoder)?;
    let mut file = encoder.finish()?;
    file.flush()?;
    file.sync_all()?;
    fs::rename(&partial, &whole)?;
    fs::remove_file(plain)
}
