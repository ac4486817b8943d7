//! The normal events on disk and in memory, cut into chunks with their ticks.

use crate::harness::args::folder;
use causeway_dataflows::model::Seconds;
use causeway_loadgen::normal::{NormalEvents, Params};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Whole lines of about a megabyte, with the second in which the last was received.
pub struct Chunk {
    /// The lines.
    pub bytes: Vec<u8>,
    /// The tick after them.
    pub tick: Seconds,
}

fn path(params: Params) -> PathBuf {
    let Params { events, live_keys, seed } = params;
    folder().join(format!("normal-{events}-{live_keys}-{seed}.ndjson"))
}

/// Writes the stream, once for all rows of all runs.
///
/// # Panics
/// When `target/bench` cannot be written.
pub fn make(params: Params) {
    let file = File::create(path(params)).expect("target/bench can be written");
    let mut out = BufWriter::with_capacity(1 << 20, file);
    for chunk in NormalEvents::new(params) {
        out.write_all(&chunk).expect("target/bench has room for the input");
    }
    out.flush().expect("target/bench has room for the input");
}

/// Reads up to `events` lines of the stream back.
///
/// # Panics
/// When [`make`] has not run.
pub fn load(params: Params, events: u64) -> Vec<Chunk> {
    let all = std::fs::read(path(params)).expect("the parent has made the input");
    let mut chunks = Vec::new();
    let (mut rest, mut left) = (all.as_slice(), events);
    while !rest.is_empty() && left > 0 {
        let lines = left.min((NormalEvents::CHUNK / 360) as u64);
        let ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let end = ends.map(|(at, _)| at + 1).nth(lines as usize - 1).unwrap_or(rest.len());
        let (chunk, behind) = rest.split_at(end);
        chunks.push(Chunk { tick: last_receipt(chunk), bytes: chunk.to_vec() });
        rest = behind;
        left -= lines;
    }
    chunks
}

/// The second of the last `observed_time` of a chunk.
fn last_receipt(chunk: &[u8]) -> Seconds {
    const FIELD: &[u8] = b"\"observed_time\":";
    let at = chunk.windows(FIELD.len()).rposition(|window| window == FIELD);
    let digits = at.map_or(&[][..], |at| &chunk[at + FIELD.len()..]);
    let number = digits.iter().take_while(|byte| byte.is_ascii_digit());
    number.fold(0i64, |sum, byte| sum * 10 + i64::from(byte - b'0')) / 1_000_000_000
}

/// Every line broken, in the three ways in which bytes break: cut short, not UTF-8, not JSON.
pub fn broken(chunks: &[Chunk]) -> Vec<Chunk> {
    let spoil = |chunk: &Chunk| {
        let mut bytes = Vec::with_capacity(chunk.bytes.len());
        for (number, line) in chunk.bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let begin = bytes.len();
            bytes.extend_from_slice(line);
            match number % 3 {
                0 => {
                    bytes.truncate(begin + line.len() * 9 / 10);
                    bytes.push(b'\n');
                }
                1 => bytes[begin + line.len() / 2] = 0xff,
                _ => bytes[begin] = b'<',
            }
        }
        Chunk { bytes, tick: chunk.tick }
    };
    chunks.iter().map(spoil).collect()
}
