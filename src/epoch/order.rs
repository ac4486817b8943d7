//! Which epochs there are, as one process tells others that compute the same.

use super::entry::DRAIN;
use crate::journal::{JournalError, Reader};
use causeway_dataflows::model::Seconds;
use causeway_dataflows::ops::epochs::Tick;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// An epoch that is to be formed of whatever waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its number.
    pub epoch: u64,
    /// Its tick.
    pub now: Seconds,
    /// Whether it is the last.
    pub drain: bool,
    /// Whether a snapshot is to go on after it.
    pub save: bool,
    /// Whether nothing may come after it but the last.
    pub close: bool,
}

impl Order {
    pub(super) fn tick(&self) -> Tick {
        Tick { now: self.now, drain: self.drain }
    }
}

/// Other processes that go by the epochs of this one.
pub trait Others: Send + Sync {
    /// An epoch is on disk here: the others are to form it.
    fn announce(&self, order: &Order);

    /// Whether all are done with the last snapshot, so that another may begin. `kept` are those of
    /// this process: what all have besides two is let go.
    fn may_save(&self, kept: &[u64]) -> bool;
}

/// The epochs from a number on that a journal holds, as they were ordered.
///
/// # Errors
/// When the journal cannot be read.
pub fn orders_from(journal: &Path, from: u64) -> Result<Vec<Order>, JournalError> {
    let mut reader = Reader::open(journal, from)?;
    let mut orders = Vec::new();
    while let Some(frame) = reader.next_frame()? {
        let (epoch, now, drain) = (frame.epoch, frame.now, frame.flags & DRAIN != 0);
        orders.push(Order { epoch, now, drain, save: false, close: false });
    }
    Ok(orders)
}
