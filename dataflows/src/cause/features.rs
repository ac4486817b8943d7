//! The features of every entity of a group (ALGORITHMS.md 4.3 and 4.4).

use super::kinds::{Kind, Kinds};
use super::numbers::{Worse, nats, told};
use crate::model::{ChangeKind, Context, Feature, Group, RelationKind, Seconds};
use std::cell::Cell;
use std::collections::BTreeMap;

/// Skew of clocks that onsets are not believed beyond, seconds (two sigma).
const SKEW_SECONDS: i64 = 8;
/// A change's power to explain falls by e in this time, seconds.
const CHANGE_AGE_SECONDS: f64 = 45.0 * 60.0;

/// Features by place in [`Group::entities`].
#[derive(Debug)]
pub struct Features<'a> {
    group: &'a Group,
    /// Surprise by kind, nats: an entity's own and what its instances say of it.
    evidence: Vec<BTreeMap<Kind, f64>>,
    /// The greatest specificity among an entity's own alerts and its parts', nats.
    specific: Vec<f64>,
    /// The earliest onset of an entity's own alerts.
    first: Vec<Option<Seconds>>,
    median: Seconds,
    /// Log lines of members: whose, what, how surprising in nats.
    lines: Vec<(u32, &'a str, f64)>,
    /// Entities that depend on each, by place, over one hop.
    users: Vec<Vec<u32>>,
    alerting: f64,
    /// By how much requests are worse than expected, as findings say.
    worse: Worse,
    /// What each candidate would explain, once asked for: two features read it.
    support: Vec<Cell<Option<f64>>>,
}

impl<'a> Features<'a> {
    /// Reads the features off a group.
    pub fn of(group: &'a Group, kinds: &Kinds) -> Self {
        let len = group.entities.len();
        let mut own: Vec<BTreeMap<Kind, f64>> = vec![BTreeMap::new(); len];
        let mut first: Vec<Option<Seconds>> = vec![None; len];
        let mut specific = vec![0.0f64; len];
        let mut onsets: Vec<Seconds> = Vec::with_capacity(group.members.len());
        let mut lines = Vec::new();
        let mut worse = Worse::default();
        for member in &group.members {
            let kind = kinds.of(&member.row.alert.identity);
            let at = member.entity as usize;
            let alert = &member.row.alert;
            let finding = told(alert);
            if let Some(finding) = &finding {
                worse.take(member.entity, &kind, finding);
            }
            let nats = nats(&kind, f64::from(member.surprise_milli) / 1000.0, finding.as_ref());
            specific[at] = specific[at].max(f64::from(member.specific_milli) / 1000.0);
            if kind == Kind::Log {
                lines.push((member.entity, member.row.alert.summary.as_str(), nats));
            }
            let slot = own[at].entry(kind).or_insert(0.0);
            *slot = slot.max(nats);
            first[at] = Some(first[at].map_or(member.key.onset, |t| t.min(member.key.onset)));
            onsets.push(member.key.onset);
        }
        onsets.sort_unstable();
        felt_by_wholes(group, &mut first);
        let mut users = vec![Vec::new(); len];
        for (at, entity) in group.entities.iter().enumerate() {
            for edge in &entity.depends {
                users[edge.to as usize].push(at as u32);
            }
        }
        let alerting = first.iter().filter(|t| t.is_some()).count() as f64;
        Features {
            evidence: with_instances(group, own),
            specific,
            median: onsets.get(onsets.len() / 2).copied().unwrap_or(0),
            group,
            first,
            lines,
            users,
            alerting,
            worse,
            support: vec![Cell::new(None); len],
        }
    }

    /// Whether the entity may be a cause: it alerts, or something alerting depends on it.
    pub fn is_candidate(&self, at: u32) -> bool {
        self.first[at as usize].is_some()
            || self.users[at as usize].iter().any(|user| self.first[*user as usize].is_some())
    }

    /// The value of one feature.
    pub fn value(&self, feature: Feature, at: u32) -> f64 {
        match feature {
            Feature::Own => self.resources(at),
            Feature::Explained => self.unexplained_requests(at),
            Feature::Peer => self.peer(at),
            Feature::Log => self.evidence[at as usize].get(&Kind::Log).copied().unwrap_or(0.0),
            Feature::Mention => self.mention(at),
            Feature::Cover => self.cover(at),
            Feature::Onset => self.onset(at),
            Feature::Change => self.change(at),
            Feature::Symptom => self.accounted_for(at),
            Feature::Silent => f64::from(u8::from(self.first[at as usize].is_none())),
            Feature::Proxy => f64::from(u8::from(self.is_proxy(at))),
            Feature::Specific => self.specific[at as usize],
            Feature::Support => self.support(at).ln_1p(),
            Feature::Level => 1.0,
            Feature::Impact => self.impact(at),
            // This needs feedback, which this group does not carry.
            Feature::History => 0.0,
        }
    }

