//! What is found does not depend on the order in which signals arrive inside the bound.

use super::keeper::{Keeper, SavedWatch};
use super::raise::Out;
use crate::model::{
    AlertFlags, Call, Context, EntityRef, Fingerprint, Identity, Labels, Measure, Sample, Seconds,
    Severity, SignalBatch, Stamp, Watched,
};
use crate::ops::saving::Sliced;
use crate::params::Params;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const START: Seconds = 1_000_000;
/// Seconds from one cut to the next.
const EPOCHS_A_CUT: Seconds = 31;

/// A keeper, and what stands of all that it said.
pub(crate) struct Bench {
    keeper: Keeper,
    worker: (usize, usize),
    /// What became of signals and watches.
    pub(super) watched: Watched,
    /// Firing, by second; an end is `None`.
    pub(crate) stands: BTreeMap<(String, Seconds), Option<String>>,
    /// How often something was said.
    pub(super) said: usize,
    /// Relations that were told.
    pub(super) relations: Vec<String>,
    /// What is being handed out, as it was.
    then: Option<String>,
}

impl Bench {
    pub(crate) fn new(params: &Params) -> Bench {
        Bench::of(params, (0, 1))
    }

    /// One of so many workers.
    pub(super) fn of(params: &Params, worker: (usize, usize)) -> Bench {
        Bench {
            keeper: Keeper::new(params, worker),
            worker,
            watched: Watched::default(),
            stands: BTreeMap::new(),
            said: 0,
            relations: Vec::new(),
            then: None,
        }
    }

    pub(super) fn epoch(&mut self, now: Seconds, batch: SignalBatch) {
        self.epoch_of(now, vec![batch]);
    }

    pub(crate) fn epoch_of(&mut self, now: Seconds, batches: Vec<SignalBatch>) {
        let mut out = Out::new(now, 2);
        self.keeper.epoch(batches, now, &mut out);
        self.hand_out(now);
        self.watched.add(&out.watched);
        for event in &out.context {
            let Context::Relation(relation) = &event.body else { panic!("{event:?}") };
            let at = event.time_ns / 1_000_000_000 - START;
            self.relations.push(format!("{} -> {} at {at}", relation.from, relation.to));
        }
        for batch in &out.alerts {
            for event in &batch.events {
                self.said += 1;
                let identity = &batch.identities[event.identity as usize];
                let key = (format!("{} {}", identity.name, identity.entity), event.time);
                let resolved = event.flags.has(AlertFlags::RESOLVED);
                let said = (!resolved).then(|| batch.summary(event).to_owned());
                if event.flags.has(AlertFlags::WITHDRAWN) {
                    assert_eq!(self.stands.remove(&key), Some(said), "taken back unsaid: {key:?}");
                } else {
                    assert_eq!(self.stands.insert(key.clone(), said), None, "said twice: {key:?}");
                }
            }
        }
    }

    /// Every now and then all watches are handed out one by one, beside the epochs that follow;
    /// they are what they were.
    fn hand_out(&mut self, now: Seconds) {
        if let Some(then) = &self.then
            && let Some(mut saved) = self.keeper.go_on_saving(1)
        {
            saved.sort_by_key(SavedWatch::fingerprint);
            assert_eq!(format!("{saved:?}"), *then);
            self.then = None;
        }
        if self.then.is_none() && now % EPOCHS_A_CUT == 0 {
            let mut saved = self.save();
            saved.sort_by_key(SavedWatch::fingerprint);
            self.then = Some(format!("{saved:?}"));
            self.keeper.begin_saving();
        }
    }

    fn save(&mut self) -> Vec<SavedWatch> {
        self.keeper.begin_saving();
        self.keeper.go_on_saving(usize::MAX).expect("all of it")
    }

    /// How many things are watched.
    pub(super) fn keeper_watches(&mut self) -> usize {
        self.then = None;
        self.save().len()
    }

