//! Events of one fingerprint become alerts.
//!
//! ```text
//!  alert batches ──► key table ──► fold ──► alerts (collection)
//!  ticks ──────────► wheel ──┘       └────► exact counts (append-only, for emit)
//! ```
//!
//! What an alert is depends only on the *set* of a key's in-bound events, never
//! on their order of arrival ([`fold`]). A duplicate that changes nothing but
//! the count costs one hash probe and is not seen downstream.
//! This stage does not know topology, rules or incidents.

pub mod flap;
pub mod fold;
mod hot;
pub mod retention;
pub mod key;
pub mod table;
mod operator;

pub use key::SavedKey;
pub use operator::{Deduped, dedup};
