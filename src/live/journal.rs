//! The journal of a live process: opened, read again, gone on with.

use super::LiveError;
use super::cluster::Listing;
use super::data_dir::DataDir;
use super::positions::{Confirmed, Positions};
use super::sinks::Sinks;
use super::snapshots::{Past, Snapshots, newest, resume_sources, whole};
use super::start::{Core, Engine};
use crate::clock::SharedClock;
use crate::cluster::{State, Table};
use crate::emit::outbox::Outbox;
use crate::epoch::{self, Listeners, RecoverError, Recovered, Run};
use crate::ingest::http::Http;
use crate::ingest::http::events::remember;
use crate::ingest::http::idempotency::Keys;
use crate::ingest::receptions::Receptions;
use crate::journal::{self, DIRECTORY, Options};
use crate::settings::Settings;
use crate::snapshot::writer;
use crate::snapshot::{self, Folder, Snapshot};
use crate::telemetry::snapshots::SnapshotBooks;
use crate::telemetry::{JournalBooks, Metrics};
use causeway_dataflows::context::SavedThing;
use causeway_dataflows::model::{ContextEvent, Seconds};
use smol_str::SmolStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// A journal whose last frame is whole, and the snapshot after which it is read; nothing of them
/// when there is to be none.
pub(super) struct Opened(Option<Journal>);

struct Journal {
    path: PathBuf,
    writer: journal::Writer,
    run: Run,
    clock: SharedClock,
    snapshots: Folder,
    past: Option<Snapshot>,
    books: JournalBooks,
}

/// What the journal led to.
#[derive(Default)]
pub(super) struct Resumed {
    /// What to go on with.
    pub(super) journal: Option<epoch::Continued>,
    /// What tells it from every other; empty when there is none.
    pub(super) name: String,
    /// The last tick.
    pub(super) tick: Option<Seconds>,
    /// Epochs of it that were read again.
    pub(super) epochs: u64,
}

impl Opened {
    /// Opens the journal that the settings ask for, and cuts a torn tail off.
    pub(super) fn at(
        settings: &Settings,
        data_dir: &DataDir,
        clock: &SharedClock,
        (metrics, snapshot_books): (&Metrics, &SnapshotBooks),
        others: Option<&Table>,
    ) -> Result<Opened, LiveError> {
        if !settings.journal.enabled {
            return Ok(Opened(None));
        }
        // Of several processes the others may have what this one lost.
        if others.is_none() {
            data_dir.has_what_was_told()?;
        }
        let path = data_dir.path().join(DIRECTORY);
        let options =
            Options { segment_bytes: settings.journal.segment_bytes, ..Options::default() };
        let (mut writer, recovery) = journal::Writer::open(&path, options)?;
        if let Some(torn) = &recovery.torn {
            tracing::warn!(?torn, "the journal ended in the middle of an epoch, which is cut away");
        }
        let snapshots = Folder::of(data_dir.path());
        let new = || {
            let seed = format!("{} {}", clock.now_ns(), std::process::id());
            format!("{:032x}", xxh3_128(seed.as_bytes()))
        };
        let (run, past) = match others {
            None => {
                let past = newest(&snapshots, &path, &writer, snapshot_books)?;
                let known = match &past {
                    Some(past) => Some(past.head.run.clone()),
                    None => epoch::first_run(&path)?,
                };
                (Run::of(settings, known.map_or_else(new, |known| known.journal)), past)
            }
            Some(others) => {
                let whole = whole(&snapshots, &path, &writer, snapshot_books)?;
                let name = name_of(&snapshots, &whole, &path)?.unwrap_or_else(new);
                let own = (Run::of(settings, name), whole);
                let (run, epoch) = with_others(others, settings, own, (&mut writer, &path))?;
                (run, epoch.map(|epoch| snapshots.read(epoch)).transpose()?)
            }
        };
        let books = JournalBooks::new(&writer);
        metrics.add(Box::new(books.clone()));
        let clock = Arc::clone(clock);
        Ok(Opened(Some(Journal { path, writer, run, clock, snapshots, past, books })))
    }

    /// What the engine and the emitting side go on with; the lists get what stood.
    pub(super) fn take_past(&mut self, settings: &Settings, listing: &Listing) -> Option<Past> {
        let past = self.0.as_mut()?.past.as_mut()?;
        let events = past.engine.things.iter().filter_map(SavedThing::event);
        listing.hear_all(events.map(|event| ContextEvent::clone(event)));
        let engine = past.take_engine(settings);
        Some(Past { engine, emission: std::mem::take(&mut past.emission) })
    }

    /// Starts the thread that writes snapshots, when there is a journal.
    pub(super) fn snapshots(
        &self,
        settings: &Settings,
        keys: &Keys,
        core: &Core,
    ) -> Result<Option<Snapshots>, LiveError> {
        let Some(journal) = &self.0 else { return Ok(None) };
        let writing = writer::Settings {
            folder: journal.snapshots.clone(),
            run: journal.run.clone(),
            source_names: settings.sources.iter().map(|source| source.name().clone()).collect(),
            keys: keys.clone(),
            clock: Arc::clone(&journal.clock),
            books: core.snapshots.clone(),
            others: core.listing.with_others(),
        };
        let kept = journal.snapshots.epochs()?;
        let (parts, progress, thread) = snapshot::Writer::start(writing, kept)?;
        Ok(Some(Snapshots { parts, progress, thread }))
    }

