//! What stands at the end of a replay, rows that left the horizon included.

use crate::emit::standing::{Archive, Standing, Tally};
use crate::runtime::EpochOutput;
use causeway_dataflows::model::{AlertCount, AlertKey, AlertRow, Incident, IncidentKey, Seconds};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The last row of every alert and incident.
#[derive(Debug, Default)]
pub struct Finals {
    /// Every alert that was not taken back.
    pub alerts: BTreeMap<AlertKey, Arc<AlertRow>>,
    /// Every incident that was not taken back.
    pub incidents: BTreeMap<IncidentKey, Arc<Incident>>,
    /// Exact counts.
    pub counts: BTreeMap<AlertKey, AlertCount>,
    /// Revisions told on the way.
    pub told: u64,
}

impl Archive for Finals {
    fn alert(&mut self, row: Arc<AlertRow>, count: Option<AlertCount>) {
        self.counts.extend(count.map(|count| (row.alert.key, count)));
        self.alerts.insert(row.alert.key, row);
    }

    fn incident(&mut self, incident: Arc<Incident>) {
        self.incidents.insert(incident.key, incident);
    }
}

impl Finals {
    /// The books and the digest of all of it.
    pub fn tally(&self) -> Tally {
        let mut tally = Tally::default();
        for (key, row) in &self.alerts {
            tally.alert(row.clone(), self.counts.get(key).copied());
        }
        for incident in self.incidents.values() {
            tally.incident(incident.clone());
        }
        tally
    }
}

/// What stands and stood at the end.
pub(super) struct Kept {
    /// The numbers of all of it.
    pub(super) tally: Tally,
    /// The rows, when they were wanted.
    pub(super) finals: Option<Finals>,
    /// Revisions told on the way.
    pub(super) told: u64,
}

/// Keeps what stands, and of what stood the numbers and, when they are wanted, the rows: a
/// journal may hold more of them than fit.
pub(super) struct Keeper {
    standing: Standing,
    stood: Stood,
}

struct Stood {
    tally: Tally,
    finals: Option<Finals>,
}

impl Archive for Stood {
    fn alert(&mut self, row: Arc<AlertRow>, count: Option<AlertCount>) {
        if let Some(finals) = &mut self.finals {
            finals.alert(Arc::clone(&row), count);
        }
        self.tally.alert(row, count);
    }

    fn incident(&mut self, incident: Arc<Incident>) {
        if let Some(finals) = &mut self.finals {
            finals.incident(Arc::clone(&incident));
        }
        self.tally.incident(incident);
    }
}

impl Keeper {
    pub(super) fn new(horizon: Seconds, rows: bool) -> Self {
        let stood = Stood { tally: Tally::default(), finals: rows.then(Finals::default) };
        Keeper { standing: Standing::new(horizon), stood }
    }

    /// Goes on after a snapshot: `first` puts up all that stood, `tally` is what stood before.
    /// Returns the incidents that stand.
    pub(super) fn resume(
        &mut self,
        first: &EpochOutput,
        now: Seconds,
        tally: Tally,
        counts: &BTreeMap<AlertKey, AlertCount>,
    ) -> BTreeMap<IncidentKey, Arc<Incident>> {
        self.stood.tally = tally;
        self.standing.apply(first, now, &mut self.stood);
        self.standing.counts.clone_from(counts);
        self.standing.incidents.clone()
    }

    /// Applies an epoch.
    pub(super) fn apply(&mut self, output: &EpochOutput, now: Seconds) {
        self.standing.apply(output, now, &mut self.stood);
    }

    /// Everything, with the number of revisions told.
    pub(super) fn finish(self, told: u64) -> Kept {
        let Keeper { mut standing, stood } = self;
        let tally = stood.tally.with(&standing);
        let finals = stood.finals.map(|mut finals| {
            finals.alerts.append(&mut standing.alerts);
            finals.incidents.append(&mut standing.incidents);
            finals.counts.append(&mut standing.counts);
            finals.told = told;
            finals
        });
        Kept { tally, finals, told }
    }
}
