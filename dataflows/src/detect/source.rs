//! How well a source does: its clock, what of it breaks the schema, how much of it is late.
//!
//! Counted are its events by the minute of their receipt, and each minute's end looks back over
//! a few of them. What one minute brings is complete when its end is judged; if a part of it
//! still comes, findings from there on are compared with those that stand.

#[cfg(test)]
mod tests;

use super::raise::{Out, Raised, Standing, Subject};
use super::watch::Around;
use crate::model::finding::number;
use crate::model::{
    DELAY_SECONDS, FigureRow, Finding, Identity, Kept, Seconds, Severity, SourceIndex, SourceTally,
    Unread,
};
use crate::params::QualityParams;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const MINUTE: Seconds = 60;

/// What the findings are called.
pub const NAMES: [&str; 3] = ["SourceSkew", "SourceRejects", "SourceLate"];

/// What became of events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Minute {
    received: u64,
    rejected: u64,
    repaired: u64,
    late: u64,
    /// How many were received how long after they happened, by step.
    delays: BTreeMap<u8, u64>,
}

impl Minute {
    fn add(&mut self, other: &Minute) {
        self.received += other.received;
        self.rejected += other.rejected;
        self.repaired += other.repaired;
        self.late += other.late;
        for (step, events) in &other.delays {
            *self.delays.entry(*step).or_default() += events;
        }
    }

    fn of(tally: &SourceTally) -> Minute {
        let delays = tally.delays.iter().map(|(step, events)| (*step, u64::from(*events)));
        Minute {
            received: u64::from(tally.received),
            rejected: u64::from(tally.rejected),
            repaired: u64::from(tally.repaired),
            late: u64::from(tally.late),
            delays: delays.collect(),
        }
    }

    /// The step in which the median of delays lies; nothing without any.
    fn median_step(&self) -> Option<usize> {
        let all: u64 = self.delays.values().sum();
        let mut below = 0;
        let found = self.delays.iter().find(|(_, events)| {
            below += **events;
            below * 2 >= all
        });
        found.map(|(step, _)| usize::from(*step))
    }

    /// The bounds of the median of delays, seconds, where it has them.
    fn delay(&self) -> Option<(Option<Seconds>, Option<Seconds>)> {
        let step = self.median_step()?;
        let below = step.checked_sub(1).and_then(|below| DELAY_SECONDS.get(below));
        Some((below.copied(), DELAY_SECONDS.get(step).copied()))
    }

    /// How far clocks or delivery are off, seconds, if it is farther than the bounds; as little
    /// of it as is certain.
    fn skew(&self, params: &QualityParams) -> Option<Seconds> {
        let (below, above) = self.delay()?;
        let ahead = above.filter(|above| *above <= -params.ahead_seconds);
        ahead.or(below.filter(|below| *below >= params.behind_seconds))
    }
}

/// What is remembered of a source.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceState {
    minutes: BTreeMap<Seconds, Minute>,
    /// Minutes that ended by then are judged.
    judged: Seconds,
    /// Nothing comes any more for minutes that ended by then.
    settled: Seconds,
}

/// One source.
#[derive(Clone, Debug)]
pub struct SourceWatch {
    state: SourceState,
    subjects: [Subject; NAMES.len()],
    standing: [Standing; NAMES.len()],
    /// The end of the earliest minute that changed since it was judged.
    changed: Seconds,
}

impl SourceWatch {
    /// A source that goes on from `state`; what stands is known to dedup.
    pub fn new(
        identity: &Identity,
        source: SourceIndex,
        state: SourceState,
        params: &QualityParams,
    ) -> SourceWatch {
        let subjects = NAMES.map(|name| Subject::new(identity, source, name, "source"));
        let standing = std::array::from_fn(|_| Standing::default());
        let unjudged = state.minutes.keys().next().filter(|_| state.judged == 0);
        let changed = unjudged.copied().unwrap_or(Seconds::MAX);
        let mut watch = SourceWatch { state, subjects, standing, changed };
        let from = (watch.state.settled.div_euclid(MINUTE) + 1) * MINUTE;
        let wanted = watch.wanted(from, params);
        for (standing, wanted) in watch.standing.iter_mut().zip(wanted) {
            standing.bring(from, wanted, |_, _, _| {});
        }
        watch
    }

    /// What has to be remembered.
    pub fn save(&self) -> SourceState {
        self.state.clone()
    }

    /// What is known, for people who ask.
    pub fn row(&self, params: &QualityParams) -> Kept {
        let last = self.state.minutes.last_key_value().map(|(end, _)| *end);
        let sum = last.map_or_else(Minute::default, |end| self.looked_back(end, params));
        let share = |part: u64| part as f64 / sum.received.max(1) as f64;
        let delay = sum.delay().and_then(|(below, above)| match above {
            Some(above) if above <= 0 => Some(above),
            above => below.or(above),
        });
        let figures = [
            (delay.unwrap_or(0) as f64, params.behind_seconds as f64),
            (share(sum.rejected + sum.repaired), params.violations_ppm as f64 / 1e6),
            (share(sum.late), params.late_ppm as f64 / 1e6),
        ];
        let mut rows = figures.map(|(value, expected)| FigureRow {
            latest: last,
            samples: sum.received.min(u64::from(u32::MAX)) as u32,
            value,
            expected,
            off_since: None,
        });
        for (row, off_since) in rows.iter_mut().zip(self.off_since(params)) {
            row.off_since = off_since;
        }
        Kept::Source(rows)
    }

