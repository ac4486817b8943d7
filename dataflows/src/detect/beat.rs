//! Signs of life: who beats regularly and falls silent is a finding.
//!
//! Only who beats regularly is expected to. How long the silence may be is learned: three usual gaps, or twice the longest seen lately. A silence ends with the next beat.

use super::raise::{Out, Raised, Standing, Subject};
use super::watch::Around;
use crate::model::finding::number;
use crate::model::{Finding, Kept, Seconds, Severity};
use crate::params::BeatParams;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the beats before a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rhythm {
    /// The last beat.
    pub last: Seconds,
    /// Beats so far.
    pub beats: u32,
    /// The usual gap, thousandths of a second.
    pub gap_milli: i64,
    /// The longest gap lately, thousandths of a second; it fades.
    pub longest_milli: i64,
}

impl Rhythm {
    /// After a beat at `at`, which is not before the last.
    pub fn beat(&mut self, at: Seconds, params: &BeatParams) {
        if self.beats > 0 {
            let gap = (at - self.last).saturating_mul(1000);
            // What was a silence says nothing of how long gaps usually are.
            if self.silent_after(params).is_none_or(|allowed| at <= allowed) {
                let weight = i64::from(self.beats.min(16));
                self.gap_milli += (gap - self.gap_milli) / weight;
                let fade = (self.longest_milli - self.gap_milli) / 256;
                self.longest_milli = gap.max(self.longest_milli - fade);
            }
        }
        self.last = at;
        self.beats = self.beats.saturating_add(1);
    }

    /// The second after which silence is out of the ordinary; nothing while too little is known.
    pub fn silent_after(&self, params: &BeatParams) -> Option<Seconds> {
        let usual = (self.gap_milli * 3).max(self.longest_milli * 2);
        let allowed = (usual / 1000).clamp(params.silence_min_seconds, params.silence_max_seconds);
        // Who speaks only when there is something to say is not silent when there is not.
        let is_regular = self.longest_milli <= self.gap_milli * 3;
        (is_regular && self.beats >= params.beats_min).then(|| self.last.saturating_add(allowed))
    }
}

impl Rhythm {
    /// What is said of a silence that was allowed until `allowed`.
    pub(crate) fn silence(&self, allowed: Seconds) -> Finding {
        Finding {
            what: "silence, seconds".into(),
            value: number((allowed + 1 - self.last) as f64),
            expected: number(self.gap_milli as f64 / 1000.0),
            score_ppm: 1_000_000,
            step_milli: 0,
            model: "beat/1".into(),
        }
    }
}

/// One beating entity.
#[derive(Clone, Debug)]
pub struct BeatWatch {
    /// Before the beats that a late one may still come between.
    base: Rhythm,
    /// Those beats.
    recent: BTreeSet<Seconds>,
    standing: Standing,
    subject: Subject,
}

/// A beating entity between two epochs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedBeat {
    base: Rhythm,
    recent: Vec<Seconds>,
}

impl BeatWatch {
    /// Nothing heard yet.
    pub fn new(subject: Subject) -> BeatWatch {
        BeatWatch {
            base: Rhythm::default(),
            recent: BTreeSet::new(),
            standing: Standing::default(),
            subject,
        }
    }

    /// As it was saved; what stands is known to dedup.
    pub fn restore(subject: Subject, saved: SavedBeat, around: &Around<'_>) -> BeatWatch {
        let SavedBeat { base, recent } = saved;
        let mut watch =
            BeatWatch { base, recent: recent.into_iter().collect(), ..BeatWatch::new(subject) };
        let (wanted, from) = watch.wanted(around);
        watch.standing.bring(from, wanted, |_, _, _| {});
        watch
    }

    /// What has to be remembered.
    pub fn save(&self) -> SavedBeat {
        SavedBeat { base: self.base, recent: self.recent.iter().copied().collect() }
    }

    /// What is known.
    pub fn row(&self, params: &BeatParams) -> Kept {
        let rhythm = self.rhythm(params);
        Kept::Heartbeat {
            last: rhythm.last,
            beats: rhythm.beats,
            gap_milli: rhythm.gap_milli,
            silent_after: rhythm.silent_after(params),
        }
    }

    /// A beat; whether it is new.
    pub fn beat(&mut self, time: Seconds) -> bool {
        (self.base.beats == 0 || time > self.base.last) && self.recent.insert(time)
    }

    /// The rhythm after all beats.
    fn rhythm(&self, params: &BeatParams) -> Rhythm {
        self.recent.iter().fold(self.base, |mut rhythm, at| {
            rhythm.beat(*at, params);
            rhythm
        })
    }

    /// Brings the findings up to date at the tick.
    pub fn update(&mut self, around: &Around<'_>, out: &mut Out) {
        let (wanted, from) = self.wanted(around);
        let subject = &self.subject;
        self.standing.bring(from, wanted, |time, raised, put_up| {
            out.raise(subject, time, raised, put_up);
        });
        self.settle(around);
    }

    /// What is to stand at the tick, and from which second on that is known.
    fn wanted(&self, around: &Around<'_>) -> (BTreeMap<Seconds, Raised>, Seconds) {
        let params = &around.params.beat;
        let mut wanted = BTreeMap::new();
        let mut rhythm = self.base;
        let from = match self.base.beats {
            0 => Seconds::MIN,
            _ => self.base.last.saturating_add(1),
        };
        for at in self.recent.iter().copied() {
            self.silence(&rhythm, at - 1, around, &mut wanted);
            if rhythm.silent_after(params).is_some_and(|allowed| at > allowed) {
                wanted.insert(at, Raised::end());
            }
            rhythm.beat(at, params);
        }
        self.silence(&rhythm, around.now, around, &mut wanted);
        (wanted, from)
    }

    /// Says again and again that there is silence, until `upto`: dedup ends what is not repeated.
    fn silence(
        &self,
        rhythm: &Rhythm,
        upto: Seconds,
        around: &Around<'_>,
        wanted: &mut BTreeMap<Seconds, Raised>,
    ) {
        let params = &around.params.beat;
        let Some(allowed) = rhythm.silent_after(params) else { return };
        let mut at = allowed.saturating_add(1);
        let forgotten = allowed.saturating_add(params.forget_seconds);
        while at <= upto.min(forgotten) {
            let severity = Some(Severity(params.severity));
            wanted.insert(at, Raised { severity, finding: Some(rhythm.silence(allowed)) });
            at += params.repeat_seconds;
        }
    }

    /// Makes beats that nothing can come before any more part of the base.
    fn settle(&mut self, around: &Around<'_>) {
        let settled = around.settled(self.subject.source);
        let later = self.recent.split_off(&settled);
        for at in std::mem::replace(&mut self.recent, later) {
            self.base.beat(at, &around.params.beat);
        }
        // What was said since the last settled beat may still be wanted again.
        self.standing.forget(self.base.last);
    }

    /// The next tick at which something may change by itself.
    pub fn due(&self, around: &Around<'_>) -> Option<Seconds> {
        let params = &around.params.beat;
        let rhythm = self.rhythm(params);
        let allowed = rhythm.silent_after(params)?.saturating_add(1);
        let since = (around.now - allowed).max(-1);
        let next = allowed + (since.div_euclid(params.repeat_seconds) + 1) * params.repeat_seconds;
        (next <= allowed.saturating_add(params.forget_seconds)).then_some(next.max(allowed))
    }
}
