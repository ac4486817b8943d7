//! What is read at one tick leaves together.

use super::Intake;
use crate::canonical::decoded::Segment;
use crate::canonical::time::seconds_of;
use causeway_dataflows::model::{AlertBatch, SignalBatch};

impl Intake {
    /// The tick has moved: what comes next is another segment.
    #[cold]
    pub(super) fn turn_segment(&mut self) {
        self.close_segment();
        self.ordinals.begin_batch();
        self.open_segment();
    }

    pub(super) fn open_segment(&mut self) {
        let now = self.ticks.now_ns().map(seconds_of);
        self.identities.begin_batch(now);
        self.series.begin_batch(now);
        let (events, text) = self.room;
        let batch = |worker| AlertBatch {
            worker,
            process: 0,
            identities: Vec::new(),
            events: Vec::with_capacity(events),
            text: String::with_capacity(text),
        };
        let heard = |worker| SignalBatch { worker, ..SignalBatch::default() };
        self.segment = Segment {
            tick: self.ticks.tick(),
            alerts: (0..self.workers).map(batch).collect(),
            heard: (0..self.workers).map(heard).collect(),
            ..Segment::default()
        };
    }

    pub(super) fn close_segment(&mut self) {
        let mut segment = std::mem::take(&mut self.segment);
        segment.heard.append(&mut self.tallied());
        let most = |of: fn(&AlertBatch) -> usize| segment.alerts.iter().map(of).max().unwrap_or(0);
        // A little more than last time, so that batches of about one size rarely grow.
        let (events, text) = (most(|batch| batch.events.len()), most(|batch| batch.text.len()));
        self.room = (events + events / 8, text + text / 8);
        if !segment.is_empty() {
            self.out.segments.push(segment);
        }
    }
}
