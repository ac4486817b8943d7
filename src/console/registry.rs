//! Topology, silences, maintenance windows and rules as they stand, for reading back.
//!
//! The engine decides what they do; this is the list that people see. It is
//! kept up by accepted context events, from whichever source, with the same
//! rule as the engine's: of two events about one thing the later (time, id)
//! holds, whatever the order of arrival. So an event may be applied twice.

mod topology;
mod configured;

use causeway_dataflows::model::{Context, ContextEvent, EventId, Maintenance, Op, Rule, Silence};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use topology::Statements;

pub use configured::{Change, topology_id};
pub use topology::{Said, Statement, StatementKey, Thing, TopologyQuery};

/// Entries kept of each sort, deleted ones included.
const ENTRIES_MAX: usize = 100_000;
/// How long what is over stays listed, nanoseconds: Alertmanager's five days.
const RETENTION_NS: i64 = 120 * 3600 * 1_000_000_000;
/// Entries of a sort below which nobody looks for what is over.
const SWEEP_MIN: usize = 1_000;

/// One thing as it was last said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// Whose it is.
    pub tenant: SmolStr,
    /// Who said so.
    pub source: SmolStr,
    /// When, event time, nanoseconds since the Unix epoch.
    pub time_ns: i64,
    /// When it was received.
    pub observed_ns: i64,
    /// What was said.
    pub body: T,
    id: EventId,
    op: Op,
}

/// Entries by tenant and id.
struct Entries<T> {
    held: BTreeMap<(SmolStr, SmolStr), Entry<T>>,
    sweep: Sweep,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Entries { held: BTreeMap::new(), sweep: Sweep::default() }
    }
}

/// When to look for what is over: at twice of what was left the last time, so that looking
/// costs each entry little and never more is held than twice of what stands.
struct Sweep(usize);

impl Default for Sweep {
    fn default() -> Self {
        Sweep(SWEEP_MIN)
    }
}

impl Sweep {
    fn is_due(&self, held: usize) -> bool {
        held > self.0
    }

    fn done(&mut self, left: usize) {
        self.0 = (left * 2).max(SWEEP_MIN);
    }
}

/// The list; cloning shares it.
#[derive(Clone)]
pub struct Registry(Arc<RwLock<Inner>>);

impl Default for Registry {
    /// Deletions are remembered for an hour.
    fn default() -> Self {
        Registry::remembering(3600)
    }
}

#[derive(Default)]
struct Inner {
    /// How long a deletion is remembered against an older upsert that arrives after it.
    tombstone_ns: i64,
    topology: Statements,
    silences: Entries<Silence>,
    maintenance: Entries<Maintenance>,
    rules: Entries<Rule>,
    forgotten: u64,
}

impl Registry {
    /// An empty list that remembers deletions as long as the engine does.
    pub fn remembering(tombstone_seconds: i64) -> Registry {
        let tombstone_ns = tombstone_seconds.saturating_mul(1_000_000_000);
        Registry(Arc::new(RwLock::new(Inner { tombstone_ns, ..Inner::default() })))
    }

    /// Takes in what an accepted event says; other kinds of context change nothing here.
    pub fn apply(&self, event: &ContextEvent) {
        let mut inner = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *inner;
        let tombstone_ns = inner.tombstone_ns;
        let forgotten = match &event.body {
            Context::Silence(body) => {
                let entries = &mut inner.silences;
                entries.put(event, &body.silence_id, body, tombstone_ns, |silence| silence.ends)
            }
            Context::Maintenance(body) => {
                let entries = &mut inner.maintenance;
                entries.put(event, &body.maintenance_id, body, tombstone_ns, |window| window.ends)
            }
            Context::Rule(body) => {
                let entries = &mut inner.rules;
                entries.put(event, &body.rule_id, body, tombstone_ns, |_| i64::MAX)
            }
            Context::Entity(_) | Context::Relation(_) => inner.topology.put(event, tombstone_ns),
            _ => 0,
        };
        inner.forgotten += forgotten;
    }

