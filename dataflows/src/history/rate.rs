//! Decayed base rates by key and by pool, and the surprise they make.

use crate::model::{EntityId, NameId, Seconds};
use crate::ops::saving::Walk;
use crate::params::HistoryParams;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// Buckets kept apart before they are folded into the decayed sums: an alert reads at
/// most its horizon back.
const RECENT_BUCKETS: usize = 16;

/// Counts per bucket: recent ones apart, older ones decayed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Series {
    /// (bucket, count), ascending, at most [`RECENT_BUCKETS`].
    recent: VecDeque<(i64, i64)>,
    /// The newest bucket that is folded away, and the decayed sums up to it.
    folded: Option<(i64, f64, f64)>,
}

impl Series {
    fn add(&mut self, bucket: i64, diff: i64, decay: Decay) {
        if self.folded.is_some_and(|(upto, ..)| bucket <= upto) {
            return;
        }
        let at = self.recent.partition_point(|(b, _)| *b < bucket);
        match self.recent.get_mut(at) {
            Some((b, count)) if *b == bucket => *count += diff,
            _ => self.recent.insert(at, (bucket, diff)),
        }
        while self.recent.len() > RECENT_BUCKETS {
            if let Some((bucket, count)) = self.recent.pop_front() {
                let (upto, slow, fast) = self.folded.unwrap_or((bucket, 0.0, 0.0));
                let gap = (bucket - upto) as i32;
                let hits = count.max(0) as f64;
                self.folded = Some((
                    bucket,
                    slow * decay.slow.powi(gap) + hits,
                    fast * decay.fast.powi(gap) + hits,
                ));
            }
        }
    }

    /// Decayed sums as of the end of `upto`, a key's hits capped at one a bucket.
    fn sums(&self, upto: i64, cap: i64, decay: Decay) -> (f64, f64) {
        let (mut slow, mut fast) = match self.folded {
            Some((bucket, slow, fast)) if bucket <= upto => {
                let gap = (upto - bucket) as i32;
                (slow * decay.slow.powi(gap), fast * decay.fast.powi(gap))
            }
            _ => (0.0, 0.0),
        };
        for (bucket, count) in self.recent.iter().take_while(|(b, _)| *b <= upto) {
            let gap = (upto - bucket) as i32;
            let hits = (*count).clamp(0, cap) as f64;
            slow += hits * decay.slow.powi(gap);
            fast += hits * decay.fast.powi(gap);
        }
        (slow, fast)
    }
}

/// What is left of a count after one bucket, for both rates.
#[derive(Clone, Copy, Debug)]
struct Decay {
    slow: f64,
    fast: f64,
}

/// The history of one tenant.
#[derive(Debug)]
pub struct Rates {
    params: HistoryParams,
    decay: Decay,
    seen: Seen,
    saving: Option<Cut>,
}

/// A cut under way.
#[derive(Debug)]
struct Cut {
    keys: Walk<(EntityId, NameId)>,
    /// By level; those that are not here were not there.
    firsts: BTreeMap<u64, Walk<EntityId>>,
    out: Seen,
}

/// All that a history has seen, as a snapshot holds it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Seen {
    /// The first bucket in which anything was seen.
    first: Option<i64>,
    keys: BTreeMap<(EntityId, NameId), Series>,
    /// Distinct keys that hit, by bucket.
    pools: BTreeMap<(u64, NameId), Series>,
    /// The bucket in which each entity of a level first raised an alert.
    levels: BTreeMap<u64, Level>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Level {
    /// The first bucket of each entity, whatever the order in which its alerts arrived.
    first: BTreeMap<EntityId, i64>,
    /// Entities first seen, by bucket.
    by_bucket: BTreeMap<i64, u32>,
}

impl Level {
    fn see(&mut self, entity: EntityId, bucket: i64) {
        match self.first.insert(entity, bucket) {
            Some(before) if before <= bucket => {
                self.first.insert(entity, before);
                return;
            }
            Some(before) => {
                if let Some(count) = self.by_bucket.get_mut(&before) {
                    *count -= 1;
                }
            }
            None => {}
        }
        *self.by_bucket.entry(bucket).or_default() += 1;
    }
}

impl Rates {
    /// No history.
    pub fn new(params: HistoryParams) -> Self {
        let keep = |buckets: u32| 1.0 - 1.0 / f64::from(buckets.max(2));
        Rates {
            params,
            decay: Decay { slow: keep(params.slow_buckets), fast: keep(params.fast_buckets) },
            seen: Seen::default(),
            saving: None,
        }
    }

