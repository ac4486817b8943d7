//! One fingerprint's state and what of it stands in the collection.

use super::fold::{Entry, FoldParams, Run, State, runs};
use crate::model::{
    Alert, AlertCount, AlertEvent, AlertFlags, AlertKey, EventId, Fingerprint, Identity, Seconds,
    SourceIndex, Status,
};
use smol_str::SmolStr;
use std::sync::Arc;

/// One fingerprint.
#[derive(Debug)]
pub struct Key {
    /// Which.
    pub fingerprint: Fingerprint,
    /// The words behind it.
    pub identity: Arc<Identity>,
    /// Whose policy applies: that of the source that spoke first.
    pub source: SourceIndex,
    /// The fold of everything older than the entries.
    base: State,
    /// One per second of event time inside the lateness bound, in order.
    entries: Vec<Entry>,
    /// What stands in the collection, in order of onset.
    published: Vec<Published>,
    /// Whether a fold is needed before the epoch ends.
    pub dirty: bool,
    /// When the last change of a count happened, if it has not been published.
    counted_at: Option<Seconds>,
    /// The deadline that the wheel holds for this key.
    pub scheduled: Seconds,
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
            fingerprint: identity.fingerprint,
            identity,
            source,
            base: State::default(),
            entries: Vec::new(),
            published: Vec::new(),
            dirty: false,
            counted_at: None,
            scheduled: Seconds::MAX,
        }
    }

    /// Takes in one event. The strings are its id and summary.
    ///
    /// Sets `dirty` when the fold has to be made again; an event that only adds to the
    /// count of the run that fires now leaves it as it was.
    #[inline]
    pub fn insert(&mut self, event: &AlertEvent, id: &str, summary: &str, quiet: Seconds) {
        let late = event.flags.has(AlertFlags::LATE);
        if late || event.flags.has(AlertFlags::RESOLVED) || !self.continues(event, quiet) {
            let second = if late { event.observed } else { event.time };
            self.insert_slow(event, id, summary, second, late);
            return;
        }
        match self.entries.last_mut() {
            Some(last) if last.second == event.time => {
                self.dirty |= id < last.least.0.as_str();
                merge_firing(last, event, id, summary);
            }
            _ => {
                let mut entry = blank(event.time);
                merge_firing(&mut entry, event, id, "");
                self.entries.push(entry);
            }
        }
    }

    /// Whether `event` is at or after the newest second of a firing run that stands in
    /// the collection and changes nothing that is seen there; counts it if so.
    #[inline]
    fn continues(&mut self, event: &AlertEvent, quiet: Seconds) -> bool {
        if self.dirty || self.entries.last().is_some_and(|last| last.second > event.time) {
            return false;
        }
        let Some(top) = self.published.last_mut() else { return false };
        let alert = &*top.alert;
        if alert.status != Status::Firing
            || event.time < top.last
            || event.time > top.deadline
            || event.severity != alert.severity
            || event.onset < alert.key.onset
            || (top.count + 1).ilog2() as u8 != alert.magnitude
        {
            return false;
        }
        if event.time == top.last && event.ends != Seconds::MAX {
            // Two ends in one second: the greater id speaks, which the fold sorts out.
            return false;
        }
        top.count += 1;
        top.last = event.time;
        top.deadline = event.ends.min(event.time.saturating_add(quiet));
        true
    }

    fn insert_slow(
        &mut self,
        event: &AlertEvent,
        id: &str,
        summary: &str,
        second: Seconds,
        late: bool,
    ) {
        self.dirty = true;
        let at = self.entries.partition_point(|entry| entry.second < second);
        if self.entries.get(at).is_none_or(|entry| entry.second != second) {
            self.entries.insert(at, blank(second));
        }
        let entry = &mut self.entries[at];
        if late {
            entry.late += 1;
        } else if event.flags.has(AlertFlags::RESOLVED) {
            entry.resolved = true;
        } else {
            merge_firing(entry, event, id, summary);
        }
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
        for entry in self.entries.drain(..upto) {
            self.base.step(&entry, params, &mut |_| {});
        }
        if self.entries.is_empty() {
            self.entries.shrink_to_fit();
        }
    }

    /// Brings the collection up to date with the fold at `tick`.
    pub fn refold(&mut self, tick: Seconds, params: &FoldParams, out: &mut impl Output) {
        self.dirty = false;
        let runs = runs(&self.base, &self.entries, tick, params);
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
            next.push(self.publish(run, tick, params.quiet, same, out));
        }
        old.for_each(|published| retract(Some(published), out));
        self.published = next;
    }

    /// How many published alerts belong to the settled part and are beyond change: every
    /// later run begins after the floor.
    fn kept(&self) -> usize {
        self.base.floor.map_or(0, |floor| {
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
            key: AlertKey { onset: run.onset, fingerprint: self.fingerprint },
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

    /// Publishes exact counts when they are due: `count_delay` after the last change, or now.
    pub fn publish_counts(&mut self, tick: Seconds, delay: Seconds, out: &mut impl Output) {
        if self.counted_at.is_none_or(|at| tick < at.saturating_add(delay)) {
            return;
        }
        self.counted_at = None;
        for published in &self.published {
            out.count(AlertCount {
                key: published.alert.key,
                count: published.count,
                last: published.last,
            });
        }
    }

    /// Removes published alerts whose horizon has passed; they leave the collection.
    pub fn retire(&mut self, tick: Seconds, retention: &Retention, out: &mut impl Output) {
        self.published.retain(|published| {
            let keep = retention.until(&published.alert).is_none_or(|until| tick < until);
            if !keep {
                out.alert(&published.alert, -1);
            }
            keep
        });
    }

    /// Whether nothing is left to remember.
    pub fn is_spent(&self, tick: Seconds, quiet: Seconds) -> bool {
        self.entries.is_empty()
            && self.published.is_empty()
            && self.base.open.as_ref().is_none_or(|run| run.deadline(quiet) < tick)
    }

    /// The next tick at which this key has something to do.
    pub fn next_due(&self, window: Seconds, retention: &Retention) -> Seconds {
        let settle = self.entries.first().map(|entry| entry.second + window + 1);
        let counts = self.counted_at.map(|at| at + retention.count_delay);
        let alerts =
            self.published.iter().map(|published| match retention.until(&published.alert) {
                Some(until) => until,
                None if published.alert.flapping => {
                    published.flaps_until.min(published.deadline.saturating_add(1))
                }
                None => published.deadline.saturating_add(1),
            });
        settle.into_iter().chain(counts).chain(alerts).min().unwrap_or(Seconds::MAX)
    }

    /// Notes that a count changed at `tick`.
    #[inline]
    pub fn counted(&mut self, tick: Seconds) {
        self.counted_at = Some(tick);
    }
}

/// How long alerts stay.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// After the slice of the onset, seconds of tick.
    pub horizon: Seconds,
    /// After the end, seconds of tick: a late event may still change it.
    pub after_end: Seconds,
    /// Exact counts are published this long after the last change.
    pub count_delay: Seconds,
    /// Length of a slice of onset, seconds.
    pub slice: Seconds,
}

impl Retention {
    /// When `alert` leaves the collection; `None` while it fires.
    pub fn until(&self, alert: &Alert) -> Option<Seconds> {
        match alert.status {
            Status::Firing => None,
            Status::Resolved { at, .. } => {
                let slice_end = (alert.key.onset.div_euclid(self.slice) + 1) * self.slice;
                Some((slice_end + self.horizon).max(at + self.after_end))
            }
        }
    }
}

fn retract(published: Option<Published>, out: &mut impl Output) {
    if let Some(published) = published {
        out.alert(&published.alert, -1);
    }
}

fn blank(second: Seconds) -> Entry {
    Entry {
        second,
        onset: second,
        ends: Seconds::MAX,
        count: 0,
        late: 0,
        severity: crate::model::Severity::DEBUG,
        resolved: false,
        least: EventId::default(),
        greatest: EventId::default(),
        summary: SmolStr::default(),
    }
}

/// Adds a firing event to its second: the greatest id speaks for severity and end, the
/// least for the summary.
#[inline]
fn merge_firing(entry: &mut Entry, event: &AlertEvent, id: &str, summary: &str) {
    if entry.count == 0 {
        entry.least = EventId::new(id);
        entry.greatest = entry.least.clone();
        entry.summary = SmolStr::new(summary);
        entry.severity = event.severity;
        entry.ends = event.ends;
        entry.onset = event.onset;
    } else {
        if id < entry.least.0.as_str() {
            entry.least = EventId::new(id);
            entry.summary = SmolStr::new(summary);
        }
        if id >= entry.greatest.0.as_str() {
            entry.greatest = EventId::new(id);
            entry.severity = event.severity;
            entry.ends = event.ends;
        }
        entry.onset = entry.onset.min(event.onset);
    }
    entry.count += 1;
}
