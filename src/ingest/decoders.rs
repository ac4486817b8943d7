//! The decoders of one source, as many as can be busy at a time.

use super::reception::Delivery;
use crate::canonical::{Decoded, Decoder, IdWindow, Input, Mode, Origin, SavedIds, Source};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};

/// Decoders that a journal may name: more than any machine has cores that it was written on.
const DECODERS_MAX: usize = 1024;

/// Decoders, made when they are first used; they share the ids they have seen.
pub(super) struct Decoders {
    source: Arc<Source>,
    workers: usize,
    ids: Option<Arc<Mutex<IdWindow>>>,
    all: Box<[OnceLock<Box<Mutex<Decoder>>>]>,
    parallel: usize,
    next: AtomicUsize,
}

/// A decoder in use.
pub(super) struct InUse<'a> {
    number: usize,
    decoder: MutexGuard<'a, Decoder>,
}

impl Decoders {
    pub(super) fn new(source: &Arc<Source>, workers: usize) -> Decoders {
        // One alone when ids are told apart, else which of two came first would be decided
        // here and not by the order of the journal.
        let parallel = match source.dedupe_ids {
            true => 1,
            false => std::thread::available_parallelism().map_or(1, NonZero::get),
        };
        Decoders {
            source: Arc::clone(source),
            workers,
            ids: source.dedupe_ids.then(|| Decoder::shared_ids(source)),
            all: (0..DECODERS_MAX).map(|_| OnceLock::new()).collect(),
            parallel: parallel.min(DECODERS_MAX),
            next: AtomicUsize::new(0),
        }
    }

    /// A decoder that nobody uses, else the next in turn once it is free.
    pub(super) fn free(&self) -> InUse<'_> {
        let start = self.next.fetch_add(1, Ordering::Relaxed) % self.parallel;
        for number in (start..self.parallel).chain(0..start) {
            match self.at(number).try_lock() {
                Ok(decoder) => return InUse { number, decoder },
                Err(TryLockError::Poisoned(poisoned)) => {
                    return InUse { number, decoder: poisoned.into_inner() };
                }
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.numbered(start)
    }

    /// A certain decoder, once it is free.
    pub(super) fn numbered(&self, number: usize) -> InUse<'_> {
        let number = number % DECODERS_MAX;
        let decoder = self.at(number).lock().unwrap_or_else(PoisonError::into_inner);
        InUse { number, decoder }
    }

    /// Every decoder that was ever used, each once it is free.
    pub(super) fn all_in_use(&self) -> Vec<InUse<'_>> {
        // In order of their numbers, and nobody else holds one while he waits for another. One
        // that is made meanwhile must be met too, so those that may be made are made now.
        let busy = (0..self.all.len())
            .filter(|number| *number < self.parallel || self.all[*number].get().is_some());
        busy.map(|number| self.numbered(number)).collect()
    }

    /// The ids that are told apart.
    pub(super) fn saved_ids(&self) -> Option<SavedIds> {
        let ids = self.ids.as_ref()?;
        Some(ids.lock().unwrap_or_else(PoisonError::into_inner).save())
    }

    /// Goes on after what was kept.
    pub(super) fn restore(&self, skews_ns: Vec<(usize, i64)>, ids: Option<SavedIds>) {
        for (number, skew_ns) in skews_ns {
            self.numbered(number).decoder.restore_skew(skew_ns);
        }
        if let (Some(own), Some(ids)) = (&self.ids, ids) {
            own.lock().unwrap_or_else(PoisonError::into_inner).restore(ids);
        }
    }

    fn at(&self, number: usize) -> &Mutex<Decoder> {
        let source = || Arc::clone(&self.source);
        self.all[number].get_or_init(|| {
            Box::new(Mutex::new(Decoder::new(source(), self.workers, self.ids.clone())))
        })
    }
}

impl InUse<'_> {
    /// Which it is.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// How far the source's clock seems off to it, nanoseconds.
    pub(super) fn skew_ns(&self) -> i64 {
        self.decoder.skew_ns()
    }

    /// What a delivery holds, and how far the source's clock is off, nanoseconds.
    pub(super) fn decode(
        &mut self,
        delivery: &Delivery<'_>,
        mode: Mode,
        origin: &Origin,
    ) -> (Decoded, i64) {
        let input = Input {
            format: delivery.format,
            framing: delivery.framing,
            tenant: delivery.tenant,
            mode,
            origin,
            first_line: delivery.first_line,
        };
        let decoder = &mut self.decoder;
        // What is no topology in it is counted, and nothing else.
        decoder.expect(if delivery.format.is_mixed() { &[] } else { delivery.kinds });
        let (bytes, messages) = (delivery.bytes, delivery.messages);
        let mut decoded = match delivery.headers {
            Some(headers) => decoder.decode_binary(headers, bytes, &input),
            None if messages.is_empty() => decoder.decode(bytes, &input),
            None => decoder.decode_messages(bytes, messages, &input),
        };
        for reject in &mut decoded.rejects {
            if let Some(cut) = delivery.cut.iter().find(|cut| cut.line == reject.line) {
                reject.payload_bytes = cut.bytes;
            }
        }
        (decoded, decoder.skew_ns())
    }
}
