//! Integration tests: one binary, a module for each side of the system.
// A helper that unwraps fails its test, which is what a test is for.
#![allow(clippy::unwrap_used)]

mod canonical;
mod certificates;
mod committed;
mod config;
mod detect;
mod dlq;
mod emit;
mod engine;
mod http;
#[cfg(feature = "kafka")]
mod kafka;
mod live;
// What the bench computes with has tests of its own, which a bench never runs.
#[allow(dead_code)]
#[path = "../../benches/quality/main.rs"]
mod quality;
mod templates;
mod tidy;
#[path = "../torture/torture.rs"]
mod torture;
