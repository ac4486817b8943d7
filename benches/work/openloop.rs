//! Changes at a steady rate, whatever the engine does; latency from when each was due.

use super::groups::Engine;
use crate::harness::Outcome;
use crate::harness::latency::{Latencies, Schedule, too_slow};
use causeway_dataflows::model::ContextEvent;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Arrivals that one epoch takes, at most.
const EPOCH_MAX: u64 = 10_000;

/// One arrival: lines, edits or both.
#[derive(Default)]
pub struct Arrival {
    /// Whole lines.
    pub lines: Vec<u8>,
    /// Edits.
    pub context: Vec<ContextEvent>,
}

/// What a run of arrivals came to.
pub struct Driven {
    /// From due to answered.
    pub latencies: Latencies,
    /// Why it does not count, if it does not.
    pub void: Option<String>,
    /// Arrivals a second that were offered.
    pub rate: f64,
    /// The second of event time after the last arrival.
    pub now: i64,
}

impl Driven {
    /// `outcome` with the percentiles.
    pub fn into_outcome(self, outcome: Outcome) -> Outcome {
        let Driven { latencies, void, rate, .. } = self;
        Outcome { void, seconds: latencies.by_second(), ..outcome }
            .figure("offered_per_s", rate)
            .figure("p50_ms", latencies.ms(50.0))
            .figure("p99_ms", latencies.ms(99.0))
            .figure("p99.9_ms", latencies.ms(99.9))
            .figure("max_ms", latencies.max_ms())
    }
}

/// Submits `rate` arrivals a second for `seconds`, event time running from `from` on with the
/// clock. What is due together goes into one epoch, as in the live process.
pub fn drive(
    engine: &mut Engine,
    rate: f64,
    seconds: u64,
    from: i64,
    mut arrival: impl FnMut(u64, i64) -> Arrival,
) -> Driven {
    let total = (rate * seconds as f64) as u64;
    let schedule = Schedule::now(rate);
    let begun = Instant::now();
    let mut latencies = Latencies::default();
    let mut flying: VecDeque<(u64, Vec<Instant>)> = VecDeque::new();
    let (mut next, mut sent_at, mut now) = (0, begun, from);
    while next < total || !flying.is_empty() {
        let due = Instant::now();
        if next < total && schedule.due(next) <= due && engine.has_credit() {
            let mut epoch = Arrival::default();
            let mut dues = Vec::new();
            now = from + begun.elapsed().as_secs() as i64;
            while next < total && schedule.due(next) <= due && (dues.len() as u64) < EPOCH_MAX {
                let mut one = arrival(next, now);
                epoch.lines.append(&mut one.lines);
                epoch.context.append(&mut one.context);
                dues.push(schedule.due(next));
                next += 1;
            }
            let number = engine.submit(now, &epoch.lines, epoch.context);
            flying.push_back((number, dues));
            sent_at = Instant::now();
        }
        // An answer ends the wait, and so does the next arrival if there is room for it.
        let wait = match next < total && (engine.has_credit() || flying.is_empty()) {
            true => schedule.due(next).saturating_duration_since(Instant::now()),
            false => Duration::from_millis(100),
        };
        let Some(epoch) = engine.poll(wait) else { continue };
        while flying.front().is_some_and(|(number, _)| *number <= epoch) {
            for due in flying.pop_front().into_iter().flat_map(|(_, dues)| dues) {
                latencies.record(due, schedule.second_of(due));
            }
        }
    }
    // The last arrival is due one interval before the end.
    let took = sent_at.duration_since(begun).as_secs_f64() + 1.0 / rate;
    let void = too_slow(total, Duration::from_secs_f64(took.max(total as f64 / rate)), rate);
    Driven { latencies, void, rate, now: now + 1 }
}

/// Stops this process for two seconds, `after` seconds from now: what the harness must show.
///
/// # Panics
/// When there is no shell.
pub fn stall_self(after: u32) {
    let id = std::process::id();
    let script = format!("sleep {after}; kill -STOP {id}; sleep 2; kill -CONT {id}");
    let mut shell =
        std::process::Command::new("sh").args(["-c", &script]).spawn().expect("a shell is there");
    std::thread::spawn(move || shell.wait());
}
