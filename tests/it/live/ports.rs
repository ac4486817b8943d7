//! Ports for programs that cannot say which one they were given.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports that the system gives to nobody who asks for any, one after the other.
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// A port on which nobody listens.
pub(crate) fn free_port() -> u16 {
    let begin = 12_000 + (std::process::id() % 97) as u16 * 200;
    loop {
        let port = begin + NEXT_PORT.fetch_add(1, Ordering::Relaxed) % 200;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
