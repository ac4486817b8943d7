//! One tenant's correlation, an epoch at a time.

use super::assemble;
use super::dirt::Dirt;
use super::region::{decide, frozen, leave_group};
use super::world::{Placed, World, carries_faults};
use super::{Fact, Outcome};
use crate::model::{
    AlertKey, AlertRow, Because, Disposition, Edge, Group, IncidentKey, Rated, Seconds,
};
use crate::params::Params;
use hashbrown::HashMap;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A tenant's world and what of it has been published.
#[derive(Default)]
pub struct Tenant {
    /// Topology, timelines, groups.
    pub world: World,
    groups: BTreeMap<AlertKey, Arc<Group>>,
    rows: HashMap<AlertKey, Arc<AlertRow>>,
    /// Whether every group has to be looked at again.
    all_dirty: bool,
}

/// Where changes go.
pub type Emit<'a> = dyn FnMut(Outcome, isize) + 'a;

impl Tenant {
    /// Applies an epoch's net facts at tick `now`.
    pub fn apply(
        &mut self,
        facts: Vec<(Fact, isize)>,
        now: Seconds,
        params: &Params,
        emit: &mut Emit<'_>,
    ) {
        let frozen = frozen(now, params.dedup.revise_horizon_seconds, &params.correlate);
        let reach = params.correlate.same_entity_seconds.max(params.correlate.lag_max_seconds);
        let mut dirt = Dirt { settled: frozen.saturating_sub(reach), ..Dirt::default() };
        let mut alerts: BTreeMap<AlertKey, (Option<Rated>, Option<Rated>)> = BTreeMap::new();
        let mut edges: Vec<(Arc<Edge>, bool)> = Vec::new();
        // Retractions first: a replaced profile or model must not erase its successor.
        let (gone, come): (Vec<_>, Vec<_>) = facts.into_iter().partition(|(_, diff)| *diff < 0);
        for (fact, diff) in gone.into_iter().chain(come) {
            match fact {
                Fact::Alert(rated) => {
                    let slot = alerts.entry(rated.row.alert.key).or_default();
                    if diff > 0 { slot.1 = Some(rated) } else { slot.0 = Some(rated) }
                }
                Fact::Edge(edge) if carries_faults(edge.kind) => edges.push((edge, diff > 0)),
                Fact::Edge(_) => {}
                Fact::Change(change) => {
                    self.world.set_change(&change.entity, &change.event, diff > 0);
                    dirt.look_near(&self.world, &change.entity);
                }
                Fact::Profile(profile) => {
                    let said = (profile.owner.clone(), profile.criticality);
                    self.world.set_profile(&profile.entity, (diff > 0).then_some(said));
                    dirt.look_near(&self.world, &profile.entity);
                }
                Fact::Model(model) => {
                    self.world.model = (diff > 0).then_some(model);
                    self.all_dirty = true;
                }
            }
        }
        dirt.edit(&mut self.world, &edges, &params.correlate);
        for (key, (old, new)) in alerts {
            match new {
                Some(new) => self.upsert(key, old, new, &mut dirt, emit),
                None => self.remove(key, frozen, &mut dirt, emit),
            }
        }
        let touched = decide(&mut self.world, &dirt.seeds, frozen, &params.correlate);
        dirt.groups.extend(touched);
        if std::mem::take(&mut self.all_dirty) {
            dirt.groups.extend(self.world.groups.keys().copied());
        }
        self.amend(&dirt.amended, &dirt.groups, params, emit);
        for group in dirt.groups {
            self.publish(group, params, emit);
            // Its last open member may have moved to another group.
            self.forget_if_sealed(group, emit);
        }
        self.world.sweep();
    }

    /// Whether nothing is known and nothing stands.
    pub fn is_empty(&self) -> bool {
        self.world.is_empty() && self.groups.is_empty() && self.rows.is_empty()
    }

    fn upsert(
        &mut self,
        key: AlertKey,
        old: Option<Rated>,
        new: Rated,
        dirt: &mut Dirt,
        emit: &mut Emit<'_>,
    ) {
        let moved = old.is_none_or(|old| {
            old.row.entity.id != new.row.entity.id
                || old.row.suppression.is_some() != new.row.suppression.is_some()
                || old.row.pin != new.row.pin
        });
        if moved {
            self.lift(key, dirt);
        }
        if let Some(suppression) = &new.row.suppression {
            let row = new.row.told(Disposition::Suppressed(suppression.clone()));
            self.publish_row(key, Some(row), emit);
        } else if let Some(placed) = self.world.alert_mut(&key) {
            placed.row = new.row;
            dirt.amended.push(key);
        } else {
            let node = self.world.intern(&new.row.entity);
            let placed = Placed {
                row: new.row,
                node,
                surprise_milli: new.surprise_milli,
                specific_milli: new.specific_milli,
                group: None,
                because: Because::Anchor,
                sealed: false,
            };
            dirt.seeds.insert(key, &placed);
            self.world.insert_alert(key, placed);
        }
    }

