//! From refused events to records on disk, in step with the journal.

use super::error::DlqError;
use super::store::{Holdings, Store, StoreLimits};
use crate::canonical::{DeadLetter, Reject};
use crate::clock::{NANOS, SharedClock};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Records written at a time: some megabytes when each has all of its payload.
const BATCH: usize = 256;

/// An event that was refused, on its way to the store.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What was refused, and why.
    pub reject: Arc<Reject>,
    /// When, nanoseconds since the Unix epoch.
    pub first_seen_ns: i64,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterLimits {
    /// Of all records.
    pub store: StoreLimits,
    /// Bytes of one payload.
    pub payload_bytes_max: usize,
    /// Records of one epoch; further ones are dropped and counted.
    pub epoch_max: usize,
}

/// The numbers and limits of the store; cloning shares them.
#[derive(Clone)]
pub struct Letters(Arc<Shared>);

struct Shared {
    clock: SharedClock,
    limits: Mutex<LetterLimits>,
    dropped_queue: AtomicU64,
    dropped_disk: AtomicU64,
    holdings: Mutex<Holdings>,
}

/// Numbers of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LettersStats {
    /// What is on disk.
    pub holdings: Holdings,
    /// Records dropped because one epoch had too many.
    pub dropped_queue: u64,
    /// Records dropped because the disk refused.
    pub dropped_disk: u64,
}

/// Writes what was refused in an epoch, before the epoch is in the journal: whoever is told that
/// an event was refused is told when its record is on disk.
#[derive(Debug)]
pub struct Keeper {
    store: Store,
    letters: Letters,
}

impl Keeper {
    /// A keeper of the store within these limits.
    pub fn new(store: Store, limits: LetterLimits, clock: SharedClock) -> (Keeper, Letters) {
        let letters = Letters(Arc::new(Shared {
            clock,
            limits: Mutex::new(limits),
            dropped_queue: AtomicU64::new(0),
            dropped_disk: AtomicU64::new(0),
            holdings: Mutex::default(),
        }));
        let mut keeper = Keeper { store, letters: letters.clone() };
        keeper.refresh();
        (keeper, letters)
    }

    /// Writes what was `refused`, and waits until it is on disk; what is written or given up is
    /// taken out. A disk that fails otherwise than by being full costs records and a counter.
    ///
    /// # Errors
    /// When the disk is full; what is left is to be tried again.
    pub fn keep(&mut self, refused: &mut Vec<Refusal>) -> Result<(), DlqError> {
        if refused.is_empty() {
            return Ok(());
        }
        let (shared, limits) = (Arc::clone(&self.letters.0), self.letters.limits());
        let too_many = refused.len().saturating_sub(limits.epoch_max);
        if too_many > 0 {
            refused.truncate(limits.epoch_max);
            shared.dropped_queue.fetch_add(too_many as u64, Ordering::Relaxed);
            tracing::warn!(dropped = too_many, "more was refused at once than is kept of it");
        }
        self.store.set_limits(limits.store);
        let now_seconds = shared.clock.now_seconds();
        while !refused.is_empty() {
            let batch = refused.len().min(BATCH);
            let letters: Vec<DeadLetter> =
                refused[..batch].iter().map(|one| letter(one, limits.payload_bytes_max)).collect();
            match self.store.append(&letters, now_seconds) {
                Err(error) if error.is_full() => return Err(error),
                Err(error) => {
                    shared.dropped_disk.fetch_add(batch as u64, Ordering::Relaxed);
                    tracing::warn!(dropped = batch, %error, "dead letters are lost");
                }
                Ok(()) => {}
            }
            refused.drain(..batch);
        }
        self.refresh();
        Ok(())
    }

    fn refresh(&mut self) {
        let shared = &self.letters.0;
        match self.store.holdings(shared.clock.now_seconds()) {
            Ok(holdings) => *lock(&shared.holdings) = holdings,
            Err(error) => tracing::warn!(%error, "the numbers of dead letters stay as they were"),
        }
    }
}

impl Letters {
    /// Keeps as much as these limits say from the next record on.
    pub fn reconfigure(&self, limits: LetterLimits) {
        *lock(&self.0.limits) = limits;
    }

    fn limits(&self) -> LetterLimits {
        *lock(&self.0.limits)
    }

    /// The numbers as they stand.
    pub fn stats(&self) -> LettersStats {
        LettersStats {
            holdings: *lock(&self.0.holdings),
            dropped_queue: self.0.dropped_queue.load(Ordering::Relaxed),
            dropped_disk: self.0.dropped_disk.load(Ordering::Relaxed),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn letter(refusal: &Refusal, payload_bytes_max: usize) -> DeadLetter {
    let first_seen = jiff::Timestamp::from_nanosecond(i128::from(refusal.first_seen_ns));
    let first_seen = first_seen.unwrap_or_default().to_string();
    let reject = &refusal.reject;
    if reject.payload.len() <= payload_bytes_max {
        return reject.dead_letter(&first_seen, 1);
    }
    let payload = Box::from(&reject.payload[..payload_bytes_max]);
    Reject { payload, ..(**reject).clone() }.dead_letter(&first_seen, 1)
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
        let now = self.0.clock.now_ns() / NANOS;
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
