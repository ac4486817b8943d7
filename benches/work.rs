//! The work that the benches time, and its input.

pub mod lines;
pub mod ndjson;
pub mod graph;
pub mod alerts;
pub mod groups;
pub mod live;
pub mod openloop;
pub mod process;
pub mod requests;
pub mod firing;
pub mod scratch;
pub mod stream;
