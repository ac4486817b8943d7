//! Question: how long is the process away after it was killed in the middle of its work?
//!
//! Unit:     seconds from the start to `/readyz`; the same over a read of the snapshot from its
//!           first byte to its last; seconds from ready to the first new incident that is right
//! Workload: W6 of BENCHMARKS.md: 100 k entities, 400 k relations, firing alerts from faults, two
//!           onsets a second of event time; 10,000 events a second come while a snapshot is
//!           written, SIGKILL some seconds later, and again once it is back
//! Seed:     7
//! Command:  `cargo bench --bench w6 [-- --keys 1000000 --runs 2 --tail 5]`; a firing alert
//!           takes about 16 KB of the whole process, so a million need 16 GB and more`
//!
//! The floor is `read` of the newest snapshot in pieces of a mebibyte. Both it and the start find
//! the file in the page cache, which cannot be emptied without rights that a bench does not
//! have; so the disk is in neither. The new incident is two alerts on both ends of a relation
//! that only the snapshot knows, sent when the process is ready; right is one incident that
//! holds both and nothing else. It is told when it has settled, two seconds by default.
//! Snapshots are begun every 20 s instead of 5 min, so that the bench need not wait for one.

#[allow(dead_code, unused_imports, reason = "each bench uses its part")]
mod harness;
#[allow(dead_code, reason = "each bench uses its part")]
mod work;

#[path = "w6/load.rs"]
mod load;

use clap::Parser;
use harness::report::{self, Figure, Target};
use harness::{Common, Outcome, args};
use load::{Pressure, World, told};
use serde_json::json;
use std::fs::{self, File};
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use work::process::{Process, configure, metric};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Arguments of this bench.
#[derive(Parser)]
pub struct Args {
    #[command(flatten)]
    common: Common,
    /// Alerts that fire when it is killed.
    #[arg(long, default_value_t = 200_000)]
    keys: u32,
    /// Entities; each depends on four others.
    #[arg(long, default_value_t = 100_000)]
    entities: u32,
    /// Seconds from the end of a snapshot to the kill.
    #[arg(long, default_value_t = 5)]
    tail: u64,
    /// Events a second under which it is killed.
    #[arg(long, default_value_t = 10_000.0)]
    rate: f64,
}

/// Alerts stand until they are resolved, and onsets lie days back.
const CONFIG: &str = "
sources: {http: {type: http, quiet: 365d, lateness: 60d}}
correlation: {revise_horizon: 60d}
journal: {snapshot_every: 20s, snapshot_bytes: 1TiB}
sinks: {out: {type: stdout}}
";
const ROW: &str = "killed and back";
/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(900);

fn main() {
    let args = Args::parse();
    let outcomes: Vec<Outcome> = (0..args.common.runs.min(2)).map(|_| killed(&args)).collect();
    let named = |name| report::named(&outcomes, ROW, name);
    use Target::{AtMost, None};
    let figures = [
        Figure::new("ready after the start, s", &named("ready_s"), None),
        Figure::new("ready over a read of the snapshot", &named("ready_over_read"), AtMost(3.0)),
        Figure::new("first new right incident after ready, s", &named("first_s"), AtMost(5.0)),
        Figure::new(
            "first new right incident after the start, s",
            &named("first_after_start_s"),
            None,
        ),
        Figure::new("snapshot, MB", &named("snapshot_mb"), None),
        Figure::new("read of the snapshot, s", &named("read_s"), None),
        Figure::new("journal after the snapshot, read again, s", &named("journal_s"), None),
        Figure::new("snapshot written in, s", &named("written_s"), None),
        Figure::new("most memory before the kill, MB", &named("peak_before_mb"), None),
        Figure::new("most memory after the start, MB", &named("peak_after_mb"), None),
    ];
    let setup = json!({"keys": args.keys, "entities": args.entities, "tail": args.tail,
                       "rate": args.rate, "seed": args.common.seed});
    std::process::exit(report::finish("w6", setup, &outcomes, &figures));
}

