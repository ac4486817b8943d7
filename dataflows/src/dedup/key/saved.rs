//! A key as a snapshot holds it.

use super::*;
use serde::{Deserialize, Serialize};

/// One fingerprint between two epochs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedKey {
    identity: Arc<Identity>,
    source: SourceIndex,
    entries: Vec<Entry>,
    base: Option<Box<State>>,
    alerts: Vec<SavedAlert>,
    counted_at: Option<Seconds>,
    scheduled: Seconds,
    due: Seconds,
    refolded: bool,
}

/// An alert in the collection, with what of it is not.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SavedAlert {
    alert: Arc<Alert>,
    count: u64,
    last: Seconds,
    deadline: Seconds,
    flaps_until: Seconds,
}

impl SavedKey {
    /// Which it is.
    pub fn fingerprint(&self) -> Fingerprint {
        self.identity.fingerprint
    }

    /// The source whose policy applies, by its place among them.
    pub fn source_mut(&mut self) -> &mut SourceIndex {
        &mut self.source
    }
}

impl Key {
    /// What must be kept of it when an epoch has ended.
    pub fn save(&mut self) -> SavedKey {
        self.write_back();
        let alerts = self.published.iter().map(|published| SavedAlert {
            alert: published.alert.clone(),
            count: published.count,
            last: published.last,
            deadline: published.deadline,
            flaps_until: published.flaps_until,
        });
        SavedKey {
            identity: self.identity.clone(),
            source: self.source,
            entries: self.entries.clone(),
            base: self.base.clone(),
            alerts: alerts.collect(),
            counted_at: self.counted_at,
            scheduled: self.scheduled,
            due: self.due,
            refolded: self.refolded,
        }
    }

    /// The key again; its alerts are put up anew.
    pub fn restore(saved: SavedKey, out: &mut impl Output) -> Key {
        let mut key = Key::new(saved.identity, saved.source);
        key.entries = saved.entries;
        key.base = saved.base;
        (key.counted_at, key.refolded) = (saved.counted_at, saved.refolded);
        (key.scheduled, key.due) = (saved.scheduled, saved.due);
        for saved in saved.alerts {
            // One identity for all of a key's alerts, as they were made.
            let alert =
                Alert { identity: key.identity.clone(), ..Arc::unwrap_or_clone(saved.alert) };
            let alert = Arc::new(alert);
            out.alert(&alert, 1);
            let SavedAlert { count, last, deadline, flaps_until, .. } = saved;
            key.published.push(Published { alert, count, last, deadline, flaps_until });
        }
        key.hot.newest = key.entries.last().map_or(Seconds::MIN, |entry| entry.second);
        key.heat();
        key
    }
}
