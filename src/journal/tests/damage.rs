//! Damage is refused, or costs the last frame and says so; it is never taken for truth.

use super::super::{Damage, mark};
use super::*;

const SEGMENT_BYTES: u64 = 1500;
const EPOCHS: u64 = 30;
/// Cases of each kind.
const CASES: u64 = 700;

/// What became of a damaged journal.
#[derive(Debug, PartialEq)]
enum Came {
    Refused,
    /// It opened with this many frames.
    Opened(u64),
}

/// Opens and reads a damaged journal: it is refused, or all that it shows is true.
fn try_out(sim: &Sim, case: &str) -> Came {
    let shown = read(sim, None);
    let came = match Writer::open_in(sim.clone(), options(SEGMENT_BYTES)) {
        Ok((_, recovery)) => Came::Opened(recovery.frames),
        Err(JournalError::Corrupt(_) | JournalError::Missing { .. }) => Came::Refused,
        Err(error) => panic!("{case}: {error}"),
    };
    match (shown, &came) {
        (Ok(frames), Came::Opened(count)) => {
            assert_eq!(frames.len() as u64, *count, "{case}");
            expect_frames(&frames, 0..*count);
            expect_frames(&read(sim, None).unwrap(), 0..*count);
        }
        (Err(_), Came::Refused) => {}
        // An empty directory is no damage to a reader, which may have come early.
        (Ok(frames), Came::Refused) => assert!(frames.is_empty(), "{case}"),
        (Err(error), came) => panic!("{case}: {came:?}, but {error}"),
    }
    came
}

/// A journal, one of its files, and a byte of that, by chance.
fn chosen(case: u64) -> (Sim, String, Vec<u8>, usize) {
    let sim = journal(0..EPOCHS, SEGMENT_BYTES);
    if case.is_multiple_of(2) {
        sim.put(mark::NAME, None);
    }
    let firsts = segments(&sim);
    let files = firsts.len() as u64;
    // One in three is in the last segment.
    let index = mixed(case) % (files + files / 2);
    let name = segment::name(firsts[index.min(files - 1) as usize]);
    let contents = sim.contents(&name).unwrap();
    let at = mixed(case + 1_000_000) as usize % contents.len();
    (sim, name, contents, at)
}

#[test]
fn a_flipped_bit_is_refused_or_costs_the_last_frame() {
    let (mut refused, mut shorter) = (0, 0);
    for case in 0..CASES {
        let (sim, name, mut contents, at) = chosen(case);
        contents[at] ^= 1 << (mixed(case + 2_000_000) % 8);
        sim.put(&name, Some(contents));
        match try_out(&sim, &format!("case {case}: {name} at {at}")) {
            Came::Refused => refused += 1,
            Came::Opened(frames) => {
                assert!(case.is_multiple_of(2), "case {case}: the mark was there");
                assert_eq!(frames, EPOCHS - 1, "case {case}");
                shorter += 1;
            }
        }
    }
    assert!(refused > CASES / 2 && shorter > 3, "{refused} refused, {shorter} shorter");
}

#[test]
fn spoilt_stretches_are_refused_or_cost_the_last_frame() {
    for case in 0..CASES {
        let (sim, name, mut contents, at) = chosen(case);
        let end = (at + 1 + mixed(case + 3_000_000) as usize % 300).min(contents.len());
        let before = contents.clone();
        for (index, byte) in contents[at..end].iter_mut().enumerate() {
            *byte = if case % 4 < 2 { 0 } else { mixed(case * 1000 + index as u64) as u8 };
        }
        let same = contents == before;
        sim.put(&name, Some(contents));
        match try_out(&sim, &format!("case {case}: {name} from {at} to {end}")) {
            Came::Refused => {}
            Came::Opened(EPOCHS) => assert!(same, "case {case}"),
            Came::Opened(frames) => {
                // The stretch may take in some of the last frames, up to the end.
                assert!(case.is_multiple_of(2) && frames + 6 >= EPOCHS, "case {case}: {frames}");
            }
        }
    }
}

