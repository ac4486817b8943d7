//! Connecting to the other processes: each to those before it, and all to process 0 once more.

use super::agree::Table;
use super::greeting::{Purpose, answer, greet};
use super::link::{Ending, Link, Lost, Watch};
use super::{ClusterError, Shape};
use crate::clock::SharedClock;
use crate::runtime::Mesh;
use crate::settings::ClusterSettings;
use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Before a process that is not there is tried again.
const AGAIN: Duration = Duration::from_millis(100);
/// Between two log lines about somebody who is waited for.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// The exit code when another process is gone: started again, it may go on.
const EXIT_GONE: i32 = 75;
/// Threads in which timely speaks to other processes are named so.
const TIMELY_SENDS: &str = "timely:send";
const TIMELY_RECEIVES: &str = "timely:recv";

/// Connections from others, by what they are for and from whom.
type Accepted = BTreeMap<(Purpose, usize), TcpStream>;

/// Waits until all processes are there, however long that takes.
///
/// From then on this process ends when one of the others is gone.
///
/// # Errors
/// When this one cannot listen, or another one does not belong to it.
pub fn connect(
    shape: &Shape,
    settings: &ClusterSettings,
    clock: &SharedClock,
) -> Result<(Mesh, Table), ClusterError> {
    let (process, processes) = (shape.process, shape.processes());
    let listener = TcpListener::bind(shape.own()).map_err(|source| ClusterError::Listen {
        address: shape.own().to_owned(),
        process,
        source,
    })?;
    let expected = (processes - 1 - process) * if process == 0 { 2 } else { 1 };
    let (own, secret) = (shape.clone(), settings.secret.clone());
    let accepting = std::thread::Builder::new()
        .name("accept".to_owned())
        .spawn(move || accept(&listener, &own, expected, &secret))?;
    let mut sockets: Vec<Option<TcpStream>> = Vec::with_capacity(processes);
    for other in 0..process {
        sockets.push(Some(reach(shape, other, Purpose::Data, settings, clock)?));
    }
    let mut control = Vec::new();
    if process > 0 {
        control.push((0, reach(shape, 0, Purpose::Control, settings, clock)?));
    }
    let accepted = accepting.join().map_err(|_| io::Error::other("a thread panicked"))??;
    sockets.push(None);
    for ((purpose, from), stream) in accepted {
        match purpose {
            Purpose::Data => sockets.push(Some(stream)),
            Purpose::Control => control.push((from, stream)),
        }
    }
    tracing::info!(process, processes, "all processes are there");
    end_when_timely_does();
    let watch = Watch { silence: settings.silence, ending: Ending::default(), lost: ends() };
    let mut links = Vec::with_capacity(control.len());
    for (other, stream) in control {
        links.push(Link::start(other, stream, watch.clone())?);
    }
    Ok((Mesh { sockets }, Table::new(process, links, watch.ending)))
}

/// A connection to the process `other`, once it is there.
fn reach(
    shape: &Shape,
    other: usize,
    purpose: Purpose,
    settings: &ClusterSettings,
    clock: &SharedClock,
) -> Result<TcpStream, ClusterError> {
    let address = &shape.addresses[other];
    let who = (shape.process, other, shape.processes());
    let mut told_ns: Option<i64> = None;
    loop {
        let problem = match TcpStream::connect(address.as_str()) {
            Err(error) => error,
            Ok(mut stream) => match greet(&mut stream, purpose, who, &settings.secret) {
                Ok(()) => return Ok(stream),
                Err(error) if is_final(&error) => {
                    let problem =
                        format!("process {other}, {address}, is not one of these: {error}");
                    return Err(ClusterError::Differs(problem));
                }
                // It may have ended between two runs.
                Err(error) => error,
            },
        };
        let now_ns = clock.monotonic_ns();
        if told_ns.is_none_or(|told| now_ns - told >= LOG_EVERY.as_nanos() as i64) {
            told_ns = Some(now_ns);
            tracing::info!(process = other, address, %problem, "waiting for another process");
        }
        std::thread::sleep(AGAIN);
    }
}

fn is_final(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::PermissionDenied)
}

/// Lets the others in; one that comes again was started again meanwhile.
fn accept(
    listener: &TcpListener,
    shape: &Shape,
    expected: usize,
    secret: &crate::config::units::Secret,
) -> io::Result<Accepted> {
    let mut accepted = Accepted::new();
    while accepted.len() < expected {
        let (mut stream, from) = listener.accept()?;
        match answer(&mut stream, (shape.process, shape.processes()), secret) {
            Ok(hello) if hello.from > shape.process => {
                accepted.insert((hello.purpose, hello.from), stream);
            }
            Ok(hello) => tracing::warn!(%from, process = hello.from, "connects the wrong way"),
            Err(problem) => tracing::warn!(%from, %problem, "somebody is not let in"),
        }
    }
    Ok(accepted)
}

/// Ends this process.
fn ends() -> Lost {
    Arc::new(|error| {
        tracing::error!(%error, "the process ends");
        std::process::exit(EXIT_GONE);
    })
}

/// Timely's threads panic when another process is gone, which workers do not notice.
fn end_when_timely_does() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or_default();
        if name.starts_with(TIMELY_SENDS) || name.starts_with(TIMELY_RECEIVES) {
            let problem = panic.payload_as_str().unwrap_or_default();
            let process = name.rsplit('-').next().unwrap_or_default();
            tracing::error!(process, problem, "another process is gone, the process ends");
            std::process::exit(EXIT_GONE);
        }
        before(panic);
    }));
}
