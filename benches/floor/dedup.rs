//! The floor of W1: a hash table from fingerprint to runs.
//!
//! Exact with late events: a firing event joins every run that it lies within `quiet`
//! of, before or after, and joins them with one another. That is all there is to the fold
//! as long as nothing resolves and no event names its own end, as in the normal event.

use super::decode::Event;
use hashbrown::HashTable;

/// A maximal stretch of firing events with gaps of at most `quiet`.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// The first event, seconds.
    pub first: i64,
    /// The last event, seconds.
    pub last: i64,
    /// How many.
    pub count: u64,
    /// Severity of the last.
    pub severity: u8,
}

struct Key {
    fingerprint: u128,
    run: Run,
    /// Earlier runs; nearly no key has any, so a pointer must do.
    #[allow(clippy::box_collection)]
    others: Option<Box<Vec<Run>>>,
}

/// All keys.
pub struct Table {
    keys: HashTable<Key>,
    quiet: i64,
}

impl Table {
    /// An empty table for `keys` keys.
    pub fn new(keys: usize, quiet: i64) -> Table {
        Table { keys: HashTable::with_capacity(keys), quiet }
    }

    /// Takes in one firing event; says whether its key is new.
    #[inline]
    pub fn insert(&mut self, event: Event) -> bool {
        let Event { fingerprint, time, severity } = event;
        let hash = fingerprint as u64;
        let Some(key) = self.keys.find_mut(hash, |key| key.fingerprint == fingerprint) else {
            let run = Run { first: time, last: time, count: 1, severity };
            let key = Key { fingerprint, run, others: None };
            self.keys.insert_unique(hash, key, |key| key.fingerprint as u64);
            return true;
        };
        let run = &mut key.run;
        let near = run.first - self.quiet <= time && time <= run.last + self.quiet;
        if near && key.others.is_none() {
            if time >= run.last {
                (run.last, run.severity) = (time, severity);
            }
            run.first = run.first.min(time);
            run.count += 1;
            return false;
        }
        key.insert_slow(Run { first: time, last: time, count: 1, severity }, self.quiet);
        false
    }

    /// Every run with its fingerprint.
    pub fn runs(&self) -> impl Iterator<Item = (u128, Run)> {
        self.keys.iter().flat_map(|key| {
            let others = key.others.iter().flat_map(|others| others.iter().copied());
            others.chain([key.run]).map(|run| (key.fingerprint, run))
        })
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }
}

impl Key {
    fn insert_slow(&mut self, mut new: Run, quiet: i64) {
        let mut runs = self.others.take().map_or_else(Vec::new, |others| *others);
        runs.push(self.run);
        runs.retain(|run| {
            let near = run.first - quiet <= new.last && new.first <= run.last + quiet;
            if near {
                if run.last > new.last {
                    new.severity = run.severity;
                }
                new.first = new.first.min(run.first);
                new.last = new.last.max(run.last);
                new.count += run.count;
            }
            !near
        });
        let at = runs.partition_point(|run| run.first < new.first);
        runs.insert(at, new);
        if let Some(last) = runs.pop() {
            self.run = last;
        }
        self.others = (!runs.is_empty()).then(|| Box::new(runs));
    }
}
