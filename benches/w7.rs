//! Question: how many events a second does the process take over HTTP, safe on disk when it says
//! so, and how long does a sender wait at half of that?
//!
//! Unit:     thousand events a second of wall; the same for each second of the server's own
//!           processor time; milliseconds from due to answered
//! Workload: W7 of BENCHMARKS.md: `causeway run` with journal and snapshots as they are by
//!           default, fed NDJSON on `/v1/events` and arrays on `/api/v2/alerts`; 10,000 firing
//!           alerts repeat by Zipf(1.1), so that taking them is what is measured and not what
//!           a new alert costs, which is W2's
//! Seed:     7
//! Command:  `cargo bench --bench w7 [-- --runs 10 --seconds 10]`
//!
//! Sender and server share the cores, and their processor time is told apart. The closed loop
//! is run for several numbers of connections and sizes of a request, on one server, and the best
//! counts. The open loop sends at half of that; a run is void when it was not sent as planned or
//! when more than one request in a thousand was turned away. `volatile` is the same server
//! without a journal. The floor is hyper and axum alone: a server that reads a body and answers.
//! The self-test stops the server for two seconds, which must show in p99.9.

#[allow(dead_code, unused_imports, reason = "each bench uses its part")]
mod harness;
#[allow(dead_code, reason = "each bench uses its part")]
mod work;

#[path = "w7/server.rs"]
mod server;

use clap::Parser;
use harness::report::{self, Figure, Target};
use harness::usage::Cpu;
use harness::{Common, Outcome};
use serde_json::json;
use server::{Kind, Server};
use std::time::Duration;
use work::firing::{Firing, alertmanager, ndjson};
use work::requests::{Request, Sent, closed, open};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Arguments of this bench.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// Alerts that fire.
    #[arg(long, default_value_t = 10_000)]
    keys: u64,
    /// Seconds of a closed loop, and twice as many of an open one.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Connections of the closed loop.
    #[arg(long, value_delimiter = ',', default_values_t = [4, 16])]
    connections: Vec<usize>,
    /// Events of a request.
    #[arg(long, value_delimiter = ',', default_values_t = [500, 2_000, 5_000])]
    lines: Vec<u64>,
}

/// The two ways in.
const WAYS: [(&str, fn(&[u64]) -> Request); 2] =
    [("NDJSON", ndjson), ("Alertmanager", alertmanager)];
/// Events that the prepared requests of a row hold together; they are sent over and over.
const PREPARED: u64 = 200_000;
/// Before a row counts, so that queue and tables have found their size.
const WARM_UP: Duration = Duration::from_secs(2);
/// Share of the most at which latency is measured.
const LATENCY_AT: f64 = 0.5;
/// Connections of the open loop: enough that a stall of one holds up no other.
const OPEN_CONNECTIONS: usize = 32;

fn main() {
    let args = Args::parse();
    if args.common.row.is_some() {
        return server::floor();
    }
    let mut outcomes = Vec::new();
    for round in 0..args.common.runs {
        eprintln!("run {}", round + 1);
        WAYS.iter().for_each(|way| outcomes.extend(one_way(&args, *way)));
    }
    outcomes.push(self_test(&args));
    let setup = json!({"keys": args.keys, "seconds": args.seconds, "runs": args.common.runs,
                       "connections": args.connections, "lines": args.lines,
                       "seed": args.common.seed});
    std::process::exit(report::finish("w7", setup, &outcomes, &figures(&outcomes)));
}

fn figures(outcomes: &[Outcome]) -> Vec<Figure> {
    use Target::{AtLeast, AtMost, None};
    let mut figures = Vec::new();
    for (way, _) in WAYS {
        let most = format!("{way}, most");
        let (floor, volatile) = (format!("{way}, floor"), format!("{way}, volatile"));
        let thousand = |row: &str| report::values(outcomes, row, |o| o.rate_wall() * 1e3);
        let own = |row: &str| report::values(outcomes, row, |o| o.rate_cpu() * 1e3);
        let over = |base: &str| report::ratios(outcomes, &most, base, Outcome::rate_wall);
        let goal = if way == "NDJSON" { AtLeast(500.0) } else { None };
        figures.extend([
            Figure::new(format!("{way}: acknowledged, k events/s of wall"), &thousand(&most), goal),
            Figure::new(
                format!("{way}: k events/s of the server's processor time"),
                &own(&most),
                None,
            ),
            Figure::new(format!("{way}: floor, k events/s of wall"), &thousand(&floor), None),
            Figure::new(format!("{way}: over the floor, wall"), &over(&floor), None),
            Figure::new(
                format!("{way}: over the same without a journal, wall"),
                &over(&volatile),
                None,
            ),
        ]);
        for row in [format!("{way}, at half"), format!("{way}, floor at half")] {
            let named = |name| report::named(outcomes, &row, name);
            let goal = if row.contains("floor") { None } else { AtMost(50.0) };
            figures.extend([
                Figure::new(format!("{row}: k events/s"), &thousand(&row), None),
                Figure::new(format!("{row}: p50, ms"), &named("p50_ms"), None),
                Figure::new(format!("{row}: p99, ms"), &named("p99_ms"), goal),
                Figure::new(format!("{row}: p99.9, ms"), &named("p99.9_ms"), None),
                Figure::new(format!("{row}: longest, ms"), &named("max_ms"), None),
            ]);
        }
    }
    let shown = report::named(outcomes, "self-test", "p99.9_ms");
    figures.push(Figure::new(
        "self-test: p99.9 of a run with a stop of 2 s, ms",
        &shown,
        AtLeast(1_000.0),
    ));
    figures
}