    /// The same bench after a restart.
    pub(crate) fn resume(&mut self, params: &Params, now: Seconds) {
        let saved = self.save();
        self.then = None;
        self.keeper = Keeper::new(params, self.worker);
        self.keeper.restore(saved, now);
    }
}

pub(crate) fn identity(kind: &str, entity: &str, name: &str) -> Arc<Identity> {
    let none = std::iter::empty();
    Arc::new(Identity {
        fingerprint: Fingerprint::of(&mut Vec::new(), "t", kind, entity, name, none.clone()),
        tenant: "t".into(),
        source: "s".into(),
        entity: EntityRef::new("t", entity),
        name: name.into(),
        labels: Labels::pack(none),
    })
}

pub(super) fn stamp(time: Seconds) -> Stamp {
    Stamp { identity: 0, source: 0, time }
}

pub(crate) fn beats(times: &[Seconds]) -> SignalBatch {
    SignalBatch {
        identities: vec![identity("heartbeat", "host:a", "heartbeat")],
        beats: times.iter().map(|time| stamp(*time)).collect(),
        ..SignalBatch::default()
    }
}

/// Beats at seconds after the start, each with how late it comes; then silence until `end`.
fn run(beats_at: &[(Seconds, Seconds)], end: Seconds, restarts: bool) -> Bench {
    let params = Params::default();
    let mut bench = Bench::new(&params);
    for now in START..=START + end {
        let arriving = |(at, lag): &&(Seconds, Seconds)| START + at + lag == now;
        let times: Vec<Seconds> =
            beats_at.iter().filter(arriving).map(|(at, _)| START + at).collect();
        bench.epoch(now, beats(&times));
        if restarts && now % 97 == 0 {
            bench.resume(&params, now);
        }
    }
    bench
}

#[test]
fn silence_is_found_and_ends_with_the_next_beat() {
    let regular: Vec<(Seconds, Seconds)> =
        (0..40).map(|n| (n * 10, 0)).chain([(600, 0), (610, 0)]).collect();
    let bench = run(&regular, 800, false);
    let silences: Vec<(Seconds, bool)> =
        bench.stands.iter().map(|((_, at), said)| (at - START, said.is_some())).collect();
    // Ten seconds are usual; a minute without a beat since 390 is not, and 600 ends it.
    let expected = [(451, true), (511, true), (571, true), (600, false), (671, true), (731, true)];
    assert_eq!(silences[..6], expected);
    let said = bench.stands.values().next().and_then(Clone::clone).unwrap_or_default();
    assert_eq!(
        said, "silence, seconds is 61, expected 10 (score 1.000, model beat/1)",
        "what people read"
    );
}

#[test]
fn what_has_been_silent_for_long_is_gone() {
    let regular: Vec<(Seconds, Seconds)> = (0..40).map(|n| (n * 10, 0)).collect();
    let bench = run(&regular, 9_000, false);
    let last = bench.stands.keys().map(|(_, at)| at - START).max();
    assert!(last.is_some_and(|last| last <= 450 + 3_600), "{last:?}");
}

#[test]
fn a_late_beat_takes_the_silence_back() {
    let mut regular: Vec<(Seconds, Seconds)> = (0..60).map(|n| (n * 10, 0)).collect();
    // The beats of 400 to 470 come at 480 and after: there was silence, and then there was none.
    for (at, lag) in regular.iter_mut().filter(|(at, _)| (400..480).contains(at)) {
        *lag = 480 - *at;
    }
    let bench = run(&regular, 620, false);
    assert!(bench.said > 0, "silence was told of");
    assert_eq!(bench.stands, BTreeMap::new());
}

/// When something happens and how late it comes, from the gaps between and the lags; the same
/// without lags, and when all of it has come.
pub(super) fn late_and_prompt(
    gaps: &[(Seconds, Seconds)],
) -> (Vec<(Seconds, Seconds)>, Vec<(Seconds, Seconds)>, Seconds) {
    let mut at = 0;
    let mut late = Vec::new();
    for (gap, lag) in gaps {
        at += gap;
        late.push((at, *lag));
    }
    let prompt = late.iter().map(|(at, _)| (*at, 0)).collect();
    (late, prompt, at + 400)
}

