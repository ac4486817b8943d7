//! Entities and relations as they stand, each as often as there are sources that say so.

use super::Sweep;
use causeway_dataflows::model::{
    Context, ContextEvent, EntityUpdate, EventId, Op, Relation, RelationKind,
};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Statements kept, those that were taken back included; at some 250 bytes each.
const STATEMENTS_MAX: usize = 1_000_000;

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    /// The reference of an entity.
    Entity(SmolStr),
    /// Dependent, dependency, and how the one depends on the other.
    Relation(SmolStr, SmolStr, RelationKind),
}

/// Which statement: whose, about what, and by whom. Listings have this order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StatementKey {
    /// Whose it is.
    pub tenant: SmolStr,
    /// What it is about.
    pub thing: Thing,
    /// Who says so.
    pub source: SmolStr,
}

/// What a source says of one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// When, event time, nanoseconds since the Unix epoch.
    pub time_ns: i64,
    /// Since when it was said without a break, as far as this process knows.
    pub since_ns: i64,
    /// What was said.
    pub body: Said,
    pub(super) observed_ns: i64,
    pub(super) id: EventId,
    pub(super) op: Op,
}

/// The rest of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Of an entity.
    Entity(Box<EntityUpdate>),
    /// Of a relation.
    Relation {
        /// How sure the source is, parts per million.
        confidence_ppm: u32,
        /// How long it holds without being said again, seconds; zero for ever.
        ttl_seconds: u32,
    },
}

/// Which statements to list; what is empty asks for all.
#[derive(Clone, Debug, Default)]
pub struct TopologyQuery {
    /// Any of these tenants.
    pub tenants: Vec<SmolStr>,
    /// Any of these sources.
    pub sources: Vec<SmolStr>,
    /// Any of these entities; a relation is found by either end.
    pub entities: Vec<SmolStr>,
    /// Entities alone, or relations alone.
    pub relations: Option<bool>,
    /// Statements of a page.
    pub limit: usize,
    /// The last statement of the page before.
    pub after: Option<StatementKey>,
}

/// All statements.
#[derive(Default)]
pub(super) struct Statements {
    held: BTreeMap<StatementKey, Statement>,
    sweep: Sweep,
}

impl Thing {
    fn of(event: &ContextEvent) -> Option<(Thing, Said)> {
        Some(match &event.body {
            Context::Entity(update) => {
                (Thing::Entity(update.entity.text.clone()), Said::Entity(Box::new(update.clone())))
            }
            Context::Relation(Relation { from, to, kind, confidence_ppm, ttl_seconds }) => (
                Thing::Relation(from.text.clone(), to.text.clone(), *kind),
                Said::Relation { confidence_ppm: *confidence_ppm, ttl_seconds: *ttl_seconds },
            ),
            _ => return None,
        })
    }

    fn touches(&self, entity: &SmolStr) -> bool {
        match self {
            Thing::Entity(own) => own == entity,
            Thing::Relation(from, to, _) => from == entity || to == entity,
        }
    }
}

impl StatementKey {
    fn new(event: &ContextEvent, thing: Thing) -> StatementKey {
        StatementKey { tenant: event.tenant.clone(), thing, source: event.source.clone() }
    }

    /// Which statement an event is; `None` when it is not about the topology.
    pub fn of(event: &ContextEvent) -> Option<StatementKey> {
        Thing::of(event).map(|(thing, _)| StatementKey::new(event, thing))
    }
}

impl Statement {
    /// Whether it holds, or will; a relation runs out by itself, as it does in the engine.
    fn stands(&self, now_ns: i64) -> bool {
        self.op != Op::Delete && self.end_ns() > now_ns
    }

    /// From when on it holds, where that was said, nanoseconds since the Unix epoch.
    pub fn from_ns(&self) -> Option<i64> {
        let from = self.op.span().0;
        (from > i64::MIN).then(|| from.saturating_mul(1_000_000_000))
    }

    /// When it runs out, nanoseconds since the Unix epoch; the greatest number for never.
    pub fn end_ns(&self) -> i64 {
        let runs_out = match self.body {
            Said::Relation { ttl_seconds: ttl @ 1.., .. } => {
                self.time_ns.div_euclid(1_000_000_000).saturating_add(i64::from(ttl))
            }
            _ => i64::MAX,
        };
        runs_out.min(self.op.span().1).saturating_mul(1_000_000_000)
    }
}

