//! Sources that are read by threads of their own: files, followed or not, standard input, topics
//! of Kafka, clusters.

use super::resume::Resume;
use super::start::Core;
use super::topics::Topics;
use super::watched_cluster::WatchedCluster;
use crate::canonical::Format;
use crate::clock::SharedClock;
use crate::console::Registry;
use crate::ingest::chunk::{Chunk, ChunkLimits};
use crate::ingest::file::{Files, Follower};
use crate::ingest::reception::Reception;
use crate::ingest::receptions::Receptions;
use crate::ingest::refusal;
use crate::ingest::stdin;
use crate::settings::{SourceKind, SourceSettings};
use crate::telemetry::Repeats;
use crate::telemetry::kafka::KafkaBooks;
use crate::telemetry::kubernetes::KubernetesBooks;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use smol_str::SmolStr;
use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// How a source came to its end.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    /// There is no more.
    Exhausted,
    /// It was told to stop.
    Stopped,
    /// It cannot go on.
    Failed(String),
}

/// The threads of all sources that have one.
pub(super) struct Readers {
    stop: Sender<()>,
    /// Closed when every source that has others to tell of its end has told them.
    left: Receiver<()>,
    /// How many were started.
    pub(super) count: usize,
    /// Sources that never end by themselves: servers and followers.
    pub(super) endless: usize,
}

/// What all readers go on from and work with.
pub(super) struct Means<'a> {
    pub(super) receptions: &'a Receptions,
    /// What tells the journal from every other; empty without one.
    pub(super) journal: &'a str,
    pub(super) kafka: &'a KafkaBooks,
    pub(super) kubernetes: &'a KubernetesBooks,
    /// What stands of the topology.
    pub(super) registry: &'a Registry,
    pub(super) repeats: &'a Arc<Repeats>,
    pub(super) clock: &'a SharedClock,
}

impl<'a> Means<'a> {
    /// `journal` is the journal's name.
    pub(super) fn of(
        core: &'a Core,
        receptions: &'a Receptions,
        journal: &'a str,
        repeats: &'a Arc<Repeats>,
        clock: &'a SharedClock,
    ) -> Means<'a> {
        Means {
            receptions,
            journal,
            kafka: &core.kafka,
            kubernetes: &core.kubernetes,
            registry: &core.registry,
            repeats,
            clock,
        }
    }
}

/// What a reader's thread works with.
struct Reader {
    reception: Arc<Reception>,
    repeats: Arc<Repeats>,
    stop: Receiver<()>,
    line_bytes_max: usize,
    resume: RefCell<Resume>,
    /// Of a source that reads topics.
    topics: Option<Topics>,
    /// Of a source that watches a cluster.
    cluster: Option<WatchedCluster>,
}

impl Readers {
    /// Starts the threads; each reports its end to `ended`. What was read before is not taken
    /// again.
    pub(super) fn start(
        sources: &[SourceSettings],
        means: &Means<'_>,
        ended: &UnboundedSender<(SmolStr, Ended)>,
    ) -> std::io::Result<Readers> {
        let (stop, stopped) = bounded(0);
        let (leaving, left) = bounded::<()>(0);
        let mut readers = Readers { stop, left, count: 0, endless: 0 };
        for source in sources {
            let kind = source.kind.clone();
            if let SourceKind::Http { .. } = kind {
                readers.endless += 1;
                continue;
            }
            let is_topics = matches!(kind, SourceKind::Kafka(_));
            let is_cluster = matches!(kind, SourceKind::Kubernetes(_));
            if is_topics || is_cluster || matches!(kind, SourceKind::File { follow: true, .. }) {
                readers.endless += 1;
            }
            let reception = means.receptions.of(source);
            let reader = Reader {
                resume: RefCell::new(Resume::after(reception.reached())),
                topics: is_topics.then(|| Topics::new(&reception, means)),
                cluster: is_cluster.then(|| WatchedCluster::new(&reception, means)),
                reception,
                repeats: Arc::clone(means.repeats),
                stop: stopped.clone(),
                line_bytes_max: source.decode.limits.event_bytes_max,
            };
            let (name, ended) = (source.name().clone(), ended.clone());
            let leaving = is_topics.then(|| leaving.clone());
            std::thread::Builder::new().name(format!("source-{name}")).spawn(move || {
                let end = reader.read(&kind);
                // The process may be gone already.
                let _ = ended.send((name, end));
                drop(leaving);
            })?;
            readers.count += 1;
        }
        Ok(readers)
    }