    /// The level of an entity, for its prior.
    pub fn level(&self, at: u32) -> &str {
        self.group.entities[at as usize].entity.kind()
    }

    fn resources(&self, at: u32) -> f64 {
        let resource = |(kind, nats): (&Kind, &f64)| match kind {
            Kind::Resource(_) => *nats,
            _ => 0.0,
        };
        self.evidence[at as usize].iter().map(resource).sum()
    }

    fn requests(&self, at: u32) -> f64 {
        let evidence = &self.evidence[at as usize];
        [Kind::Latency, Kind::Errors, Kind::Rate, Kind::Pressure]
            .iter()
            .map(|kind| evidence.get(kind).copied().unwrap_or(0.0))
            .sum()
    }

    /// What of its slow and failing requests no worse-off dependency accounts for.
    fn unexplained_requests(&self, at: u32) -> f64 {
        let own = self.requests(at);
        let depends = &self.group.entities[at as usize].depends;
        let blame = |to: u32| (self.requests(to) + self.resources(to)).min(own);
        let explained = depends.iter().map(|edge| blame(edge.to)).fold(0.0, f64::max);
        (own - 0.9 * explained).max(0.0)
    }

    /// How much of its evidence its siblings share: then it is their whole, not this one.
    fn peer(&self, at: u32) -> f64 {
        let entity = &self.group.entities[at as usize];
        let whole = entity.depends.iter().find(|e| e.kind == RelationKind::PartOf && !e.reversed);
        let Some(whole) = whole.filter(|_| entity.siblings > 1) else { return 0.0 };
        let is_part = |user: &&u32| {
            **user != at
                && self.group.entities[**user as usize]
                    .depends
                    .iter()
                    .any(|e| e.to == whole.to && e.kind == RelationKind::PartOf && !e.reversed)
        };
        let siblings: Vec<u32> =
            self.users[whole.to as usize].iter().filter(is_part).copied().collect();
        let others = f64::from(entity.siblings - 1);
        let mean = |kind: &Kind| {
            let sum = |s: &u32| self.evidence[*s as usize].get(kind).copied().unwrap_or(0.0);
            siblings.iter().map(sum).sum::<f64>() / others
        };
        self.evidence[at as usize].iter().map(|(kind, nats)| nats.min(mean(kind))).sum()
    }

    /// The greatest surprise of another's log line that names it.
    fn mention(&self, at: u32) -> f64 {
        let name = self.group.entities[at as usize].entity.short();
        if name.len() < 3 {
            return 0.0;
        }
        let mentions =
            self.lines.iter().filter(|(entity, said, _)| *entity != at && said.contains(name));
        mentions.map(|(.., nats)| *nats).fold(0.0, f64::max)
    }

    /// The share of the alerting entities that depend on it, over alerting ones, each hop
    /// weighing less.
    fn cover(&self, at: u32) -> f64 {
        let own = f64::from(u8::from(self.first[at as usize].is_some()));
        (own + self.support(at)) / self.alerting.max(1.0)
    }

    /// The weight of the alerting entities that depend on it over alerting ones.
    fn support(&self, at: u32) -> f64 {
        let known = &self.support[at as usize];
        if let Some(weight) = known.get() {
            return weight;
        }
        let mut seen = vec![false; self.users.len()];
        seen[at as usize] = true;
        let mut level = vec![at];
        let mut weight = 1.0;
        let mut total = 0.0;
        while !level.is_empty() && weight > 0.3 {
            weight *= 0.8;
            let mut next = Vec::new();
            for user in level.iter().flat_map(|node| &self.users[*node as usize]) {
                let felt = self.first[*user as usize].is_some();
                if felt && !std::mem::replace(&mut seen[*user as usize], true) {
                    total += weight;
                    next.push(*user);
                }
            }
            level = next;
        }
        known.set(Some(total));
        total
    }

    /// How much of the symptom its own requests make up.
    fn impact(&self, at: u32) -> f64 {
        if self.worse.is_empty() {
            return 0.0;
        }
        let mut depends = vec![false; self.users.len()];
        let mut next = vec![at];
        while let Some(node) = next.pop() {
            for user in &self.users[node as usize] {
                if *user != at && !std::mem::replace(&mut depends[*user as usize], true) {
                    next.push(*user);
                }
            }
        }
        self.worse.impact(at, |entity| depends[entity as usize])
    }

