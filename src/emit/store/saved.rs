//! The store as a snapshot holds it; the live stream begins anew.

use super::{Inner, Message, Standing, Store};
use crate::emit::wire::{AlertRow, as_json};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// All that readers can ask for, between two epochs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SavedStore {
    incidents: Vec<SavedIncident>,
    /// Earlier revisions in the order in which they became so.
    superseded: VecDeque<(SmolStr, u64)>,
    alerts: Vec<SavedRow>,
    revisions_forgotten: u64,
    incidents_forgotten: u64,
    alerts_forgotten: u64,
}

/// The lines of one incident.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SavedIncident {
    latest: Arc<str>,
    earlier: BTreeMap<u64, Arc<str>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct SavedRow(#[serde(with = "as_json")] Arc<AlertRow>);

impl Store {
    /// What must be kept of it.
    pub fn save(&self) -> SavedStore {
        let inner = self.read();
        let incident = |standing: &Standing| SavedIncident {
            latest: Arc::clone(&standing.latest.line),
            earlier: standing.earlier.clone(),
        };
        let held = &inner.incidents;
        SavedStore {
            incidents: held.after(None).map(|(_, standing)| incident(standing)).collect(),
            superseded: held.superseded.clone(),
            alerts: inner.alerts.values().cloned().map(SavedRow).collect(),
            revisions_forgotten: held.revisions_forgotten,
            incidents_forgotten: held.incidents_forgotten,
            alerts_forgotten: inner.alerts_forgotten,
        }
    }

    /// Takes in what was kept, before anything else.
    ///
    /// # Errors
    /// When a line is no revision.
    pub fn restore(&self, saved: SavedStore) -> serde_json::Result<()> {
        let limits = self.shared.limits;
        let mut inner = self.write();
        let Inner { incidents, .. } = &mut *inner;
        for SavedIncident { latest, earlier } in saved.incidents {
            let message = Message::of_line(latest)?;
            incidents.put(&message, &limits);
            incidents.put_earlier(&message.revision.incident_id, earlier);
        }
        incidents.superseded = saved.superseded;
        incidents.revisions_forgotten = saved.revisions_forgotten;
        incidents.incidents_forgotten = saved.incidents_forgotten;
        for SavedRow(row) in saved.alerts {
            inner.put_alert(row, limits.alerts_max);
        }
        inner.alerts_forgotten = saved.alerts_forgotten;
        Ok(())
    }
}
