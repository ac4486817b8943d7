//! What the journal asks of a disk, and how it takes the answers.

use super::super::storage::{Disk, Storage, StorageFile, read_full, write_all};
use super::super::{is_journal, mark};
use super::*;
use std::cell::Cell;
use std::fs;
use std::io::{self, IoSlice};
use std::path::Path;

/// A file that moves few bytes at a time and answers each call with an error first.
#[derive(Debug)]
struct Grudging {
    bytes: Vec<u8>,
    error: io::ErrorKind,
    is_due: Cell<bool>,
}

impl Grudging {
    fn new(bytes: &[u8], error: io::ErrorKind) -> Grudging {
        Grudging { bytes: bytes.to_vec(), error, is_due: Cell::new(false) }
    }

    fn refuse(&self) -> io::Result<()> {
        self.is_due.set(!self.is_due.get());
        if self.is_due.get() { Err(self.error.into()) } else { Ok(()) }
    }
}

impl StorageFile for Grudging {
    fn bytes(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.refuse()?;
        let left = &self.bytes[at as usize..];
        let read = left.len().min(into.len()).min(3);
        into[..read].copy_from_slice(&left[..read]);
        Ok(read)
    }

    fn write_at(&mut self, at: u64, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.refuse()?;
        assert_eq!(at, self.bytes.len() as u64);
        let written: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        let written = &written[..written.len().min(3)];
        self.bytes.extend_from_slice(written);
        Ok(written.len())
    }

    fn truncate(&mut self, _: u64) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_call_that_was_interrupted_is_made_again() {
    let mut file = Grudging::new(b"", io::ErrorKind::Interrupted);
    let mut slices = [IoSlice::new(b"one and "), IoSlice::new(b""), IoSlice::new(b"two")];
    write_all(&mut file, 0, &mut slices).unwrap();
    assert_eq!(file.bytes, b"one and two");
    let mut into = [0; 16];
    assert_eq!(read_full(&file, 4, &mut into).unwrap(), 7);
    assert_eq!(&into[..7], b"and two");
}

#[test]
fn another_error_is_none_of_that() {
    let mut file = Grudging::new(b"some", io::ErrorKind::StorageFull);
    let error = write_all(&mut file, 4, &mut [IoSlice::new(b"more")]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let file = Grudging::new(b"some", io::ErrorKind::StorageFull);
    let error = read_full(&file, 0, &mut [0; 4]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_disk_that_takes_nothing_is_an_error() {
    #[derive(Debug)]
    struct Full;
    impl StorageFile for Full {
        fn bytes(&self) -> io::Result<u64> {
            Ok(0)
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
        fn write_at(&mut self, _: u64, _: &[IoSlice<'_>]) -> io::Result<usize> {
            Ok(0)
        }
        fn truncate(&mut self, _: u64) -> io::Result<()> {
            Ok(())
        }
        fn sync(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let error = write_all(&mut Full, 0, &mut [IoSlice::new(b"x")]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}

fn names(directory: &Path) -> io::Result<Vec<String>> {
    super::super::segments(directory)
}

#[test]
fn what_a_directory_holds_of_a_journal_is_told_from_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    assert!(!is_journal(&path).unwrap());
    assert_eq!(names(&path).unwrap(), [""; 0]);
    fs::create_dir(&path).unwrap();
    fs::write(path.join("7.log"), "too few digits").unwrap();
    fs::write(path.join(format!("{:x<20}.log", 7)), "no digits").unwrap();
    fs::write(path.join(mark::NAME), "no mark").unwrap();
    assert!(!is_journal(&path).unwrap());
    assert_eq!(names(&path).unwrap(), [""; 0]);
    fs::remove_file(path.join(mark::NAME)).unwrap();

    let (mut writer, _) = Writer::open(&path, options(10_000)).unwrap();
    let parts = [];
    writer.append(&FrameRef { epoch: 0, now: 0, flags: 0, parts: &parts }).unwrap();
    writer.sync().unwrap();
    drop(writer);
    let segment = "00000000000000000000.log";
    assert!(is_journal(&path).unwrap());
    assert_eq!(names(&path).unwrap(), [segment]);
    // A journal whose segments somebody deleted is one that lost them, none that is new.
    fs::remove_file(path.join(segment)).unwrap();
    assert!(is_journal(&path).unwrap());
    fs::remove_file(path.join(mark::NAME)).unwrap();
    assert!(!is_journal(&path).unwrap());

    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(is_journal(&file).is_err());
    assert!(names(&file).is_err());
}

#[test]
fn a_journal_that_is_removed_while_it_is_written_takes_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    let (mut writer, _) = Writer::open(&path, options(10_000)).unwrap();
    let empty = |epoch| FrameRef { epoch, now: 0, flags: 0, parts: &[] };
    writer.append(&empty(0)).unwrap();
    writer.sync().unwrap();
    fs::remove_dir_all(&path).unwrap();
    writer.append(&empty(1)).unwrap();
    let error = writer.sync().unwrap_err();
    assert!(matches!(error, JournalError::Removed { .. }) && !error.is_passing(), "{error}");
    assert!(error.to_string().contains("00000000000000000000.log was removed"), "{error}");
    assert_eq!(writer.durable(), 1);
    assert!(matches!(writer.append(&empty(2)), Err(JournalError::Poisoned { .. })));
    // The simulated disk knows the same.
    let sim = journal(0..3, 10_000);
    let (mut writer, _) = open(&sim, 10_000);
    append(&mut writer, &frame(3)).unwrap();
    sim.put("00000000000000000000.log", None);
    assert!(matches!(writer.sync(), Err(JournalError::Removed { .. })));
}

#[test]
fn a_real_disk_does_as_it_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let disk = Disk::at(directory.path());
    disk.create("a").unwrap();
    disk.create("b").unwrap();
    disk.remove("a").unwrap();
    assert_eq!(disk.list().unwrap(), ["b"]);
    assert!(disk.remove("a").is_err());
    assert!(disk.sync_dir().is_ok());
    assert!(Disk::at(&directory.path().join("none")).sync_dir().is_err());
    // Nobody who sends events may guess with what frames are checked.
    assert_ne!(disk.salt(), disk.salt());
}
