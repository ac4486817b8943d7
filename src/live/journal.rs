//! The journal of a live process: opened, read again, gone on with.

use super::LiveError;
use super::data_dir::DataDir;
use super::positions::{Confirmed, Positions};
use super::start::{Engine, Receptions};
use crate::clock::SharedClock;
use crate::console::Registry;
use crate::emit::outbox::Outbox;
use crate::epoch::{self, Listeners, Reached, RecoverError, Recovered, Run};
use crate::ingest::http::Http;
use crate::ingest::http::events::remember;
use crate::journal::{DIRECTORY, Options, Writer};
use crate::settings::Settings;
use causeway_dataflows::model::Seconds;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_128;

/// A journal whose last frame is whole; nothing of it when there is to be none.
pub(super) struct Opened(Option<Journal>);

struct Journal {
    path: PathBuf,
    writer: Writer,
    run: Run,
    clock: SharedClock,
}

/// What the journal led to.
#[derive(Default)]
pub(super) struct Resumed {
    /// What to go on with.
    pub(super) journal: Option<epoch::Continued>,
    /// The last tick.
    pub(super) tick: Option<Seconds>,
    /// How far each source had read.
    pub(super) reached: BTreeMap<(SmolStr, SmolStr), Reached>,
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
        let (writer, recovery) = Writer::open(&path, options)?;
        if let Some(torn) = &recovery.torn {
            tracing::warn!(?torn, "the journal ended in the middle of an epoch, which is cut away");
        }
        let id = match epoch::first_run(&path)? {
            Some(first) => first.journal,
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
        Ok(Opened(Some(Journal { path, writer, run, clock: Arc::clone(clock) })))
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

    /// Reads the journal again: engine, lists, keys and books are as they were.
    pub(super) fn recover(
        self,
        engine: &mut Engine,
        registry: &Registry,
        receptions: &Receptions,
        http: &Http,
    ) -> Result<Resumed, RecoverError> {
        let Some(journal) = self.0 else { return Ok(Resumed::default()) };
        let Journal { path, writer, run, clock } = journal;
        let began_ns = clock.monotonic_ns();
        let mut listeners = Listeners {
            reception: &|name: &SmolStr| receptions.named(name),
            context: &mut |event| registry.apply(event),
            answered: &mut |head, receipt| remember(http, head, receipt),
        };
        let recovered = epoch::recover(&path, &mut engine.feeder, &engine.notes, &mut listeners)?;
        tell(&recovered, &run, (clock.monotonic_ns() - began_ns) as f64 / 1e9);
        let Recovered { tick, reached, .. } = recovered;
        Ok(Resumed { journal: Some(epoch::Continued::new(writer, run)), tick, reached })
    }
}

fn tell(recovered: &Recovered, run: &Run, seconds: f64) {
    let Some(before) = &recovered.run else { return };
    tracing::info!(
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
