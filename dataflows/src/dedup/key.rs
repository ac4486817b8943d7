//! One fingerprint's state and what of it stands in the collection.

use super::fold::{Entry, FoldParams, Run, State, runs};
use super::hot::Hot;
use super::retention::Retention;
use crate::model::{
    Alert, AlertCount, AlertEvent, AlertFlags, AlertKey, Fingerprint, Identity, Seconds,
    SourceIndex, Status,
};
use std::sync::Arc;

mod counts;
mod leave;
mod saved;
mod withdraw;

pub use saved::SavedKey;

/// One fingerprint.
#[derive(Debug)]
pub struct Key {
    /// Which it is, and all that a duplicate reads.
    hot: Hot,
    /// One per second of event time inside the lateness bound, in order.
    entries: Vec<Entry>,
    /// When the last change of a count happened, if it has not been published.
    counted_at: Option<Seconds>,
    /// The deadline that the wheel holds for this key.
    pub scheduled: Seconds,
    /// No later than the next deadline that is not a count's.
    pub due: Seconds,
    /// What is needed before the epoch ends.
    pub needs: Needs,
    /// Whether a fold may have changed a count other than that of the run that fires.
    refolded: bool,
    /// Whose policy applies: that of the source that spoke first.
    pub source: SourceIndex,
    /// What stands in the collection, in order of onset.
    published: Vec<Published>,
    /// The fold of everything older than the entries; `None` while nothing is.
    base: Option<Box<State>>,
    /// The words behind it.
    pub identity: Arc<Identity>,
}

/// What a key needs before the epoch ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// The alert that fires has grown by an order of magnitude, and is otherwise as it was.
    Grade,
    /// A fold.
    Fold,
}

/// An alert in the collection, with the count that is not in it.
#[derive(Debug)]
struct Published {
    alert: Arc<Alert>,
    count: u64,
    last: Seconds,
    /// The last second at which a firing event would continue it.
    deadline: Seconds,
    /// Until when it counts as flapping.
    flaps_until: Seconds,
}

/// Where a key's changes go.
pub trait Output {
    /// The collection changes.
    fn alert(&mut self, alert: &Arc<Alert>, diff: isize);
    /// An exact count.
    fn count(&mut self, count: AlertCount);
}

impl Key {
    /// A key that has seen nothing.
    pub fn new(identity: Arc<Identity>, source: SourceIndex) -> Self {
        Key {
            hot: Hot::new(identity.fingerprint),
            entries: Vec::new(),
            counted_at: None,
            scheduled: Seconds::MAX,
            due: Seconds::MAX,
            needs: Needs::Nothing,
            refolded: false,
            source,
            published: Vec::new(),
            base: None,
            identity,
        }
    }

    /// Which it is.
    #[inline]
    pub fn fingerprint(&self) -> Fingerprint {
        self.hot.fingerprint
    }

    /// A number from the places that the next event will read, so that they are fetched.
    #[inline]
    pub fn touch(&self) -> i64 {
        self.entries.last().map_or(0, |entry| entry.second) ^ self.scheduled
    }

    /// The same for a visit.
    #[inline]
    pub fn touch_for_visit(&self, tick: Seconds) -> i64 {
        if self.only_counts(tick) {
            return 0;
        }
        let entry = self.entries.first().map_or(0, |entry| entry.second);
        self.published.last().map_or(0, |top| top.alert.key.onset) ^ entry
    }

