//! Who decides when a worker goes on: nobody, unless a simulation does.

use std::any::Any;

/// Lets workers go on one after the other.
///
/// A worker that is paced never parks: it takes what waits and steps once in each turn.
pub trait Pace: Send + Sync {
    /// Waits until it is the turn of this worker.
    fn turn(&self, worker: usize) -> Turn;
}

/// The turn of a worker, which ends when it is dropped.
pub type Turn = Box<dyn Any>;
