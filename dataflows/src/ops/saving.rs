//! Handing out everything in a table as it was between two epochs, while more epochs come.
//!
//! A million entries cannot be copied between one epoch and the next without everybody waiting
//! for it. So a cut only notes how far the slots went; slots are handed out a slice at a time, and
//! whoever is about to change one that was not handed out yet hands it out first.

use super::epochs::Epoch;
use super::shelf::Shelf;
use super::turn::Turn;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use timely::scheduling::Activator;

/// A cut under way, and what was handed out so far.
#[derive(Debug)]
pub struct Saving<O> {
    /// Slots that there were.
    limit: usize,
    /// Slots before this one are done.
    next: usize,
    /// One bit a slot: done before its turn, or empty when the cut was made.
    done: Vec<u64>,
    out: O,
}

impl<O: Default> Saving<O> {
    /// A cut through so many slots as they are now, added to `out`, which should have room for
    /// them: what grows is copied whole, between two epochs, just when it is largest.
    pub fn onto(out: O, limit: usize) -> Self {
        Saving { limit, next: 0, done: vec![0; limit.div_ceil(64)], out }
    }

    /// A slot is about to change, or to be given to another; `save` gives what is in it.
    #[inline]
    pub fn before_change<I: IntoIterator>(&mut self, slot: u32, save: impl FnOnce() -> I)
    where
        O: Extend<I::Item>,
    {
        let slot = slot as usize;
        if (self.next..self.limit).contains(&slot) && !self.is_done(slot) {
            self.done[slot / 64] |= 1 << (slot % 64);
            self.out.extend(save());
        }
    }

    /// Hands out up to `slots` more; returns everything when nothing is left.
    pub fn go_on<I: IntoIterator>(
        &mut self,
        slots: usize,
        mut save: impl FnMut(usize) -> I,
    ) -> Option<O>
    where
        O: Extend<I::Item>,
    {
        let end = self.limit.min(self.next.saturating_add(slots));
        for slot in self.next..end {
            if !self.is_done(slot) {
                self.out.extend(save(slot));
            }
        }
        self.next = end;
        (self.next == self.limit).then(|| std::mem::take(&mut self.out))
    }

    fn is_done(&self, slot: usize) -> bool {
        self.done[slot / 64] & 1 << (slot % 64) != 0
    }
}

/// The same for a table in the order of its keys, which come and go.
#[derive(Debug)]
pub struct Walk<K> {
    /// Keys up to this one are done.
    upto: Option<K>,
    /// The greatest key that there was: whoever came later and is greater is never waited for.
    last: Option<K>,
    /// Keys between the two that were done before their turn, or came after the cut was made.
    done: BTreeSet<K>,
}

impl<K: Ord + Clone> Walk<K> {
    /// A cut through a table as it is now.
    pub fn through<V>(table: &BTreeMap<K, V>) -> Self {
        let last = table.last_key_value().map(|(key, _)| key.clone());
        Walk { upto: None, last, done: BTreeSet::new() }
    }

    /// An entry is about to change, to come or to go: whether what it is now, if it is there, is
    /// to be handed out first.
    pub fn is_due(&mut self, key: &K) -> bool {
        self.last.as_ref().is_some_and(|last| key <= last)
            && self.upto.as_ref().is_none_or(|upto| upto < key)
            && !self.done.contains(key)
            && self.done.insert(key.clone())
    }

    /// The same, and hands what there is to `save`.
    pub fn before_change<V>(&mut self, table: &BTreeMap<K, V>, key: &K, save: impl FnOnce(&K, &V)) {
        if self.is_due(key)
            && let Some(value) = table.get(key)
        {
            save(key, value);
        }
    }

    /// Hands up to `number` more entries to `save`; says whether those were the last.
    pub fn go_on<V>(
        &mut self,
        table: &BTreeMap<K, V>,
        number: usize,
        mut save: impl FnMut(&K, &V),
    ) -> bool {
        let Some(end) = &self.last else { return true };
        let from = self.upto.as_ref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = table.range((from, Bound::Included(end)));
        let mut last = None;
        for (key, value) in rest.by_ref().take(number) {
            if !self.done.remove(key) {
                save(key, value);
            }
            last = Some(key);
        }
        let is_over = rest.next().is_none();
        self.upto = last.cloned().or(self.upto.take());
        is_over
    }
}

