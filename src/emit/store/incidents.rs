//! Incidents by place and by id, and what goes when a bound is met.

use super::{
    Cursor, IncidentState, Message, Place, Standing, StoreCounts, StoreLimits, Time, page,
};
use crate::emit::table::Table;
use smol_str::SmolStr;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// All incidents held.
#[derive(Default)]
pub(super) struct Incidents {
    pub(super) by_place: Table<Place, Standing>,
    places: BTreeMap<SmolStr, Place>,
    /// Those that do not stand any more by their last revision, the first to be forgotten.
    over: BTreeSet<(Time, SmolStr)>,
    /// Earlier revisions in the order in which they became so.
    pub(super) superseded: VecDeque<(SmolStr, u64)>,
    /// How many earlier revisions are held.
    earlier: usize,
    revision_bytes: usize,
    pub(super) revisions_forgotten: u64,
    pub(super) incidents_forgotten: u64,
}

impl Incidents {
    /// The incident of an id.
    pub(super) fn get(&self, id: &str) -> Option<&Standing> {
        self.by_place.get(self.places.get(id)?)
    }

    /// All incidents from a cursor on, newest first.
    pub(super) fn after(
        &self,
        cursor: Option<&Cursor>,
    ) -> impl Iterator<Item = (&Place, &Standing)> {
        page::after(&self.by_place, cursor)
    }

    /// What is held and what was forgotten; alerts aside.
    pub(super) fn counts(&self) -> StoreCounts {
        StoreCounts {
            incidents: self.by_place.len(),
            open: self.by_place.len() - self.over.len(),
            revision_bytes: self.revision_bytes,
            revisions_forgotten: self.revisions_forgotten,
            incidents_forgotten: self.incidents_forgotten,
            ..StoreCounts::default()
        }
    }

    /// The lines of earlier revisions of an incident that is held.
    pub(super) fn put_earlier(&mut self, id: &str, lines: BTreeMap<u64, Arc<str>>) {
        let place = self.places.get(id);
        let Some(standing) = place.and_then(|place| self.by_place.get_mut(place)) else { return };
        self.earlier += lines.len();
        self.revision_bytes += lines.values().map(|line| line.len()).sum::<usize>();
        standing.earlier = lines;
    }

    /// Takes in a revision; false when it is not newer than the one held.
    pub(super) fn put(&mut self, message: &Message, limits: &StoreLimits) -> bool {
        let revision = &message.revision;
        let id = revision.incident_id.clone();
        let place = match self.places.get(&id) {
            Some(place) => place.clone(),
            None => (Reverse(revision.opened_at), id.clone()),
        };
        match self.by_place.get_mut(&place) {
            None => {
                let standing = Standing { latest: message.clone(), earlier: BTreeMap::new() };
                self.places.insert(id.clone(), place.clone());
                self.by_place.insert(place, standing);
            }
            Some(standing) => {
                let old = standing.latest.revision.clone();
                if revision.revision <= old.revision {
                    return false;
                }
                self.over.remove(&(old.updated_at, id.clone()));
                self.revision_bytes += standing.latest.line.len();
                standing.earlier.insert(old.revision, standing.latest.line.clone());
                standing.latest = message.clone();
                self.superseded.push_back((id.clone(), old.revision));
                self.earlier += 1;
            }
        }
        if IncidentState::of(revision) != IncidentState::Open {
            self.over.insert((revision.updated_at, id.clone()));
        }
        self.trim_revisions(&id, limits);
        while self.over.len() > limits.resolved_max {
            self.forget_oldest();
        }
        true
    }

    /// Forgets what was over age at the tick `now`.
    pub(super) fn prune(&mut self, now: Time, limits: &StoreLimits) {
        let horizon = now.0.saturating_sub(limits.resolved_age_ms);
        while self.over.first().is_some_and(|(updated, _)| updated.0 < horizon) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some((_, id)) = self.over.pop_first() else { return };
        let Some(place) = self.places.remove(&id) else { return };
        let Some(standing) = self.by_place.remove(&place) else { return };
        self.earlier -= standing.earlier.len();
        self.revision_bytes -= standing.earlier.values().map(|line| line.len()).sum::<usize>();
        self.incidents_forgotten += 1;
    }

    fn trim_revisions(&mut self, id: &SmolStr, limits: &StoreLimits) {
        // The latest revision is one of those kept, and is never forgotten.
        let earlier_max = limits.revisions_max.saturating_sub(1);
        if let Some(standing) = self.places.get(id).and_then(|place| self.by_place.get_mut(place)) {
            while standing.earlier.len() > earlier_max {
                if let Some((_, line)) = standing.earlier.pop_first() {
                    self.earlier -= 1;
                    self.revision_bytes -= line.len();
                    self.revisions_forgotten += 1;
                }
            }
        }
        while self.revision_bytes > limits.revision_bytes_max {
            let Some((id, number)) = self.superseded.pop_front() else { break };
            self.forget_revision(&id, number);
        }
        self.compact_superseded();
    }

    fn forget_revision(&mut self, id: &SmolStr, number: u64) {
        let standing = self.places.get(id).and_then(|place| self.by_place.get_mut(place));
        if let Some(line) = standing.and_then(|standing| standing.earlier.remove(&number)) {
            self.earlier -= 1;
            self.revision_bytes -= line.len();
            self.revisions_forgotten += 1;
        }
    }

    /// Rebuilds the queue when most of it names revisions that went another way, so that its
    /// length stays in proportion to what is held.
    fn compact_superseded(&mut self) {
        if self.superseded.len() <= 2 * self.earlier + 1024 {
            return;
        }
        let mut queue = std::mem::take(&mut self.superseded);
        queue.retain(|(id, number)| {
            self.get(id).is_some_and(|standing| standing.earlier.contains_key(number))
        });
        self.superseded = queue;
    }
}
