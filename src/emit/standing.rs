//! What stands: alerts with their dispositions, incidents, exact counts.
//!
//! A row that leaves the maintained state because its horizon has passed is no
//! row that was taken back (SEMANTICS rule 16). The first kind goes to an
//! [`Archive`], which may keep it or only fold it into numbers, so that a process
//! that runs for months holds no more than what can still change.

use super::digest::Digest;
use super::summary::Books;
use crate::runtime::EpochOutput;
use causeway_dataflows::model::{
    AlertCount, AlertKey, AlertRow, Disposition, Incident, IncidentKey, Seconds,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Takes what left the maintained state for good.
pub trait Archive {
    /// An alert with its last disposition and count.
    fn alert(&mut self, row: Arc<AlertRow>, count: Option<AlertCount>);
    /// An incident as it was sealed.
    fn incident(&mut self, incident: Arc<Incident>);
}

/// The maintained state as the emitting side sees it.
#[derive(Debug, Default)]
pub struct Standing {
    /// Every alert that can still change.
    pub alerts: BTreeMap<AlertKey, Arc<AlertRow>>,
    /// Every incident that can still change.
    pub incidents: BTreeMap<IncidentKey, Arc<Incident>>,
    /// Exact counts of those alerts, as far as they were published.
    pub counts: BTreeMap<AlertKey, AlertCount>,
    horizon: Seconds,
}

impl Standing {
    /// Nothing yet; `horizon` tells a suppressed alert that left from one that was taken back.
    pub fn new(horizon: Seconds) -> Self {
        Standing { horizon, ..Standing::default() }
    }

    /// Applies an epoch; returns the alerts whose input was taken back.
    pub fn apply(
        &mut self,
        output: &EpochOutput,
        now: Seconds,
        archive: &mut impl Archive,
    ) -> Vec<AlertKey> {
        let sealed: BTreeSet<IncidentKey> = output.sealed.iter().copied().collect();
        for count in &output.counts {
            self.counts.insert(count.key, *count);
        }
        for (incident, diff) in &output.incidents {
            if *diff > 0 {
                self.incidents.insert(incident.key, incident.clone());
            } else if let Some(last) = self.incidents.remove(&incident.key)
                && sealed.contains(&incident.key)
            {
                archive.incident(last);
            }
        }
        self.apply_rows(output, now, &sealed, archive)
    }

    fn apply_rows(
        &mut self,
        output: &EpochOutput,
        now: Seconds,
        sealed: &BTreeSet<IncidentKey>,
        archive: &mut impl Archive,
    ) -> Vec<AlertKey> {
        let stands: BTreeSet<AlertKey> =
            output.rows.iter().filter(|(_, diff)| *diff > 0).map(|(r, _)| r.alert.key).collect();
        let mut taken_back = Vec::new();
        for (row, diff) in &output.rows {
            let key = row.alert.key;
            if *diff > 0 {
                self.alerts.insert(key, row.clone());
                continue;
            }
            if stands.contains(&key) {
                continue;
            }
            let last = self.alerts.remove(&key);
            let count = self.counts.remove(&key);
            let retired = match &row.disposition {
                Disposition::Suppressed(_) => key.onset + self.horizon <= now,
                Disposition::Incident(incident) => sealed.contains(incident),
                Disposition::Standalone => sealed.contains(&IncidentKey::of(key)),
            };
            match last {
                Some(last) if retired => archive.alert(last, count),
                _ => taken_back.push(key),
            }
        }
        taken_back
    }
}

/// Numbers about what stands or stood: an [`Archive`] that keeps no rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Tally {
    digest: Digest,
    books: Books,
}

impl Archive for Tally {
    fn alert(&mut self, row: Arc<AlertRow>, count: Option<AlertCount>) {
        self.add_alert(&row, count);
    }

    fn incident(&mut self, incident: Arc<Incident>) {
        self.add_incident(&incident);
    }
}

impl Tally {
    fn add_alert(&mut self, row: &AlertRow, count: Option<AlertCount>) {
        self.digest.toggle_alert(row, count);
        self.books.alerts += 1;
        match row.disposition {
            Disposition::Suppressed(_) => self.books.suppressed += 1,
            Disposition::Standalone => self.books.standalone += 1,
            Disposition::Incident(_) => self.books.in_incidents += 1,
        }
    }

    fn add_incident(&mut self, incident: &Incident) {
        self.digest.toggle_incident(incident);
        self.books.incidents += 1;
    }

    /// The same with what still stands added.
    pub fn with(mut self, standing: &Standing) -> Tally {
        for (key, row) in &standing.alerts {
            self.add_alert(row, standing.counts.get(key).copied());
        }
        for incident in standing.incidents.values() {
            self.add_incident(incident);
        }
        self
    }

    /// Over every row.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The columns of alerts and incidents; those of events are zero.
    pub fn books(&self) -> Books {
        self.books
    }
}
