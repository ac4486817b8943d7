//! Metrics, logs, spans and heartbeats: most of what an estate says, and little of it news.

use super::arrival::Arrivals;
use super::senders::{AGENT, COLLECTORS};
use super::{Event, Series, Troubles, What};
use crate::faults::Symptom;
use crate::instant::{Ms, START};
use crate::profile::Rates;
use crate::rng::Rng;
use crate::world::{NodeId, NodeKind, Relation, World};

/// A measured quantity.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name, after OpenTelemetry's conventions.
    pub name: &'static str,
    /// Its unit, in UCUM.
    pub unit: &'static str,
    /// What has it.
    pub of: NodeKind,
    /// Its usual value.
    pub usual: f32,
    /// By how much it is multiplied while its entity is late, wrong, down, behind.
    pub trouble: [f32; 4],
}

const fn metric(
    name: &'static str,
    unit: &'static str,
    of: NodeKind,
    usual: f32,
    trouble: [f32; 4],
) -> Metric {
    Metric { name, unit, of, usual, trouble }
}

/// What is measured.
pub const METRICS: [Metric; 10] = [
    metric("http.server.request.duration.p99", "s", NodeKind::Service, 0.21, [6.0, 2.0, 2.5, 1.2]),
    metric("http.server.error.ratio", "1", NodeKind::Service, 0.004, [4.0, 25.0, 15.0, 2.0]),
    metric(
        "http.server.request.rate",
        "{request}/s",
        NodeKind::Service,
        140.0,
        [0.8, 0.7, 0.6, 0.9],
    ),
    metric("process.cpu.utilization", "1", NodeKind::Service, 0.34, [1.6, 1.1, 0.8, 1.1]),
    metric(
        "db.client.operation.duration.p95",
        "s",
        NodeKind::Database,
        0.012,
        [9.0, 3.0, 3.0, 1.0],
    ),
    metric("db.client.connection.usage", "1", NodeKind::Database, 0.41, [2.1, 1.4, 1.2, 1.0]),
    metric("system.cpu.utilization", "1", NodeKind::Host, 0.47, [1.9, 1.2, 0.1, 1.0]),
    metric("system.memory.utilization", "1", NodeKind::Host, 0.62, [1.4, 1.1, 0.3, 1.0]),
    metric("messaging.queue.depth", "{message}", NodeKind::Queue, 240.0, [3.0, 5.0, 9.0, 90.0]),
    metric("probe.duration", "s", NodeKind::External, 0.18, [5.0, 3.0, 9.0, 1.0]),
];

/// Log lines of a good day; `{n}` is a number, `{p}` the peer.
pub const LOGS_QUIET: [&str; 12] = [
    "request finished in {n} ms",
    "cache refreshed with {n} entries",
    "accepted connection {n}",
    "background job {n} done",
    "token renewed, {n} s left",
    "loaded {n} rules",
    "flushed {n} rows",
    "health check passed in {n} ms",
    "retry {n} towards {p} succeeded",
    "session {n} closed by the client",
    "sent {n} messages to {p}",
    "collected garbage in {n} ms",
];

/// Log lines of trouble.
pub const LOGS_TROUBLE: [&str; 8] = [
    "call to {p} timed out after {n} ms",
    "connection to {p} refused after {n} tries",
    "{p} answered with status 503, attempt {n}",
    "queue full, {n} requests rejected",
    "circuit towards {p} opened after {n} failures",
    "unexpected answer from {p}, {n} bytes dropped",
    "worker {n} gave up waiting for {p}",
    "deadline exceeded by {n} ms in handler",
];

/// Of signals: metrics, logs, spans, heartbeats.
const SHARES: [f64; 4] = [0.5, 0.22, 0.22, 0.06];

/// Everything that measures, logs, calls or beats; grouped by what it does.
pub(super) fn series(world: &World) -> Vec<Series> {
    let mut all = Vec::new();
    for (at, metric) in METRICS.iter().enumerate() {
        for (id, node) in world.nodes.iter().enumerate().filter(|(_, n)| n.kind == metric.of) {
            let node_id = id as NodeId;
            debug_assert_eq!(node.canon, node_id);
            all.push(Series { node: node_id, metric: at as u8, peer: node_id });
        }
    }
    for service in &world.services[..world.production] {
        let out = &world.dependencies[service.node as usize];
        let peer = out.first().map_or(service.node, |e| world.edges[*e as usize].to);
        all.push(Series { node: service.node, metric: Series::LOG, peer });
    }
    for edge in world.edges.iter().filter(|e| e.relation == Relation::Calls) {
        all.push(Series { node: edge.from, metric: Series::SPAN, peer: edge.to });
    }
    for host in &world.hosts {
        all.push(Series { node: *host, metric: Series::BEAT, peer: *host });
    }
    all
}

/// Adds signals, evenly over the span, until there are as many lines as wanted.
pub(super) fn fill(
    out: &mut Arrivals,
    world: &World,
    series: &[Series],
    troubles: &Troubles,
    rates: &Rates,
    mut rng: Rng,
) {
    let place = |sort: u8| {
        let first = series.iter().position(|s| s.metric == sort).unwrap_or(series.len());
        let last = series.iter().rposition(|s| s.metric == sort).map_or(first, |at| at + 1);
        first..last
    };
    let metrics = 0..place(Series::LOG).start;
    let ranges = [metrics, place(Series::LOG), place(Series::SPAN), place(Series::BEAT)];
    let wanted = rates.events.saturating_sub(out.len());
    let mut sent = 0;
    while out.len() < rates.events {
        let share = (sent as f64 + rng.unit()) / wanted as f64;
        sent += 1;
        let at = START + (share.min(1.0) * rates.span as f64) as Ms;
        let range = ranges[rng.weighted(&SHARES)].clone();
        let subject = range.start + rng.below(range.len());
        let mut event = signal(world, series[subject], troubles, at, &mut rng);
        event.subject = subject as u32;
        out.deliver(event);
    }
    if wanted > 0 {
        // The last signal may have been redelivered once too often.
        out.truncate(rates.events);
    }
}

fn signal(world: &World, series: Series, troubles: &Troubles, at: Ms, rng: &mut Rng) -> Event {
    let trouble = troubles.at(series.node, at);
    let (what, value) = match series.metric {
        Series::LOG => {
            let hurt = trouble.is_some() && rng.chance(0.5);
            (if hurt { What::LogTrouble } else { What::Log }, 0.0)
        }
        Series::SPAN => {
            let peer = troubles.at(series.peer, at);
            let slow = if peer == Some(Symptom::Latency) { 8.0 } else { 1.0 };
            let failed = peer.is_some_and(|t| t != Symptom::Latency) && rng.chance(0.3);
            let what = if failed { What::SpanFailed } else { What::Span };
            (what, (rng.lognormal(24.0, 0.7) * slow) as f32)
        }
        Series::BEAT => (What::Heartbeat, 0.0),
        metric => {
            let metric = METRICS[usize::from(metric)];
            let factor = trouble.map_or(1.0, |t| metric.trouble[t as usize]);
            // Each series has a level of its own around the usual one.
            let own = 0.6 + 0.8 * (series.node % 97) as f32 / 97.0;
            (What::Metric, metric.usual * own * factor * rng.lognormal(1.0, 0.12) as f32)
        }
    };
    let sender =
        if series.metric == Series::BEAT { AGENT } else { COLLECTORS[series.node as usize % 2] };
    let time = at + world.node(series.node).skew;
    Event { observed: at, time, id: 0, subject: 0, value, what, sender }
}
