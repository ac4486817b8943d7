//! The journal of a live process: opened, read again, gone on with.

use super::LiveError;
use super::data_dir::DataDir;
use super::positions::{Confirmed, Positions};
use super::start::{Engine, Receptions};
use crate::clock::SharedClock;
use crate::console::Registry;
use crate::emit::outbox::Outbox;
use crate::epoch::{self, Listeners, RecoverError, Recovered, Run};
use crate::ingest::http::Http;
use crate::ingest::http::events::{EVENTS, remember};
use crate::ingest::http::idempotency::Keys;
use crate::journal::{self, DIRECTORY, Options};
use crate::runtime;
use crate::settings::Settings;
use crate::snapshot::writer::{self, Part, Progress};
use crate::snapshot::{self, Folder, Snapshot, SnapshotError};
use crate::telemetry::snapshots::SnapshotBooks;
use causeway_dataflows::context::SavedThing;
use causeway_dataflows::model::{Seconds, SourceIndex};
use causeway_dataflows::ops::epochs::Tick;
use causeway_dataflows::pipeline::Saved;
use crossbeam_channel::Sender;
use smol_str::SmolStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
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
}

/// What the journal led to.
#[derive(Default)]
pub(super) struct Resumed {
    /// What to go on with.
    pub(super) journal: Option<epoch::Continued>,
    /// The last tick.
    pub(super) tick: Option<Seconds>,
}

impl Opened {
    /// Opens the journal that the settings ask for, and cuts a torn tail off.
    pub(super) fn at(
        settings: &Settings,
        data_dir: &DataDir,
        clock: &SharedClock,
    ) -> Result<Opened, LiveError> {
        if !settings.journal.enabled {
            return Ok(Opened(None));
        }
        let path = data_dir.path().join(DIRECTORY);
        let options =
            Options { segment_bytes: settings.journal.segment_bytes, ..Options::default() };
        let (writer, recovery) = journal::Writer::open(&path, options)?;
        if let Some(torn) = &recovery.torn {
            tracing::warn!(?torn, "the journal ended in the middle of an epoch, which is cut away");
        }
        let snapshots = Folder::of(data_dir.path());
        let past = newest(&snapshots, &path, &writer)?;
        let known = match &past {
            Some(past) => Some(past.head.run.clone()),
            None => epoch::first_run(&path)?,
        };
        let id = match known {
            Some(known) => known.journal,
            None => {
                let seed = format!("{} {}", clock.now_ns(), std::process::id());
                format!("{:032x}", xxh3_128(seed.as_bytes()))
            }
        };
        let decides = (&settings.params, &settings.emission, settings.sources.len());
        let run = Run {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            settings: format!("{:032x}", xxh3_128(format!("{decides:?}").as_bytes())),
            journal: id,
        };
        let clock = Arc::clone(clock);
        Ok(Opened(Some(Journal { path, writer, run, clock, snapshots, past })))
    }

    /// What the engine and the emitting side go on with; the lists get what stood.
    pub(super) fn take_past(&mut self, settings: &Settings, registry: &Registry) -> Option<Past> {
        let past = self.0.as_mut()?.past.as_mut()?;
        past.engine.things.iter().filter_map(SavedThing::event).for_each(|e| registry.apply(e));
        let tick = Tick { now: past.head.now, drain: false };
        let mut saved = std::mem::take(&mut past.engine);
        rename_sources(&mut saved, &past.head.source_names, settings);
        let engine = runtime::Past { epoch: past.head.epoch, tick, saved };
        Some(Past { engine, emission: std::mem::take(&mut past.emission) })
    }

    /// Starts the thread that writes snapshots, when there is a journal.
    pub(super) fn snapshots(
        &self,
        settings: &Settings,
        keys: &Keys,
        books: &SnapshotBooks,
    ) -> Result<Option<Snapshots>, LiveError> {
        let Some(journal) = &self.0 else { return Ok(None) };
        let writing = writer::Settings {
            folder: journal.snapshots.clone(),
            run: journal.run.clone(),
            source_names: settings.sources.iter().map(|source| source.name().clone()).collect(),
            keys: keys.clone(),
            clock: Arc::clone(&journal.clock),
            books: books.clone(),
        };
        let oldest = journal.snapshots.epochs()?.first().copied();
        let (parts, progress, thread) = snapshot::Writer::start(writing, oldest)?;
        Ok(Some(Snapshots { parts, progress, thread }))
    }

