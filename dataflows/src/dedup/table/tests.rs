//! What is handed out for a snapshot.

use super::heard::{calm, event, push};
use super::*;
use crate::dedup::key::Output;
use crate::model::{Alert, AlertBatch, AlertCount, AlertFlags, Seconds};
use crate::params::Params;
use proptest::prelude::*;
use std::sync::Arc;

struct Nowhere;

impl Output for Nowhere {
    fn alert(&mut self, _: &Arc<Alert>, _: isize) {}
    fn count(&mut self, _: AlertCount) {}
}

/// What an epoch brings: of which key, how late, whether it ends; and how long after the
/// epoch before.
#[derive(Clone, Debug)]
struct Step {
    heard: Vec<(u64, Seconds, bool)>,
    after: Seconds,
}

fn step() -> impl Strategy<Value = Step> {
    let heard = prop::collection::vec((0u64..12, 0i64..400, any::<bool>()), 0..4);
    (heard, prop_oneof![1i64..5, 100i64..5000]).prop_map(|(heard, after)| Step { heard, after })
}

fn feed(table: &mut Table, step: &Step, now: Seconds) {
    let mut batch = AlertBatch::default();
    for (key, late, resolved) in &step.heard {
        let mut event = event(&calm(), now - late);
        event.observed = now;
        if *resolved {
            event.flags = event.flags.with(AlertFlags::RESOLVED);
        }
        push(&mut batch, *key, event, "id");
    }
    table.insert(&batch, now);
    table.close(now, false, &mut Nowhere);
}

proptest! {
    #[test]
    fn what_is_handed_out_is_what_there_was(
        before in prop::collection::vec(step(), 1..20),
        after in prop::collection::vec((step(), 0usize..3), 0..20),
    ) {
        let mut table = Table::new(&Params::default());
        let mut now = 1_000_000;
        for step in &before {
            now += step.after;
            feed(&mut table, step, now);
        }
        table.begin_saving();
        let mut at_once = table.go_on_saving(usize::MAX).expect("all of it");
        table.begin_saving();
        let mut handed_out = None;
        for (step, slots) in &after {
            if handed_out.is_none() {
                handed_out = table.go_on_saving(*slots);
            }
            now += step.after;
            feed(&mut table, step, now);
        }
        let mut handed_out = handed_out
            .or_else(|| table.go_on_saving(usize::MAX))
            .expect("all of it");
        at_once.sort_by_key(|key| key.fingerprint());
        handed_out.sort_by_key(|key| key.fingerprint());
        prop_assert_eq!(format!("{at_once:?}"), format!("{handed_out:?}"));
        prop_assert!(table.go_on_saving(1).is_none(), "nothing is under way");
    }
}
