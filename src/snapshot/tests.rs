//! Files of snapshots: read back as written, or refused.

use super::*;
use crate::emit::ledger::{self, Ledger};
use crate::emit::outbox::SavedOutbox;
use crate::emit::wire::sample;
use crate::epoch::Run;
use crate::runtime::EpochOutput;
use causeway_dataflows::model::AlertCount;
use causeway_dataflows::ops::epochs::Tick;
use causeway_dataflows::pipeline::Saved;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A ledger that has told of an incident.
fn ledger(incident: &Arc<causeway_dataflows::model::Incident>) -> ledger::SavedLedger {
    let mut ledger = Ledger::new(ledger::Emission::default());
    let incidents = vec![(Arc::clone(incident), 1)];
    let output = EpochOutput { incidents, ..EpochOutput::default() };
    assert_eq!(ledger.apply(&output, Tick { now: sample::START, drain: true }).len(), 1);
    ledger.begin_saving();
    ledger.go_on_saving(usize::MAX).unwrap().ledger
}

/// What waits before a sink.
fn outbox(name: &str, lines: u64) -> SavedOutbox {
    let mut outbox = SavedOutbox::empty(name.into());
    outbox.waiting = (1..=lines).map(|number| (number, "{}".into())).collect();
    outbox
}

/// A snapshot with something in most of its parts.
pub(super) fn snapshot(epoch: u64) -> Snapshot {
    let run =
        Run { version: "1".to_owned(), settings: "s".to_owned(), journal: "journal".to_owned() };
    let incident = Arc::new(sample::incident());
    let store = crate::emit::store::Store::new(Default::default(), 1);
    let opened = sample::opened();
    for row in &opened.alerts {
        store.put_alert(row.clone());
    }
    // More than one part has.
    for number in 0..600 {
        store.publish(&sample::message(&format!("inc-{number}"), 1));
    }
    store.begin_saving();
    let counts = incident.members.iter().map(|member| AlertCount {
        key: member.key,
        count: 7,
        last: member.key.onset,
    });
    let emission = Emission {
        ledger: ledger(&incident),
        counts: counts.collect(),
        incidents: vec![Arc::clone(&incident)],
        // More than one part has, none, and few.
        outboxes: vec![outbox("a", 1500), outbox("b", 0), outbox("c", 2)],
        store: store.go_on_saving(usize::MAX).unwrap(),
        sequence: 12,
        ..Emission::default()
    };
    let head = Head { epoch, now: 1_000, run, source_names: vec!["http".into()] };
    Snapshot { head, engine: Saved::default(), emission, sources: Sources::default() }
}

fn only_file(folder: &Path) -> std::path::PathBuf {
    let mut entries = fs::read_dir(folder.join(DIRECTORY)).unwrap();
    let path = entries.next().unwrap().unwrap().path();
    assert!(entries.next().is_none());
    path
}

#[test]
fn what_is_written_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::of(directory.path());
    assert_eq!(folder.epochs().unwrap(), [0; 0]);
    let written = snapshot(7);
    folder.write(&written).unwrap();
    assert_eq!(format!("{:?}", folder.read(7).unwrap()), format!("{written:?}"));
}

/// What a ledger and a store hold of one incident, or the ledger alone.
fn told(is_held: bool) -> Emission {
    let mut ledger = Ledger::new(ledger::Emission::default());
    let incidents = vec![(Arc::new(sample::incident()), 1)];
    let output = EpochOutput { incidents, ..EpochOutput::default() };
    let told = ledger.apply(&output, Tick { now: sample::START, drain: true });
    let store = crate::emit::store::Store::new(Default::default(), 1);
    let message = sample::message("another", 1);
    store.publish(if is_held { &told[0] } else { &message });
    ledger.begin_saving();
    store.begin_saving();
    Emission {
        ledger: ledger.go_on_saving(usize::MAX).unwrap().ledger,
        store: store.go_on_saving(usize::MAX).unwrap(),
        ..Emission::default()
    }
}

#[test]
fn what_was_told_is_written_once() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::of(directory.path());
    let mut sizes = Vec::new();
    for (epoch, is_held) in [(1, false), (2, true)] {
        let emission = told(is_held);
        let there_was = format!("{emission:?}");
        let mut snapshot = Snapshot { emission, ..snapshot(epoch) };
        snapshot.emission.leave_out_twice();
        assert_eq!(format!("{:?}", snapshot.emission) == there_was, !is_held);
        sizes.push(folder.write(&snapshot).unwrap().bytes);
        let mut read = folder.read(epoch).unwrap().emission;
        read.put_back().unwrap();
        assert_eq!(format!("{read:?}"), there_was);
    }
    assert!(sizes[1] < sizes[0], "{sizes:?}");
    // A line that is not there is not made up.
    let mut lost = folder.read(2).unwrap().emission;
    lost.store = told(false).store;
    let error = lost.put_back().unwrap_err().to_string();
    assert!(error.contains("was told of and has no line"), "{error}");
}

#[test]
fn two_are_kept_and_the_older_says_what_is_needed() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::of(directory.path());
    let oldest = |epoch| folder.write(&snapshot(epoch)).unwrap().kept[0];
    assert_eq!([3, 5, 9, 12].map(oldest), [3, 3, 5, 9]);
    assert_eq!(folder.epochs().unwrap(), [9, 12]);
}

#[test]
fn a_damaged_one_does_not_push_a_good_one_out() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::of(directory.path());
    let write = |epoch| folder.write(&snapshot(epoch)).unwrap().kept[0];
    let _ = [3, 5].map(write);
    let aside = folder.set_aside(5).unwrap();
    assert!(aside.ends_with("00000000000000000005.snapshot.damaged"), "{}", aside.display());
    assert_eq!(folder.epochs().unwrap(), [3]);
    assert_eq!(write(9), 3, "the good one before it is kept");
    assert_eq!(folder.epochs().unwrap(), [3, 9]);
    // One is enough to look at.
    assert!(folder.set_aside(9).unwrap().exists() && !aside.exists());
    assert_eq!([write(12), write(15)], [3, 12]);
}

#[test]
fn no_byte_can_change_unnoticed() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::of(directory.path());
    folder.write(&snapshot(7)).unwrap();
    let path = only_file(directory.path());
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, bytes).unwrap();
        let refused = folder.read(7);
        assert!(refused.is_err(), "byte {at} of {}", whole.len());
    }
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let error = folder.read(7).unwrap_err().to_string();
        assert!(error.contains("byte"), "{length}: {error}");
    }
    let more = [&whole[..], b"x"].concat();
    fs::write(&path, more).unwrap();
    assert!(folder.read(7).unwrap_err().to_string().contains("behind its end"));
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let folder = Folder::of(directory.path());
    folder.write(&snapshot(7)).unwrap();
    let path = only_file(directory.path());
    let mut bytes = fs::read(&path).unwrap();
    bytes[8] = VERSION as u8 + 1;
    fs::write(&path, bytes).unwrap();
    let error = folder.read(7).unwrap_err();
    assert!(
        matches!(error, SnapshotError::Version { found, .. } if found == VERSION + 1),
        "{error}"
    );
}
