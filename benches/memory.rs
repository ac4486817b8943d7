//! Question: what does a live key hold, part by part?
//!
//! Unit:     bytes a key, as they were asked of the allocator; resident bytes beside them
//! Workload: the stream of W1, decoded and deduplicated once; then time goes on past lateness and
//!           disorder, so that what only late events need is gone
//! Seed:     7
//! Command:  `cargo bench --bench memory [-- --live-keys 10000000 --events 36000000]`
//!
//! A counter around the allocator knows every byte that is held. What a part holds is what
//! dropping it gives back: first the decoder, then the table, then the alerts that stand, then
//! the identities. The bench's own maps are as large as they become before counting begins.
//! The table is made for as many keys as come, so no half-empty vector is in the figures; its
//! index is a power of two all the same, and in them. The counter costs time, so speed is
//! measured by `w1`.

#[allow(dead_code, reason = "each bench uses its part")]
mod harness;
#[allow(dead_code, reason = "each bench uses its part")]
mod work;

use cap::Cap;
use causeway_dataflows::dedup::key::Output;
use causeway_dataflows::dedup::table::Table;
use causeway_dataflows::model::{Alert, AlertBatch, AlertCount, AlertKey, Fingerprint, Identity};
use causeway_dataflows::params::Params;
use causeway_loadgen::normal;
use clap::Parser;
use harness::report::{self, Figure, Target};
use harness::{Common, Meter, Outcome, rounds, usage};
use hashbrown::{HashMap, HashSet};
use serde_json::json;
use std::sync::Arc;
use work::lines::{self, Input};
use work::ndjson::Lines;

#[global_allocator]
static ALLOCATOR: Cap<mimalloc::MiMalloc> = Cap::new(mimalloc::MiMalloc, usize::MAX);

/// Arguments of this bench.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// Lines.
    #[arg(long, default_value_t = 4_000_000)]
    events: u64,
    /// Keys alive once the stream is under way.
    #[arg(long, default_value_t = 1_000_000)]
    live_keys: u64,
}

const ROW: &str = "memory";
/// A key is settled up to a minute after it could be.
const SETTLE_SECONDS: i64 = 62;

fn main() {
    let args = Args::parse();
    let input =
        normal::Params { events: args.events, live_keys: args.live_keys, seed: args.common.seed };
    if args.common.row.is_some() {
        return measured(&Input::open(input, args.events), input.seed).print();
    }
    eprintln!("making {} events", args.events);
    lines::make(input);
    // Nothing in it depends on the moment, so once is enough.
    let outcomes = rounds::run(&args.common, &[(ROW, 1)]);
    let setup = json!({"events": args.events, "live_keys": args.live_keys,
                       "seed": args.common.seed});
    let named =
        |what, name, target| Figure::new(what, &report::named(&outcomes, ROW, name), target);
    use Target::{AtMost, None};
    let figures = [
        named("keys", "keys", None),
        named("fold state beyond the lateness bound, bytes a key", "state", AtMost(96.0)),
        named("fold state inside it, bytes a key", "state_in_bound", None),
        named("the alert that stands, bytes a key", "alert", None),
        named("the identity, bytes a key", "identity", None),
        named("the decoder's cache beside it, bytes a key", "decoder", None),
        named("all of it inside the bound, bytes a key", "whole", None),
        named("resident by then, bytes a key, the bench's maps included", "resident", None),
    ];
    std::process::exit(report::finish("memory", setup, &outcomes, &figures));
}

/// What stands, so that it is there when the table is not.
struct Standing(HashMap<AlertKey, Arc<Alert>>);

impl Output for Standing {
    fn alert(&mut self, alert: &Arc<Alert>, diff: isize) {
        match diff > 0 {
            true => drop(self.0.insert(alert.key, Arc::clone(alert))),
            // A later version of it may be there by now.
            false => drop(self.0.remove(&alert.key).filter(|stands| !Arc::ptr_eq(stands, alert))),
        }
    }

    fn count(&mut self, _: AlertCount) {}
}

fn each_batch(stream: &Input, lines: &mut Lines, mut with: impl FnMut(&AlertBatch, i64)) {
    let mut reading = stream.read(0, 1);
    for chunk in &mut reading {
        let decoded = lines.decode(&chunk.bytes, chunk.tick);
        decoded.segments.iter().flat_map(|segment| &segment.alerts).for_each(|batch| {
            with(batch, chunk.tick);
        });
    }
    reading.finish();
}

fn measured(stream: &Input, seed: u64) -> Outcome {
    let meter = Meter::start();
    let mut seen: HashSet<Fingerprint> = HashSet::new();
    each_batch(stream, &mut Lines::new(1), |batch, _| {
        seen.extend(batch.events.iter().map(|event| event.fingerprint));
    });
    let keys = seen.len();
    drop(seen);
    let mut params = Params::default();
    params.dedup.keys_initial = keys;
    let mut identities: HashMap<Fingerprint, Arc<Identity>> = HashMap::with_capacity(keys);
    let mut standing = Standing(HashMap::with_capacity(keys * 4));
    let before = ALLOCATOR.allocated();
    let held = || (ALLOCATOR.allocated() - before) as f64 / keys as f64;
    let (mut lines, mut table) = (Lines::new(1), Table::new(&params));
    let mut now = i64::MIN;
    each_batch(stream, &mut lines, |batch, tick| {
        for event in &batch.events {
            let identity = &batch.identities[event.identity as usize];
            identities.entry(event.fingerprint).or_insert_with(|| Arc::clone(identity));
        }
        table.insert(batch, tick);
        table.close(tick, false, &mut standing);
        now = tick;
    });
    let (whole, resident) = (held(), usage::rss_bytes() as f64 / keys as f64);
    drop(lines);
    let in_bound = held();
    let horizon = params.sources[0].lateness_seconds + params.dedup.disorder_seconds;
    (now..=now + horizon + SETTLE_SECONDS).for_each(|tick| table.close(tick, false, &mut standing));
    let (settled, outputs) = (held(), table.len() as u64);
    drop(table);
    let alerts = held();
    standing.0.clear();
    let names = held();
    let outcome = Outcome::new(ROW, "", 1, seed);
    Outcome { events: stream.events(), outputs, ..outcome.spent(meter.stop()) }
        .figure("keys", keys as f64)
        .figure("state", settled - alerts)
        .figure("state_in_bound", in_bound - alerts)
        .figure("alert", alerts - names)
        .figure("identity", names)
        .figure("decoder", whole - in_bound)
        .figure("whole", whole)
        .figure("resident", resident)
}
