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

/// Keeps what stands and what stood.
#[derive(Debug, Default)]
pub(super) struct Keeper {
    standing: Standing,
    finals: Finals,
}

impl Keeper {
    pub(super) fn new(horizon: Seconds) -> Self {
        Keeper { standing: Standing::new(horizon), finals: Finals::default() }
    }

    /// Applies an epoch.
    pub(super) fn apply(&mut self, output: &EpochOutput, now: Seconds) {
        self.standing.apply(output, now, &mut self.finals);
    }

    /// Everything, with the number of revisions told.
    pub(super) fn finish(mut self, told: u64) -> Finals {
        self.finals.alerts.append(&mut self.standing.alerts);
        self.finals.incidents.append(&mut self.standing.incidents);
        self.finals.counts.append(&mut self.standing.counts);
        self.finals.told = told;
        self.finals
    }
}