    /// The ends of the minutes since which findings stand, of what is still known.
    fn off_since(&self, params: &QualityParams) -> [Option<Seconds>; NAMES.len()] {
        let mut since = [None; NAMES.len()];
        let mut over = [false; NAMES.len()];
        let Some((first, _)) = self.state.minutes.first_key_value() else { return since };
        let mut end = self.state.judged;
        while end >= *first && over != [true; NAMES.len()] {
            let found = self.judge(end, params);
            for ((since, over), found) in since.iter_mut().zip(&mut over).zip(found) {
                *over |= found.is_none();
                if !*over {
                    *since = Some(end);
                }
            }
            end -= MINUTE;
        }
        since
    }

    /// What became of events of a minute, when nothing comes any more for those that ended by
    /// `settled`.
    ///
    /// # Errors
    /// Why it is not read: by the tick alone, whenever minutes are judged.
    pub fn tally(&mut self, tally: &SourceTally, settled: Seconds) -> Result<(), Unread> {
        let end = tally.stamp.time + MINUTE;
        if end <= settled {
            return Err(Unread::Late);
        }
        self.state.minutes.entry(end).or_default().add(&Minute::of(tally));
        self.changed = self.changed.min(end);
        Ok(())
    }

    /// Judges minutes that are over, and those before them that changed.
    pub fn update(&mut self, around: &Around<'_>, out: &mut Out) {
        let params = &around.params.quality;
        let over = (around.now - params.wait_seconds).div_euclid(MINUTE) * MINUTE;
        let first = match self.state.judged {
            // Nothing is known of what was before.
            0 => self.changed.min(over + MINUTE),
            judged => judged + MINUTE,
        };
        // Nobody hears of what lies beyond the bound.
        let heard = (around.settled_of_all().div_euclid(MINUTE) + 1) * MINUTE;
        let from = first.min(self.changed).max(heard);
        if over < from {
            return;
        }
        self.state.judged = over;
        let wanted = self.wanted(from, params);
        let all = self.subjects.iter().zip(&mut self.standing).zip(wanted);
        for ((subject, standing), wanted) in all {
            standing.bring(from, wanted, |time, raised, put_up| {
                out.raise(subject, time, raised, put_up);
            });
        }
        if self.changed <= over {
            self.changed = Seconds::MAX;
        }
        self.settle(around);
    }

    /// Forgets what nothing looks back at any more.
    fn settle(&mut self, around: &Around<'_>) {
        let state = &mut self.state;
        state.settled = around.settled_of_all().max(state.settled);
        let kept = state.settled - around.params.quality.window_seconds - MINUTE;
        state.minutes = state.minutes.split_off(&kept);
        self.standing.iter_mut().for_each(|standing| standing.forget(state.settled));
    }

    /// What is to stand at and after `from`.
    fn wanted(
        &self,
        from: Seconds,
        params: &QualityParams,
    ) -> [BTreeMap<Seconds, Raised>; NAMES.len()] {
        let mut wanted = [const { BTreeMap::new() }; NAMES.len()];
        let ends = self.state.minutes.first_key_value().zip(self.state.minutes.last_key_value());
        let Some(((first, _), (last, _))) = ends else { return wanted };
        let from = from.max(*first);
        let upto = self.state.judged.min(last + params.window_seconds + MINUTE);
        if upto < from {
            return wanted;
        }
        let mut stood = self.judge(from - MINUTE, params);
        for end in (from..=upto).step_by(MINUTE as usize) {
            let found = self.judge(end, params);
            for ((wanted, found), stood) in wanted.iter_mut().zip(&found).zip(&stood) {
                match (found, stood) {
                    (Some(finding), _) => {
                        let severity = Some(Severity(params.severity));
                        let finding = Some(finding.clone());
                        wanted.insert(end, Raised { severity, finding });
                    }
                    (None, Some(_)) => {
                        wanted.insert(end, Raised::end());
                    }
                    (None, None) => {}
                }
            }
            stood = found;
        }
        wanted
    }

    /// What became of the events of a window.
    fn looked_back(&self, end: Seconds, params: &QualityParams) -> Minute {
        let mut sum = Minute::default();
        let begin = end - params.window_seconds;
        self.state.minutes.range(begin + 1..=end).for_each(|(_, minute)| sum.add(minute));
        sum
    }

    /// What is found at the end of a minute, by name.
    fn judge(&self, end: Seconds, params: &QualityParams) -> [Option<Finding>; NAMES.len()] {
        let sum = self.looked_back(end, params);
        if sum.received < params.events_min {
            return [None, None, None];
        }
        let name = &self.subjects[0].identity.source;
        let finding = |what: String, value: f64, expected: f64| Finding {
            what: what.into(),
            value: number(value),
            expected: number(expected),
            score_ppm: 1_000_000,
            step_milli: 0,
            model: "source/1".into(),
        };
        let share = |part: u64, bound_ppm: u64, what: &str| {
            let beyond = part * 1_000_000 >= bound_ppm * sum.received;
            let value = part as f64 / sum.received as f64;
            let what = format!("share of {what} events of {name}");
            beyond.then(|| finding(what, value, bound_ppm as f64 / 1e6))
        };
        let skew = sum.skew(params).map(|seconds| {
            let what = format!("median delay of events of {name}, seconds,");
            let bound = if seconds < 0 { -params.ahead_seconds } else { params.behind_seconds };
            finding(what, seconds as f64, bound as f64)
        });
        [
            skew,
            share(sum.rejected + sum.repaired, params.violations_ppm, "refused and repaired"),
            share(sum.late, params.late_ppm, "late"),
        ]
    }

    /// The next tick at which a minute is to be judged.
    pub fn due(&self, around: &Around<'_>) -> Option<Seconds> {
        let params = &around.params.quality;
        let (last, _) = self.state.minutes.last_key_value()?;
        let next = match self.state.judged {
            0 => self.changed,
            judged => judged + MINUTE,
        };
        let over = last + params.window_seconds + MINUTE;
        (next <= over).then_some(next + params.wait_seconds)
    }
}
