//! What the configuration holds against what stands: what is to be said, what taken back.
//!
//! What stands names who said it: the configuration's own silences, windows and rules have a
//! source that no other has, and its statements about the topology, which keep the source that
//! their file names, have an id of their own kind. Both are in journal and snapshot, so that a
//! start knows as well what an earlier configuration held.

use super::topology::{Said, Statement, StatementKey, Thing};
use super::{Entries, Entry, Inner, Registry};
use crate::settings::CONFIG_SOURCE;
use causeway_dataflows::model::{Context, ContextEvent, EntityRef, EventId, Op, Relation};
use smol_str::SmolStr;
use std::collections::BTreeSet;
use xxhash_rust::xxh3::xxh3_128;

/// How the ids of the configuration's statements about the topology begin.
const TOPOLOGY_ID: &str = "config/topology/";

/// What brings up to date what stands because the configuration said so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// What does not stand yet, or otherwise.
    pub said: Vec<ContextEvent>,
    /// Deletions of what it held once and holds no more.
    pub taken_back: Vec<ContextEvent>,
}

/// The id of the configuration's statement `body`: another for each thing that it can say.
pub fn topology_id(body: &Context, op: Op) -> EventId {
    let mut text = serde_json::to_vec(body).unwrap_or_default();
    if let Op::Within { from, until } = op {
        text.extend([from, until].map(i64::to_le_bytes).concat());
    }
    EventId::new(&format!("{TOPOLOGY_ID}{:032x}", xxh3_128(&text)))
}

impl Registry {
    /// What is to change at `now_ns` so that of all that the configuration ever said just `held`
    /// stands.
    pub fn change_to(&self, held: Vec<ContextEvent>, now_ns: i64) -> Change {
        let inner = self.read();
        let names: BTreeSet<Name> = held.iter().filter_map(Name::of).collect();
        let taken_back = inner.configured(now_ns).filter(|event| {
            // What has no name cannot be told apart, and is left.
            Name::of(event).is_some_and(|name| !names.contains(&name))
        });
        let taken_back = taken_back.map(|event| ContextEvent {
            op: Op::Delete,
            // Also when the clock was put back since: the later word holds.
            time_ns: now_ns.max(event.time_ns + 1),
            observed_ns: now_ns,
            ..event
        });
        let taken_back = taken_back.collect();
        let said = held.into_iter().filter(|event| !inner.stands(event, now_ns)).collect();
        Change { said, taken_back }
    }
}

/// What an event of the configuration is about.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Silence(SmolStr, SmolStr),
    Maintenance(SmolStr, SmolStr),
    Rule(SmolStr, SmolStr),
    Statement(StatementKey),
}

impl Name {
    fn of(event: &ContextEvent) -> Option<Name> {
        let tenant = event.tenant.clone();
        match &event.body {
            Context::Silence(silence) => Some(Name::Silence(tenant, silence.silence_id.clone())),
            Context::Maintenance(window) => {
                Some(Name::Maintenance(tenant, window.maintenance_id.clone()))
            }
            Context::Rule(rule) => Some(Name::Rule(tenant, rule.rule_id.clone())),
            _ => StatementKey::of(event).map(Name::Statement),
        }
    }
}

impl Inner {
    /// What stands because the configuration said so, as the events that said it.
    fn configured(&self, now_ns: i64) -> impl Iterator<Item = ContextEvent> {
        let silences = self.silences.configured().map(|of| of.event(Context::Silence));
        let windows = self.maintenance.configured().map(|of| of.event(Context::Maintenance));
        let rules = self.rules.configured().map(|of| of.event(Context::Rule));
        let statements = self.topology.standing(now_ns);
        let statements = statements.filter(|(_, statement)| statement.is_configured());
        let statements = statements.map(|(key, statement)| statement.event(key));
        silences.chain(windows).chain(rules).chain(statements)
    }

