//! Alerts become groups, each with one place it may have come from.
//!
//! ```text
//!  rated alerts ─► timelines by entity ─┐
//!  edges ────────► adjacency ───────────┼─► what changed? ─► flood ─► slices ─► split ─► groups
//!  changes, profiles, models ───────────┘     (region)     (rule 15)  (cones)
//! ```
//!
//! Groups are decided in slices of onset, each a function of alerts before its
//! end plus `lag_max` and of what earlier slices decided. So a change at one
//! instant can only touch the slices from `lag_max` before it, and only alerts
//! that are linked to it: that region is decided again, the rest stays. The
//! same code decides a region of one alert and the whole history, which is what
//! the oracle checks. Alerts that a rule groups are grouped beside this
//! (`pinned`). Who did it is not asked here.

pub mod world;
pub mod timeline;
pub mod unit;
pub mod links;
pub mod cone;
pub mod split;
pub mod pinned;
pub mod region;
pub mod assemble;
mod dirt;
pub mod tenant;
mod saved;
mod tenants;
mod operator;
#[cfg(test)]
mod tests;

pub use operator::{Correlated, Fact, Outcome, correlate};
pub use saved::SavedTenant;
