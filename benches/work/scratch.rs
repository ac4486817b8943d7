//! The groups from scratch, by the engine's own pure function: same answer, no memory.

use super::graph::{Graph, reference};
use super::groups::toggle_member;
use crate::harness::RowDigest;
use causeway_dataflows::correlate::tenant::Tenant;
use causeway_dataflows::correlate::{Fact, Outcome};
use causeway_dataflows::history::rate::Rates;
use causeway_dataflows::model::{
    AlertRow, Annotated, Edge, EntityRef, NameId, Rated, RelationKind,
};
use causeway_dataflows::params::Params;
use std::sync::Arc;
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// What a recompute found and what it took.
pub struct Found {
    /// Alerts it read.
    pub alerts: u64,
    /// Groups it made.
    pub groups: u64,
    /// Who is in which.
    pub members: RowDigest,
    /// Deciding alone, topology known.
    pub took: Duration,
}

/// Decides every group over `rows`, of which only the alerts are read.
pub fn recompute(graph: &Graph, rows: Vec<Arc<AlertRow>>, params: &Params) -> Found {
    let mut tenant = Tenant::default();
    let now = rows.iter().map(|row| row.alert.key.onset).max().unwrap_or(0);
    tenant.apply(edges(graph), now, params, &mut |_, _| {});
    let facts = rated(&rows, params);
    let mut found = Found {
        alerts: facts.len() as u64,
        groups: 0,
        members: RowDigest::default(),
        took: Duration::ZERO,
    };
    let begun = Instant::now();
    tenant.apply(facts, now, params, &mut |outcome, diff| match outcome {
        Outcome::Group(_) => found.groups = found.groups.saturating_add_signed(diff as i64),
        Outcome::Row(row) => toggle_member(&mut found.members, &row),
        Outcome::Sealed(_) => {}
    });
    found.took = begun.elapsed();
    found
}

fn edges(graph: &Graph) -> Vec<(Fact, isize)> {
    let entity = |number: u32| EntityRef::new("default", &reference(number));
    let edge = |(from, to): &(u32, u32)| {
        let edge = Edge {
            tenant: "default".into(),
            from: entity(*from),
            to: entity(*to),
            kind: RelationKind::Calls,
            confidence_ppm: 1_000_000,
        };
        (Fact::Edge(Arc::new(edge)), 1)
    };
    graph.edges.iter().map(edge).collect()
}

/// Every alert with its rarity.
fn rated(rows: &[Arc<AlertRow>], params: &Params) -> Vec<(Fact, isize)> {
    let parts = |row: &AlertRow| {
        let identity = &row.alert.identity;
        let level = xxh3_64(identity.entity.kind().as_bytes());
        (level, identity.entity.id, NameId::of(&identity.tenant, &identity.name))
    };
    let mut rates = Rates::new(params.history);
    let mut in_order: Vec<&Arc<AlertRow>> = rows.iter().collect();
    in_order.sort_by_key(|row| row.alert.key);
    // An alert reads buckets that ended well before it, so in order of onset it reads what it
    // read when it came; counts of long ago are folded away for those that come later.
    let fact = |row: &Arc<AlertRow>| {
        let (level, entity, name) = parts(row);
        let onset = row.alert.key.onset;
        rates.add(level, entity, name, onset, 1);
        let annotated = Annotated {
            alert: row.alert.clone(),
            entity: row.entity.clone(),
            severity: row.severity,
            pin: None,
            suppression: None,
        };
        let rated = Rated {
            row: Arc::new(annotated),
            surprise_milli: rates.surprise_milli(level, entity, name, onset),
            specific_milli: rates.specific_milli(level, name, onset),
        };
        (Fact::Alert(rated), 1)
    };
    in_order.into_iter().map(fact).collect()
}
