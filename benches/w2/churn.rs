//! A change beside a recompute of everything, and what an active alert weighs.

use super::{Args, GROUPS};
use crate::floor::groups::{Active, Neighbours, components};
use crate::harness::usage::rss_bytes;
use crate::harness::{Meter, Outcome};
use crate::work::alerts::{Planned, push_line};
use crate::work::groups::Engine;
use crate::work::scratch;
use crate::work::stream::{params, world};
use causeway_loadgen::rng::Rng;
use std::time::Instant;

/// Small changes that are timed.
const SMALL_ROUNDS: usize = 10;

/// Loads `active` alerts, resolves a thousandth of them ten times over, then all the rest at
/// once, and recomputes what stands then by both oracles.
pub fn churn(name: &str, args: &Args, active: u32) -> Outcome {
    let world = world(&args.shape(), active);
    let params = params(active);
    let mut engine = Engine::start(1, &params, true);
    engine.submit(world.load[0].tick - 60, &[], world.graph.events(world.load[0].tick - 3_600));
    engine.settle();
    let meter = Meter::start();
    let (rss, begun) = (rss_bytes(), Instant::now());
    for batch in &world.load {
        engine.submit(batch.tick, &batch.lines, Vec::new());
    }
    engine.settle();
    let load_s = begun.elapsed().as_secs_f64();
    // Past the lateness bound, so that what is left is what an alert weighs for as long as it stands.
    for later in [0, 200, 400] {
        engine.submit(world.now + later, &[], Vec::new());
    }
    engine.settle();
    let weight = (rss_bytes() as f64 - rss as f64) / f64::from(active);
    let mut rng = Rng::stream(args.common.seed, "w2 churn");
    let mut left = world.active.clone();
    rng.shuffle(&mut left);
    let now = world.now + 500;
    let each = (active as usize / 1_000).max(1);
    let mut small = Vec::new();
    for round in 0..SMALL_ROUNDS {
        let gone = left.split_off(left.len() - each);
        small.push(resolve(&mut engine, &gone, now + round as i64));
    }
    small.sort_by(f64::total_cmp);
    let small_ms = small[SMALL_ROUNDS / 2];
    let whole_ms = resolve(&mut engine, &left, now + 60);
    let outcome = Outcome::new(name, &format!("{GROUPS}, {active}"), 1, args.common.seed);
    let outcome = outcome.spent(meter.stop());
    let standing = engine.finish();
    let found = scratch::recompute(
        &world.graph,
        standing.rows.unwrap_or_default().into_values().collect(),
        &params,
    );
    let recompute_ms = found.took.as_secs_f64() * 1e3;
    let union_find_ms = union_find(args, &world.active, &world.graph.edges);
    let void = (found.members != standing.members)
        .then(|| format!("digest {} from scratch", found.members.text()));
    let (events, outputs) = (u64::from(active), found.groups);
    Outcome { events, outputs, digest: standing.members.text(), void, ..outcome }
        .figure("load_k_per_s", f64::from(active) / load_s / 1e3)
        .figure("bytes_per_alert", weight)
        .figure("small_ms", small_ms)
        .figure("whole_ms", whole_ms)
        .figure("recompute_ms", recompute_ms)
        .figure("union_find_ms", union_find_ms)
        .figure("recompute_over_small", recompute_ms / small_ms)
        .figure("union_find_over_small", union_find_ms / small_ms)
        .figure("whole_over_recompute", whole_ms / recompute_ms)
}

/// Milliseconds from handing over until the answer is there.
fn resolve(engine: &mut Engine, gone: &[Planned], second: i64) -> f64 {
    let mut lines = Vec::with_capacity(gone.len() * 360);
    for alert in gone {
        push_line(&mut lines, *alert, second, u64::from(alert.number), false);
    }
    let begun = Instant::now();
    engine.submit(second, &lines, Vec::new());
    engine.settle();
    begun.elapsed().as_secs_f64() * 1e3
}

/// Milliseconds of one union-find over all of `alerts`.
fn union_find(args: &Args, alerts: &[Planned], edges: &[(u32, u32)]) -> f64 {
    let neighbours = Neighbours::new(args.entities as usize, edges);
    let active = |alert: &Planned| Active {
        entity: alert.entity,
        onset: alert.onset,
        fingerprint: u128::from(alert.number),
    };
    let mut alerts: Vec<Active> = alerts.iter().map(active).collect();
    alerts.sort_unstable();
    let begun = Instant::now();
    std::hint::black_box(components(&alerts, &neighbours));
    begun.elapsed().as_secs_f64() * 1e3
}
