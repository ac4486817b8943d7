//! The fold: a key's events in order of event time become runs.
//!
//! Events are ordered by (second, firing before resolved, id). A run is a
//! maximal stretch of firing events with gaps of at most `quiet`, not cut by a
//! resolve or by its own `ends` (SEMANTICS rule 10). The state after a prefix
//! is all that the rest needs, so old entries are replaced by it.

use super::flap::{Flap, FlapModel};
use crate::model::{AlertEvent, EventId, Seconds, Severity};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// All events of one key and one second of event time; 48 bytes, for nearly all of them hold
/// one event that says nothing new.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The second.
    pub second: Seconds,
    /// Firing events.
    pub count: u32,
    /// Severity of the last firing event (by id).
    pub severity: Severity,
    /// Whether a resolve is among them.
    pub resolved: bool,
    /// The least id of a firing event.
    pub least: EventId,
    /// `None` when there is nothing that it would tell.
    rest: Option<Box<Rest>>,
}

const _: () = assert!(size_of::<Entry>() == 48);

/// What few seconds have to tell.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Rest {
    /// The earliest onset named by a firing event of this second.
    onset: Seconds,
    /// When the last firing event (by id) lapses.
    ends: Seconds,
    /// Late events received in this second, which count but do not extend.
    late: u32,
    /// The greatest id of a firing event.
    greatest: EventId,
    /// What the least one said; kept only where a run may begin.
    summary: SmolStr,
}

impl Entry {
    /// A second in which nothing has happened yet.
    pub fn blank(second: Seconds) -> Entry {
        Entry {
            second,
            count: 0,
            severity: Severity::DEBUG,
            resolved: false,
            least: EventId::default(),
            rest: None,
        }
    }

    fn onset(&self) -> Seconds {
        self.rest.as_ref().map_or(self.second, |rest| rest.onset)
    }

    fn ends(&self) -> Seconds {
        self.rest.as_ref().map_or(Seconds::MAX, |rest| rest.ends)
    }

    fn late(&self) -> u32 {
        self.rest.as_ref().map_or(0, |rest| rest.late)
    }

    fn summary(&self) -> SmolStr {
        self.rest.as_ref().map_or_else(SmolStr::default, |rest| rest.summary.clone())
    }

    fn rest_mut(&mut self) -> &mut Rest {
        let (onset, least) = (self.second, &self.least);
        self.rest.get_or_insert_with(|| {
            let (greatest, summary) = (least.clone(), SmolStr::default());
            Box::new(Rest { onset, ends: Seconds::MAX, late: 0, greatest, summary })
        })
    }

    /// Takes back the firing event or the resolve; whether nothing is left.
    pub fn withdraw(&mut self, resolved: bool) -> bool {
        if resolved {
            self.resolved = false;
        } else if self.count > 0 {
            *self = Entry { resolved: self.resolved, ..Entry::blank(self.second) };
        }
        self.count == 0 && !self.resolved && self.rest.is_none()
    }

    /// Adds a late event.
    pub fn add_late(&mut self) {
        self.rest_mut().late += 1;
    }

    /// Adds a firing event: the greatest id speaks for severity and end, the least for the
    /// summary.
    #[inline]
    pub fn merge_firing(&mut self, event: &AlertEvent, id: &str, summary: &str) {
        if self.count == 0 {
            self.least = EventId::new(id);
            self.severity = event.severity;
            let plain = event.onset == self.second && event.ends == Seconds::MAX;
            if !plain || !summary.is_empty() || self.rest.is_some() {
                let greatest = self.least.clone();
                let rest = self.rest_mut();
                (rest.onset, rest.ends, rest.greatest) = (event.onset, event.ends, greatest);
                rest.summary = SmolStr::new(summary);
            }
        } else {
            self.merge_another(event, id, summary);
        }
        self.count += 1;
    }

    fn merge_another(&mut self, event: &AlertEvent, id: &str, summary: &str) {
        // Before the least changes: until now it may have been the greatest, too.
        let rest = self.rest_mut();
        rest.onset = rest.onset.min(event.onset);
        if id >= rest.greatest.0.as_str() {
            (rest.greatest, rest.ends) = (EventId::new(id), event.ends);
            self.severity = event.severity;
        }
        if id < self.least.0.as_str() {
            self.rest_mut().summary = SmolStr::new(summary);
            self.least = EventId::new(id);
        }
    }
}

/// A run of firing events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When the condition began.
    pub onset: Seconds,
    /// The first firing event.
    pub first: Seconds,
    /// Its id: the least of its second.
    pub first_id: EventId,
    /// What it said.
    pub summary: SmolStr,
    /// The last firing event.
    pub last: Seconds,
    /// When the last firing event lapses by itself.
    pub ends: Seconds,
    /// Firing events, late ones included.
    pub count: u64,
    /// Severity of the last firing event.
    pub severity: Severity,
    /// Until when it counts as flapping; `Seconds::MIN` when it does not.
    pub flaps_until: Seconds,
    /// When it was cut, if it was.
    pub closed: Option<Seconds>,
}

impl Run {
    /// The last second at which a firing event would still continue it.
    pub fn deadline(&self, quiet: Seconds) -> Seconds {
        self.ends.min(self.last.saturating_add(quiet))
    }
}

/// The fold's state between two entries.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    /// The run that the next firing event may continue.
    pub open: Option<Run>,
    /// The flap score.
    pub flap: Flap,
    /// The last firing event of the run before, so that onsets stay apart.
    pub floor: Option<Seconds>,
}

/// What the fold needs to know of the source and of the stage.
#[derive(Clone, Copy, Debug)]
pub struct FoldParams {
    /// Gap that ends a run, seconds.
    pub quiet: Seconds,
    /// Flap thresholds.
    pub flap: FlapModel,
}

