//! The queue, and the thread that empties it.

use super::*;
use crate::emit::matcher::Matcher;
use crate::emit::wire::{RevisionEvent, sample};
use std::io;
use std::sync::mpsc;

mod disk;

fn limits(messages_max: usize, when_full: WhenFull) -> OutboxLimits {
    OutboxLimits { messages_max, bytes_max: usize::MAX, disk_bytes_max: u64::MAX, when_full }
}

fn outbox(limits: OutboxLimits) -> Arc<Outbox> {
    Outbox::new("test", Route::new(Matcher::default()), limits)
}

fn offer(outbox: &Outbox, numbers: impl IntoIterator<Item = u64>) {
    for number in numbers {
        outbox.offer(number, &sample::message("inc-1", number));
    }
}

fn numbers(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| message.revision.revision).collect()
}

fn balance(counts: SinkCounts) {
    let SinkCounts { matched, delivered, failed, dropped, waiting, .. } = counts;
    assert_eq!(matched, delivered + failed + dropped + waiting as u64, "{counts:?}");
}

#[test]
fn messages_stay_until_they_are_settled() {
    let outbox = outbox(OutboxLimits::default());
    assert_eq!(outbox.settled(), 0);
    offer(&outbox, 1..=3);
    assert_eq!(outbox.settled(), 0);
    assert_eq!(numbers(&outbox.take(2).unwrap()), [1, 2]);
    outbox.delivered(1);
    assert_eq!(outbox.settled(), 1);
    assert_eq!(numbers(&outbox.take(2).unwrap()), [2, 3]);
    outbox.failed("refused".to_owned());
    assert_eq!((outbox.settled(), outbox.problem().as_deref()), (2, Some("refused")));
    assert_eq!(numbers(&outbox.take(9).unwrap()), [3]);
    outbox.retried("busy".to_owned());
    outbox.delivered(1);
    assert_eq!((outbox.settled(), outbox.problem()), (3, None));
    let counts = outbox.counts();
    assert_eq!((counts.delivered, counts.failed, counts.retried), (2, 1, 1));
    assert_eq!((counts.waiting, counts.waiting_bytes), (0, 0));
    balance(counts);
}

#[test]
fn nothing_is_kept_of_a_queue_that_does_not_hold_all_that_is_owed() {
    let outbox = outbox(OutboxLimits::default());
    offer(&outbox, 1..=2);
    assert!(outbox.save().is_some());
    outbox.broken("a closed pipe".to_owned());
    offer(&outbox, 3..=3);
    assert!(outbox.save().is_none(), "the third is owed and waits nowhere");
}

#[test]
fn what_is_not_wanted_is_settled_at_once() {
    let matcher = Matcher { events: vec![RevisionEvent::Resolved], ..Matcher::default() };
    let outbox = Outbox::new("test", Route::new(matcher), OutboxLimits::default());
    offer(&outbox, 1..=3);
    assert_eq!(outbox.settled(), 3);
    outbox.offer(4, &Message::new(sample::resolved()));
    assert_eq!(outbox.settled(), 3);
    let counts = outbox.counts();
    assert_eq!((counts.offered, counts.matched, counts.waiting), (4, 1, 1));
    balance(counts);
}

#[test]
fn the_oldest_is_dropped_but_never_what_is_being_carried() {
    let outbox = outbox(limits(3, WhenFull::DropOldest));
    offer(&outbox, 1..=3);
    assert_eq!(numbers(&outbox.take(1).unwrap()), [1]);
    offer(&outbox, 4..=5);
    assert_eq!(outbox.counts().dropped, 2);
    outbox.delivered(1);
    assert_eq!(numbers(&outbox.take(9).unwrap()), [4, 5]);
    assert_eq!(outbox.settled(), 3, "dropped messages are settled");
    balance(outbox.counts());
}

#[test]
fn bytes_are_bounded_and_one_large_message_passes() {
    let line = sample::message("inc-1", 1).line.len();
    let bytes_max = line * 2 + 64;
    let outbox = outbox(OutboxLimits { bytes_max, ..limits(100, WhenFull::DropOldest) });
    offer(&outbox, 1..=5);
    assert_eq!(outbox.counts().waiting, 2);
    assert!(outbox.counts().waiting_bytes <= bytes_max);

    let small = self::outbox(OutboxLimits { bytes_max: 1, ..limits(100, WhenFull::DropOldest) });
    offer(&small, 1..=2);
    assert_eq!(numbers(&small.take(9).unwrap()), [2]);
}

#[test]
fn a_full_queue_blocks_until_there_is_room() {
    let outbox = outbox(limits(1, WhenFull::Block));
    offer(&outbox, [1]);
    let (sent, offered) = mpsc::channel();
    let other = Arc::clone(&outbox);
    let offering = std::thread::spawn(move || {
        offer(&other, [2]);
        sent.send(()).unwrap();
    });
    assert_eq!(numbers(&outbox.take(1).unwrap()), [1]);
    assert!(offered.try_recv().is_err(), "there is no room before the first is settled");
    while !outbox.holds_up() {}
    outbox.delivered(1);
    offered.recv().unwrap();
    assert!(!outbox.holds_up());
    offering.join().unwrap();
    assert_eq!(numbers(&outbox.take(1).unwrap()), [2]);
    assert_eq!(outbox.counts().dropped, 0);
}

