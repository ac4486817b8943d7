//! The latest word on every thing, for as long as it holds.

#[cfg(test)]
mod tests;

use crate::model::{Context, ContextEvent, EntityId, EventId, Live, Op, RelationKind, Seconds};
use crate::ops::epochs::{Epoch, Inputs, Tick};
use crate::ops::shelf::Shelf;
use crate::ops::wheel::Wheel;
use crate::ops::window;
use crate::params::Params;
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;
use xxhash_rust::xxh3::xxh3_64;

/// Visits that are not expected to take place before they are looked for.
const SWEEP_MIN: usize = 1024;

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
    let mut things: BTreeMap<Key, Thing> = BTreeMap::new();
    let mut wheel: Wheel<Key> = Wheel::new();
    let mut begin = memory.begin();
    events
        .binary_frontier(
            ticks,
            Exchange::new(placement),
            Pipeline,
            "context: latest",
            |capability, _| {
                let mut inputs = Inputs::new(vec![capability]);
                move |(events, frontier), (ticks, tick_frontier), output| {
                    inputs.stash(events, ticks, |_, epoch| epoch);
                    while let Some((epoch, tick, batch)) =
                        inputs.next(frontier.frontier(), tick_frontier.frontier())
                    {
                        let mut updates = Vec::new();
                        let mut emit =
                            |live: &Live, diff| updates.push((live.clone(), epoch, diff));
                        for SavedThing { key, thing } in begin.take().into_iter().flatten() {
                            restore(&mut things, &mut wheel, key, thing, &mut emit);
                        }
                        for event in batch {
                            hear(&mut things, &mut wheel, event, tick.now, bounds, &mut emit);
                        }
                        while let Some(due) = wheel.pop_due(tick.now) {
                            for key in due {
                                visit(&mut things, &mut wheel, key, tick.now, bounds, &mut emit);
                            }
                        }
                        sweep(&things, &mut wheel);
                        memory.leave(epoch, || save(&things));
                        if let [cap] = inputs.capabilities(epoch) {
                            output.session(cap).give_container(&mut updates);
                        }
                    }
                    inputs.advance(frontier.frontier(), tick_frontier.frontier());
                }
            },
        )
        .as_collection()
}

fn hear(
    things: &mut BTreeMap<Key, Thing>,
    wheel: &mut Wheel<Key>,
    event: ContextEvent,
    now: Seconds,
    bounds: Bounds,
    emit: &mut impl FnMut(&Live, isize),
) {
    let key = key(&event);
    let stamp = (event.time_ns, event.id.clone());
    let thing = things.entry(key.clone()).or_insert_with(|| Thing {
        stamp: (i64::MIN, EventId::default()),
        published: None,
        event: None,
        heard: now,
        scheduled: Seconds::MAX,
    });
    if thing.stamp >= stamp {
        return;
    }
    thing.stamp = stamp;
    thing.heard = now;
    thing.event = (event.op != Op::Delete).then(|| Arc::new(event));
    visit(things, wheel, key, now, bounds, emit);
}

/// Forgets when things would have been visited that have gone since, or are visited sooner: a
/// silence may end in years and be deleted in a minute.
fn sweep(things: &BTreeMap<Key, Thing>, wheel: &mut Wheel<Key>) {
    if wheel.len() > 2 * things.len() + SWEEP_MIN {
        *wheel = Wheel::new();
        for (key, thing) in things.iter().filter(|(_, thing)| thing.scheduled < Seconds::MAX) {
            wheel.schedule(thing.scheduled, key.clone());
        }
    }
}

fn save(things: &BTreeMap<Key, Thing>) -> Vec<SavedThing> {
    let saved =
        |(key, thing): (&Key, &Thing)| SavedThing { key: key.clone(), thing: thing.clone() };
    things.iter().map(saved).collect()
}

/// A thing as it was, put up anew if it stood.
fn restore(
    things: &mut BTreeMap<Key, Thing>,
    wheel: &mut Wheel<Key>,
    key: Key,
    mut thing: Thing,
    emit: &mut impl FnMut(&Live, isize),
) {
    if let (Some(live), Some(event)) = (&mut thing.published, &thing.event) {
        // One event, whoever holds it.
        live.event = Arc::clone(event);
        emit(live, 1);
    }
    if thing.scheduled < Seconds::MAX {
        wheel.schedule(thing.scheduled, key.clone());
    }
    things.insert(key, thing);
}

/// Brings one thing up to date at `now` and schedules when to look again.
fn visit(
    things: &mut BTreeMap<Key, Thing>,
    wheel: &mut Wheel<Key>,
    key: Key,
    now: Seconds,
    bounds: Bounds,
    emit: &mut impl FnMut(&Live, isize),
) {
    let Some(thing) = things.get_mut(&key) else { return };
    let live = thing.event.as_ref().and_then(|event| live_at(event, now, bounds));
    if thing.published != live {
        if let Some(old) = &thing.published {
            emit(old, -1);
        }
        if let Some(new) = &live {
            emit(new, 1);
        }
        thing.published = live;
    }
    let next = match &thing.event {
        Some(event) if thing.published.is_some() || is_to_come(event, now) => {
            next_change(event, now, bounds)
        }
        _ => Some(thing.heard.saturating_add(bounds.tombstone)),
    };
    match next {
        Some(next) if next > now => {
            if next < thing.scheduled || thing.scheduled <= now {
                thing.scheduled = next;
                wheel.schedule(next, key);
            }
        }
        Some(_) => {
            things.remove(&key);
        }
        None => thing.scheduled = Seconds::MAX,
    }
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
