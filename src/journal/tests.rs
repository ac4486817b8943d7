//! Tests of the journal, on a simulated disk unless they say otherwise.

mod basics;
mod crash;
mod damage;
mod disk;
mod storage;
mod large;
mod begin;
mod witness;
mod fixture;

use super::storage::Storage;
use super::testing::Sim;
use super::{Frame, FrameRef, JournalError, Options, Part, Reader, Recovery, Writer, segment};
use bytes::Bytes;

/// A number made of another (splitmix64).
fn mixed(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The frame of an epoch: up to three parts of up to 255 bytes.
fn frame(epoch: u64) -> Frame {
    let part = |index: u64| {
        let seed = mixed(epoch * 8 + index);
        let bytes = (0..seed % 256).map(|at| mixed(seed + at) as u8);
        Part { tag: seed as u8, bytes: bytes.collect::<Vec<u8>>().into() }
    };
    let parts = (0..mixed(epoch) % 4).map(part).collect();
    Frame { epoch, now: 1_700_000_000 + epoch as i64, flags: epoch as u8 & 1, parts }
}

/// Removes all segments whose frames are of epochs before `epoch`; how many.
fn forget_before<S: Storage>(writer: &mut Writer<S>, epoch: u64) -> Result<u64, JournalError> {
    let mut removed = 0;
    while writer.forget_one_before(epoch)?.is_some() {
        removed += 1;
    }
    Ok(removed)
}

/// A frame with one part of so many bytes.
fn sized(epoch: u64, bytes: usize) -> Frame {
    let bytes = Bytes::from(vec![epoch as u8; bytes]);
    Frame { parts: vec![Part { tag: 1, bytes }], ..frame(epoch) }
}

fn options(segment_bytes: u64) -> Options {
    Options { segment_bytes, ..Options::default() }
}

fn open(sim: &Sim, segment_bytes: u64) -> (Writer<Sim>, Recovery) {
    Writer::open_in(sim.clone(), options(segment_bytes)).unwrap()
}

fn append(writer: &mut Writer<Sim>, frame: &Frame) -> Result<u64, JournalError> {
    let parts = frame.part_refs();
    let Frame { epoch, now, flags, .. } = *frame;
    writer.append(&FrameRef { epoch, now, flags, parts: &parts })
}

/// A journal of the frames of these epochs, each synced.
fn journal(epochs: std::ops::Range<u64>, segment_bytes: u64) -> Sim {
    seeded(1, epochs, segment_bytes)
}

/// The same with salts drawn from a seed.
fn seeded(seed: u64, epochs: std::ops::Range<u64>, segment_bytes: u64) -> Sim {
    let sim = Sim::new(seed);
    let (mut writer, _) = open(&sim, segment_bytes);
    for epoch in epochs {
        append(&mut writer, &frame(epoch)).unwrap();
        writer.sync().unwrap();
    }
    sim
}

fn read(sim: &Sim, from: Option<u64>) -> Result<Vec<Frame>, JournalError> {
    let mut reader = Reader::open_in(sim.clone(), from)?;
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        frames.push(frame);
    }
    Ok(frames)
}

/// First epochs of the segments.
fn segments(sim: &Sim) -> Vec<u64> {
    segment::list(sim).unwrap()
}

#[track_caller]
fn expect_frames(found: &[Frame], epochs: std::ops::Range<u64>) {
    let expected: Vec<Frame> = epochs.map(frame).collect();
    assert!(found == expected, "{found:?} where {expected:?} are expected");
}
