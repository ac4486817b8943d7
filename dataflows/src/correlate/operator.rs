//! The operator: worlds by tenant, facts in, groups and dispositions out.

use super::saved::SavedTenant;
use super::tenants::Tenants;
use crate::model::{AlertRow, Edge, Group, IncidentKey, ModelUpdate, PlacedChange, Profile, Rated};
use crate::ops::epochs::{Epoch, Inputs, Tick};
use crate::ops::saving::HandOut;
use crate::ops::shelf::Shelf;
use crate::ops::tap::{Row, Stage, Tap};
use crate::params::Params;
use differential_dataflow::consolidation::consolidate;
use differential_dataflow::{AsCollection, VecCollection};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::Operator;
use xxhash_rust::xxh3::xxh3_64;

/// One update of anything that correlation reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fact {
    /// An alert with its rarity.
    Alert(Rated),
    /// A topology edge.
    Edge(Arc<Edge>),
    /// A change.
    Change(Arc<PlacedChange>),
    /// What a catalogue says of an entity.
    Profile(Arc<Profile>),
    /// The tenant's weights.
    Model(Arc<ModelUpdate>),
}

/// What correlation says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// A standing group.
    Group(Arc<Group>),
    /// What became of an alert.
    Row(Arc<AlertRow>),
    /// The group left the horizon; what was said of it last stands. Append-only.
    Sealed(IncidentKey),
}

/// What correlation maintains.
pub struct Correlated<'scope> {
    /// One per standing incident.
    pub groups: VecCollection<'scope, Epoch, Arc<Group>, isize>,
    /// One per alert, whatever became of it.
    pub rows: VecCollection<'scope, Epoch, Arc<AlertRow>, isize>,
    /// Groups that left the horizon; append-only.
    pub sealed: VecCollection<'scope, Epoch, IncidentKey, isize>,
}

/// Groups alerts that probably have one cause.
///
/// Shape:    facts (tenant, Fact) -> groups, dispositions; a tenant lives on one worker
/// Time:     compares onsets; what an epoch brings is decided in that epoch
/// Units:    seconds of onset
/// State:    topology, timelines and groups inside the horizon, by tenant
/// Retracts: groups and dispositions whenever alerts, topology, changes or weights change;
///           leaving the horizon is told apart by `sealed`
/// Source:   SEMANTICS rules 14 to 18, ALGORITHMS.md 3.3 and 3.4
pub fn correlate<'scope>(
    facts: VecCollection<'scope, Epoch, (SmolStr, Fact), isize>,
    ticks: Stream<'scope, Epoch, Vec<Tick>>,
    params: &Params,
    memory: Shelf<Vec<(SmolStr, SavedTenant)>>,
    tap: &Tap,
) -> Correlated<'scope> {
    let (params, tap) = (params.clone(), tap.clone());
    let scope = facts.inner.scope();
    let mut tenants = Tenants::default();
    let mut begin: BTreeMap<SmolStr, SavedTenant> = memory.begin().into_iter().flatten().collect();
    let mut hand_out = HandOut::new(memory, params.saving_slice);
    let outcomes = facts
        .inner
        .binary_frontier(
            ticks,
            Exchange::new(|((tenant, _), _, _): &((SmolStr, Fact), Epoch, isize)| {
                xxh3_64(tenant.as_bytes())
            }),
            Pipeline,
            "correlate: decide",
            |capability, info| {
                let activator = scope.activator_for(info.address);
                let mut inputs = Inputs::new(vec![capability]);
                move |(facts, frontier), (ticks, tick_frontier), output| {
                    inputs.stash(facts, ticks, |(_, epoch, _), _| *epoch);
                    hand_out.some(&mut tenants);
                    while let Some((epoch, tick, batch)) =
                        inputs.next(frontier.frontier(), tick_frontier.frontier())
                    {
                        let mut updates = Vec::new();
                        let mut emit = |outcome, diff| updates.push((outcome, epoch, diff));
                        let mut facts = by_tenant(batch);
                        for (tenant, saved) in std::mem::take(&mut begin) {
                            let facts = facts.remove(&tenant).unwrap_or_default();
                            let state = tenants.states.entry(tenant).or_default();
                            state.restore(saved, facts, tick.now, &params, &mut emit);
                        }
                        for (tenant, facts) in facts {
                            let state = tenants.states.entry(tenant.clone()).or_default();
                            state.apply(facts, tick.now, &params, &mut emit);
                            if state.is_empty() {
                                tenants.remove(&tenant);
                            }
                        }
                        hand_out.after(epoch, &mut tenants);
                        show(&tap, &updates);
                        if let [cap] = inputs.capabilities(epoch) {
                            output.session(cap).give_container(&mut updates);
                        }
                    }
                    inputs.advance(frontier.frontier(), tick_frontier.frontier());
                    hand_out.come_back(&mut tenants, inputs.have_ended(), &activator);
                }
            },
        )
        .as_collection();
    told_apart(outcomes)
}

/// What is said, by what it is of.
fn told_apart<'scope>(
    outcomes: VecCollection<'scope, Epoch, Outcome, isize>,
) -> Correlated<'scope> {
    Correlated {
        groups: outcomes.clone().flat_map(|outcome| match outcome {
            Outcome::Group(group) => Some(group),
            _ => None,
        }),
        rows: outcomes.clone().flat_map(|outcome| match outcome {
            Outcome::Row(row) => Some(row),
            _ => None,
        }),
        sealed: outcomes.flat_map(|outcome| match outcome {
            Outcome::Sealed(key) => Some(key),
            _ => None,
        }),
    }
}

type Batch = Vec<((SmolStr, Fact), Epoch, isize)>;

/// The epoch's net facts; what came and went within it has not happened.
fn by_tenant(batch: Batch) -> BTreeMap<SmolStr, Vec<(Fact, isize)>> {
    let mut facts: Vec<((SmolStr, Fact), isize)> =
        batch.into_iter().map(|(fact, _, diff)| (fact, diff)).collect();
    consolidate(&mut facts);
    let mut tenants: BTreeMap<SmolStr, Vec<(Fact, isize)>> = BTreeMap::new();
    for ((tenant, fact), diff) in facts {
        tenants.entry(tenant).or_default().push((fact, diff));
    }
    tenants
}

/// Shows outcomes to whoever looks.
fn show(tap: &Tap, updates: &[(Outcome, Epoch, isize)]) {
    if tap.is_open(Stage::Correlate) {
        tap.show(Stage::Correlate, updates.iter().filter_map(shown));
    }
}

/// What people who look are shown of an outcome.
fn shown((outcome, epoch, diff): &(Outcome, Epoch, isize)) -> Option<(Row, Epoch, isize)> {
    let row = match outcome {
        Outcome::Group(group) => Row::Group(group.clone()),
        Outcome::Row(row) => Row::Disposed(row.clone()),
        Outcome::Sealed(_) => return None,
    };
    Some((row, *epoch, *diff))
}
