//! Numbers of one series, made a gauge and judged one by one.

use super::metric::{Accumulation, Change, MetricModel, Pushed, Reading, Track, Word};
use super::raise::{Out, Raised, Subject};
use super::watch::Around;
use crate::model::finding::number;
use crate::model::{
    Finding, Identity, Kept, Measure, Sample, Seconds, Severity, SourceIndex, Unread,
};
use crate::params::SampleParams;
use serde::{Deserialize, Serialize};

/// What is remembered of a series.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SampleState {
    track: Track,
    /// The first sample; nothing before any came.
    since: Option<Seconds>,
    /// Samples of the epoch, which are judged in order.
    waiting: Vec<(Seconds, Measure, f64)>,
}

/// One series.
#[derive(Clone, Debug)]
pub struct SampleWatch {
    state: SampleState,
    subject: Subject,
}

impl SampleWatch {
    /// A series that goes on from `state`.
    pub fn new(identity: &Identity, source: SourceIndex, state: SampleState) -> SampleWatch {
        SampleWatch { state, subject: Subject::new(identity, source, &identity.name, "metric") }
    }

    /// What has to be remembered.
    pub fn save(&self) -> SampleState {
        self.state.clone()
    }

    /// What is known, and since when something may be found.
    pub fn row(&self, params: &SampleParams) -> (Option<Seconds>, Kept) {
        let begins = self.state.since.map(|since| since + params.warm_up_seconds);
        (begins, Kept::Metric(self.state.track.row(&params.model)))
    }

    /// A sample, which is judged with the others of its epoch.
    pub fn sample(&mut self, sample: &Sample) {
        self.state.waiting.push((sample.stamp.time, sample.measure, sample.value));
    }

    /// Judges what the epoch brought.
    pub fn update(&mut self, around: &Around<'_>, out: &mut Out) {
        let SampleState { track, since, waiting } = &mut self.state;
        waiting.sort_by(|a, b| a.0.cmp(&b.0).then(a.2.total_cmp(&b.2)));
        for (time, measure, value) in waiting.drain(..) {
            let kind = match measure {
                Measure::Level => Accumulation::Gauge,
                Measure::Total => Accumulation::Cumulative,
                Measure::Added => Accumulation::Delta,
            };
            let params = &around.params.samples;
            let first = since.get_or_insert(time);
            *first = time.min(*first);
            let begins = *first + params.warm_up_seconds;
            let (subject, severity) = (&self.subject, params.severity);
            let finder = Finder { subject, severity, begins, model: &params.model };
            finder.judge(track, time, (kind, value), out);
        }
    }
}

/// What judges figures, and how what it finds is told.
pub(super) struct Finder<'a> {
    pub(super) subject: &'a Subject,
    pub(super) severity: u8,
    /// Nothing is told of before.
    pub(super) begins: Seconds,
    pub(super) model: &'a MetricModel,
}

impl Finder<'_> {
    /// Judges one point and says what changes by it.
    pub(super) fn judge(
        &self,
        track: &mut Track,
        time: Seconds,
        point: (Accumulation, f64),
        out: &mut Out,
    ) {
        let mut changes = Vec::new();
        if track.push(self.model, time, point, &mut changes) == Pushed::Ignored {
            out.watched.unread[Unread::Late as usize] += 1;
        }
        changes.retain(|change| change.since >= self.begins);
        // What is taken back comes first: at one second only one thing is said.
        changes.sort_by_key(|change| (change.time_seconds, change.diff));
        for Change { time_seconds, figure, word, reading, diff, .. } in changes {
            let raised = match word {
                Word::Over => Raised::end(),
                Word::Found | Word::Stands => {
                    let finding =
                        finding(&self.subject.identity.name, figure, &reading, self.model);
                    Raised { severity: Some(Severity(self.severity)), finding: Some(finding) }
                }
            };
            out.raise(self.subject, time_seconds, &raised, diff > 0);
        }
    }
}

/// What is said of a figure that is off.
pub(crate) fn finding(name: &str, figure: f64, reading: &Reading, model: &MetricModel) -> Finding {
    Finding {
        what: name.into(),
        value: number(figure),
        expected: number(reading.expected),
        score_ppm: reading.score_ppm / 1000 * 1000,
        step_milli: reading.step_milli,
        model: format!("metric/{}", model.version).into(),
    }
}