    /// Takes in one event. The strings are its id and summary.
    ///
    /// Sets `needs` when the fold has to be made again; an event that only adds to the
    /// count of the run that fires now leaves it as it was, or asks for a grade.
    #[inline]
    pub fn insert(&mut self, event: &AlertEvent, id: &str, summary: &str, quiet: Seconds) {
        let late = event.flags.has(AlertFlags::LATE);
        if event.flags.has(AlertFlags::WITHDRAWN) {
            return self.withdraw(event);
        }
        if late || event.flags.has(AlertFlags::RESOLVED) || !self.continues(event, quiet) {
            let second = if late { event.observed } else { event.time };
            self.insert_slow(event, id, summary, second, late);
            return;
        }
        match self.entries.last_mut() {
            Some(last) if last.second == event.time => {
                if id < last.least.0.as_str() {
                    self.needs = Needs::Fold;
                }
                last.merge_firing(event, id, summary);
            }
            _ => {
                let mut entry = Entry::blank(event.time);
                let summary = if self.needs == Needs::Grade { summary } else { "" };
                entry.merge_firing(event, id, summary);
                self.make_room();
                self.entries.push(entry);
                self.hot.newest = event.time;
            }
        }
    }

    /// Whether `event` is at or after the newest second of a firing run that stands in
    /// the collection and changes nothing that is seen there; counts it if so.
    #[inline]
    fn continues(&mut self, event: &AlertEvent, quiet: Seconds) -> bool {
        if self.needs == Needs::Fold || !self.hot.continues(event, quiet) {
            return false;
        }
        // An event may name an end that is sooner than silence would bring it.
        self.due = self.due.min(self.hot.deadline.saturating_add(1));
        if self.hot.has_outgrown() {
            self.needs = Needs::Grade;
        }
        true
    }

    /// Most keys have few seconds: a vector's usual first four would be mostly empty pages.
    #[inline]
    fn make_room(&mut self) {
        let len = self.entries.len();
        if len == self.entries.capacity() && len < 4 {
            self.entries.reserve_exact(len.max(1));
        }
    }

    fn insert_slow(
        &mut self,
        event: &AlertEvent,
        id: &str,
        summary: &str,
        second: Seconds,
        late: bool,
    ) {
        self.needs = Needs::Fold;
        let at = self.entries.partition_point(|entry| entry.second < second);
        if self.entries.get(at).is_none_or(|entry| entry.second != second) {
            self.make_room();
            self.entries.insert(at, Entry::blank(second));
        }
        let entry = &mut self.entries[at];
        if late {
            entry.add_late();
        } else if event.flags.has(AlertFlags::RESOLVED) {
            entry.resolved = true;
        } else {
            entry.merge_firing(event, id, summary);
        }
        self.hot.newest = self.entries.last().map_or(Seconds::MIN, |entry| entry.second);
    }

    /// The second before which events are too old to be told apart.
    pub fn settled_before(tick: Seconds, lateness: Seconds, disorder: Seconds) -> Seconds {
        tick - lateness - disorder
    }

    /// Replaces entries before `settled` by the state after them.
    pub fn settle(&mut self, settled: Seconds, params: &FoldParams) {
        let upto = self.entries.partition_point(|entry| entry.second < settled);
        if upto == 0 {
            return;
        }
        let base = self.base.get_or_insert_default();
        for entry in self.entries.drain(..upto) {
            base.step(&entry, params, &mut |_| {});
        }
        if self.entries.is_empty() {
            self.entries.shrink_to_fit();
            self.hot.newest = Seconds::MIN;
        }
    }

    /// Brings the collection up to date at `tick`, doing no more than is needed.
    pub fn update(
        &mut self,
        tick: Seconds,
        params: &FoldParams,
        retention: &Retention,
        out: &mut impl Output,
    ) {
        self.write_back();
        let lapsed = |top: &Published| {
            let alert = &top.alert;
            top.deadline < tick || (alert.flapping && top.flaps_until <= tick)
        };
        let firing = self.published.last().filter(|_| self.hot.firing);
        if self.needs == Needs::Fold || firing.is_some_and(lapsed) {
            self.refold(tick, params, retention, out);
        } else if self.needs == Needs::Grade {
            self.grade(out);
        }
        self.needs = Needs::Nothing;
    }

    /// What duplicates have added, back to where it belongs.
    fn write_back(&mut self) {
        let hot = self.hot;
        if let Some(top) = self.published.last_mut()
            && hot.firing
        {
            (top.count, top.last, top.deadline) = (hot.count, hot.last, hot.deadline);
        }
    }