/// Something that comes: when it happened after the start, how late it comes, and a number.
type Coming = (Seconds, Seconds, f64);

/// Feeds what comes, by the tick at which it does, and then nothing until `end`.
fn feed(
    coming: &[Coming],
    end: Seconds,
    restarts: bool,
    batch_of: impl Fn(&[(Seconds, f64)]) -> SignalBatch,
) -> Bench {
    let params = Params::default();
    let mut bench = Bench::new(&params);
    let mut by_tick: BTreeMap<Seconds, Vec<(Seconds, f64)>> = BTreeMap::new();
    for (at, lag, number) in coming {
        by_tick.entry(START + at + lag).or_default().push((START + at, *number));
    }
    for now in (START..=START + end).step_by(5) {
        let later = by_tick.split_off(&(now + 1));
        let arrived: Vec<(Seconds, f64)> =
            std::mem::replace(&mut by_tick, later).into_values().flatten().collect();
        bench.epoch(now, batch_of(&arrived));
        if restarts && now % 985 == 0 {
            bench.resume(&params, now);
        }
    }
    bench
}

pub(crate) fn samples(measure: Measure) -> impl Fn(&[(Seconds, f64)]) -> SignalBatch {
    move |arrived| SignalBatch {
        identities: vec![identity("metric", "service:a/b", "latency")],
        samples: arrived
            .iter()
            .map(|(time, value)| Sample { stamp: stamp(*time), measure, value: *value })
            .collect(),
        ..SignalBatch::default()
    }
}

/// Six days of a sample a minute that goes up and down a little, and then stands twice as high.
fn a_step(lag_of: impl Fn(Seconds) -> Seconds) -> Vec<Coming> {
    let days = 6 * 24 * 60;
    (0..days + 30)
        .map(|minute| {
            let wave = ((minute * 37) % 100) as f64 / 100.0;
            let level = if minute < days { 20.0 } else { 45.0 };
            (minute * 60, lag_of(minute), level + wave)
        })
        .collect()
}

#[test]
fn a_step_of_a_metric_is_found_while_it_lasts() {
    let days = 6 * 24 * 3600;
    let bench = feed(&a_step(|_| 0), days + 1_800, false, samples(Measure::Level));
    let found: Vec<_> = bench.stands.iter().map(|((_, at), said)| (at - START, said)).collect();
    let [(at, Some(said)), rest @ ..] = &found[..] else { panic!("{found:?}") };
    assert_eq!(*at, days);
    // No longer a record, but as far off, and said so often that dedup keeps it open.
    let still: Vec<_> = rest.iter().map(|(at, said)| (at - days, said.is_some())).collect();
    assert_eq!(still, (1..15).map(|n| (n * 120, true)).collect::<Vec<_>>());
    assert!(
        said.starts_with("latency is 45.8, expected 20.5 (score 0.991, step +46.304"),
        "{said}"
    );
}

#[test]
fn late_samples_end_with_the_same_findings() {
    let end = 6 * 24 * 3600 + 2_100;
    let late = a_step(|minute| (minute * 71) % 5 * 50);
    let prompt = feed(&a_step(|_| 0), end, false, samples(Measure::Level));
    assert_eq!(feed(&late, end, true, samples(Measure::Level)).stands, prompt.stands);
}

#[test]
fn a_total_is_judged_by_its_rate() {
    let mut total = 0.0;
    let days = 6 * 24 * 3600;
    let coming: Vec<Coming> = a_step(|_| 0)
        .into_iter()
        .map(|(at, lag, rate)| {
            // The process starts again each day.
            total = if at % 86_400 == 0 { rate * 60.0 } else { total + rate * 60.0 };
            (at, lag, total)
        })
        .collect();
    let bench = feed(&coming, days + 1_800, false, samples(Measure::Total));
    let found: Vec<_> = bench.stands.keys().map(|(_, at)| at - START).collect();
    assert_eq!(found[0], days);
}

