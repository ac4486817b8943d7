//! What is found does not depend on the order in which signals arrive inside the bound.

use super::keeper::Keeper;
use super::raise::Out;
use crate::model::{
    AlertFlags, EntityRef, Fingerprint, Identity, Labels, Seconds, SignalBatch, Stamp,
};
use crate::params::Params;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const START: Seconds = 1_000_000;

/// A keeper, and what stands of all that it said.
pub(super) struct Bench {
    keeper: Keeper,
    /// Firing, by second; an end is `None`.
    pub(super) stands: BTreeMap<(String, Seconds), Option<String>>,
    /// How often something was said.
    pub(super) said: usize,
}

impl Bench {
    pub(super) fn new(params: &Params) -> Bench {
        Bench { keeper: Keeper::new(params), stands: BTreeMap::new(), said: 0 }
    }

    pub(super) fn epoch(&mut self, now: Seconds, batch: SignalBatch) {
        let mut out = Out::new(now, 2);
        self.keeper.epoch(vec![batch], now, &mut out);
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

    /// The same bench after a restart.
    pub(super) fn resume(&mut self, params: &Params, now: Seconds) {
        let saved = self.keeper.save();
        self.keeper = Keeper::new(params);
        self.keeper.restore(saved, now);
    }
}

pub(super) fn identity(kind: &str, entity: &str, name: &str) -> Arc<Identity> {
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

fn beats(times: &[Seconds]) -> SignalBatch {
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
        (0..20).map(|n| (n * 10, 0)).chain([(400, 0), (410, 0)]).collect();
    let bench = run(&regular, 600, false);
    let silences: Vec<(Seconds, bool)> =
        bench.stands.iter().map(|((_, at), said)| (at - START, said.is_some())).collect();
    // Ten seconds are usual; a minute without a beat since 190 is not, and 400 ends it.
    let expected = [(251, true), (311, true), (371, true), (400, false), (471, true), (531, true)];
    assert_eq!(silences[..6], expected);
    let said = bench.stands.values().next().and_then(Clone::clone).unwrap_or_default();
    assert_eq!(
        said, "silence, seconds is 61, expected 10 (score 1.000, model beat/1)",
        "what people read"
    );
}

#[test]
fn what_has_been_silent_for_long_is_gone() {
    let regular: Vec<(Seconds, Seconds)> = (0..20).map(|n| (n * 10, 0)).collect();
    let bench = run(&regular, 9_000, false);
    let last = bench.stands.keys().map(|(_, at)| at - START).max();
    assert!(last.is_some_and(|last| last <= 250 + 3_600), "{last:?}");
}

#[test]
fn a_late_beat_takes_the_silence_back() {
    let mut regular: Vec<(Seconds, Seconds)> = (0..30).map(|n| (n * 10, 0)).collect();
    // The beats of 100 to 170 come at 180 and after: there was silence, and then there was none.
    for (at, lag) in regular.iter_mut().filter(|(at, _)| (100..180).contains(at)) {
        *lag = 180 - *at;
    }
    let bench = run(&regular, 320, false);
    assert!(bench.said > 0, "silence was told of");
    assert_eq!(bench.stands, BTreeMap::new());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn arrival_does_not_matter(
        gaps in prop::collection::vec((1i64..120, 0i64..200), 1..40),
        restarts in any::<bool>(),
    ) {
        let mut at = 0;
        let late: Vec<(Seconds, Seconds)> = gaps
            .iter()
            .map(|(gap, lag)| {
                at += gap;
                (at, *lag)
            })
            .collect();
        let prompt: Vec<(Seconds, Seconds)> = late.iter().map(|(at, _)| (*at, 0)).collect();
        let end = at + 400;
        prop_assert_eq!(run(&late, end, restarts).stands, run(&prompt, end, false).stands);
    }
}
