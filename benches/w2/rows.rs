//! The rows of W2 that feed a stream.

use super::{Args, GROUPS};
use crate::floor::decode::{TapeDecoder, hash_of};
use crate::floor::dedup::Table;
use crate::floor::groups::{Active, Neighbours, components, digest};
use crate::harness::{Meter, Outcome};
use crate::work::alerts::{Faults, Planned, push_line};
use crate::work::graph::reference;
use crate::work::groups::Engine;
use crate::work::openloop::{Arrival, drive, stall_self};
use crate::work::scratch;
use crate::work::stream::{Batch, load, params, stream, world};
use causeway_loadgen::rng::Rng;
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// The engine over the stream with one transition in a hundred.
pub fn repeats(name: &str, args: &Args, workers: usize) -> Outcome {
    let world = world(&args.shape(), args.active);
    let (warm, batches) = stream(&args.shape(), args.events, &world);
    let mut engine = Engine::start(workers, &params(args.active), false);
    load(&mut engine, &world);
    for batch in &warm {
        engine.submit(batch.tick, &batch.lines, Vec::new());
    }
    engine.settle();
    let before = engine.standing.changes;
    let meter = Meter::start();
    for batch in &batches {
        engine.submit(batch.tick, &batch.lines, Vec::new());
    }
    engine.settle();
    let outcome = Outcome::new(name, GROUPS, workers, args.common.seed).spent(meter.stop());
    let changes = (engine.standing.changes - before) as f64;
    let standing = engine.finish();
    let events = batches.iter().map(|batch| batch.count).sum();
    let outputs = standing.incidents as u64;
    let outcome = Outcome { events, outputs, digest: standing.members.text(), ..outcome };
    Outcome { also: standing.digest.to_string(), ..outcome }.figure("row_changes", changes)
}

/// The same groups from scratch after the same stream.
pub fn recomputed(name: &str, args: &Args) -> Outcome {
    let world = world(&args.shape(), args.active);
    let (warm, batches) = stream(&args.shape(), args.events, &world);
    let params = params(args.active);
    let mut engine = Engine::start(1, &params, true);
    load(&mut engine, &world);
    for batch in warm.iter().chain(&batches) {
        engine.submit(batch.tick, &batch.lines, Vec::new());
    }
    let rows = engine.finish().rows.unwrap_or_default();
    let meter = Meter::start();
    let found = scratch::recompute(&world.graph, rows.into_values().collect(), &params);
    let outcome = Outcome::new(name, GROUPS, 1, args.common.seed).spent(meter.stop());
    let (events, outputs) = (found.alerts, found.groups);
    Outcome { events, outputs, digest: found.members.text(), ..outcome }
}

/// Every line opens or resolves an alert.
pub fn transitions(name: &str, args: &Args) -> Outcome {
    let world = world(&args.shape(), args.active);
    let mut faults = Faults::new(&world.graph, args.common.seed ^ 2);
    let opening = faults.next(args.transitions / 2, world.now + 60, args.onsets);
    let mut rng = Rng::stream(args.common.seed, "w2 transitions");
    let mut cold = world.active.clone();
    let mut id = u64::from(world.planned);
    let mut batches: Vec<Batch> = Vec::new();
    for chunk in opening.chunks(500) {
        let (mut lines, mut tick) = (Vec::new(), world.now);
        for new in chunk {
            tick = new.onset.max(tick);
            let new = Planned { number: new.number + world.planned, ..*new };
            push_line(&mut lines, new, new.onset, id, true);
            if !cold.is_empty() {
                let gone = cold.swap_remove(rng.below(cold.len()));
                push_line(&mut lines, gone, new.onset, id + 1, false);
            }
            id += 2;
        }
        batches.push(Batch { lines, tick, count: chunk.len() as u64 * 2 });
    }
    let mut engine = Engine::start(1, &params(args.active), false);
    load(&mut engine, &world);
    let meter = Meter::start();
    for batch in &batches {
        engine.submit(batch.tick, &batch.lines, Vec::new());
    }
    engine.settle();
    let outcome = Outcome::new(name, "transitions", 1, args.common.seed).spent(meter.stop());
    let standing = engine.finish();
    let events = batches.iter().map(|batch| batch.count).sum();
    let outputs = standing.incidents as u64;
    Outcome { events, outputs, digest: standing.members.text(), ..outcome }
}