    /// The same alert with another order of magnitude.
    fn grade(&mut self, out: &mut impl Output) {
        let Some(top) = self.published.last_mut() else { return };
        let magnitude = top.count.ilog2() as u8;
        out.alert(&top.alert, -1);
        top.alert = Arc::new(Alert { magnitude, ..Alert::clone(&top.alert) });
        out.alert(&top.alert, 1);
        self.hot.magnitude = magnitude;
    }

    fn heat(&mut self) {
        let hot = &mut self.hot;
        hot.firing = false;
        if let Some(top) = self.published.last() {
            let alert = &*top.alert;
            hot.firing = alert.status == Status::Firing;
            (hot.onset, hot.severity, hot.magnitude) =
                (alert.key.onset, alert.severity, alert.magnitude);
            (hot.count, hot.last, hot.deadline) = (top.count, top.last, top.deadline);
        }
    }

    /// Brings the collection up to date with the fold at `tick`.
    fn refold(
        &mut self,
        tick: Seconds,
        params: &FoldParams,
        retention: &Retention,
        out: &mut impl Output,
    ) {
        let base = self.base.as_deref().cloned().unwrap_or_default();
        let runs = runs(base, &self.entries, tick, params);
        let keep = self.kept();
        let mut next = Vec::with_capacity(keep + runs.len());
        let mut old = std::mem::take(&mut self.published).into_iter();
        next.extend(old.by_ref().take(keep));
        let mut old = old.peekable();
        for run in runs {
            while old.peek().is_some_and(|published| published.alert.key.onset < run.onset) {
                retract(old.next(), out);
            }
            let same = old.next_if(|published| published.alert.key.onset == run.onset);
            // The fold still knows of it and the collection does not: it left, with its count.
            let ended = run.closed.filter(|_| same.is_none());
            if ended.is_none_or(|ended| tick < retention.until_of(run.onset, ended)) {
                next.push(self.publish(run, tick, params.quiet, same, out));
            }
        }
        old.for_each(|published| retract(Some(published), out));
        self.published = next;
        self.refolded = true;
        self.heat();
    }

    /// How many published alerts belong to the settled part and are beyond change: every
    /// later run begins after the floor.
    fn kept(&self) -> usize {
        self.base.as_ref().and_then(|base| base.floor).map_or(0, |floor| {
            self.published.partition_point(|published| published.alert.key.onset <= floor)
        })
    }

    fn publish(
        &self,
        run: Run,
        tick: Seconds,
        quiet: Seconds,
        same: Option<Published>,
        out: &mut impl Output,
    ) -> Published {
        let status = match run.closed {
            None => Status::Firing,
            Some(at) => Status::Resolved { at, last: run.last },
        };
        let alert = Alert {
            key: AlertKey { onset: run.onset, fingerprint: self.hot.fingerprint },
            first: run.first,
            severity: run.severity,
            status,
            magnitude: run.count.max(1).ilog2() as u8,
            flapping: run.closed.unwrap_or(tick) < run.flaps_until,
            first_event_id: run.first_id,
            summary: run.summary,
            identity: self.identity.clone(),
        };
        let count = AlertCount { key: alert.key, count: run.count, last: run.last };
        let alert = match same {
            Some(published) if *published.alert == alert => published.alert,
            same => {
                let alert = Arc::new(alert);
                retract(same, out);
                out.alert(&alert, 1);
                if run.closed.is_some() {
                    out.count(count);
                }
                alert
            }
        };
        let deadline = run.ends.min(run.last.saturating_add(quiet));
        Published {
            alert,
            count: run.count,
            last: run.last,
            deadline,
            flaps_until: run.flaps_until,
        }
    }
}

fn retract(published: Option<Published>, out: &mut impl Output) {
    if let Some(published) = published {
        out.alert(&published.alert, -1);
    }
}
