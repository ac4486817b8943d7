//! A series that forgives late samples: two older states and what came since the elder.
//!
//! A sample that is late within the bound restores the state before it and is replayed in
//! its place with all that came after; what readings were alerts and are none now are taken
//! back, and the other way round. So any arrival within the bound ends with the readings of
//! the sorted order, samples of one second by their value. A sample beyond the bound is
//! counted and changes nothing.

use super::model::MetricModel;
use super::reading::Reading;
use super::series::Series;
use serde::{Deserialize, Serialize};

/// A reading that is an alert, or is none any longer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Time of the sample.
    pub time_seconds: i64,
    /// Its reading.
    pub reading: Reading,
    /// 1 when it appears, -1 when it is taken back.
    pub diff: i64,
}

/// What became of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// It came in order.
    InOrder,
    /// It came late, and was put in its place.
    Replayed,
    /// It came too late, is no number, or lies a century ahead, and was left out.
    Ignored,
}

/// A sample, as small as it can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Sample {
    /// Seconds since the elder state's end.
    offset: u32,
    bits: [u32; 2],
}

/// The state before all samples that are not earlier than `end`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Snapshot {
    end: i64,
    /// How many of the kept samples it has taken in.
    taken: u32,
    series: Series,
}

/// A series with enough of its past to put late samples in their place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    live: Series,
    elder: Snapshot,
    younger: Snapshot,
    samples: Vec<Sample>,
    /// Alerts among the kept samples, by the number of the sample.
    alerts: Vec<(u32, Reading)>,
    /// Time of the latest sample.
    latest: Option<i64>,
    ignored: u64,
}

impl Sample {
    fn new(end: i64, time: i64, value: f64) -> Sample {
        let bits = value.to_bits();
        Sample { offset: (time - end) as u32, bits: [bits as u32, (bits >> 32) as u32] }
    }

    fn time(self, end: i64) -> i64 {
        end + i64::from(self.offset)
    }

    fn value(self) -> f64 {
        f64::from_bits(u64::from(self.bits[0]) | u64::from(self.bits[1]) << 32)
    }
}

impl Track {
    /// Time of the latest sample, by which an idle series is known.
    pub fn latest_seconds(&self) -> Option<i64> {
        self.latest
    }

    /// Samples that were left out: too late, or no number.
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    /// The state as of the latest sample.
    pub fn series(&self) -> &Series {
        &self.live
    }

    /// Bytes that it takes, what it has allocated included.
    pub fn bytes(&self) -> usize {
        size_of::<Track>()
            + self.samples.capacity() * size_of::<Sample>()
            + self.alerts.capacity() * size_of::<(u32, Reading)>()
    }

    /// Takes a sample in; alerts that appear and that are taken back are put into `out`.
    pub fn push(
        &mut self,
        model: &MetricModel,
        time_seconds: i64,
        value: f64,
        out: &mut Vec<Change>,
    ) -> Pushed {
        if !value.is_finite() || !self.takes(model, time_seconds) {
            self.ignored += 1;
            return Pushed::Ignored;
        }
        if self.latest.is_none_or(|latest| time_seconds > latest) {
            if self.latest.is_none() {
                // All that can still come lies behind these ends.
                let end = time_seconds.saturating_sub(i64::from(model.late_seconds_max));
                (self.elder.end, self.younger.end) = (end, end);
            }
            self.latest = Some(time_seconds);
            self.rotate(model, time_seconds);
        }
        let key = (time_seconds, value);
        let at = self.samples.partition_point(|sample| {
            let (time, held) = (sample.time(self.elder.end), sample.value());
            time < key.0 || (time == key.0 && held.total_cmp(&key.1).is_le())
        });
        self.samples.insert(at, Sample::new(self.elder.end, time_seconds, value));
        if at + 1 == self.samples.len() {
            let reading = self.live.step(model, time_seconds, value);
            if reading.alert {
                self.alerts.push((at as u32, reading));
                out.push(Change { time_seconds, reading, diff: 1 });
            }
            return Pushed::InOrder;
        }
        self.replay(model, at, out);
        Pushed::Replayed
    }

    /// Whether a sample of this time can be put in its place.
    fn takes(&self, model: &MetricModel, time: i64) -> bool {
        let Some(latest) = self.latest else { return true };
        // A leap of more than a century is a clock gone wrong.
        latest.saturating_sub(time) <= i64::from(model.late_seconds_max)
            && (0..=i64::from(u32::MAX)).contains(&time.saturating_sub(self.elder.end))
    }

    /// Moves the states on, so that the elder one always ends before what may still come.
    fn rotate(&mut self, model: &MetricModel, time: i64) {
        let passed = time.saturating_sub(self.younger.end);
        let full = self.samples.len() >= model.kept_samples_max as usize;
        if passed < i64::from(model.late_seconds_max) && !full {
            return;
        }
        let gone = self.younger.taken as usize;
        let end = self.younger.end;
        let shift = end.saturating_sub(self.elder.end);
        self.samples.drain(..gone);
        for sample in &mut self.samples {
            sample.offset = (i64::from(sample.offset) - shift) as u32;
        }
        self.alerts.retain(|(at, _)| *at >= gone as u32);
        for (at, _) in &mut self.alerts {
            *at -= gone as u32;
        }
        let taken = self.samples.len() as u32;
        let live = Snapshot { end: time, taken, series: self.live.clone() };
        self.elder = std::mem::replace(&mut self.younger, live);
        self.elder.taken = 0;
    }

    /// Steps again through what follows the state before sample `at`.
    fn replay(&mut self, model: &MetricModel, at: usize, out: &mut Vec<Change>) {
        let end = self.elder.end;
        let time = self.samples[at].time(end);
        let from = if time >= self.younger.end { &self.younger } else { &self.elder };
        let start = from.taken as usize;
        let elder = time < self.younger.end;
        self.live = from.series.clone();
        if elder {
            // The younger state has one sample more to take in.
            self.younger.taken += 1;
        }
        let first = self.alerts.partition_point(|(held, _)| (*held as usize) < start);
        let before = self.alerts.split_off(first);
        for number in start..self.samples.len() {
            if elder && number == self.younger.taken as usize {
                self.younger.series = self.live.clone();
            }
            let sample = self.samples[number];
            let reading = self.live.step(model, sample.time(end), sample.value());
            if reading.alert {
                self.alerts.push((number as u32, reading));
            }
        }
        if elder && self.younger.taken as usize == self.samples.len() {
            self.younger.series = self.live.clone();
        }
        self.tell(&before, first, at, out);
    }

    /// Tells how alerts differ from those before sample `at` was put in.
    fn tell(&self, before: &[(u32, Reading)], first: usize, at: usize, out: &mut Vec<Change>) {
        let time = |number: u32| self.samples[number as usize].time(self.elder.end);
        // Numbers from `at` on have moved by the new sample.
        let moved = |held: u32| if held as usize >= at { held + 1 } else { held };
        let after = &self.alerts[first..];
        for (held, reading) in before {
            let number = moved(*held);
            if !after.contains(&(number, *reading)) {
                out.push(Change { time_seconds: time(number), reading: *reading, diff: -1 });
            }
        }
        for (number, reading) in after {
            let stood = before.iter().any(|(held, was)| moved(*held) == *number && was == reading);
            if !stood {
                out.push(Change { time_seconds: time(*number), reading: *reading, diff: 1 });
            }
        }
    }
}
