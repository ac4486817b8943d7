//! Open-loop sending over HTTP: the load does not wait for the system under load.
//!
//! Every batch has an instant at which it is due, fixed before the first is
//! sent. Latency runs from that instant to the end of the answer, so that a
//! stall is paid for by every batch that it held up, and not only by the one
//! that met it. A run that could not keep the offered rate is invalid, not slow.

mod http;
mod report;

pub use http::Connection;
pub use report::{Report, Second};

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// One request.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Its body.
    pub body: Vec<u8>,
    /// How many events it carries.
    pub events: u64,
}

impl Batch {
    /// Cuts NDJSON into batches of `lines` lines, the last one perhaps shorter.
    pub fn cut(ndjson: &[u8], lines: usize) -> Vec<Batch> {
        let mut batches = Vec::new();
        let mut batch = Batch { body: Vec::new(), events: 0 };
        for line in ndjson.split_inclusive(|byte| *byte == b'\n') {
            batch.body.extend_from_slice(line);
            batch.events += 1;
            if batch.events >= lines as u64 {
                batches.push(std::mem::replace(&mut batch, Batch { body: Vec::new(), events: 0 }));
            }
        }
        if batch.events > 0 {
            batches.push(batch);
        }
        batches
    }
}

/// Where and how fast to send.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whom to.
    pub address: SocketAddr,
    /// The path of the request, such as `/v1/events`.
    pub path: String,
    /// The media type of the bodies.
    pub content_type: String,
    /// Events a second.
    pub rate: f64,
    /// Requests in flight at once, each on a connection of its own.
    pub connections: usize,
}

impl Options {
    /// NDJSON to `/v1/events` of `address`, on four connections.
    pub fn ndjson(address: SocketAddr, rate: f64) -> Options {
        Options {
            address,
            path: "/v1/events".to_owned(),
            content_type: "application/x-ndjson".to_owned(),
            rate,
            connections: 4,
        }
    }
}

/// A run could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The receiver cannot be reached, or hung up.
    #[error("no connection to {address}; check that the receiver is running")]
    Connection {
        /// Whom to.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What came back is not an answer.
    #[error("unreadable answer from {address}: {reason}; check that it speaks HTTP/1.1")]
    Answer {
        /// Whom from.
        address: SocketAddr,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing can be sent with such options.
    #[error("cannot send {what}; use a positive rate and at least one connection")]
    Options {
        /// What is wrong with them.
        what: String,
    },
}

/// Sends `batches` at the rate of `options` and measures.
///
/// # Errors
/// When a connection fails or an answer cannot be read. An answer with a status
/// other than 200 is counted, and not an error.
pub fn send(batches: &[Batch], options: &Options) -> Result<Report, SendError> {
    let positive = options.rate > 0.0 && options.rate.is_finite();
    if !positive || options.connections == 0 {
        let what = format!("{} events/s on {} connections", options.rate, options.connections);
        return Err(SendError::Options { what });
    }
    let due = due_times(batches, options.rate);
    let mut connections = Vec::with_capacity(options.connections);
    for _ in 0..options.connections {
        let Options { address, path, content_type, .. } = options;
        connections.push(Connection::open(*address, path, content_type)?);
    }
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    let measured = std::thread::scope(|scope| {
        let (due, next) = (&due, &next);
        let threads: Vec<_> = connections
            .into_iter()
            .map(|connection| scope.spawn(move || run(connection, batches, due, next, start)))
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>, SendError>>()
    })?;
    let samples = measured.into_iter().flatten().collect();
    Ok(Report::new(batches, &due, options.rate, samples))
}

/// What became of one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// Which.
    pub batch: usize,
    /// When its first byte went out, after the start of the run.
    pub sent: Duration,
    /// When its answer was complete, after the start of the run.
    pub answered: Duration,
    /// The status of the answer.
    pub status: u16,
}

/// When each batch is due after the start of the run: when the events before it have been.
fn due_times(batches: &[Batch], rate: f64) -> Vec<Duration> {
    let mut before = 0u64;
    let mut due = Vec::with_capacity(batches.len());
    for batch in batches {
        due.push(Duration::from_secs_f64(before as f64 / rate));
        before += batch.events;
    }
    due
}

/// Takes the next batch, waits until it is due, sends it, waits for the answer; until all are sent.
fn run(
    mut connection: Connection,
    batches: &[Batch],
    due: &[Duration],
    next: &AtomicUsize,
    start: Instant,
) -> Result<Vec<Sample>, SendError> {
    let mut samples = Vec::with_capacity(batches.len());
    loop {
        let batch = next.fetch_add(1, Ordering::Relaxed);
        if batch >= batches.len() {
            return Ok(samples);
        }
        wait_until(start + due[batch]);
        let sent = start.elapsed();
        let status = connection.post(&batches[batch].body)?;
        samples.push(Sample { batch, sent, answered: start.elapsed(), status });
    }
}

/// Sleeps until shortly before `instant`, then spins: a sleep alone is up to 60 µs late.
fn wait_until(instant: Instant) {
    const SPIN: Duration = Duration::from_micros(150);
    let left = instant.saturating_duration_since(Instant::now());
    if left > SPIN {
        std::thread::sleep(left - SPIN);
    }
    while Instant::now() < instant {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests;
