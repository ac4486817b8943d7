//! Numbers that nobody can guess, for what must not be foreseen and decides nothing.

use std::hash::{BuildHasher, RandomState};

/// A number that nobody outside of the process can guess, another at each call.
pub(crate) fn unguessable() -> u64 {
    RandomState::new().hash_one(0_u64)
}
