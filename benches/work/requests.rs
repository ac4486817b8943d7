//! Requests over HTTP from several connections: as fast as answers come, or when they are due.
//!
//! Bodies are made before the clock starts, so that a sender does little but write, on cores
//! that it shares with the server.

use crate::harness::latency::{Latencies, Schedule, too_slow};
use causeway_loadgen::send::{Connection, SendError};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a closed-loop sender rests when it is turned away.
const REST: Duration = Duration::from_millis(250);
/// Share of open-loop requests that may be turned away, or the run means nothing.
const REFUSED_MAX: f64 = 0.001;

/// A request with its body, and how many events it carries.
pub struct Request {
    path: &'static str,
    media_type: &'static str,
    body: Vec<u8>,
    /// Events in it.
    pub events: u64,
}

impl Request {
    /// A POST.
    pub fn post(path: &'static str, media_type: &'static str, body: &[u8], events: u64) -> Request {
        Request { path, media_type, body: body.to_vec(), events }
    }

    /// A connection for requests to the same path.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn connect(&self, address: SocketAddr) -> Result<Connection, SendError> {
        Connection::open(address, self.path, self.media_type)
    }

    /// Sends it; the status of the answer.
    ///
    /// # Errors
    /// When the server hangs up, or what comes is no answer.
    pub fn ask(&self, connection: &mut Connection) -> Result<u16, SendError> {
        connection.post(&self.body)
    }
}

/// What became of a run.
#[derive(Default)]
pub struct Sent {
    /// Events sent, those of refused requests included.
    pub events: u64,
    /// Events in requests that were answered with 200.
    pub acked: u64,
    /// Requests.
    pub requests: u64,
    /// Requests that were turned away, with 429 or 503.
    pub refused: u64,
    /// From the first request until the last answer.
    pub took: Duration,
    /// From due to answered, of an open loop.
    pub latencies: Latencies,
    /// Why it does not count, if it does not.
    pub void: Option<String>,
}

/// What became of one request of an open loop.
struct Answered {
    number: u64,
    sent: Instant,
    at: Instant,
    status: u16,
}

/// Sends one request on a connection of its own; the status.
///
/// # Panics
/// When nobody answers.
pub fn once(address: SocketAddr, request: &Request) -> u16 {
    let mut connection = request.connect(address).expect("the server listens");
    request.ask(&mut connection).expect("the server answers")
}

/// Sends `requests` over and over on `connections` for as long as `time`, each as soon as the
/// answer before it is there. One that is turned away is sent again after a moment.
///
/// # Panics
/// When the server hangs up.
pub fn closed(
    address: SocketAddr,
    requests: &[Request],
    connections: usize,
    time: Duration,
) -> Sent {
    let next = AtomicU64::new(0);
    let began = Instant::now();
    let run = || {
        let (mut connection, mut sent) = (connect(address, requests), Sent::default());
        while began.elapsed() < time {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let request = &requests[number as usize % requests.len()];
            loop {
                sent.requests += 1;
                sent.events += request.events;
                match request.ask(&mut connection).expect("the server answers") {
                    200 => break sent.acked += request.events,
                    429 | 503 => sent.refused += 1,
                    status => panic!("answered with {status}"),
                }
                if began.elapsed() >= time {
                    break;
                }
                std::thread::sleep(REST);
            }
        }
        sent
    };
    let parts = on_threads(connections, run);
    let mut all = Sent { took: began.elapsed(), ..Sent::default() };
    for part in parts {
        all.events += part.events;
        all.acked += part.acked;
        all.requests += part.requests;
        all.refused += part.refused;
    }
    all
}

/// Sends `rate` requests a second for as long as `time`, however long answers take; a request
/// waits only for a free one of `connections`, and its latency has that wait in it.
///
/// # Panics
/// When the server hangs up.
pub fn open(
    address: SocketAddr,
    requests: &[Request],
    connections: usize,
    rate: f64,
    time: Duration,
) -> Sent {
    let total = (rate * time.as_secs_f64()) as u64;
    let next = AtomicU64::new(0);
    let schedule = Schedule::now(rate);
    let began = schedule.due(0);
    let run = || {
        let (mut connection, mut answers) = (connect(address, requests), Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= total {
                return answers;
            }
            let wait = schedule.due(number).saturating_duration_since(Instant::now());
            std::thread::sleep(wait);
            let sent = Instant::now();
            let request = &requests[number as usize % requests.len()];
            let status = request.ask(&mut connection).expect("the server answers");
            answers.push(Answered { number, sent, at: Instant::now(), status });
        }
    };
    let mut answers: Vec<Answered> = on_threads(connections, run).into_iter().flatten().collect();
    answers.sort_by_key(|answer| answer.number);
    let mut all = Sent { took: began.elapsed(), requests: total, ..Sent::default() };
    let mut last_sent = began;
    for Answered { number, sent, at, status } in answers {
        let (due, events) =
            (schedule.due(number), requests[number as usize % requests.len()].events);
        all.events += events;
        all.acked += if status == 200 { events } else { 0 };
        all.refused += u64::from(status != 200);
        all.latencies.record_at(due, at, schedule.second_of(due));
        last_sent = last_sent.max(sent);
    }
    // The last is due one interval before the end.
    let sending = last_sent.duration_since(began).as_secs_f64() + 1.0 / rate;
    let planned = total as f64 / rate;
    // A request goes out microseconds after it is due; that is no lower rate.
    let late = (sending - planned - 0.001).max(0.0);
    all.void = too_slow(total, Duration::from_secs_f64(planned + late), rate);
    if all.refused as f64 > total as f64 * REFUSED_MAX {
        all.void = Some(format!("{} of {total} requests were turned away", all.refused));
    }
    all
}

/// A connection; all requests of a run go to one path.
fn connect(address: SocketAddr, requests: &[Request]) -> Connection {
    requests[0].connect(address).expect("the server listens")
}

fn on_threads<T: Send>(count: usize, run: impl Fn() -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(&run)).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, T>| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(join).collect()
    })
}
