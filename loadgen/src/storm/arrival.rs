//! How events arrive: late, twice, and out of order.

use super::{Event, Storm, What};
use crate::instant::{Ms, SECOND};
use crate::rng::Rng;

/// Delay of an event: median in milliseconds and deviation of the logarithm;
/// one in a hundred takes longer than a minute.
const DELAY: (f64, f64) = (2_000.0, 1.46);
/// Share of events that were stuck somewhere, and for how long, in seconds.
const STUCK: f64 = 0.0007;
const STUCK_SECONDS: (f64, f64) = (301.0, 900.0);
/// Share of events that the transport delivers again, and how much later, in seconds.
const REDELIVERED: f64 = 0.01;
const REDELIVERED_SECONDS: (f64, f64) = (1.0, 90.0);

/// Collects events; until they are sorted, an event's id is the order of its making.
pub(super) struct Arrivals {
    events: Vec<Event>,
    made: u32,
    start: Ms,
    rng: Rng,
}

impl Arrivals {
    pub fn new(start: Ms, rng: &mut Rng) -> Self {
        Arrivals { events: Vec::new(), made: 0, start, rng: rng.clone() }
    }

    /// How many lines there are so far.
    pub fn len(&self) -> u64 {
        self.events.len() as u64
    }

    /// Sends `event`, whose `observed` is when it leaves, through the network.
    pub fn deliver(&mut self, mut event: Event) {
        event.id = self.made;
        self.made += 1;
        event.observed = (event.observed + self.delay()).max(self.start);
        self.events.push(event);
        if self.rng.chance(REDELIVERED) {
            let (low, high) = REDELIVERED_SECONDS;
            event.observed += (self.rng.range(low, high) * SECOND as f64) as Ms;
            self.events.push(event);
        }
    }

    /// Takes back the latest made lines beyond `lines`.
    pub fn truncate(&mut self, lines: u64) {
        self.events.truncate(lines as usize);
    }

    /// All events by time of receipt, numbered in that order, and how many different ones.
    pub fn sorted(mut self) -> (Vec<Event>, u32) {
        self.events.sort_unstable_by_key(|e| (e.observed, e.id));
        let mut names = vec![u32::MAX; self.made as usize];
        let mut next = 0;
        for event in &mut self.events {
            let name = &mut names[event.id as usize];
            if *name == u32::MAX {
                *name = next;
                next += 1;
            }
            event.id = *name;
        }
        (self.events, next)
    }

    fn delay(&mut self) -> Ms {
        if self.rng.chance(STUCK) {
            return (self.rng.range(STUCK_SECONDS.0, STUCK_SECONDS.1) * SECOND as f64) as Ms;
        }
        self.rng.lognormal(DELAY.0, DELAY.1).min(290_000.0) as Ms
    }
}

/// By episode, the first firing and the first resolved event in the order of
/// (second of event time, id), which is the order that readers fold in.
pub(super) fn firsts(storm: &Storm) -> Vec<[u32; 2]> {
    const NONE: (Ms, u32) = (Ms::MAX, u32::MAX);
    let mut least = vec![[NONE; 2]; storm.episodes.len()];
    for event in &storm.events {
        let place = match event.what {
            What::Firing => 0,
            What::Resolved => 1,
            _ => continue,
        };
        let known = &mut least[event.subject as usize][place];
        *known = (*known).min((event.time.div_euclid(SECOND), event.id));
    }
    least.into_iter().map(|pair| pair.map(|(_, id)| id)).collect()
}
