//! The journal alone, so that each mutant of it is built in seconds.

pub mod chance;
pub mod disk;
pub mod journal;
