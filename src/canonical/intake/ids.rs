//! Ids: derived where a source gives none, remembered where a source repeats itself.

use crate::canonical::decoded::Kind;
use causeway_dataflows::model::{Fingerprint, Seconds, push_part};
use hashbrown::{HashMap, HashTable};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::hash::{BuildHasherDefault, Hasher};
use xxhash_rust::xxh3::xxh3_128;

/// How often each line without an id came up in the current batch.
///
/// The batch is the call for pushed input and the tick for replayed input, so
/// that a replay derives the same ids wherever its chunks are cut.
pub(super) struct Ordinals {
    seen: HashTable<(u64, u32)>,
    distinct_max: usize,
}

impl Ordinals {
    pub(super) fn new(distinct_max: usize) -> Self {
        Ordinals { seen: HashTable::new(), distinct_max }
    }

    pub(super) fn begin_batch(&mut self) {
        self.seen.clear();
    }

    /// How many lines are told apart.
    pub(super) fn len(&self) -> usize {
        self.seen.len()
    }

    /// How many lines like this came before; 0 for all once too many differ.
    fn next(&mut self, payload: u128) -> u32 {
        let low = payload as u64;
        if let Some((_, count)) = self.seen.find_mut(low, |(hash, _)| *hash == low) {
            *count += 1;
            return *count;
        }
        if self.seen.len() < self.distinct_max {
            self.seen.insert_unique(low, (low, 0), |(hash, _)| *hash);
        }
        0
    }

    /// The id of an event without one (SEMANTICS rule 3), as 22 hexadecimal digits.
    pub(super) fn derive<'b>(
        &mut self,
        scratch: &mut Vec<u8>,
        digits: &'b mut [u8; 22],
        source: &str,
        kind: Kind,
        fingerprint: Fingerprint,
        time_ns: i64,
        payload: u128,
    ) -> &'b str {
        let ordinal = self.next(payload);
        scratch.clear();
        for part in [source, kind.word()] {
            push_part(scratch, part.as_bytes());
        }
        scratch.extend_from_slice(&fingerprint.0.to_le_bytes());
        scratch.extend_from_slice(&time_ns.to_le_bytes());
        scratch.extend_from_slice(&payload.to_le_bytes());
        scratch.extend_from_slice(&ordinal.to_le_bytes());
        hex22(xxh3_128(scratch), digits)
    }
}

/// The upper 88 bits, as [`causeway_dataflows::model::EventId::derived`] writes them.
fn hex22(hash: u128, digits: &mut [u8; 22]) -> &str {
    let mut bits = hash >> 40;
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(bits & 15) as usize];
        bits >>= 4;
    }
    std::str::from_utf8(digits).unwrap_or_default()
}

/// The ids of a window as a snapshot holds them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SavedIds {
    seen: Vec<(Seconds, u128)>,
    latest: Seconds,
}

/// Remembers event ids for as long as a repeat may come, exactly.
///
/// Shared by all decoders of one source. An id is a repeat when it was first
/// seen no longer ago than the window. When more than `ids_max` would have to
/// be remembered the oldest are forgotten, and counted.
pub struct IdWindow {
    first_seen: HashMap<u128, Seconds, BuildHasherDefault<LowBits>>,
    /// In order of arrival; seconds need not ascend, an entry goes when it is first in line.
    queue: VecDeque<(Seconds, u128)>,
    window_seconds: i64,
    ids_max: usize,
    latest: Seconds,
}

impl IdWindow {
    /// A window of `window_seconds` of receipt time and at most `ids_max` ids.
    pub fn new(window_seconds: i64, ids_max: usize) -> Self {
        IdWindow {
            first_seen: HashMap::default(),
            queue: VecDeque::new(),
            window_seconds,
            ids_max: ids_max.max(1),
            latest: Seconds::MIN,
        }
    }

    /// What must be kept of it.
    pub fn save(&self) -> SavedIds {
        SavedIds { seen: self.queue.iter().copied().collect(), latest: self.latest }
    }

