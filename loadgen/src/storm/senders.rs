//! How episodes become events: a pair of senders repeats what fires, and the
//! network repeats the senders.

use super::arrival::Arrivals;
use super::{Episode, Event, Storm, What};
use crate::instant::{Ms, SECOND};
use crate::rng::Rng;
use crate::vocabulary::{Scope, rule_by};
use crate::world::World;

/// Everybody who sends events. Alert senders come in pairs, `-a` and `-b`.
pub const SENDERS: [&str; 15] = [
    "prometheus/eu1-a",
    "prometheus/eu1-b",
    "prometheus/us1-a",
    "prometheus/us1-b",
    "machine-watch/fleet-a",
    "machine-watch/fleet-b",
    "database-watch/fleet-a",
    "database-watch/fleet-b",
    "edge-probe/global-a",
    "edge-probe/global-b",
    "deployer/main",
    "catalog/sync",
    "otel/eu1",
    "otel/us1",
    "agent/fleet",
];
pub(super) const DEPLOYER: u8 = 10;
pub(super) const CATALOG: u8 = 11;
pub(super) const COLLECTORS: [u8; 2] = [12, 13];
pub(super) const AGENT: u8 = 14;

/// A notification goes out geometrically often, 3.3 times on average: one copy for
/// each receiver that has not heard of the others.
const COPIES: f64 = 0.3;
const COPIES_MEAN: f64 = 1.0 / COPIES;
const REPLICAS: u64 = 2;
/// Share of a storm's events that repeat what is already known.
const RESEND_SHARE: f64 = 0.575;
/// Between two repetitions of a sender, whatever the size of the storm.
const INTERVAL_BOUNDS: (Ms, Ms) = (3 * SECOND, 100 * SECOND);

/// Sends every episode, so often that the repetitions are the wanted share of `events`.
pub(super) fn send(
    out: &mut Arrivals,
    world: &World,
    storm: &Storm,
    events: u64,
    end: Ms,
    mut rng: Rng,
) {
    let interval = interval(&storm.episodes, events, end);
    for (at, episode) in storm.episodes.iter().enumerate() {
        if episode.start < end {
            send_episode(out, world, storm, at, interval, end, &mut rng);
        }
    }
}

/// The interval at which the repetitions come out as wanted.
fn interval(episodes: &[Episode], events: u64, end: Ms) -> Ms {
    let mut repeated = 0.0;
    let mut fixed = 0.0;
    for episode in episodes.iter().filter(|e| e.start < end) {
        repeated += (episode.end.min(end) - episode.start) as f64;
        fixed += if episode.end < end { 1.5 } else { 0.5 };
    }
    let per_send = REPLICAS as f64 * COPIES_MEAN;
    let budget = (events as f64 * RESEND_SHARE - fixed * per_send).max(1.0);
    let interval = repeated * per_send / budget;
    (interval as Ms).clamp(INTERVAL_BOUNDS.0, INTERVAL_BOUNDS.1)
}

fn send_episode(
    out: &mut Arrivals,
    world: &World,
    storm: &Storm,
    at: usize,
    interval: Ms,
    end: Ms,
    rng: &mut Rng,
) {
    let episode = storm.episodes[at];
    let check = storm.checks[episode.check as usize];
    let rule = rule_by(check.rule);
    let skew = world.node(check.node).skew;
    let pair = sender_pair(rule.scope, check.node);
    // How bad it is at its worst; it swells and falls within the run.
    let worst = rule.value * rng.range(0.9, 1.3) as f32;
    let event = |instant: Ms, what: What, replica: u8, value: f32| Event {
        observed: instant,
        time: instant + skew,
        id: 0,
        subject: at as u32,
        value,
        what,
        sender: pair + replica,
    };
    for replica in 0..REPLICAS as u8 {
        // The first of the pair notices at once, the second at some time in its own cycle.
        let lag = if replica == 0 { 0.0 } else { rng.range(0.3, 1.0) * interval as f64 };
        let mut instant = episode.start + lag as Ms;
        while instant < episode.end.min(end) {
            let value = worst * rng.range(0.85, 1.0) as f32;
            for _ in 0..rng.geometric(COPIES) {
                out.deliver(event(instant, What::Firing, replica, value));
            }
            instant += interval;
        }
        if episode.end < end {
            // The instant of the end is part of the message, whoever sends it and when.
            for _ in 0..rng.geometric(COPIES) {
                out.deliver(event(episode.end, What::Resolved, replica, 0.0));
            }
        }
    }
}

/// The first of the pair of senders that watches such things.
fn sender_pair(scope: Scope, node: u32) -> u8 {
    match scope {
        Scope::Host => 4,
        Scope::Database | Scope::Queue => 6,
        Scope::Lb | Scope::Dns | Scope::External | Scope::Zone => 8,
        Scope::Service | Scope::Pod | Scope::Deployment => 2 * (node % 2) as u8,
    }
}
