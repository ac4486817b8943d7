//! Idempotency-Keys: the same request sent again gets the same answer and has no effect.
//!
//! Kept in memory for a day (SEMANTICS rule 27), bounded by number and by the
//! bytes of the answers; beyond a bound the oldest is forgotten and counted. A
//! key stands for (tenant, source, path, key). The same key with another body
//! is a mistake of the sender, 422. A request that was turned away leaves no
//! trace, so that it can be sent again.

use crate::clock::NANOS;
use crate::telemetry::http::HttpBooks;
use axum::body::Bytes;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of all remembered answers.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Bytes that an entry takes besides its key and its answer.
const ENTRY_BYTES: usize = 256;

/// What a key stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Whose key.
    pub tenant: SmolStr,
    /// At which source.
    pub source: SmolStr,
    /// For which operation.
    pub operation: &'static str,
    /// The key itself.
    pub text: SmolStr,
}

/// An answer that can be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// Its status.
    pub status: StatusCode,
    /// Its body, JSON.
    pub body: Bytes,
}

/// What is known of a key.
pub enum Begin {
    /// Nothing: serve the request, then say how with the guard.
    Fresh(Guard),
    /// It was answered.
    Again(Remembered),
    /// It was used for another body.
    OtherBody,
    /// A request with it is being served.
    UnderWay,
}

/// The keys of the last day.
#[derive(Clone)]
pub struct Keys(Arc<Mutex<Inner>>);

struct Inner {
    keys_max: usize,
    window_ns: i64,
    books: HttpBooks,
    entries: BTreeMap<Key, Entry>,
    /// In order of time; an entry that was given up leaves its place behind until it is met.
    order: VecDeque<(i64, Key)>,
    bytes: usize,
}

struct Entry {
    body_hash: u128,
    since_ns: i64,
    answer: Option<Remembered>,
}

/// A key with its answer as a snapshot holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedKey {
    tenant: SmolStr,
    source: SmolStr,
    operation: SmolStr,
    text: SmolStr,
    body_hash: u128,
    since_ns: i64,
    status: u16,
    body: Vec<u8>,
}

impl SavedKey {
    fn of(key: &Key, entry: &Entry, answer: &Remembered) -> SavedKey {
        SavedKey {
            tenant: key.tenant.clone(),
            source: key.source.clone(),
            operation: SmolStr::new_static(key.operation),
            text: key.text.clone(),
            body_hash: entry.body_hash,
            since_ns: entry.since_ns,
            status: answer.status.as_u16(),
            body: answer.body.to_vec(),
        }
    }
}

impl Keys {
    /// No keys yet; at most `keys_max` for `window`.
    pub fn new(keys_max: usize, window: Duration, books: HttpBooks) -> Self {
        Keys(Arc::new(Mutex::new(Inner {
            keys_max: keys_max.max(1),
            window_ns: i64::try_from(window.as_nanos()).unwrap_or(i64::MAX),
            books,
            entries: BTreeMap::new(),
            order: VecDeque::new(),
            bytes: 0,
        })))
    }

    /// At most `keys_max` for `window` from now on; what is too much goes with the next key.
    pub(super) fn resize(&self, keys_max: usize, window: Duration) {
        let mut inner = self.lock();
        inner.keys_max = keys_max.max(1);
        inner.window_ns = i64::try_from(window.as_nanos()).unwrap_or(i64::MAX);
    }

    /// Looks a key up and, if it is new, takes it.
    pub fn begin(&self, key: Key, body_hash: u128, now_ns: i64) -> Begin {
        let mut inner = self.lock();
        inner.expire(now_ns);
        if let Some(entry) = inner.entries.get(&key) {
            return match &entry.answer {
                _ if entry.body_hash != body_hash => Begin::OtherBody,
                Some(answer) => Begin::Again(answer.clone()),
                None => Begin::UnderWay,
            };
        }
        inner.bytes += ENTRY_BYTES + key.text.len();
        inner.order.push_back((now_ns, key.clone()));
        inner.entries.insert(key.clone(), Entry { body_hash, since_ns: now_ns, answer: None });
        inner.trim();
        Begin::Fresh(Guard { keys: self.clone(), key: Some(key), since_ns: now_ns })
    }

    /// What must be kept of the keys that have an answer, the oldest first; `None` while one
    /// that was taken at `upto_ns` or before has none yet.
    pub fn save(&self, upto_ns: i64) -> Option<Vec<SavedKey>> {
        let inner = self.lock();
        let mut saved = Vec::with_capacity(inner.entries.len());
        for (since_ns, key) in &inner.order {
            let Some(entry) = inner.entries.get(key).filter(|e| e.since_ns == *since_ns) else {
                continue;
            };
            match &entry.answer {
                Some(answer) => saved.push(SavedKey::of(key, entry, answer)),
                None if *since_ns <= upto_ns => return None,
                None => {}
            }
        }
        Some(saved)
    }