    /// Remembers what was kept, instead of what is there.
    pub fn restore(&mut self, saved: SavedIds) {
        // Of two sights of an id the later one counts, and it comes later.
        self.first_seen = saved.seen.iter().map(|(second, key)| (*key, *second)).collect();
        self.queue = saved.seen.into();
        self.latest = saved.latest;
    }

    /// Whether the id was seen within the window; if not it is remembered, and
    /// the second number says how many had to be forgotten too early for it.
    pub fn is_repeat(&mut self, key: u128, observed: Seconds) -> (bool, u64) {
        self.latest = self.latest.max(observed);
        self.expire();
        if let Some(first) = self.first_seen.get_mut(&key) {
            if observed.saturating_sub(*first).saturating_abs() <= self.window_seconds {
                return (true, 0);
            }
            *first = observed;
        } else {
            self.first_seen.insert(key, observed);
        }
        self.queue.push_back((observed, key));
        let mut forgotten = 0;
        // An id whose receipts lie far apart and out of order has several entries in
        // the queue, so the queue has a bound of its own.
        while self.first_seen.len() > self.ids_max || self.queue.len() > 2 * self.ids_max {
            forgotten += u64::from(self.forget_oldest());
        }
        (false, forgotten)
    }

    /// How many ids are remembered.
    pub fn len(&self) -> usize {
        self.first_seen.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.first_seen.is_empty()
    }

    fn expire(&mut self) {
        let horizon = self.latest.saturating_sub(self.window_seconds);
        while self.queue.front().is_some_and(|(second, _)| *second < horizon) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) -> bool {
        let Some((second, key)) = self.queue.pop_front() else { return false };
        // An id that came again after its window has a later entry of its own.
        let current = self.first_seen.get(&key) == Some(&second);
        if current {
            self.first_seen.remove(&key);
        }
        current
    }
}

/// The key of an id: whose, from whom, which.
pub(super) fn id_key(scratch: &mut Vec<u8>, tenant: &str, source: &str, id: &str) -> u128 {
    scratch.clear();
    for part in [tenant, source, id] {
        push_part(scratch, part.as_bytes());
    }
    xxh3_128(scratch)
}

/// Takes the low bits of keys that are hashes already.
#[derive(Default)]
pub struct LowBits(u64);

impl Hasher for LowBits {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 << 8) | u64::from(*byte);
        }
    }

    fn write_u128(&mut self, number: u128) {
        self.0 = number as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_dataflows::model::EventId;

    #[test]
    fn digits_are_those_of_the_model() {
        for hash in [0u128, u128::MAX, 0x0123_4567_89ab_cdef_0011_2233_4455_6677] {
            assert_eq!(hex22(hash, &mut [0; 22]), EventId::derived(hash).0.as_str());
        }
    }

    #[test]
    fn equal_lines_differ_and_cuts_do_not_matter() {
        let mut derive = {
            let mut ordinals = Ordinals::new(8);
            move |payload| {
                let mut digits = [0; 22];
                let fp = Fingerprint(1);
                let scratch = &mut Vec::new();
                ordinals.derive(scratch, &mut digits, "s", Kind::Alert, fp, 5, payload).to_owned()
            }
        };
        let (first, second, other) = (derive(1), derive(1), derive(2));
        assert!(first != second && second != other && first != other);
    }

    #[test]
    fn a_repeat_is_one_within_the_window_exactly() {
        let mut ids = IdWindow::new(10, 100);
        assert_eq!(ids.is_repeat(1, 100), (false, 0));
        assert_eq!(ids.is_repeat(1, 110), (true, 0));
        assert_eq!(ids.is_repeat(1, 111), (false, 0));
        assert_eq!(ids.is_repeat(1, 121), (true, 0));
        assert_eq!(ids.is_repeat(2, 500), (false, 0));
        assert_eq!(ids.len(), 1);
    }

    #[test]
    fn beyond_the_bound_the_oldest_is_forgotten_and_counted() {
        let mut ids = IdWindow::new(1_000, 3);
        let forgotten: u64 = (0..10).map(|key| ids.is_repeat(key, 5).1).sum();
        assert_eq!((forgotten, ids.len()), (7, 3));
        assert_eq!(ids.is_repeat(9, 5), (true, 0));
        assert_eq!(ids.is_repeat(0, 5), (false, 1));
    }
}