    /// Tells every reader to stop. One that waits for standard input never hears of it,
    /// and ends with the process. What comes back is closed when those have ended that have
    /// others to tell of it, such as the members of their group.
    pub(super) fn stop(self) -> Receiver<()> {
        drop(self.stop);
        self.left
    }
}

impl Reader {
    fn read(mut self, kind: &SourceKind) -> Ended {
        match kind {
            SourceKind::Http { .. } => Ended::Exhausted,
            SourceKind::Kafka(settings) => match self.topics.take() {
                Some(topics) => topics.read(settings, &self.reception, &self.repeats, &self.stop),
                None => Ended::Exhausted,
            },
            SourceKind::Kubernetes(settings) => match self.cluster.take() {
                Some(of) => of.read(settings, &self.reception, &self.repeats, &self.stop),
                None => Ended::Exhausted,
            },
            SourceKind::Stdin { format } => self.stdin(*format),
            SourceKind::File { paths, format, follow: true, poll } => {
                self.follow(paths, *format, *poll)
            }
            SourceKind::File { paths, format, .. } => self.files(paths, *format),
        }
    }

    fn limits(&self) -> ChunkLimits {
        ChunkLimits::lines_of(self.line_bytes_max)
    }

    fn stdin(&self, format: Format) -> Ended {
        let chunks = match stdin::chunks(self.reception.name(), self.limits(), true) {
            Ok(chunks) => chunks,
            Err(error) => return Ended::Failed(format!("cannot read standard input: {error}")),
        };
        let mut chunks = chunks;
        loop {
            let chunk = match chunks.next_chunk() {
                Ok(Some(chunk)) => chunk,
                Ok(None) => {
                    let last = chunks.finish().map(|chunk| self.take(chunk, format));
                    return last.and_then(ControlFlow::break_value).unwrap_or(Ended::Exhausted);
                }
                Err(error) => {
                    return Ended::Failed(format!("cannot read standard input: {error}"));
                }
            };
            if let ControlFlow::Break(end) = self.take(chunk, format) {
                return end;
            }
        }
    }

    fn files(&self, paths: &[PathBuf], format: Format) -> Ended {
        let files = match Files::open(self.reception.name(), paths, self.limits()) {
            Ok(files) => files,
            Err(error) => return Ended::Failed(error.to_string()),
        };
        for chunk in files {
            match chunk {
                Ok(chunk) => {
                    if let ControlFlow::Break(end) = self.take(chunk, format) {
                        return end;
                    }
                }
                Err(error) => {
                    tracing::error!(source = %self.reception.name(), %error, "a file is left out");
                }
            }
        }
        Ended::Exhausted
    }

    fn follow(&self, paths: &[PathBuf], format: Format, poll: Duration) -> Ended {
        let mut follower = Follower::new(self.reception.name(), paths.to_vec(), self.limits());
        let mut end = Ended::Stopped;
        let mut take = |chunk: Chunk| match self.take(chunk, format) {
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
            ControlFlow::Break(why) => {
                end = why;
                ControlFlow::Break(())
            }
        };
        follower.run(poll, &self.stop, &mut take, &mut |error| {
            if let Some(more) = self.repeats.allow("follow") {
                tracing::warn!(source = %self.reception.name(), %error, more, "cannot follow");
            }
        });
        end
    }

    /// Hands a chunk on, waiting for room.
    fn take(&self, chunk: Chunk, format: Format) -> ControlFlow<Ended> {
        let Some(chunk) = self.resume.borrow_mut().rest(chunk) else {
            return ControlFlow::Continue(());
        };
        let mut pause =
            |wait: Duration| self.stop.recv_timeout(wait) == Err(RecvTimeoutError::Timeout);
        match self.reception.take_chunk_patiently(&chunk, format, &mut pause) {
            None => ControlFlow::Break(Ended::Stopped),
            Some(receipt) if receipt.failed => ControlFlow::Break(Ended::Failed(refusal(&receipt))),
            Some(_) => ControlFlow::Continue(()),
        }
    }
}
