//! A queue that goes on in files.

use super::*;
use std::path::Path;

/// One whose queue goes on in a directory, with room for `messages_max` in memory.
fn on_disk(directory: &Path, limits: OutboxLimits) -> Arc<Outbox> {
    let outbox = outbox(limits);
    let spool = Spool::at(directory.join("sinks"), "test", true);
    outbox.on_disk(spool, Refused::at(directory, "test"));
    outbox
}

/// The same of a first start.
fn begun(directory: &Path, limits: OutboxLimits) -> Arc<Outbox> {
    let outbox = on_disk(directory, limits);
    outbox.begin().unwrap();
    outbox.recovered();
    outbox
}

/// Takes and settles all that waits.
fn drained(outbox: &Outbox) -> Vec<u64> {
    let mut came = Vec::new();
    while outbox.counts().waiting > 0 {
        let taken = numbers(&outbox.take(3).unwrap());
        outbox.delivered(taken.len());
        came.extend(taken);
    }
    came
}

#[test]
fn what_is_beyond_memory_waits_on_disk_and_comes_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let outbox = begun(directory.path(), limits(2, WhenFull::Block));
    offer(&outbox, 1..=9);
    let counts = outbox.counts();
    assert!(counts.waiting == 9 && counts.spooled_bytes > 0, "{counts:?}");
    balance(counts);
    assert_eq!(numbers(&outbox.take(9).unwrap()), [1, 2]);
    outbox.delivered(2);
    assert_eq!(outbox.settled(), 2);
    offer(&outbox, 10..=10);
    assert_eq!(drained(&outbox), (3..=10).collect::<Vec<_>>());
    assert_eq!((outbox.settled(), outbox.counts().spooled_bytes), (10, 0));
    offer(&outbox, 11..=11);
    assert_eq!(numbers(&outbox.take(9).unwrap()), [11]);
}

fn refuse_to_read(outbox: &Outbox, refuse: bool) {
    outbox.lock().spool.as_mut().unwrap().refuse_to_read(refuse);
}

#[test]
fn what_the_disk_does_not_give_is_asked_for_again() {
    let directory = tempfile::tempdir().unwrap();
    let outbox = begun(directory.path(), limits(2, WhenFull::Block));
    offer(&outbox, 1..=9);
    refuse_to_read(&outbox, true);
    assert_eq!(numbers(&outbox.take(9).unwrap()), [1, 2]);
    outbox.delivered(2);
    let counts = outbox.counts();
    assert_eq!((counts.waiting, counts.failed, outbox.settled()), (7, 0, 2));
    let problem = outbox.problem().unwrap();
    assert!(problem.starts_with("what waits on disk cannot be read: "), "{problem}");
    // Whoever takes waits and looks again, without anybody calling.
    let taker = Arc::clone(&outbox);
    let taken = std::thread::spawn(move || numbers(&taker.take(9).unwrap()));
    refuse_to_read(&outbox, false);
    assert_eq!(taken.join().unwrap(), [3, 4]);
    outbox.delivered(2);
    assert_eq!(drained(&outbox), [5, 6, 7, 8, 9]);
    balance(outbox.counts());
}

#[test]
fn what_the_disk_does_not_give_is_asked_for_once_more_when_no_more_comes() {
    let directory = tempfile::tempdir().unwrap();
    let outbox = begun(directory.path(), limits(1, WhenFull::Block));
    offer(&outbox, 1..=2);
    refuse_to_read(&outbox, true);
    assert_eq!(numbers(&outbox.take(9).unwrap()), [1]);
    outbox.delivered(1);
    outbox.close();
    let taker = Arc::clone(&outbox);
    let taken = std::thread::spawn(move || taker.take(9).map(|taken| numbers(&taken)));
    refuse_to_read(&outbox, false);
    assert_eq!(taken.join().unwrap(), Some(vec![2]));
    outbox.delivered(1);
    assert!(outbox.take(9).is_none());
}

#[test]
fn what_the_disk_does_not_give_makes_no_room_and_is_not_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let few = OutboxLimits { disk_bytes_max: 1, ..limits(1, WhenFull::DropOldest) };
    let outbox = begun(directory.path(), few);
    offer(&outbox, 1..=2);
    outbox.take(1).unwrap();
    refuse_to_read(&outbox, true);
    let before = outbox.counts().spooled_bytes;
    offer(&outbox, 3..=5);
    let counts = outbox.counts();
    assert_eq!((counts.dropped, counts.waiting, counts.spooled_bytes), (3, 2, before));
    balance(counts);
    refuse_to_read(&outbox, false);
    outbox.delivered(1);
    assert_eq!(drained(&outbox), [2]);
}

#[tokio::test]
async fn a_task_asks_again_as_well() {
    let directory = tempfile::tempdir().unwrap();
    let outbox = begun(directory.path(), limits(1, WhenFull::Block));
    offer(&outbox, 1..=3);
    assert_eq!(numbers(&outbox.take_async(9).await.unwrap()), [1]);
    refuse_to_read(&outbox, true);
    outbox.delivered(1);
    let taker = Arc::clone(&outbox);
    let taken = tokio::spawn(async move { numbers(&taker.take_async(9).await.unwrap()) });
    tokio::task::yield_now().await;
    refuse_to_read(&outbox, false);
    assert_eq!(taken.await.unwrap(), [2]);
}

