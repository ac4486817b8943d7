//! Which alerts were seen before, so that their words are built and shared once.

use causeway_dataflows::model::{Fingerprint, Identity};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Slot;
use std::sync::Arc;

/// A cache of identities in two generations, by spelling, else by a hash of their words.
///
/// A spelling is the hash of the bytes that say which alert an event is about. Most events
/// spell it as one before them did; then nothing of it need be taken apart, sorted or hashed
/// again.
///
/// Lookups go to the young generation, then to the old one, from where a hit
/// moves. When the young one is full it becomes the old one and the old one is
/// forgotten: what was used among the last `generation_max` distinct ones is
/// always known, memory never exceeds two generations, and a hit costs one
/// probe and no bookkeeping. Generations also change with time, so that alerts
/// which nobody repeats any more do not stay for as long as there is room.
///
/// An entry also remembers its place in the batch being built, so that a batch
/// lists each identity once without a table of its own.
pub(super) struct Identities {
    young: HashTable<Entry>,
    old: HashTable<Entry>,
    generation_max: usize,
    /// How long a generation is young, seconds.
    generation_seconds: i64,
    /// When the young one began; `None` while it is not known what time it is.
    began: Option<i64>,
    batch: u32,
}

/// 48 bytes beside the identity, which the engine shares.
struct Entry {
    /// A spelling's hash, or that of the words; a fingerprint's own bits where it says them all.
    key: u128,
    fingerprint: Fingerprint,
    identity: Arc<Identity>,
    /// The batch for which `place` is meant.
    batch: u32,
    place: u32,
}

impl Identities {
    pub(super) fn new(generation_max: usize, generation_seconds: i64) -> Self {
        Identities {
            young: HashTable::new(),
            old: HashTable::new(),
            generation_max: generation_max.max(1),
            generation_seconds: generation_seconds.max(1),
            began: None,
            batch: 0,
        }
    }

    /// Begins a batch: no identity has a place in it yet.
    ///
    /// Generations change only here, so within a batch nothing is forgotten; a
    /// batch may exceed the bound by the identities it brings.
    pub(super) fn begin_batch(&mut self, now: Option<i64>) {
        let aged = match (self.began, now) {
            (Some(began), Some(now)) => now - began >= self.generation_seconds,
            _ => false,
        };
        if aged || self.young.len() >= self.generation_max {
            self.old = std::mem::take(&mut self.young);
            self.began = now;
        }
        self.began = self.began.or(now);
        match self.batch.checked_add(1) {
            Some(batch) => self.batch = batch,
            None => {
                // Places of four thousand million batches ago must not look like this one's.
                self.young.clear();
                self.old.clear();
                self.batch = 1;
            }
        }
    }

    /// The fingerprint of a key that is known; it then stays known for this batch and the next.
    #[inline]
    pub(super) fn known(&mut self, key: u128) -> Option<Fingerprint> {
        if let Some(entry) = self.young.find(key as u64, |entry| entry.key == key) {
            return Some(entry.fingerprint);
        }
        self.revive(key).map(|entry| entry.fingerprint)
    }

    /// Moves an old entry to the young ones.
    fn revive(&mut self, key: u128) -> Option<&mut Entry> {
        let entry = self.old.find_entry(key as u64, |entry| entry.key == key).ok()?.remove().0;
        let slot = self.young.insert_unique(key as u64, entry, |entry| entry.key as u64);
        Some(slot.into_mut())
    }

    /// The place of `key`'s identity in `listed`, the current batch's identities; appends it
    /// there when it has none, and calls `build` when it is not known.
    #[inline]
    pub(super) fn place(
        &mut self,
        key: u128,
        listed: &mut Vec<Arc<Identity>>,
        build: impl FnOnce() -> Identity,
    ) -> u32 {
        let hash = key as u64;
        let entry = match self.young.entry(hash, |e| e.key == key, |e| e.key as u64) {
            Slot::Occupied(slot) => slot.into_mut(),
            Slot::Vacant(slot) => {
                let entry = match self.old.find_entry(hash, |entry| entry.key == key) {
                    Ok(known) => known.remove().0,
                    Err(_) => {
                        let identity = Arc::new(build());
                        let fingerprint = identity.fingerprint;
                        Entry { key, fingerprint, identity, batch: 0, place: 0 }
                    }
                };
                slot.insert(entry).into_mut()
            }
        };
        if entry.batch != self.batch {
            entry.batch = self.batch;
            entry.place = listed.len() as u32;
            listed.push(Arc::clone(&entry.identity));
        }
        entry.place
    }

    /// How many are remembered.
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_dataflows::model::EntityRef;

    fn identity(number: u128) -> Identity {
        Identity {
            fingerprint: Fingerprint(number),
            tenant: "t".into(),
            source: "s".into(),
            entity: EntityRef::new("t", "host:a"),
            name: "n".into(),
            labels: Default::default(),
        }
    }

    #[test]
    fn a_batch_lists_each_identity_once() {
        let mut cache = Identities::new(10, 60);
        for _ in 0..2 {
            cache.begin_batch(None);
            let mut listed = Vec::new();
            let places: Vec<u32> =
                [1, 2, 1, 3, 2].map(|n| cache.place(n, &mut listed, || identity(n))).to_vec();
            assert_eq!(places, [0, 1, 0, 2, 1]);
            assert_eq!(listed.len(), 3);
        }
    }

    #[test]
    fn what_is_known_stays_so_over_one_change_of_generations() {
        let mut cache = Identities::new(1, 60);
        cache.begin_batch(None);
        assert_eq!(cache.known(7), None);
        cache.place(7, &mut Vec::new(), || identity(1));
        for _ in 0..3 {
            assert_eq!(cache.known(7), Some(Fingerprint(1)));
            cache.begin_batch(None);
            let place = cache.place(7, &mut Vec::new(), || unreachable!("it was known"));
            assert_eq!(place, 0);
        }
        cache.begin_batch(None);
        cache.begin_batch(None);
        assert_eq!(cache.known(7), Some(Fingerprint(1)), "nothing younger took its place");
    }

    #[test]
    fn memory_is_bounded_and_what_is_used_stays() {
        let mut cache = Identities::new(100, 60);
        let mut built = 0;
        for number in 0..10_000u128 {
            cache.begin_batch(None);
            let mut listed = Vec::new();
            for wanted in [7, 1_000 + number] {
                cache.place(wanted, &mut listed, || {
                    built += u32::from(wanted == 7);
                    identity(wanted)
                });
            }
            assert!(cache.len() <= 2 * 101, "{}", cache.len());
        }
        assert_eq!(built, 1);
    }

    #[test]
    fn what_nobody_repeats_is_forgotten_in_time() {
        let mut cache = Identities::new(100, 60);
        cache.begin_batch(Some(1_000));
        cache.place(1, &mut Vec::new(), || identity(1));
        for (now, kept) in [(1_059, 1), (1_060, 1), (1_119, 1), (1_120, 0)] {
            cache.begin_batch(Some(now));
            assert_eq!(cache.len(), kept, "{now}");
        }
    }
}
