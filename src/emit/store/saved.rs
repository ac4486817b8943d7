//! The store as a snapshot holds it, handed out in slices; the live stream begins anew.

use super::{Inner, Message, Place, Standing, Store};
use crate::emit::table::Keep;
use crate::emit::wire::{AlertRow, AsJson, Revision};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;

/// All that readers can ask for, between two epochs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SavedStore {
    /// A list of its own in a snapshot, as that of alerts is.
    pub(crate) incidents: Vec<SavedIncident>,
    /// Earlier revisions in the order in which they became so.
    superseded: VecDeque<(SmolStr, u64)>,
    pub(crate) alerts: Vec<SavedRow>,
    revisions_forgotten: u64,
    incidents_forgotten: u64,
    alerts_forgotten: u64,
}

/// The lines of one incident.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedIncident {
    latest: Arc<str>,
    /// What the latest says; once read back it is known when the line was.
    #[serde(skip)]
    says: Says,
    earlier: BTreeMap<u64, Arc<str>>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedRow(AsJson<Arc<AlertRow>>);

/// A revision beside its line.
#[derive(Clone, Default)]
struct Says(Option<Arc<Revision>>);

/// Told by the line already.
impl fmt::Debug for Says {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it")
    }
}

impl SavedStore {
    /// Where the latest revisions are in memory, in order: what else shares one need not be
    /// written beside its line.
    pub(crate) fn revisions(&self) -> Vec<*const Revision> {
        let latest = self.incidents.iter().filter_map(|incident| incident.says.0.as_ref());
        let mut places: Vec<*const Revision> = latest.map(Arc::as_ptr).collect();
        places.sort_unstable();
        places
    }

    /// Finds out what the lines say; the latest revisions, by id.
    ///
    /// # Errors
    /// When a line is no revision.
    pub(crate) fn read(&mut self) -> serde_json::Result<BTreeMap<SmolStr, Arc<Revision>>> {
        let mut latest = BTreeMap::new();
        for SavedIncident { latest: line, says, .. } in &mut self.incidents {
            let Message { revision, .. } = Message::of_line(Arc::clone(line))?;
            latest.insert(revision.incident_id.clone(), Arc::clone(&revision));
            says.0 = Some(revision);
        }
        Ok(latest)
    }

    /// It without the lists.
    pub(crate) fn rest(&self) -> SavedStore {
        let superseded = self.superseded.clone();
        SavedStore { incidents: Vec::new(), superseded, alerts: Vec::new(), ..*self }
    }
}

impl Keep<Place> for Standing {
    type Kept = Vec<SavedIncident>;

    fn room(entries: usize) -> Self::Kept {
        Vec::with_capacity(entries)
    }

    fn keep(&self, _: &Place, kept: &mut Self::Kept) {
        let latest = Arc::clone(&self.latest.line);
        let says = Says(Some(self.latest.revision.clone()));
        kept.push(SavedIncident { latest, says, earlier: self.earlier.clone() });
    }
}

impl Keep<Place> for Arc<AlertRow> {
    type Kept = Vec<SavedRow>;

    fn room(entries: usize) -> Self::Kept {
        Vec::with_capacity(entries)
    }

    fn keep(&self, _: &Place, kept: &mut Self::Kept) {
        kept.push(SavedRow(AsJson::Value(Arc::clone(self))));
    }
}

impl Store {
    /// Begins to hand out what must be kept of it as it is now.
    pub fn begin_saving(&self) {
        let mut inner = self.write();
        let Inner { incidents, alerts, .. } = &mut *inner;
        incidents.by_place.begin_saving();
        alerts.begin_saving();
        inner.saving = Some(SavedStore {
            superseded: inner.incidents.superseded.clone(),
            revisions_forgotten: inner.incidents.revisions_forgotten,
            incidents_forgotten: inner.incidents.incidents_forgotten,
            alerts_forgotten: inner.alerts_forgotten,
            ..SavedStore::default()
        });
    }

    /// Hands out up to `entries` more of each table; all of it once nothing is left.
    pub fn go_on_saving(&self, entries: usize) -> Option<SavedStore> {
        let mut inner = self.write();
        let Inner { incidents, alerts, saving, .. } = &mut *inner;
        if !(incidents.by_place.go_on_saving(entries) & alerts.go_on_saving(entries)) {
            return None;
        }
        let mut saved = saving.take()?;
        saved.incidents = incidents.by_place.take_saved()?;
        saved.alerts = alerts.take_saved()?;
        Some(saved)
    }

    /// Takes in what was kept, before anything else.
    ///
    /// # Errors
    /// When a line is no revision, or a row is none.
    pub fn restore(&self, saved: SavedStore) -> serde_json::Result<()> {
        let limits = self.shared.limits;
        let mut inner = self.write();
        let Inner { incidents, .. } = &mut *inner;
        for SavedIncident { latest: line, says, earlier } in saved.incidents {
            let message = match says.0 {
                Some(revision) => Message::again(revision, line),
                None => Message::of_line(line)?,
            };
            incidents.put(&message, &limits);
            incidents.put_earlier(&message.revision.incident_id, earlier);
        }
        incidents.superseded = saved.superseded;
        incidents.revisions_forgotten = saved.revisions_forgotten;
        incidents.incidents_forgotten = saved.incidents_forgotten;
        for SavedRow(row) in saved.alerts {
            inner.put_alert(row.read()?, limits.alerts_max);
        }
        inner.alerts_forgotten = saved.alerts_forgotten;
        Ok(())
    }
}
