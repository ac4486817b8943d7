//! All that one worker watches: a table, a wheel, and what changed in an epoch.

mod saved;

pub use saved::SavedWatch;

use super::asked::AskedFor;
use super::raise::Out;
use super::watch::{Around, State, Watch};
use super::{calls, histogram, lines};
use crate::model::{
    Fingerprint, Identity, Seconds, SeriesRow, SignalBatch, SourceIndex, Stamp, Unread, Watched,
};
use crate::ops::saving::Saving;
use crate::ops::wheel::Wheel;
use crate::params::{DetectParams, Params, SourceParams};
use hashbrown::HashTable;
use std::sync::Arc;

/// The watches of one worker.
pub(super) struct Keeper {
    params: DetectParams,
    sources: Vec<SourceParams>,
    disorder_seconds: Seconds,
    index: HashTable<u32>,
    slots: Vec<Option<Watch>>,
    free: Vec<u32>,
    dirty: Vec<u32>,
    wheel: Wheel<u32>,
    /// What is watched whatever is heard of it.
    asked: AskedFor,
    /// What became of signals and watches since it was told last.
    watched: Watched,
    saving: Option<Saving<Vec<SavedWatch>>>,
}

impl Keeper {
    /// For one of so many workers.
    pub(super) fn new(params: &Params, worker: (usize, usize)) -> Keeper {
        Keeper {
            asked: AskedFor::of(&params.detect, worker),
            params: params.detect.clone(),
            sources: params.sources.clone(),
            disorder_seconds: params.dedup.disorder_seconds,
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            dirty: Vec::new(),
            wheel: Wheel::new(),
            watched: Watched::default(),
            saving: None,
        }
    }