#[test]
fn a_start_goes_on_with_what_waited_in_memory_and_on_disk() {
    let directory = tempfile::tempdir().unwrap();
    let outbox = on_disk(directory.path(), limits(2, WhenFull::Block));
    outbox.begin().unwrap();
    offer(&outbox, 1..=6);
    let saved = outbox.save().unwrap();
    saved.sync().unwrap();
    // What came after the snapshot is offered again by the journal.
    offer(&outbox, 7..=9);
    outbox.take(2).unwrap();
    outbox.delivered(2);
    outbox.forget(outbox.settled());
    for confirmed in [0, 1, 4, 6] {
        let copy = tempfile::tempdir().unwrap();
        std::fs::create_dir(copy.path().join("sinks")).unwrap();
        for path in std::fs::read_dir(directory.path().join("sinks")).unwrap() {
            let path = path.unwrap().path();
            let name = path.file_name().unwrap();
            std::fs::copy(&path, copy.path().join("sinks").join(name)).unwrap();
        }
        let again = on_disk(copy.path(), limits(2, WhenFull::Block));
        again.resume(saved.clone(), 6, confirmed).unwrap();
        offer(&again, 7..=7);
        balance(again.counts());
        assert_eq!(again.counts().failed, 0, "{confirmed}");
        assert_eq!(drained(&again), (confirmed + 1..=7).collect::<Vec<_>>(), "{confirmed}");
    }
    // Of a snapshot before which nothing waited on disk nothing there counts.
    let again = on_disk(directory.path(), limits(2, WhenFull::Block));
    again.resume(SavedOutbox::empty("test".into()), 6, 0).unwrap();
    assert_eq!((again.counts().waiting, again.settled()), (0, 6));
}

#[test]
fn nobody_waits_for_a_sink_while_the_journal_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let none = OutboxLimits { disk_bytes_max: 0, ..limits(1, WhenFull::Block) };
    let outbox = on_disk(directory.path(), none);
    outbox.begin().unwrap();
    offer(&outbox, 1..=5);
    assert_eq!(outbox.counts().waiting, 5);
    outbox.recovered();
    let other = Arc::clone(&outbox);
    let offering = std::thread::spawn(move || offer(&other, [6]));
    while !outbox.holds_up() {}
    assert_eq!(drained(&outbox)[..5], [1, 2, 3, 4, 5]);
    offering.join().unwrap();
    assert_eq!(outbox.counts().matched, 6);
}

#[test]
fn the_oldest_is_dropped_once_the_disk_is_full_too() {
    let directory = tempfile::tempdir().unwrap();
    let one = OutboxLimits { disk_bytes_max: 1, ..limits(2, WhenFull::DropOldest) };
    let outbox = on_disk(directory.path(), one);
    outbox.recovered();
    offer(&outbox, 1..=9);
    assert_eq!(outbox.counts().dropped, 6);
    balance(outbox.counts());
    assert_eq!(drained(&outbox), [7, 8, 9]);
    // What is being carried is not dropped, and then it is what waits on disk.
    offer(&outbox, 10..=12);
    outbox.take(2).unwrap();
    offer(&outbox, 13..=14);
    assert_eq!(drained(&outbox), [10, 11, 14]);
    balance(outbox.counts());
}

#[test]
fn a_disk_that_refuses_makes_some_wait_and_costs_others_the_newest() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("sinks"), "no directory").unwrap();
    let outbox = on_disk(directory.path(), limits(1, WhenFull::DropOldest));
    offer(&outbox, 1..=3);
    assert_eq!((outbox.counts().dropped, outbox.settled()), (2, 0));
    assert!(outbox.problem().unwrap().contains("cannot be kept on disk"));
    assert_eq!(drained(&outbox), [1]);
    assert_eq!(outbox.settled(), 3);
    offer(&outbox, 4..=4);
    outbox.reconfigure(Matcher::default(), limits(1, WhenFull::Block), Vec::new);
    let other = Arc::clone(&outbox);
    let offering = std::thread::spawn(move || offer(&other, [5]));
    while !outbox.holds_up() {}
    assert_eq!(numbers(&outbox.take(1).unwrap()), [4]);
    outbox.delivered(1);
    offering.join().unwrap();
    assert_eq!(drained(&outbox), [5]);
    balance(outbox.counts());
    // A drain does not wait for the disk, and nothing counts as settled that is not kept.
    offer(&outbox, 6..=6);
    outbox.close();
    offer(&outbox, 7..=7);
    assert!(outbox.is_broken() && outbox.settled() == 5);
    balance(outbox.counts());
}

#[test]
fn what_is_given_up_is_kept_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let outbox = on_disk(directory.path(), OutboxLimits::default());
    offer(&outbox, 1..=3);
    outbox.take(3).unwrap();
    outbox.delivered(1);
    outbox.failed("400".to_owned());
    outbox.delivered(1);
    let text = std::fs::read_to_string(directory.path().join("test.refused.ndjson")).unwrap();
    assert_eq!(text, format!("{}\n", sample::message("inc-1", 2).line));
    balance(outbox.counts());
}
