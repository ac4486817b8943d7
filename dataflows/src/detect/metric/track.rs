//! A series that forgives late samples: two older states and what came since the elder.
//!
//! What is kept is what was sent: a late point of a counter changes the rates of both its
//! neighbours, so counters are made rates within the replay.
//!
//! A sample that is late within the bound restores the state before it and is replayed in
//! its place with all that came after; what was told and is not so now is taken
//! back, and the other way round. So any arrival within the bound ends with the readings of
//! the sorted order, samples of one second by their value. A sample beyond the bound is
//! counted and changes nothing.

use super::counter::{Accumulation, Counter};
use super::model::MetricModel;
use super::off::{Off, Word};
use super::reading::Reading;
use super::series::Series;
use crate::model::FigureRow;
use serde::{Deserialize, Serialize};

/// Something that is told of a sample, or is told of it no longer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Time of the sample.
    pub time_seconds: i64,
    /// Its figure: the value of a gauge, the rate of a counter.
    pub figure: f64,
    /// What is told.
    pub word: Word,
    /// The reading that the word is about: its own, or that since which the series is off.
    pub reading: Reading,
    /// When the series went off.
    pub since: i64,
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
    /// Seconds since the elder state's end, and above them how it adds up.
    offset: u32,
    bits: [u32; 2],
}

/// What is known after a sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Known {
    counter: Counter,
    series: Series,
    off: Option<Off>,
}

/// What is known before all samples that are not earlier than `end`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Snapshot {
    end: i64,
    /// How many of the kept samples it has taken in.
    taken: u32,
    known: Known,
}

/// What was told of one of the kept samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Told {
    /// The number of the sample.
    number: u32,
    figure: f64,
    word: Word,
    reading: Reading,
    since: i64,
}

/// A series with enough of its past to put late samples in their place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    live: Known,
    elder: Snapshot,
    younger: Snapshot,
    samples: Vec<Sample>,
    /// By the number of the sample.
    told: Vec<Told>,
    /// Time of the latest sample.
    latest: Option<i64>,
}

/// Bits of an offset: 34 years.
const OFFSET_BITS: u32 = 30;

impl Sample {
    fn new(end: i64, time: i64, kind: Accumulation, value: f64) -> Sample {
        let bits = value.to_bits();
        let offset = (time - end) as u32 | (kind as u32) << OFFSET_BITS;
        Sample { offset, bits: [bits as u32, (bits >> 32) as u32] }
    }

    fn time(self, end: i64) -> i64 {
        end + i64::from(self.offset & ((1 << OFFSET_BITS) - 1))
    }

    fn kind(self) -> Accumulation {
        match self.offset >> OFFSET_BITS {
            0 => Accumulation::Gauge,
            1 => Accumulation::Cumulative,
            _ => Accumulation::Delta,
        }
    }

    fn value(self) -> f64 {
        f64::from_bits(u64::from(self.bits[0]) | u64::from(self.bits[1]) << 32)
    }
}

impl Known {
    /// Takes the next sample in; what is told of it.
    fn step(
        &mut self,
        model: &MetricModel,
        (number, end): (usize, i64),
        sample: Sample,
    ) -> Option<Told> {
        let time = sample.time(end);
        let figure = self.counter.gauge(sample.kind(), time, sample.value())?;
        let seasonal = self.off.and_then(|_| self.series.seasonal(model, time));
        let reading = self.series.step(model, time, figure);
        let told = |word, off: &Off| Told {
            number: number as u32,
            figure,
            word,
            reading: off.reading,
            since: off.since,
        };
        if reading.alert {
            let off = Off::new(self.off, time, figure, reading);
            self.off = Some(off);
            return Some(told(Word::Found, &off));
        }
        let mut off = self.off?;
        let word = off.word(model, time, figure, seasonal)?;
        self.off = (word != Word::Over).then_some(off);
        Some(told(word, &off))
    }
}

