//! The work that the benches time, and its input.

pub mod lines;
pub mod ndjson;
pub mod graph;
pub mod alerts;
pub mod groups;
pub mod openloop;
pub mod scratch;
pub mod stream;
