//! Sources that are read by a thread of their own: files, followed or not, and standard input.

use super::resume::Resume;
use crate::canonical::Format;
use crate::ingest::chunk::{Chunk, ChunkLimits};
use crate::ingest::file::{Files, Follower};
use crate::ingest::reception::{Receipt, Reception};
use crate::ingest::receptions::Receptions;
use crate::ingest::stdin;
use crate::settings::{SourceKind, SourceSettings};
use crate::telemetry::Repeats;
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
    /// How many were started.
    pub(super) count: usize,
    /// Sources that never end by themselves: servers and followers.
    pub(super) endless: usize,
}

/// What a reader's thread works with.
struct Reader {
    reception: Arc<Reception>,
    repeats: Arc<Repeats>,
    stop: Receiver<()>,
    line_bytes_max: usize,
    resume: RefCell<Resume>,
}

impl Readers {
    /// Starts the threads; each reports its end to `ended`. What was read before is not taken
    /// again.
    pub(super) fn start(
        sources: &[SourceSettings],
        receptions: &Receptions,
        repeats: &Arc<Repeats>,
        ended: &UnboundedSender<(SmolStr, Ended)>,
    ) -> std::io::Result<Readers> {
        let (stop, stopped) = bounded(0);
        let mut readers = Readers { stop, count: 0, endless: 0 };
        for source in sources {
            let kind = source.kind.clone();
            if let SourceKind::Http { .. } = kind {
                readers.endless += 1;
                continue;
            }
            if matches!(kind, SourceKind::File { follow: true, .. }) {
                readers.endless += 1;
            }
            let reception = receptions.of(source);
            let reader = Reader {
                resume: RefCell::new(Resume::after(reception.reached())),
                reception,
                repeats: Arc::clone(repeats),
                stop: stopped.clone(),
                line_bytes_max: source.decode.limits.event_bytes_max,
            };
            let (name, ended) = (source.name().clone(), ended.clone());
            std::thread::Builder::new().name(format!("source-{name}")).spawn(move || {
                let end = reader.read(&kind);
                // The process may be gone already.
                let _ = ended.send((name, end));
            })?;
            readers.count += 1;
        }
        Ok(readers)
    }

    /// Tells every reader to stop. One that waits for standard input never hears of it,
    /// and ends with the process.
    pub(super) fn stop(self) {
        drop(self.stop);
    }
}

impl Reader {
    fn read(&self, kind: &SourceKind) -> Ended {
        match kind {
            SourceKind::Http { .. } => Ended::Exhausted,
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

fn refusal(receipt: &Receipt) -> String {
    let first = receipt.rejects.first();
    let what = first.map_or(String::new(), |refused| {
        format!("line {}, {}: {}; ", refused.line, refused.code, refused.message)
    });
    format!("{what}the source's policy is to fail on rejects (`on_violation.reject: fail`)")
}
