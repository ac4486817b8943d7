//! Frames of more than is read at a time, and disks that refuse to be read.

use super::super::testing::Fault;
use super::super::{Damage, mark};
use super::*;

/// More than two chunks, and no multiple of one.
const LARGE: usize = (512 << 10) + 77;
const SEGMENT_BYTES: u64 = 8 << 20;

/// A journal of large frames, none of which is the same throughout.
fn large(epochs: std::ops::Range<u64>) -> (Sim, Vec<Frame>) {
    let sim = Sim::new(1);
    let (mut writer, _) = open(&sim, SEGMENT_BYTES);
    let frames: Vec<Frame> = epochs.map(varied).collect();
    for frame in &frames {
        append(&mut writer, frame).unwrap();
        writer.sync().unwrap();
    }
    (sim, frames)
}

fn varied(epoch: u64) -> Frame {
    let bytes: Vec<u8> =
        (0..LARGE as u64).map(|at| mixed((epoch << 32) | (at / 64)) as u8).collect();
    Frame { parts: vec![Part { tag: 1, bytes: bytes.into() }], ..frame(epoch) }
}

/// The only segment, and what it holds.
fn contents(sim: &Sim) -> (String, Vec<u8>) {
    let name = segment::name(segments(sim)[0]);
    let bytes = sim.contents(&name).unwrap();
    (name, bytes)
}

#[test]
fn frames_of_several_chunks_are_checked_whole() {
    let (sim, frames) = large(0..3);
    let (_, recovery) = open(&sim, SEGMENT_BYTES);
    assert_eq!((recovery.frames, recovery.last_epoch, &recovery.torn), (3, Some(2), &None));
    assert!(read(&sim, None).unwrap() == frames);
    let (name, whole) = contents(&sim);
    // In the first, the second and the third chunk of the last frame.
    for from_end in [LARGE - 1, LARGE / 2, 1] {
        let mut bytes = whole.clone();
        let at = bytes.len() - from_end;
        bytes[at] ^= 1;
        let damaged = sim.kill();
        damaged.put(&name, Some(bytes));
        damaged.put(mark::NAME, None);
        let (_, recovery) = open(&damaged, SEGMENT_BYTES);
        let torn = recovery.torn.unwrap();
        assert_eq!((torn.epoch, torn.damage), (2, Damage::Payload));
        assert_eq!(recovery.last_epoch, Some(1));
        assert!(read(&damaged, None).unwrap() == frames[..2]);
    }
}

#[test]
fn a_frame_far_behind_damage_says_that_it_was_durable() {
    let (sim, _) = large(0..3);
    let (name, mut bytes) = contents(&sim);
    // The last frame knows of the two before it, and stands two chunks behind this.
    bytes[segment::HEADER_BYTES + 100] ^= 1;
    sim.put(&name, Some(bytes));
    sim.put(mark::NAME, None);
    match Writer::open_in(sim.clone(), options(SEGMENT_BYTES)) {
        Err(JournalError::Corrupt(corruption)) => {
            assert_eq!((corruption.epoch, corruption.offset), (0, 40));
            let witness = corruption.witness.unwrap();
            assert!(witness.starts_with("the frame of epoch "), "{witness}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn of_a_torn_tail_so_much_is_kept_as_is_allowed() {
    let (sim, _) = large(0..2);
    let (name, whole) = contents(&sim);
    let torn_at = whole.len() - LARGE / 3;
    let begins = (whole.len() + segment::HEADER_BYTES) / 2;
    for (allowed, kept_bytes) in [(u64::MAX, torn_at - begins), (300_000, 300_000)] {
        let torn = sim.kill();
        torn.put(&name, Some(whole[..torn_at].to_vec()));
        torn.put(mark::NAME, None);
        let options = Options { torn_bytes_max: allowed, ..options(SEGMENT_BYTES) };
        let (_, recovery) = Writer::open_in(torn.clone(), options).unwrap();
        let found = recovery.torn.unwrap();
        assert_eq!((found.offset, found.bytes), (begins as u64, (torn_at - begins) as u64));
        let kept = found.kept.unwrap();
        let kept = torn.contents(kept.file_name().unwrap().to_str().unwrap()).unwrap();
        assert!(kept == whole[begins..begins + kept_bytes]);
    }
}

#[test]
fn a_disk_that_refuses_to_be_read_makes_no_journal_shorter() {
    let sim = journal(0..12, 600);
    assert!(segments(&sim).len() > 3);
    let whole = read(&sim, None).unwrap();
    let before = sim.calls();
    read(&sim, None).unwrap();
    let calls = sim.calls() - before;
    for call in 1..=calls {
        sim.fail(call, Fault::Eio);
        match read(&sim, None) {
            Err(JournalError::Io { .. }) => {}
            other => panic!("call {call} of {calls}: {other:?}"),
        }
        sim.fail(call, Fault::Short);
        assert!(read(&sim, None).unwrap() == whole, "call {call} of {calls}");
    }
}
