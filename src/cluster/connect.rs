//! Connecting to the other processes: each to those before it, and all to process 0 once more.

use super::agree::Table;
use super::greeting::{Purpose, answer, greet};
use super::link::{Ending, Link, Lost, Watch};
use super::message::Message;
use super::{ClusterError, Shape};
use crate::chance::unguessable;
use crate::clock::SharedClock;
use crate::config::units::Secret;
use crate::runtime::Mesh;
use crate::settings::ClusterSettings;
use crossbeam_channel::Receiver;
use std::collections::BTreeMap;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Before a process that is not there is tried again.
const AGAIN: Duration = Duration::from_millis(100);
/// Between two log lines about somebody who is waited for.
const LOG_EVERY: Duration = Duration::from_secs(10);
/// The exit code when another process is gone: started again, it may go on.
pub const EXIT_GONE: u8 = 75;
/// Threads in which timely speaks to other processes are named so.
const TIMELY_SENDS: &str = "timely:send";
const TIMELY_RECEIVES: &str = "timely:recv";

/// What process 0 hears of each of the others.
type Links = BTreeMap<usize, (Arc<Link>, Receiver<Message>)>;

/// Waits until all processes are there, however long that takes.
///
/// First each is heard of by process 0, and those that end meanwhile are waited for again. Then
/// all connect to each other under a number that nobody used before, and from then on each ends
/// when one of the others is gone: no connection is left of a process that was there before.
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
    let (links, ending, round) = match process {
        0 => gather(&listener, shape, settings)?,
        _ => join(shape, settings, clock)?,
    };
    let (own, secret) = (shape.clone(), settings.secret.clone());
    let accepting = std::thread::Builder::new()
        .name("accept".to_owned())
        .spawn(move || accept(&listener, &own, round, &secret))?;
    let mut sockets: Vec<Option<TcpStream>> = Vec::with_capacity(processes);
    for other in 0..process {
        sockets.push(Some(reach(shape, other, (Purpose::Data, round), settings, clock)?));
    }
    sockets.push(None);
    let accepted = accepting.join().map_err(|_| io::Error::other("a thread panicked"))??;
    sockets.extend(accepted.into_values().map(Some));
    tracing::info!(process, processes, "all processes are there");
    end_when_timely_does();
    Ok((Mesh { sockets }, Table::new(process, links.into_values().collect(), ending)))
}

/// Process 0: waits until all others are heard of at a time, and has them connect to each other.
fn gather(
    listener: &TcpListener,
    shape: &Shape,
    settings: &ClusterSettings,
) -> Result<(Links, Ending, u64), ClusterError> {
    let (ending, is_gathered) = (Ending::default(), Arc::new(AtomicBool::new(false)));
    let gathered = Arc::clone(&is_gathered);
    let lost: Lost = Arc::new(move |error| match gathered.load(Ordering::Acquire) {
        true => end(&error),
        false => tracing::info!(%error, "it is waited for again"),
    });
    let watch = Watch { silence: settings.silence, ending: ending.clone(), lost };
    let mut links = Links::new();
    while links.len() < shape.processes() - 1 {
        let (mut stream, from) = listener.accept()?;
        match answer(&mut stream, (0, shape.processes(), 0), &settings.secret) {
            Ok(hello) if hello.purpose == Purpose::Control && hello.from > 0 => {
                links.insert(hello.from, Link::start(hello.from, stream, watch.clone())?);
            }
            Ok(hello) => tracing::warn!(%from, process = hello.from, "connects the wrong way"),
            Err(problem) => tracing::debug!(%from, %problem, "somebody is not let in"),
        }
        links.retain(|_, (link, _)| !link.is_lost());
    }
    is_gathered.store(true, Ordering::Release);
    if let Some((other, _)) = links.iter().find(|(_, (link, _))| link.is_lost()) {
        let problem = "ended".to_owned();
        return Err(ClusterError::Gone { process: *other, problem });
    }
    let round = unguessable() | 1;
    links.values().for_each(|(link, _)| link.send(&Message::Gather(round)));
    Ok((links, ending, round))
}

/// Any other: is heard of by process 0, and waits until all are.
fn join(
    shape: &Shape,
    settings: &ClusterSettings,
    clock: &SharedClock,
) -> Result<(Links, Ending, u64), ClusterError> {
    let ending = Ending::default();
    let lost: Lost = Arc::new(|error| end(&error));
    let watch = Watch { silence: settings.silence, ending: ending.clone(), lost };
    let stream = reach(shape, 0, (Purpose::Control, 0), settings, clock)?;
    let (link, heard) = Link::start(0, stream, watch)?;
    let Ok(Message::Gather(round)) = heard.recv() else {
        let problem = "does not say when all are there".to_owned();
        return Err(ClusterError::Gone { process: 0, problem });
    };
    Ok((Links::from([(0, (link, heard))]), ending, round))
}

/// A connection to the process `other`, once it is there.
fn reach(
    shape: &Shape,
    other: usize,
    (purpose, round): (Purpose, u64),
    settings: &ClusterSettings,
    clock: &SharedClock,
) -> Result<TcpStream, ClusterError> {
    let address = &shape.addresses[other];
    let who = (shape.process, other, shape.processes(), round);
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

/// Lets those in that come after this one; one that comes again was cut off before.
fn accept(
    listener: &TcpListener,
    shape: &Shape,
    round: u64,
    secret: &Secret,
) -> io::Result<BTreeMap<usize, TcpStream>> {
    let (process, processes) = (shape.process, shape.processes());
    let mut accepted = BTreeMap::new();
    while accepted.len() < processes - 1 - process {
        let (mut stream, from) = listener.accept()?;
        match answer(&mut stream, (process, processes, round), secret) {
            Ok(hello) if hello.purpose == Purpose::Data && hello.from > process => {
                accepted.insert(hello.from, stream);
            }
            Ok(hello) => tracing::warn!(%from, process = hello.from, "connects the wrong way"),
            Err(problem) => tracing::debug!(%from, %problem, "somebody is not let in"),
        }
    }
    Ok(accepted)
}

/// Ends this process.
fn end(error: &ClusterError) {
    tracing::error!(%error, "the process ends");
    std::process::exit(i32::from(EXIT_GONE));
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
            std::process::exit(i32::from(EXIT_GONE));
        }
        before(panic);
    }));
}
