//! The dead-letter store: what is refused is kept within bounds, and can be had back.

#![allow(clippy::unwrap_used, reason = "a panic here is a failure that names its line")]

use causeway::canonical::{Code, DeadLetter, Origin, Reject};
use causeway::clock::ManualClock;
use causeway::dlq::{
    DlqError, Filter, Keeper, LetterLimits, Letters, Outcome, Refusal, Store, StoreLimits,
};
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// 2026-11-23T07:00:00Z.
const NOW: i64 = 1_795_417_200;

fn limits(bytes_max: u64) -> StoreLimits {
    StoreLimits { bytes_max, age_max: Duration::from_secs(3600) }
}

fn reject(line: u64, code: Code, payload: &str) -> Reject {
    Reject {
        line,
        code,
        field: "kind".into(),
        message: "the event has no kind".to_owned(),
        payload: Box::from(payload.as_bytes()),
        payload_bytes: payload.len() as u64,
        schema: "event/1.0",
        origin: Origin { source_id: "http".into(), seq: Some(1), ..Origin::default() },
        tenant: "default".into(),
    }
}

fn letter(line: u64, seconds: i64) -> DeadLetter {
    let time = jiff::Timestamp::from_second(seconds).unwrap().to_string();
    reject(line, Code::E004, &format!("{{\"n\":{line}}}")).dead_letter(&time, 1)
}

fn lines(letters: &[DeadLetter]) -> Vec<u64> {
    letters.iter().map(|letter| letter.data.line).collect()
}

fn all(store: &Store) -> Vec<u64> {
    lines(&store.list(&Filter::default(), usize::MAX).unwrap().letters)
}

fn filter(of: impl FnOnce(&mut Filter)) -> Filter {
    let mut filter = Filter::default();
    of(&mut filter);
    filter
}

fn segments(directory: &Path) -> usize {
    let entries = std::fs::read_dir(directory).unwrap();
    entries.filter(|e| e.as_ref().unwrap().path().extension().is_some()).count()
}

#[test]
fn letters_are_listed_and_shown() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), limits(1 << 20)).unwrap();
    let letters: Vec<DeadLetter> = (1..=5).map(|line| letter(line, NOW)).collect();
    store.append(&letters, NOW).unwrap();
    // A letter that is there already is the same letter.
    store.append(&letters[..1], NOW).unwrap();
    assert_eq!(all(&store), [1, 2, 3, 4, 5]);
    let listed = store.list(&Filter::default(), 2).unwrap();
    assert_eq!((lines(&listed.letters), listed.omitted), (vec![1, 2], 3));

    let wanted = &letters[2];
    assert_eq!(store.show(&wanted.id).unwrap(), *wanted);
    assert_eq!(store.show(&wanted.id["dlq-".len()..][..12]).unwrap(), *wanted);
    assert_eq!(wanted.data.payload_bytes().unwrap(), b"{\"n\":3}");
    assert!(matches!(store.show("dlq-xyz"), Err(DlqError::Unknown { .. })));
    assert!(matches!(store.show("dlq-"), Err(DlqError::Ambiguous { count: 5, .. })));
}

#[test]
fn filters_say_which_letters_are_meant() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), limits(1 << 20)).unwrap();
    let mut other = reject(9, Code::E001, "x");
    other.origin.source_id = "file".into();
    other.tenant = "shop".into();
    store
        .append(
            &[letter(1, NOW), letter(2, NOW + 60), other.dead_letter("2026-11-23T09:00:00Z", 1)],
            NOW,
        )
        .unwrap();
    let found = |filter: Filter| lines(&store.list(&filter, usize::MAX).unwrap().letters);
    let at = |seconds| Some(jiff::Timestamp::from_second(seconds).unwrap());
    assert_eq!(found(filter(|f| f.source = Some("file".into()))), [9]);
    assert_eq!(found(filter(|f| f.code = Some("e004".into()))), [1, 2]);
    assert_eq!(found(filter(|f| f.tenant = Some("shop".into()))), [9]);
    assert_eq!(found(filter(|f| f.since = at(NOW + 60))), [2, 9]);
    assert_eq!(found(filter(|f| f.until = at(NOW + 60))), [1]);
}

