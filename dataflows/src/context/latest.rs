//! The latest word on every thing, for as long as it holds.

mod things;
#[cfg(test)]
mod tests;

use crate::model::{Context, ContextEvent, EntityId, EventId, Live, RelationKind, Seconds};
use crate::ops::epochs::{Epoch, Inputs, Tick};
use crate::ops::saving::HandOut;
use crate::ops::shelf::Shelf;
use crate::ops::window;
use crate::params::Params;
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;
use things::Things;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;
use xxhash_rust::xxh3::xxh3_64;

/// An alert leaves its horizon after the end of its slice, or once nothing late can change it.
pub fn look_back(params: &Params) -> Seconds {
    let lateness = params.sources.iter().map(|s| s.lateness_seconds).max().unwrap_or(0);
    params.dedup.revise_horizon_seconds
        + params.correlate.slice_seconds
        + lateness
        + params.dedup.disorder_seconds
        + 1
}

/// What an event is about: events with equal keys speak of one thing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Key {
    Entity(SmolStr, SmolStr, EntityId),
    Relation(SmolStr, SmolStr, EntityId, EntityId, RelationKind),
    Change(SmolStr, SmolStr, EntityId),
    Silence(SmolStr, SmolStr),
    Maintenance(SmolStr, SmolStr),
    Rule(SmolStr, SmolStr),
    Model(SmolStr),
    Feedback(SmolStr, SmolStr, SmolStr),
}

fn key(event: &ContextEvent) -> Key {
    let tenant = event.tenant.clone();
    match &event.body {
        Context::Entity(e) => Key::Entity(tenant, event.source.clone(), e.entity.id),
        Context::Relation(r) => {
            Key::Relation(tenant, event.source.clone(), r.from.id, r.to.id, r.kind)
        }
        Context::Change(c) => Key::Change(tenant, c.change_id.clone(), c.entity.id),
        Context::Silence(s) => Key::Silence(tenant, s.silence_id.clone()),
        Context::Maintenance(m) => Key::Maintenance(tenant, m.maintenance_id.clone()),
        Context::Rule(r) => Key::Rule(tenant, r.rule_id.clone()),
        Context::Model(_) => Key::Model(tenant),
        Context::Feedback(f) => Key::Feedback(tenant, f.incident_id.clone(), f.actor.clone()),
    }
}

/// A hash that sends all events about one thing to one worker.
fn placement(event: &ContextEvent) -> u64 {
    match &event.body {
        Context::Entity(e) => e.entity.id.0,
        Context::Relation(r) => r.from.id.0,
        Context::Change(c) => xxh3_64(c.change_id.as_bytes()),
        _ => xxh3_64(event.tenant.as_bytes()),
    }
}

impl SavedThing {
    /// The same for a thing of a snapshot.
    pub fn placement(&self) -> u64 {
        match &self.key {
            Key::Entity(_, _, entity) => entity.0,
            Key::Relation(_, _, from, _, _) => from.0,
            Key::Change(_, change, _) => xxh3_64(change.as_bytes()),
            Key::Silence(tenant, _)
            | Key::Maintenance(tenant, _)
            | Key::Rule(tenant, _)
            | Key::Model(tenant)
            | Key::Feedback(tenant, _, _) => xxh3_64(tenant.as_bytes()),
        }
    }

    fn of(key: &Key, thing: &Thing) -> SavedThing {
        SavedThing { key: key.clone(), thing: thing.clone() }
    }

    /// What was said last; `None` after a delete.
    pub fn event(&self) -> Option<&Arc<ContextEvent>> {
        self.thing.event.as_ref()
    }
}

/// One thing between two epochs, as a snapshot holds it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SavedThing {
    key: Key,
    thing: Thing,
}

/// The state of one thing.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Thing {
    stamp: (i64, EventId),
    /// What stands in the collection.
    published: Option<Live>,
    /// The last word; `None` after a delete, while it is remembered.
    event: Option<Arc<ContextEvent>>,
    /// The tick at which it was heard.
    heard: Seconds,
    scheduled: Seconds,
}

/// How long things hold.
#[derive(Clone, Copy)]
struct Bounds {
    tombstone: Seconds,
    change: Seconds,
    horizon: Seconds,
    /// How long a closed alert may look back at the window in which it ended.
    look_back: Seconds,
}

