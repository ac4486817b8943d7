//! What is unusual about the lines of one service: new templates, rates, severity.
//!
//! Shape: lines of one service in, readings out; one [`LogService`] a service.
//! Time: event time, in minutes. A minute is decided when event time has passed its end by
//! the lateness bound, and until then its counts are kept open, so that lines may come in any
//! order within the bound and the decided readings are those of sorted lines. A line that
//! comes for a minute that was decided is counted and changes nothing.
//! State: 256 templates at most with about 100 bytes each, chosen by space-saving, the ids
//! that were seen (8 bytes each), and the open minutes; all bounded by the [`LogModel`].
//! Retracts nothing: an alias that the miner tells of moves state on and leaves what was said.
//! Origin: novelty, Poisson surprise against the hour of the day, and record exceedance of
//! log1p(rate), as DESIGN's `detect` asks; scores are whole numbers of a millionth.

mod model;
mod rate;
mod surprise;
#[cfg(test)]
mod tests;

pub use crate::params::log::LogModel;

use rate::Rate;
use std::collections::{BTreeMap, BTreeSet};

/// What a reading is about.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ReadingKind {
    /// A template that was not seen before.
    Novelty,
    /// More lines of a template than at this hour before.
    Rate,
    /// How bad the line says it is.
    Severity,
}

/// How unusual the lines of a template are in a minute.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Reading {
    /// The template.
    pub template: u64,
    /// The beginning of the minute, in seconds of event time.
    pub time_seconds: i64,
    /// From 0 to 1 000 000.
    pub score_ppm: u32,
    /// Whether people should hear of it.
    pub alert: bool,
    /// What most of the score is about.
    pub kind: ReadingKind,
    /// Thousandths of a line that were expected in the minute.
    pub expected_milli: u64,
    /// Lines in the minute.
    pub value: u64,
    /// The worst severity among them, 1 to 24.
    pub severity: u8,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LogCounts {
    /// Lines in decided minutes.
    pub lines: u64,
    /// Lines that came for a minute that was decided.
    pub late: u64,
    /// Lines whose template found no room in their minute.
    pub crowded: u64,
    /// Templates that lost their counter to another.
    pub replaced: u64,
    /// Templates whose newness could not be remembered.
    pub forgotten: u64,
}

/// Lines of one template in an open minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
struct Tally {
    lines: u64,
    severity: u8,
}

/// The state of one service.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LogService {
    counts: LogCounts,
    /// Latest event time.
    latest_seconds: Option<i64>,
    /// First minute that is not decided.
    undecided: i64,
    open: BTreeMap<i64, BTreeMap<u64, Tally>>,
    seen: BTreeSet<u64>,
    /// New templates, each counting less the older it is, up to minute `weighed`.
    new_weight: f64,
    weighed: i64,
    /// The counters of space-saving, by template.
    rates: BTreeMap<u64, Rate>,
}

const MINUTE_SECONDS: i64 = 60;

impl LogService {
    /// Takes a line in: its event time, template and severity (1 to 24); readings of the
    /// minutes that its time decided, by minute and template.
    pub fn line(
        &mut self,
        model: &LogModel,
        time_seconds: i64,
        template: u64,
        severity: u8,
    ) -> Vec<Reading> {
        let decided = self.advance(model, time_seconds);
        let minute = time_seconds.div_euclid(MINUTE_SECONDS);
        if minute < self.undecided {
            self.counts.late += 1;
            return decided;
        }
        let open = self.open.entry(minute).or_default();
        if open.len() >= model.minute_templates_max && !open.contains_key(&template) {
            self.counts.crowded += 1;
            return decided;
        }
        let tally = open.entry(template).or_default();
        tally.lines += 1;
        tally.severity = tally.severity.max(severity);
        decided
    }

    /// Decides every minute whose end lies the lateness bound before `now_seconds`.
    ///
    /// Lines do so with their own time; a tick may, where no lines come any more.
    pub fn advance(&mut self, model: &LogModel, now_seconds: i64) -> Vec<Reading> {
        let latest = self.latest_seconds.map_or(now_seconds, |latest| latest.max(now_seconds));
        let first = self.latest_seconds.is_none();
        self.latest_seconds = Some(latest);
        let until = (latest - model.lateness_seconds).div_euclid(MINUTE_SECONDS);
        if first || until > self.undecided {
            self.undecided = until;
        }
        self.decide(model)
    }