    fn onset(&self, at: u32) -> f64 {
        let Some(first) = self.first[at as usize] else { return 0.0 };
        let earlier = self.median - first;
        if earlier.abs() <= SKEW_SECONDS { 0.0 } else { (earlier as f64 / 60.0).clamp(-1.0, 1.0) }
    }

    /// The most telling change on it, or, at half the weight, on what it runs on.
    fn change(&self, at: u32) -> f64 {
        let depends = &self.group.entities[at as usize].depends;
        let near =
            |place: u32| depends.iter().any(|e| e.to == place && e.kind == RelationKind::RunsOn);
        let onset = self.first[at as usize].unwrap_or(self.median);
        let tells = |change: &crate::model::GroupChange| {
            let share = if change.entity == at {
                1.0
            } else if near(change.entity) {
                0.5
            } else {
                return 0.0;
            };
            let Context::Change(told) = &change.event.body else { return 0.0 };
            let age = onset - change.event.time_ns.div_euclid(1_000_000_000);
            if age < -30 {
                return 0.0;
            }
            share * risk(told.kind, told.risk) * (-(age.max(0) as f64) / CHANGE_AGE_SECONDS).exp()
        };
        self.group.changes.iter().map(tells).fold(0.0, f64::max)
    }

    /// How well the lag behind an alerting dependency, or behind what it is a part of, says
    /// that it only feels what another does.
    fn accounted_for(&self, at: u32) -> f64 {
        let Some(own) = self.first[at as usize] else { return 0.0 };
        let depends = &self.group.entities[at as usize].depends;
        let behind = |to: u32| {
            self.first[to as usize].map_or(0.0, |first| {
                let lag = own - first;
                if !(-30..=240).contains(&lag) {
                    return 0.0;
                }
                let off = ((lag - 22).abs() - 22).max(0);
                (-(off as f64) / 50.0).exp()
            })
        };
        let outside = depends.iter().filter(|edge| edge.kind != RelationKind::PartOf);
        outside.map(|edge| behind(edge.to)).fold(0.0, f64::max)
    }

    fn is_proxy(&self, at: u32) -> bool {
        matches!(self.level(at), "lb" | "loadbalancer" | "dns" | "proxy" | "gateway" | "ingress")
    }
}

/// A whole has begun to suffer when the first of its parts has.
fn felt_by_wholes(group: &Group, first: &mut [Option<Seconds>]) {
    for (at, entity) in group.entities.iter().enumerate() {
        let Some(began) = first[at] else { continue };
        for edge in entity.depends.iter().filter(|e| e.kind == RelationKind::PartOf && !e.reversed)
        {
            let whole = &mut first[edge.to as usize];
            *whole = Some(whole.map_or(began, |other| other.min(began)));
        }
    }
}

/// How often changes of a sort break things, against the worst.
fn risk(kind: ChangeKind, said: u8) -> f64 {
    let sort: f64 = match kind {
        ChangeKind::Deploy | ChangeKind::Upgrade | ChangeKind::DbMigration => 1.0,
        ChangeKind::Config | ChangeKind::FeatureFlag | ChangeKind::Rollback => 0.9,
        ChangeKind::Infra | ChangeKind::Access | ChangeKind::Remove => 0.8,
        ChangeKind::Scale | ChangeKind::Maintenance | ChangeKind::Other => 0.6,
        ChangeKind::IncidentFix => 0.3,
    };
    match said {
        3 => (sort * 1.2).min(1.0),
        1 => sort * 0.8,
        _ => sort,
    }
}

/// A whole is as surprising as the mean of its parts, silent ones counted as nothing, or
/// as its own alert if that is more.
fn with_instances(group: &Group, own: Vec<BTreeMap<Kind, f64>>) -> Vec<BTreeMap<Kind, f64>> {
    let mut sums: Vec<BTreeMap<Kind, f64>> = vec![BTreeMap::new(); own.len()];
    for (at, entity) in group.entities.iter().enumerate() {
        let parts = f64::from(entity.siblings.max(1));
        for edge in entity.depends.iter().filter(|e| e.kind == RelationKind::PartOf && !e.reversed)
        {
            for (kind, nats) in &own[at] {
                *sums[edge.to as usize].entry(kind.clone()).or_insert(0.0) += nats / parts;
            }
        }
    }
    for (own, sums) in own.iter().zip(&mut sums) {
        for (kind, nats) in own {
            let slot = sums.entry(kind.clone()).or_insert(0.0);
            *slot = slot.max(*nats);
        }
    }
    sums
}
