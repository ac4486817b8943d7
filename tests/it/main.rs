//! Integration tests: one binary, a module for each side of the system.

mod engine;
mod tidy;
