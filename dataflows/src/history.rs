//! How rare an alert is, from history alone.
//!
//! A key is (entity, name). Time is cut into buckets; what counts is in which
//! buckets a key began an alert. An alert reads only buckets that ended, plus
//! the lateness, before its onset: nothing that arrives later can change what
//! it read, so history never makes an old incident dirty (SEMANTICS rule 19).
//! Suppressed alerts count too: a silence does not make an alert rarer.

pub mod rate;
mod operator;

pub use operator::{SavedHistory, history};