#[test]
fn the_oldest_go_when_there_are_too_many_bytes() {
    let directory = tempfile::tempdir().unwrap();
    let bytes_max = 16 << 10;
    let mut store = Store::open(directory.path(), limits(bytes_max)).unwrap();
    for line in 1..=200 {
        store.append(&[letter(line, NOW)], NOW).unwrap();
    }
    let kept = all(&store);
    let holdings = store.holdings(NOW).unwrap();
    assert!(holdings.bytes <= bytes_max && holdings.bytes > bytes_max / 2, "{holdings:?}");
    assert_eq!(kept.last(), Some(&200));
    assert_eq!(kept.first(), Some(&(holdings.dropped_bytes + 1)));
    assert_eq!(holdings.records + holdings.dropped_bytes, 200);
    assert!(segments(directory.path()) <= 9);
}

#[test]
fn the_old_go_with_their_age() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), limits(8 << 10)).unwrap();
    for line in 1..=10 {
        store.append(&[letter(line, NOW + line as i64 * 600)], NOW).unwrap();
    }
    let now = NOW + 10 * 600;
    let holdings = store.holdings(now).unwrap();
    assert!(holdings.dropped_age > 0 && holdings.records > 0, "{holdings:?}");
    assert_eq!(holdings.records + holdings.dropped_age, 10);
    assert!(holdings.oldest.unwrap() >= now - 3600 - 1200);
    let holdings = store.holdings(now + 7200).unwrap();
    assert_eq!((holdings.records, holdings.dropped_age, holdings.oldest), (0, 10, None));
    assert_eq!(all(&store), [] as [u64; 0]);
}

#[test]
fn purge_takes_what_is_meant_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), limits(8 << 10)).unwrap();
    let letters: Vec<DeadLetter> = (1..=6).map(|line| letter(line, NOW + line as i64)).collect();
    store.append(&letters, NOW).unwrap();
    let until = jiff::Timestamp::from_second(NOW + 4).unwrap();
    assert_eq!(store.purge(&filter(|f| f.until = Some(until))).unwrap(), 3);
    assert_eq!(all(&store), [4, 5, 6]);
    assert_eq!(store.holdings(NOW).unwrap().records, 3);
    assert_eq!(store.purge(&Filter::default()).unwrap(), 3);
    assert_eq!(segments(directory.path()), 0);
    store.append(&letters[..1], NOW).unwrap();
    assert_eq!(all(&store), [1]);
}

#[test]
fn replay_removes_what_was_taken_and_counts_what_was_not() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), limits(1 << 20)).unwrap();
    let mut letters: Vec<DeadLetter> = (1..=5).map(|line| letter(line, NOW)).collect();
    // Of the fourth only a part was kept.
    letters[3].data.payload_bytes = 1 << 20;
    store.append(&letters, NOW).unwrap();
    let mut seen = Vec::new();
    let replayed = store
        .replay(&Filter::default(), &mut |letter, bytes| {
            seen.push(String::from_utf8(bytes).unwrap());
            match letter.data.line {
                1 => Outcome::Done,
                2 => Outcome::Refused,
                3 => Outcome::Done,
                _ => Outcome::Stop,
            }
        })
        .unwrap();
    assert_eq!(seen, ["{\"n\":1}", "{\"n\":2}", "{\"n\":3}", "{\"n\":5}"]);
    assert_eq!((replayed.done, replayed.refused), (2, 1));
    assert_eq!((replayed.incomplete, replayed.left), (1, 1));
    let left = store.list(&Filter::default(), usize::MAX).unwrap().letters;
    let attempts: Vec<(u64, u32)> =
        left.iter().map(|letter| (letter.data.line, letter.data.attempts)).collect();
    assert_eq!(attempts, [(2, 2), (4, 1), (5, 1)]);
}

#[test]
fn a_torn_line_costs_itself_only() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = Store::open(directory.path(), limits(1 << 20)).unwrap();
    store.append(&[letter(1, NOW)], NOW).unwrap();
    let segment = directory.path().join("0000000000000000.ndjson");
    let mut file = std::fs::File::options().append(true).open(segment).unwrap();
    file.write_all(b"{\"specversion\":\"1.0\",\"id\":\"dl").unwrap();
    drop(file);
    let mut store = Store::open(directory.path(), limits(1 << 20)).unwrap();
    store.append(&[letter(2, NOW)], NOW).unwrap();
    let listed = store.list(&Filter::default(), usize::MAX).unwrap();
    assert_eq!((lines(&listed.letters), listed.damaged), (vec![1, 2], 1));
    assert_eq!(store.holdings(NOW).unwrap().records, 3);
}

fn refusal(line: u64, payload: &str) -> Refusal {
    let reject = Arc::new(reject(line, Code::E001, payload));
    Refusal { reject, first_seen_ns: NOW * 1_000_000_000 }
}

