//! Signals become findings: alerts that Causeway raises itself.
//!
//! One operator keeps the state of every series, writer, operation and beating entity. Only what
//! is out of the ordinary leaves it, as firing events that dedup folds like those of others; what
//! a late signal changes is taken back and said anew, so arrival order inside the lateness bound
//! never matters.

pub mod metric;
pub mod log;
pub mod beat;
pub mod samples;
pub mod histogram;
pub mod lines;
pub mod calls;
pub mod budget;
pub mod expected;
pub mod source;
mod deal;
mod asked;
mod keeper;
mod operator;
mod raise;
mod watch;
#[cfg(test)]
pub(crate) mod tests;

pub use deal::deal;
pub use keeper::SavedWatch;
pub use operator::{Detected, detect};
