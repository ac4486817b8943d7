//! How far a reception has come, and what of it a snapshot holds.

use super::super::decoders::InUse;
use super::super::reached::Reached;
use super::{Delivery, Reception};
use crate::canonical::{Origin, SavedIds};
use crate::telemetry::ingest::SourceBooks;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

impl Reception {
    pub(super) fn note(&self, origin: &Origin, delivery: &Delivery<'_>, lines: u64) {
        let (Some(partition), Some(offset)) = (&origin.partition, origin.offset) else { return };
        let mut all = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        let reached = all.entry(partition.clone()).or_default();
        match delivery.messages.last() {
            Some(last) => reached.offset = last.offset + 1,
            None => reached.take(offset, delivery.bytes, delivery.first_line, lines),
        }
    }

    /// How far each partition, such as a file, has been read.
    pub fn reached(&self) -> BTreeMap<SmolStr, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until nothing is being decoded and lets nothing be until the answer is dropped:
    /// everything that was decoded is in the queue then, and in the books.
    pub fn hold(&self) -> Held<'_> {
        Held { reception: self, decoders: self.decoders.all_in_use() }
    }

    /// Goes on after what was kept.
    pub fn restore(&self, saved: SavedSource) {
        self.next_request.store(saved.next_request, Ordering::Relaxed);
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = saved.reached;
        self.decoders.restore(saved.skews_ns, saved.ids);
        self.around.metrics.ingest.restore(&self.source.name, saved.books);
    }
}

/// A reception through which nothing comes.
pub struct Held<'a> {
    reception: &'a Reception,
    decoders: Vec<InUse<'a>>,
}

impl Held<'_> {
    /// What must be kept of the reception.
    pub fn save(&self) -> SavedSource {
        let Reception { source, decoders, next_request, around, .. } = self.reception;
        let skews = self.decoders.iter().map(|decoder| (decoder.number(), decoder.skew_ns()));
        SavedSource {
            name: source.name.clone(),
            books: around.metrics.ingest.of(&source.name),
            next_request: next_request.load(Ordering::Relaxed),
            skews_ns: skews.collect(),
            ids: decoders.saved_ids(),
            reached: self.reception.reached(),
        }
    }
}

/// A reception as a snapshot holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedSource {
    /// The source.
    pub name: SmolStr,
    books: SourceBooks,
    next_request: u64,
    /// How far the source's clock seemed off to each decoder, nanoseconds.
    skews_ns: Vec<(usize, i64)>,
    ids: Option<SavedIds>,
    reached: BTreeMap<SmolStr, Reached>,
}
