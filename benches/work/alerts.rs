//! Alerts on a topology, as lines: some stay, some come, some go, most repeat.

use super::graph::{Graph, reference};
use causeway_loadgen::instant::{START, push_rfc3339};
use causeway_loadgen::rng::Rng;
use std::io::Write;

/// The first second of every stream.
pub const START_SECONDS: i64 = START / 1_000;
/// Bytes of a line, as for the normal event.
const LINE: usize = 360;
/// How long after its root an alert of a fault begins, seconds.
const SPREAD_SECONDS: usize = 40;
/// Dependents that feel a fault, at most.
const FELT_MAX: usize = 3;

/// One alert of the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    /// When it begins, seconds.
    pub onset: i64,
    /// Its number, which decides its words.
    pub number: u32,
    /// Where.
    pub entity: u32,
}

/// Faults at a steady rate: an entity and some of what depends on it alert.
pub struct Faults<'a> {
    graph: &'a Graph,
    rng: Rng,
    number: u32,
}

impl<'a> Faults<'a> {
    /// The faults of a seed.
    pub fn new(graph: &'a Graph, seed: u64) -> Faults<'a> {
        Faults { graph, rng: Rng::stream(seed, "faults"), number: 0 }
    }

    /// The next `count` alerts, `per_second` from second `from` on, in order of onset.
    pub fn next(&mut self, count: u32, from: i64, per_second: f64) -> Vec<Planned> {
        let mut planned = Vec::with_capacity(count as usize);
        while planned.len() < count as usize {
            let second = from + (planned.len() as f64 / per_second) as i64;
            let root = self.rng.below(self.graph.entities as usize) as u32;
            let users = &self.graph.users[root as usize];
            let felt = self.rng.below(FELT_MAX + 1).min(users.len());
            self.push(&mut planned, second, root);
            for _ in 0..felt {
                let user = *self.rng.pick(users);
                let later = self.rng.below(SPREAD_SECONDS) as i64;
                self.push(&mut planned, second + later, user);
            }
        }
        planned.truncate(count as usize);
        planned.sort_unstable();
        planned
    }

    fn push(&mut self, planned: &mut Vec<Planned>, onset: i64, entity: u32) {
        planned.push(Planned { onset, number: self.number, entity });
        self.number += 1;
    }
}

/// Appends the line that says `alert` fires, or is over, at `second`; `id` is the event's.
///
/// # Panics
/// Never: a vector takes what is written to it.
pub fn push_line(out: &mut Vec<u8>, alert: Planned, second: i64, id: u64, firing: bool) {
    let Planned { number, entity, .. } = alert;
    let begin = out.len();
    let status = if firing { "firing" } else { "resolved" };
    write!(out, r#"{{"schema":"event/1.0","id":"e{id:011}","source":"bench","kind":"alert","#)
        .expect("a vector takes it");
    write!(out, r#""name":"Check{:02}","time":""#, number % 100).expect("a vector takes it");
    push_rfc3339(out, second * 1_000);
    write!(
        out,
        concat!(
            r#"","observed_time":{},"status":"{}","severity":"error","entity":"{}","#,
            r#""labels":{{"az":"z{}","env":"prod","ns":"b","pod":"p{}","region":"eu1","#,
            r#""svc":"s{}","team":"t{}","tier":"mid"}},"summary":""#
        ),
        second * 1_000_000_000,
        status,
        reference(entity),
        number % 8,
        number,
        entity,
        entity % 40,
    )
    .expect("a vector takes it");
    while out.len() < begin + LINE - 3 {
        out.push(b'w');
    }
    out.extend_from_slice(b"\"}\n");
}
