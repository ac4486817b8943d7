//! Order and time of live input: what waits becomes an epoch, and waits for the engine on disk.
//!
//! ```text
//!  sources ─► Queue ─► keep (journal, then senders are told) ─► feed ─► workers
//!                        recover (the journal, read again) ──────┘
//! ```
//!
//! Adaptive batching: at low load an epoch holds one submission, under pressure
//! thousands, and one sync of the disk covers them all. The tick is the wall clock,
//! never going back (SEMANTICS rule 6). Everything is bounded: what does not fit is
//! refused before it is decoded, and the sender is told to come again.

mod ahead;
mod entry;
mod order;
mod cut;
mod forget;
mod keep;
mod queue;
mod recover;

pub use ahead::{Ahead, AheadLimits, Behind, ahead};
pub use cut::Cuts;
pub use entry::{EntryError, Run};
pub use keep::{Continued, Keeping, Leading, fill};
pub use order::{Order, Others, orders_from};
pub use queue::Queue;
pub use recover::{Listeners, RecoverError, Recovered, first_run, recover, recover_from};

use crate::ingest::{Reservation, Share};
use crate::runtime::{EpochInput, Feeder, RuntimeError};
use causeway_dataflows::ops::epochs::Tick;
use crossbeam_channel::Sender;

/// An epoch that is on disk, on its way to the engine.
#[derive(Debug)]
pub struct Formed {
    tick: Tick,
    input: EpochInput,
    /// Given back when the engine has the epoch.
    rooms: Vec<Reservation>,
    /// Whether a snapshot is to go on after it.
    save: bool,
}

/// What the emitting side hears of an epoch that the engine is handed.
#[derive(Debug)]
pub struct Fed {
    /// When it is.
    pub tick: Tick,
    /// Given back when everybody has been told what became of it.
    pub under_way: Vec<Share>,
}

impl From<Tick> for Fed {
    fn from(tick: Tick) -> Fed {
        Fed { tick, under_way: Vec::new() }
    }
}

/// Hands epochs to the engine in order until a draining one, or until nobody forms any more.
///
/// `notes` tells the emitting side the tick of every epoch, before the epoch is fed.
///
/// # Errors
/// When the engine stopped.
pub fn feed(
    queue: &Queue,
    formed: Behind,
    mut feeder: Feeder,
    notes: &Sender<Fed>,
) -> Result<(), RuntimeError> {
    for epoch in formed {
        if !feed_one(queue, epoch, &mut feeder, notes)? {
            break;
        }
    }
    Ok(())
}

/// Hands one epoch to the engine; false after the last.
///
/// # Errors
/// When the engine stopped.
pub fn feed_one(
    queue: &Queue,
    formed: Formed,
    feeder: &mut Feeder,
    notes: &Sender<Fed>,
) -> Result<bool, RuntimeError> {
    let Formed { tick, input, mut rooms, save } = formed;
    let under_way = rooms.iter_mut().filter_map(Reservation::until_told).collect();
    notes.send(Fed { tick, under_way }).map_err(|_| RuntimeError::Stopped)?;
    // Waits while two epochs are under way; what arrives meanwhile are the next ones.
    if save {
        feeder.submit_and_save(tick, input)?;
    } else {
        feeder.submit(tick, input)?;
    }
    drop(rooms);
    queue.taken();
    Ok(!tick.drain)
}
