//! A table in the order of its keys, handed out as it was at a moment while it goes on changing.
//!
//! What is remembered of hundreds of thousands of incidents cannot be copied between two epochs
//! without everybody waiting for it. Every change goes through the table, which hands an entry
//! out before it changes; readers see a plain map.

use causeway_dataflows::ops::saving::Walk;
use std::collections::BTreeMap;
use std::ops::Deref;

/// What is kept of an entry for a snapshot.
pub trait Keep<K> {
    /// What is kept of all of them.
    type Kept;

    /// Room for so many.
    fn room(entries: usize) -> Self::Kept;

    /// Adds this one.
    fn keep(&self, key: &K, kept: &mut Self::Kept);
}

/// The table.
pub struct Table<K, V: Keep<K>> {
    entries: BTreeMap<K, V>,
    saving: Option<(Walk<K>, V::Kept)>,
}

impl<K: Ord, V: Keep<K>> Default for Table<K, V> {
    fn default() -> Self {
        Table { entries: BTreeMap::new(), saving: None }
    }
}

impl<K, V: Keep<K>> Deref for Table<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.entries
    }
}

impl<K: Ord + Clone, V: Keep<K>> Table<K, V> {
    /// Puts an entry in place of an earlier one.
    pub fn insert(&mut self, key: K, value: V) {
        self.before_change(&key);
        self.entries.insert(key, value);
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.before_change(key);
        self.entries.remove(key)
    }

    /// An entry that may be about to change.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.before_change(key);
        self.entries.get_mut(key)
    }

    /// The same, made if it is not there.
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.before_change(&key);
        self.entries.entry(key).or_insert_with(make)
    }

    fn before_change(&mut self, key: &K) {
        if let Some((walk, kept)) = &mut self.saving {
            walk.before_change(&self.entries, key, |key, value| value.keep(key, kept));
        }
    }

    /// Begins to hand out what there is now.
    pub fn begin_saving(&mut self) {
        self.saving = Some((Walk::through(&self.entries), V::room(self.entries.len())));
    }

    /// Hands out up to `entries` more; says whether there are none left.
    pub fn go_on_saving(&mut self, entries: usize) -> bool {
        self.saving.as_mut().is_none_or(|(walk, kept)| {
            walk.go_on(&self.entries, entries, |key, value| value.keep(key, kept))
        })
    }

    /// All that was handed out.
    pub fn take_saved(&mut self) -> Option<V::Kept> {
        self.saving.take().map(|(_, kept)| kept)
    }
}

impl<K: Ord + Clone, V: Keep<K>> Extend<(K, V)> for Table<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        entries.into_iter().for_each(|(key, value)| self.insert(key, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    impl Keep<u8> for u32 {
        type Kept = Vec<(u8, u32)>;

        fn room(entries: usize) -> Self::Kept {
            Vec::with_capacity(entries)
        }

        fn keep(&self, key: &u8, kept: &mut Self::Kept) {
            kept.push((*key, *self));
        }
    }

    fn change(table: &mut Table<u8, u32>, (how, key, value): (u8, u8, u32)) {
        match how {
            0 => table.insert(key, value),
            1 => drop(table.remove(&key)),
            2 => table.get_mut(&key).into_iter().for_each(|of| *of += value),
            _ => *table.get_or_insert_with(key, || 0) += value,
        }
    }

    proptest! {
        /// Whatever changes meanwhile, what is handed out is what there was.
        #[test]
        fn what_is_handed_out_is_what_there_was(
            before in prop::collection::vec((0..4u8, 0..40u8, 1..9u32), 0..60),
            between in prop::collection::vec((1..9usize, (0..4u8, 0..50u8, 1..9u32)), 0..60),
        ) {
            let mut table = Table::<u8, u32>::default();
            before.into_iter().for_each(|how| change(&mut table, how));
            prop_assert!(table.take_saved().is_none() && table.go_on_saving(1));
            let there_was = table.clone();
            table.begin_saving();
            for (entries, how) in between {
                change(&mut table, how);
                table.go_on_saving(entries);
            }
            while !table.go_on_saving(3) {}
            let mut saved = table.take_saved().unwrap();
            saved.sort_unstable();
            prop_assert_eq!(saved, there_was.into_iter().collect::<Vec<_>>());
        }
    }
}
