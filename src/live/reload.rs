//! Reading the configuration again: all of it is taken over, or nothing.
//!
//! ```text
//!  SIGHUP ───────────┐
//!  POST /-/reload ───┴► read ─► check ─► may that change? ─► files of topology
//!                                  └─────────┴──────────────────┴► mistakes: nothing happened
//!            context of the next epoch ─► callers, bounds, sinks' matchers, log
//! ```
//!
//! The only step that can be refused once everything is right, the context, is the first to be
//! taken; the others cannot fail.

use super::Given;
use super::memory::limit_of;
use super::sinks::{Sinks, limits_of};
use super::standing::{self, Empty, Held};
use super::start::{Core, letter_limits};
use crate::clock::SharedClock;
use crate::config::{ConfigError, Place, Problem, Surroundings, Written};
use crate::console::Registry;
use crate::console::reload::{Refusal, Reloaded, Request, Requests};
use crate::dlq::Letters;
use crate::emit::outbox::Outbox;
use crate::emit::store::Store;
use crate::epoch::Queue;
use crate::ingest::Durable;
use crate::ingest::file::FileError;
use crate::ingest::http::Http;
use crate::ingest::http::terms::Terms;
use crate::settings::{Settings, fixed};
use crate::telemetry::{LogFilter, ReloadBooks};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Rows of topology that are named; a file that is broken throughout is known by its first.
const ROWS_NAMED_MAX: usize = 1_000;

/// Requests that wait while one is served.
const WAITING_MAX: usize = 4;

/// What is read again, and what runs under it.
pub(super) struct Reloader {
    paths: Vec<PathBuf>,
    /// What the process runs under, as it was written.
    running: Mutex<Written>,
    log: Option<LogFilter>,
    registry: Registry,
    /// Whether what the configuration holds is brought in by this process.
    tells: bool,
    queue: Arc<Queue>,
    letters: Letters,
    http: Http,
    store: Store,
    outboxes: Vec<Arc<Outbox>>,
    books: ReloadBooks,
    clock: SharedClock,
}

/// Who may ask for it.
pub(super) struct Asking {
    hangups: Signal,
    requests: mpsc::Receiver<Request>,
}

impl Asking {
    /// From here on SIGHUP does not end the process, and what is asked for waits to be heard.
    pub(super) fn listen() -> io::Result<(Requests, Asking)> {
        let (asked, requests) = mpsc::channel(WAITING_MAX);
        Ok((asked, Asking { hangups: signal(SignalKind::hangup())?, requests }))
    }
}

/// Reads the configuration whenever somebody asks, one after the other, until it is aborted.
pub(super) async fn keep_up(reloader: Arc<Reloader>, Asking { mut hangups, mut requests }: Asking) {
    loop {
        let request = tokio::select! {
            Some(()) = hangups.recv() => None,
            Some(request) = requests.recv() => Some(request),
        };
        let own = Arc::clone(&reloader);
        let Ok(done) = tokio::task::spawn_blocking(move || own.reload()).await else {
            // The panic is in the log, and whoever asked is told that nothing came of it.
            reloader.books.refused();
            continue;
        };
        let done = match done {
            Ok((reloaded, durable)) => {
                durable.wait().await.map(|()| reloaded).map_err(Refusal::Busy)
            }
            Err(refusal) => Err(refusal),
        };
        reloader.tell(&done);
        // The caller may have gone away.
        let _ = request.map(|request| request.send(done));
    }
}

impl Reloader {
    /// For a process that runs under what was `given`.
    pub(super) fn new(
        given: Given,
        core: &Core,
        (http, store, sinks): (&Http, &Store, &Sinks),
        clock: &SharedClock,
    ) -> Reloader {
        Reloader {
            paths: given.paths,
            running: Mutex::new(given.written),
            log: given.log,
            registry: core.registry.clone(),
            tells: core.listing.role().tells(),
            queue: Arc::clone(&core.queue),
            letters: core.letters.clone(),
            http: http.clone(),
            store: store.clone(),
            outboxes: sinks.outboxes.clone(),
            books: core.reloads.clone(),
            clock: Arc::clone(clock),
        }
    }

    /// Notes and logs what came of it.
    fn tell(&self, done: &Result<Reloaded, Refusal>) {
        match done {
            Ok(reloaded) => {
                self.books.succeeded(self.clock.now_seconds());
                let Reloaded { changed, said, taken_back, without_effect } = reloaded;
                let changed = changed.join(", ");
                tracing::info!(changed, said, taken_back, "the configuration was read again");
                for key in without_effect {
                    tracing::warn!(key, "has no effect: the environment decides");
                }
            }
            Err(Refusal::Wrong(mistakes)) => {
                self.books.refused();
                for mistake in mistakes {
                    tracing::error!(%mistake, "the configuration is wrong");
                }
                let mistakes = mistakes.len();
                tracing::error!(mistakes, "nothing was taken over, the configuration before holds");
            }
            Err(Refusal::Busy(busy)) => {
                self.books.refused();
                tracing::error!(%busy, "the configuration was not taken over, try again");
            }
        }
    }

