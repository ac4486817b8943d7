//! Room for input, from before it is decoded until nothing of it is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that count until this is dropped.
#[derive(Debug)]
pub struct Share {
    of: Arc<AtomicUsize>,
    bytes: usize,
}

impl Share {
    /// So much of what `of` counts, and how much that was before.
    pub fn take(of: &Arc<AtomicUsize>, bytes: usize) -> (Share, usize) {
        let before = of.fetch_add(bytes, Ordering::AcqRel);
        (Share { of: Arc::clone(of), bytes }, before)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// Room in a queue, given back when dropped.
#[derive(Debug, Default)]
pub struct Reservation {
    /// Until the engine has it.
    _waiting: Option<Share>,
    /// Until the engine has answered and everybody has been told.
    under_way: Option<Share>,
}

impl Reservation {
    /// No room, none needed.
    pub fn none() -> Self {
        Reservation::default()
    }

    /// Room that `waiting` gives back when the engine has the input, and `under_way` when
    /// everybody has been told what became of it.
    pub fn held(waiting: Share, under_way: Share) -> Self {
        Reservation { _waiting: Some(waiting), under_way: Some(under_way) }
    }

    /// What is given back when everybody has been told, to the one who knows when.
    pub fn until_told(&mut self) -> Option<Share> {
        self.under_way.take()
    }
}