    /// Remembers keys that were kept; one for an operation that is no more is of no use.
    pub fn restore(&self, saved: Vec<SavedKey>, operations: &[&'static str]) {
        for saved in saved {
            let operation = operations.iter().find(|operation| **operation == saved.operation);
            let (Some(operation), Ok(status)) = (operation, StatusCode::from_u16(saved.status))
            else {
                continue;
            };
            let SavedKey { tenant, source, text, body_hash, since_ns, body, .. } = saved;
            let key = Key { tenant, source, operation, text };
            if let Begin::Fresh(guard) = self.begin(key, body_hash, since_ns) {
                guard.finish(&Remembered { status, body: body.into() });
            }
        }
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.lock().entries.len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn expire(&mut self, now_ns: i64) {
        while let Some((since, _)) = self.order.front()
            && now_ns.saturating_sub(*since) >= self.window_ns
        {
            self.forget_front();
        }
    }

    fn trim(&mut self) {
        while self.entries.len() > self.keys_max || self.bytes > ANSWER_BYTES_MAX {
            if !self.forget_front() {
                return;
            }
            self.books.key_forgotten();
        }
    }

    /// Forgets the oldest key; `false` when there is none.
    fn forget_front(&mut self) -> bool {
        let Some((since, key)) = self.order.pop_front() else { return false };
        // The place may be that of an earlier use of the key, which was given up.
        if self.entries.get(&key).is_some_and(|entry| entry.since_ns == since) {
            self.remove(&key);
        }
        true
    }

    fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.entries.remove(key) {
            let answer = entry.answer.map_or(0, |answer| answer.body.len());
            self.bytes -= ENTRY_BYTES + key.text.len() + answer;
        }
    }
}

/// Held while a request with a new key is served; dropped without an answer, the key is free.
pub struct Guard {
    keys: Keys,
    key: Option<Key>,
    since_ns: i64,
}

impl Guard {
    /// Remembers the answer.
    pub fn finish(mut self, answer: &Remembered) {
        let Some(key) = self.key.take() else { return };
        let mut inner = self.keys.lock();
        let Some(entry) = inner.entries.get_mut(&key) else { return };
        if entry.since_ns == self.since_ns && entry.answer.is_none() {
            entry.answer = Some(answer.clone());
            inner.bytes += answer.body.len();
            inner.trim();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(key) = self.key.take() else { return };
        let mut inner = self.keys.lock();
        if inner.entries.get(&key).is_some_and(|entry| entry.since_ns == self.since_ns) {
            inner.remove(&key);
        }
    }
}

/// The key of a request, if its header is one.
///
/// # Errors
/// What is wrong with the header.
pub fn key_text(header: Option<&axum::http::HeaderValue>) -> Result<Option<SmolStr>, &'static str> {
    let Some(value) = header else { return Ok(None) };
    match value.to_str() {
        Ok(text) if !text.is_empty() && text.len() <= 255 => Ok(Some(SmolStr::new(text))),
        _ => Err("the idempotency-key must be 1 to 255 characters of ASCII"),
    }
}

/// How long the window is when nothing is configured, nanoseconds.
pub const DAY_NS: i64 = 24 * 3600 * NANOS;

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        Key {
            tenant: "default".into(),
            source: "http".into(),
            operation: "events",
            text: text.into(),
        }
    }

    fn answer(text: &'static str) -> Remembered {
        Remembered { status: StatusCode::OK, body: Bytes::from_static(text.as_bytes()) }
    }

    fn keys(keys_max: usize) -> Keys {
        Keys::new(keys_max, Duration::from_nanos(DAY_NS as u64), HttpBooks::default())
    }

    fn begin(keys: &Keys, text: &str, hash: u128, now_ns: i64) -> &'static str {
        match keys.begin(key(text), hash, now_ns) {
            Begin::Fresh(guard) => {
                guard.finish(&answer("ok"));
                "fresh"
            }
            Begin::Again(held) if held == answer("ok") => "again",
            Begin::Again(_) => "another answer",
            Begin::OtherBody => "other body",
            Begin::UnderWay => "under way",
        }
    }

    #[test]
    fn the_same_request_gets_the_same_answer_for_a_day() {
        let keys = keys(10);
        assert_eq!(begin(&keys, "a", 1, 0), "fresh");
        assert_eq!(begin(&keys, "a", 1, 5), "again");
        assert_eq!(begin(&keys, "a", 2, 5), "other body");
        assert_eq!(begin(&keys, "a", 1, DAY_NS - 1), "again");
        assert_eq!(begin(&keys, "a", 2, DAY_NS), "fresh");
    }

    #[test]
    fn a_request_under_way_is_not_served_twice_and_one_given_up_leaves_no_trace() {
        let keys = keys(10);
        let Begin::Fresh(guard) = keys.begin(key("a"), 1, 0) else { panic!("not fresh") };
        assert_eq!(begin(&keys, "a", 1, 1), "under way");
        drop(guard);
        assert!(keys.is_empty());
        assert_eq!(begin(&keys, "a", 2, 2), "fresh");
        // The place that the first use left behind does not take the second with it.
        assert_eq!(begin(&keys, "b", 1, DAY_NS + 1), "fresh");
        assert_eq!(begin(&keys, "a", 2, DAY_NS + 1), "again");
    }

    #[test]
    fn beyond_the_bound_the_oldest_goes() {
        let keys = keys(2);
        for text in ["a", "b", "c"] {
            assert_eq!(begin(&keys, text, 1, 0), "fresh");
        }
        assert_eq!(keys.len(), 2);
        assert_eq!(begin(&keys, "c", 1, 1), "again");
        assert_eq!(begin(&keys, "a", 1, 1), "fresh");
        let bytes = keys.lock().bytes;
        assert_eq!(bytes, 2 * (ENTRY_BYTES + 1 + 2));
    }

    #[test]
    fn answers_are_bounded_in_bytes() {
        let keys = keys(1000);
        let large = Remembered { status: StatusCode::OK, body: Bytes::from(vec![0; 20 << 20]) };
        for text in ["a", "b", "c", "d"] {
            let Begin::Fresh(guard) = keys.begin(key(text), 1, 0) else { panic!("not fresh") };
            guard.finish(&large);
        }
        assert_eq!(keys.len(), 3);
    }
}
