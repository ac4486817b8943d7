//! What moving and looking at the bytes costs.

use std::hint::black_box;

/// Copies every chunk into the same place; gives the number of bytes.
pub fn copied<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> u64 {
    let mut target: Vec<u8> = Vec::new();
    let mut bytes = 0;
    for chunk in chunks {
        target.clear();
        target.extend_from_slice(black_box(chunk));
        bytes += black_box(&target).len() as u64;
    }
    bytes
}

/// Counts line feeds, blocks at a time so that the compiler compares many bytes at once.
pub fn lines<'a>(chunks: impl Iterator<Item = &'a [u8]>) -> u64 {
    let count = |block: &[u8]| block.iter().map(|byte| u8::from(*byte == b'\n')).sum::<u8>();
    chunks
        .map(|chunk| {
            let (blocks, rest) = chunk.as_chunks::<128>();
            let whole: u64 = blocks.iter().map(|block| u64::from(count(block))).sum();
            whole + u64::from(count(rest))
        })
        .sum()
}