#[test]
fn a_file_that_was_cut_short_is_refused_or_ends_sooner() {
    for case in 0..CASES {
        let (sim, name, contents, at) = chosen(case);
        let firsts = segments(&sim);
        let last = segment::name(*firsts.last().unwrap()) == name;
        sim.put(&name, Some(contents[..at].to_vec()));
        match try_out(&sim, &format!("case {case}: {name} cut at {at}")) {
            Came::Refused => assert!(!last || !case.is_multiple_of(2), "case {case}"),
            // Without a witness a cut is what a crash may leave.
            Came::Opened(frames) => {
                assert!(last && case.is_multiple_of(2), "case {case}: {frames}");
                assert!(frames >= *firsts.last().unwrap(), "case {case}: {frames}");
            }
        }
    }
}

#[test]
fn a_damaged_mark_is_no_witness_and_no_harm() {
    for case in 0..CASES {
        let sim = journal(0..EPOCHS, SEGMENT_BYTES);
        let mut contents = sim.contents(mark::NAME).unwrap();
        let at = mixed(case) as usize % contents.len();
        contents[at] ^= 1 << (case % 8);
        sim.put(mark::NAME, Some(contents));
        assert_eq!(try_out(&sim, &format!("case {case}")), Came::Opened(EPOCHS));
    }
}

#[test]
fn a_segment_that_is_gone_is_missed() {
    let firsts = segments(&journal(0..EPOCHS, SEGMENT_BYTES));
    for (index, first) in firsts.iter().enumerate() {
        let sim = journal(0..EPOCHS, SEGMENT_BYTES);
        sim.put(&segment::name(*first), None);
        let opened = Writer::open_in(sim.clone(), options(SEGMENT_BYTES));
        if index == 0 {
            // Nothing says that there was one: the oldest are forgotten.
            assert_eq!(opened.unwrap().1.first_epoch, Some(firsts[1]));
            continue;
        }
        let (next, witness) = match firsts.get(index + 1) {
            Some(next) => (*next, segment::name(*next)),
            None => (EPOCHS, mark::NAME.to_owned()),
        };
        match opened.unwrap_err() {
            JournalError::Missing { from, to, witness: said, .. } => {
                assert_eq!((from, to, said), (*first, next - 1, witness));
            }
            other => panic!("{other}"),
        }
        assert!(matches!(read(&sim, None), Err(JournalError::Missing { .. })));
    }
    let sim = journal(0..EPOCHS, SEGMENT_BYTES);
    firsts.iter().for_each(|first| sim.put(&segment::name(*first), None));
    assert_eq!(try_out(&sim, "all gone"), Came::Refused);
}

