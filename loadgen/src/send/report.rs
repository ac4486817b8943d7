//! What a run measured.

use super::{Batch, Sample};
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// A run is valid when it kept this share of the offered rate.
const VALID: f64 = 0.999;
/// Digits that histograms keep.
const DIGITS: u8 = 3;

/// The result of one run; times in microseconds.
#[derive(Clone, Debug)]
pub struct Report {
    /// Events a second that were to be sent.
    pub offered: f64,
    /// Events a second that went out in time: all of them over the planned duration,
    /// or over the time it took, if that was longer.
    pub achieved: f64,
    /// How many events were sent.
    pub events: u64,
    /// From the start of the run to the end of the last answer.
    pub elapsed: Duration,
    /// From the instant a batch was due to the end of its answer; one value a batch.
    pub latency_us: Histogram<u64>,
    /// The same by the second in which a batch was due; seconds without a batch are left out.
    pub seconds: Vec<Second>,
    /// Batches by status of their answer.
    pub statuses: BTreeMap<u16, u64>,
}

/// One second of a run.
#[derive(Clone, Debug)]
pub struct Second {
    /// Which, from 0.
    pub second: u64,
    /// Events that were due in it.
    pub events: u64,
    /// Latency of the batches that were due in it.
    pub latency_us: Histogram<u64>,
}

impl Report {
    pub(super) fn new(
        batches: &[Batch],
        due: &[Duration],
        offered: f64,
        mut samples: Vec<Sample>,
    ) -> Report {
        samples.sort_by_key(|s| s.batch);
        let mut report = Report {
            offered,
            achieved: offered,
            events: batches.iter().map(|b| b.events).sum(),
            elapsed: samples.iter().map(|s| s.answered).max().unwrap_or_default(),
            latency_us: histogram(),
            seconds: Vec::new(),
            statuses: BTreeMap::new(),
        };
        for sample in &samples {
            let due = due[sample.batch];
            let latency = sample.answered.saturating_sub(due);
            let latency_us = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
            report.latency_us.saturating_record(latency_us);
            let second = due.as_secs();
            if report.seconds.last().is_none_or(|last| last.second != second) {
                report.seconds.push(Second { second, events: 0, latency_us: histogram() });
            }
            if let Some(last) = report.seconds.last_mut() {
                last.events += batches[sample.batch].events;
                last.latency_us.saturating_record(latency_us);
            }
            *report.statuses.entry(sample.status).or_default() += 1;
        }
        // The plan ends when the last batch's share of time is over. A sender that has
        // caught up by then has kept the rate, however it got there.
        let planned = report.events as f64 / offered;
        let last_behind =
            samples.last().map_or(0.0, |s| s.sent.saturating_sub(due[s.batch]).as_secs_f64());
        // A batch goes out microseconds after it is due; that is not a lower rate.
        let slack = Duration::from_millis(1).as_secs_f64();
        let took = planned + (last_behind - slack).max(0.0);
        if took > 0.0 {
            report.achieved = report.events as f64 / took;
        }
        report
    }

    /// Whether the offered rate was kept; if not, the figures describe the sender and mean nothing.
    pub fn valid(&self) -> bool {
        self.achieved >= VALID * self.offered
    }
}

/// A histogram that holds a microsecond to ten minutes.
fn histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, 600_000_000, DIGITS) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("the bounds are constants: {error}"),
    }
}
