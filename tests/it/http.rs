//! The server as its callers meet it: real sockets on this machine, a stand-in for the engine.

#![allow(clippy::unwrap_used, reason = "a panic here is a failure that names its line")]

mod harness;
mod serving;
mod early;
mod encrypted;
mod jwt;
mod alertmanager;
mod changes;
mod events;
mod hostile;
mod otlp;
mod remote_write;
mod guard;
mod reading;
mod stream;
mod topology;
