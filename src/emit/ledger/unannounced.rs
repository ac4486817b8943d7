//! Incidents of which nobody has heard yet.

use super::track::Track;
use causeway_dataflows::model::IncidentKey;
use std::collections::BTreeMap;

/// How many alerts each has.
#[derive(Default)]
pub(super) struct Unannounced {
    members: BTreeMap<IncidentKey, usize>,
    alerts: usize,
}

impl Unannounced {
    /// Alerts of all of them.
    pub(super) fn alerts(&self) -> usize {
        self.alerts
    }

    /// The incident of a key has come, changed, been told, or gone.
    pub(super) fn note(&mut self, key: IncidentKey, track: Option<&Track>) {
        let silent = track.filter(|track| track.last.is_none());
        let members = silent.and_then(|track| track.now.as_ref()).map(|now| now.members.len());
        let before = match members {
            Some(members) => self.members.insert(key, members),
            None => self.members.remove(&key),
        };
        self.alerts = self.alerts + members.unwrap_or(0) - before.unwrap_or(0);
    }
}
