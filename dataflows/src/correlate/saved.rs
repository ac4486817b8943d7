//! A tenant as a snapshot holds it, and back.
//!
//! Topology, changes and alerts come again from the stages before, all in the first
//! epoch. Kept is what was decided, because it depends on what is gone: where each
//! alert was put, and the alerts that only stay because their group does.

use super::Fact;
use super::tenant::{Emit, Tenant};
use super::world::{Members, Placed, carries_faults};
use crate::model::{AlertKey, Because, EntityId, Rated, Seconds};
use crate::params::Params;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What was decided for a tenant, between two epochs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SavedTenant {
    /// Alerts inside the horizon.
    open: Vec<(AlertKey, Verdict)>,
    /// Alerts beyond it, whose group still stands.
    sealed: Vec<(Rated, Verdict)>,
    groups: Vec<SavedGroup>,
}

/// One of its alerts.
pub enum SavedAlert {
    /// Inside the horizon.
    Open(AlertKey, Verdict),
    /// Beyond it.
    Sealed(Rated, Verdict),
}

/// Where an alert was put, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verdict {
    group: Option<AlertKey>,
    because: Because,
}

/// What is known of a group beside its members.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SavedGroup {
    first: AlertKey,
    source: Option<(EntityId, Seconds)>,
    degraded: bool,
}

impl SavedTenant {
    /// What is kept of groups, to which that of so many alerts is added; two words a group.
    pub fn of_groups(groups: &BTreeMap<AlertKey, Members>, alerts: usize) -> SavedTenant {
        let group = |(first, members): (&AlertKey, &Members)| SavedGroup {
            first: *first,
            source: members.source,
            degraded: members.degraded,
        };
        SavedTenant {
            open: Vec::with_capacity(alerts),
            sealed: Vec::new(),
            groups: groups.iter().map(group).collect(),
        }
    }
}

#[cfg(test)]
impl SavedTenant {
    /// All that is in it, as text, in an order that does not tell when it was handed out.
    pub fn told(&self) -> Vec<String> {
        let open = self.open.iter().map(|open| format!("{open:?}"));
        let sealed = self.sealed.iter().map(|sealed| format!("{sealed:?}"));
        let mut told: Vec<String> = open.chain(sealed).collect();
        told.extend(self.groups.iter().map(|group| format!("{group:?}")));
        told.sort();
        told
    }
}

impl SavedAlert {
    /// What is kept of an alert that was put somewhere.
    pub fn of(key: AlertKey, placed: &Placed) -> SavedAlert {
        let verdict = Verdict { group: placed.group, because: placed.because.clone() };
        if placed.sealed {
            SavedAlert::Sealed(rated(placed), verdict)
        } else {
            SavedAlert::Open(key, verdict)
        }
    }
}

impl Extend<SavedAlert> for SavedTenant {
    fn extend<I: IntoIterator<Item = SavedAlert>>(&mut self, alerts: I) {
        for alert in alerts {
            match alert {
                SavedAlert::Open(key, verdict) => self.open.push((key, verdict)),
                SavedAlert::Sealed(rated, verdict) => self.sealed.push((rated, verdict)),
            }
        }
    }
}

impl Tenant {
    /// Begins with what was decided before, and with an epoch's facts that are all that stands;
    /// rows and groups are put up anew.
    pub fn restore(
        &mut self,
        saved: SavedTenant,
        facts: Vec<(Fact, isize)>,
        now: Seconds,
        params: &Params,
        emit: &mut Emit<'_>,
    ) {
        let mut open: BTreeMap<AlertKey, Verdict> = saved.open.into_iter().collect();
        let mut later = Vec::new();
        for (fact, diff) in facts {
            match fact {
                Fact::Alert(rated) => match open.remove(&rated.row.alert.key) {
                    Some(verdict) => self.put(rated, verdict, false),
                    // Suppressed, or nothing was decided for it.
                    None => later.push((Fact::Alert(rated), diff)),
                },
                Fact::Edge(edge) if carries_faults(edge.kind) => {
                    self.world.link(&edge.from, &edge.to, edge.kind);
                }
                Fact::Edge(_) => {}
                Fact::Change(change) => self.world.set_change(&change.entity, &change.event, true),
                Fact::Profile(profile) => {
                    let said = (profile.owner.clone(), profile.criticality);
                    self.world.set_profile(&profile.entity, Some(said));
                }
                Fact::Model(model) => self.world.model = Some(model),
            }
        }
        for (rated, verdict) in saved.sealed {
            self.put(rated, verdict, true);
        }
        for SavedGroup { first, source, degraded } in saved.groups {
            if let Some(members) = self.world.groups.get_mut(&first) {
                (members.source, members.degraded) = (source, degraded);
            }
        }
        let groups: Vec<AlertKey> = self.world.groups.keys().copied().collect();
        for group in groups {
            self.publish(group, params, emit);
        }
        self.apply(later, now, params, emit);
    }

    fn put(&mut self, rated: Rated, verdict: Verdict, sealed: bool) {
        let key = rated.row.alert.key;
        let placed = Placed {
            node: self.world.intern(&rated.row.entity),
            row: rated.row,
            surprise_milli: rated.surprise_milli,
            specific_milli: rated.specific_milli,
            group: verdict.group,
            because: verdict.because,
            sealed,
        };
        self.world.insert_alert(key, placed);
        if let Some(group) = verdict.group {
            self.world.groups.entry(group).or_default().keys.insert(key);
        }
    }
}

fn rated(placed: &Placed) -> Rated {
    Rated {
        row: placed.row.clone(),
        surprise_milli: placed.surprise_milli,
        specific_milli: placed.specific_milli,
    }
}
