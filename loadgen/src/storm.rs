//! The storm itself: what is seen of faults, and of everything else, as events.
//!
//! A *check* is one rule watching one entity, which is what a fingerprint
//! identifies. An *episode* is one run of a check, from firing to resolved. A
//! pair of senders repeats each episode until it ends; copies, redelivery,
//! delay and wrong clocks come on top. Signals and context fill the rest.

mod arrival;
mod book;
mod context;
mod incidents;
mod noise;
mod senders;
mod signals;

use crate::faults::{Plan, Symptom};
use crate::instant::Ms;
use crate::profile::Rates;
use crate::rng::Rng;
use crate::vocabulary::RuleId;
use crate::world::{NodeId, World};

pub use senders::SENDERS;
pub use signals::{LOGS_QUIET, LOGS_TROUBLE, METRICS, Metric};

/// One rule watching one entity.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// The entity as alerts name it.
    pub node: NodeId,
    /// The rule.
    pub rule: RuleId,
    /// Which value the rule's own label has here.
    pub label: u16,
}

/// Why an episode came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A fault that users saw; its place in [`Plan::faults`].
    Fault(u32),
    /// A fault that nobody saw.
    Hidden,
    /// Nothing in particular.
    Background,
    /// It always does that.
    Chronic,
    /// It cannot make up its mind.
    Flap,
}

/// One run of a check.
#[derive(Clone, Copy, Debug)]
pub struct Episode {
    /// Its place in [`Storm::checks`].
    pub check: u32,
    /// Why it fires.
    pub reason: Reason,
    /// First firing, by a right clock.
    pub start: Ms,
    /// Resolved, by a right clock; may lie beyond the end of the storm.
    pub end: Ms,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// An alert that fires; the subject is an episode.
    Firing,
    /// An alert that has ended; the subject is an episode.
    Resolved,
    /// A measurement; the subject is a series.
    Metric,
    /// A log line of no concern; the subject is a series.
    Log,
    /// A log line of something in trouble; the subject is a series.
    LogTrouble,
    /// A call that worked; the subject is a series.
    Span,
    /// A call that failed; the subject is a series.
    SpanFailed,
    /// A sign of life; the subject is a series.
    Heartbeat,
    /// A change begins; the subject is a change.
    ChangeStarted,
    /// A change is done; the subject is a change.
    ChangeFinished,
    /// The topology changes; the subject is an update of the world.
    Update,
}

/// One event, small enough for tens of millions; its words are in the tables.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Event {
    /// When it was received.
    pub observed: Ms,
    /// When it happened, by the entity's own clock.
    pub time: Ms,
    /// Its id: a number in order of first arrival. A redelivered event keeps it.
    pub id: u32,
    /// What it is about; see [`What`].
    pub subject: u32,
    /// The value it carries, if any.
    pub value: f32,
    /// What it is.
    pub what: What,
    /// Who sent it; a place in [`SENDERS`].
    pub sender: u8,
}

/// Something that is measured, or that logs, calls or beats.
#[derive(Clone, Copy, Debug)]
pub struct Series {
    /// The entity.
    pub node: NodeId,
    /// Of a metric, its place in [`METRICS`].
    pub metric: u8,
    /// Of a call, who is called; of a log, whom it may mention; else the entity itself.
    pub peer: NodeId,
}

impl Series {
    /// In place of a metric: it logs, it calls, it beats.
    const LOG: u8 = u8::MAX;
    const SPAN: u8 = u8::MAX - 1;
    const BEAT: u8 = u8::MAX - 2;

    /// Whether it writes log lines.
    pub fn is_log(&self) -> bool {
        self.metric == Series::LOG
    }

    /// Whether it makes calls.
    pub fn is_span(&self) -> bool {
        self.metric == Series::SPAN
    }
}

/// Everything that happens, in order of receipt.
#[derive(Clone, Debug, Default)]
pub struct Storm {
    /// All checks that ever fire.
    pub checks: Vec<Check>,
    /// All their runs.
    pub episodes: Vec<Episode>,
    /// All series.
    pub series: Vec<Series>,
    /// All events, by time of receipt.
    pub events: Vec<Event>,
    /// By episode: the id of its first firing and of its first resolved event;
    /// `u32::MAX` where there is none.
    pub firsts: Vec<[u32; 2]>,
    /// How many different events there are; redelivered ones count once.
    pub distinct: u32,
}

impl Storm {
    /// Lets the storm pass over `world`.
    pub(crate) fn build(
        seed: u64,
        world: &World,
        plan: &Plan,
        rates: &Rates,
        (start, end): (Ms, Ms),
    ) -> Storm {
        let mut book = book::Book::new(world);
        incidents::raise(&mut book, plan, rates, &mut Rng::stream(seed, "incidents"));
        noise::raise(&mut book, rates, (start, end), &mut Rng::stream(seed, "noise"));
        let (checks, episodes) = book.close();
        let mut storm = Storm { checks, episodes, ..Storm::default() };
        let mut out = arrival::Arrivals::new(start, &mut Rng::stream(seed, "arrival"));
        context::send(&mut out, world, plan, end);
        senders::send(&mut out, world, &storm, rates.events, end, Rng::stream(seed, "senders"));
        storm.series = signals::series(world);
        let troubles = Troubles::of(world, plan);
        signals::fill(
            &mut out,
            world,
            &storm.series,
            &troubles,
            rates,
            Rng::stream(seed, "signals"),
        );
        (storm.events, storm.distinct) = out.sorted();
        storm.firsts = arrival::firsts(&storm);
        storm
    }
}

/// Who is in what trouble when, for signals to show it.
pub(crate) struct Troubles {
    by_node: Vec<Vec<(Ms, Ms, Symptom)>>,
}

impl Troubles {
    fn of(world: &World, plan: &Plan) -> Troubles {
        let mut by_node = vec![Vec::new(); world.nodes.len()];
        for fault in &plan.faults {
            for effect in &fault.effects {
                by_node[effect.node as usize].push((effect.at, fault.end, effect.symptom));
            }
        }
        Troubles { by_node }
    }

    /// The trouble of `node` at `instant`.
    pub(crate) fn at(&self, node: NodeId, instant: Ms) -> Option<Symptom> {
        let found =
            self.by_node[node as usize].iter().find(|(a, b, _)| (*a..*b).contains(&instant));
        found.map(|(_, _, symptom)| *symptom)
    }
}
