//! One thing that is watched, whatever it is.

use super::beat::{BeatWatch, SavedBeat};
use super::budget::{BudgetState, BudgetWatch};
use super::calls::{CallState, CallWatch};
use super::expected::{ExpectedState, ExpectedWatch};
use super::histogram::{HistogramState, HistogramWatch};
use super::lines::{LineState, LineWatch};
use super::raise::{Out, Subject};
use super::samples::{SampleState, SampleWatch};
use super::source::{SourceState, SourceWatch};
use crate::model::{Identity, Seconds, SeriesRow, SourceIndex};
use crate::params::{
    DetectParams, ExpectedParams, LineParams, QualityParams, SloParams, SourceParams,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What all watches of an epoch share.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    /// The tick.
    pub now: Seconds,
    /// Every bound and weight.
    pub params: &'a DetectParams,
    /// By source.
    pub sources: &'a [SourceParams],
    /// How long arrival may lag behind receipt, seconds.
    pub disorder_seconds: Seconds,
}

impl Around<'_> {
    /// The second before which nothing of a source can come any more.
    pub fn settled(&self, source: SourceIndex) -> Seconds {
        let of = self.sources.get(usize::from(source)).or(self.sources.first());
        self.now - of.map_or(0, |source| source.lateness_seconds) - self.disorder_seconds
    }

    /// The second before which nothing of any source can come any more.
    pub fn settled_of_all(&self) -> Seconds {
        let lateness = self.sources.iter().map(|source| source.lateness_seconds).max();
        self.now - lateness.unwrap_or(0) - self.disorder_seconds
    }
}

/// What the configuration asks to be watched.
#[derive(Clone, Debug)]
pub(super) enum Asked {
    /// An SLO.
    Budget(Arc<SloParams>),
    /// Something that has to come.
    Expected(Arc<ExpectedParams>),
}

/// What is kept of one thing.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// Numbers of a series.
    Samples(Box<SampleWatch>),
    /// Lines of a writer.
    Lines(Box<LineWatch>),
    /// Calls of an operation.
    Calls(Box<CallWatch>),
    /// Signs of life.
    Beat(BeatWatch),
    /// An error budget.
    Budget(Box<BudgetWatch>),
    /// Something that has to come.
    Expected(Box<ExpectedWatch>),
    /// How well a source does.
    Source(Box<SourceWatch>),
    /// Quantiles of a histogram.
    Histogram(Box<HistogramWatch>),
}

/// The same between two epochs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum SavedState {
    Samples(SampleState),
    Lines(LineState),
    Calls(CallState),
    Beat(SavedBeat),
    Budget(BudgetState),
    Expected(ExpectedState),
    Source(SourceState),
    Histogram(HistogramState),
}

/// One thing that is watched.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) identity: Arc<Identity>,
    pub(super) source: SourceIndex,
    pub(super) state: State,
    /// The last tick at which something was heard of it.
    pub(super) heard: Seconds,
    /// What the wheel holds for it.
    pub(super) scheduled: Seconds,
    /// Whether it waits to be brought up to date.
    pub(super) is_dirty: bool,
}

impl State {
    /// What has to be remembered.
    pub(super) fn save(&self) -> SavedState {
        match self {
            State::Samples(samples) => SavedState::Samples(samples.save()),
            State::Lines(lines) => SavedState::Lines(lines.save()),
            State::Calls(calls) => SavedState::Calls(calls.save()),
            State::Beat(beat) => SavedState::Beat(beat.save()),
            State::Budget(budget) => SavedState::Budget(budget.save()),
            State::Expected(expected) => SavedState::Expected(expected.save()),
            State::Source(source) => SavedState::Source(source.save()),
            State::Histogram(histogram) => SavedState::Histogram(histogram.save()),
        }
    }

    /// As it was saved; nothing when nobody asks for it any more.
    pub(super) fn restore(
        identity: &Identity,
        source: SourceIndex,
        saved: SavedState,
        (asked, around): (Option<&Asked>, &Around<'_>),
    ) -> Option<State> {
        let state = match saved {
            SavedState::Samples(state) => {
                State::Samples(Box::new(SampleWatch::new(identity, source, state)))
            }
            SavedState::Lines(state) => {
                State::Lines(Box::new(LineWatch::new(identity, source, state)))
            }
            SavedState::Calls(state) => {
                State::Calls(Box::new(CallWatch::new(identity, source, state)))
            }
            SavedState::Beat(saved) => {
                State::Beat(BeatWatch::restore(beat_subject(identity, source), saved, around))
            }
            SavedState::Budget(state) => match asked? {
                Asked::Budget(slo) => State::Budget(Box::new(BudgetWatch::new(slo.clone(), state))),
                Asked::Expected(_) => return None,
            },
            SavedState::Expected(state) => match asked? {
                Asked::Expected(of) => {
                    State::Expected(Box::new(ExpectedWatch::new(of.clone(), state, around)))
                }
                Asked::Budget(_) => return None,
            },
            SavedState::Source(state) => {
                let params = &around.params.quality;
                State::Source(Box::new(SourceWatch::new(identity, source, state, params)))
            }
            SavedState::Histogram(state) => {
                State::Histogram(Box::new(HistogramWatch::new(identity, source, state)))
            }
        };
        Some(state)
    }

    /// What the configuration asks for, before anything was heard of it.
    pub(super) fn asked(asked: &Asked, around: &Around<'_>) -> State {
        match asked {
            Asked::Budget(slo) => {
                State::Budget(Box::new(BudgetWatch::new(slo.clone(), BudgetState::default())))
            }
            Asked::Expected(of) => {
                let state = ExpectedState::default();
                State::Expected(Box::new(ExpectedWatch::new(of.clone(), state, around)))
            }
        }
    }

    /// Whether it is watched whatever is heard of it.
    fn is_asked_for(&self) -> bool {
        matches!(self, State::Budget(_) | State::Expected(_))
    }
}

fn beat_subject(identity: &Identity, source: SourceIndex) -> Subject {
    Subject::new(identity, source, "HeartbeatMissing", "heartbeat")
}

impl Watch {
    /// A watch for a series.
    pub(super) fn samples(identity: &Arc<Identity>, source: SourceIndex) -> Watch {
        let watch = SampleWatch::new(identity, source, SampleState::default());
        Watch::of(identity, source, State::Samples(Box::new(watch)))
    }