    /// What tells the journal from every other; empty when there is none.
    pub(super) fn name(&self) -> &str {
        self.0.as_ref().map_or("", |journal| &journal.run.journal)
    }

    /// How far each sink has confirmed what this journal led to.
    #[expect(clippy::type_complexity, reason = "said once, and each part is plain")]
    pub(super) fn positions(
        &self,
        data_dir: &DataDir,
        sinks: &Sinks,
    ) -> Result<(Option<Positions>, Vec<(Arc<Outbox>, Confirmed)>), LiveError> {
        let outboxes = &sinks.outboxes;
        let Some(journal) = &self.0 else {
            let nothing = |outbox: &Arc<Outbox>| (Arc::clone(outbox), Confirmed::default());
            return Ok((None, outboxes.iter().map(nothing).collect()));
        };
        let of = (journal.run.journal.as_str(), journal.writer.next_epoch().unwrap_or(0));
        let (positions, confirmed) = Positions::open(data_dir, of, outboxes, &sinks.confirmed)?;
        Ok((Some(positions), outboxes.iter().cloned().zip(confirmed).collect()))
    }

    /// Takes the sources of the snapshot and reads the rest of the journal: engine, lists, keys
    /// and books are as they were.
    pub(super) fn recover(
        self,
        engine: &mut Engine,
        listing: &Listing,
        receptions: &Receptions,
        http: &Http,
    ) -> Result<Resumed, RecoverError> {
        let Some(journal) = self.0 else { return Ok(Resumed::default()) };
        let Journal { path, writer, run, clock, past, books, .. } = journal;
        let began_ns = clock.monotonic_ns();
        let from = past.as_ref().map(|past| past.head.epoch + 1);
        let tick = past.as_ref().map(|past| past.head.now);
        let before = past.as_ref().map(|past| (past.head.epoch, past.head.run.clone()));
        if let Some(past) = past {
            resume_sources(past.sources, receptions, http);
        }
        let mut listeners = Listeners {
            reception: &|_, name: &SmolStr| receptions.named(name),
            context: &mut |event| listing.hear(event),
            submission: &mut |_, _| {},
            answered: &mut |head, receipt| remember(http, head, receipt),
        };
        let mut recovered =
            epoch::recover(&[path], from, &mut engine.feeder, &engine.notes, &mut listeners)?;
        recovered.runs.splice(0..0, before);
        let seconds = (clock.monotonic_ns() - began_ns) as f64 / 1e9;
        books.recovered(recovered.epochs, seconds);
        tell(&recovered, &run, from.map(|from| from - 1), seconds);
        let name = run.journal.clone();
        let journal = Some(epoch::Continued::new(writer, run, books));
        let Recovered { epochs, tick: last, .. } = recovered;
        Ok(Resumed { journal, name, tick: last.or(tick), epochs })
    }
}

/// The name of a journal that was written to before.
fn name_of(snapshots: &Folder, whole: &[u64], journal: &Path) -> Result<Option<String>, LiveError> {
    if let Some(newest) = whole.last() {
        return Ok(Some(snapshots.head(*newest)?.run.journal));
    }
    Ok(epoch::first_run(journal)?.map(|run| run.journal))
}

/// What all processes go on with: who writes, and after which snapshot. Epochs that never got
/// to this journal are in it from here on.
fn with_others(
    others: &Table,
    settings: &Settings,
    (run, snapshots): (Run, Vec<u64>),
    (writer, path): (&mut journal::Writer, &Path),
) -> Result<(Run, Option<u64>), LiveError> {
    let own = State {
        run,
        workers: settings.workers,
        snapshots,
        first: writer.first_epoch(),
        next: writer.next_epoch().unwrap_or(0),
    };
    let agreed =
        others.agree(&own, |from| epoch::orders_from(path, from).map_err(LiveError::from))?;
    let run = Run::of(settings, agreed.journal);
    epoch::fill(writer, &run, &agreed.missing)?;
    Ok((run, agreed.snapshot))
}

fn tell(recovered: &Recovered, run: &Run, snapshot: Option<u64>, seconds: f64) {
    let Some((_, before)) = recovered.runs.last() else { return };
    let left_out: u64 = recovered.left_out.values().sum();
    tracing::info!(
        snapshot,
        epochs = recovered.epochs,
        submissions = recovered.submissions,
        left_out,
        seconds,
        "the journal is read again"
    );
    if left_out > 0 {
        tracing::warn!(
            submissions = left_out,
            "of sources that are configured no more; they are left out"
        );
    }
    if !before.decides_as(run) {
        tracing::warn!(
            "the settings or the version changed since: what was told before may be told otherwise"
        );
    }
}
