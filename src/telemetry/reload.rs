//! The books of the configuration: whether the last attempt to read it again succeeded, and when.

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Unit;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What became of reading the configuration; clones share it.
#[derive(Clone, Debug)]
pub struct ReloadBooks(Arc<Mutex<Books>>);

#[derive(Clone, Copy, Debug)]
struct Books {
    succeeded: u64,
    refused: u64,
    is_last_good: bool,
    last_good_seconds: i64,
    rows_refused: u64,
}

impl ReloadBooks {
    /// Those of a process that has read it at its start, at this second.
    pub fn new(now_seconds: i64) -> ReloadBooks {
        let last_good_seconds = now_seconds;
        let (is_last_good, rows_refused) = (true, 0);
        let books =
            Books { succeeded: 0, refused: 0, is_last_good, last_good_seconds, rows_refused };
        ReloadBooks(Arc::new(Mutex::new(books)))
    }

    /// It was taken over.
    pub fn succeeded(&self, now_seconds: i64) {
        let mut books = self.lock();
        books.succeeded += 1;
        (books.is_last_good, books.last_good_seconds) = (true, now_seconds);
    }

    /// It was not, and the one before holds.
    pub fn refused(&self) {
        let mut books = self.lock();
        books.refused += 1;
        books.is_last_good = false;
    }

    /// So many rows of topology could not be used, and the others were.
    pub fn left_out(&self, rows: usize) {
        self.lock().rows_refused += rows as u64;
    }

    fn lock(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collector for ReloadBooks {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let books = *self.lock();
        let help = "Whether the configuration as it was last read is the one that holds";
        encoder
            .encode_descriptor("config_last_reload_successful", help, None, MetricType::Gauge)?
            .encode_gauge(&u64::from(books.is_last_good))?;
        let (help, unit) = ("When the configuration was last taken over", Some(&Unit::Seconds));
        let name = "config_last_reload_success_timestamp";
        encoder
            .encode_descriptor(name, help, unit, MetricType::Gauge)?
            .encode_gauge(&books.last_good_seconds)?;
        let help = "How often the configuration was read again";
        let mut family =
            encoder.encode_descriptor("config_reloads", help, None, MetricType::Counter)?;
        for (result, count) in [("success", books.succeeded), ("failure", books.refused)] {
            family
                .encode_family(&[("result", result)])?
                .encode_counter::<[(&str, &str); 0], _, f64>(&count, None)?;
        }
        let help = "Rows of the configured topology that could not be used";
        encoder
            .encode_descriptor("config_topology_rows_refused", help, None, MetricType::Counter)?
            .encode_counter::<[(&str, &str); 0], _, f64>(&books.rows_refused, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;
    use crate::telemetry::Metrics;

    #[test]
    fn a_refusal_leaves_the_time_of_the_last_success() {
        let books = ReloadBooks::new(100);
        let metrics = Metrics::new(&ManualClock::at_seconds(0));
        metrics.add(Box::new(books.clone()));
        let shown = |good: u64, at: i64, counts: [u64; 2]| {
            let text = metrics.text();
            for line in [
                format!("causeway_config_last_reload_successful {good}\n"),
                format!("causeway_config_last_reload_success_timestamp_seconds {at}\n"),
                format!("causeway_config_reloads_total{{result=\"success\"}} {}\n", counts[0]),
                format!("causeway_config_reloads_total{{result=\"failure\"}} {}\n", counts[1]),
            ] {
                assert!(text.contains(&line), "{line} is not in\n{text}");
            }
        };
        shown(1, 100, [0, 0]);
        books.refused();
        shown(0, 100, [0, 1]);
        books.succeeded(200);
        shown(1, 200, [1, 1]);
    }
}