    /// Reads the configuration and takes it over; the promise is kept when it is on disk.
    fn reload(&self) -> Result<(Reloaded, Durable), Refusal> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let (written, settings) = Settings::load(&self.paths, &Surroundings::of_process())
            .map_err(|error| Refusal::Wrong(mistakes_of(error)))?;
        let now_ns = self.clock.now_ns();
        let (held, empty) = standing::read_all(&settings, now_ns);
        let mut mistakes = fixed(&running, &written);
        mistakes.extend(mistakes_in(&held, &empty, &written));
        let terms = Terms::read(settings.server.clone());
        let terms = terms.map_err(|unusable| {
            mistakes.extend(unusable.into_iter().map(|why| why.in_configuration(&written)));
        });
        let (Ok(terms), true) = (terms, mistakes.is_empty()) else {
            return Err(Refusal::Wrong(mistakes));
        };
        let (mut said, mut taken_back, mut durable) = (0, 0, Durable::now());
        if self.tells {
            let change = self.registry.change_to(held.events, now_ns);
            (said, taken_back) = (change.said.len() as u64, change.taken_back.len() as u64);
            durable =
                standing::hand_on(change, &self.registry, &self.queue).map_err(Refusal::Busy)?;
        }
        let changed = running.differing(&written);
        let without_effect = self.apply(&settings, terms, &changed);
        *running = written;
        Ok((Reloaded { changed, said, taken_back, without_effect }, durable))
    }

    /// Goes on under `settings`; keys that have no effect.
    fn apply(&self, settings: &Settings, terms: Terms, changed: &[String]) -> Vec<String> {
        self.http.reconfigure(terms);
        self.queue.resize(settings.input_queue_bytes);
        self.letters.reconfigure(letter_limits(&settings.dead_letters));
        for outbox in &self.outboxes {
            // The sinks are the same: another one is a mistake.
            let Some(sink) = settings.sinks.iter().find(|sink| sink.name == *outbox.name()) else {
                continue;
            };
            let open = || self.store.told_and_standing();
            outbox.reconfigure(sink.wanted.clone(), limits_of(sink, limit_of(settings)), open);
        }
        let mut without_effect = Vec::new();
        for key in changed.iter().filter(|key| *key == "logging.filter") {
            // It was checked to be one.
            let set = self.log.as_ref().map(|log| log.set(&settings.logging.filter));
            if !matches!(set, Some(Ok(true))) {
                without_effect.push(key.clone());
            }
        }
        without_effect
    }
}

/// What is wrong with files that gave no settings.
fn mistakes_of(error: ConfigError) -> Vec<Problem> {
    match error {
        ConfigError::Invalid(mistakes) => mistakes,
        ConfigError::Read { path, source } => {
            let place = Place { file: path.to_string_lossy().into(), line: 0, column: 0 };
            vec![Problem::new(format!("cannot be read: {source}"), "").at(&place)]
        }
    }
}

/// What is wrong with the files of topology: each that cannot be read or has nothing in it, each
/// row that cannot be used. At a start such a row costs itself only; here somebody is there to
/// correct it, and a file that is half written must not take the other half back.
fn mistakes_in(held: &Held, empty: &[Empty], written: &Written) -> Vec<Problem> {
    let failed = held.failed.iter().map(|(at, error)| {
        let (key, place) = written.locate(&format!("topology.{at}"));
        let problem = match error {
            FileError::NoMatch { pattern } => Problem::new(
                format!("no file matches `{pattern}`"),
                "correct the path or create the file",
            ),
            error => Problem::new(error.to_string(), ""),
        };
        problem.on(key).at(&place)
    });
    let empty = empty.iter().map(|(at, path)| {
        let (key, place) = written.locate(&format!("topology.{at}"));
        let message = format!("the file `{}` has no row", path.display());
        let remedy = "put its rows back, or remove the file from `topology`";
        Problem::new(message, remedy).on(key).at(&place)
    });
    let refused = held.refused.iter().take(ROWS_NAMED_MAX).map(|row| {
        let file = row.origin.partition.as_deref().unwrap_or_default().into();
        let place = Place { file, line: row.line, column: 0 };
        let message = format!("{} {}", row.code.word(), row.message);
        Problem::new(message, "correct the row or take it out").on(row.field.as_str()).at(&place)
    });
    failed.chain(empty).chain(refused).collect()
}
