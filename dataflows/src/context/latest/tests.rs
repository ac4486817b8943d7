//! What is remembered of things that are gone.

use super::things::SWEEP_MIN;
use super::*;
use crate::model::{Op, Silence};
use crate::ops::saving::Sliced;
use proptest::prelude::*;

const BOUNDS: Bounds = Bounds { tombstone: 60, change: 60, horizon: 60, look_back: 60 };

/// A word on a silence that ends in a hundred years.
fn word(id: usize, at: Seconds, op: Op) -> ContextEvent {
    ContextEvent {
        tenant: "t".into(),
        source: "s".into(),
        id: EventId::new(&format!("{id}/{at}")),
        time_ns: at * 1_000_000_000,
        observed_ns: at * 1_000_000_000,
        op,
        body: Context::Silence(Silence {
            silence_id: format!("s-{id}").into(),
            matchers: Vec::new(),
            starts: 0,
            ends: 3_000_000_000,
            created_by: SmolStr::default(),
            comment: SmolStr::default(),
        }),
    }
}

#[test]
fn silences_that_are_deleted_leave_nothing() {
    let mut things = Things::new(BOUNDS);
    let mut standing = 0;
    for id in 0..10_000usize {
        let now = id as Seconds;
        let mut emit = |_: &Live, diff| standing += diff;
        things.hear(word(id, now, Op::Upsert), now, &mut emit);
        if let Some(old) = id.checked_sub(10) {
            things.hear(word(old, now, Op::Delete), now, &mut emit);
        }
        things.visit_due(now, &mut emit);
    }
    assert_eq!(standing, 10);
    let Things { entries, wheel, .. } = &mut things;
    assert_eq!(entries.len(), 10 + 60, "those that stand, and what was deleted in the last minute");
    assert!(wheel.len() <= 2 * entries.len() + SWEEP_MIN, "{}", wheel.len());
    // Who stands is still visited when it ends.
    let due = |key: &Key| entries[key].scheduled > 2_000_000_000;
    let far: Vec<Key> = std::iter::from_fn(|| wheel.pop_due(Seconds::MAX)).flatten().collect();
    assert!(far.iter().filter(|key| entries.contains_key(key) && due(key)).count() >= 10);
}

/// What is remembered of each thing, as text.
fn told(mut saved: Vec<SavedThing>) -> Vec<String> {
    saved.sort_by(|a, b| a.key.cmp(&b.key));
    saved.iter().map(|thing| format!("{thing:?}")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is said, runs out and is forgotten while things are handed out.
    #[test]
    fn what_is_handed_out_is_what_there_was(
        words in prop::collection::vec((0..12usize, any::<bool>(), 0..40i64), 1..60),
        at in 0..60usize,
        slice in 1..4usize,
    ) {
        let mut things = Things::new(BOUNDS);
        let (mut now, mut then, mut handed_out) = (0, None, None);
        for (step, (id, stands, later)) in words.iter().enumerate() {
            if step == at % words.len() {
                things.begin_saving();
                then = things.go_on_saving(usize::MAX);
                things.begin_saving();
            } else if then.is_some() && handed_out.is_none() {
                handed_out = things.go_on_saving(slice);
            }
            now += later;
            let op = if *stands { Op::Upsert } else { Op::Delete };
            things.hear(word(*id, now, op), now, &mut |_, _| ());
            things.visit_due(now, &mut |_, _| ());
        }
        let rest = handed_out.or_else(|| things.go_on_saving(usize::MAX));
        prop_assert_eq!(rest.map(told), then.map(told));
    }
}
