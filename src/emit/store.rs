//! What readers can ask for: standing incidents with their revisions, alert rows, the live stream.
//!
//! Kept in memory and bounded on every side; what is beyond a bound is forgotten
//! oldest first and counted. The store invents nothing: messages come from the
//! ledger in order and are handed out as the same bytes that sinks carry.
//!
//! ```text
//! publish ─┬► incidents: the latest revision of each, and the lines of earlier ones
//!          └► ring: the last messages, for readers who resume
//! put_alert ► alerts
//! ```

use super::table::Table;
use super::wire::{AlertRow, Message, RevisionEvent, Time};
use smol_str::SmolStr;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

mod incidents;
mod page;
mod query;
mod saved;
mod stream;
#[cfg(test)]
mod tests;

pub use page::{Cursor, CursorError, PAGE_MAX, Page};
pub use query::{AlertQuery, AlertState, IncidentQuery, IncidentState};
pub use saved::SavedStore;
pub use stream::{Position, PositionError, Streamed, Subscription};

use incidents::Incidents;
use stream::Ring;

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreLimits {
    /// Revisions kept of one incident; the first ones go first, the latest stays.
    pub revisions_max: usize,
    /// Bytes of the lines of earlier revisions, over all incidents; the oldest go first.
    pub revision_bytes_max: usize,
    /// Incidents kept that do not stand any more: resolved, merged, withdrawn.
    pub resolved_max: usize,
    /// How long after its last revision such an incident is kept, and a resolved alert after
    /// its last event, and a message in the live stream, milliseconds of tick.
    pub resolved_age_ms: i64,
    /// Alert rows kept; resolved ones go first.
    pub alerts_max: usize,
    /// Messages that a reader may lag behind the live stream.
    pub stream_messages_max: usize,
    /// Bytes of the lines of those messages.
    pub stream_bytes_max: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        StoreLimits {
            revisions_max: 64,
            revision_bytes_max: 256 << 20,
            resolved_max: 10_000,
            resolved_age_ms: 24 * 3_600_000,
            alerts_max: 1_000_000,
            stream_messages_max: 4096,
            stream_bytes_max: 64 << 20,
        }
    }
}

/// What the store holds and what it forgot because of a bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreCounts {
    /// Incidents held, standing or not.
    pub incidents: usize,
    /// Incidents among them that neither ended nor resolved.
    pub open: usize,
    /// Alert rows held.
    pub alerts: usize,
    /// Bytes of the lines of earlier revisions.
    pub revision_bytes: usize,
    /// Earlier revisions forgotten.
    pub revisions_forgotten: u64,
    /// Incidents forgotten.
    pub incidents_forgotten: u64,
    /// Alert rows forgotten.
    pub alerts_forgotten: u64,
}

/// One incident as the store holds it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// The latest revision.
    pub latest: Message,
    /// Earlier revisions by number, as lines, as far as they are kept.
    pub earlier: BTreeMap<u64, Arc<str>>,
}

impl Standing {
    /// Open, resolved, merged or withdrawn.
    pub fn state(&self) -> IncidentState {
        IncidentState::of(&self.latest.revision)
    }

    /// The line of one revision, if it is kept.
    pub fn line(&self, revision: u64) -> Option<&Arc<str>> {
        if revision == self.latest.revision.revision {
            Some(&self.latest.line)
        } else {
            self.earlier.get(&revision)
        }
    }
}

/// A place in listings: newest first, then by id. Fixed by the first revision or row, so
/// that pages do not shift.
type Place = (Reverse<Time>, SmolStr);

/// Shared by the emitter, which writes, and all readers; cloning shares.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    limits: StoreLimits,
    inner: RwLock<Inner>,
    wake: tokio::sync::watch::Sender<stream::Tide>,
}

struct Inner {
    incidents: Incidents,
    alerts: Table<Place, Arc<AlertRow>>,
    alert_places: BTreeMap<SmolStr, Place>,
    /// Resolved alerts by their last event, the first to be forgotten.
    alerts_resolved: BTreeSet<(Time, SmolStr)>,
    alerts_forgotten: u64,
    ring: Ring,
    /// What is handed out for a snapshot, tables aside.
    saving: Option<SavedStore>,
}

impl Store {
    /// An empty store; `generation` tells this run from others in resumed positions.
    pub fn new(limits: StoreLimits, generation: u64) -> Store {
        let ring = Ring::new(limits, generation);
        let wake = tokio::sync::watch::Sender::new(stream::Tide::at(ring.last()));
        let inner = Inner {
            incidents: Incidents::default(),
            alerts: Table::default(),
            alert_places: BTreeMap::new(),
            alerts_resolved: BTreeSet::new(),
            alerts_forgotten: 0,
            ring,
            saving: None,
        };
        Store { shared: Arc::new(Shared { limits, inner: RwLock::new(inner), wake }) }
    }

    /// Takes in a revision and shows it to subscribers; revisions of an id come in order.
    ///
    /// A revision that is not newer than the one held, as after a restart, changes nothing.
    pub fn publish(&self, message: &Message) {
        let mut inner = self.write();
        if !inner.incidents.put(message, &self.shared.limits) {
            return;
        }
        let number = inner.ring.push(message.clone());
        drop(inner);
        self.shared.wake.send_modify(|tide| tide.last = number);
    }