    /// A watch for the quantiles of a histogram.
    pub(super) fn histogram(identity: &Arc<Identity>, source: SourceIndex) -> Watch {
        let watch = HistogramWatch::new(identity, source, HistogramState::default());
        Watch::of(identity, source, State::Histogram(Box::new(watch)))
    }

    /// A watch for the lines of a writer.
    pub(super) fn lines(
        identity: &Arc<Identity>,
        source: SourceIndex,
        params: &LineParams,
    ) -> Watch {
        let watch = LineWatch::new(identity, source, LineState::new(params));
        Watch::of(identity, source, State::Lines(Box::new(watch)))
    }

    /// A watch for the calls of an operation.
    pub(super) fn calls(identity: &Arc<Identity>, source: SourceIndex) -> Watch {
        let watch = CallWatch::new(identity, source, CallState::default());
        Watch::of(identity, source, State::Calls(Box::new(watch)))
    }

    /// A watch for signs of life.
    pub(super) fn beat(identity: &Arc<Identity>, source: SourceIndex) -> Watch {
        let watch = BeatWatch::new(beat_subject(identity, source));
        Watch::of(identity, source, State::Beat(watch))
    }

    /// A watch for how well a source does.
    pub(super) fn source(
        identity: &Arc<Identity>,
        source: SourceIndex,
        params: &QualityParams,
    ) -> Watch {
        let watch = SourceWatch::new(identity, source, SourceState::default(), params);
        Watch::of(identity, source, State::Source(Box::new(watch)))
    }

    pub(super) fn of(identity: &Arc<Identity>, source: SourceIndex, state: State) -> Watch {
        Watch {
            identity: identity.clone(),
            source,
            state,
            heard: Seconds::MIN,
            scheduled: Seconds::MAX,
            is_dirty: false,
        }
    }

    /// What is known, for people who ask.
    pub(super) fn row(&self, params: &DetectParams) -> SeriesRow {
        let (begins, kept) = match &self.state {
            State::Samples(samples) => samples.row(&params.samples),
            State::Lines(lines) => (None, lines.row()),
            State::Calls(calls) => calls.row(&params.calls),
            State::Beat(beat) => (None, beat.row(&params.beat)),
            State::Budget(budget) => (None, budget.row()),
            State::Expected(expected) => (None, expected.row()),
            State::Source(source) => (None, source.row(&params.quality)),
            State::Histogram(histogram) => histogram.row(&params.samples),
        };
        let (identity, source) = (self.identity.clone(), self.source);
        SeriesRow { identity, source, heard: self.heard, begins, kept }
    }

    /// Brings the findings up to date.
    pub(super) fn update(&mut self, around: &Around<'_>, out: &mut Out) {
        match &mut self.state {
            State::Samples(samples) => samples.update(around, out),
            State::Lines(lines) => lines.update(around, out),
            State::Calls(calls) => calls.update(self.source, around, out),
            State::Beat(beat) => beat.update(around, out),
            State::Budget(budget) => budget.update(around, out),
            State::Expected(expected) => expected.update(around, out),
            State::Source(source) => source.update(around, out),
            State::Histogram(histogram) => histogram.update(around, out),
        }
    }

    /// The next tick at which something may change by itself.
    pub(super) fn due(&self, around: &Around<'_>) -> Seconds {
        let own = match &self.state {
            State::Samples(_) => None,
            State::Lines(lines) => lines.due(around),
            State::Calls(calls) => calls.due(around),
            State::Beat(beat) => beat.due(around),
            State::Budget(budget) => budget.due(around),
            State::Expected(expected) => expected.due(around),
            State::Source(source) => source.due(around),
            State::Histogram(histogram) => histogram.due(around),
        };
        let forgotten = self.forgotten(around);
        own.map_or(forgotten, |own| own.min(forgotten))
    }

    /// The tick at which it is forgotten when nothing is heard of it; never what is asked for.
    pub(super) fn forgotten(&self, around: &Around<'_>) -> Seconds {
        match self.state.is_asked_for() {
            true => Seconds::MAX,
            false => self.heard.saturating_add(around.params.idle_seconds),
        }
    }
}
