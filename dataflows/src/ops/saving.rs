//! Handing out everything in a table as it was between two epochs, while more epochs come.
//!
//! A million entries cannot be copied between one epoch and the next without everybody waiting
//! for it. So a cut only notes how far the slots went; slots are handed out a slice at a time, and
//! whoever is about to change one that was not handed out yet hands it out first.

use super::epochs::Epoch;
use super::shelf::Shelf;

/// A cut under way.
#[derive(Debug)]
pub struct Saving<S> {
    /// Slots that there were.
    limit: usize,
    /// Slots before this one are done.
    next: usize,
    /// One bit a slot: done before its turn, or empty when the cut was made.
    done: Vec<u64>,
    out: Vec<S>,
}

impl<S> Saving<S> {
    /// A cut through so many slots as they are now.
    pub fn of(limit: usize) -> Self {
        Saving { limit, next: 0, done: vec![0; limit.div_ceil(64)], out: Vec::new() }
    }

    /// A slot is about to change, or to be given to another; `save` gives what is in it.
    #[inline]
    pub fn before_change(&mut self, slot: u32, save: impl FnOnce() -> Option<S>) {
        let slot = slot as usize;
        if (self.next..self.limit).contains(&slot) && !self.is_done(slot) {
            self.done[slot / 64] |= 1 << (slot % 64);
            self.out.extend(save());
        }
    }

    /// Hands out up to `slots` more; returns everything when nothing is left.
    pub fn go_on(
        &mut self,
        slots: usize,
        mut save: impl FnMut(usize) -> Option<S>,
    ) -> Option<Vec<S>> {
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

/// A table whose entries are handed out in slices.
pub trait Sliced {
    /// What is kept of an entry.
    type Saved;

    /// Begins to hand out what must be kept of all entries as they are now.
    fn begin_saving(&mut self);

    /// Hands out up to `slots` more; all that was kept once nothing is left, `None` until then.
    fn go_on_saving(&mut self, slots: usize) -> Option<Vec<Self::Saved>>;
}

/// Where an operator leaves what its table hands out.
pub struct HandOut<S> {
    memory: Shelf<Vec<S>>,
    /// The epoch after which entries are being handed out.
    epoch: Option<Epoch>,
    /// How many at a time.
    slice: usize,
}

impl<S> HandOut<S> {
    /// With a slice of so many entries.
    pub fn new(memory: Shelf<Vec<S>>, slice: usize) -> Self {
        HandOut { memory, epoch: None, slice: slice.max(1) }
    }

    /// Begins a cut if what is remembered after `epoch`, which has ended, was asked for.
    pub fn after(&mut self, epoch: Epoch, table: &mut impl Sliced<Saved = S>) {
        if self.memory.wants(epoch) {
            self.all(table);
            table.begin_saving();
            self.epoch = Some(epoch);
            self.some(table);
        }
    }

    /// Hands out a slice, and leaves all of it once it has everything; before an epoch rather
    /// than after one, so that less of what it changes is copied first.
    pub fn some(&mut self, table: &mut impl Sliced<Saved = S>) {
        self.slots(self.slice, table);
    }

    /// Hands out the rest.
    pub fn all(&mut self, table: &mut impl Sliced<Saved = S>) {
        self.slots(usize::MAX, table);
    }

    /// Whether there is more to hand out: the operator has to come back for it.
    pub fn is_under_way(&self) -> bool {
        self.epoch.is_some()
    }

    fn slots(&mut self, slots: usize, table: &mut impl Sliced<Saved = S>) {
        let Some(epoch) = self.epoch else { return };
        if let Some(saved) = table.go_on_saving(slots) {
            self.memory.put(epoch, saved);
            self.epoch = None;
        }
    }
}
