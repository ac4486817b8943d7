//! Handing out all keys as they were between two epochs, while more epochs come.
//!
//! A million keys cannot be copied between one epoch and the next without everybody waiting for
//! it. So a cut only notes how far the slots went; slots are handed out a slice at a time, and
//! whoever is about to change one that was not handed out yet hands it out first.

use super::key::{Key, SavedKey};

/// A cut under way.
#[derive(Debug)]
pub(super) struct Saving {
    /// Slots that there were.
    limit: usize,
    /// Slots before this one are done.
    next: usize,
    /// One bit a slot: done before its turn, or empty when the cut was made.
    done: Vec<u64>,
    out: Vec<SavedKey>,
}

impl Saving {
    /// A cut through slots as they are now.
    pub(super) fn of(keys: &[Option<Key>]) -> Saving {
        let limit = keys.len();
        Saving { limit, next: 0, done: vec![0; limit.div_ceil(64)], out: Vec::new() }
    }

    /// A slot is about to change, or to be given to another key.
    #[inline]
    pub(super) fn before_change(&mut self, slot: u32, keys: &mut [Option<Key>]) {
        let slot = slot as usize;
        if (self.next..self.limit).contains(&slot) && !self.is_done(slot) {
            self.done[slot / 64] |= 1 << (slot % 64);
            self.out.extend(keys[slot].as_mut().map(Key::save));
        }
    }

    /// Hands out up to `slots` more; returns everything when nothing is left.
    pub(super) fn go_on(
        &mut self,
        keys: &mut [Option<Key>],
        slots: usize,
    ) -> Option<Vec<SavedKey>> {
        let end = self.limit.min(self.next.saturating_add(slots));
        for (slot, key) in keys.iter_mut().enumerate().take(end).skip(self.next) {
            if !self.is_done(slot) {
                self.out.extend(key.as_mut().map(Key::save));
            }
        }
        self.next = end;
        (self.next == self.limit).then(|| std::mem::take(&mut self.out))
    }

    fn is_done(&self, slot: usize) -> bool {
        self.done[slot / 64] & 1 << (slot % 64) != 0
    }
}

#[cfg(test)]
mod tests {
    use crate::dedup::key::Output;
    use crate::dedup::table::Table;
    use crate::model::{
        Alert, AlertBatch, AlertCount, AlertEvent, AlertFlags, EntityRef, Fingerprint, Identity,
        Seconds, Severity,
    };
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
            let fingerprint = Fingerprint(u128::from(*key) * 0x9e37_79b9_7f4a_7c15 + 1);
            batch.identities.push(Arc::new(Identity {
                fingerprint,
                tenant: "t".into(),
                source: "s".into(),
                entity: EntityRef::new("t", "service:a/b"),
                name: "N".into(),
                labels: Default::default(),
            }));
            let (time, none) = (now - late, AlertFlags::default());
            let event = AlertEvent {
                fingerprint,
                time,
                observed: now,
                onset: time,
                ends: Seconds::MAX,
                identity: batch.identities.len() as u32 - 1,
                text_at: 0,
                id_len: 0,
                summary_len: 0,
                source: 0,
                severity: Severity::INFO,
                flags: if *resolved { none.with(AlertFlags::RESOLVED) } else { none },
            };
            batch.push(event, "id", "");
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
}