    /// A page of the topology at `now_ns`, in the order of its keys; whether more follows.
    pub fn topology(
        &self,
        query: &TopologyQuery,
        now_ns: i64,
    ) -> (Vec<(StatementKey, Statement)>, bool) {
        self.read().topology.page(query, now_ns)
    }

    /// The sources whose statements about `thing` stand, with when they said so.
    pub fn sources_of(&self, tenant: &str, thing: &Thing, now_ns: i64) -> Vec<(SmolStr, i64)> {
        self.read().topology.about(tenant, thing, now_ns)
    }

    /// The silences of `tenant`, or of all tenants, in the order of their ids.
    pub fn silences(&self, tenant: Option<&SmolStr>) -> Vec<Entry<Silence>> {
        listed(&self.read().silences, tenant)
    }

    /// One silence.
    pub fn silence(&self, tenant: Option<&SmolStr>, id: &str) -> Option<Entry<Silence>> {
        one(&self.read().silences, tenant, id)
    }

    /// The maintenance windows of `tenant`, or of all tenants, in the order of their ids.
    pub fn maintenance(&self, tenant: Option<&SmolStr>) -> Vec<Entry<Maintenance>> {
        listed(&self.read().maintenance, tenant)
    }

    /// One maintenance window.
    pub fn window(&self, tenant: Option<&SmolStr>, id: &str) -> Option<Entry<Maintenance>> {
        one(&self.read().maintenance, tenant, id)
    }

    /// The rules of `tenant`, or of all tenants, in the order of their ids.
    pub fn rules(&self, tenant: Option<&SmolStr>) -> Vec<Entry<Rule>> {
        listed(&self.read().rules, tenant)
    }

    /// One rule.
    pub fn rule(&self, tenant: Option<&SmolStr>, id: &str) -> Option<Entry<Rule>> {
        one(&self.read().rules, tenant, id)
    }

