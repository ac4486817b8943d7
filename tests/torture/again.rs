//! A journal read again inside of the test: what it leads to, without a process or a clock.

use causeway::canonical::Reject;
use causeway::clock::{SharedClock, WallClock};
use causeway::config::{self, load_text};
use causeway::emit::ledger::{Emission, Ledger};
use causeway::emit::standing::{Standing, Tally};
use causeway::emit::wire::Message;
use causeway::epoch::{Fed, Listeners, RecoverError, Recovered, recover_from};
use causeway::ingest::reception::Surroundings;
use causeway::ingest::receptions::Receptions;
use causeway::ingest::{Busy, BusyReason, Durable, Intake, Submission};
use causeway::journal::Reader;
use causeway::journal::storage::Storage;
use causeway::replay::Outlet;
use causeway::replay::journal::{JournalReplayError, Plan, replay};
use causeway::runtime::{Collector, Feeder};
use causeway::settings::Settings;
use causeway::telemetry::Metrics;
use causeway_dataflows::model::{AlertCount, AlertKey, AlertRow, Disposition};
use causeway_dataflows::ops::epochs::Epoch;
use crossbeam_channel::{Receiver, Sender};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// What a journal leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Again {
    /// Revisions as they are told, in order.
    pub(super) lines: Vec<String>,
    /// Exact count of each entity's alerts, and whether they are kept out of incidents.
    pub(super) alerts: BTreeMap<String, (u64, bool)>,
    /// The digest of what stands.
    pub(super) digest: String,
    pub(super) epochs: u64,
    /// Lines that were accepted and refused.
    pub(super) accepted: u64,
    pub(super) rejected: u64,
}

/// Checks a configuration.
pub(super) fn settings(yaml: &str) -> Settings {
    let variable = |_: &str| None;
    let file = |path: &Path| panic!("{} is asked for", path.display());
    let around = config::Surroundings { variable: &variable, file: &file };
    Settings::check(&load_text("torture", yaml, &around).unwrap()).unwrap()
}

/// Lines as they are told.
#[derive(Default)]
struct Lines(Vec<String>);

impl Outlet for Lines {
    fn revisions(&mut self, _: Epoch, messages: Vec<Message>) {
        self.0.extend(messages.iter().map(|message| message.line.to_string()));
    }

    fn rejects(&mut self, _: Vec<Reject>) {}
}

/// Reads the journal in `directory` again with a number of workers.
pub(super) fn read_again(
    directory: &Path,
    settings: &Settings,
    workers: usize,
) -> Result<Again, JournalReplayError> {
    read_all_again(&[directory.to_owned()], settings, workers)
}

/// The same for the journals of processes that computed together.
pub(super) fn read_all_again(
    directories: &[PathBuf],
    settings: &Settings,
    workers: usize,
) -> Result<Again, JournalReplayError> {
    let plan = Plan { settings, workers, rows: true };
    let replayed = replay(directories, &plan, Lines::default(), &mut |_, _| {})?;
    let finals = replayed.finals.unwrap_or_default();
    Ok(Again {
        lines: replayed.outlet.0,
        alerts: counted(&finals.alerts, &finals.counts),
        digest: replayed.tally.digest().to_string(),
        epochs: replayed.recovered.epochs,
        accepted: replayed.counts.accepted,
        rejected: replayed.counts.rejected,
    })
}

/// What receptions work in without a process around them.
pub(super) fn surroundings(
    intake: Arc<dyn Intake>,
    clock: SharedClock,
    workers: usize,
) -> Surroundings {
    Surroundings { intake, listener: None, metrics: Metrics::new(&*clock), clock, workers }
}

/// Feeds a journal again, as a start does.
pub(super) fn feed_again<S: Storage>(
    journal: Reader<S>,
    receptions: &Receptions,
    feeder: &mut Feeder,
    notes: &Sender<Fed>,
) -> Result<Recovered, RecoverError> {
    let mut listeners = Listeners {
        reception: &|_, name| receptions.named(name),
        context: &mut |_| {},
        submission: &mut |_, _| {},
        answered: &mut |_, _| {},
    };
    recover_from(vec![journal], feeder, notes, &mut listeners)
}

/// The ids of the dead letters of everything that the journal in `directory` refuses.
pub(super) fn letters(directory: &Path, settings: &Settings) -> BTreeSet<String> {
    let around = surroundings(Arc::new(Nobody), WallClock::shared(), 1);
    let receptions = Receptions::new(settings, &around);
    let mut ids = BTreeSet::new();
    let plan = Plan { settings, workers: 1, rows: false };
    replay(&[directory.to_owned()], &plan, Lines::default(), &mut |head, body| {
        let reception = receptions.named(&head.source).unwrap();
        for reject in reception.rejects_of(head, body) {
            // An id says nothing of when it was first seen.
            ids.insert(reject.dead_letter("", 1).id);
        }
    })
    .unwrap();
    ids
}

/// Takes nothing.
struct Nobody;

impl Intake for Nobody {
    fn submit(&self, _: Submission) -> Result<Durable, Busy> {
        Err(Busy { retry_after: Duration::ZERO, reason: BusyReason::Stopping })
    }
}

/// The count of each entity's alerts, and whether the last of them is kept out of incidents.
fn counted(
    rows: &BTreeMap<AlertKey, Arc<AlertRow>>,
    counts: &BTreeMap<AlertKey, AlertCount>,
) -> BTreeMap<String, (u64, bool)> {
    let mut alerts: BTreeMap<String, (u64, bool)> = BTreeMap::new();
    for (key, row) in rows {
        let count = counts.get(key).map_or(0, |count| count.count);
        let suppressed = matches!(row.disposition, Disposition::Suppressed(_));
        let held = alerts.entry(row.alert.identity.entity.text.to_string()).or_default();
        *held = (held.0 + count, suppressed);
    }
    alerts
}

/// Takes answers until there are no more; what they come to. `told` hears of each line.
pub(super) fn emit(
    collector: &mut Collector,
    fed: &Receiver<Fed>,
    settings: &Settings,
    told: &mut dyn FnMut(&str),
) -> Again {
    let mut ledger = Ledger::new(Emission::of(&settings.emission));
    let mut standing = Standing::new(settings.params.dedup.revise_horizon_seconds);
    let mut tally = Tally::default();
    let mut again = Again::default();
    while let Some(output) = collector.next_epoch() {
        let tick = fed.recv().unwrap().tick;
        for message in ledger.apply(&output, tick) {
            told(&message.line);
            again.lines.push(message.line.to_string());
        }
        standing.apply(&output, tick.now, &mut tally);
        again.epochs += 1;
    }
    again.alerts = counted(&standing.alerts, &standing.counts);
    again.digest = tally.with(&standing).digest().to_string();
    again
}
