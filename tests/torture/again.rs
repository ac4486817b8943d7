//! A journal read again inside of the test: what it leads to, without a process or a clock.

use causeway::clock::ManualClock;
use causeway::config::{Surroundings, load_text};
use causeway::console::SOURCE;
use causeway::emit::ledger::{Emission, Ledger};
use causeway::emit::standing::{Standing, Tally};
use causeway::epoch::{Listeners, RecoverError, recover};
use causeway::ingest::reception::{Reception, Surroundings as Around};
use causeway::ingest::{Busy, Durable, Intake, Reservation, Submission};
use causeway::runtime::{Collector, start};
use causeway::settings::Settings;
use causeway::telemetry::Metrics;
use causeway_dataflows::model::Disposition;
use causeway_dataflows::ops::epochs::Tick;
use crossbeam_channel::{Receiver, unbounded};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Epochs under way at a time: all of a small journal.
const OUTSTANDING_MAX: usize = 1 << 20;

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
    let around = Surroundings { variable: &variable, file: &file };
    Settings::check(&load_text("torture", yaml, &around).unwrap()).unwrap()
}

/// Takes nothing: a journal that is read again needs no queue.
struct Nowhere;

impl Intake for Nowhere {
    fn reserve(&self, _bytes: usize) -> Result<Reservation, Busy> {
        Ok(Reservation::none())
    }

    fn submit(&self, _batch: Submission) -> Result<Durable, Busy> {
        Ok(Durable::now())
    }
}

/// Receptions by name, as a process with these settings has them.
pub(super) fn receptions(settings: &Settings, around: &Around) -> Vec<Reception> {
    let configured = settings.sources.iter().map(|of| Reception::new(of, around.clone()));
    configured.chain([Reception::internal(SOURCE, around.clone())]).collect()
}

/// Reads the journal in `directory` again with a number of workers.
pub(super) fn read_again(
    directory: &Path,
    settings: &Settings,
    workers: usize,
) -> Result<Again, RecoverError> {
    let clock = Arc::new(ManualClock::at_seconds(0));
    let metrics = Metrics::new(&*clock);
    let around = Around {
        intake: Arc::new(Nowhere),
        letters: None,
        listener: None,
        metrics: metrics.clone(),
        clock,
        workers,
    };
    let receptions = receptions(settings, &around);
    let (mut feeder, mut collector) = start(workers, &settings.params, OUTSTANDING_MAX).unwrap();
    let (notes, ticks) = unbounded();
    let mut listeners = Listeners {
        reception: &|name| receptions.iter().find(|reception| reception.name() == name),
        context: &mut |_| {},
        submission: &mut |_, _| {},
        answered: &mut |_, _| {},
    };
    let recovered = recover(directory, None, &mut feeder, &notes, &mut listeners);
    drop((feeder, notes));
    let again = emit(&mut collector, &ticks, settings, &mut |_| {});
    recovered?;
    let counts = metrics.ingest.total();
    Ok(Again { accepted: counts.accepted, rejected: counts.rejected, ..again })
}

/// Takes answers until there are no more; what they come to. `told` hears of each line.
pub(super) fn emit(
    collector: &mut Collector,
    ticks: &Receiver<Tick>,
    settings: &Settings,
    told: &mut dyn FnMut(&str),
) -> Again {
    let mut ledger = Ledger::new(Emission::of(&settings.emission));
    let mut standing = Standing::new(settings.params.dedup.revise_horizon_seconds);
    let mut tally = Tally::default();
    let mut again = Again::default();
    while let Some(output) = collector.next_epoch() {
        let tick = ticks.recv().unwrap();
        for message in ledger.apply(&output, tick) {
            told(&message.line);
            again.lines.push(message.line.to_string());
        }
        standing.apply(&output, tick.now, &mut tally);
        again.epochs += 1;
    }
    for (key, row) in &standing.alerts {
        let count = standing.counts.get(key).map_or(0, |count| count.count);
        let suppressed = matches!(row.disposition, Disposition::Suppressed(_));
        let held = again.alerts.entry(row.alert.identity.entity.text.to_string()).or_default();
        *held = (held.0 + count, suppressed);
    }
    again.digest = tally.with(&standing).digest().to_string();
    again
}
