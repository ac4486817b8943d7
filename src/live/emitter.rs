//! The emitting side: from answered epochs to revisions that are told.
//!
//! ```text
//!  Collector ─► Standing ─► books
//!      └─────► Ledger ─► revisions ─┬► Store (readers, live stream)
//!                                   └► outboxes (sinks)
//! ```
//!
//! One thread. It waits when a sink that must not lose anything is full, and with it the
//! engine waits, and the senders once the queue is full.

mod outlets;
mod saved;

use super::cluster::Listing;
use super::positions::Confirmed;
use crate::emit::ledger::Ledger;
use crate::emit::outbox::Outbox;
use crate::emit::standing::{Standing, Tally};
use crate::emit::store::Store;
use crate::emit::wire::{Home, Time, alert_row};
use crate::epoch::Fed;
use crate::runtime::{Collector, EpochOutput};
use crate::snapshot::writer::Part;
use crate::telemetry::EngineBooks;
use crate::telemetry::engine::Shown;
use causeway_dataflows::model::{AlertKey, AlertRow, Disposition, Seconds, Status};
use causeway_dataflows::ops::epochs::Tick;
use crossbeam_channel::{Receiver, Sender};
use outlets::Outlets;
use saved::Saving;
use smol_str::ToSmolStr;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Entries of each table that are handed out for a snapshot at a time: less than a millisecond.
const SLICE: usize = 256;
/// How long an answer is waited for in between.
const BETWEEN: Duration = Duration::from_millis(1);

/// What stands and stood, as far as the engine has answered; cloning shares it.
#[derive(Clone)]
pub(super) struct Kept(Arc<Mutex<(Standing, Tally)>>);

impl Kept {
    fn lock(&self) -> MutexGuard<'_, (Standing, Tally)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The numbers of all of it.
    pub(super) fn tally(&self) -> Tally {
        let (standing, tally) = &*self.lock();
        tally.clone().with(standing)
    }
}

/// What the emitting side works with.
pub(super) struct Emitter {
    ledger: Ledger,
    outlets: Outlets,
    kept: Kept,
    shown: Shown,
    pruned: Seconds,
    /// Where what is remembered goes when a snapshot is wanted.
    parts: Option<Sender<Part>>,
    /// The snapshot under way.
    saving: Option<Saving>,
    /// Where what was found out about the topology is read back.
    listing: Listing,
}

impl Emitter {
    /// `outboxes` come with what each sink has confirmed.
    pub(super) fn new(
        ledger: Ledger,
        horizon: Seconds,
        store: Store,
        outboxes: Vec<(Arc<Outbox>, Confirmed)>,
        (books, listing): (EngineBooks, Listing),
        parts: Option<Sender<Part>>,
    ) -> Self {
        Emitter {
            ledger,
            outlets: Outlets::new(store, outboxes, books),
            kept: Kept(Arc::new(Mutex::new((Standing::new(horizon), Tally::default())))),
            shown: Shown::default(),
            pruned: Seconds::MIN,
            parts,
            saving: None,
            listing,
        }
    }

    /// What it comes to, also for those who cannot wait for its end.
    pub(super) fn kept(&self) -> Kept {
        self.kept.clone()
    }

    /// Runs until the engine has answered its last epoch; returns the books of everything.
    pub(super) fn run(mut self, mut collector: Collector, fed: &Receiver<Fed>) -> Tally {
        while let Some(output) = self.next(&mut collector) {
            // It is sent before the epoch is.
            let Ok(Fed { tick, under_way }) = fed.recv() else { break };
            self.apply(&output, tick);
            if output.is_cut {
                self.begin_saving(output.epoch, tick.now);
            }
            drop((output, under_way));
            while let Some((epoch, engine)) = collector.saved() {
                self.hand_on(Part::Engine { epoch, engine });
            }
        }
        self.go_on_saving(usize::MAX);
        self.kept.tally()
    }

    /// The next answer; before it and until it is there a snapshot gets what it still wants.
    fn next(&mut self, collector: &mut Collector) -> Option<EpochOutput> {
        while self.saving.is_some() {
            self.go_on_saving(SLICE);
            if let Some(output) = collector.poll(BETWEEN) {
                return Some(output);
            }
        }
        collector.next_epoch()
    }

    fn hand_on(&self, part: Part) {
        if let Some(parts) = &self.parts {
            // A writer that is gone has told why.
            let _ = parts.send(part);
        }
    }

    fn apply(&mut self, output: &EpochOutput, tick: Tick) {
        let ended = self.ledger.take_in(output, tick.now);
        self.count(output);
        {
            // Let go before sinks are told, which may take any time.
            let kept = self.kept.clone();
            let (standing, tally) = &mut *kept.lock();
            let taken_back = standing.apply(output, tick.now, tally);
            self.show_alerts(standing, output, &taken_back);
            self.shown.incidents = standing.incidents.len() as u64;
        }
        let Emitter { ledger, outlets, .. } = self;
        ledger.tell(ended, output, tick, |message| outlets.tell(&message));
        if self.pruned < tick.now {
            self.pruned = tick.now;
            self.outlets.store.prune(Time::from_seconds(tick.now));
        }
        self.shown.unannounced = self.ledger.unannounced() as u64;
        self.outlets.answered += 1;
        self.outlets.books.done(tick.now, self.shown);
        self.outlets.books.watched(&output.watched);
        self.listing.hear_all(output.discovered.iter().cloned());
    }

    /// Rows that changed, for readers; members of an incident that nobody has heard of yet
    /// are shown without it.
    fn show_alerts(&self, standing: &Standing, output: &EpochOutput, taken_back: &[AlertKey]) {
        for key in taken_back {
            self.outlets.store.remove_alert(&key.to_smolstr());
        }
        let changed = output.rows.iter().filter(|(_, diff)| *diff > 0);
        let keys: BTreeSet<AlertKey> = changed
            .map(|(row, _)| row.alert.key)
            .chain(output.counts.iter().map(|count| count.key))
            .collect();
        for key in keys {
            let Some(row) = standing.alerts.get(&key) else { continue };
            let home = match row.disposition {
                Disposition::Incident(incident) => self.ledger.told_id(incident).cloned(),
                Disposition::Suppressed(_) | Disposition::Standalone => None,
            };
            let home = home.map_or(Home::None, Home::Incident);
            self.outlets.store.put_alert(alert_row(row, home, standing.counts.get(&key).copied()));
        }
    }

    fn count(&mut self, output: &EpochOutput) {
        for (row, diff) in &output.rows {
            let shown = &mut self.shown;
            let column = match row.disposition {
                Disposition::Suppressed(_) => &mut shown.suppressed,
                Disposition::Standalone => &mut shown.standalone,
                Disposition::Incident(_) => &mut shown.in_incidents,
            };
            *column = column.wrapping_add_signed(*diff as i64);
            if is_firing(row) {
                shown.firing = shown.firing.wrapping_add_signed(*diff as i64);
            }
        }
    }
}

fn is_firing(row: &AlertRow) -> bool {
    matches!(row.alert.status, Status::Firing)
}
