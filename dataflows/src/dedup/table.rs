//! All keys of one worker: a pre-sized hash table and an expiry wheel.

#[cfg(test)]
mod due;
#[cfg(test)]
pub(crate) mod heard;
#[cfg(test)]
mod tests;

use super::flap::FlapModel;
use super::fold::FoldParams;
use super::key::{Key, Needs, Output, SavedKey};
use super::retention::Retention;
use crate::model::{AlertBatch, AlertEvent, AlertFlags, Fingerprint, Seconds};
use crate::ops::saving::{Saving, Sliced};
use crate::ops::wheel::Wheel;
use crate::params::{Params, SourceParams};
use hashbrown::HashTable;

/// Events whose keys are asked for together: enough to keep memory busy, few enough to stay in
/// the nearest cache.
const TOGETHER: usize = 16;

/// The keys of one worker.
pub struct Table {
    /// Slot by fingerprint.
    index: HashTable<u32>,
    keys: Vec<Option<Key>>,
    free: Vec<u32>,
    dirty: Vec<u32>,
    wheel: Wheel<u32>,
    tick: Seconds,
    sources: Vec<SourceParams>,
    flap: FlapModel,
    retention: Retention,
    disorder: Seconds,
    /// What is being handed out for a snapshot.
    saving: Option<Saving<Vec<SavedKey>>>,
    /// Events older than anything still told apart; they count, and change nothing else.
    pub overdue: u64,
}

impl Table {
    /// An empty table, sized as `params` say.
    pub fn new(params: &Params) -> Self {
        let dedup = params.dedup;
        Table {
            index: HashTable::with_capacity(dedup.keys_initial),
            keys: Vec::with_capacity(dedup.keys_initial),
            free: Vec::new(),
            dirty: Vec::new(),
            wheel: Wheel::new(),
            tick: Seconds::MIN,
            sources: params.sources.clone(),
            flap: FlapModel::new(dedup.flap),
            retention: Retention::of(params),
            disorder: dedup.disorder_seconds,
            saving: None,
            overdue: 0,
        }
    }

    /// Live keys.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no key is live.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// When the wheel next has something to do.
    pub fn next_due(&self) -> Option<Seconds> {
        self.wheel.next_due()
    }

    /// Takes in a batch received at `tick`.
    ///
    /// A few events at a time: with many keys most of the cost is waiting for memory, so
    /// all of their keys are asked for before the first is used.
    pub fn insert(&mut self, batch: &AlertBatch, tick: Seconds) {
        for events in batch.events.chunks(TOGETHER) {
            let mut slots = [None; TOGETHER];
            for (slot, event) in slots.iter_mut().zip(events) {
                *slot = self.find(event.fingerprint);
            }
            let keys = slots.iter().flatten().filter_map(|at| self.keys[*at as usize].as_ref());
            std::hint::black_box(keys.fold(0, |sum, key| sum ^ key.touch()));
            for (slot, event) in slots.into_iter().zip(events) {
                self.insert_one(slot, event, batch, tick);
            }
        }
    }

    #[inline]
    fn insert_one(
        &mut self,
        slot: Option<u32>,
        event: &AlertEvent,
        batch: &AlertBatch,
        tick: Seconds,
    ) {
        let policy = self.sources.get(event.source as usize).unwrap_or(&self.sources[0]);
        if event.flags.has(AlertFlags::LATE) && !policy.fold_late {
            return;
        }
        let slot = match slot {
            Some(slot) => slot,
            None => self.open(event, batch),
        };
        self.before_change(slot);
        let Some(key) = self.keys[slot as usize].as_mut() else { return };
        let source = &self.sources[key.source as usize];
        let settled = Key::settled_before(tick, source.lateness_seconds, self.disorder);
        let mut event = *event;
        if event.time < settled && !event.flags.has(AlertFlags::LATE) {
            // It came later than disorder allows: the seconds around it are settled.
            self.overdue += 1;
            event.flags = event.flags.with(AlertFlags::LATE);
            event.observed = event.observed.max(settled);
        }
        let needed = key.needs;
        key.insert(&event, batch.id(&event), batch.summary(&event), source.quiet_seconds);
        key.counted(tick);
        let due = key.due.min(tick + self.retention.count_delay);
        if needed == Needs::Nothing && key.needs != Needs::Nothing {
            self.dirty.push(slot);
        } else if key.scheduled > due {
            key.scheduled = due;
            self.wheel.schedule(due, slot);
        }
    }

    #[inline]
    fn find(&self, fingerprint: Fingerprint) -> Option<u32> {
        let keys = &self.keys;
        let same = |slot: &u32| {
            keys[*slot as usize].as_ref().is_some_and(|key| key.fingerprint() == fingerprint)
        };
        self.index.find(fingerprint.low64(), same).copied()
    }

