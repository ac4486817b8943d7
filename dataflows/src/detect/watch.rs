//! One thing that is watched, whatever it is.

use super::beat::{BeatWatch, SavedBeat};
use super::calls::{CallState, CallWatch};
use super::lines::{LineState, LineWatch};
use super::raise::{Out, Subject};
use super::samples::{SampleState, SampleWatch};
use crate::model::{Identity, Seconds, SeriesRow, SourceIndex};
use crate::params::{DetectParams, LineParams, SourceParams};
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
}

/// The same between two epochs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum SavedState {
    Samples(SampleState),
    Lines(LineState),
    Calls(CallState),
    Beat(SavedBeat),
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
        }
    }

    /// As it was saved.
    pub(super) fn restore(
        identity: &Identity,
        source: SourceIndex,
        saved: SavedState,
        around: &Around<'_>,
    ) -> State {
        match saved {
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
        }
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
        }
    }

    /// The next tick at which something may change by itself.
    pub(super) fn due(&self, around: &Around<'_>) -> Seconds {
        let own = match &self.state {
            State::Samples(_) => None,
            State::Lines(lines) => lines.due(around),
            State::Calls(calls) => calls.due(around),
            State::Beat(beat) => beat.due(around),
        };
        let forgotten = self.heard.saturating_add(around.params.idle_seconds);
        own.map_or(forgotten, |own| own.min(forgotten))
    }
}