pub(crate) fn calls(arrived: &[(Seconds, f64)]) -> SignalBatch {
    let mut of = Identity::clone(&identity("span", "service:shop/checkout", "GET /cart"));
    of.labels = Labels::pack([("peer", "service:shop/cart")].into_iter());
    let call = |(time, seconds): &(Seconds, f64)| Call {
        stamp: stamp(*time),
        duration_ns: (seconds.abs() * 1e9) as u64,
        failed: *seconds < 0.0,
    };
    SignalBatch {
        identities: vec![Arc::new(of)],
        calls: arrived.iter().map(call).collect(),
        ..SignalBatch::default()
    }
}

/// Calls every five seconds for five days, the last ten minutes of which all fail.
fn calls_that_fail(lag_of: impl Fn(Seconds) -> Seconds) -> Vec<Coming> {
    let end = 5 * 24 * 3600;
    (0..end / 5)
        .map(|n| {
            let at = n * 5;
            let seconds = 0.1 + (n % 7) as f64 / 1000.0;
            (at, lag_of(n), if at >= end - 600 { -seconds } else { seconds })
        })
        .collect()
}

#[test]
fn calls_that_fail_are_found_and_tell_who_asks_whom() {
    let end = 5 * 24 * 3600;
    let bench = feed(&calls_that_fail(|_| 0), end + 600, false, calls);
    let found: Vec<_> =
        bench.stands.iter().map(|((of, at), _)| (of.as_str(), at - START)).collect();
    // A minute begins at a multiple of sixty, and the start is no such.
    let first = end - 600 + 60 - (START + end - 600) % 60;
    let name = "CallErrorRatio service:shop/checkout";
    assert!(found.iter().any(|(of, at)| *of == name && *at <= first + 60), "{found:?}");
    let relation = &bench.relations[1];
    assert!(relation.starts_with("service:shop/checkout -> service:shop/cart at "), "{relation}");
    assert!((end / 600..end / 600 + 3).contains(&(bench.relations.len() as i64)));
    let late = feed(&calls_that_fail(|n| n * 7 % 5 * 5), end + 600, true, calls);
    assert_eq!((late.stands, late.relations.len()), (bench.stands, bench.relations.len()));
}

pub(crate) fn lines(arrived: &[(Seconds, f64)]) -> SignalBatch {
    let mut batch = SignalBatch {
        identities: vec![identity("log", "service:a/b", "log")],
        ..SignalBatch::default()
    };
    for (time, number) in arrived {
        let (severity, text) = match *number as i64 {
            -1 => (Severity::ERROR, "connection to cart-db refused after 3 tries".to_owned()),
            n => (Severity::INFO, format!("request {n} finished in {} ms", n % 90)),
        };
        batch.push_line(stamp(*time), severity, &text);
    }
    batch
}

#[test]
fn a_line_that_nobody_wrote_before_is_found() {
    let usual = |lag: fn(Seconds) -> Seconds| {
        (0..4_000).map(move |n| (n * 5, lag(n), n as f64)).chain([(20_000, 0, -1.0)])
    };
    let prompt: Vec<Coming> = usual(|_| 0).collect();
    let late: Vec<Coming> = usual(|n| n * 13 % 6 * 5).collect();
    let bench = feed(&prompt, 20_400, false, lines);
    let found: Vec<_> = bench.stands.iter().map(|((of, _), said)| (of.as_str(), said)).collect();
    let [("LogNovelty service:a/b", Some(said))] = found[..] else { panic!("{found:?}") };
    assert!(said.starts_with(r#"new line "connection to cart-db refused after 3 tries" is 1"#));
    assert_eq!(feed(&late, 20_400, true, lines).stands, bench.stands);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn arrival_does_not_matter(
        gaps in prop::collection::vec((1i64..120, 0i64..200), 1..90),
        restarts in any::<bool>(),
    ) {
        let (late, prompt, end) = late_and_prompt(&gaps);
        prop_assert_eq!(run(&late, end, restarts).stands, run(&prompt, end, false).stands);
    }
}
