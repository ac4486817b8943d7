//! The same on a real disk.

use super::super::{Damage, PartRef};
use super::*;
use std::fs;
use std::path::Path;

fn put(writer: &mut Writer, epoch: u64, bytes: &[u8]) {
    let parts = [PartRef { tag: 7, bytes }, PartRef { tag: 8, bytes: b"" }];
    writer.append(&FrameRef { epoch, now: epoch as i64, flags: 0, parts: &parts }).unwrap();
}

fn epochs(directory: &Path, from: u64) -> Vec<u64> {
    let mut reader = Reader::open(directory, from).unwrap();
    std::iter::from_fn(|| reader.next_frame().unwrap()).map(|frame| frame.epoch).collect()
}

#[test]
fn a_journal_is_kept_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data/journal");
    let (mut writer, recovery) = Writer::open(&path, options(10_000)).unwrap();
    assert_eq!(recovery, Recovery::default());
    for epoch in 0..20 {
        put(&mut writer, epoch, &[epoch as u8; 2000]);
        writer.sync().unwrap();
    }
    assert_eq!(forget_before(&mut writer, 9).unwrap(), 2);
    assert_eq!(epochs(&path, 10), (10..20).collect::<Vec<_>>());
    drop(writer);
    // A crash in the middle of a frame.
    let last = fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
    let last = last.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
    let last = last.max().unwrap();
    let mut bytes = fs::read(&last).unwrap();
    let whole = bytes.len() as u64;
    bytes.extend_from_slice(&[b'x'; 300]);
    fs::write(&last, bytes).unwrap();
    let mut reader = Reader::open_oldest(&path).unwrap();
    while reader.next_frame().unwrap().is_some() {}
    assert_eq!(reader.torn().map(|torn| (torn.offset, torn.bytes)), Some((whole, 300)));
    let (mut writer, recovery) = Writer::open(&path, options(10_000)).unwrap();
    let torn = recovery.torn.unwrap();
    assert_eq!((torn.path, torn.offset, torn.bytes), (last.clone(), whole, 300));
    assert_eq!((torn.epoch, torn.damage), (20, Damage::FrameHeader));
    assert_eq!(fs::read(torn.kept.unwrap()).unwrap(), [b'x'; 300]);
    assert_eq!(fs::metadata(&last).unwrap().len(), whole);
    put(&mut writer, 20, b"more");
    writer.sync().unwrap();
    drop(writer);
    let (_, recovery) = Writer::open(&path, options(10_000)).unwrap();
    assert_eq!((recovery.last_epoch, recovery.torn), (Some(20), None));
    assert_eq!(recovery.tick, Some(20));
}

#[test]
fn many_parts_are_written_in_several_calls() {
    // More than the system takes at a time (1,024 on Linux).
    let directory = tempfile::tempdir().unwrap();
    let (mut writer, _) = Writer::open(directory.path(), Options::default()).unwrap();
    let bodies: Vec<Vec<u8>> = (0..3000_u32).map(|n| n.to_le_bytes().to_vec()).collect();
    let parts: Vec<PartRef<'_>> =
        bodies.iter().map(|bytes| PartRef { tag: bytes[0], bytes }).collect();
    writer.append(&FrameRef { epoch: 1, now: 0, flags: 3, parts: &parts }).unwrap();
    writer.sync().unwrap();
    let frame = Reader::open(directory.path(), 1).unwrap().next_frame().unwrap().unwrap();
    assert_eq!(frame.part_refs(), parts);
}

#[test]
fn a_directory_that_is_not_there_is_not_made_for_reading() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("none");
    assert!(matches!(Reader::open(&path, 0), Err(JournalError::Io { .. })));
    assert!(!path.exists());
}
