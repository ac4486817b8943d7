//! What stands at the end, sealed rows included.

use crate::runtime::EpochOutput;
use causeway_dataflows::model::{
    AlertCount, AlertKey, AlertRow, Disposition, Incident, IncidentKey, Seconds,
};
use std::collections::{BTreeMap, BTreeSet};
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
    horizon: Seconds,
}

impl Finals {
    /// Nothing yet; `horizon` tells a retired suppressed alert from one that is taken back.
    pub fn new(horizon: Seconds) -> Self {
        Finals { horizon, ..Finals::default() }
    }

    /// Applies an epoch.
    pub fn apply(&mut self, output: &EpochOutput, now: Seconds) {
        let sealed: BTreeSet<IncidentKey> = output.sealed.iter().copied().collect();
        for count in &output.counts {
            self.counts.insert(count.key, *count);
        }
        for (incident, diff) in &output.incidents {
            if *diff > 0 {
                self.incidents.insert(incident.key, incident.clone());
            } else if !sealed.contains(&incident.key) {
                self.incidents.remove(&incident.key);
            }
        }
        let stands: BTreeSet<AlertKey> =
            output.rows.iter().filter(|(_, diff)| *diff > 0).map(|(r, _)| r.alert.key).collect();
        for (row, diff) in &output.rows {
            let key = row.alert.key;
            if *diff > 0 {
                self.alerts.insert(key, row.clone());
                continue;
            }
            if stands.contains(&key) {
                continue;
            }
            let stays = match &row.disposition {
                Disposition::Suppressed(_) => key.onset + self.horizon <= now,
                Disposition::Incident(incident) => sealed.contains(incident),
                Disposition::Standalone => sealed.contains(&IncidentKey::of(key)),
            };
            if !stays {
                self.alerts.remove(&key);
                self.counts.remove(&key);
            }
        }
    }

    /// Alerts that are suppressed, alone, and in incidents.
    pub fn dispositions(&self) -> (u64, u64, u64) {
        let mut counts = (0, 0, 0);
        for row in self.alerts.values() {
            match row.disposition {
                Disposition::Suppressed(_) => counts.0 += 1,
                Disposition::Standalone => counts.1 += 1,
                Disposition::Incident(_) => counts.2 += 1,
            }
        }
        counts
    }
}
