//! Open-loop latency: from when something was due until its answer is there.

use hdrhistogram::Histogram;
use std::time::{Duration, Instant};

/// A run is invalid below this share of the offered rate.
const ACHIEVED_MIN: f64 = 0.999;

/// When the nth arrival of a steady stream is due.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    start: Instant,
    /// Arrivals a second.
    pub rate: f64,
}

impl Schedule {
    /// A stream that begins now.
    pub fn now(rate: f64) -> Schedule {
        Schedule { start: Instant::now(), rate }
    }

    /// When arrival `number` is due.
    pub fn due(&self, number: u64) -> Instant {
        self.start + Duration::from_secs_f64(number as f64 / self.rate)
    }

    /// Seconds since the stream began.
    pub fn second_of(&self, instant: Instant) -> usize {
        instant.saturating_duration_since(self.start).as_secs() as usize
    }
}

/// Latencies in microseconds, three digits, whole and by second of due time.
pub struct Latencies {
    all: Histogram<u64>,
    seconds: Vec<Histogram<u64>>,
}

fn empty() -> Histogram<u64> {
    // An hour is more than any run.
    Histogram::new_with_bounds(1, 3_600_000_000, 3).expect("the bounds are in order")
}

impl Default for Latencies {
    fn default() -> Self {
        Latencies { all: empty(), seconds: Vec::new() }
    }
}

impl Latencies {
    /// Something that was due at `due`, in second `second` of the run, is answered now.
    pub fn record(&mut self, due: Instant, second: usize) {
        self.record_at(due, Instant::now(), second);
    }

    /// The same, answered at `answered`.
    pub fn record_at(&mut self, due: Instant, answered: Instant, second: usize) {
        let waited = answered.saturating_duration_since(due);
        let micros = waited.as_micros().min(3_600_000_000) as u64;
        self.all.saturating_record(micros.max(1));
        while self.seconds.len() <= second {
            self.seconds.push(empty());
        }
        self.seconds[second].saturating_record(micros.max(1));
    }

    /// How many were recorded.
    pub fn len(&self) -> u64 {
        self.all.len()
    }

    /// A percentile, milliseconds.
    pub fn ms(&self, percentile: f64) -> f64 {
        self.all.value_at_percentile(percentile) as f64 / 1e3
    }

    /// The largest, milliseconds.
    pub fn max_ms(&self) -> f64 {
        self.all.max() as f64 / 1e3
    }

    /// Count, p50, p99 and maximum in milliseconds of each second.
    pub fn by_second(&self) -> Vec<[f64; 4]> {
        let row = |h: &Histogram<u64>| {
            let ms = |micros: u64| micros as f64 / 1e3;
            let (p50, p99) = (h.value_at_percentile(50.0), h.value_at_percentile(99.0));
            [h.len() as f64, ms(p50), ms(p99), ms(h.max())]
        };
        self.seconds.iter().map(row).collect()
    }
}

/// Why a run of `sent` arrivals in `took` at `rate` is invalid, if it is.
pub fn too_slow(sent: u64, took: Duration, rate: f64) -> Option<String> {
    let achieved = sent as f64 / took.as_secs_f64() / rate;
    (achieved < ACHIEVED_MIN).then(|| {
        format!("achieved {:.2} % of the offered rate of {rate} a second", achieved * 100.0)
    })
}