    /// Entries that were dropped because there were too many.
    pub fn forgotten(&self) -> u64 {
        self.read().forgotten
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Clone> Entries<T> {
    /// Takes one event in; says how many entries had to go because there were too many.
    fn put(
        &mut self,
        event: &ContextEvent,
        id: &SmolStr,
        body: &T,
        tombstone_ns: i64,
        ends: impl Fn(&T) -> i64,
    ) -> u64 {
        let key = (event.tenant.clone(), id.clone());
        let stamp = (event.time_ns, &event.id);
        if self.held.get(&key).is_none_or(|held| stamp >= (held.time_ns, &held.id)) {
            let entry = Entry {
                tenant: event.tenant.clone(),
                source: event.source.clone(),
                time_ns: event.time_ns,
                observed_ns: event.observed_ns,
                body: body.clone(),
                id: event.id.clone(),
                op: event.op,
            };
            self.held.insert(key, entry);
        }
        if !self.sweep.is_due(self.held.len()) && self.held.len() <= ENTRIES_MAX {
            return 0;
        }
        let forgotten = self.trim(event.observed_ns, tombstone_ns, ends);
        self.sweep.done(self.held.len());
        forgotten
    }

    /// Drops what is over; when that is not enough, a tenth of the rest, oldest first, so that
    /// the next trim is a while away.
    #[cold]
    fn trim(&mut self, now_ns: i64, tombstone_ns: i64, ends: impl Fn(&T) -> i64) -> u64 {
        self.held.retain(|_, entry| {
            let since = now_ns.saturating_sub(entry.observed_ns);
            let over_ns = now_ns.saturating_sub(ends(&entry.body).saturating_mul(1_000_000_000));
            match entry.op {
                Op::Delete => since < tombstone_ns,
                Op::Upsert | Op::Within { .. } => over_ns < RETENTION_NS,
            }
        });
        if self.held.len() <= ENTRIES_MAX {
            return 0;
        }
        let mut ages: Vec<(i64, (SmolStr, SmolStr))> =
            self.held.iter().map(|(key, entry)| (entry.time_ns, key.clone())).collect();
        ages.sort();
        let excess = self.held.len() - ENTRIES_MAX / 10 * 9;
        for (_, key) in ages.into_iter().take(excess) {
            self.held.remove(&key);
        }
        excess as u64
    }
}

fn listed<T: Clone>(entries: &Entries<T>, tenant: Option<&SmolStr>) -> Vec<Entry<T>> {
    entries
        .held
        .values()
        .filter(|entry| entry.op == Op::Upsert)
        .filter(|entry| tenant.is_none_or(|tenant| entry.tenant == *tenant))
        .cloned()
        .collect()
}

fn one<T: Clone>(entries: &Entries<T>, tenant: Option<&SmolStr>, id: &str) -> Option<Entry<T>> {
    let found = match tenant {
        Some(tenant) => entries.held.get(&(tenant.clone(), SmolStr::new(id))),
        // Another tenant's deletion does not hide the one that stands.
        None => entries
            .held
            .iter()
            .filter(|((_, held), _)| held == id)
            .map(|(_, entry)| entry)
            .find(|entry| entry.op == Op::Upsert),
    };
    found.filter(|entry| entry.op == Op::Upsert).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_dataflows::model::RuleAction;

    fn rule(tenant: &str, id: &str, time_ns: i64, event: &str, op: Op) -> ContextEvent {
        ContextEvent {
            tenant: tenant.into(),
            source: "api".into(),
            id: EventId::new(event),
            time_ns,
            observed_ns: time_ns,
            op,
            body: Context::Rule(Rule {
                rule_id: id.into(),
                matchers: Vec::new(),
                action: RuleAction::Suppress,
            }),
        }
    }

    fn ids(registry: &Registry, tenant: Option<&str>) -> Vec<String> {
        let tenant = tenant.map(SmolStr::new);
        let rules = registry.rules(tenant.as_ref());
        rules.iter().map(|entry| format!("{}@{}", entry.body.rule_id, entry.time_ns)).collect()
    }

    #[test]
    fn the_later_word_holds_whatever_the_order() {
        let events = [
            rule("t", "a", 1, "e1", Op::Upsert),
            rule("t", "a", 2, "e2", Op::Delete),
            rule("t", "b", 1, "e3", Op::Upsert),
            rule("t", "b", 1, "e4", Op::Upsert),
            rule("u", "a", 3, "e5", Op::Upsert),
        ];
        let forwards = Registry::default();
        events.iter().for_each(|event| forwards.apply(event));
        let backwards = Registry::default();
        events.iter().rev().chain(&events).for_each(|event| backwards.apply(event));
        for registry in [forwards, backwards] {
            assert_eq!(ids(&registry, None), ["b@1", "a@3"]);
            assert_eq!(ids(&registry, Some("t")), ["b@1"]);
            assert_eq!(registry.rule(Some(&"t".into()), "a"), None);
            assert_eq!(registry.rule(None, "b").unwrap().id, EventId::new("e4"));
            assert_eq!(registry.rule(None, "a").unwrap().tenant, "u");
        }
    }

    #[test]
    fn deletions_are_forgotten_after_their_time() {
        let registry = Registry::remembering(60);
        let second = 1_000_000_000;
        for i in 0..=SWEEP_MIN as i64 {
            registry.apply(&rule("t", &format!("r{i}"), i * second, "e", Op::Delete));
        }
        let held = |registry: &Registry| registry.read().rules.held.len();
        assert_eq!(held(&registry), 60, "those of the last minute");
        assert_eq!(registry.forgotten(), 0, "what is over is not lost");
        registry.apply(&rule("t", "r1000", 0, "late", Op::Upsert));
        assert!(registry.rule(None, "r1000").is_none(), "the later word holds");
    }

    #[test]
    fn it_stays_bounded_and_counts() {
        let registry = Registry::default();
        for i in 0..=ENTRIES_MAX as i64 {
            registry.apply(&rule("t", &format!("r{i}"), i, "e", Op::Upsert));
        }
        assert_eq!(registry.rules(None).len(), ENTRIES_MAX / 10 * 9);
        assert_eq!(registry.forgotten(), 10_001);
        assert!(registry.rule(None, "r0").is_none() && registry.rule(None, "r100000").is_some());
    }
}
