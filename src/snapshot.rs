//! Snapshots: all that a live process remembers after an epoch, so that a start need not read
//! the journal from its beginning.
//!
//! ```text
//!  keep ── sources held for a moment: what they remember ──┐
//!  workers ─► emitter ── what the engine remembers, ───────┼─► writer ─► N.snapshot ─► the
//!                        what was told, what waits         │             (two are kept)  journal
//!  keys ─────── once all of the epoch were answered ───────┘                             forgets
//! ```
//!
//! The engine hands out what it remembers a slice at a time, while later epochs come; whoever else
//! is asked makes a copy, mostly of references, and goes on. What is written is written by a thread
//! of its own, which gives way to all others. A file has its name only when it is whole and on
//! disk. Two are kept, and the journal from the older one on: a damaged file costs time, and
//! nothing else.

mod beside;
mod error;
mod file;
mod folder;
mod read;
mod state;
pub mod writer;
#[cfg(test)]
mod tests;

pub use error::SnapshotError;
pub use file::VERSION;
pub use folder::{DIRECTORY, Folder};
pub use state::{Emission, Head, Snapshot, Sources};
pub use writer::Writer;