    /// Takes an alert out of its group and off its timeline; whoever was near is decided again.
    fn lift(&mut self, key: AlertKey, dirt: &mut Dirt) {
        let Some(placed) = self.world.alerts().get(&key) else { return };
        let group = placed.group;
        dirt.seeds.insert(key, placed);
        self.world.remove_alert(key);
        if let Some(group) = group {
            leave_group(&mut self.world, group, key);
            dirt.groups.insert(group);
        }
    }

    fn remove(&mut self, key: AlertKey, frozen: Seconds, dirt: &mut Dirt, emit: &mut Emit<'_>) {
        let group = self.world.alerts().get(&key).and_then(|placed| placed.group);
        match group {
            // It stays on its timeline: later slices may go on with its group.
            Some(group) if key.onset < frozen => {
                if let Some(placed) = self.world.alert_mut(&key) {
                    placed.sealed = true;
                }
                self.forget_if_sealed(group, emit);
            }
            _ => {
                self.lift(key, dirt);
                self.publish_row(key, None, emit);
            }
        }
    }

    /// Lets go of a group all of whose alerts are beyond the horizon. That is not a
    /// retraction: `Sealed` tells the reader that the last row stands.
    fn forget_if_sealed(&mut self, group: AlertKey, emit: &mut Emit<'_>) {
        let Some(members) = self.world.groups.get(&group) else { return };
        let open = |key: &AlertKey| self.world.alerts().get(key).is_some_and(|p| !p.sealed);
        if members.keys.iter().any(open) {
            return;
        }
        let keys = members.keys.clone();
        emit(Outcome::Sealed(IncidentKey::of(group)), 1);
        self.world.groups.remove(&group);
        if let Some(old) = self.groups.remove(&group) {
            emit(Outcome::Group(old), -1);
        }
        for key in keys {
            self.world.remove_alert(key);
            self.publish_row(key, None, emit);
        }
    }

    /// Brings groups up to date in which alerts only changed where they are, those in `anew`
    /// left out. It is what most updates of alerts are: an order of magnitude more events, an end.
    fn amend(
        &mut self,
        keys: &[AlertKey],
        anew: &BTreeSet<AlertKey>,
        params: &Params,
        emit: &mut Emit<'_>,
    ) {
        let mut by_group: BTreeMap<AlertKey, Vec<AlertKey>> = BTreeMap::new();
        for key in keys {
            let group = self.world.alerts().get(key).and_then(|placed| placed.group);
            match group {
                Some(group) => by_group.entry(group).or_default().push(*key),
                None => self.renew_row(*key, None, emit),
            }
        }
        for (first, keys) in by_group.into_iter().filter(|(first, _)| !anew.contains(first)) {
            let before = self.groups.get(&first);
            let now = before.and_then(|before| assemble::amended(&self.world, before, &keys));
            let Some(now) = now else {
                self.publish(first, params, emit);
                continue;
            };
            let incident = now.key;
            self.replace(first, Some(now), emit);
            for key in keys {
                self.renew_row(key, Some(incident), emit);
            }
        }
    }

    /// Brings what stands published about one group up to date.
    pub(super) fn publish(&mut self, first: AlertKey, params: &Params, emit: &mut Emit<'_>) {
        let before = self.groups.get(&first).map(Arc::as_ref);
        let now = assemble::group(&self.world, first, before, params);
        let incident = now.as_ref().map(|group| group.key);
        self.replace(first, now, emit);
        let keys: Vec<AlertKey> = self
            .world
            .groups
            .get(&first)
            .map(|m| m.keys.iter().copied().collect())
            .unwrap_or_default();
        for key in keys {
            self.renew_row(key, incident, emit);
        }
    }

    /// Lets another version of a group stand.
    fn replace(&mut self, first: AlertKey, now: Option<Arc<Group>>, emit: &mut Emit<'_>) {
        let before = self.groups.get(&first);
        if before != now.as_ref() {
            if let Some(old) = before {
                emit(Outcome::Group(old.clone()), -1);
            }
            if let Some(new) = &now {
                emit(Outcome::Group(new.clone()), 1);
            }
            match now {
                Some(group) => self.groups.insert(first, group),
                None => self.groups.remove(&first),
            };
        }
    }

    /// Says of an alert that it is in `incident`, or alone, if that is news.
    fn renew_row(&mut self, key: AlertKey, incident: Option<IncidentKey>, emit: &mut Emit<'_>) {
        let Some(placed) = self.world.alerts().get(&key) else {
            return self.publish_row(key, None, emit);
        };
        if self.rows.get(&key).is_none_or(|row| !assemble::says(row, placed, incident)) {
            let row = assemble::row(placed, incident);
            self.publish_row(key, Some(row), emit);
        }
    }

    fn publish_row(&mut self, key: AlertKey, row: Option<Arc<AlertRow>>, emit: &mut Emit<'_>) {
        let before = self.rows.get(&key);
        if before == row.as_ref() {
            return;
        }
        if let Some(old) = before {
            emit(Outcome::Row(old.clone()), -1);
        }
        match row {
            Some(new) => {
                emit(Outcome::Row(new.clone()), 1);
                self.rows.insert(key, new);
            }
            None => {
                self.rows.remove(&key);
            }
        }
    }
}