    /// The slot of an event's key, which may have come to be since it was looked for.
    fn open(&mut self, event: &AlertEvent, batch: &AlertBatch) -> u32 {
        let (fingerprint, source) = (event.fingerprint, event.source);
        if let Some(slot) = self.find(fingerprint) {
            return slot;
        }
        let source = if (source as usize) < self.sources.len() { source } else { 0 };
        self.place(Key::new(batch.identities[event.identity as usize].clone(), source))
    }

    fn place(&mut self, key: Key) -> u32 {
        let fingerprint = key.fingerprint();
        let slot = match self.free.pop() {
            Some(slot) => {
                self.before_change(slot);
                self.keys[slot as usize] = Some(key);
                slot
            }
            None => {
                self.keys.push(Some(key));
                (self.keys.len() - 1) as u32
            }
        };
        let keys = &self.keys;
        let hash =
            |slot: &u32| keys[*slot as usize].as_ref().map_or(0, |key| key.fingerprint().low64());
        self.index.insert_unique(fingerprint.low64(), slot, hash);
        slot
    }

    /// A slot is about to change.
    #[inline]
    fn before_change(&mut self, slot: u32) {
        if let Some(saving) = &mut self.saving {
            saving.before_change(slot, || self.keys[slot as usize].as_mut().map(Key::save));
        }
    }

    /// Begins with those keys; their alerts are put up anew.
    pub fn restore(&mut self, saved: Vec<SavedKey>, out: &mut impl Output) {
        for mut key in saved {
            if *key.source_mut() as usize >= self.sources.len() {
                *key.source_mut() = 0;
            }
            let key = Key::restore(key, out);
            let due = key.scheduled;
            let slot = self.place(key);
            if due < Seconds::MAX {
                self.wheel.schedule(due, slot);
            }
        }
    }

    /// Ends an epoch at `tick`: folds what changed and fires what is due.
    ///
    /// With `drain` every exact count is published.
    pub fn close(&mut self, tick: Seconds, drain: bool, out: &mut impl Output) {
        self.tick = self.tick.max(tick);
        for slot in std::mem::take(&mut self.dirty) {
            self.visit(slot, out);
        }
        while let Some(due) = self.wheel.pop_due(self.tick) {
            for slots in due.chunks(TOGETHER) {
                let keys = slots.iter().filter_map(|slot| self.keys[*slot as usize].as_ref());
                std::hint::black_box(keys.fold(0, |sum, key| sum ^ key.touch_for_visit(self.tick)));
                for slot in slots {
                    if let Some(key) = &self.keys[*slot as usize]
                        && key.scheduled <= self.tick
                    {
                        self.visit(*slot, out);
                    }
                }
            }
        }
        if drain {
            (0..self.keys.len() as u32).for_each(|slot| self.before_change(slot));
            for key in self.keys.iter_mut().flatten() {
                key.publish_counts(Seconds::MAX, 0, out);
            }
        }
    }

    /// Brings one key up to date and schedules its next deadline, or forgets it.
    fn visit(&mut self, slot: u32, out: &mut impl Output) {
        self.before_change(slot);
        let Some(key) = self.keys[slot as usize].as_mut() else { return };
        if let Some(due) = key.publish_firing(self.tick, self.retention.count_delay, out) {
            key.scheduled = due;
            self.wheel.schedule(due, slot);
            return;
        }
        let source = self.sources[key.source as usize];
        let params = FoldParams { quiet: source.quiet_seconds, flap: self.flap };
        let window = source.lateness_seconds + self.disorder;
        key.update(self.tick, &params, &self.retention, out);
        key.publish_counts(self.tick, self.retention.count_delay, out);
        key.settle(self.tick - window, &params);
        key.retire(self.tick, &self.retention, out);
        if key.is_spent(self.tick, source.quiet_seconds) {
            let hash = key.fingerprint().low64();
            if let Ok(entry) = self.index.find_entry(hash, |other| *other == slot) {
                entry.remove();
            }
            self.keys[slot as usize] = None;
            self.free.push(slot);
            return;
        }
        let due = key.next_due(self.tick, window, &self.retention).max(self.tick + 1);
        if due < key.scheduled || key.scheduled <= self.tick {
            key.scheduled = due;
            self.wheel.schedule(due, slot);
        }
    }
}

impl Sliced for Table {
    type Saved = Vec<SavedKey>;

    fn begin_saving(&mut self) {
        let out = Vec::with_capacity(self.len());
        self.saving = Some(Saving::onto(out, self.keys.len()));
    }

    fn go_on_saving(&mut self, slots: usize) -> Option<Vec<SavedKey>> {
        let (saving, keys) = (self.saving.as_mut()?, &mut self.keys);
        let saved = saving.go_on(slots, |slot| keys[slot].as_mut().map(Key::save))?;
        self.saving = None;
        Some(saved)
    }
}
