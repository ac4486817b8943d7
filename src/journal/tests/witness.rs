//! What is told apart: a half-written frame from damage, damage from a writer's mistake.

use super::super::frame::{self, Header, number};
use super::super::mark::{self, Mark};
use super::super::storage::Storage;
use super::super::testing::SimFile;
use super::super::{Damage, cursor};
use super::*;
use std::cell::RefCell;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;

/// What happens meanwhile, the last first.
type Acts = Rc<RefCell<Vec<Box<dyn FnOnce()>>>>;

/// A storage in which something happens while a reader lists it.
#[derive(Clone)]
struct Meanwhile {
    sim: Sim,
    happens: Acts,
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meanwhile")
    }
}

impl Storage for Meanwhile {
    type File = SimFile;

    fn create(&self, name: &str) -> io::Result<SimFile> {
        self.sim.create(name)
    }

    fn open(&self, name: &str, writing: bool) -> io::Result<SimFile> {
        self.sim.open(name, writing)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.sim.remove(name)
    }

    fn list(&self) -> io::Result<Vec<String>> {
        if let Some(act) = self.happens.borrow_mut().pop() {
            act();
        }
        self.sim.list()
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.sim.sync_dir()
    }

    fn salt(&self) -> u64 {
        self.sim.salt()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sim.path(name)
    }
}

/// A reader at the end of a journal of epochs 0 to 3, in front of `tail` bytes of more;
/// while it looks for a witness, `writer` writes epochs 4 to 9.
fn overtaken(tail: usize, segment_bytes: u64) -> (Reader<Meanwhile>, Sim) {
    let sim = journal(0..4, segment_bytes);
    let (mut writer, _) = open(&sim, segment_bytes);
    let happens: Acts = Rc::default();
    let meanwhile = Meanwhile { sim: sim.clone(), happens: Rc::clone(&happens) };
    let mut reader = Reader::open_in(meanwhile, Some(0)).unwrap();
    for epoch in 0..4 {
        assert_eq!(reader.next_frame().unwrap(), Some(frame(epoch)));
    }
    if tail > 0 {
        // What is there of the next frame when the reader looks.
        use super::super::storage::StorageFile;
        let name = segment::name(*segments(&sim).last().unwrap());
        let mut file = sim.open(&name, true).unwrap();
        let end = file.bytes().unwrap();
        file.write_at(end, &[io::IoSlice::new(&vec![b'C'; tail])]).unwrap();
    }
    happens.borrow_mut().push(Box::new(move || {
        for epoch in 4..10 {
            append(&mut writer, &frame(epoch)).unwrap();
            writer.sync().unwrap();
        }
    }));
    (reader, sim)
}

#[test]
fn a_frame_that_becomes_whole_while_it_is_doubted_is_read() {
    for (tail, segment_bytes) in [(0, 1 << 20), (10, 1 << 20), (70, 1 << 20), (0, 1), (0, 900)] {
        let (mut reader, _) = overtaken(tail, segment_bytes);
        for epoch in 4..10 {
            assert_eq!(reader.next_frame().unwrap(), Some(frame(epoch)), "{tail} {segment_bytes}");
        }
        assert_eq!(reader.next_frame().unwrap(), None);
        assert_eq!(reader.torn(), None);
    }
}

#[test]
fn a_witness_is_found_wherever_its_header_lies() {
    // The header behind the bad frame straddles the chunks in which it is searched for.
    for before in [0, 1, 31, 63, 64, 65] {
        let body = cursor::CHUNK_BYTES + 1 - before - 69;
        let sim = Sim::new(1);
        let (mut writer, _) = open(&sim, 1 << 20);
        for epoch in 0..2 {
            append(&mut writer, &sized(epoch, body)).unwrap();
            writer.sync().unwrap();
        }
        sim.put(mark::NAME, None);
        let mut contents = sim.contents(&segment::name(0)).unwrap();
        contents[40] ^= 1;
        sim.put(&segment::name(0), Some(contents));
        let refused = Writer::open_in(sim, options(1 << 20)).unwrap_err().to_string();
        assert!(refused.contains("the frame of epoch 1 at byte"), "{before}: {refused}");
    }
}

