//! What commands that read and write files of rows have in common.

use crate::ingest::compressed::decompressed;
use anyhow::Context as _;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

const BUFFER_BYTES: usize = 1 << 16;

/// Whether a path stands for standard input or output.
pub(super) fn is_standard(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens what may be compressed; `-` is standard input.
pub(super) fn open(path: &Path) -> anyhow::Result<Box<dyn Read + Send>> {
    let opened = match is_standard(path) {
        true => decompressed(io::stdin()),
        false => File::open(path).and_then(decompressed),
    };
    opened.with_context(|| format!("cannot read {}; correct the path", path.display()))
}

/// Makes a file anew; `-` is standard output.
pub(super) fn create(path: &Path) -> anyhow::Result<Box<dyn Write>> {
    if is_standard(path) {
        return Ok(Box::new(BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock())));
    }
    let unwritten =
        || format!("cannot write {}; name a file in a folder that can be written", path.display());
    let file = File::create(path).with_context(unwritten)?;
    Ok(Box::new(BufWriter::with_capacity(BUFFER_BYTES, file)))
}

/// Whether writing would destroy what is read.
pub(super) fn same_file(one: &Path, other: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().ok();
    !is_standard(one) && whole(one).is_some_and(|path| whole(other) == Some(path))
}

/// Writes rows, a quote around fields that need one.
pub(super) fn writer<W: Write>(out: W) -> csv::Writer<W> {
    csv::WriterBuilder::new().flexible(true).from_writer(out)
}
