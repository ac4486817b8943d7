//! A journal of format version 1 stays readable, one of a newer version is refused.

use super::super::frame::checksum;
use super::*;
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of a segment of the fixture.
const SEGMENT_BYTES: u64 = 800;
/// Epochs of the fixture.
const EPOCHS: std::ops::Range<u64> = 100..108;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/journal/v1")
}

/// The fixture as it would be written now: [`journal`] draws its salts from a fixed seed.
fn made() -> Sim {
    journal(EPOCHS, SEGMENT_BYTES)
}

fn names(sim: &Sim) -> Vec<String> {
    let firsts = segments(sim).into_iter().map(segment::name);
    firsts.chain(["mark".to_owned()]).collect()
}

#[test]
fn version_1_stays_readable() {
    let made = made();
    if std::env::var_os("REWRITE").is_some() {
        for name in names(&made) {
            fs::write(folder().join(&name), made.contents(&name).unwrap()).unwrap();
        }
    }
    let kept = Sim::new(2);
    for entry in fs::read_dir(folder()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        kept.put(&name, Some(fs::read(entry.path()).unwrap()));
    }
    expect_frames(&read(&kept, None).unwrap(), EPOCHS);
    let (mut writer, recovery) = open(&kept, SEGMENT_BYTES);
    assert_eq!((recovery.first_epoch, recovery.last_epoch), (Some(100), Some(107)));
    assert_eq!((recovery.frames, recovery.torn), (8, None));
    append(&mut writer, &frame(108)).unwrap();
    writer.sync().unwrap();
    expect_frames(&read(&kept, Some(105)).unwrap(), 105..109);
    // While the version is 1, what is written now is the same to the byte.
    assert_eq!(segment::VERSION, 1);
    for name in names(&made) {
        let committed = fs::read(folder().join(&name)).unwrap();
        assert!(made.contents(&name).unwrap() == committed, "{name} is written otherwise now");
    }
}

#[test]
fn a_newer_version_is_refused() {
    for (newer, whole) in [(2, true), (700, true), (2, false)] {
        let sim = made();
        let name = segment::name(*segments(&sim).last().unwrap());
        let mut bytes = sim.contents(&name).unwrap();
        bytes[8..10].copy_from_slice(&u16::to_le_bytes(newer));
        if whole {
            let sum = checksum(&bytes[..32], 0);
            bytes[32..40].copy_from_slice(&sum.to_le_bytes());
        }
        sim.put(&name, Some(bytes));
        let refused = Writer::open_in(sim.clone(), Options::default()).unwrap_err();
        let read = read(&sim, None).unwrap_err();
        for refused in [refused, read] {
            match refused {
                JournalError::Version { found, known: 1, .. } => {
                    assert!(whole && found == newer);
                }
                // A version whose checksum does not hold is damage.
                JournalError::Corrupt(_) => assert!(!whole),
                other => panic!("{other}"),
            }
        }
    }
}