#[test]
fn a_whole_frame_of_another_epoch_is_refused() {
    for wrong in [2, 9] {
        let sim = journal(0..4, 1 << 20);
        let name = segment::name(0);
        let mut contents = sim.contents(&name).unwrap();
        let (salt, at) = (number(&contents, 24), contents.len() as u64);
        let mut head = Vec::new();
        let frame = FrameRef { epoch: wrong, now: 0, flags: 0, parts: &[] };
        frame::encode(&frame, 4, salt, at, &mut head);
        contents.extend(head);
        sim.put(&name, Some(contents));
        match Writer::open_in(sim, options(1 << 20)).unwrap_err() {
            JournalError::Corrupt(found) => {
                assert_eq!((found.damage, found.epoch), (Damage::Epoch { found: wrong }, 4));
                assert_eq!((found.offset, found.witness), (at, None));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_segment_under_another_name_is_refused() {
    let sim = Sim::new(1);
    sim.put(&segment::name(3), journal(0..4, 1 << 20).contents(&segment::name(0)));
    let refusals =
        [Writer::open_in(sim.clone(), options(1)).unwrap_err(), read(&sim, None).unwrap_err()];
    for refused in refusals {
        match refused {
            JournalError::Corrupt(found) => assert_eq!(found.damage, Damage::Name { found: 0 }),
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_torn_tail_says_what_is_missing_of_it() {
    let sim = journal(0..4, 1 << 20);
    let (mut writer, _) = open(&sim, 1 << 20);
    let end = writer.bytes();
    let wanted = append(&mut writer, &sized(4, 1000)).unwrap();
    let whole = sim.contents(&segment::name(0)).unwrap();
    for left in [1, 63, 64, 65, 500, wanted - 1] {
        let sim = Sim::new(1);
        sim.put(&segment::name(0), Some(whole[..(end + left) as usize].to_vec()));
        let torn = open(&sim, 1 << 20).1.torn.unwrap();
        let wanted = if left < 64 { 64 } else { wanted };
        assert_eq!(torn.damage, Damage::Cut { wanted, left });
        assert_eq!((torn.offset, torn.bytes, torn.epoch), (end, left, 4));
    }
}

#[test]
fn lengths_that_do_not_add_up_are_no_frame() {
    let header = |parts, payload_bytes| Header {
        epoch: 1,
        now: 0,
        flags: 0,
        parts,
        durable: 0,
        payload_bytes,
        payload_checksum: 0,
    };
    let is_frame = |parts, payload: &[u8]| {
        Frame::of(&header(parts, payload.len() as u64), payload.to_vec()).is_some()
    };
    assert!(is_frame(0, &[]));
    assert!(is_frame(1, &[7, 1, 0, 0, 0, b'x']));
    assert!(!is_frame(0, b"x"));
    assert!(!is_frame(1, &[7, 0, 0, 0, 0, b'x']));
    assert!(!is_frame(1, &[7, 2, 0, 0, 0, b'x']));
    assert!(!is_frame(1, &[7, 0, 0]));
    assert!(!is_frame(u32::MAX, &[7, 1, 0, 0, 0, b'x']));
}

#[test]
fn the_older_slot_of_the_mark_is_overwritten() {
    let sim = Sim::new(1);
    let slots = || {
        let contents = sim.contents(mark::NAME).unwrap();
        let mut slots = [number(&contents, 8), number(&contents, 520)];
        slots.sort_unstable();
        slots
    };
    let mut first = Mark::new();
    (5..9).for_each(|durable| first.set(&sim, durable));
    assert_eq!(slots(), [7, 8]);
    for durable in 9..12 {
        Mark::new().set(&sim, durable);
        assert_eq!(slots(), [durable - 1, durable]);
        assert_eq!(mark::read(&sim).unwrap(), durable);
    }
}
