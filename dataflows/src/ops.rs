//! Generic operators that stages are made of.

pub mod wheel;
pub mod epochs;
pub mod shelf;
pub mod saving;
pub mod turn;
pub mod join;
pub mod matcher;
pub mod window;
pub mod tap;