#[test]
fn segments_that_overlap_are_refused() {
    let sim = journal(0..EPOCHS, SEGMENT_BYTES);
    let first = segments(&sim)[1];
    let other = journal(first + 1..first + 2, SEGMENT_BYTES);
    let name = segment::name(first + 1);
    sim.put(&name, other.contents(&name));
    match Writer::open_in(sim, options(SEGMENT_BYTES)).unwrap_err() {
        JournalError::Corrupt(corruption) => assert_eq!(corruption.damage, Damage::Overlap),
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_refused_is_named_with_its_place_and_remedy() {
    let sim = journal(0..EPOCHS, 1 << 20);
    let name = segment::name(0);
    let mut contents = sim.contents(&name).unwrap();
    contents[40 + 30] ^= 1;
    sim.put(&name, Some(contents));
    for marked in [true, false] {
        if !marked {
            sim.put(mark::NAME, None);
        }
        let said = Writer::open_in(sim.clone(), Options::default()).unwrap_err().to_string();
        let place = "sim/00000000000000000000.log is damaged at byte 40, epoch 0: the frame's";
        assert!(said.contains(place), "{said}");
        let witness = if marked { "durable (mark)" } else { "durable (the frame of epoch 1 at" };
        assert!(said.contains(witness), "{said}");
        assert!(said.contains("; put a whole copy of the file in its place"), "{said}");
    }
}

#[test]
fn a_whole_frame_behind_a_torn_one_is_no_witness_by_itself() {
    let sim = journal(0..4, 1 << 20);
    let (mut writer, _) = open(&sim, 1 << 20);
    let torn_at = writer.bytes() as usize;
    for epoch in 4..8 {
        append(&mut writer, &sized(epoch, 100)).unwrap();
    }
    // The machine dies before a sync: all but the first of the four reached the disk.
    let mut contents = sim.contents(&segment::name(0)).unwrap();
    contents[torn_at + 80] ^= 1;
    sim.put(&segment::name(0), Some(contents));
    let (writer, recovery) = open(&sim, 1 << 20);
    assert_eq!((recovery.last_epoch, writer.next_epoch()), (Some(3), Some(4)));
    let torn = recovery.torn.unwrap();
    assert_eq!((torn.offset, torn.bytes), (torn_at as u64, 4 * 169));
    assert_eq!((torn.epoch, torn.damage), (4, Damage::Payload));
    assert_eq!(sim.contents(&segment::torn_name(0, torn.offset)).unwrap().len(), 4 * 169);
}

#[test]
fn a_frame_within_an_event_is_no_witness() {
    // A sender puts frames into an event so that they lie where frames would lie, and the
    // frame of the event is torn. What the sender cannot know is the salt.
    for (seed, known) in [(1, true), (2, false)] {
        let sim = journal(0..4, 1 << 20);
        sim.put(mark::NAME, None);
        let name = segment::name(0);
        let mut contents = sim.contents(&name).unwrap();
        let end = contents.len();
        let event = seeded(seed, 0..EPOCHS, 1 << 20).contents(&name).unwrap();
        contents.extend(&event[end..]);
        contents[end + 5] ^= 1;
        sim.put(&name, Some(contents));
        let opened = Writer::open_in(sim, options(1 << 20));
        match opened.map(|(_, recovery)| recovery.last_epoch) {
            Ok(last) => assert!(!known && last == Some(3)),
            Err(error) => assert!(known, "{error}"),
        }
    }
}

#[test]
fn zeros_at_the_end_are_a_torn_tail() {
    for zeros in [1, 63, 64, 5000] {
        let sim = journal(0..4, 1 << 20);
        let mut contents = sim.contents(&segment::name(0)).unwrap();
        let end = contents.len();
        contents.resize(end + zeros, 0);
        sim.put(&segment::name(0), Some(contents));
        let (_, recovery) = open(&sim, 1 << 20);
        let torn = recovery.torn.unwrap();
        assert_eq!((torn.offset, torn.bytes), (end as u64, zeros as u64));
        assert_eq!(torn.kept, None, "zeros are not worth keeping");
        assert_eq!(sim.contents(&segment::name(0)).unwrap().len(), end);
        expect_frames(&read(&sim, None).unwrap(), 0..4);
    }
}

#[test]
fn a_segment_that_was_being_made_is_made_again() {
    for length in [0, 1, 39, 40] {
        let sim = journal(0..4, 1);
        let other = journal(4..5, 1).contents(&segment::name(4)).unwrap();
        sim.put(&segment::name(4), Some(other[..length].to_vec()));
        assert!(read(&sim, None).unwrap().len() == 4);
        let (mut writer, recovery) = open(&sim, 1);
        assert_eq!((recovery.frames, writer.next_epoch()), (4, Some(4)));
        append(&mut writer, &frame(4)).unwrap();
        writer.sync().unwrap();
        expect_frames(&read(&sim, None).unwrap(), 0..5);
    }
    // The very first one.
    let sim = Sim::new(1);
    sim.put(&segment::name(9), Some(b"CWJ".to_vec()));
    let (writer, recovery) = open(&sim, 1);
    assert_eq!((recovery.frames, writer.next_epoch()), (0, None));
    assert!(segments(&sim).is_empty());
    // One of the last epochs that are left is not that.
    let sim = journal(0..4, 1);
    (0..3).for_each(|first| sim.put(&segment::name(first), None));
    sim.put(&segment::name(3), Some(b"CWJ".to_vec()));
    assert_eq!(try_out(&sim, "short"), Came::Refused);
}

#[test]
fn tails_are_kept_within_bounds() {
    let sim = journal(0..1, 1 << 20);
    let own = Options { segment_bytes: 1 << 20, torn_bytes_max: 100 };
    for epoch in 1..10 {
        let name = segment::name(0);
        let mut contents = sim.contents(&name).unwrap();
        contents.extend([b'x'; 300]);
        sim.put(&name, Some(contents));
        let (mut writer, recovery) = Writer::open_in(sim.clone(), own).unwrap();
        assert!(recovery.torn.is_some_and(|torn| torn.kept.is_some()));
        append(&mut writer, &frame(epoch)).unwrap();
        writer.sync().unwrap();
    }
    let kept = segment::list_torn(&sim).unwrap();
    assert_eq!(kept.len(), 4);
    for name in kept {
        assert_eq!(sim.contents(&name).unwrap(), [b'x'; 100]);
    }
}