    /// Lets `new` stand for `old` from now on.
    pub fn alias(&mut self, model: &LogModel, old: u64, new: u64) {
        if self.seen.remove(&old) {
            self.seen.insert(new);
        }
        for open in self.open.values_mut() {
            if let Some(tally) = open.remove(&old) {
                let joined = open.entry(new).or_default();
                joined.lines += tally.lines;
                joined.severity = joined.severity.max(tally.severity);
            }
        }
        if let Some(rate) = self.rates.remove(&old) {
            match self.rates.get_mut(&new) {
                Some(joined) => joined.join(&rate, model),
                None => {
                    self.rates.insert(new, rate);
                }
            }
        }
    }

    /// What was counted so far.
    pub fn counts(&self) -> LogCounts {
        self.counts
    }

    /// Lines that were left out since this was asked last: late ones, crowded ones.
    pub fn take_left_out(&mut self) -> (u64, u64) {
        let LogCounts { late, crowded, .. } = &mut self.counts;
        (std::mem::take(late), std::mem::take(crowded))
    }

    fn decide(&mut self, model: &LogModel) -> Vec<Reading> {
        let mut readings = Vec::new();
        while let Some(entry) = self.open.first_entry() {
            if *entry.key() >= self.undecided {
                break;
            }
            let (minute, tallies) = entry.remove_entry();
            self.minute(model, minute, &tallies, &mut readings);
        }
        readings
    }

    /// Decides one minute; templates that are new in it are judged by what was before it.
    fn minute(
        &mut self,
        model: &LogModel,
        minute: i64,
        tallies: &BTreeMap<u64, Tally>,
        readings: &mut Vec<Reading>,
    ) {
        let novelty = self.novelty(model, minute);
        let mut new = 0.0;
        for (&template, tally) in tallies {
            let fresh = !self.seen.contains(&template);
            if fresh {
                new += 1.0;
                self.remember(model, template);
            }
            let rate = self.rate(model, template, minute);
            let known = rate.observe(model, minute, tally.lines);
            let unusual = if fresh { novelty } else { 0.0 };
            let mut reading = model.reading(
                template,
                minute * MINUTE_SECONDS,
                tally.lines,
                tally.severity,
                unusual,
                known,
            );
            reading.alert = reading.alert && rate.may_alert(model, minute, reading.score_ppm);
            if reading.score_ppm > 0 {
                readings.push(reading);
            }
        }
        self.counts.lines += tallies.values().map(|tally| tally.lines).sum::<u64>();
        self.new_weight = self.weight_at(model, minute) + new;
        self.weighed = minute;
    }

    /// How unusual a new template is: `-log10((1 + new ones by age) / lines)`.
    fn novelty(&self, model: &LogModel, minute: i64) -> f64 {
        let lines = self.counts.lines as f64;
        if lines < model.novelty_lines_min as f64 {
            return 0.0;
        }
        (lines / (1.0 + self.weight_at(model, minute))).log10().max(0.0)
    }

    fn weight_at(&self, model: &LogModel, minute: i64) -> f64 {
        let age = (minute - self.weighed).max(0) as f64;
        self.new_weight * (-age / f64::from(model.novelty_half_life_minutes.max(1))).exp2()
    }

    fn remember(&mut self, model: &LogModel, template: u64) {
        if self.seen.len() < model.seen_max {
            self.seen.insert(template);
        } else {
            self.counts.forgotten += 1;
        }
    }

    /// The counter of `template`; when there is none left, that of the rarest is taken over.
    fn rate(&mut self, model: &LogModel, template: u64, minute: i64) -> &mut Rate {
        let full = self.rates.len() >= model.templates_max.max(1);
        let mut over = 0;
        if full && !self.rates.contains_key(&template) {
            let rarest = self.rates.iter().min_by_key(|(id, rate)| (rate.lines(), **id));
            if let Some((&id, rate)) = rarest {
                over = rate.lines();
                self.rates.remove(&id);
                self.counts.replaced += 1;
            }
        }
        self.rates.entry(template).or_insert_with(|| Rate::new(minute, over))
    }
}
