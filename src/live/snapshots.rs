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
    let mut found = None;
    look(snapshots, journal, writer, books, |epoch| {
        found = Some(snapshots.read(epoch)?);
        Ok(true)
    })?;
    Ok(found)
}

/// The epochs of all that hold, in order.
pub(super) fn whole(
    snapshots: &Folder,
    journal: &Path,
    writer: &journal::Writer,
    books: &SnapshotBooks,
) -> Result<Vec<u64>, LiveError> {
    let mut found = Vec::new();
    look(snapshots, journal, writer, books, |epoch| {
        snapshots.check(epoch)?;
        found.insert(0, epoch);
        Ok(false)
    })?;
    Ok(found)
}

/// Looks at snapshots, the newest first, until that is enough.
fn look(
    snapshots: &Folder,
    journal: &Path,
    writer: &journal::Writer,
    books: &SnapshotBooks,
    mut at: impl FnMut(u64) -> Result<bool, SnapshotError>,
) -> Result<(), LiveError> {
    let mut is_none = true;
    for epoch in snapshots.epochs()?.into_iter().rev() {
        if writer.next_epoch().is_none_or(|next| next <= epoch) {
            let (path, ends) = (journal.to_owned(), writer.next_epoch());
            return Err(LiveError::Behind { path, epoch, ends });
        }
        match at(epoch) {
            Ok(true) => return Ok(()),
            Ok(false) => is_none = false,
            Err(error @ SnapshotError::Version { .. }) => return Err(error.into()),
            // What the disk refuses now may be whole: it stays where it is.
            Err(error @ SnapshotError::Io { .. }) => return Err(LiveError::Unreadable(error)),
            Err(error) => {
                let aside = snapshots.set_aside(epoch)?;
                books.damaged();
                let aside = aside.display();
                tracing::error!(%error, %aside, "it is set aside, an older one is looked for");
            }
        }
    }
    match writer.first_epoch() {
        Some(first) if first > 0 && is_none => {
            Err(LiveError::NoSnapshot { path: journal.to_owned(), first })
        }
        _ => Ok(()),
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
