//! One thing that is watched, whatever it is.

use super::beat::{BeatWatch, SavedBeat};
use super::raise::{Out, Subject};
use crate::model::{Identity, Seconds, SourceIndex};
use crate::params::{DetectParams, SourceParams};
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
    /// Signs of life.
    Beat(BeatWatch),
}

/// The same between two epochs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum SavedState {
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

impl Watch {
    /// A watch for signs of life.
    pub(super) fn beat(identity: &Arc<Identity>, source: SourceIndex) -> Watch {
        let subject = Subject::new(identity, source, "HeartbeatMissing", "heartbeat");
        Watch::of(identity, source, State::Beat(BeatWatch::new(subject)))
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

    /// Brings the findings up to date.
    pub(super) fn update(&mut self, around: &Around<'_>, out: &mut Out) {
        match &mut self.state {
            State::Beat(beat) => beat.update(around, out),
        }
    }

    /// The next tick at which something may change by itself.
    pub(super) fn due(&self, around: &Around<'_>) -> Seconds {
        let own = match &self.state {
            State::Beat(beat) => beat.due(around),
        };
        let forgotten = self.heard.saturating_add(around.params.idle_seconds);
        own.map_or(forgotten, |own| own.min(forgotten))
    }
}
