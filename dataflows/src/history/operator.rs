//! The operator: annotated alerts pass through and come out rated.

use super::rate::{Rates, Seen};
use crate::model::{AlertKey, Annotated, NameId, Rated, Seconds};
use crate::ops::epochs::{Epoch, Inputs, Tick};
use crate::ops::saving::{HandOut, InTurn, Sliced, Walk};
use crate::ops::shelf::Shelf;
use crate::params::Params;
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;
use xxhash_rust::xxh3::xxh3_64;

struct Known {
    surprise_milli: u32,
    specific_milli: u32,
    rows: isize,
}

#[derive(Default)]
struct Tenants {
    rates: BTreeMap<SmolStr, Rates>,
    known: BTreeMap<AlertKey, Known>,
    /// Ratings of a snapshot, for alerts that are put up anew in the first epoch.
    restored: BTreeMap<AlertKey, Rating>,
    saving: Option<Cut>,
}

/// A cut under way.
struct Cut {
    known: Walk<AlertKey>,
    ratings: Vec<(AlertKey, Rating)>,
    seen: InTurn<Seen>,
}

/// How rare an alert is, and how particular its name, thousandths of a nat.
type Rating = (u32, u32);

/// History between two epochs, as a snapshot holds it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SavedHistory {
    /// What each tenant has seen.
    pub seen: Vec<(SmolStr, Seen)>,
    /// The rating of every alert present, whosever it is.
    pub ratings: Vec<(AlertKey, Rating)>,
}

/// Adds to every alert how rare it is.
///
/// Shape:    Annotated -> Rated; all alerts of a tenant come to one worker and stay there
/// Time:     reads buckets that ended before the onset less the lateness
/// Units:    thousandths of a nat, at most `surprise_max_milli`
/// State:    decayed counts by (entity, name) and by pool; the rating of every alert present
/// Retracts: a rating with its alert; a rating never changes
/// Source:   ALGORITHMS.md 4.4, SEMANTICS rule 19
pub fn history<'scope>(
    rows: VecCollection<'scope, Epoch, Arc<Annotated>, isize>,
    ticks: Stream<'scope, Epoch, Vec<Tick>>,
    params: &Params,
    memory: Shelf<SavedHistory>,
) -> VecCollection<'scope, Epoch, Rated, isize> {
    let params = params.clone();
    let scope = rows.inner.scope();
    let mut tenants = Tenants::after(memory.begin().unwrap_or_default(), &params);
    let mut hand_out = HandOut::new(memory, params.saving_slice);
    rows.inner
        .binary_frontier(
            ticks,
            Exchange::new(|(row, _, _): &(Arc<Annotated>, Epoch, isize)| {
                xxh3_64(row.alert.identity.tenant.as_bytes())
            }),
            Pipeline,
            "history: rate",
            |capability, info| {
                let activator = scope.activator_for(info.address);
                let mut inputs = Inputs::new(vec![capability]);
                move |(rows, frontier), (ticks, tick_frontier), output| {
                    inputs.stash(rows, ticks, |(_, epoch, _), _| *epoch);
                    hand_out.some(&mut tenants);
                    while let Some((epoch, tick, batch)) =
                        inputs.next(frontier.frontier(), tick_frontier.frontier())
                    {
                        let mut rated = tenants.rate(batch, tick.now, epoch, &params);
                        hand_out.after(epoch, &mut tenants);
                        if let [cap] = inputs.capabilities(epoch) {
                            output.session(cap).give_container(&mut rated);
                        }
                    }
                    inputs.advance(frontier.frontier(), tick_frontier.frontier());
                    hand_out.come_back(&mut tenants, inputs.have_ended(), &activator);
                }
            },
        )
        .as_collection()
}

impl Known {
    fn rating(&self) -> Rating {
        (self.surprise_milli, self.specific_milli)
    }
}

impl Sliced for Tenants {
    type Saved = SavedHistory;

    fn begin_saving(&mut self) {
        self.rates.values_mut().for_each(Rates::begin_saving);
        let ratings = Vec::with_capacity(self.known.len());
        let (known, seen) = (Walk::through(&self.known), InTurn::over(self.rates.keys()));
        self.saving = Some(Cut { known, ratings, seen });
    }

    fn go_on_saving(&mut self, number: usize) -> Option<SavedHistory> {
        let Cut { known, ratings, seen } = self.saving.as_mut()?;
        let rating = |key: &AlertKey, known: &Known| ratings.push((*key, known.rating()));
        let mut is_over = known.go_on(&self.known, number, rating);
        is_over &= seen.go_on(number, |tenant, slice| {
            let rates = self.rates.get_mut(tenant)?;
            Some((rates.go_on_saving(slice)?, rates.len()))
        });
        let Cut { ratings, seen, .. } = self.saving.take_if(|_| is_over)?;
        Some(SavedHistory { seen: seen.into_all(), ratings })
    }
}

