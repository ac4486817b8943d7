//! What is remembered of things that are gone.

use super::*;
use crate::model::Silence;

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
    let (mut things, mut wheel) = (BTreeMap::new(), Wheel::new());
    let mut standing = 0;
    for id in 0..10_000usize {
        let now = id as Seconds;
        let mut emit = |_: &Live, diff| standing += diff;
        hear(&mut things, &mut wheel, word(id, now, Op::Upsert), now, BOUNDS, &mut emit);
        if let Some(old) = id.checked_sub(10) {
            hear(&mut things, &mut wheel, word(old, now, Op::Delete), now, BOUNDS, &mut emit);
        }
        while let Some(due) = wheel.pop_due(now) {
            for key in due {
                visit(&mut things, &mut wheel, key, now, BOUNDS, &mut emit);
            }
        }
        sweep(&things, &mut wheel);
    }
    assert_eq!(standing, 10);
    assert_eq!(things.len(), 10 + 60, "those that stand, and what was deleted in the last minute");
    assert!(wheel.len() <= 2 * things.len() + SWEEP_MIN, "{}", wheel.len());
    // Who stands is still visited when it ends.
    let due = |key: &Key| things[key].scheduled > 2_000_000_000;
    let far: Vec<Key> = std::iter::from_fn(|| wheel.pop_due(Seconds::MAX)).flatten().collect();
    assert!(far.iter().filter(|key| things.contains_key(key) && due(key)).count() >= 10);
}