    /// Whether the configuration's `event` need not be said again.
    fn stands(&self, event: &ContextEvent, now_ns: i64) -> bool {
        let tenant = &event.tenant;
        match &event.body {
            Context::Silence(body) => self.silences.holds(tenant, &body.silence_id, body),
            Context::Maintenance(body) => {
                self.maintenance.holds(tenant, &body.maintenance_id, body)
            }
            Context::Rule(body) => self.rules.holds(tenant, &body.rule_id, body),
            // Saying it again is what lets it hold for longer.
            Context::Relation(Relation { ttl_seconds: 1.., .. }) => false,
            // What is over says nothing.
            _ if event.op.span().1 <= now_ns.div_euclid(1_000_000_000) => true,
            _ => StatementKey::of(event)
                .and_then(|key| self.topology.one(&key, now_ns))
                .is_some_and(|statement| statement.id == event.id),
        }
    }
}

impl<T: Clone + PartialEq> Entries<T> {
    /// What stands because the configuration said so.
    fn configured(&self) -> impl Iterator<Item = &Entry<T>> {
        self.held.values().filter(|entry| entry.is_configured())
    }

    fn holds(&self, tenant: &SmolStr, id: &SmolStr, body: &T) -> bool {
        let entry = self.held.get(&(tenant.clone(), id.clone()));
        entry.is_some_and(|entry| entry.is_configured() && entry.body == *body)
    }
}

impl<T: Clone> Entry<T> {
    fn is_configured(&self) -> bool {
        self.op == Op::Upsert && self.source == CONFIG_SOURCE
    }

    /// The event that said so.
    fn event(&self, body: impl Fn(T) -> Context) -> ContextEvent {
        ContextEvent {
            tenant: self.tenant.clone(),
            source: self.source.clone(),
            id: self.id.clone(),
            time_ns: self.time_ns,
            observed_ns: self.observed_ns,
            op: self.op,
            body: body(self.body.clone()),
        }
    }
}

impl Statement {
    fn is_configured(&self) -> bool {
        self.id.0.starts_with(TOPOLOGY_ID)
    }

