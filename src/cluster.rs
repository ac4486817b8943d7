//! Several processes that compute as one.
//!
//! ```text
//!             epochs, in order: number, tick
//!  process 0 ─────────────────────────────────► every other process
//!     │  ▲         something waits; context; snapshots         │
//!     │  └─────────────────────────────────────────────────────┤
//!     ▼                                                        ▼
//!  own input ─► own journal ─► own workers ◄─ timely ─► own workers ◄─ own journal ◄─ own input
//!     │
//!     └► all answers ─► ledger ─► sinks, readers
//! ```
//!
//! Process 0 forms the epochs, and has each on disk before it tells the others of it. Each of
//! them then takes what waits with it into the epoch, has that on disk, and only then lets its
//! workers go past. So a frontier that has passed an epoch says that all of it is on disk
//! everywhere, and nothing else has to be agreed on before an answer leaves.
//!
//! Nobody goes on without the others: a process that hears nothing of another one ends, and
//! whoever supervises them starts all of them again. They go on after the newest snapshot that
//! all have; an epoch that process 0 has and another one has not was never answered, nor was
//! anybody told that his input is in it, so it is without input there.

mod agree;
mod connect;
mod error;
mod follow;
mod greeting;
mod lead;
mod link;
mod message;
mod shape;

pub use agree::{Seated, Table};
pub use connect::{EXIT_GONE, connect};
pub use error::ClusterError;
pub use follow::Follower;
pub use lead::Leader;
pub use message::{Agreed, State};
pub use shape::{Membership, Shape};

use std::sync::Arc;

/// What a process is among the others.
#[derive(Clone)]
pub enum Role {
    /// There are no others.
    Alone,
    /// Process 0: decides what the epochs are, and tells of incidents.
    Leader(Arc<Leader>),
    /// Any other.
    Follower(Arc<Follower>),
}

impl Role {
    /// Whether this process tells of incidents.
    pub fn tells(&self) -> bool {
        !matches!(self, Role::Follower(_))
    }

    /// The process's number when there are others.
    pub fn process(&self) -> Option<usize> {
        match self {
            Role::Alone => None,
            Role::Leader(_) => Some(0),
            Role::Follower(follower) => Some(follower.process()),
        }
    }
}
