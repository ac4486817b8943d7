//! All things that somebody said something of, and when to look at them again.

use super::{Bounds, Key, SavedThing, Thing, is_to_come, key, live_at, next_change};
use crate::model::{ContextEvent, EventId, Live, Op, Seconds};
use crate::ops::saving::{Sliced, Walk};
use crate::ops::wheel::Wheel;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Visits that are not expected to take place before they are looked for.
pub(super) const SWEEP_MIN: usize = 1024;

/// The things, by what they are.
pub(super) struct Things {
    pub(super) entries: BTreeMap<Key, Thing>,
    pub(super) wheel: Wheel<Key>,
    bounds: Bounds,
    saving: Option<(Walk<Key>, Vec<SavedThing>)>,
}

impl Things {
    pub(super) fn new(bounds: Bounds) -> Things {
        Things { entries: BTreeMap::new(), wheel: Wheel::new(), bounds, saving: None }
    }

    /// A thing as it was, put up anew if it stood.
    pub(super) fn restore(&mut self, saved: SavedThing, emit: &mut impl FnMut(&Live, isize)) {
        let SavedThing { key, mut thing } = saved;
        if let (Some(live), Some(event)) = (&mut thing.published, &thing.event) {
            // One event, whoever holds it.
            live.event = Arc::clone(event);
            emit(live, 1);
        }
        if thing.scheduled < Seconds::MAX {
            self.wheel.schedule(thing.scheduled, key.clone());
        }
        self.entries.insert(key, thing);
    }

    /// Takes in what is said at `now`.
    pub(super) fn hear(
        &mut self,
        event: ContextEvent,
        now: Seconds,
        emit: &mut impl FnMut(&Live, isize),
    ) {
        let key = key(&event);
        let stamp = (event.time_ns, event.id.clone());
        if self.entries.get(&key).is_some_and(|thing| thing.stamp >= stamp) {
            return;
        }
        self.before_change(&key);
        let thing = self.entries.entry(key.clone()).or_insert_with(|| Thing {
            stamp: (i64::MIN, EventId::default()),
            published: None,
            event: None,
            heard: now,
            scheduled: Seconds::MAX,
        });
        thing.stamp = stamp;
        thing.heard = now;
        thing.event = (event.op != Op::Delete).then(|| Arc::new(event));
        self.visit(key, now, emit);
    }

    /// Looks at whatever is due at `now`.
    pub(super) fn visit_due(&mut self, now: Seconds, emit: &mut impl FnMut(&Live, isize)) {
        while let Some(due) = self.wheel.pop_due(now) {
            for key in due {
                self.visit(key, now, emit);
            }
        }
        self.sweep();
    }

    /// Brings one thing up to date at `now` and schedules when to look again.
    fn visit(&mut self, key: Key, now: Seconds, emit: &mut impl FnMut(&Live, isize)) {
        self.before_change(&key);
        let bounds = self.bounds;
        let Some(thing) = self.entries.get_mut(&key) else { return };
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
                    self.wheel.schedule(next, key);
                }
            }
            Some(_) => {
                self.entries.remove(&key);
            }
            None => thing.scheduled = Seconds::MAX,
        }
    }

    /// Forgets when things would have been visited that have gone since, or are visited sooner: a
    /// silence may end in years and be deleted in a minute.
    fn sweep(&mut self) {
        if self.wheel.len() > 2 * self.entries.len() + SWEEP_MIN {
            self.wheel = Wheel::new();
            let due = self.entries.iter().filter(|(_, thing)| thing.scheduled < Seconds::MAX);
            for (key, thing) in due {
                self.wheel.schedule(thing.scheduled, key.clone());
            }
        }
    }

    fn before_change(&mut self, key: &Key) {
        if let Some((walk, out)) = &mut self.saving {
            walk.before_change(&self.entries, key, |key, thing| {
                out.push(SavedThing::of(key, thing));
            });
        }
    }
}

impl Sliced for Things {
    type Saved = Vec<SavedThing>;

    fn begin_saving(&mut self) {
        let out = Vec::with_capacity(self.entries.len());
        self.saving = Some((Walk::through(&self.entries), out));
    }

    fn go_on_saving(&mut self, number: usize) -> Option<Vec<SavedThing>> {
        let (walk, out) = self.saving.as_mut()?;
        let save = |key: &Key, thing: &Thing| out.push(SavedThing::of(key, thing));
        if !walk.go_on(&self.entries, number, save) {
            return None;
        }
        self.saving.take().map(|(_, out)| out)
    }
}