    /// Takes in the current row of an alert, in place of an earlier one.
    pub fn put_alert(&self, row: AlertRow) {
        let limit = self.shared.limits.alerts_max;
        self.write().put_alert(Arc::new(row), limit);
    }

    /// Forgets an alert whose input was taken back.
    pub fn remove_alert(&self, alert_id: &str) {
        self.write().remove_alert(alert_id);
    }

    /// Forgets what is over age at the tick `now`.
    pub fn prune(&self, now: Time) {
        let mut inner = self.write();
        inner.incidents.prune(now, &self.shared.limits);
        inner.prune_alerts(now, self.shared.limits.resolved_age_ms);
        inner.ring.prune(now);
    }

    /// One incident, by its public id.
    pub fn incident(&self, id: &str) -> Option<Standing> {
        self.read().incidents.get(id).cloned()
    }

    /// The incidents that a query asks for, newest first.
    pub fn incidents(&self, query: &IncidentQuery) -> Page<Message> {
        let inner = self.read();
        let rows = inner.incidents.after(query.after.as_ref());
        page::collect(query.limit, rows, |standing| {
            query.matches(standing).then(|| standing.latest.clone())
        })
    }

    /// The ids of the incidents that somebody was told of and that have not ended.
    pub fn told_and_standing(&self) -> Vec<SmolStr> {
        let inner = self.read();
        let standing = inner.incidents.after(None).map(|(_, standing)| &standing.latest.revision);
        let standing = standing.filter(|revision| !revision.event.ends_the_id());
        standing.map(|revision| revision.incident_id.clone()).collect()
    }

    /// One alert row.
    pub fn alert(&self, alert_id: &str) -> Option<Arc<AlertRow>> {
        let inner = self.read();
        inner.alerts.get(inner.alert_places.get(alert_id)?).cloned()
    }

    /// The alert rows that a query asks for, newest first.
    pub fn alerts(&self, query: &AlertQuery) -> Page<Arc<AlertRow>> {
        let inner = self.read();
        let rows = page::after(&inner.alerts, query.after.as_ref());
        page::collect(query.limit, rows, |row| query.matches(row).then(|| Arc::clone(row)))
    }

    /// What is held and what was forgotten.
    pub fn counts(&self) -> StoreCounts {
        let inner = self.read();
        let mut counts = inner.incidents.counts();
        counts.alerts = inner.alerts.len();
        counts.alerts_forgotten = inner.alerts_forgotten;
        counts
    }

    /// The live stream: everything after `after`, or from now on.
    pub fn subscribe(&self, after: Option<Position>) -> Subscription {
        Subscription::new(self.clone(), self.shared.wake.subscribe(), after)
    }

    /// Ends all subscriptions once they have caught up, so that a server can stop.
    pub fn close(&self) {
        self.shared.wake.send_modify(|tide| tide.closed = true);
    }

    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        // A reader's panic leaves nothing half written, and a writer's aborts the process.
        self.shared.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.shared.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn put_alert(&mut self, row: Arc<AlertRow>, limit: usize) {
        // A row keeps its first place, so that pages do not shift under a reader.
        let place = match self.remove_alert(&row.alert_id) {
            Some(place) => place,
            None => (Reverse(row.first), row.alert_id.clone()),
        };
        if row.status == super::wire::StatusWord::Resolved {
            self.alerts_resolved.insert((row.last, row.alert_id.clone()));
        }
        self.alert_places.insert(row.alert_id.clone(), place.clone());
        self.alerts.insert(place, row);
        while self.alerts.len() > limit {
            let oldest = match self.alerts_resolved.first() {
                Some((_, id)) => id.clone(),
                None => match self.alerts.last_key_value() {
                    Some((_, row)) => row.alert_id.clone(),
                    None => break,
                },
            };
            self.remove_alert(&oldest);
            self.alerts_forgotten += 1;
        }
    }

    /// Forgets resolved alerts that are over age.
    fn prune_alerts(&mut self, now: Time, age_ms: i64) {
        while let Some((last, id)) = self.alerts_resolved.first()
            && now.0.saturating_sub(last.0) > age_ms
        {
            let id = id.clone();
            self.remove_alert(&id);
            self.alerts_forgotten += 1;
        }
    }

    fn remove_alert(&mut self, alert_id: &str) -> Option<Place> {
        let place = self.alert_places.remove(alert_id)?;
        if let Some(row) = self.alerts.remove(&place) {
            self.alerts_resolved.remove(&(row.last, row.alert_id.clone()));
        }
        Some(place)
    }
}

impl IncidentState {
    /// The state that a revision leaves its incident in.
    pub fn of(revision: &super::wire::Revision) -> IncidentState {
        match (revision.event, revision.resolved_at) {
            (RevisionEvent::Merged, _) => IncidentState::Merged,
            (RevisionEvent::Withdrawn, _) => IncidentState::Withdrawn,
            (_, Some(_)) => IncidentState::Resolved,
            (_, None) => IncidentState::Open,
        }
    }
}