fn killed(args: &Args) -> Outcome {
    let folder = args::folder().join("w6-row");
    // A run that was cut off may have left its own.
    let _ = fs::remove_dir_all(&folder);
    let address = free_address();
    configure(&folder, address.port(), CONFIG);
    let world = World::new(args.entities, args.keys, args.common.seed);
    let mut process = Process::run(&folder, true);
    drop(told(process.stdout.take(), "nothing"));
    let began = Instant::now();
    world.load(address);
    until("all of it is answered", || {
        metric(address, "causeway_alerts_firing").is_some_and(|n| n >= f64::from(args.keys))
    });
    eprintln!("  {} alerts after {:.0} s", args.keys, began.elapsed().as_secs_f64());
    let pressure = Pressure::start(address, &world, args.rate);
    // The one that is being written may have begun before.
    let written = || metric(address, "causeway_snapshots_written_total").unwrap_or(0.0);
    let before = written();
    until("two more snapshots are written", || written() >= before + 2.0);
    let written_s = metric(address, "causeway_snapshot_last_write_seconds").unwrap_or(0.0);
    std::thread::sleep(Duration::from_secs(args.tail));
    let peak_before = process.rss_peak();
    let cpu = process.cpu();
    process.kill();
    let acked = pressure.stop();
    let outcome = Outcome {
        events: u64::from(args.keys) + acked,
        outputs: 1,
        user_s: cpu.user_s,
        system_s: cpu.system_s,
        rss_peak: peak_before,
        ..Outcome::new(ROW, "", 2, args.common.seed)
    };
    let outcome = back(args, &folder, &world, outcome)
        .figure("written_s", written_s)
        .figure("peak_before_mb", peak_before as f64 / 1e6);
    fs::remove_dir_all(&folder).expect("what was made can be removed");
    outcome
}

/// The start after the kill.
fn back(args: &Args, folder: &Path, world: &World, outcome: Outcome) -> Outcome {
    let address = free_address();
    configure(folder, address.port(), CONFIG);
    let snapshot = newest(&folder.join("data/snapshots"));
    // The first read may have to fetch what the cache has let go.
    read_through(&snapshot);
    let (read_s, bytes) = read_through(&snapshot);
    let began = Instant::now();
    let mut process = Process::launched(folder, address, true);
    let heard = told(process.stdout.take(), world.new_name());
    let ready_s = process.until_ready().as_secs_f64();
    let pressure = Pressure::start(address, world, args.rate);
    let asked = Instant::now();
    world.send_new(address);
    let incident = heard.recv_timeout(PATIENCE);
    let (first_s, all_s) = (asked.elapsed().as_secs_f64(), began.elapsed().as_secs_f64());
    pressure.stop();
    let void = match incident {
        Err(_) => Some("no new incident was told".to_owned()),
        Ok(incident) => world.wrong(&incident),
    };
    let journal_s = metric(address, "causeway_journal_recovery_seconds").unwrap_or(0.0);
    let epochs = metric(address, "causeway_journal_recovered_epochs").unwrap_or(0.0);
    eprintln!(
        "  ready after {ready_s:.2} s, of which {journal_s:.2} s {epochs} epochs of journal; \
         snapshot of {:.0} MB read in {read_s:.2} s; first new incident {first_s:.2} s later{}",
        bytes as f64 / 1e6,
        void.as_deref().map(|why| format!(" VOID: {why}")).unwrap_or_default(),
    );
    Outcome { wall_s: all_s, void, ..outcome }
        .figure("ready_s", ready_s)
        .figure("read_s", read_s)
        .figure("ready_over_read", ready_s / read_s)
        .figure("first_s", first_s)
        .figure("first_after_start_s", all_s)
        .figure("snapshot_mb", bytes as f64 / 1e6)
        .figure("journal_s", journal_s)
        .figure("journal_epochs", epochs)
        .figure("peak_after_mb", process.rss_peak() as f64 / 1e6)
}

/// The floor: seconds to read a file from its first byte to its last, and how many there are.
fn read_through(path: &Path) -> (f64, u64) {
    let mut file = File::open(path).expect("the snapshot is there");
    let mut piece = vec![0; 1 << 20];
    let began = Instant::now();
    let mut bytes = 0;
    loop {
        let read = file.read(&mut piece).expect("the snapshot can be read");
        if read == 0 {
            return (began.elapsed().as_secs_f64(), bytes);
        }
        bytes += read as u64;
    }
}

/// The newest snapshot: names sort by epoch.
fn newest(folder: &Path) -> PathBuf {
    let files = fs::read_dir(folder).expect("there are snapshots").flatten();
    let whole =
        files.map(|file| file.path()).filter(|p| p.extension().is_some_and(|e| e == "snapshot"));
    whole.max().expect("there is a snapshot")
}

fn free_address() -> SocketAddr {
    let bound = TcpListener::bind("127.0.0.1:0").expect("a port can be had");
    bound.local_addr().expect("it is bound")
}

fn until(what: &str, mut come: impl FnMut() -> bool) {
    let began = Instant::now();
    while !come() {
        assert!(began.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
