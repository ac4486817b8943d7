//! The books of snapshots.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// What became of snapshots; clones share it.
#[derive(Clone, Default)]
pub struct SnapshotBooks(Arc<Mutex<Books>>);

#[derive(Clone, Copy, Default)]
struct Books {
    written: u64,
    failed: u64,
    damaged: u64,
    epoch: u64,
    bytes: u64,
    seconds: f64,
}

impl SnapshotBooks {
    /// One was written.
    pub fn written(&self, epoch: u64, bytes: u64, seconds: f64) {
        self.with(|books| {
            books.written += 1;
            (books.epoch, books.bytes, books.seconds) = (epoch, bytes, seconds);
        });
    }

    /// One was not.
    pub fn failed(&self) {
        self.with(|books| books.failed += 1);
    }

    /// One was found to be damaged, and set aside.
    pub fn damaged(&self) {
        self.with(|books| books.damaged += 1);
    }

    fn with(&self, then: impl FnOnce(&mut Books)) {
        then(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl fmt::Debug for SnapshotBooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SnapshotBooks")
    }
}

impl Collector for SnapshotBooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let books = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, help, value) in [
            ("snapshots_written", "Snapshots written", books.written),
            ("snapshots_failed", "Snapshots that could not be written", books.failed),
            ("snapshots_damaged", "Snapshots that were damaged and set aside", books.damaged),
        ] {
            encoder
                .encode_descriptor(name, help, None, MetricType::Counter)?
                .encode_counter::<[(&str, &str); 0], _, f64>(&value, None)?;
        }
        for (name, help, unit, value) in [
            ("snapshot_last_epoch", "Epoch of the last snapshot", None, books.epoch as f64),
            ("snapshot_last", "Size of the last snapshot", Some(Unit::Bytes), books.bytes as f64),
            ("snapshot_last_write", "Time to write it", Some(Unit::Seconds), books.seconds),
        ] {
            encoder
                .encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?
                .encode_gauge(&value)?;
        }
        Ok(())
    }
}