impl State {
    /// Applies one entry; runs that end because of it are handed to `closed`.
    pub fn step(&mut self, entry: &Entry, params: &FoldParams, closed: &mut impl FnMut(Run)) {
        self.lapse(entry.second, params, closed);
        if entry.count > 0 {
            match &mut self.open {
                Some(run) => {
                    run.last = entry.second;
                    run.ends = entry.ends();
                    run.severity = entry.severity;
                    run.count += u64::from(entry.count);
                    run.onset = run.onset.min(entry.onset().max(floor_of(self.floor)));
                }
                None => self.begin(entry, params),
            }
        }
        if let Some(run) = &mut self.open {
            run.count += u64::from(entry.late());
        }
        if entry.resolved {
            self.close(entry.second, params, closed);
        }
    }

    /// Closes the open run if its deadline lies before `now`.
    pub fn lapse(&mut self, now: Seconds, params: &FoldParams, closed: &mut impl FnMut(Run)) {
        if let Some(deadline) = self.open.as_ref().map(|run| run.deadline(params.quiet))
            && deadline < now
        {
            self.close(deadline, params, closed);
        }
    }

    fn begin(&mut self, entry: &Entry, params: &FoldParams) {
        let flaps_until = self.flap.transition(entry.second, &params.flap).unwrap_or(Seconds::MIN);
        self.open = Some(Run {
            onset: entry.onset().max(floor_of(self.floor)),
            first: entry.second,
            first_id: entry.least.clone(),
            summary: entry.summary(),
            last: entry.second,
            ends: entry.ends(),
            count: u64::from(entry.count),
            severity: entry.severity,
            flaps_until,
            closed: None,
        });
    }

    fn close(&mut self, at: Seconds, params: &FoldParams, closed: &mut impl FnMut(Run)) {
        if let Some(mut run) = self.open.take() {
            self.flap.transition(at, &params.flap);
            self.floor = Some(run.last);
            run.closed = Some(at);
            closed(run);
        }
    }
}

/// A run's onset lies after the last event of the run before it, so that no
/// two runs of a key share an onset however far back the wire's own start lies.
fn floor_of(floor: Option<Seconds>) -> Seconds {
    floor.map_or(Seconds::MIN, |last| last + 1)
}

/// The runs of `entries` after `base`, as they stand at `tick`: closed ones, then
/// perhaps an open one.
pub fn runs(base: State, entries: &[Entry], tick: Seconds, params: &FoldParams) -> Vec<Run> {
    let mut state = base;
    let mut runs = Vec::new();
    for entry in entries {
        state.step(entry, params, &mut |run| runs.push(run));
    }
    state.lapse(tick, params, &mut |run| runs.push(run));
    runs.extend(state.open);
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::params::FlapParams;

    fn params() -> FoldParams {
        FoldParams { quiet: 300, flap: FlapModel::new(FlapParams::default()) }
    }

    fn firing(second: Seconds) -> Entry {
        Entry {
            count: 1,
            severity: Severity::ERROR,
            least: EventId::new("a"),
            ..Entry::blank(second)
        }
    }

    fn spans(entries: &[Entry], tick: Seconds) -> Vec<(Seconds, Seconds, Option<Seconds>)> {
        runs(State::default(), entries, tick, &params())
            .into_iter()
            .map(|run| (run.onset, run.last, run.closed))
            .collect()
    }

    #[test]
    fn a_gap_of_quiet_holds_and_a_longer_one_cuts() {
        assert_eq!(spans(&[firing(0), firing(300)], 400), [(0, 300, None)]);
        assert_eq!(spans(&[firing(0), firing(301)], 400), [(0, 0, Some(300)), (301, 301, None)]);
    }

    #[test]
    fn the_tick_closes_what_fell_silent() {
        assert_eq!(spans(&[firing(0)], 300), [(0, 0, None)]);
        assert_eq!(spans(&[firing(0)], 301), [(0, 0, Some(300))]);
    }

    #[test]
    fn a_resolve_in_the_same_second_comes_after_the_firing() {
        let mut both = firing(5);
        both.resolved = true;
        assert_eq!(spans(&[both, firing(6)], 10), [(5, 5, Some(5)), (6, 6, None)]);
    }

    #[test]
    fn an_orphan_resolve_does_nothing_by_itself() {
        let mut orphan = firing(5);
        orphan.count = 0;
        orphan.resolved = true;
        assert_eq!(spans(&[orphan.clone()], 10), []);
        assert_eq!(spans(&[firing(3), orphan], 10), [(3, 3, Some(5))]);
    }

    #[test]
    fn its_own_end_cuts_before_quiet_does() {
        let mut short = firing(0);
        short.rest_mut().ends = 60;
        assert_eq!(spans(&[short.clone(), firing(60)], 61), [(0, 60, None)]);
        assert_eq!(spans(&[short, firing(61)], 62), [(0, 0, Some(60)), (61, 61, None)]);
    }

    #[test]
    fn a_stale_start_cannot_reach_into_the_run_before() {
        let mut again = firing(500);
        again.rest_mut().onset = 0;
        assert_eq!(spans(&[firing(0), again], 600), [(0, 0, Some(300)), (1, 500, None)]);
    }

    #[test]
    fn a_late_event_counts_and_does_not_extend() {
        let mut late = firing(200);
        late.count = 0;
        late.rest_mut().late = 3;
        let runs = runs(State::default(), &[firing(0), late], 301, &params());
        assert_eq!((runs[0].count, runs[0].last, runs[0].closed), (4, 0, Some(300)));
    }
}
