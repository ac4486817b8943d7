//! From refused events to records on disk, without anyone waiting.

use super::store::{Holdings, Store};
use crate::canonical::{DeadLetter, Reject};
use crate::clock::{NANOS, SharedClock};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Bytes of payloads that may wait for the disk, beside the bound on their number.
const QUEUE_BYTES_MAX: usize = 64 << 20;
/// Records written at a time.
const BATCH: usize = 256;

enum Message {
    Reject { reject: Box<Reject>, first_seen_ns: i64 },
    Flush(Sender<()>),
    Stop,
}

/// Where refused events are handed in; cloning shares it.
#[derive(Clone)]
pub struct Letters {
    queue: Sender<Message>,
    shared: Arc<Shared>,
}

struct Shared {
    payload_bytes_max: usize,
    clock: SharedClock,
    waiting_bytes: AtomicUsize,
    dropped_queue: AtomicU64,
    dropped_disk: AtomicU64,
    holdings: Mutex<Holdings>,
}

/// Numbers of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LettersStats {
    /// What is on disk.
    pub holdings: Holdings,
    /// Records dropped because too many waited.
    pub dropped_queue: u64,
    /// Records dropped because the disk refused.
    pub dropped_disk: u64,
}

/// The thread that writes.
pub struct Writer {
    queue: Sender<Message>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Starts the thread. At most `queue_max` records wait; of each payload at most
    /// `payload_bytes_max` are kept.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn start(
        store: Store,
        queue_max: usize,
        payload_bytes_max: usize,
        clock: SharedClock,
    ) -> io::Result<(Letters, Writer)> {
        let (queue, messages) = bounded(queue_max.max(1));
        let shared = Arc::new(Shared {
            payload_bytes_max,
            clock,
            waiting_bytes: AtomicUsize::new(0),
            dropped_queue: AtomicU64::new(0),
            dropped_disk: AtomicU64::new(0),
            holdings: Mutex::default(),
        });
        let letters = Letters { queue: queue.clone(), shared: Arc::clone(&shared) };
        let thread = std::thread::Builder::new()
            .name("dead-letters".to_owned())
            .spawn(move || write_all(store, &messages, &shared))?;
        Ok((letters, Writer { queue, thread }))
    }

    /// Writes what waits and ends the thread.
    pub fn stop(self) {
        // A thread that is gone already has nothing left to write.
        let _ = self.queue.send(Message::Stop);
        let _ = self.thread.join();
    }
}

impl Letters {
    /// Hands a refused event in. Never waits: without room it is dropped and counted.
    pub fn offer(&self, mut reject: Reject, first_seen_ns: i64) {
        let shared = &self.shared;
        if reject.payload.len() > shared.payload_bytes_max {
            reject.payload = Box::from(&reject.payload[..shared.payload_bytes_max]);
        }
        let bytes = reject.payload.len();
        let waiting = shared.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let message = Message::Reject { reject: Box::new(reject), first_seen_ns };
        let taken = waiting + bytes <= QUEUE_BYTES_MAX
            && !matches!(
                self.queue.try_send(message),
                Err(TrySendError::Full(_) | TrySendError::Disconnected(_))
            );
        if !taken {
            shared.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
            shared.dropped_queue.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits until everything handed in before is on disk.
    pub fn flush(&self) {
        let (done, wait) = bounded(1);
        if self.queue.send(Message::Flush(done)).is_ok() {
            let _ = wait.recv();
        }
    }

    /// The numbers as they stand.
    pub fn stats(&self) -> LettersStats {
        LettersStats {
            holdings: *self.shared.holdings.lock().unwrap_or_else(PoisonError::into_inner),
            dropped_queue: self.shared.dropped_queue.load(Ordering::Relaxed),
            dropped_disk: self.shared.dropped_disk.load(Ordering::Relaxed),
        }
    }
}

fn write_all(mut store: Store, messages: &Receiver<Message>, shared: &Shared) {
    refresh(&mut store, shared);
    while let Ok(first) = messages.recv() {
        let mut batch = Vec::new();
        let mut flushed = Vec::new();
        let mut stop = false;
        for message in std::iter::once(first).chain(messages.try_iter()) {
            match message {
                Message::Reject { reject, first_seen_ns } => {
                    let bytes = reject.payload.len();
                    batch.push(letter(&reject, first_seen_ns));
                    shared.waiting_bytes.fetch_sub(bytes, Ordering::Relaxed);
                }
                Message::Flush(done) => flushed.push(done),
                Message::Stop => stop = true,
            }
            if batch.len() >= BATCH || stop {
                break;
            }
        }
        if let Err(error) = store.append(&batch, shared.clock.now_seconds()) {
            shared.dropped_disk.fetch_add(batch.len() as u64, Ordering::Relaxed);
            tracing::warn!(dropped = batch.len(), %error, "dead letters are lost");
        }
        refresh(&mut store, shared);
        for done in flushed {
            let _ = done.send(());
        }
        if stop {
            return;
        }
    }
}

fn refresh(store: &mut Store, shared: &Shared) {
    if let Ok(holdings) = store.holdings(shared.clock.now_seconds()) {
        *shared.holdings.lock().unwrap_or_else(PoisonError::into_inner) = holdings;
    }
}

fn letter(reject: &Reject, first_seen_ns: i64) -> DeadLetter {
    let first_seen = jiff::Timestamp::from_nanosecond(i128::from(first_seen_ns));
    reject.dead_letter(&first_seen.unwrap_or_default().to_string(), 1)
}

impl fmt::Debug for Letters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Letters")
    }
}

impl Collector for Letters {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.stats();
        let holdings = stats.holdings;
        let now = self.shared.clock.now_ns() / NANOS;
        let age = holdings.oldest.map_or(0, |oldest| now.saturating_sub(oldest).max(0));
        let gauges = [
            ("dlq_records", "Dead letters on disk", None, holdings.records),
            ("dlq", "Bytes of dead letters on disk", Some(Unit::Bytes), holdings.bytes),
            ("dlq_oldest", "Age of the oldest dead letter", Some(Unit::Seconds), age as u64),
        ];
        for (name, help, unit, value) in gauges {
            encoder
                .encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?
                .encode_gauge(&value)?;
        }
        let help = "Dead letters dropped";
        let mut family =
            encoder.encode_descriptor("dlq_dropped", help, None, MetricType::Counter)?;
        for (reason, count) in [
            ("age", holdings.dropped_age),
            ("bytes", holdings.dropped_bytes),
            ("disk", stats.dropped_disk),
            ("queue", stats.dropped_queue),
        ] {
            family
                .encode_family(&[("reason", reason)])?
                .encode_counter::<[(&str, &str); 0], _, f64>(&count, None)?;
        }
        Ok(())
    }
}
