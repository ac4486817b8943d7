//! What is written is read: rotation, retention, reopening, a full disk, a failed sync.

use super::super::PartRef;
use super::super::testing::Fault;
use super::*;
use proptest::prelude::*;

/// Any parts: tags and bodies, with bodies that are empty and bodies larger than a segment.
fn any_parts() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let body = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        proptest::collection::vec(any::<u8>(), 0..3000),
    ];
    proptest::collection::vec((any::<u8>(), body), 0..6)
}

/// Bytes of all segments as they lie there.
fn bytes_on(sim: &Sim) -> u64 {
    let bytes = |first| sim.contents(&segment::name(first)).unwrap().len() as u64;
    segments(sim).into_iter().map(bytes).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]
    #[test]
    fn frames_come_back_as_they_were(
        frames in proptest::collection::vec((any_parts(), any::<i64>(), any::<u8>()), 1..20),
        first in 0..u64::MAX / 2,
        segment_bytes in 1_u64..6000,
        from in 0_u64..20,
    ) {
        let sim = Sim::new(1);
        let (mut writer, _) = open(&sim, segment_bytes);
        let mut expected = Vec::new();
        for (epoch, (parts, now, flags)) in (first..).zip(&frames) {
            let parts: Vec<PartRef<'_>> =
                parts.iter().map(|(tag, bytes)| PartRef { tag: *tag, bytes }).collect();
            let frame = FrameRef { epoch, now: *now, flags: *flags, parts: &parts };
            writer.append(&frame).unwrap();
            let own = parts.iter().map(|part| Part {
                tag: part.tag,
                bytes: Bytes::copy_from_slice(part.bytes),
            });
            expected.push(Frame { epoch, now: *now, flags: *flags, parts: own.collect() });
        }
        writer.sync().unwrap();
        prop_assert_eq!(writer.bytes(), bytes_on(&sim));
        prop_assert_eq!(&read(&sim, None).unwrap(), &expected);
        let from = first + from % expected.len() as u64;
        let tail = &expected[(from - first) as usize..];
        prop_assert_eq!(read(&sim, Some(from)).unwrap(), tail);
        let (writer, recovery) = open(&sim, segment_bytes);
        prop_assert_eq!(writer.next_epoch(), Some(first + expected.len() as u64));
        prop_assert_eq!(recovery, Recovery {
            frames: expected.len() as u64,
            first_epoch: Some(first),
            last_epoch: expected.last().map(|frame| frame.epoch),
            tick: expected.last().map(|frame| frame.now),
            torn: None,
        });
    }
}

#[test]
fn an_empty_journal_takes_any_epoch_and_then_the_next() {
    let sim = Sim::new(1);
    let (mut writer, recovery) = open(&sim, 1000);
    assert_eq!(recovery, Recovery::default());
    assert_eq!((writer.next_epoch(), writer.first_epoch(), writer.bytes()), (None, None, 0));
    writer.sync().unwrap();
    append(&mut writer, &frame(70)).unwrap();
    for wrong in [70, 72, 0] {
        let refused = append(&mut writer, &frame(wrong)).unwrap_err();
        assert!(matches!(refused, JournalError::Order { expected: 71, epoch } if epoch == wrong));
    }
    append(&mut writer, &frame(71)).unwrap();
    writer.sync().unwrap();
    assert_eq!((writer.first_epoch(), writer.next_epoch()), (Some(70), Some(72)));
    expect_frames(&read(&sim, None).unwrap(), 70..72);
    assert!(matches!(read(&sim, Some(69)), Err(JournalError::Forgotten { asked: 69, first: 70 })));
    assert!(read(&sim, Some(72)).unwrap().is_empty());
}

