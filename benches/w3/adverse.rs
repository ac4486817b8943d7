//! The worst that one edit can do.

use super::Args;
use crate::harness::{Meter, Outcome};
use crate::work::alerts::{Planned, START_SECONDS, push_line};
use crate::work::graph::{Graph, relation};
use crate::work::groups::Engine;
use crate::work::openloop::{Arrival, drive};
use crate::work::scratch;
use crate::work::stream::params;
use causeway_dataflows::model::Op;

/// Seconds of flapping at [`FLAPS_PER_SECOND`]; the same number of single edits elsewhere.
const FLAPS: u64 = 5;
const FLAPS_PER_SECOND: f64 = 10.0;

/// An entity for each of a chain, each depending on the next, all alerting within 100 s;
/// the relation in the middle goes and comes.
pub fn chain(name: &str, args: &Args) -> Outcome {
    let mut graph = Graph::random(1, args.common.seed);
    while graph.entities < args.chain {
        let last = graph.entity();
        graph.add(last - 1, last);
    }
    let alerts = alerts(args.chain, |at| (u64::from(at) * 100 / u64::from(args.chain)) as i64);
    let middle = args.chain / 2;
    edited(name, args, graph, &alerts, (middle, middle + 1))
}

/// A hub with ten thousand alerting dependents; what the hub itself depends on goes and
/// comes at ten a second.
pub fn hub(name: &str, args: &Args) -> Outcome {
    let mut graph = Graph::random(1, args.common.seed);
    let below = graph.entity();
    graph.add(0, below);
    while graph.entities < args.chain + 2 {
        let user = graph.entity();
        graph.add(user, 0);
    }
    let alerts =
        alerts(args.chain + 2, |at| if at < 2 { 1 - i64::from(at) } else { i64::from(at % 40) });
    edited(name, args, graph, &alerts, (0, below))
}

/// Two hubs whose dependents all alert; a relation between the hubs comes and goes.
pub fn stars(name: &str, args: &Args) -> Outcome {
    let mut graph = Graph::random(1, args.common.seed);
    let other = graph.entity();
    graph.add(0, other);
    while graph.entities < args.star * 2 {
        let user = graph.entity();
        graph.add(user, user % 2);
    }
    let alerts =
        alerts(args.star * 2, |at| if at < 2 { 1 - i64::from(at) } else { i64::from(at % 40) });
    edited(name, args, graph, &alerts, (0, other))
}

/// One alert on each of `entities`, with its onset after the start.
fn alerts(entities: u32, onset: impl Fn(u32) -> i64) -> Vec<Planned> {
    let planned = |at| Planned { onset: START_SECONDS + onset(at), number: at, entity: at };
    (0..entities).map(planned).collect()
}

fn edited(name: &str, args: &Args, graph: Graph, alerts: &[Planned], edge: (u32, u32)) -> Outcome {
    let params = params(alerts.len() as u32);
    let mut engine = Engine::start(1, &params, true);
    engine.submit(START_SECONDS, &[], graph.events(START_SECONDS - 3_600));
    let mut lines = Vec::new();
    for alert in alerts {
        push_line(&mut lines, *alert, alert.onset, u64::from(alert.number), true);
    }
    engine.submit(START_SECONDS + 100, &lines, Vec::new());
    engine.settle();
    let meter = Meter::start();
    let mut spent = [Vec::new(), Vec::new()];
    let from = START_SECONDS + 200;
    for number in 0..FLAPS as i64 * 2 {
        let op = if number % 2 == 0 { Op::Delete } else { Op::Upsert };
        let second = from + number;
        let begun = std::time::Instant::now();
        engine.submit(second, &[], vec![relation(edge, op, second * 1_000_000_000)]);
        engine.settle();
        spent[number as usize % 2].push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let after = from + FLAPS as i64 * 2;
    let driven = drive(&mut engine, FLAPS_PER_SECOND, FLAPS, after, |number, second| {
        let op = if number % 2 == 0 { Op::Delete } else { Op::Upsert };
        let time_ns = second * 1_000_000_000 + number as i64;
        Arrival { lines: Vec::new(), context: vec![relation(edge, op, time_ns)] }
    });
    let outcome = Outcome::new(name, "", 1, args.common.seed).spent(meter.stop());
    let standing = engine.finish();
    let rows = standing.rows.unwrap_or_default().into_values().collect();
    let found = scratch::recompute(&graph, rows, &params);
    let void = (found.members != standing.members)
        .then(|| format!("digest {} from scratch", found.members.text()));
    let worst = |of: &[f64]| of.iter().copied().fold(0.0, f64::max);
    let (part, join) = (worst(&spent[0]), worst(&spent[1]));
    let (events, outputs) = (driven.latencies.len(), standing.incidents as u64);
    let outcome = Outcome { events, outputs, digest: standing.members.text(), ..outcome };
    // Flapping faster than an edit takes is a queue by design: what counts is the edit.
    let outcome = driven.into_outcome(outcome);
    let scratch_ms = found.took.as_secs_f64() * 1e3;
    Outcome { void, ..outcome }
        .figure("part_max_ms", part)
        .figure("join_max_ms", join)
        .figure("scratch_ms", scratch_ms)
}
