//! Question: what does it cost that nothing which was taken can be lost?
//!
//! Unit:     million events a second, of wall and of processor time
//! Workload: the stream of W2 (360 B lines, 99 in 100 repeat an alert that stands, the others open
//!           or end one) over firing alerts on a topology, through what a live process is between
//!           source and answer: reception with its decoder, queue, epochs, engine; `durable` has
//!           the journal between queue and engine as `causeway run` has it: payloads kept, one
//!           frame and one sync for all that waits, fed when it is on disk
//! Seed:     7
//! Command:  `cargo bench --bench durable [-- --events 4000000 --runs 10]`
//!
//! The same code is run twice, with and without a journal; both must agree on every alert (what is
//! one incident depends on where epochs end, which is the moment's choice). The source is a file's: it waits for room in the queue, and for nothing else. A
//! stream in which three lines in ten open an alert, as W1's, would hide the journal behind the
//! engine: here a line costs little besides being decoded, counted and kept. The floor is
//! `write` and `fdatasync` of the same bytes, chunk by chunk, by one thread that does nothing
//! else.

#[allow(dead_code, reason = "each bench uses its part")]
mod harness;
#[allow(dead_code, reason = "each bench uses its part")]
mod work;

use clap::Parser;
use harness::report::{self, Figure, Target};
use harness::{Common, Meter, Outcome, args, rounds};
use serde_json::json;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use work::live::Live;
use work::stream::{Batch, Shape, World, params, stream, world};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Arguments of this bench.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// Lines.
    #[arg(long, default_value_t = 1_000_000)]
    events: u32,
    /// Alerts that stand before the clock starts.
    #[arg(long, default_value_t = 20_000)]
    active: u32,
    /// Entities; each depends on four others.
    #[arg(long, default_value_t = 20_000)]
    entities: u32,
    /// Workers.
    #[arg(long, default_value_t = 1)]
    workers: usize,
}

/// Rows with the most runs each gets.
const ROWS: [(&str, usize); 3] =
    [("volatile", usize::MAX), ("durable", usize::MAX), ("write and sync", usize::MAX)];
const ALERTS: &str = "alerts";

fn main() {
    let args = Args::parse();
    if let Some(name) = &args.common.row {
        return row(name, &args).print();
    }
    let mut outcomes = rounds::run(&args.common, &ROWS);
    rounds::check(&mut outcomes);
    let over = |of: fn(&Outcome) -> f64| report::ratios(&outcomes, "durable", "volatile", of);
    let wall = |row| report::values(&outcomes, row, Outcome::rate_wall);
    let named = |name| report::named(&outcomes, "durable", name);
    use Target::{AtLeast, None};
    let figures = [
        Figure::new("durable over volatile, wall", &over(Outcome::rate_wall), AtLeast(0.8)),
        Figure::new("durable over volatile, processor time", &over(Outcome::rate_cpu), None),
        Figure::new("volatile, M events/s of wall", &wall("volatile"), None),
        Figure::new("durable, M events/s of wall", &wall("durable"), None),
        Figure::new("write and sync alone, M events/s of wall", &wall("write and sync"), None),
        Figure::new("lines a frame and sync", &named("lines_a_frame"), None),
        Figure::new("bytes of journal a line", &named("journal_bytes_a_line"), None),
    ];
    let setup = json!({"events": args.events, "active": args.active, "entities": args.entities,
                       "workers": args.workers, "seed": args.common.seed,
                       "runs": args.common.runs});
    std::process::exit(report::finish("durable", setup, &outcomes, &figures));
}

fn row(name: &str, args: &Args) -> Outcome {
    let shape = Shape { entities: args.entities, onsets: 2.0, seed: args.common.seed };
    let world = world(&shape, args.active);
    let (warm, batches) = stream(&shape, args.events, &world);
    let outcome = Outcome {
        events: batches.iter().map(|batch| batch.count).sum(),
        ..Outcome::new(name, ALERTS, args.workers, args.common.seed)
    };
    let folder = args::folder().join("durable-row");
    // A run that was cut off may have left its own.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("target/bench can be written");
    let outcome = match name {
        "volatile" => through(args, &world, (warm, batches), None, outcome),
        "durable" => through(args, &world, (warm, batches), Some(&folder), outcome),
        _ => written(&folder, &batches, Outcome { work: String::new(), ..outcome }),
    };
    fs::remove_dir_all(&folder).expect("what was made can be removed");
    outcome
}

fn through(
    args: &Args,
    world: &World,
    (warm, batches): (Vec<Batch>, Vec<Batch>),
    journal: Option<&PathBuf>,
    outcome: Outcome,
) -> Outcome {
    let mut params = params(args.active);
    // An epoch may hold many minutes of the stream; none of it is late for that.
    params.sources[0].lateness_seconds = 86_400;
    let mut live = Live::start(args.workers, &params, journal.map(PathBuf::as_path));
    live.context(world.graph.events(work::alerts::START_SECONDS - 3_600));
    let load = world.load.iter().map(|batch| (batch.tick, batch.lines.clone()));
    let warm = warm.into_iter().map(|batch| (batch.tick, batch.lines));
    load.chain(warm).for_each(|(tick, lines)| live.take(tick, lines));
    live.settle();
    let before = journal.map_or(0, |folder| bytes_in(folder));
    let meter = Meter::start();
    let epochs = live.answered();
    for batch in batches {
        live.take(batch.tick, batch.lines);
    }
    let answers = live.finish();
    let outcome = outcome.spent(meter.stop());
    let (outputs, digest) = (answers.standing.incidents as u64, answers.alerts.text());
    let (events, frames) = (outcome.events as f64, (answers.epochs - epochs) as f64);
    let kept = journal.map_or(0, |folder| bytes_in(folder)) - before;
    Outcome { outputs, digest, ..outcome }
        .figure("lines_a_frame", events / frames)
        .figure("journal_bytes_a_line", kept as f64 / events)
}

/// The floor: the bytes on disk, and nothing done with them.
fn written(folder: &std::path::Path, batches: &[Batch], outcome: Outcome) -> Outcome {
    let mut file = File::create(folder.join("floor")).expect("a file can be made");
    let meter = Meter::start();
    for batch in batches {
        file.write_all(&batch.lines).expect("the disk has room");
        file.sync_data().expect("the disk works");
    }
    outcome.spent(meter.stop())
}

fn bytes_in(folder: &std::path::Path) -> u64 {
    let files = fs::read_dir(folder).expect("the journal has a folder").flatten();
    files.filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum()
}