    /// What is known of each watch, for people who ask.
    pub(super) fn rows(&self) -> impl Iterator<Item = SeriesRow> + '_ {
        self.slots.iter().flatten().map(|watch| watch.row(&self.params))
    }

    /// Takes in the signals of an epoch and says what they come to.
    pub(super) fn epoch(&mut self, batches: Vec<SignalBatch>, now: Seconds, out: &mut Out) {
        self.ask(now);
        for batch in &batches {
            self.samples(batch, now);
            self.buckets(batch, now);
            self.lines(batch, now);
            self.calls(batch, now);
            self.beats(batch, now);
            self.budgets(batch, now);
            self.expected(batch);
            self.qualities(batch, now);
        }
        while let Some(due) = self.wheel.pop_due(now) {
            for slot in due {
                let is_due = |watch: &Watch| watch.scheduled <= now;
                if self.slots[slot as usize].as_ref().is_some_and(is_due) {
                    self.mark(slot);
                }
            }
        }
        let mut dirty = std::mem::take(&mut self.dirty);
        for slot in dirty.drain(..) {
            self.update(slot, now, out);
        }
        self.dirty = dirty;
        out.watched.add(&std::mem::take(&mut self.watched));
    }

    fn around(&self, now: Seconds) -> Around<'_> {
        let Keeper { params, sources, disorder_seconds, .. } = self;
        Around { now, params, sources, disorder_seconds: *disorder_seconds }
    }

    fn samples(&mut self, batch: &SignalBatch, now: Seconds) {
        if !self.params.samples.enabled {
            return;
        }
        for sample in &batch.samples {
            let Some(slot) = self.slot(batch, &sample.stamp, Watch::samples) else { continue };
            if let Some(State::Samples(samples)) = self.hear(slot, now) {
                samples.sample(sample);
                self.mark(slot);
            }
        }
    }

    fn buckets(&mut self, batch: &SignalBatch, now: Seconds) {
        if !self.params.samples.enabled {
            return;
        }
        let over = histogram::over(now, &self.params.samples);
        for bucket in &batch.buckets {
            let Some(slot) = self.slot(batch, &bucket.stamp, Watch::histogram) else { continue };
            if let Some(State::Histogram(histogram)) = self.hear(slot, now) {
                let read = histogram.bucket(bucket, over);
                self.took(slot, read);
            }
        }
    }

    fn lines(&mut self, batch: &SignalBatch, now: Seconds) {
        let params = self.params.lines.clone();
        if !params.enabled {
            return;
        }
        let bounds = (lines::over(now, &params), params.waiting_max);
        for line in &batch.lines {
            let open = |identity: &Arc<Identity>, source| Watch::lines(identity, source, &params);
            let Some(slot) = self.slot(batch, &line.stamp, open) else { continue };
            if let Some(State::Lines(lines)) = self.hear(slot, now) {
                let text = batch.text(line);
                let read = lines.line(line.stamp.time, line.severity, text, bounds);
                self.took(slot, read);
            }
        }
    }

    fn calls(&mut self, batch: &SignalBatch, now: Seconds) {
        if !self.params.calls.enabled {
            return;
        }
        let over = calls::over(now, &self.params.calls);
        for call in &batch.calls {
            let Some(slot) = self.slot(batch, &call.stamp, Watch::calls) else { continue };
            if let Some(State::Calls(calls)) = self.hear(slot, now) {
                let read = calls.call(call, over);
                self.took(slot, read);
            }
        }
    }

    fn beats(&mut self, batch: &SignalBatch, now: Seconds) {
        for stamp in &batch.beats {
            let Some(slot) = self.slot(batch, stamp, Watch::beat) else { continue };
            if let Some(State::Beat(beat)) = self.hear(slot, now)
                && beat.beat(stamp.time)
            {
                self.mark(slot);
            }
        }
    }

    fn budgets(&mut self, batch: &SignalBatch, now: Seconds) {
        for tally in &batch.tallies {
            let Some(slot) = self.known(batch, &tally.stamp) else { continue };
            if let Some(State::Budget(budget)) = self.hear(slot, now) {
                let read = budget.tally(tally);
                self.took(slot, read.map(|()| true));
            }
        }
        for number in &batch.counted {
            let Some(slot) = self.known(batch, &number.stamp) else { continue };
            self.before_change(slot);
            let around = Around {
                now,
                params: &self.params,
                sources: &self.sources,
                disorder_seconds: self.disorder_seconds,
            };
            let watch = self.slots[slot as usize].as_mut();
            if let Some(State::Budget(budget)) = watch.map(|watch| &mut watch.state) {
                let read = budget.counted(number, &around);
                self.took(slot, read.map(|()| true));
            }
        }
    }

    fn expected(&mut self, batch: &SignalBatch) {
        for stamp in &batch.seen {
            let Some(slot) = self.known(batch, stamp) else { continue };
            self.before_change(slot);
            let watch = self.slots[slot as usize].as_mut();
            if let Some(State::Expected(expected)) = watch.map(|watch| &mut watch.state) {
                let read = expected.seen(stamp.time);
                self.took(slot, read.map(|()| true));
            }
        }
    }

    fn qualities(&mut self, batch: &SignalBatch, now: Seconds) {
        let params = self.params.quality;
        let settled = self.around(now).settled_of_all();
        for tally in batch.sources.iter().filter(|_| params.enabled) {
            let open = |identity: &Arc<Identity>, source| Watch::source(identity, source, &params);
            let Some(slot) = self.slot(batch, &tally.stamp, open) else { continue };
            if let Some(State::Source(source)) = self.hear(slot, now) {
                let read = source.tally(tally, settled);
                self.took(slot, read.map(|()| true));
            }
        }
    }

    /// A signal was read, and whether there is something to judge by it; or it was not.
    fn took(&mut self, slot: u32, read: Result<bool, Unread>) {
        match read {
            Ok(true) => self.mark(slot),
            Ok(false) => {}
            Err(unread) => self.watched.unread[unread as usize] += 1,
        }
    }

    /// Opens what is to be watched from the first tick on.
    fn ask(&mut self, now: Seconds) {
        for (identity, asked) in self.asked.take_unopened() {
            if self.find(identity.fingerprint).is_none() {
                let state = State::asked(&asked, &self.around(now));
                let slot = self.open(Watch::of(&identity, 0, state));
                self.mark(slot);
            }
        }
    }

    /// Something is heard of a watch.
    fn hear(&mut self, slot: u32, now: Seconds) -> Option<&mut State> {
        self.before_change(slot);
        let watch = self.slots[slot as usize].as_mut()?;
        watch.heard = now;
        Some(&mut watch.state)
    }

    /// The slot of a signal's identity, opened when it is new and there is room.
    fn slot(
        &mut self,
        batch: &SignalBatch,
        stamp: &Stamp,
        open: impl FnOnce(&Arc<Identity>, SourceIndex) -> Watch,
    ) -> Option<u32> {
        let identity = &batch.identities[stamp.identity as usize];
        if let Some(slot) = self.find(identity.fingerprint) {
            return Some(slot);
        }
        if self.index.len() >= self.params.series_max {
            self.watched.unread[Unread::NoRoom as usize] += 1;
            return None;
        }
        Some(self.open(open(identity, stamp.source)))
    }

    /// The slot of what is asked for, which was opened at the first tick.
    fn known(&self, batch: &SignalBatch, stamp: &Stamp) -> Option<u32> {
        self.find(batch.identities[stamp.identity as usize].fingerprint)
    }

    fn find(&self, fingerprint: Fingerprint) -> Option<u32> {
        let same = |slot: &u32| {
            let watch = self.slots[*slot as usize].as_ref();
            watch.is_some_and(|watch| watch.identity.fingerprint == fingerprint)
        };
        self.index.find(fingerprint.low64(), same).copied()
    }

    fn open(&mut self, watch: Watch) -> u32 {
        self.watched.watches += 1;
        let hash = watch.identity.fingerprint.low64();
        let slot = match self.free.pop() {
            Some(slot) => {
                self.before_change(slot);
                self.slots[slot as usize] = Some(watch);
                slot
            }
            None => {
                self.slots.push(Some(watch));
                self.slots.len() as u32 - 1
            }
        };
        let slots = &self.slots;
        let hash_of = |slot: &u32| {
            let watch = slots[*slot as usize].as_ref();
            watch.map_or(0, |watch| watch.identity.fingerprint.low64())
        };
        self.index.insert_unique(hash, slot, hash_of);
        slot
    }

    fn mark(&mut self, slot: u32) {
        if let Some(watch) = self.slots[slot as usize].as_mut()
            && !std::mem::replace(&mut watch.is_dirty, true)
        {
            self.dirty.push(slot);
        }
    }

    fn update(&mut self, slot: u32, now: Seconds, out: &mut Out) {
        self.before_change(slot);
        let Some(watch) = self.slots[slot as usize].as_mut() else { return };
        let around = Around {
            now,
            params: &self.params,
            sources: &self.sources,
            disorder_seconds: self.disorder_seconds,
        };
        watch.is_dirty = false;
        watch.update(&around, out);
        if watch.forgotten(&around) <= now {
            return self.forget(slot);
        }
        let due = watch.due(&around).max(now + 1);
        if due < Seconds::MAX && (watch.scheduled <= now || due < watch.scheduled) {
            watch.scheduled = due;
            self.wheel.schedule(due, slot);
        }
    }

    /// Nobody has spoken of it for long.
    fn forget(&mut self, slot: u32) {
        let Some(watch) = self.slots[slot as usize].take() else { return };
        self.watched.watches -= 1;
        let hash = watch.identity.fingerprint.low64();
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.free.push(slot);
    }
}
