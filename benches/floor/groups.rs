//! The floor of W2: union-find over the active links, from scratch at every tick.
//!
//! It links an alert to its predecessor on the same entity and on each neighbour
//! (SEMANTICS rule 14), and that is all: no surprise, no silent neighbours, no split by
//! causal cones, no cause, no explanation, and no memory of what it said before.

use crate::harness::RowDigest;
use std::collections::BTreeMap;

/// Alerts on one entity link over at most this gap, seconds.
const SAME_SECONDS: i64 = 600;
/// Alerts on neighbours link over at most this gap, seconds.
const NEIGHBOUR_SECONDS: i64 = 120;

/// One active alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Active {
    /// Its entity's place.
    pub entity: u32,
    /// Its onset, seconds.
    pub onset: i64,
    /// Its fingerprint.
    pub fingerprint: u128,
}

/// Neighbours of all entities, packed.
pub struct Neighbours {
    begin: Vec<u32>,
    near: Vec<u32>,
}

impl Neighbours {
    /// From edges between `entities` entities; both directions count.
    pub fn new(entities: usize, edges: &[(u32, u32)]) -> Neighbours {
        let both = || edges.iter().flat_map(|(a, b)| [(*a, *b), (*b, *a)]);
        let mut begin = vec![0u32; entities + 1];
        both().for_each(|(from, _)| begin[from as usize + 1] += 1);
        for at in 0..entities {
            begin[at + 1] += begin[at];
        }
        let mut place = begin.clone();
        let mut near = vec![0; edges.len() * 2];
        for (from, to) in both() {
            near[place[from as usize] as usize] = to;
            place[from as usize] += 1;
        }
        Neighbours { begin, near }
    }

    fn of(&self, entity: u32) -> &[u32] {
        let entity = entity as usize;
        &self.near[self.begin[entity] as usize..self.begin[entity + 1] as usize]
    }
}

/// The component of every alert, as the place of its first; `alerts` must be sorted.
pub fn components(alerts: &[Active], neighbours: &Neighbours) -> Vec<u32> {
    let entities = neighbours.begin.len() - 1;
    let mut begin = vec![0u32; entities + 1];
    alerts.iter().for_each(|alert| begin[alert.entity as usize + 1] += 1);
    for at in 0..entities {
        begin[at + 1] += begin[at];
    }
    let mut parents: Vec<u32> = (0..alerts.len() as u32).collect();
    for (at, alert) in alerts.iter().enumerate() {
        let before = |entity: u32, reach: i64| {
            let (from, to) = (begin[entity as usize], begin[entity as usize + 1]);
            let here = &alerts[from as usize..to as usize];
            let earlier = |other: &Active| {
                (other.onset, other.fingerprint) < (alert.onset, alert.fingerprint)
            };
            let count = here.partition_point(earlier);
            let last = here[..count].last()?;
            (last.onset >= alert.onset - reach).then(|| from + count as u32 - 1)
        };
        if let Some(other) = before(alert.entity, SAME_SECONDS) {
            join(&mut parents, at as u32, other);
        }
        for near in neighbours.of(alert.entity) {
            if let Some(other) = before(*near, NEIGHBOUR_SECONDS) {
                join(&mut parents, at as u32, other);
            }
        }
    }
    (0..alerts.len() as u32).map(|at| find(&mut parents, at)).collect()
}

fn find(parents: &mut [u32], mut at: u32) -> u32 {
    while parents[at as usize] != at {
        parents[at as usize] = parents[parents[at as usize] as usize];
        at = parents[at as usize];
    }
    at
}

fn join(parents: &mut [u32], a: u32, b: u32) {
    let (a, b) = (find(parents, a), find(parents, b));
    parents[a.max(b) as usize] = a.min(b);
}

/// Number of components and a digest of who is with whom.
pub fn digest(alerts: &[Active], components: &[u32]) -> (u64, RowDigest) {
    // A component is named by the least (onset, fingerprint) in it.
    let mut first: BTreeMap<u32, (i64, u128)> = BTreeMap::new();
    for (alert, component) in alerts.iter().zip(components) {
        let own = (alert.onset, alert.fingerprint);
        let slot = first.entry(*component).or_insert(own);
        *slot = own.min(*slot);
    }
    let mut digest = RowDigest::default();
    for (alert, component) in alerts.iter().zip(components) {
        let (onset, fingerprint) = first[component];
        digest.toggle([alert.fingerprint as u64, onset as u64, fingerprint as u64]);
    }
    (first.len() as u64, digest)
}
