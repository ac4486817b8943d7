//! Floors: the same work by hand, on one thread, with nothing around it.
//!
//! They share no code with what they are compared to, so they are its oracles as well.

pub mod bytes;
pub mod decode;
pub mod dedup;
pub mod groups;
