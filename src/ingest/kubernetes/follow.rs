//! One kind of objects, listed and followed: a list says what there is, and a watch what becomes
//! of it from there on.

use super::client::{Client, Failed};
use super::kinds::{KINDS, ObjectKind};
use crate::canonical::json::Reader;
use crate::canonical::kubernetes::object::Object;
use crate::canonical::kubernetes::{Event, objects};
use crate::clock::SharedClock;
use crate::emit::webhook::backoff::Backoff;
use crate::telemetry::Repeats;
use crate::telemetry::kubernetes::KubernetesBooks;
use reqwest::Response;
use smol_str::SmolStr;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use xxhash_rust::xxh3::xxh3_64;

/// Levels of nesting of an object.
const DEPTH_MAX: usize = 64;
/// Bytes of one event; the server takes no object of more than a part of it.
const EVENT_BYTES_MAX: usize = 8 << 20;
/// The first wait after a failure lies between nothing and this, and no wait is longer than that.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));
/// How often a kind is asked for again that may not be read, or that the server does not have.
const ABSENT_AGAIN: Duration = Duration::from_secs(300);

/// The objects of one kind, in one namespace or in all.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    kind: &'static ObjectKind,
    namespace: Option<SmolStr>,
}

impl Scope {
    /// What is followed of these namespaces; of all when none are named.
    pub(super) fn all(namespaces: &[SmolStr]) -> Vec<Scope> {
        let of = |kind: &'static ObjectKind| {
            let all = match kind.is_namespaced && !namespaces.is_empty() {
                true => namespaces.iter().cloned().map(Some).collect(),
                false => vec![None],
            };
            all.into_iter().map(move |namespace| Scope { kind, namespace })
        };
        KINDS.iter().flat_map(of).collect()
    }

    /// The kind, as objects name it.
    pub(super) fn kind(&self) -> &'static str {
        self.kind.kind
    }

    /// The namespace, if it is one alone.
    pub(super) fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    fn path(&self) -> String {
        let ObjectKind { path, plural, .. } = self.kind;
        match &self.namespace {
            Some(namespace) => format!("{path}/namespaces/{namespace}/{plural}"),
            None => format!("{path}/{plural}"),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.kind.plural),
            None => f.write_str(self.kind.plural),
        }
    }
}

/// What became known of the objects of a scope, by its place.
#[derive(Debug)]
pub(super) enum Update {
    /// They are listed anew.
    Begins(usize),
    /// These are there.
    Page(usize, Vec<Object>),
    /// Nothing else is.
    Listed(usize),
    /// They may not be read, or the server does not know of them.
    Absent(usize),
    /// Something happened to one.
    Event(Event, Object),
}

/// Nobody waits for updates any more.
struct Over;

/// Follows one scope.
pub(super) struct Follower {
    place: usize,
    scope: Scope,
    client: Client,
    source: SmolStr,
    books: KubernetesBooks,
    repeats: Arc<Repeats>,
    reader: Reader,
}

impl Follower {
    pub(super) fn new(
        (place, scope): (usize, Scope),
        client: &Client,
        source: &SmolStr,
        books: &KubernetesBooks,
        repeats: &Arc<Repeats>,
    ) -> Follower {
        Follower {
            place,
            scope,
            client: client.clone(),
            source: source.clone(),
            books: books.clone(),
            repeats: Arc::clone(repeats),
            reader: Reader::new(DEPTH_MAX),
        }
    }

