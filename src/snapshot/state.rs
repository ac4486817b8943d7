//! What a snapshot holds.

use crate::emit::ledger::SavedLedger;
use crate::emit::outbox::SavedOutbox;
use crate::emit::standing::Tally;
use crate::emit::store::SavedStore;
use crate::epoch::Run;
use crate::ingest::http::idempotency::SavedKey;
use crate::ingest::reception::SavedSource;
use crate::runtime::Past;
use crate::settings::Settings;
use causeway_dataflows::model::{AlertCount, Incident, Seconds, SourceIndex};
use causeway_dataflows::ops::epochs::Tick;
use causeway_dataflows::pipeline::Saved;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// All that a process remembers after an epoch.
#[derive(Debug)]
pub struct Snapshot {
    /// Which epoch, of which journal.
    pub head: Head,
    /// What the engine remembers.
    pub engine: Saved,
    /// What was told.
    pub emission: Emission,
    /// What was taken.
    pub sources: Sources,
}

impl Snapshot {
    /// What the engine goes on with under these settings.
    pub fn take_engine(&mut self, settings: &Settings) -> Past {
        let mut saved = std::mem::take(&mut self.engine);
        // Alerts name their source by its place, which a change of the configuration moves.
        let now = |name: &SmolStr| settings.sources.iter().position(|of| of.name() == name);
        let moved: Vec<Option<usize>> = self.head.source_names.iter().map(now).collect();
        let keys = saved.keys.iter_mut().map(|key| key.source_mut());
        let watches = saved.watches.iter_mut().map(|watch| watch.source_mut());
        for source in keys.chain(watches) {
            let place = moved.get(usize::from(*source)).copied().flatten();
            // Of a source that is no more, the policy of the first applies.
            *source = place.and_then(|place| SourceIndex::try_from(place).ok()).unwrap_or(0);
        }
        let tick = Tick { now: self.head.now, drain: false };
        Past { epoch: self.head.epoch, tick, saved }
    }
}

/// What a snapshot is one of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The last epoch that is in it.
    pub epoch: u64,
    /// The tick of that epoch.
    pub now: Seconds,
    /// Who wrote it.
    pub run: Run,
    /// The names of the sources in the order by which alerts know them.
    pub source_names: Vec<SmolStr>,
}

/// What the emitting side remembers.
#[derive(Clone, Debug, Default)]
pub struct Emission {
    /// Public ids.
    pub ledger: SavedLedger,
    /// Incidents that stand.
    pub incidents: Vec<Arc<Incident>>,
    /// Exact counts of standing alerts.
    pub counts: Vec<AlertCount>,
    /// What stood and stands no more.
    pub tally: Tally,
    /// What readers can ask for.
    pub store: SavedStore,
    /// What waits before each sink.
    pub outboxes: Vec<SavedOutbox>,
    /// Revisions told so far.
    pub sequence: u64,
}

impl Emission {
    /// Leaves out what the ledger holds of what the store holds as well.
    pub fn leave_out_twice(&mut self) {
        let held = self.store.revisions();
        self.ledger.leave_out(|last| held.binary_search(&Arc::as_ptr(last)).is_ok());
    }

    /// Puts back what was left out, and finds out what the lines say.
    ///
    /// # Errors
    /// When a line is no revision, or one is missing.
    pub fn put_back(&mut self) -> serde_json::Result<()> {
        let told = self.store.read()?;
        self.ledger.put_back(|id| told.get(id).cloned())
    }
}

/// What the receiving side remembers.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// By source.
    pub sources: Vec<SavedSource>,
    /// Idempotency-Keys.
    pub keys: Vec<SavedKey>,
}
