//! A topology under active alerts, and lines that repeat, open and resolve them.

use super::alerts::{Faults, Planned, START_SECONDS, push_line};
use super::graph::Graph;
use super::groups::Engine;
use causeway_dataflows::params::Params;
use causeway_loadgen::rng::Rng;

/// Alerts that the repetitions of the stream go to.
const HOT: usize = 10_000;
/// Repetitions each has had before the clock starts, so that its order of magnitude rarely changes.
const WARM: usize = 64;
/// Lines of an epoch, about a megabyte.
pub const EPOCH_LINES: usize = 2_900;
/// Share of lines that are transitions, and of event time's onsets that they bring.
const TRANSITIONS: f64 = 0.01;

/// The engine's parameters: alerts stand until they are resolved, and what is resolved stays
/// inside the horizon, so that a recompute sees all that the engine saw.
pub fn params(active: u32) -> Params {
    let mut params = Params::default();
    params.sources[0].quiet_seconds = 365 * 86_400;
    params.dedup.revise_horizon_seconds = 365 * 86_400;
    params.dedup.keys_initial = active as usize * 3 / 2;
    params
}

/// What a world looks like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Entities; each depends on four others.
    pub entities: u32,
    /// Alerts that begin in a second of event time.
    pub onsets: f64,
    /// The seed.
    pub seed: u64,
}

/// Lines with the tick after them.
pub struct Batch {
    /// Whole lines.
    pub lines: Vec<u8>,
    /// The second of the last.
    pub tick: i64,
    /// How many.
    pub count: u64,
}

/// A topology, its active alerts, and the lines that make them so.
pub struct World {
    /// Who depends on whom.
    pub graph: Graph,
    /// Active alerts in order of onset.
    pub active: Vec<Planned>,
    /// Lines that open them, by minute of event time.
    pub load: Vec<Batch>,
    /// The second after the last.
    pub now: i64,
    /// How many alerts were ever planned.
    pub planned: u32,
}

/// The world of a seed with `active` alerts.
pub fn world(shape: &Shape, active: u32) -> World {
    let graph = Graph::random(shape.entities, shape.seed);
    let planned = Faults::new(&graph, shape.seed).next(active, START_SECONDS, shape.onsets);
    let mut load: Vec<Batch> = Vec::new();
    for chunk in planned.chunk_by(|a, b| a.onset / 60 == b.onset / 60) {
        let mut lines = Vec::new();
        for alert in chunk {
            push_line(&mut lines, *alert, alert.onset, u64::from(alert.number), true);
        }
        load.push(Batch { lines, tick: chunk[0].onset / 60 * 60 + 59, count: chunk.len() as u64 });
    }
    let now = planned.last().map_or(START_SECONDS, |alert| alert.onset) + 400;
    World { planned: active * 2, graph, active: planned, load, now }
}

/// Loads the topology and the active alerts.
pub fn load(engine: &mut Engine, world: &World) {
    engine.submit(START_SECONDS, &[], world.graph.events(START_SECONDS - 3_600));
    for batch in &world.load {
        engine.submit(batch.tick, &batch.lines, Vec::new());
    }
    engine.settle();
}

/// The stream of the throughput rows: repetitions, and one line in a hundred that opens or
/// resolves an alert. The first part has been heard before the clock starts.
pub fn stream(shape: &Shape, events: u32, world: &World) -> (Vec<Batch>, Vec<Batch>) {
    let mut rng = Rng::stream(shape.seed, "w2 stream");
    let hot: Vec<Planned> = world.active.iter().rev().take(HOT).copied().collect();
    let opens = (f64::from(events) * TRANSITIONS / 2.0) as u32;
    let mut faults = Faults::new(&world.graph, shape.seed ^ 1);
    let mut opening = faults.next(opens, world.now + 60, shape.onsets).into_iter();
    let per_second = shape.onsets / (TRANSITIONS / 2.0);
    let mut cold: Vec<Planned> = world.active[..world.active.len().saturating_sub(HOT)].to_vec();
    let base = world.planned;
    let mut id = u64::from(base);
    let mut line = |out: &mut Vec<u8>, alert: Planned, second: i64, firing: bool| {
        id += 1;
        push_line(out, alert, second, id, firing);
    };
    let warm = (0..hot.len() * WARM / EPOCH_LINES).map(|_| {
        let mut lines = Vec::new();
        for _ in 0..EPOCH_LINES {
            line(&mut lines, *rng.pick(&hot), world.now, true);
        }
        Batch { lines, tick: world.now, count: EPOCH_LINES as u64 }
    });
    let warm: Vec<Batch> = warm.collect();
    let mut batches = Vec::new();
    for first in (0..events as usize).step_by(EPOCH_LINES) {
        let mut lines = Vec::new();
        let upto = (first + EPOCH_LINES).min(events as usize);
        let mut second = world.now;
        for number in first..upto {
            second = world.now + 60 + (number as f64 / per_second) as i64;
            let period = (2.0 / TRANSITIONS) as usize;
            match number % period {
                0 => {
                    if let Some(mut new) = opening.next() {
                        new.number += base;
                        line(&mut lines, new, second, true);
                    }
                }
                at if at == period / 2 && !cold.is_empty() => {
                    let gone = cold.swap_remove(rng.below(cold.len()));
                    line(&mut lines, gone, second, false);
                }
                _ => line(&mut lines, *rng.pick(&hot), second, true),
            }
        }
        batches.push(Batch { lines, tick: second, count: (upto - first) as u64 });
    }
    (warm, batches)
}