    /// Lists, then watches, until nobody wants to know.
    pub(super) async fn run(mut self, updates: Sender<Update>, clock: SharedClock) {
        let seed = xxh3_64(format!("{} {}", self.source, self.scope).as_bytes());
        let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1, seed ^ clock.now_ns() as u64);
        let mut failures = 0;
        // The version up to which everything is known; nothing before the first list.
        let mut known: Option<String> = None;
        loop {
            let version = known.clone();
            let done = match version {
                None => self.list(&updates).await.map(|version| {
                    known = Some(version);
                    true
                }),
                Some(_) => self.watch(&updates, &mut known, &mut failures).await,
            };
            let failed = match done {
                Ok(true) => continue,
                // A server that ends each watch at once is not asked in a circle.
                Ok(false) => Failed::Other("a watch brought nothing".to_owned()),
                Err(Stop::Over) => return,
                Err(Stop::Failed(failed)) => failed,
            };
            let wait = match failed {
                Failed::Gone => {
                    self.books.enter(&self.source, |counts| counts.relists += 1);
                    known = None;
                    failures += 1;
                    // The first list after it is due at once.
                    if failures == 1 { Duration::ZERO } else { backoff.wait(failures, None) }
                }
                Failed::Absent(problem) => {
                    self.fail(&problem);
                    if known.is_none() && updates.send(Update::Absent(self.place)).await.is_err() {
                        return;
                    }
                    ABSENT_AGAIN
                }
                Failed::Other(problem) => {
                    self.fail(&problem);
                    failures += 1;
                    backoff.wait(failures, None)
                }
            };
            tokio::select! {
                () = updates.closed() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    fn fail(&self, problem: &str) {
        self.books.failed(&self.source, self.place, problem);
        if let Some(more) = self.repeats.allow("kubernetes") {
            let (source, scope) = (&self.source, &self.scope);
            tracing::warn!(%source, %scope, problem, more, "a cluster cannot be asked");
        }
    }

    /// Says what there is; up to which version that is so.
    async fn list(&mut self, updates: &Sender<Update>) -> Result<String, Stop> {
        let path = self.scope.path();
        let mut next = String::new();
        send(updates, Update::Begins(self.place)).await?;
        loop {
            let page = self.client.page(&path, &next).await?;
            let (found, version, further) = self.read_page(&page)?;
            send(updates, Update::Page(self.place, found)).await?;
            next = further;
            if next.is_empty() {
                send(updates, Update::Listed(self.place)).await?;
                return Ok(version);
            }
        }
    }

    /// The objects of a page, the version, and where the next page begins.
    fn read_page(&mut self, page: &[u8]) -> Result<(Vec<Object>, String, String), Stop> {
        let mut found = Vec::new();
        let read = self.reader.parse(page, |root| {
            objects(root, &mut |_, _, object| found.extend(object.ok().flatten()));
            let of = |name| root.get("metadata").and_then(|of| of.text(name)).unwrap_or_default();
            (of("resourceVersion").to_owned(), of("continue").to_owned())
        });
        match read {
            Ok((version, next)) if !version.is_empty() => Ok((found, version, next)),
            _ => Err(Failed::Other("a page of a list cannot be read".to_owned()).into()),
        }
    }

    /// Follows what happens behind `known`, until the server ends it, which it does now and then;
    /// whether anything was heard.
    async fn watch(
        &mut self,
        updates: &Sender<Update>,
        known: &mut Option<String>,
        failures: &mut u32,
    ) -> Result<bool, Stop> {
        let version = known.clone().unwrap_or_default();
        let mut response = self.client.watch(&self.scope.path(), &version).await?;
        self.books.connected(&self.source, self.place);
        let mut lines = EventLines::default();
        let mut heard = false;
        while let Some(line) = lines.next(&mut response).await? {
            let (version, found) = self.read_event(&line)?;
            let count = u64::from(found.is_some());
            if let Some((event, object)) = found {
                send(updates, Update::Event(event, object)).await?;
            }
            if !version.is_empty() {
                *known = Some(version);
            }
            (heard, *failures) = (true, 0);
            self.books.event(&self.source, self.place, count);
        }
        Ok(heard)
    }

    /// An event of a watch: its version, and what happened to which object.
    fn read_event(&mut self, line: &[u8]) -> Result<(String, Option<(Event, Object)>), Stop> {
        let mut found = None;
        let read = self.reader.parse(line, |root| {
            let object = root.get("object");
            if root.text("type") == Some("ERROR") {
                let code = object.and_then(|status| status.get("code")).and_then(|of| of.int());
                let message = object.and_then(|status| status.text("message"));
                return Err(match code {
                    Some(410) => Failed::Gone,
                    _ => Failed::Other(message.unwrap_or("the watch failed").to_owned()),
                });
            }
            objects(root, &mut |event, _, object| {
                found = object.ok().flatten().map(|object| (event, object));
            });
            let metadata = object.and_then(|object| object.get("metadata"));
            Ok(metadata.and_then(|of| of.text("resourceVersion")).unwrap_or_default().to_owned())
        });
        match read {
            Ok(version) => Ok((version?, found)),
            Err(_) => Err(Failed::Other("an event of a watch cannot be read".to_owned()).into()),
        }
    }
}

/// Why a follower does not go on as it did.
enum Stop {
    Over,
    Failed(Failed),
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Stop {
        Stop::Failed(failed)
    }
}

impl From<Over> for Stop {
    fn from(_: Over) -> Stop {
        Stop::Over
    }
}

async fn send(updates: &Sender<Update>, update: Update) -> Result<(), Over> {
    updates.send(update).await.map_err(|_| Over)
}

/// The lines of a body, as they come.
#[derive(Default)]
struct EventLines {
    bytes: Vec<u8>,
    /// How many of them hold no line feed.
    searched: usize,
}

impl EventLines {
    /// The next line; nothing when the body has ended.
    async fn next(&mut self, response: &mut Response) -> Result<Option<Vec<u8>>, Failed> {
        loop {
            let feed = self.bytes[self.searched..].iter().position(|byte| *byte == b'\n');
            if let Some(at) = feed {
                let rest = self.bytes.split_off(self.searched + at + 1);
                self.searched = 0;
                let line = std::mem::replace(&mut self.bytes, rest);
                if line.trim_ascii().is_empty() {
                    continue;
                }
                return Ok(Some(line));
            }
            self.searched = self.bytes.len();
            if self.bytes.len() > EVENT_BYTES_MAX {
                let message = format!("an event of a watch is larger than {EVENT_BYTES_MAX} bytes");
                return Err(Failed::Other(message));
            }
            match response.chunk().await.map_err(Failed::reading)? {
                Some(chunk) => self.bytes.extend_from_slice(&chunk),
                None if self.bytes.is_empty() => return Ok(None),
                None => return Err(Failed::Other("a watch was cut off".to_owned())),
            }
        }
    }
}
