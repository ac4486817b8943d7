//! Where a segment begins: without room, on a disk that refuses, among others that do not fit.

use super::super::testing::Fault;
use super::super::{Damage, mark};
use super::*;

/// A frame to a segment.
const SEGMENT_BYTES: u64 = 1;

/// A journal of one segment.
fn one() -> (Sim, Writer<Sim>) {
    let sim = journal(0..1, SEGMENT_BYTES);
    let (writer, _) = open(&sim, SEGMENT_BYTES);
    (sim, writer)
}

/// The same, and what comes of a second segment of which a call fails.
fn begun(call: u64, fault: Fault) -> (Sim, Writer<Sim>, Result<u64, JournalError>) {
    let (sim, mut writer) = one();
    sim.fail(call, fault);
    let came = append(&mut writer, &frame(1));
    (sim, writer, came)
}

/// Calls that a second segment takes.
fn calls() -> u64 {
    let (sim, mut writer) = one();
    let before = sim.calls();
    append(&mut writer, &frame(1)).unwrap();
    sim.calls() - before
}

#[test]
fn without_room_for_a_segment_the_one_before_stays_the_last() {
    let mut full = 0;
    for call in 1..=calls() {
        let (sim, mut writer, came) = begun(call, Fault::Enospc);
        if !matches!(came, Err(JournalError::Full { .. })) {
            continue;
        }
        full += 1;
        // Made, or put into, in vain: what there is of it holds no frame.
        expect_frames(&read(&sim, None).unwrap(), 0..1);
        let (opened, _) = open(&sim.kill(), SEGMENT_BYTES);
        assert_eq!((opened.first_epoch(), opened.next_epoch()), (Some(0), Some(1)));
        sim.free();
        append(&mut writer, &frame(1)).unwrap();
        writer.sync().unwrap();
        drop(writer);
        assert_eq!(segments(&sim), [0, 1]);
        expect_frames(&read(&sim, None).unwrap(), 0..2);
    }
    // Making it, and writing its header.
    assert!(full >= 2, "{full} of {} calls", calls());
}

#[test]
fn an_error_of_the_disk_is_none_of_room() {
    for call in 1..=calls() {
        let (_, mut writer, came) = begun(call, Fault::Eio);
        match came {
            Err(JournalError::Io { .. }) => {
                let again = append(&mut writer, &frame(1));
                assert!(matches!(again, Err(JournalError::Poisoned { .. })), "{again:?}");
            }
            other => panic!("call {call}: {other:?}"),
        }
    }
    let (_, _, came) = begun(1, Fault::Eio);
    assert!(matches!(came, Err(JournalError::Io { action: "make", .. })), "{came:?}");
}

#[test]
fn a_segment_that_begins_within_another_is_named() {
    let sim = journal(0..20, 1500);
    let firsts = segments(&sim);
    let [_, second, third, fourth, ..] = firsts[..] else { panic!("{firsts:?}") };
    // Without the third, the fourth says that frames are missing.
    sim.put(&segment::name(third), None);
    match read(&sim, None) {
        Err(JournalError::Missing { from, to, .. }) => assert_eq!((from, to), (third, fourth - 1)),
        other => panic!("{other:?}"),
    }
    // One that begins within the second is none that follows it.
    assert!(second + 1 < third);
    let header = segment::Header { first: second + 1, salt: 1 };
    sim.put(&segment::name(second + 1), Some(header.encode().to_vec()));
    match read(&sim, None) {
        Err(JournalError::Corrupt(corruption)) => {
            assert_eq!((corruption.epoch, corruption.damage), (second + 1, Damage::Overlap));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_segment_without_a_frame_holds_no_epoch() {
    let sim = Sim::new(1);
    let (mut writer, _) = open(&sim, SEGMENT_BYTES);
    // The segment is there; the frame is refused.
    sim.fail(5, Fault::Enospc);
    assert!(append(&mut writer, &frame(7)).is_err());
    assert_eq!((segments(&sim), writer.segments()), (vec![7], 1));
    assert_eq!(writer.first_epoch(), None);
    sim.free();
    append(&mut writer, &frame(7)).unwrap();
    assert_eq!(writer.first_epoch(), Some(7));
}

/// A journal with a segment for each of these epochs, of whose last so many bytes are there.
fn cut_in_its_last_header(epochs: std::ops::Range<u64>, bytes: usize) -> Sim {
    let sim = journal(epochs.clone(), SEGMENT_BYTES);
    let name = segment::name(epochs.end - 1);
    let whole = sim.contents(&name).unwrap();
    sim.put(&name, Some(whole[..bytes].to_vec()));
    // The mark as it was when the segment was begun: it says so of the epochs before.
    let before = journal(epochs.start..epochs.end - 1, SEGMENT_BYTES);
    sim.put(mark::NAME, before.contents(mark::NAME));
    sim
}

#[test]
fn a_segment_that_was_being_made_is_made_again() {
    for (bytes, torn_bytes) in [(10, Some(10)), (0, None)] {
        let sim = cut_in_its_last_header(0..4, bytes);
        let (mut writer, recovery) = open(&sim, SEGMENT_BYTES);
        assert_eq!(recovery.torn.map(|torn| torn.bytes), torn_bytes);
        assert_eq!(segments(&sim), [0, 1, 2]);
        append(&mut writer, &frame(3)).unwrap();
        writer.sync().unwrap();
        expect_frames(&read(&sim, None).unwrap(), 0..4);
    }
}

#[test]
fn nor_is_it_one_in_the_making_where_all_before_it_is_gone() {
    let sim = cut_in_its_last_header(0..4, 10);
    for epoch in 0..3 {
        sim.put(&segment::name(epoch), None);
    }
    match Writer::open_in(sim.clone(), options(SEGMENT_BYTES)) {
        Err(JournalError::Corrupt(corruption)) => {
            assert_eq!((corruption.epoch, corruption.damage), (3, Damage::SegmentHeader));
            assert_eq!(corruption.witness.as_deref(), Some(mark::NAME));
        }
        other => panic!("{other:?}"),
    }
    // Without any segment, all that the mark speaks of is missing.
    sim.put(&segment::name(3), None);
    match Writer::open_in(sim, options(SEGMENT_BYTES)) {
        Err(JournalError::Missing { from: 0, to: 2, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_torn_end_excuses_no_segment_within_another() {
    let sim = journal(0..20, 1500);
    let last = *segments(&sim).last().unwrap();
    sim.put(&segment::name(last), Some(Vec::new()));
    sim.put(mark::NAME, None);
    assert_eq!(open(&sim.kill(), 1500).1.last_epoch, Some(last - 1));
    let header = segment::Header { first: 1, salt: 1 };
    sim.put(&segment::name(1), Some(header.encode().to_vec()));
    match Writer::open_in(sim, options(1500)) {
        Err(JournalError::Corrupt(corruption)) => {
            assert_eq!((corruption.epoch, corruption.damage), (1, Damage::Overlap));
        }
        other => panic!("{other:?}"),
    }
}
