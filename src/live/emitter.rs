//! The emitting side: from answered epochs to revisions that are told.
//!
//! ```text
//!  Collector ─► Standing ─► books
//!      └─────► Ledger ─► revisions ─┬► Store (readers, live stream)
//!                                   └► outboxes (sinks)
//! ```
//!
//! One thread. It waits when a sink that must not lose anything is full, and with
//! it the engine, the queue and the senders wait.

use crate::emit::ledger::Ledger;
use crate::emit::outbox::Outbox;
use crate::emit::standing::{Standing, Tally};
use crate::emit::store::Store;
use crate::emit::wire::{Home, Message, Time, alert_row};
use crate::runtime::{Collector, EpochOutput};
use crate::telemetry::EngineBooks;
use crate::telemetry::engine::Shown;
use causeway_dataflows::model::{AlertKey, AlertRow, Disposition, Seconds, Status};
use causeway_dataflows::ops::epochs::Tick;
use crossbeam_channel::Receiver;
use smol_str::ToSmolStr;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the emitting side works with.
pub(super) struct Emitter {
    ledger: Ledger,
    store: Store,
    outboxes: Vec<Arc<Outbox>>,
    books: EngineBooks,
    standing: Standing,
    tally: Tally,
    shown: Shown,
    sequence: u64,
    pruned: Seconds,
}

impl Emitter {
    pub(super) fn new(
        ledger: Ledger,
        horizon: Seconds,
        store: Store,
        outboxes: Vec<Arc<Outbox>>,
        books: EngineBooks,
    ) -> Self {
        Emitter {
            ledger,
            store,
            outboxes,
            books,
            standing: Standing::new(horizon),
            tally: Tally::default(),
            shown: Shown::default(),
            sequence: 0,
            pruned: Seconds::MIN,
        }
    }

    /// Runs until the engine has answered its last epoch; returns the books of everything.
    pub(super) fn run(mut self, mut collector: Collector, ticks: &Receiver<Tick>) -> Tally {
        while let Some(output) = collector.next_epoch() {
            // The tick of an epoch is sent before the epoch is.
            let Ok(tick) = ticks.recv() else { break };
            self.apply(&output, tick);
        }
        self.tally.with(&self.standing)
    }

    fn apply(&mut self, output: &EpochOutput, tick: Tick) {
        let told = self.ledger.apply(output, tick);
        self.count(output);
        let taken_back = self.standing.apply(output, tick.now, &mut self.tally);
        self.show_alerts(output, &taken_back);
        for message in told {
            self.tell(&message);
        }
        if self.pruned < tick.now {
            self.pruned = tick.now;
            self.store.prune(Time::from_seconds(tick.now));
        }
        self.shown.incidents = self.standing.incidents.len() as u64;
        self.books.done(tick.now, self.shown);
    }

    fn tell(&mut self, message: &Message) {
        self.sequence += 1;
        self.books.told(message.revision.event);
        self.store.publish(message);
        for row in &message.revision.alerts {
            let home = Home::Incident(message.revision.incident_id.clone());
            self.store.put_alert(crate::emit::wire::AlertRow { incident_id: home, ..row.clone() });
        }
        for outbox in &self.outboxes {
            outbox.offer(self.sequence, message);
        }
    }

    /// Rows that changed, for readers; members of an incident that nobody has heard of yet
    /// are shown without it.
    fn show_alerts(&mut self, output: &EpochOutput, taken_back: &[AlertKey]) {
        for key in taken_back {
            self.store.remove_alert(&key.to_smolstr());
        }
        let changed = output.rows.iter().filter(|(_, diff)| *diff > 0);
        let keys: BTreeSet<AlertKey> = changed
            .map(|(row, _)| row.alert.key)
            .chain(output.counts.iter().map(|count| count.key))
            .collect();
        for key in keys {
            let Some(row) = self.standing.alerts.get(&key) else { continue };
            let home = match row.disposition {
                Disposition::Incident(incident) => self.ledger.told_id(incident).cloned(),
                Disposition::Suppressed(_) | Disposition::Standalone => None,
            };
            let home = home.map_or(Home::None, Home::Incident);
            self.store.put_alert(alert_row(row, home, self.standing.counts.get(&key).copied()));
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
