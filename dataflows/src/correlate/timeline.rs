//! Alerts in order of onset: few of them, mostly appended, read again and again.

use crate::model::{AlertKey, Fingerprint, Seconds};
use std::collections::VecDeque;
use std::collections::vec_deque::Iter;
use std::ops::Range;

/// Alert keys in order. New ones come near the end and old ones go near the beginning, so that
/// a ring is as good as a tree and one wait for memory instead of several.
#[derive(Clone, Debug, Default)]
pub struct Timeline(VecDeque<AlertKey>);

impl Timeline {
    /// The keys, in any order, each once.
    pub fn of(keys: impl Iterator<Item = AlertKey>) -> Timeline {
        let mut keys: Vec<AlertKey> = keys.collect();
        keys.sort_unstable();
        Timeline(keys.into())
    }

    /// Adds a key, if it is not there.
    pub fn insert(&mut self, key: AlertKey) {
        if let Err(at) = self.0.binary_search(&key) {
            self.0.insert(at, key);
        }
    }

    /// Takes a key away, if it is there.
    pub fn remove(&mut self, key: AlertKey) {
        if let Ok(at) = self.0.binary_search(&key) {
            self.0.remove(at);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> Iter<'_, AlertKey> {
        self.0.iter()
    }

    /// Those with onset within `[from, upto]`.
    pub fn within(&self, from: Seconds, upto: Seconds) -> Iter<'_, AlertKey> {
        if self.0.is_empty() || from > upto {
            return self.0.range(0..0);
        }
        self.0.range(self.places(first_at(from), |key| key.onset <= upto))
    }

    /// Those with onset from `from` on and before `before`.
    pub fn before(&self, from: Seconds, before: AlertKey) -> Iter<'_, AlertKey> {
        let first = first_at(from);
        if self.0.is_empty() || before <= first {
            return self.0.range(0..0);
        }
        self.0.range(self.places(first, |key| *key < before))
    }

    fn places(&self, first: AlertKey, is_in: impl FnMut(&AlertKey) -> bool) -> Range<usize> {
        self.0.partition_point(|key| *key < first)..self.0.partition_point(is_in)
    }
}

/// The least key that an alert at `onset` can have.
fn first_at(onset: Seconds) -> AlertKey {
    AlertKey { onset, fingerprint: Fingerprint(0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn key(onset: Seconds, fingerprint: u128) -> AlertKey {
        AlertKey { onset, fingerprint: Fingerprint(fingerprint) }
    }

    proptest! {
        #[test]
        fn a_timeline_is_a_set_in_order(
            steps in prop::collection::vec((0i64..20, 0u128..3, any::<bool>()), 0..60),
            from in -2i64..22,
            upto in -2i64..22,
        ) {
            let (mut line, mut set) = (Timeline::default(), BTreeSet::new());
            for (onset, fingerprint, comes) in steps {
                let key = key(onset, fingerprint);
                if comes {
                    line.insert(key);
                    set.insert(key);
                } else {
                    line.remove(key);
                    set.remove(&key);
                }
            }
            let of = |is_in: &dyn Fn(&AlertKey) -> bool| -> Vec<AlertKey> {
                set.iter().filter(|key| is_in(key)).copied().collect()
            };
            prop_assert_eq!(line.iter().copied().collect::<Vec<_>>(), of(&|_| true));
            let within: Vec<_> = line.within(from, upto).copied().collect();
            prop_assert_eq!(within, of(&|key| from <= key.onset && key.onset <= upto));
            let before = key(upto, 1);
            let earlier: Vec<_> = line.before(from, before).copied().collect();
            prop_assert_eq!(earlier, of(&|key| from <= key.onset && *key < before));
            prop_assert_eq!(Timeline::of(set.iter().rev().copied()).0, line.0);
        }
    }
}