#[test]
fn a_segment_ends_where_the_next_frame_does_not_fit() {
    let sim = Sim::new(1);
    let (mut writer, _) = open(&sim, 1000);
    // A segment's header has 40 bytes, a frame of one part 69 and its body: three of 251
    // bytes end at 1000.
    for (epoch, bytes) in [(1, 251), (2, 251), (3, 251), (4, 1), (5, 5000), (6, 1), (7, 1)] {
        let written = append(&mut writer, &sized(epoch, bytes)).unwrap();
        assert_eq!(written, 69 + bytes as u64);
    }
    writer.sync().unwrap();
    assert_eq!((segments(&sim), writer.segments()), (vec![1, 4, 5, 6], 4));
    let epochs: Vec<u64> = read(&sim, None).unwrap().iter().map(|frame| frame.epoch).collect();
    assert_eq!(epochs, [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn whole_segments_are_forgotten_oldest_first() {
    let sim = journal(0..40, 1000);
    let (mut writer, _) = open(&sim, 1000);
    let before = segments(&sim);
    assert!(before.len() > 5, "{before:?}");
    assert_eq!(forget_before(&mut writer, before[1] - 1).unwrap(), 0);
    assert_eq!(forget_before(&mut writer, before[1]).unwrap(), 1);
    assert_eq!(forget_before(&mut writer, before[3] + 1).unwrap(), 2);
    assert_eq!(segments(&sim), before[3..]);
    assert_eq!(writer.segments(), before[3..].len() as u64);
    assert_eq!(writer.first_epoch(), Some(before[3]));
    expect_frames(&read(&sim, None).unwrap(), before[3]..40);
    // What was removed stays so when the machine crashes.
    assert_eq!(segments(&sim.crash(1)), before[3..]);
    forget_before(&mut writer, u64::MAX).unwrap();
    assert_eq!(segments(&sim).len(), 1);
    append(&mut writer, &frame(40)).unwrap();
    writer.sync().unwrap();
    assert_eq!(open(&sim, 1000).1.last_epoch, Some(40));
}

#[test]
fn a_journal_goes_on_where_it_was_left() {
    let sim = Sim::new(1);
    for epoch in 0..30 {
        let (mut writer, recovery) = open(&sim, 1000);
        assert_eq!(recovery.frames, epoch);
        assert_eq!(writer.durable(), epoch);
        append(&mut writer, &frame(epoch)).unwrap();
        assert_eq!(writer.next_epoch(), Some(epoch + 1));
    }
    expect_frames(&read(&sim, None).unwrap(), 0..30);
}

#[test]
fn a_reader_follows_a_writer() {
    let sim = Sim::new(1);
    let mut reader = Reader::open_in(sim.clone(), None).unwrap();
    assert_eq!(reader.next_frame().unwrap(), None);
    let (mut writer, _) = open(&sim, 1000);
    for epoch in 5..25 {
        append(&mut writer, &frame(epoch)).unwrap();
        assert_eq!(reader.next_frame().unwrap(), Some(frame(epoch)));
        assert_eq!(reader.next_frame().unwrap(), None);
        assert_eq!(reader.torn(), None);
    }
    // A frame that is half there is waited for.
    let last = segment::name(*segments(&sim).last().unwrap());
    append(&mut writer, &frame(25)).unwrap();
    let name = segment::name(*segments(&sim).last().unwrap());
    assert_eq!(name, last, "the frame is in the segment that the reader is in");
    let whole = sim.contents(&name).unwrap();
    for cut in [1, 30, 70] {
        let at = whole.len() as u64 - cut;
        let half = Sim::new(1);
        for first in segments(&sim) {
            half.put(&segment::name(first), sim.contents(&segment::name(first)));
        }
        half.put(&name, Some(whole[..at as usize].to_vec()));
        let mut reader = Reader::open_in(half, Some(24)).unwrap();
        assert_eq!(reader.next_frame().unwrap(), Some(frame(24)));
        assert_eq!(reader.next_frame().unwrap(), None);
        assert_eq!(reader.torn().unwrap().epoch, 25);
    }
    assert_eq!(reader.next_frame().unwrap(), Some(frame(25)));
}

#[test]
fn a_reader_that_is_overtaken_by_retention_says_so() {
    let sim = journal(0..40, 1000);
    let mut reader = Reader::open_in(sim.clone(), Some(0)).unwrap();
    assert_eq!(reader.next_frame().unwrap(), Some(frame(0)));
    let (mut writer, _) = open(&sim, 1000);
    forget_before(&mut writer, 39).unwrap();
    let mut refused = None;
    while refused.is_none() {
        refused = reader.next_frame().err();
    }
    assert!(matches!(refused, Some(JournalError::Forgotten { .. })), "{refused:?}");
}

#[test]
fn without_room_the_frame_is_taken_back() {
    // Every call of an append that begins a segment, and of one that does not.
    for (call, size) in (1..9).flat_map(|call| [(call, 10), (call, 2000)]) {
        let sim = journal(0..3, 1000);
        let (mut writer, _) = open(&sim, 1000);
        let bytes = writer.bytes();
        sim.fail(call, Fault::Enospc);
        match append(&mut writer, &sized(3, size)) {
            Ok(_) => continue,
            Err(JournalError::Full { .. }) => {}
            Err(error) => {
                assert!(!error.is_passing());
                continue;
            }
        }
        // At most the header of a new segment is there.
        assert!([0, 40].contains(&(writer.bytes() - bytes)));
        assert_eq!(writer.bytes(), bytes_on(&sim), "nothing of the frame is left");
        assert!(append(&mut writer, &sized(3, size)).unwrap_err().is_passing());
        expect_frames(&read(&sim, None).unwrap(), 0..3);
        writer.sync().unwrap();
        sim.free();
        append(&mut writer, &sized(3, size)).unwrap();
        writer.sync().unwrap();
        assert_eq!(read(&sim.crash(1), Some(3)).unwrap(), [sized(3, size)]);
    }
}

#[test]
fn a_cut_that_failed_is_made_up_for() {
    let sim = journal(0..3, 1 << 20);
    let (mut writer, _) = open(&sim, 1 << 20);
    // Half of the frame is written, then there is no room, then the cut fails.
    sim.fail(1, Fault::Enospc);
    sim.fail(3, Fault::Eio);
    assert!(append(&mut writer, &sized(3, 5000)).unwrap_err().is_passing());
    assert!(bytes_on(&sim) > writer.bytes(), "the case is not the one that is meant");
    sim.free();
    append(&mut writer, &sized(3, 5)).unwrap();
    assert_eq!(bytes_on(&sim), writer.bytes());
    assert_eq!(read(&sim, Some(3)).unwrap(), [sized(3, 5)]);
}

#[test]
fn a_sync_that_failed_is_not_asked_again() {
    for fault in [Fault::Eio, Fault::Enospc] {
        let sim = journal(0..3, 1000);
        let (mut writer, _) = open(&sim, 1000);
        append(&mut writer, &frame(3)).unwrap();
        sim.fail(1, fault);
        assert!(matches!(writer.sync(), Err(JournalError::Io { action: "sync", .. })));
        let calls = sim.calls();
        assert!(matches!(writer.sync(), Err(JournalError::Poisoned { .. })));
        assert!(matches!(append(&mut writer, &frame(4)), Err(JournalError::Poisoned { .. })));
        assert!(matches!(forget_before(&mut writer, 2), Err(JournalError::Poisoned { .. })));
        assert_eq!(sim.calls(), calls, "nothing is written any more");
        // The process ends and starts again: what it still sees becomes durable indeed.
        let restarted = sim.kill();
        assert_eq!(open(&restarted, 1000).1.last_epoch, Some(3));
        assert_eq!(read(&restarted.crash(0), Some(3)).unwrap(), [frame(3)]);
    }
}

#[test]
fn a_failed_write_poisons() {
    let sim = journal(0..3, 1 << 20);
    let (mut writer, _) = open(&sim, 1 << 20);
    sim.fail(1, Fault::Eio);
    let refused = append(&mut writer, &frame(3)).unwrap_err();
    assert!(matches!(refused, JournalError::Io { action: "write", .. }), "{refused}");
    assert!(matches!(writer.sync(), Err(JournalError::Poisoned { .. })));
}

#[test]
fn nothing_is_synced_twice() {
    let sim = journal(0..3, 1000);
    let (mut writer, _) = open(&sim, 1000);
    let calls = sim.calls();
    writer.sync().unwrap();
    assert_eq!(sim.calls(), calls);
}
