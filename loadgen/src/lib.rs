//! Seeded storms with ground truth.
//!
//! A black box: nothing here knows the engine, it only speaks its wire
//! formats, so that a decoding bug cannot cancel itself out. One seed gives one
//! storm, to the byte, in every process.
//!
//! ```text
//! seed -> world -> faults -> storm + truth -> bytes -> file, memory, HTTP
//! ```
//!
//! ```
//! use causeway_loadgen::{Profile, Scenario};
//!
//! let scenario = Scenario::build(Profile::Stress, 7, Some(50_000));
//! let mut events = Vec::new();
//! scenario.events_ndjson(&mut events)?;
//! let truth = scenario.truth();
//! assert_eq!(truth.profile, "stress");
//! assert_eq!(scenario.labels().count() as u32, scenario.storm.distinct);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! - [`Scenario`] builds a storm and writes it: [`Scenario::write_dir`] gives
//!   `events.ndjson`, `topology.ndjson`, `truth.json` and `labels.ndjson`.
//! - [`Scenario::twin`] takes one piece of evidence away.
//! - [`wire`] has the other formats, [`send`](mod@send) the open-loop sender.
//! - [`normal`] makes the event that throughput is measured in.
//! - [`pin`] says how hard a storm is, by what two trivial methods make of it.

pub mod rng;
pub mod instant;
pub mod profile;
pub mod world;
pub mod faults;
pub mod vocabulary;
pub mod storm;
pub mod truth;
pub mod scenario;
pub mod retime;
pub mod twin;
pub mod pin;
pub mod wire;
pub mod normal;
pub mod send;

pub use profile::{Profile, UnknownProfile};
pub use scenario::{Scenario, Stats, WriteError};
pub use truth::{Class, Incident, Label, Truth};
pub use twin::Evidence;