    /// Begins to hand out all that was seen, as it is now.
    pub fn begin_saving(&mut self) {
        let Seen { first, pools, levels, .. } = &self.seen;
        let level = |(level, Level { by_bucket, .. }): (&u64, &Level)| {
            (*level, Level { first: BTreeMap::new(), by_bucket: by_bucket.clone() })
        };
        // Names and buckets are few beside entities.
        let out = Seen {
            first: *first,
            keys: BTreeMap::new(),
            pools: pools.clone(),
            levels: levels.iter().map(level).collect(),
        };
        let first = |(level, known): (&u64, &Level)| (*level, Walk::through(&known.first));
        let firsts = levels.iter().map(first).collect();
        self.saving = Some(Cut { keys: Walk::through(&self.seen.keys), firsts, out });
    }

    /// Hands out up to `number` keys and entities more; all of it once nothing is left.
    pub fn go_on_saving(&mut self, number: usize) -> Option<Seen> {
        let Cut { keys, firsts, out } = self.saving.as_mut()?;
        let save = |key: &_, series: &Series| drop(out.keys.insert(*key, series.clone()));
        let mut is_over = keys.go_on(&self.seen.keys, number, save);
        for (level, walk) in firsts {
            let known = self.seen.levels.get(level).map(|level| &level.first);
            let (Some(known), Some(out)) = (known, out.levels.get_mut(level)) else { continue };
            is_over &= walk.go_on(known, number, |entity, bucket| {
                out.first.insert(*entity, *bucket);
            });
        }
        is_over.then(|| self.saving.take().map(|cut| cut.out)).flatten()
    }

    /// What is known of a key, and of when its entity was first seen, is about to change.
    fn before_change(&mut self, level: u64, (entity, name): (EntityId, NameId)) {
        let Some(Cut { keys, firsts, out }) = &mut self.saving else { return };
        keys.before_change(&self.seen.keys, &(entity, name), |key, series| {
            out.keys.insert(*key, series.clone());
        });
        if let Some(walk) = firsts.get_mut(&level)
            && let Some(known) = self.seen.levels.get(&level)
            && let Some(out) = out.levels.get_mut(&level)
        {
            walk.before_change(&known.first, &entity, |entity, bucket| {
                out.first.insert(*entity, *bucket);
            });
        }
    }

    /// A history that has seen that.
    pub fn after(params: HistoryParams, seen: Seen) -> Self {
        Rates { seen, ..Rates::new(params) }
    }

    /// Records that a key began an alert at `onset`, or takes it back.
    pub fn add(&mut self, level: u64, entity: EntityId, name: NameId, onset: Seconds, diff: i64) {
        let bucket = onset.div_euclid(self.params.bucket_seconds);
        self.before_change(level, (entity, name));
        if diff > 0 {
            self.seen.first = Some(self.seen.first.map_or(bucket, |first| first.min(bucket)));
            self.seen.levels.entry(level).or_default().see(entity, bucket);
        }
        let key = self.seen.keys.entry((entity, name)).or_default();
        let before = key.recent.iter().find(|(b, _)| *b == bucket).map_or(0, |(_, c)| *c);
        key.add(bucket, diff, self.decay);
        let crossed = i64::from(before + diff > 0) - i64::from(before > 0);
        if crossed != 0 {
            self.seen.pools.entry((level, name)).or_default().add(bucket, crossed, self.decay);
        }
    }

    /// Surprise of a key's alert that begins at `onset`, thousandths of a nat.
    pub fn surprise_milli(
        &self,
        level: u64,
        entity: EntityId,
        name: NameId,
        onset: Seconds,
    ) -> u32 {
        let readable = onset - self.params.lateness_seconds;
        let upto = readable.div_euclid(self.params.bucket_seconds) - 1;
        let buckets = self.seen.first.map_or(0, |first| (upto - first + 1).max(0));
        let entities = self
            .seen
            .levels
            .get(&level)
            .map_or(0, |level| level.by_bucket.range(..=upto).map(|(_, n)| *n).sum::<u32>());
        let pool = self.seen.pools.get(&(level, name));
        let pool = pool.map_or((0.0, 0.0), |s| s.sums(upto, i64::MAX, self.decay));
        let key = self.seen.keys.get(&(entity, name));
        let key = key.map_or((0.0, 0.0), |s| s.sums(upto, 1, self.decay));
        let rate = |keep: f64, pool: f64, key: f64| {
            let total = (1.0 - keep.powi(buckets as i32)) / (1.0 - keep);
            let p_pool = (pool + 4.0 * 0.08) / (total * f64::from(entities.max(1)) + 4.0);
            (key + 8.0 * p_pool) / (total + 8.0)
        };
        let p = rate(self.decay.slow, pool.0, key.0).max(rate(self.decay.fast, pool.1, key.1));
        let nats = (0.5 / p.max(1e-9)).ln().max(0.0);
        ((nats * 1000.0).round() as u32).min(self.params.surprise_max_milli)
    }