impl TopologyQuery {
    fn wants(&self, key: &StatementKey) -> bool {
        let among = |words: &[SmolStr], word| words.is_empty() || words.contains(word);
        among(&self.tenants, &key.tenant)
            && among(&self.sources, &key.source)
            && (self.entities.is_empty() || self.entities.iter().any(|e| key.thing.touches(e)))
            && self
                .relations
                .is_none_or(|wanted| wanted == matches!(key.thing, Thing::Relation(..)))
    }
}

impl Statements {
    /// Takes one event in; says how many statements had to go because there were too many.
    pub(super) fn put(&mut self, event: &ContextEvent, tombstone_ns: i64) -> u64 {
        let Some((thing, body)) = Thing::of(event) else { return 0 };
        let key = StatementKey::new(event, thing);
        let stamp = (event.time_ns, &event.id);
        let held = self.held.get(&key);
        if held.is_some_and(|held| stamp < (held.time_ns, &held.id)) {
            return 0;
        }
        let before = held.filter(|held| held.stands(event.time_ns)).map(|held| held.since_ns);
        let since_ns = before.unwrap_or(event.time_ns);
        let (time_ns, observed_ns) = (event.time_ns, event.observed_ns);
        let statement =
            Statement { time_ns, since_ns, body, observed_ns, id: event.id.clone(), op: event.op };
        self.held.insert(key, statement);
        if !self.sweep.is_due(self.held.len()) && self.held.len() <= STATEMENTS_MAX {
            return 0;
        }
        let forgotten = self.trim(event.observed_ns, tombstone_ns);
        self.sweep.done(self.held.len());
        forgotten
    }

    /// Drops what no longer stands; when that is not enough, a tenth, oldest first, so that the
    /// next trim is a while away.
    #[cold]
    fn trim(&mut self, now_ns: i64, tombstone_ns: i64) -> u64 {
        self.held.retain(|_, held| {
            let since = now_ns.saturating_sub(held.observed_ns);
            held.stands(now_ns) || (held.op == Op::Delete && since < tombstone_ns)
        });
        if self.held.len() <= STATEMENTS_MAX {
            return 0;
        }
        let excess = self.held.len() - STATEMENTS_MAX / 10 * 9;
        let mut times: Vec<i64> = self.held.values().map(|held| held.time_ns).collect();
        let (_, newest, _) = times.select_nth_unstable(excess - 1);
        let newest = *newest;
        let mut left = excess;
        self.held.retain(|_, held| {
            let goes = left > 0 && held.time_ns <= newest;
            left -= usize::from(goes);
            !goes
        });
        excess as u64
    }

    /// The statement of that key, if it stands.
    pub(super) fn one(&self, key: &StatementKey, now_ns: i64) -> Option<&Statement> {
        self.held.get(key).filter(|held| held.stands(now_ns))
    }

    /// Everything that stands.
    pub(super) fn standing(
        &self,
        now_ns: i64,
    ) -> impl Iterator<Item = (&StatementKey, &Statement)> {
        self.held.iter().filter(move |(_, held)| held.stands(now_ns))
    }

    /// The sources whose statements about `thing` stand, with when they said so.
    pub(super) fn about(&self, tenant: &str, thing: &Thing, now_ns: i64) -> Vec<(SmolStr, i64)> {
        let source = SmolStr::default();
        let first = StatementKey { tenant: tenant.into(), thing: thing.clone(), source };
        self.held
            .range(first..)
            .take_while(|(key, _)| key.tenant == tenant && key.thing == *thing)
            .filter(|(_, held)| held.stands(now_ns))
            .map(|(key, held)| (key.source.clone(), held.time_ns))
            .collect()
    }

    /// A page of what stands; whether more follows.
    pub(super) fn page(
        &self,
        query: &TopologyQuery,
        now_ns: i64,
    ) -> (Vec<(StatementKey, Statement)>, bool) {
        let from = match &query.after {
            Some(key) => Bound::Excluded(key.clone()),
            None => Bound::Unbounded,
        };
        let mut wanted = self
            .held
            .range((from, Bound::Unbounded))
            .filter(|(key, held)| held.stands(now_ns) && query.wants(key));
        let items = wanted.by_ref().take(query.limit);
        let items = items.map(|(key, held)| (key.clone(), held.clone())).collect();
        (items, wanted.next().is_some())
    }
}