impl Track {
    /// Bytes that it takes, what it has allocated included.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of::<Track>()
            + self.samples.capacity() * size_of::<Sample>()
            + self.told.capacity() * size_of::<Told>()
    }

    /// What is known after the latest sample.
    #[cfg(test)]
    pub(super) fn latest_known(&self) -> impl PartialEq + std::fmt::Debug + '_ {
        &self.live
    }

    /// What is known, for people who ask.
    pub fn row(&self, model: &MetricModel) -> FigureRow {
        let Known { series, off, .. } = &self.live;
        FigureRow {
            latest: self.latest,
            samples: series.rows(),
            value: series.last(),
            expected: self.latest.map_or(0.0, |latest| series.usual_at(model, latest)),
            off_since: off.map(|off| off.since),
        }
    }

    /// Takes a sample in; what is told by it and what is taken back are put into `out`.
    pub fn push(
        &mut self,
        model: &MetricModel,
        time_seconds: i64,
        (kind, value): (Accumulation, f64),
        out: &mut Vec<Change>,
    ) -> Pushed {
        if !value.is_finite() || !self.takes(model, time_seconds) {
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
        let end = self.elder.end;
        let at = self.samples.partition_point(|sample| {
            let (time, held) = (sample.time(end), sample.value());
            time < time_seconds || (time == time_seconds && held.total_cmp(&value).is_le())
        });
        let sample = Sample::new(end, time_seconds, kind, value);
        self.samples.insert(at, sample);
        if at + 1 == self.samples.len() {
            let told = self.live.step(model, (at, end), sample);
            self.told.extend(told);
            out.extend(told.map(|told| self.change(told, 1)));
            return Pushed::InOrder;
        }
        self.replay(model, at, out);
        Pushed::Replayed
    }

    /// Whether a sample of this time can be put in its place.
    fn takes(&self, model: &MetricModel, time: i64) -> bool {
        let Some(latest) = self.latest else { return true };
        // A leap of decades is a clock gone wrong.
        latest.saturating_sub(time) <= i64::from(model.late_seconds_max)
            && (0..1 << OFFSET_BITS).contains(&time.saturating_sub(self.elder.end))
    }

    /// Moves the states on, so that the elder one always ends before what may still come.
    fn rotate(&mut self, model: &MetricModel, time: i64) {
        let passed = time.saturating_sub(self.younger.end);
        let full = self.samples.len() >= model.kept_samples_max as usize;
        if passed < i64::from(model.late_seconds_max) && !full {
            return;
        }
        let gone = self.younger.taken as usize;
        let shift = self.younger.end.saturating_sub(self.elder.end) as u32;
        self.samples.drain(..gone);
        // What is left is not earlier than the end, so the bits above stay as they are.
        self.samples.iter_mut().for_each(|sample| sample.offset -= shift);
        self.told.retain(|told| told.number >= gone as u32);
        self.told.iter_mut().for_each(|told| told.number -= gone as u32);
        let taken = self.samples.len() as u32;
        let live = Snapshot { end: time, taken, known: self.live.clone() };
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
        self.live = from.known.clone();
        if elder {
            // The younger state has one sample more to take in.
            self.younger.taken += 1;
        }
        let first = self.told.partition_point(|told| (told.number as usize) < start);
        let before = self.told.split_off(first);
        for number in start..self.samples.len() {
            if elder && number == self.younger.taken as usize {
                self.younger.known = self.live.clone();
            }
            let told = self.live.step(model, (number, end), self.samples[number]);
            self.told.extend(told);
        }
        if elder && self.younger.taken as usize == self.samples.len() {
            self.younger.known = self.live.clone();
        }
        self.tell(before, first, at, out);
    }

    /// Tells how what is told differs from that before sample `at` was put in.
    fn tell(&self, mut before: Vec<Told>, first: usize, at: usize, out: &mut Vec<Change>) {
        // Numbers from `at` on have moved by the new sample.
        let moved = before.iter_mut().filter(|told| told.number as usize >= at);
        moved.for_each(|told| told.number += 1);
        let after = &self.told[first..];
        let gone = before.iter().filter(|told| !after.contains(told));
        out.extend(gone.map(|told| self.change(*told, -1)));
        let new = after.iter().filter(|told| !before.contains(told));
        out.extend(new.map(|told| self.change(*told, 1)));
    }

    fn change(&self, told: Told, diff: i64) -> Change {
        let Told { number, figure, word, reading, since } = told;
        let time_seconds = self.samples[number as usize].time(self.elder.end);
        Change { time_seconds, figure, word, reading, since, diff }
    }
}
