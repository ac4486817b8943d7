//! Where a revision goes once the ledger has it.

use crate::emit::outbox::Outbox;
use crate::emit::store::Store;
use crate::emit::wire::{AlertRow, Home, Message};
use crate::live::positions::Confirmed;
use crate::telemetry::EngineBooks;
use std::sync::Arc;

/// Readers, sinks and the books.
pub(super) struct Outlets {
    pub(super) store: Store,
    pub(super) outboxes: Vec<(Arc<Outbox>, Confirmed)>,
    /// Epochs that were answered, which is the number of the next one in the journal.
    pub(super) answered: u64,
    pub(super) books: EngineBooks,
    /// The number of the last revision.
    pub(super) sequence: u64,
}

impl Outlets {
    pub(super) fn new(
        store: Store,
        outboxes: Vec<(Arc<Outbox>, Confirmed)>,
        books: EngineBooks,
    ) -> Outlets {
        Outlets { store, outboxes, answered: 0, books, sequence: 0 }
    }

    /// Tells all of them; waits when a sink that must not lose anything is full.
    pub(super) fn tell(&mut self, message: &Message) {
        self.sequence += 1;
        self.books.told(message.revision.event);
        self.store.publish(message);
        for row in &message.revision.alerts {
            let home = Home::Incident(message.revision.incident_id.clone());
            self.store.put_alert(AlertRow { incident_id: home, ..row.clone() });
        }
        for (outbox, confirmed) in &self.outboxes {
            if confirmed.holds(self.sequence, self.answered) {
                outbox.restore(self.sequence, &message.revision);
            } else {
                outbox.offer(self.sequence, message);
            }
        }
    }
}