#[test]
fn stopping_frees_whoever_waits_and_settles_nothing() {
    let outbox = outbox(limits(1, WhenFull::Block));
    offer(&outbox, [1]);
    let other = Arc::clone(&outbox);
    let offering = std::thread::spawn(move || offer(&other, [2]));
    outbox.stop();
    offering.join().unwrap();
    assert!(outbox.take(1).is_none());
    assert_eq!(outbox.settled(), 0);
    balance(outbox.counts());
}

#[tokio::test]
async fn tasks_take_wait_and_stop_as_threads_do() {
    let outbox = outbox(OutboxLimits::default());
    let other = Arc::clone(&outbox);
    let taking = tokio::spawn(async move { other.take_async(9).await });
    tokio::task::yield_now().await;
    offer(&outbox, [1]);
    assert_eq!(numbers(&taking.await.unwrap().unwrap()), [1]);
    let other = Arc::clone(&outbox);
    let stopping = tokio::spawn(async move { other.stopped().await });
    tokio::task::yield_now().await;
    assert!(!stopping.is_finished());
    outbox.stop();
    stopping.await.unwrap();
    assert!(outbox.take_async(9).await.is_none());
}

/// Follows a script: each entry is how many messages arrive, and what goes wrong then.
struct Scripted {
    script: VecDeque<(usize, Option<io::ErrorKind>)>,
    carried: mpsc::Sender<u64>,
}

impl Carrier for Scripted {
    fn carry(&mut self, messages: &[Message]) -> Carried {
        let (done, kind) = self.script.pop_front().unwrap_or((messages.len(), None));
        for number in numbers(&messages[..done]) {
            self.carried.send(number).unwrap();
        }
        let error = kind.map(|kind| match kind {
            io::ErrorKind::BrokenPipe => CarryError::Never(kind.into()),
            io::ErrorKind::InvalidData => CarryError::Refused(kind.into()),
            _ => CarryError::Later(kind.into()),
        });
        Carried { done, error }
    }
}

fn run(script: impl Into<VecDeque<(usize, Option<io::ErrorKind>)>>) -> (Arc<Outbox>, Vec<u64>) {
    let outbox = outbox(OutboxLimits::default());
    offer(&outbox, 1..=4);
    outbox.close();
    let (carried, arrived) = mpsc::channel();
    carry_on(&outbox, Scripted { script: script.into(), carried });
    (outbox, arrived.iter().collect())
}

#[test]
fn what_did_not_arrive_comes_again_in_order() {
    let (outbox, arrived) = run([
        (1, Some(io::ErrorKind::StorageFull)),
        (0, Some(io::ErrorKind::Interrupted)),
        (2, None),
    ]);
    assert_eq!(arrived, [1, 2, 3, 4]);
    let counts = outbox.counts();
    assert_eq!((counts.delivered, counts.retried, outbox.settled()), (4, 2, 4));
    balance(counts);
}

#[test]
fn a_broken_sink_keeps_what_it_could_not_say_unsettled() {
    let (outbox, arrived) = run([(1, Some(io::ErrorKind::BrokenPipe))]);
    assert_eq!((arrived, outbox.settled(), outbox.is_broken()), (vec![1], 1, true));
    assert!(outbox.problem().is_some());
    offer(&outbox, [5]);
    let counts = outbox.counts();
    assert_eq!((counts.failed, counts.waiting), (1, 3));
    balance(counts);
}

#[test]
fn what_is_refused_is_given_up_and_the_rest_goes_on() {
    let (outbox, arrived) = run([(1, Some(io::ErrorKind::InvalidData)), (2, None)]);
    assert_eq!((arrived, outbox.settled()), (vec![1, 3, 4], 4));
    let counts = outbox.counts();
    assert_eq!((counts.delivered, counts.failed), (3, 1));
    balance(counts);
}

#[test]
fn a_panic_of_the_carrier_shows() {
    struct Panics;
    impl Carrier for Panics {
        fn carry(&mut self, _: &[Message]) -> Carried {
            std::panic::resume_unwind(Box::new("on purpose"))
        }
    }
    let outbox = outbox(limits(1, WhenFull::Block));
    offer(&outbox, [1]);
    let sink = SinkThread::start(Arc::clone(&outbox), Panics).unwrap();
    offer(&outbox, [2]);
    sink.join();
    assert!(outbox.is_broken());
    balance(outbox.counts());
}

#[test]
fn other_bounds_let_on_who_waits() {
    let outbox = outbox(limits(1, WhenFull::Block));
    offer(&outbox, [1]);
    let own = Arc::clone(&outbox);
    let waiting = std::thread::spawn(move || offer(&own, [2]));
    let larger = limits(2, WhenFull::Block);
    outbox.reconfigure(Matcher::default(), larger, Vec::new);
    waiting.join().unwrap();
    assert_eq!(outbox.counts().waiting, 2);
    let own = Arc::clone(&outbox);
    let waiting = std::thread::spawn(move || offer(&own, [3]));
    outbox.reconfigure(Matcher::default(), limits(2, WhenFull::DropOldest), Vec::new);
    waiting.join().unwrap();
    assert_eq!((outbox.counts().waiting, outbox.counts().dropped), (2, 1));
}
