//! Going on from a snapshot, and writing the next.

use super::LiveError;
use crate::ingest::http::Http;
use crate::ingest::http::events::EVENTS;
use crate::ingest::receptions::Receptions;
use crate::journal;
use crate::runtime;
use crate::snapshot::writer::{Part, Progress};
use crate::snapshot::{self, Folder, Snapshot, SnapshotError};
use crate::telemetry::snapshots::SnapshotBooks;
use crossbeam_channel::Sender;
use std::path::Path;
use std::thread::JoinHandle;

/// What the engine and the emitting side go on with after a snapshot.
pub(super) struct Past {
    pub(super) engine: runtime::Past,
    pub(super) emission: snapshot::Emission,
}

/// The thread that writes snapshots, and how it is asked to.
pub(super) struct Snapshots {
    pub(super) parts: Sender<Part>,
    pub(super) progress: Progress,
    pub(super) thread: JoinHandle<()>,
}

/// The newest snapshot that holds, if there is one. A damaged one is set aside, because the
/// journal is kept from the one before it, which must not be taken for one too many later.
pub(super) fn newest(
    snapshots: &Folder,
    journal: &Path,
    writer: &journal::Writer,
    books: &SnapshotBooks,
) -> Result<Option<Snapshot>, LiveError> {
    for epoch in snapshots.epochs()?.into_iter().rev() {
        if writer.next_epoch().is_none_or(|next| next <= epoch) {
            let (path, ends) = (journal.to_owned(), writer.next_epoch());
            return Err(LiveError::Behind { path, epoch, ends });
        }
        match snapshots.read(epoch) {
            Ok(snapshot) => return Ok(Some(snapshot)),
            Err(error @ SnapshotError::Version { .. }) => return Err(error.into()),
            Err(error) => {
                let aside = snapshots.set_aside(epoch)?;
                books.damaged();
                let aside = aside.display();
                tracing::error!(%error, %aside, "it is set aside, an older one is looked for");
            }
        }
    }
    match writer.first_epoch() {
        Some(first) if first > 0 => Err(LiveError::NoSnapshot { path: journal.to_owned(), first }),
        _ => Ok(None),
    }
}

pub(super) fn resume_sources(sources: snapshot::Sources, receptions: &Receptions, http: &Http) {
    for saved in sources.sources {
        match receptions.named(&saved.name) {
            Some(reception) => reception.restore(saved),
            None => tracing::warn!(source = %saved.name, "is configured no more"),
        }
    }
    http.keys.restore(sources.keys, &[EVENTS]);
}