fn keeper(directory: &Path, payload_bytes_max: usize, epoch_max: usize) -> (Keeper, Letters) {
    let store = limits(1 << 20);
    let opened = Store::open(directory, store).unwrap();
    let clock = Arc::new(ManualClock::at_seconds(NOW));
    Keeper::new(opened, LetterLimits { store, payload_bytes_max, epoch_max }, clock)
}

#[test]
fn what_is_kept_is_on_disk_and_what_is_too_much_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let (mut keeper, letters) = keeper(directory.path(), 4, 600);
    keeper.keep(&mut vec![refusal(1, "0123456789")]).unwrap();
    let store = Store::open(directory.path(), limits(1 << 20)).unwrap();
    let first = &store.list(&Filter::default(), 1).unwrap().letters[0];
    assert_eq!(first.data.payload_bytes().unwrap(), b"0123");
    assert_eq!((first.data.payload_bytes, first.time.as_str()), (10, "2026-11-23T07:00:00Z"));

    let mut many: Vec<Refusal> = (2..=701).map(|line| refusal(line, "x")).collect();
    keeper.keep(&mut many).unwrap();
    assert!(many.is_empty());
    let stats = letters.stats();
    assert_eq!((stats.holdings.records, stats.dropped_queue), (601, 100));
    assert_eq!(all(&store).len(), 601);
    letters.reconfigure(LetterLimits {
        store: limits(1 << 20),
        payload_bytes_max: 10,
        epoch_max: 1,
    });
    keeper.keep(&mut vec![refusal(800, "0123456789"), refusal(801, "x")]).unwrap();
    assert_eq!(letters.stats().dropped_queue, 101);
    assert_eq!(store.list(&Filter::default(), usize::MAX).unwrap().letters.len(), 602);
}

#[test]
fn whoever_holds_the_lock_keeps_nobody_from_writing() {
    let directory = tempfile::tempdir().unwrap();
    let (mut keeper, letters) = keeper(directory.path(), 100, 100);
    keeper.keep(&mut vec![refusal(1, "x")]).unwrap();
    let lock = std::fs::File::options().write(true).open(directory.path().join("lock")).unwrap();
    lock.lock().unwrap();
    // What he may be writing anew is left alone.
    let own = directory.path().join("0000000000000000.ndjson");
    let before = std::fs::read(&own).unwrap();
    keeper.keep(&mut vec![refusal(2, "x")]).unwrap();
    keeper.keep(&mut vec![refusal(3, "x")]).unwrap();
    assert_eq!(std::fs::read(&own).unwrap(), before);
    assert_eq!(segments(directory.path()), 3);
    lock.unlock().unwrap();
    keeper.keep(&mut vec![refusal(4, "x")]).unwrap();
    assert_eq!(segments(directory.path()), 3, "and then it goes on where it is");
    let store = Store::open(directory.path(), limits(1 << 20)).unwrap();
    assert_eq!(all(&store), [1, 2, 3, 4]);
    assert_eq!(letters.stats().holdings.records, 4);
}

#[test]
fn what_is_tried_again_keeps_nobody_from_writing() {
    let directory = tempfile::tempdir().unwrap();
    let (mut keeper, _) = keeper(directory.path(), 100, 100);
    // One of them twice, as a kill between two writes leaves it.
    keeper.keep(&mut vec![refusal(1, "x"), refusal(2, "x"), refusal(1, "x")]).unwrap();
    let mut store = Store::open(directory.path(), limits(1 << 20)).unwrap();
    let mut tried = Vec::new();
    let replayed = store
        .replay(&Filter::default(), &mut |letter, _| {
            tried.push(letter.data.line);
            keeper.keep(&mut vec![refusal(10 + letter.data.line, "x")]).unwrap();
            Outcome::Done
        })
        .unwrap();
    assert_eq!((tried, replayed.done), (vec![1, 2], 2));
    assert_eq!(all(&store), [11, 12], "what was refused meanwhile is there");
    assert_eq!(segments(directory.path()), 1, "and nobody had to wait for the lock");
}

#[test]
fn a_disk_that_refuses_costs_letters_and_a_counter() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("dlq");
    let (mut keeper, letters) = keeper(&place, 1 << 10, 100);
    std::fs::remove_dir_all(&place).unwrap();
    let mut refused = vec![refusal(1, "x")];
    keeper.keep(&mut refused).unwrap();
    assert!(refused.is_empty());
    assert_eq!(letters.stats().dropped_disk, 1);
}