/// Cuts through tables that have names, one after the other.
#[derive(Debug)]
pub struct InTurn<T> {
    /// Whose turn is still to come, the next one last.
    left: Vec<SmolStr>,
    out: Vec<(SmolStr, T)>,
}

impl<T> InTurn<T> {
    /// Through the tables that there are now.
    pub fn over<'n>(names: impl DoubleEndedIterator<Item = &'n SmolStr>) -> Self {
        InTurn { left: names.rev().cloned().collect(), out: Vec::new() }
    }

    /// Hands out up to `slice` entries more, or all of one table; `go_on` does so for the table
    /// named, and says how many entries it has once they are all handed out. Says whether those
    /// were the last.
    pub fn go_on(
        &mut self,
        mut slice: usize,
        mut go_on: impl FnMut(&SmolStr, usize) -> Option<(T, usize)>,
    ) -> bool {
        while slice > 0
            && let Some((saved, entries)) = self.left.last().and_then(|name| go_on(name, slice))
        {
            slice = slice.saturating_sub(entries.max(1));
            self.out.extend(self.left.pop().map(|name| (name, saved)));
        }
        self.left.is_empty()
    }

    /// A table is about to go; `rest` hands out what is left of it.
    pub fn before_gone(&mut self, name: &SmolStr, rest: impl FnOnce() -> Option<T>) {
        if let Some(at) = self.left.iter().position(|other| other == name) {
            self.left.remove(at);
            self.out.extend(rest().map(|saved| (name.clone(), saved)));
        }
    }

    /// All that was handed out.
    pub fn into_all(self) -> Vec<(SmolStr, T)> {
        self.out
    }
}

/// A table whose entries are handed out in slices.
pub trait Sliced {
    /// What is kept of all of them.
    type Saved;

    /// Begins to hand out what must be kept of all entries as they are now.
    fn begin_saving(&mut self);

    /// Hands out up to `slots` more; all that was kept once nothing is left, `None` until then.
    fn go_on_saving(&mut self, slots: usize) -> Option<Self::Saved>;
}

/// Where an operator leaves what its table hands out.
pub struct HandOut<T> {
    memory: Shelf<T>,
    /// The epoch after which entries are being handed out.
    epoch: Option<Epoch>,
    /// How many at a time.
    slice: usize,
    turn: Turn,
}

impl<T> HandOut<T> {
    /// With a slice of so many entries.
    pub fn new(memory: Shelf<T>, slice: usize) -> Self {
        let turn = memory.turn();
        HandOut { memory, epoch: None, slice: slice.max(1), turn }
    }

    /// Begins a cut if what is remembered after `epoch`, which has ended, was asked for.
    pub fn after(&mut self, epoch: Epoch, table: &mut impl Sliced<Saved = T>) {
        if self.memory.wants(epoch) {
            self.all(table);
            table.begin_saving();
            self.epoch = Some(epoch);
            self.some(table);
        }
    }

    /// Hands out a slice if it is its turn, and leaves all of it once it has everything; before
    /// an epoch rather than after one, so that less of what it changes is copied first.
    pub fn some(&mut self, table: &mut impl Sliced<Saved = T>) {
        if self.epoch.is_some() {
            match self.turn.take(self.slice) {
                0 => {}
                slots => self.slots(slots, table),
            }
        }
    }

    /// Hands out the rest.
    fn all(&mut self, table: &mut impl Sliced<Saved = T>) {
        self.slots(usize::MAX, table);
    }

    /// Has the operator come back for what there is more to hand out; it does not when its inputs
    /// `have_ended`, so that all is handed out then.
    pub fn come_back(
        &mut self,
        table: &mut impl Sliced<Saved = T>,
        have_ended: bool,
        activator: &Activator,
    ) {
        if have_ended {
            self.all(table);
        }
        if self.epoch.is_some() {
            activator.activate();
        }
    }

    fn slots(&mut self, slots: usize, table: &mut impl Sliced<Saved = T>) {
        let Some(epoch) = self.epoch else { return };
        if let Some(saved) = table.go_on_saving(slots) {
            self.memory.put(epoch, saved);
            self.epoch = None;
        }
    }
}