/// One alert at a time comes or goes, open loop; `stalled` stops the process on the way.
pub fn one_change(name: &str, args: &Args, active: u32, stalled: bool) -> Outcome {
    let world = world(&args.shape(), active);
    let mut engine = Engine::start(1, &params(active), false);
    load(&mut engine, &world);
    let count = (args.rate * args.seconds as f64) as u32;
    let mut faults = Faults::new(&world.graph, args.common.seed ^ 3);
    let mut opening = faults.next(count, world.now, args.rate).into_iter();
    let mut rng = Rng::stream(args.common.seed, "w2 changes");
    let mut cold = world.active.clone();
    if stalled {
        stall_self(3);
    }
    let meter = Meter::start();
    let driven = drive(&mut engine, args.rate, args.seconds, world.now + 60, |number, second| {
        let mut lines = Vec::with_capacity(400);
        let id = u64::from(world.planned) + number;
        let gone = !cold.is_empty() && number % 2 == 1;
        if gone {
            let gone = cold.swap_remove(rng.below(cold.len()));
            push_line(&mut lines, gone, second, id, false);
        } else if let Some(new) = opening.next() {
            let new = Planned { number: new.number + world.planned, ..new };
            push_line(&mut lines, new, second, id, true);
        }
        Arrival { lines, context: Vec::new() }
    });
    let outcome = Outcome::new(name, "", 1, args.common.seed).spent(meter.stop());
    let (events, outputs) = (driven.latencies.len(), engine.finish().incidents as u64);
    driven.into_outcome(Outcome { events, outputs, ..outcome })
}

/// Decode, hash table, and a union-find over all that is active as often as the engine answers.
pub fn floored(name: &str, args: &Args) -> Outcome {
    let world = world(&args.shape(), args.active);
    let (warm, batches) = stream(&args.shape(), args.events, &world);
    let places: HashMap<u64, u32> =
        (0..args.entities).map(|entity| (hash_of(&reference(entity)), entity)).collect();
    let neighbours = Neighbours::new(args.entities as usize, &world.graph.edges);
    let mut floor = Floor {
        decoder: TapeDecoder::default(),
        table: Table::new(args.active as usize * 3 / 2, i64::MAX / 4),
        active: BTreeSet::new(),
        places,
        neighbours,
    };
    for batch in world.load.iter().chain(&warm) {
        floor.take(&batch.lines);
    }
    let mut found = (Vec::new(), Vec::new());
    let meter = Meter::start();
    for batch in &batches {
        floor.take(&batch.lines);
        found = floor.recompute();
    }
    let outcome = Outcome::new(name, "components", 1, args.common.seed).spent(meter.stop());
    let events = batches.iter().map(|batch| batch.count).sum();
    let (outputs, digest) = digest(&found.0, &found.1);
    Outcome { events, outputs, digest: digest.text(), ..outcome }
}

struct Floor {
    decoder: TapeDecoder,
    table: Table,
    active: BTreeSet<(u32, i64, u128)>,
    places: HashMap<u64, u32>,
    neighbours: Neighbours,
}

impl Floor {
    fn take(&mut self, lines: &[u8]) {
        for line in lines.split(|byte| *byte == b'\n') {
            let Some((event, entity, resolved)) = self.decoder.placed(line) else { continue };
            if resolved || self.table.insert(event) {
                let entity = self.places.get(&entity).copied().unwrap_or(0);
                if resolved {
                    // It began some time before; a table by fingerprint would say when.
                    let from = (entity, i64::MIN, 0)..(entity, i64::MAX, 0);
                    let mut here = self.active.range(from).copied();
                    if let Some(key) = here.find(|key| key.2 == event.fingerprint) {
                        self.active.remove(&key);
                    }
                } else {
                    self.active.insert((entity, event.time, event.fingerprint));
                }
            }
        }
    }

    fn recompute(&self) -> (Vec<Active>, Vec<u32>) {
        let active = |(entity, onset, fingerprint): &(u32, i64, u128)| Active {
            entity: *entity,
            onset: *onset,
            fingerprint: *fingerprint,
        };
        let alerts: Vec<Active> = self.active.iter().map(active).collect();
        let found = components(&alerts, &self.neighbours);
        (alerts, found)
    }
}