    /// How far each sink has confirmed what this journal led to.
    #[expect(clippy::type_complexity, reason = "said once, and each part is plain")]
    pub(super) fn positions(
        &self,
        data_dir: &DataDir,
        outboxes: &[Arc<Outbox>],
    ) -> Result<(Option<Positions>, Vec<(Arc<Outbox>, Confirmed)>), LiveError> {
        let Some(journal) = &self.0 else {
            let nothing = |outbox: &Arc<Outbox>| (Arc::clone(outbox), Confirmed::default());
            return Ok((None, outboxes.iter().map(nothing).collect()));
        };
        let of = (journal.run.journal.as_str(), journal.writer.next_epoch().unwrap_or(0));
        let (positions, confirmed) = Positions::open(data_dir, of, outboxes)?;
        Ok((Some(positions), outboxes.iter().cloned().zip(confirmed).collect()))
    }

    /// Takes the sources of the snapshot and reads the rest of the journal: engine, lists, keys
    /// and books are as they were.
    pub(super) fn recover(
        self,
        engine: &mut Engine,
        registry: &Registry,
        receptions: &Receptions,
        http: &Http,
        books: &SnapshotBooks,
    ) -> Result<Resumed, RecoverError> {
        let Some(journal) = self.0 else { return Ok(Resumed::default()) };
        let Journal { path, writer, run, clock, past, .. } = journal;
        let began_ns = clock.monotonic_ns();
        let from = past.as_ref().map(|past| past.head.epoch + 1);
        let (tick, before) = past.as_ref().map(|p| (p.head.now, p.head.run.clone())).unzip();
        if let Some(past) = past {
            resume_sources(past.sources, receptions, http);
        }
        let mut listeners = Listeners {
            reception: &|name: &SmolStr| receptions.named(name),
            context: &mut |event| registry.apply(event),
            answered: &mut |head, receipt| remember(http, head, receipt),
        };
        let mut recovered =
            epoch::recover(&path, from, &mut engine.feeder, &engine.notes, &mut listeners)?;
        recovered.run = recovered.run.or(before);
        recovered.tick = recovered.tick.or(tick);
        let seconds = (clock.monotonic_ns() - began_ns) as f64 / 1e9;
        books.recovered(seconds, recovered.epochs);
        tell(&recovered, &run, from.map(|from| from - 1), seconds);
        let journal = Some(epoch::Continued::new(writer, run));
        Ok(Resumed { journal, tick: recovered.tick })
    }
}

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

/// The newest snapshot that holds, if there is one. A damaged one is passed over, because the
/// journal is kept from the one before it.
fn newest(
    snapshots: &Folder,
    journal: &Path,
    writer: &journal::Writer,
) -> Result<Option<Snapshot>, LiveError> {
    for epoch in snapshots.epochs()?.into_iter().rev() {
        if writer.next_epoch().is_none_or(|next| next <= epoch) {
            let (path, ends) = (journal.to_owned(), writer.next_epoch());
            return Err(LiveError::Behind { path, epoch, ends });
        }
        match snapshots.read(epoch) {
            Ok(snapshot) => return Ok(Some(snapshot)),
            Err(error @ SnapshotError::Version { .. }) => return Err(error.into()),
            Err(error) => tracing::error!(%error, "it is left aside, an older one is looked for"),
        }
    }
    match writer.first_epoch() {
        Some(first) if first > 0 => Err(LiveError::NoSnapshot { path: journal.to_owned(), first }),
        _ => Ok(None),
    }
}

/// Alerts name their source by its place, which a change of the configuration moves.
fn rename_sources(saved: &mut Saved, then: &[SmolStr], settings: &Settings) {
    let now = |name: &SmolStr| settings.sources.iter().position(|source| source.name() == name);
    let moved: Vec<Option<usize>> = then.iter().map(now).collect();
    for key in &mut saved.keys {
        let source = key.source_mut();
        let place = moved.get(usize::from(*source)).copied().flatten();
        // Of a source that is no more, the policy of the first applies.
        *source = place.and_then(|place| SourceIndex::try_from(place).ok()).unwrap_or(0);
    }
}

fn resume_sources(sources: snapshot::Sources, receptions: &Receptions, http: &Http) {
    for saved in sources.sources {
        match receptions.named(&saved.name) {
            Some(reception) => reception.restore(saved),
            None => tracing::warn!(source = %saved.name, "is configured no more"),
        }
    }
    http.keys.restore(sources.keys, &[EVENTS]);
}

fn tell(recovered: &Recovered, run: &Run, snapshot: Option<u64>, seconds: f64) {
    let Some(before) = &recovered.run else { return };
    tracing::info!(
        snapshot,
        epochs = recovered.epochs,
        submissions = recovered.submissions,
        left_out = recovered.left_out,
        seconds,
        "the journal is read again"
    );
    if recovered.left_out > 0 {
        tracing::warn!(
            submissions = recovered.left_out,
            "of sources that are configured no more; they are left out"
        );
    }
    if (&before.settings, &before.version) != (&run.settings, &run.version) {
        tracing::warn!(
            "the settings or the version changed since: what was told before may be told otherwise"
        );
    }
}
