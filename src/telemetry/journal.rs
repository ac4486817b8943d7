//! The journal's numbers: what it took, what that cost, what is on disk.

use super::bins::Bins;
use crate::journal::Writer;
use crate::journal::storage::Storage;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Upper bounds of the time that a sync takes, seconds: from memory that a battery keeps to
/// a disk that is about to fail.
const SYNC_SECONDS: &[f64] =
    &[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0];

/// Numbers that whoever writes the journal keeps; cloning shares them.
#[derive(Clone, Debug)]
pub struct JournalBooks(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    frames: u64,
    bytes: u64,
    syncs: Bins,
    recovery_seconds: f64,
    recovered_epochs: u64,
    held: Held,
}

/// What is on disk.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    segments: u64,
    bytes: u64,
    oldest_epoch: Option<u64>,
    next_epoch: u64,
}

impl Held {
    fn of<S: Storage>(writer: &Writer<S>) -> Held {
        Held {
            segments: writer.segments(),
            bytes: writer.bytes(),
            oldest_epoch: writer.first_epoch(),
            next_epoch: writer.next_epoch().unwrap_or(0),
        }
    }
}

impl JournalBooks {
    /// Those of a journal that was just opened.
    pub fn new<S: Storage>(writer: &Writer<S>) -> JournalBooks {
        JournalBooks(Arc::new(Mutex::new(Inner {
            frames: 0,
            bytes: 0,
            syncs: Bins::new(SYNC_SECONDS),
            recovery_seconds: 0.0,
            recovered_epochs: 0,
            held: Held::of(writer),
        })))
    }

    /// It was read again, which took so long.
    pub fn recovered(&self, epochs: u64, seconds: f64) {
        let mut inner = self.lock();
        inner.recovery_seconds = seconds;
        inner.recovered_epochs = epochs;
    }

    /// A frame of so many bytes is on disk, and its sync took so long.
    pub fn wrote<S: Storage>(&self, bytes: u64, sync_seconds: f64, writer: &Writer<S>) {
        let mut inner = self.lock();
        inner.frames += 1;
        inner.bytes += bytes;
        inner.syncs.observe(sync_seconds);
        inner.held = Held::of(writer);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for JournalBooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let inner = self.lock();
        let bytes = Some(Unit::Bytes);
        for (name, help, unit, value) in [
            ("journal_frames", "Epochs written to the journal", None, inner.frames),
            ("journal_written", "Written to the journal", bytes, inner.bytes),
        ] {
            encoder
                .encode_descriptor(name, help, unit.as_ref(), MetricType::Counter)?
                .encode_counter::<[(&str, &str); 0], _, f64>(&value, None)?;
        }
        let held = inner.held;
        let bytes = Some(Unit::Bytes);
        for (name, help, unit, value) in [
            ("journal_segments", "Files of the journal", None, held.segments),
            ("journal_size", "The journal on disk", bytes, held.bytes),
            (
                "journal_oldest_epoch",
                "The first epoch that the journal holds",
                None,
                held.oldest_epoch.unwrap_or(held.next_epoch),
            ),
            ("journal_next_epoch", "The epoch that is written next", None, held.next_epoch),
            (
                "journal_recovered_epochs",
                "Epochs of the journal that the last start read again",
                None,
                inner.recovered_epochs,
            ),
        ] {
            encoder
                .encode_descriptor(name, help, unit.as_ref(), MetricType::Gauge)?
                .encode_gauge(&value)?;
        }
        let seconds = Some(&Unit::Seconds);
        let help = "What the last start took to read the journal again";
        encoder
            .encode_descriptor("journal_recovery", help, seconds, MetricType::Gauge)?
            .encode_gauge(&inner.recovery_seconds)?;
        let help = "What a sync of the journal took";
        let encoder = encoder.encode_descriptor(
            "journal_sync_duration",
            help,
            seconds,
            MetricType::Histogram,
        )?;
        inner.syncs.encode(encoder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::journal::{FrameRef, Options};
    use crate::telemetry::Metrics;

    #[test]
    fn what_was_written_and_what_is_on_disk_show() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options { segment_bytes: 1, ..Options::default() };
        let (mut writer, _) = Writer::open(directory.path(), options).unwrap();
        let books = JournalBooks::new(&writer);
        let metrics = Metrics::new(&ManualClock::at_seconds(1_000));
        metrics.add(Box::new(books.clone()));
        assert!(metrics.text().contains("causeway_journal_segments 0\n"));
        books.recovered(7, 0.5);
        let mut bytes = 0;
        for epoch in 3..5 {
            let frame = FrameRef { epoch, now: 0, flags: 0, parts: &[] };
            let written = writer.append(&frame).unwrap();
            writer.sync().unwrap();
            books.wrote(written, 0.002, &writer);
            bytes += written;
        }
        let text = metrics.text();
        let on_disk = writer.bytes();
        assert!(on_disk > bytes);
        for line in [
            "causeway_journal_frames_total 2".to_owned(),
            format!("causeway_journal_written_bytes_total {bytes}"),
            "causeway_journal_segments 2".to_owned(),
            format!("causeway_journal_size_bytes {on_disk}"),
            "causeway_journal_oldest_epoch 3".to_owned(),
            "causeway_journal_next_epoch 5".to_owned(),
            "causeway_journal_recovered_epochs 7".to_owned(),
            "causeway_journal_recovery_seconds 0.5".to_owned(),
            "causeway_journal_sync_duration_seconds_bucket{le=\"0.0025\"} 2".to_owned(),
            "causeway_journal_sync_duration_seconds_count 2".to_owned(),
        ] {
            assert!(text.lines().any(|held| held == line), "{line} is not in\n{text}");
        }
    }
}
