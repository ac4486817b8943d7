//! Calls: how many, how many wrong, how long, by minute; each judged like a metric.
//!
//! An operation and whom it asks are one thing here. A minute is judged once, a little after
//! its end; calls that come later still are counted and change nothing. That somebody asks
//! somebody is topology, which is told as a relation that lasts for a while.

use super::metric::{Accumulation, Track};
use super::raise::{Out, Subject};
use super::samples::Finder;
use super::watch::Around;
use crate::model::{
    Call, Context, ContextEvent, EntityRef, EventId, Identity, Kept, Op, Relation, RelationKind,
    Seconds, SourceIndex, Unread,
};
use crate::params::CallParams;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The source of relations that were seen in spans.
pub const SPANS: &str = "spans";
/// Length of a bucket, seconds.
const MINUTE: Seconds = 60;
const NANOS: i64 = 1_000_000_000;

/// What the findings are called: words by which the scorer knows their kind.
const NAMES: [&str; 3] = ["CallRequestRate", "CallErrorRatio", "CallDuration"];

/// The calls of one minute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Minute {
    calls: u64,
    failed: u64,
    duration_us: u64,
}

impl Minute {
    /// Calls a second, the part of them that failed, and seconds that one took.
    fn figures(&self) -> [f64; 3] {
        let calls = self.calls as f64;
        let duration = self.duration_us as f64 / 1e6;
        [calls / MINUTE as f64, self.failed as f64 / calls, duration / calls]
    }
}

/// The minute before which all are over at a tick.
pub(super) fn over(now: Seconds, params: &CallParams) -> Seconds {
    (now - params.wait_seconds).div_euclid(MINUTE) * MINUTE
}

/// What is remembered of an operation.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CallState {
    minutes: BTreeMap<Seconds, Minute>,
    /// Minutes before this one are judged.
    judged: Seconds,
    tracks: [Track; 3],
    /// The first minute; nothing before any came.
    since: Option<Seconds>,
    /// Stretches in which the edge was seen and told of.
    told: BTreeSet<Seconds>,
}

/// One operation, and whom it asks.
#[derive(Clone, Debug)]
pub struct CallWatch {
    state: CallState,
    subjects: [Subject; 3],
    /// The entity that asks and the one that is asked, if one is.
    edge: Option<(EntityRef, EntityRef)>,
}

impl CallWatch {
    /// An operation that goes on from `state`.
    pub fn new(identity: &Identity, source: SourceIndex, state: CallState) -> CallWatch {
        let peer = identity.label("peer");
        let edge =
            peer.map(|peer| (identity.entity.clone(), EntityRef::new(&identity.tenant, peer)));
        CallWatch {
            state,
            subjects: NAMES.map(|name| {
                let mut named = identity.clone();
                let operation = [("operation", identity.name.as_str())];
                let labels = identity.labels.iter().chain(operation);
                let mut labels: Vec<(&str, &str)> = labels.collect();
                labels.sort_unstable();
                named.labels = crate::model::Labels::pack(labels.into_iter());
                Subject::new(&named, source, name, "span")
            }),
            edge: edge.filter(|(from, to)| from != to && from.kind() != "unknown"),
        }
    }

    /// What has to be remembered.
    pub fn save(&self) -> CallState {
        self.state.clone()
    }

    /// What is known, and since when something may be found.
    pub fn row(&self, params: &CallParams) -> (Option<Seconds>, Kept) {
        let begins = self.state.since.map(|since| since + params.warm_up_seconds);
        let rows = std::array::from_fn(|of| self.state.tracks[of].row(&params.model));
        (begins, Kept::Span(rows))
    }

    /// A call that comes when minutes before `over` are; whether it is the first of its minute.
    ///
    /// # Errors
    /// Why it is not read: by the tick alone, whenever minutes are judged.
    pub fn call(&mut self, call: &Call, over: Seconds) -> Result<bool, Unread> {
        let at = call.stamp.time.div_euclid(MINUTE) * MINUTE;
        if at < over {
            return Err(Unread::Late);
        }
        let since = self.state.since.get_or_insert(at);
        *since = at.min(*since);
        let minute = self.state.minutes.entry(at).or_default();
        minute.calls += 1;
        minute.failed += u64::from(call.failed);
        minute.duration_us = minute.duration_us.saturating_add(call.duration_ns / 1000);
        Ok(minute.calls == 1)
    }

    /// Tells of the edge, and judges minutes that are over.
    pub fn update(&mut self, source: SourceIndex, around: &Around<'_>, out: &mut Out) {
        self.tell_edge(around, out);
        let params = &around.params.calls;
        let over = over(around.now, params);
        if over > self.state.judged {
            self.state.judged = over;
            let begins = self.state.since.unwrap_or(over) + params.warm_up_seconds;
            let later = self.state.minutes.split_off(&over);
            for (at, minute) in std::mem::replace(&mut self.state.minutes, later) {
                for (of, figure) in minute.figures().into_iter().enumerate() {
                    let (track, subject) = (&mut self.state.tracks[of], &self.subjects[of]);
                    let severity = params.severity;
                    let finder = Finder { subject, severity, begins, model: &params.model };
                    let point = (Accumulation::Gauge, figure);
                    finder.judge(track, at + MINUTE, point, out);
                }
            }
        }
        let kept = around.settled(source) - 2 * params.refresh_seconds;
        self.state.told = self.state.told.split_off(&kept);
    }

    /// Says once a stretch that the edge is there: in which stretches it was seen does not
    /// depend on the order in which calls come.
    fn tell_edge(&mut self, around: &Around<'_>, out: &mut Out) {
        let params = &around.params.calls;
        let Some((from, to)) = self.edge.as_ref().filter(|_| params.relations) else { return };
        for at in self.state.minutes.keys() {
            let stretch = at.div_euclid(params.refresh_seconds) * params.refresh_seconds;
            if !self.state.told.insert(stretch) {
                continue;
            }
            let relation = Relation {
                from: from.clone(),
                to: to.clone(),
                kind: RelationKind::Calls,
                confidence_ppm: params.confidence_ppm,
                ttl_seconds: u32::try_from(params.ttl_seconds).unwrap_or(u32::MAX),
            };
            out.context.push(ContextEvent {
                tenant: self.subjects[0].identity.tenant.clone(),
                source: SPANS.into(),
                id: EventId::new(&format!("span/{:016x}/{:016x}/{stretch}", from.id.0, to.id.0)),
                time_ns: stretch.saturating_mul(NANOS),
                observed_ns: around.now.saturating_mul(NANOS),
                op: Op::Upsert,
                body: Context::Relation(relation),
            });
        }
    }

    /// The next tick at which a minute is to be judged.
    pub fn due(&self, around: &Around<'_>) -> Option<Seconds> {
        let (first, _) = self.state.minutes.first_key_value()?;
        Some(first + MINUTE + around.params.calls.wait_seconds)
    }
}
