//! Standard input: lines as they come, or a compressed stream.

use super::chunk::{ChunkLimits, Chunker};
use super::compressed::decompressed;
use std::io::{self, Read};

/// Name of the stream where an origin has a file's.
const PARTITION: &str = "stdin";

/// Chunks of standard input. `eager` returns lines as soon as they are there, for a live
/// process; otherwise a chunk is filled first, for a replay.
///
/// # Errors
/// When standard input cannot be read.
pub fn chunks(
    source_id: &str,
    limits: ChunkLimits,
    eager: bool,
) -> io::Result<Chunker<Box<dyn Read + Send>>> {
    // Unlocked, each read takes the lock: nobody else reads, and the handle may move to a thread.
    let chunker = Chunker::new(decompressed(io::stdin())?, source_id, Some(PARTITION), limits);
    Ok(if eager { chunker.eager() } else { chunker })
}