    /// The event that said so.
    fn event(&self, key: &StatementKey) -> ContextEvent {
        let of = |text: &SmolStr| EntityRef::new(&key.tenant, text);
        let body = match (&self.body, &key.thing) {
            (Said::Entity(update), _) => Context::Entity((**update).clone()),
            (Said::Relation { confidence_ppm, ttl_seconds }, Thing::Relation(from, to, kind)) => {
                let (from, to, kind) = (of(from), of(to), *kind);
                let (confidence_ppm, ttl_seconds) = (*confidence_ppm, *ttl_seconds);
                Context::Relation(Relation { from, to, kind, confidence_ppm, ttl_seconds })
            }
            (Said::Relation { .. }, Thing::Entity(_)) => {
                unreachable!("a statement says what its key is about")
            }
        };
        ContextEvent {
            tenant: key.tenant.clone(),
            source: key.source.clone(),
            id: self.id.clone(),
            time_ns: self.time_ns,
            observed_ns: self.observed_ns,
            op: self.op,
            body,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use causeway_dataflows::model::{Criticality, EntityUpdate, RelationKind, Rule, RuleAction};

    fn relation(to: &str, confidence_ppm: u32, ttl_seconds: u32) -> ContextEvent {
        let of = |text: &str| EntityRef::new("t", text);
        let (from, kind) = (of("service:a"), RelationKind::Calls);
        let body =
            Context::Relation(Relation { from, to: of(to), kind, confidence_ppm, ttl_seconds });
        event("catalog", topology_id(&body, Op::Upsert), body)
    }

    fn rule(id: &str) -> ContextEvent {
        let (rule_id, matchers) = (SmolStr::new(id), Vec::new());
        let body = Context::Rule(Rule { rule_id, matchers, action: RuleAction::Suppress });
        event(CONFIG_SOURCE, EventId::new(&format!("config/rule/{id}")), body)
    }

    fn event(source: &str, id: EventId, body: Context) -> ContextEvent {
        let (tenant, source) = ("t".into(), source.into());
        ContextEvent { tenant, source, id, time_ns: 1, observed_ns: 1, op: Op::Upsert, body }
    }

    /// Applies the change to `held`; what was said and taken back, by the ends of their ids.
    fn changed(registry: &Registry, held: &[ContextEvent], now_ns: i64) -> [usize; 2] {
        let at = |event: &ContextEvent| ContextEvent {
            time_ns: now_ns,
            observed_ns: now_ns,
            ..event.clone()
        };
        let change = registry.change_to(held.iter().map(at).collect(), now_ns);
        change.said.iter().chain(&change.taken_back).for_each(|event| registry.apply(event));
        assert!(change.taken_back.iter().all(|event| event.op == Op::Delete));
        [change.said.len(), change.taken_back.len()]
    }

    #[test]
    fn only_what_differs_is_said_and_what_is_gone_is_taken_back() {
        let registry = Registry::default();
        let (a, b) = (relation("service:b", 1, 0), relation("service:c", 1, 0));
        let both = [a.clone(), b.clone(), rule("r")];
        assert_eq!(changed(&registry, &both, 10), [3, 0]);
        assert_eq!(changed(&registry, &both, 20), [0, 0], "nothing is new");
        let surer = relation("service:b", 2, 0);
        assert_eq!(changed(&registry, &[surer.clone(), rule("s")], 30), [2, 2]);
        assert_eq!(changed(&registry, &both, 40), [3, 1], "what was taken back comes again");
        let hourly = relation("service:b", 1, 3600);
        assert_eq!(changed(&registry, std::slice::from_ref(&hourly), 50), [1, 2]);
        assert_eq!(changed(&registry, &[hourly], 60), [1, 0], "it is to hold for longer");
    }

    #[test]
    fn bounds_that_change_are_said_and_what_is_over_is_not() {
        const SECOND: i64 = 1_000_000_000;
        let registry = Registry::default();
        let until = |until| {
            let entity = EntityRef::new("t", "service:a");
            let (kind, criticality) = ("service".into(), Criticality::default());
            let aliases = Vec::new();
            let update = EntityUpdate { entity, kind, owner: None, criticality, aliases };
            let (body, op) = (Context::Entity(update), Op::Within { from: 0, until });
            ContextEvent { op, ..event("catalog", topology_id(&body, op), body) }
        };
        assert_eq!(changed(&registry, &[until(100)], SECOND), [1, 0]);
        assert_eq!(changed(&registry, &[until(100)], 2 * SECOND), [0, 0]);
        assert_eq!(changed(&registry, &[until(200)], 3 * SECOND), [1, 0], "it ends later");
        assert_eq!(changed(&registry, &[until(200)], 200 * SECOND), [0, 0], "it is over");
        assert_eq!(changed(&registry, &[until(300)], 201 * SECOND), [1, 0], "it is there again");
        assert_eq!(changed(&registry, &[], 202 * SECOND), [0, 1]);
    }

    #[test]
    fn what_others_say_is_theirs() {
        let registry = Registry::default();
        let own = relation("service:b", 1, 0);
        let others = ContextEvent { id: EventId::new("x"), time_ns: 5, ..own.clone() };
        let api = ContextEvent { source: "api".into(), ..rule("q") };
        [&others, &api].into_iter().for_each(|event| registry.apply(event));
        assert_eq!(changed(&registry, &[], 10), [0, 0]);
        assert_eq!(changed(&registry, &[own.clone(), rule("q")], 20), [2, 0], "now it is ours");
        let later = ContextEvent { time_ns: 30, ..others };
        registry.apply(&later);
        assert_eq!(changed(&registry, &[rule("q")], 40), [0, 0], "and now theirs again");
        assert_eq!(changed(&registry, &[own], 50), [1, 1]);
    }
}