/// Maintains the latest word on every thing.
///
/// Shape:    context events, ticks -> Live
/// Time:     of two words the one with the later (event time, id) holds
/// State:    one entry per thing
/// Retracts: what is replaced, deleted, run out; a silence's row when it begins and ends
///
/// What holds only from some instant on is no row before it.
pub fn latest<'scope>(
    events: Stream<'scope, Epoch, Vec<ContextEvent>>,
    ticks: Stream<'scope, Epoch, Vec<Tick>>,
    params: &Params,
    memory: Shelf<Vec<SavedThing>>,
) -> VecCollection<'scope, Epoch, Live, isize> {
    let bounds = Bounds {
        tombstone: params.context.tombstone_seconds,
        change: params.context.change_window_seconds,
        horizon: params.dedup.revise_horizon_seconds,
        look_back: look_back(params),
    };
    let scope = events.scope();
    let mut things = Things::new(bounds);
    let mut begin = memory.begin();
    let mut hand_out = HandOut::new(memory, params.saving_slice);
    events
        .binary_frontier(
            ticks,
            Exchange::new(placement),
            Pipeline,
            "context: latest",
            |capability, info| {
                let activator = scope.activator_for(info.address);
                let mut inputs = Inputs::new(vec![capability]);
                move |(events, frontier), (ticks, tick_frontier), output| {
                    inputs.stash(events, ticks, |_, epoch| epoch);
                    hand_out.some(&mut things);
                    while let Some((epoch, tick, batch)) =
                        inputs.next(frontier.frontier(), tick_frontier.frontier())
                    {
                        let mut updates = Vec::new();
                        let mut emit =
                            |live: &Live, diff| updates.push((live.clone(), epoch, diff));
                        for saved in begin.take().into_iter().flatten() {
                            things.restore(saved, &mut emit);
                        }
                        for event in batch {
                            things.hear(event, tick.now, &mut emit);
                        }
                        things.visit_due(tick.now, &mut emit);
                        hand_out.after(epoch, &mut things);
                        if let [cap] = inputs.capabilities(epoch) {
                            output.session(cap).give_container(&mut updates);
                        }
                    }
                    inputs.advance(frontier.frontier(), tick_frontier.frontier());
                    hand_out.come_back(&mut things, inputs.have_ended(), &activator);
                }
            },
        )
        .as_collection()
}

/// The thing's row at `now`, or `None` when its time has run out.
fn live_at(event: &Arc<ContextEvent>, now: Seconds, bounds: Bounds) -> Option<Live> {
    let active = match &event.body {
        Context::Silence(silence) => silence.starts <= now && now < silence.ends,
        Context::Maintenance(maintenance) => window::maintenance_active(maintenance, now),
        _ => true,
    };
    let holds = !is_to_come(event, now) && end(event, bounds) > now;
    holds.then(|| Live { event: event.clone(), active })
}

/// Whether it will hold, but does not yet.
fn is_to_come(event: &ContextEvent, now: Seconds) -> bool {
    let (from, until) = event.op.span();
    now < from && from < until
}

/// When the thing is forgotten; the greatest number for never.
fn end(event: &ContextEvent, bounds: Bounds) -> Seconds {
    let said = event.time_ns.div_euclid(1_000_000_000);
    let (_, until) = event.op.span();
    let end = match &event.body {
        Context::Relation(relation) if relation.ttl_seconds > 0 => {
            said.saturating_add(i64::from(relation.ttl_seconds))
        }
        Context::Change(_) => said.saturating_add(bounds.change + bounds.horizon),
        // Closed alerts look back at the window they ended in until they leave.
        Context::Silence(silence) => silence.ends.saturating_add(bounds.look_back),
        Context::Maintenance(m) => m.ends.saturating_add(bounds.look_back),
        Context::Feedback(_) => said.saturating_add(bounds.change + bounds.horizon),
        _ => Seconds::MAX,
    };
    end.min(until)
}

fn next_change(event: &ContextEvent, now: Seconds, bounds: Bounds) -> Option<Seconds> {
    let boundary = match &event.body {
        Context::Silence(silence) => {
            [silence.starts, silence.ends].into_iter().filter(|at| *at > now).min()
        }
        Context::Maintenance(maintenance) => window::next_boundary(maintenance, now),
        _ => None,
    };
    let begin = is_to_come(event, now).then(|| event.op.span().0);
    let end = Some(end(event, bounds)).filter(|end| *end < Seconds::MAX);
    boundary.into_iter().chain(begin).chain(end).min()
}
