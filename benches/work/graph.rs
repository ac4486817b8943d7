//! A random topology and edits of it.

use causeway_dataflows::model::{
    Context, ContextEvent, EntityRef, EventId, Op, Relation, RelationKind,
};
use causeway_loadgen::rng::Rng;
use smol_str::SmolStr;

/// Dependencies of one entity.
const DEGREE: usize = 4;

/// Who depends on whom, by number.
pub struct Graph {
    /// How many entities.
    pub entities: u32,
    /// From the dependent to what it depends on.
    pub edges: Vec<(u32, u32)>,
    /// Dependents of each entity.
    pub users: Vec<Vec<u32>>,
}

impl Graph {
    /// A graph of `entities` entities, each of which depends on four others.
    pub fn random(entities: u32, seed: u64) -> Graph {
        let mut rng = Rng::stream(seed, "graph");
        let mut graph = Graph { entities, edges: Vec::new(), users: Vec::new() };
        graph.users = vec![Vec::new(); entities as usize];
        for from in 0..entities {
            for _ in 0..DEGREE {
                let to = rng.below(entities as usize) as u32;
                if to != from && !graph.users[to as usize].contains(&from) {
                    graph.add(from, to);
                }
            }
        }
        graph
    }

    /// Adds an edge.
    pub fn add(&mut self, from: u32, to: u32) {
        self.edges.push((from, to));
        self.users[to as usize].push(from);
    }

    /// Adds an entity on which nothing depends yet.
    pub fn entity(&mut self) -> u32 {
        self.users.push(Vec::new());
        self.entities += 1;
        self.entities - 1
    }

    /// The whole topology as context events that hold from `time` on, seconds.
    pub fn events(&self, time: i64) -> Vec<ContextEvent> {
        self.edges.iter().map(|edge| relation(*edge, Op::Upsert, time * 1_000_000_000)).collect()
    }
}

/// The reference of an entity.
pub fn reference(entity: u32) -> String {
    format!("service:b/s{entity}")
}

/// An edge comes or goes.
pub fn relation((from, to): (u32, u32), op: Op, time_ns: i64) -> ContextEvent {
    let tenant = SmolStr::new_static("default");
    let body = Context::Relation(Relation {
        from: EntityRef::new(&tenant, &reference(from)),
        to: EntityRef::new(&tenant, &reference(to)),
        kind: RelationKind::Calls,
        confidence_ppm: 1_000_000,
        ttl_seconds: 0,
    });
    ContextEvent {
        source: SmolStr::new_static("bench"),
        id: EventId::new(&format!("r-{from}-{to}")),
        time_ns,
        observed_ns: time_ns,
        op,
        body,
        tenant,
    }
}
