//! What has to come regularly and does not: an alert that always fires, a series, a heartbeat, a
//! source.
//!
//! Nothing is learned here: how often it comes is said, and it is missed also when it never came
//! since the first tick. It is no longer missing when it comes again.

mod spot;
#[cfg(test)]
mod tests;

use super::asked;
use super::raise::{Out, Raised, Standing, Subject};
use super::watch::Around;
use crate::model::finding::number;
use crate::model::{Finding, Identity, Kept, Seconds, Unread};
use crate::params::{Expected, ExpectedParams};
use serde::{Deserialize, Serialize};
pub(super) use spot::Spotter;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What is remembered of something that is expected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedState {
    /// When it came last before those that something may still come between, or the first tick;
    /// nothing before there was one.
    last: Option<Seconds>,
    /// When it came since.
    recent: BTreeSet<Seconds>,
    /// Nothing comes any more that happened before.
    settled: Seconds,
    /// Until when it was said whether it is missing.
    said: Seconds,
}

/// Something that is expected.
#[derive(Clone, Debug)]
pub struct ExpectedWatch {
    state: ExpectedState,
    expected: Arc<ExpectedParams>,
    subject: Subject,
    standing: Standing,
}

/// The words that decide where it is kept. What has to come is among them, how often is not.
pub fn identity(expected: &ExpectedParams) -> Identity {
    let what = format!("{:?}", expected.what);
    let named = (&expected.tenant, expected.entity.as_str(), &expected.name);
    asked::identity("expected", named, ("what", &what))
}

impl ExpectedWatch {
    /// Something that goes on from `state`; what stands is known to dedup.
    pub fn new(
        expected: Arc<ExpectedParams>,
        state: ExpectedState,
        around: &Around<'_>,
    ) -> ExpectedWatch {
        let (name, signal) = match expected.what {
            Expected::Alert(_) => ("WatchdogMissing", "alert"),
            Expected::Series(_) => ("ExpectedMissing", "metric"),
            Expected::Heartbeat(_) => ("ExpectedMissing", "heartbeat"),
            Expected::Source(..) => ("ExpectedMissing", "source"),
        };
        let subject = Subject::new(&identity(&expected), 0, name, signal);
        let standing = Standing::default();
        let mut watch = ExpectedWatch { state, expected, subject, standing };
        let wanted = watch.wanted(watch.state.said, around);
        watch.standing.bring(watch.state.settled, wanted, |_, _, _| {});
        watch
    }

    /// What has to be remembered.
    pub fn save(&self) -> ExpectedState {
        self.state.clone()
    }

    /// What is known.
    pub fn row(&self) -> Kept {
        let last = self.state.last.max(self.state.recent.last().copied());
        let missing_after = last.map(|last| last.saturating_add(self.allowed()));
        Kept::Expected { last, missing_after }
    }

    /// It came.
    ///
    /// # Errors
    /// Why that is not read.
    pub fn seen(&mut self, time: Seconds) -> Result<(), Unread> {
        if time < self.state.settled {
            return Err(Unread::Late);
        }
        self.state.recent.insert(time);
        Ok(())
    }

    /// Brings the findings up to date at the tick.
    pub fn update(&mut self, around: &Around<'_>, out: &mut Out) {
        self.state.last.get_or_insert(around.now);
        // Nobody hears of what lies beyond the bound.
        self.state.settled = around.settled_of_all().max(self.state.settled);
        let wanted = self.wanted(around.now, around);
        let subject = &self.subject;
        self.standing.bring(self.state.settled, wanted, |time, raised, put_up| {
            out.raise(subject, time, raised, put_up);
        });
        let ExpectedState { last, recent, settled, said } = &mut self.state;
        *said = around.now;
        let later = recent.split_off(settled);
        // It may have come before the first tick.
        *last = (*last).max(recent.last().copied());
        *recent = later;
        self.standing.forget(*settled);
    }

    /// How long it may be absent, seconds.
    fn allowed(&self) -> Seconds {
        self.expected.every_seconds.saturating_add(self.expected.tolerance_seconds)
    }

    /// What is to stand at the tick, from the second on from which that may still change.
    fn wanted(&self, now: Seconds, around: &Around<'_>) -> BTreeMap<Seconds, Raised> {
        let mut wanted = BTreeMap::new();
        let Some(mut last) = self.state.last else { return wanted };
        for at in self.state.recent.iter().copied() {
            self.missing(last, at - 1, around, &mut wanted);
            if at >= self.state.settled && at > last.saturating_add(self.allowed()) {
                wanted.insert(at, Raised::end());
            }
            last = last.max(at);
        }
        self.missing(last, now, around, &mut wanted);
        wanted
    }

    /// Says again and again that it is missing since `last`, until `upto`: dedup ends what is not
    /// repeated.
    fn missing(
        &self,
        last: Seconds,
        upto: Seconds,
        around: &Around<'_>,
        wanted: &mut BTreeMap<Seconds, Raised>,
    ) {
        let params = &around.params.expecting;
        let begin = last.saturating_add(self.allowed()).saturating_add(1);
        // What is settled stands as it is.
        let from = self.state.settled.max(begin);
        let skipped = (from - begin + params.repeat_seconds - 1).div_euclid(params.repeat_seconds);
        let mut at = begin.saturating_add(skipped.saturating_mul(params.repeat_seconds));
        while at <= upto {
            let severity = Some(self.expected.severity);
            wanted.insert(at, Raised { severity, finding: Some(self.finding(at - last)) });
            at = at.saturating_add(params.repeat_seconds);
        }
    }

    fn finding(&self, absent: Seconds) -> Finding {
        let what = match &self.expected.what {
            Expected::Alert(_) => "the alert that always fires",
            Expected::Series(_) => "the series",
            Expected::Heartbeat(_) => "the heartbeat",
            Expected::Source(..) => "the source",
        };
        Finding {
            what: format!("absence of {what} {}, seconds,", self.expected.name).into(),
            value: number(absent as f64),
            expected: number(self.expected.every_seconds as f64),
            score_ppm: 1_000_000,
            step_milli: 0,
            model: "expected/1".into(),
        }
    }

    /// The next tick at which something may change by itself.
    pub fn due(&self, around: &Around<'_>) -> Option<Seconds> {
        let ExpectedState { last, recent, said, .. } = &self.state;
        let last = (*last).max(recent.last().copied())?;
        let begin = last.saturating_add(self.allowed()).saturating_add(1);
        let repeat = around.params.expecting.repeat_seconds;
        let since = (said - begin).max(-1);
        Some(begin.saturating_add((since.div_euclid(repeat) + 1).saturating_mul(repeat)))
    }
}