/// Closed and open loop of one way in.
fn one_way(args: &Args, (way, make): (&'static str, fn(&[u64]) -> Request)) -> Vec<Outcome> {
    let firing = Firing { keys: args.keys, seed: args.common.seed };
    let time = Duration::from_secs(args.seconds);
    let mut best: Option<(Outcome, usize, u64)> = None;
    let mut outcomes = Vec::new();
    let durable = Server::start(Kind::Durable, &firing.all(500, make));
    for lines in &args.lines {
        let requests = firing.repeats(PREPARED / lines, *lines, make);
        for connections in &args.connections {
            closed(durable.address(), &requests, *connections, WARM_UP);
            let row = format!("{way}, {connections} x {lines}");
            let outcome = measured(&row, args, &durable, || {
                closed(durable.address(), &requests, *connections, time)
            });
            if best.as_ref().is_none_or(|(best, ..)| best.rate_wall() < outcome.rate_wall()) {
                best = Some((outcome.clone(), *connections, *lines));
            }
            outcomes.push(outcome);
        }
    }
    drop(durable);
    let Some((most, connections, lines)) = best else { return outcomes };
    outcomes.push(Outcome { row: format!("{way}, most"), ..most.clone() });
    let requests = firing.repeats(PREPARED / lines, lines, make);
    for (kind, name) in [(Kind::Volatile, "volatile"), (Kind::Floor, "floor")] {
        let server = Server::start(kind, &firing.all(500, make));
        closed(server.address(), &requests, connections, WARM_UP);
        outcomes.push(measured(&format!("{way}, {name}"), args, &server, || {
            closed(server.address(), &requests, connections, time)
        }));
    }
    // A request of an open loop is no larger than senders make them.
    let lines = lines.min(500);
    let requests = firing.repeats(PREPARED / lines, lines, make);
    let rate = most.rate_wall() * 1e6 * LATENCY_AT / lines as f64;
    for (kind, name) in [(Kind::Durable, "at half"), (Kind::Floor, "floor at half")] {
        let server = Server::start(kind, &firing.all(500, make));
        open(server.address(), &requests, OPEN_CONNECTIONS, rate, WARM_UP);
        outcomes.push(measured(&format!("{way}, {name}"), args, &server, || {
            open(server.address(), &requests, OPEN_CONNECTIONS, rate, time * 2)
        }));
    }
    outcomes
}

/// What the harness makes of a server that stands still for two seconds.
fn self_test(args: &Args) -> Outcome {
    let firing = Firing { keys: args.keys, seed: args.common.seed };
    let server = Server::start(Kind::Durable, &firing.all(500, ndjson));
    let requests = firing.repeats(100, 100, ndjson);
    measured("self-test", args, &server, || {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_secs(2));
                server.process.signal("STOP");
                std::thread::sleep(Duration::from_secs(2));
                server.process.signal("CONT");
            });
            open(server.address(), &requests, OPEN_CONNECTIONS * 8, 100.0, Duration::from_secs(8))
        })
    })
}

/// Runs a loop and tells the server's processor time from the sender's.
fn measured(row: &str, args: &Args, server: &Server, run: impl FnOnce() -> Sent) -> Outcome {
    let (theirs, own) = (server.process.cpu(), Cpu::of_self());
    let sent = run();
    let (theirs, own) = (server.process.cpu().since(theirs), Cpu::of_self().since(own));
    let outcome = Outcome {
        events: sent.acked,
        outputs: sent.requests,
        wall_s: sent.took.as_secs_f64(),
        user_s: theirs.user_s,
        system_s: theirs.system_s,
        rss_peak: server.process.rss_peak(),
        void: sent.void,
        ..Outcome::new(row, "", server.workers, args.common.seed)
    };
    eprintln!(
        "  {row}: {:.0} k events/s acknowledged, server {:.1} + {:.1} s, sender {:.1} + {:.1} s, \
         {} of {} requests turned away{}",
        outcome.rate_wall() * 1e3,
        theirs.user_s,
        theirs.system_s,
        own.user_s,
        own.system_s,
        sent.refused,
        sent.requests,
        outcome.void.as_deref().map(|why| format!(" VOID: {why}")).unwrap_or_default(),
    );
    let outcome = outcome
        .figure("sent", sent.events as f64)
        .figure("refused_requests", sent.refused as f64)
        .figure("sender_user_s", own.user_s)
        .figure("sender_system_s", own.system_s);
    if sent.latencies.len() == 0 {
        return outcome;
    }
    let latencies = &sent.latencies;
    Outcome { seconds: latencies.by_second(), ..outcome }
        .figure("p50_ms", latencies.ms(50.0))
        .figure("p99_ms", latencies.ms(99.0))
        .figure("p99.9_ms", latencies.ms(99.9))
        .figure("max_ms", latencies.max_ms())
}