impl Tenants {
    fn after(saved: SavedHistory, params: &Params) -> Tenants {
        let rates = |(tenant, seen)| (tenant, Rates::after(params.history, seen));
        Tenants {
            rates: saved.seen.into_iter().map(rates).collect(),
            known: BTreeMap::new(),
            restored: saved.ratings.into_iter().collect(),
            saving: None,
        }
    }

    /// An alert is about to come or to go.
    fn before_change(&mut self, key: AlertKey) {
        if let Some(Cut { known, ratings, .. }) = &mut self.saving {
            known.before_change(&self.known, &key, |key, known| {
                ratings.push((*key, known.rating()));
            });
        }
    }

    fn rate(
        &mut self,
        batch: Vec<(Arc<Annotated>, Epoch, isize)>,
        now: Seconds,
        epoch: Epoch,
        params: &Params,
    ) -> Vec<(Rated, Epoch, isize)> {
        let mut net: BTreeMap<AlertKey, (isize, Arc<Annotated>)> = BTreeMap::new();
        for (row, _, diff) in &batch {
            net.entry(row.alert.key).or_insert_with(|| (0, row.clone())).0 += diff;
        }
        let restored = std::mem::take(&mut self.restored);
        for (key, (surprise_milli, specific_milli)) in restored {
            // Its beginning is among what was seen.
            if net.contains_key(&key) {
                self.known.insert(key, Known { surprise_milli, specific_milli, rows: 0 });
            }
        }
        let recorded = |known: Option<&Known>| known.is_some_and(|known| known.rows == 0);
        for (key, (diff, row)) in &net {
            if recorded(self.known.get(key)) {
                continue;
            }
            let present = self.known.get(key).map_or(0, |known| known.rows);
            if present == 0 && *diff > 0 {
                self.record(row, 1, params);
            } else if present > 0 && present + diff == 0 && !self.sealed(*key, now, params) {
                self.record(row, -1, params);
            }
        }
        for (key, (diff, row)) in &net {
            if !self.known.contains_key(key) && *diff > 0 {
                let (surprise_milli, specific_milli) = self.surprise(row, params);
                self.before_change(*key);
                self.known.insert(*key, Known { surprise_milli, specific_milli, rows: 0 });
            }
        }
        let rated = batch
            .into_iter()
            .filter_map(|(row, _, diff)| {
                let known = self.known.get_mut(&row.alert.key)?;
                known.rows += diff;
                let (surprise_milli, specific_milli) = (known.surprise_milli, known.specific_milli);
                Some((Rated { row, surprise_milli, specific_milli }, epoch, diff))
            })
            .collect();
        for key in net.keys() {
            if self.known.get(key).is_some_and(|known| known.rows == 0) {
                self.before_change(*key);
                self.known.remove(key);
            }
        }
        self.bound(now, params);
        rated
    }

    /// Whether the alert leaves because its horizon has passed, not because it is taken back.
    fn sealed(&self, key: AlertKey, now: Seconds, params: &Params) -> bool {
        key.onset + params.dedup.revise_horizon_seconds <= now
    }

    fn record(&mut self, row: &Annotated, diff: i64, params: &Params) {
        let (level, entity, name) = parts(row);
        let tenant = row.alert.identity.tenant.clone();
        let rates = self.rates.entry(tenant).or_insert_with(|| Rates::new(params.history));
        rates.add(level, entity, name, row.alert.key.onset, diff);
    }

    fn surprise(&self, row: &Annotated, params: &Params) -> (u32, u32) {
        let (level, entity, name) = parts(row);
        let most = params.history.surprise_max_milli;
        self.rates.get(&row.alert.identity.tenant).map_or((most, most), |rates| {
            let onset = row.alert.key.onset;
            (
                rates.surprise_milli(level, entity, name, onset),
                rates.specific_milli(level, name, onset),
            )
        })
    }

    /// Forgets the longest unseen when a tenant has more keys than it may.
    fn bound(&mut self, now: Seconds, params: &Params) {
        for rates in self.rates.values_mut() {
            if rates.len() > params.history.keys_max {
                let bucket = now.div_euclid(params.history.bucket_seconds);
                rates.forget(bucket - i64::from(params.history.slow_buckets) * 4);
            }
        }
    }
}

fn parts(row: &Annotated) -> (u64, crate::model::EntityId, NameId) {
    let identity = &row.alert.identity;
    let level = xxh3_64(identity.entity.kind().as_bytes());
    (level, identity.entity.id, NameId::of(&identity.tenant, &identity.name))
}
