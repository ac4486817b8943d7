//! A timing wheel: who is due when the tick passes.
//!
//! Far-future updates in a differential collection are merged and scanned at
//! every seal, so expiry lives here, inside the operator that owns the state,
//! and becomes an update only when it is due.

use crate::model::Seconds;
use std::collections::BTreeMap;

/// Deadlines in slots of one second, which is the grain of event time.
#[derive(Debug, Default)]
pub struct Wheel<T> {
    slots: BTreeMap<Seconds, Vec<T>>,
    len: usize,
}

impl<T> Wheel<T> {
    /// An empty wheel.
    pub fn new() -> Self {
        Wheel { slots: BTreeMap::new(), len: 0 }
    }

    /// `item` is due at the first tick at or after `at`.
    pub fn schedule(&mut self, at: Seconds, item: T) {
        self.slots.entry(at).or_default().push(item);
        self.len += 1;
    }

    /// Takes the earliest slot that is due at `tick`, if one is.
    pub fn pop_due(&mut self, tick: Seconds) -> Option<Vec<T>> {
        let entry = self.slots.first_entry()?;
        if *entry.key() > tick {
            return None;
        }
        let items = entry.remove();
        self.len -= items.len();
        Some(items)
    }

    /// The next deadline.
    pub fn next_due(&self) -> Option<Seconds> {
        self.slots.first_key_value().map(|(at, _)| *at)
    }

    /// How many items wait.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_come_in_order_and_only_when_due() {
        let mut wheel = Wheel::new();
        wheel.schedule(20, 'b');
        wheel.schedule(10, 'a');
        wheel.schedule(20, 'c');
        assert_eq!(wheel.next_due(), Some(10));
        assert_eq!(wheel.pop_due(9), None);
        assert_eq!(wheel.pop_due(20), Some(vec!['a']));
        assert_eq!(wheel.pop_due(20), Some(vec!['b', 'c']));
        assert!(wheel.is_empty());
    }
}
