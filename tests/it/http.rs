//! The server as its callers meet it: real sockets on this machine, a stand-in for the engine.

mod harness;
mod alertmanager;
mod changes;
mod events;
mod guard;
mod reading;
mod stream;
