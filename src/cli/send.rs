//! `causeway send`: a seeded storm to a running process, open loop.

use super::client::Client;
use super::storm::Storm;
use super::{Failure, exit};
use crate::clock::{Clock, NANOS, WallClock};
use causeway_loadgen::Scenario;
use causeway_loadgen::send::{Batch, Options, Report, send};
use causeway_loadgen::wire::{alertmanager, cloudevents};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::process::ExitCode;

/// Flags of `send`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    storm: Storm,
    /// About how many events, at least the alerts of twelve minutes; the whole storm without it.
    #[arg(long)]
    events: Option<u64>,
    /// Events a second; the storm's own rate without it. Event times are moved so that the
    /// storm begins now and passes at this rate.
    #[arg(long)]
    rate: Option<f64>,
    /// Host and port of the receiver; plain HTTP without a token, as on one machine.
    #[arg(long, default_value = "127.0.0.1:9190")]
    to: String,
    /// What the storm is written as.
    #[arg(long, default_value = "native")]
    format: Format,
    /// Events in one request.
    #[arg(long, default_value_t = 500)]
    batch: usize,
    /// Requests in flight at once.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Write the storm's truth.json and the rest here, for `causeway evaluate`.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Print the report as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// NDJSON to `/v1/events`.
    Native,
    /// The alerts alone, as Prometheus posts them to `/api/v2/alerts`.
    Alertmanager,
    /// Batches of CloudEvents to `/v1/events`.
    Cloudevents,
}

/// Sends the storm and reports.
pub fn run(args: &Args) -> Result<ExitCode, Failure> {
    let address = resolve(&args.to)?;
    let mut scenario = Scenario::build(args.storm.profile, args.storm.seed, args.events);
    let natural = scenario.natural_rate();
    let rate = args.rate.unwrap_or(natural);
    if !(rate > 0.0 && rate.is_finite()) {
        let error = anyhow::anyhow!("--rate {rate}: write a number of events a second above 0");
        return Err(Failure { code: exit::USAGE, error });
    }
    scenario.retime(WallClock.now_ns() / (NANOS / 1000), rate / natural);
    if let Some(out) = &args.out {
        scenario.write_dir(out).map_err(|e| Failure::with(exit::IO)(e.into()))?;
    }
    tell_topology(&scenario, address)?;
    let batches = batches(&scenario, args.format, args.batch);
    let options = Options {
        connections: args.connections,
        // A format that leaves events out sends the rest at their own share of the rate.
        rate: rate * batches.iter().map(|b| b.events).sum::<u64>() as f64
            / scenario.storm.events.len().max(1) as f64,
        ..options(args.format, address)
    };
    let report =
        send(&batches, &options).map_err(|e| Failure::with(exit::UNAVAILABLE)(e.into()))?;
    show(&report, args.json);
    let all_taken = report.statuses.keys().all(|status| *status == 200);
    Ok(if report.valid() && all_taken { ExitCode::SUCCESS } else { ExitCode::from(exit::FAILED) })
}

fn resolve(to: &str) -> Result<SocketAddr, Failure> {
    let found = to.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| Failure {
        code: exit::USAGE,
        error: anyhow::anyhow!("--to {to}: no such address; write it like 127.0.0.1:9190"),
    })
}

fn options(format: Format, address: SocketAddr) -> Options {
    let native = Options::ndjson(address, 1.0);
    match format {
        Format::Native => native,
        Format::Alertmanager => Options {
            path: "/api/v2/alerts".to_owned(),
            content_type: "application/json".to_owned(),
            ..native
        },
        Format::Cloudevents => Options { content_type: cloudevents::BATCHED.to_owned(), ..native },
    }
}

fn batches(scenario: &Scenario, format: Format, size: usize) -> Vec<Batch> {
    match format {
        Format::Native => {
            let mut lines = Vec::new();
            // Writing to memory cannot fail.
            let _ = scenario.events_ndjson(&mut lines);
            Batch::cut(&lines, size.max(1))
        }
        Format::Alertmanager => alertmanager::posts(scenario, size)
            .map(|post| Batch { events: post.alerts as u64, body: post.body })
            .collect(),
        Format::Cloudevents => {
            let sizes = scenario.storm.events.chunks(size.max(1)).map(|c| c.len() as u64);
            cloudevents::batches(scenario, size)
                .zip(sizes)
                .map(|(body, events)| Batch { body, events })
                .collect()
        }
    }
}

/// The estate, before the first event.
fn tell_topology(scenario: &Scenario, address: SocketAddr) -> Result<(), Failure> {
    let unavailable =
        |problem: String| Failure { code: exit::UNAVAILABLE, error: anyhow::anyhow!(problem) };
    let client = Client::new(&format!("http://{address}"), None)?;
    let headers = [("content-type", "application/x-ndjson".to_owned())];
    let answer =
        client.post("/v1/events", &headers, scenario.topology_ndjson()).map_err(unavailable)?;
    match answer.status.is_success() {
        true => Ok(()),
        false => {
            let status = answer.status;
            Err(unavailable(format!("the receiver answered {status} to the topology")))
        }
    }
}

fn show(report: &Report, json: bool) {
    let latency = |quantile: f64| report.latency_us.value_at_quantile(quantile) as f64 / 1000.0;
    if json {
        let object = serde_json::json!({
            "events": report.events,
            "offered_per_second": report.offered,
            "achieved_per_second": report.achieved,
            "valid": report.valid(),
            "seconds": report.elapsed.as_secs_f64(),
            "latency_ms": {"p50": latency(0.5), "p99": latency(0.99), "p99.9": latency(0.999),
                           "max": report.latency_us.max() as f64 / 1000.0},
            "statuses": report.statuses,
        });
        println!("{object}");
        return;
    }
    println!(
        "{} events in {:.1} s: offered {:.0}/s, achieved {:.0}/s{}",
        report.events,
        report.elapsed.as_secs_f64(),
        report.offered,
        report.achieved,
        if report.valid() { "" } else { ", so the figures mean nothing" }
    );
    println!(
        "latency from due to answer: p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms, max {:.2} ms",
        latency(0.5),
        latency(0.99),
        latency(0.999),
        report.latency_us.max() as f64 / 1000.0
    );
    for (status, count) in &report.statuses {
        println!("answers {status}: {count}");
    }
}