    /// How particular a name is, thousandths of a nat: the logarithm of how few alerts of that
    /// name began in a bucket, on any entity. What everyone says in every storm is worth zero.
    pub fn specific_milli(&self, level: u64, name: NameId, onset: Seconds) -> u32 {
        let readable = onset - self.params.lateness_seconds;
        let upto = readable.div_euclid(self.params.bucket_seconds) - 1;
        let buckets = self.seen.first.map_or(0, |first| (upto - first + 1).max(0));
        let pool = self.seen.pools.get(&(level, name));
        let hits = pool.map_or(0.0, |s| s.sums(upto, i64::MAX, self.decay).0);
        let keep = self.decay.slow;
        let total = (1.0 - keep.powi(buckets as i32)) / (1.0 - keep);
        // One alert in two buckets is what is expected of a name that nothing is known about.
        let per_bucket = (hits + 1.0) / (total + 2.0);
        let nats = (1.0 / per_bucket).ln().max(0.0);
        ((nats * 1000.0).round() as u32).min(self.params.surprise_max_milli)
    }

    /// Forgets keys that have not been seen since `bucket_floor`; returns how many.
    pub fn forget(&mut self, bucket_floor: i64) -> usize {
        let before = self.seen.keys.len();
        let stale =
            |series: &Series| series.recent.back().is_none_or(|(bucket, _)| *bucket < bucket_floor);
        let saving = &mut self.saving;
        self.seen.keys.retain(|key, series| {
            if let Some(Cut { keys, out, .. }) = saving
                && stale(series)
                && keys.is_due(key)
            {
                out.keys.insert(*key, series.clone());
            }
            !stale(series)
        });
        self.seen.pools.retain(|_, series| !stale(series));
        before - self.seen.keys.len()
    }

    /// Keys remembered.
    pub fn len(&self) -> usize {
        self.seen.keys.len()
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.seen.keys.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SERVICE: u64 = 1;

    fn rates() -> Rates {
        Rates::new(HistoryParams::default())
    }

    #[test]
    fn what_was_never_seen_surprises_and_the_daily_bread_does_not() {
        let mut rates = rates();
        for bucket in 0..24 {
            for entity in 0..10 {
                rates.add(SERVICE, EntityId(entity), NameId(7), bucket * 600, 1);
            }
        }
        let onset = 24 * 600 + 300;
        assert!(rates.surprise_milli(SERVICE, EntityId(1), NameId(7), onset) < 100);
        assert!(rates.surprise_milli(SERVICE, EntityId(1), NameId(8), onset) > 3000);
    }

    #[test]
    fn later_buckets_are_not_read() {
        let mut rates = rates();
        rates.add(SERVICE, EntityId(1), NameId(7), 0, 1);
        let onset = 3000;
        let before = rates.surprise_milli(SERVICE, EntityId(1), NameId(7), onset);
        // The bucket of 1800 to 2400 ends more than six minutes before, that of 2400 does not.
        rates.add(SERVICE, EntityId(1), NameId(7), 2400, 1);
        assert_eq!(rates.surprise_milli(SERVICE, EntityId(1), NameId(7), onset), before);
        rates.add(SERVICE, EntityId(1), NameId(7), 1800, 1);
        assert!(rates.surprise_milli(SERVICE, EntityId(1), NameId(7), onset) < before);
    }

    #[test]
    fn taking_back_restores() {
        let mut rates = rates();
        rates.add(SERVICE, EntityId(1), NameId(7), 0, 1);
        let before = rates.surprise_milli(SERVICE, EntityId(1), NameId(7), 9000);
        rates.add(SERVICE, EntityId(1), NameId(7), 700, 1);
        rates.add(SERVICE, EntityId(1), NameId(7), 700, -1);
        assert_eq!(rates.surprise_milli(SERVICE, EntityId(1), NameId(7), 9000), before);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever begins, is taken back and is forgotten while a history is handed out.
        #[test]
        fn what_is_handed_out_is_what_was_seen(
            alerts in prop::collection::vec((0..3u64, 0..8u64, 0..2u64, 0..6i64, any::<bool>()), 1..50),
            at in 0..50usize,
            slice in 1..3usize,
        ) {
            let mut rates = rates();
            let (mut then, mut handed_out) = (None, None);
            for (step, (level, entity, name, bucket, comes)) in alerts.iter().enumerate() {
                if step == at % alerts.len() {
                    then = Some(format!("{:?}", rates.seen));
                    rates.begin_saving();
                } else if then.is_some() && handed_out.is_none() {
                    handed_out = rates.go_on_saving(slice);
                }
                let diff = if *comes { 1 } else { -1 };
                rates.add(*level, EntityId(*entity), NameId(*name), bucket * 600, diff);
                if step % 7 == 6 {
                    rates.forget(*bucket);
                }
            }
            let all = handed_out.or_else(|| rates.go_on_saving(usize::MAX));
            prop_assert_eq!(all.map(|seen| format!("{seen:?}")), then);
        }
    }
}
