//! One call per stage, top to bottom; shared arrangements are built here.

mod incidents;

use crate::context::{SavedThing, context};
use crate::correlate::{Fact, SavedTenant, correlate};
use crate::dedup::{SavedKey, dedup};
use crate::detect::{SavedWatch, deal, detect};
use crate::history::{SavedHistory, history};
use crate::model::{
    AlertBatch, AlertCount, AlertRow, ContextEvent, Incident, IncidentKey, Rated, SignalBatch,
    Watched,
};
use crate::ops::epochs::{Epoch, Tick};
use crate::ops::join::resolve;
use crate::ops::shelf::Shelf;
use crate::ops::tap::{Row, Stage, Tap};
use crate::ops::turn::Turn;
use crate::params::Params;
use crate::suppress::suppress;
use differential_dataflow::{AsCollection, VecCollection};
pub use incidents::SavedFinding;
use incidents::incidents;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline as PipelinePact;
use timely::dataflow::operators::generic::Operator;
use timely::dataflow::operators::vec::Map;
use timely::dataflow::operators::{Concat, Exchange};
use xxhash_rust::xxh3::xxh3_64;

/// What goes in; every worker gets a tick for every epoch.
pub struct Inputs<'scope> {
    /// Alert events, already split by fingerprint.
    pub alerts: Stream<'scope, Epoch, Vec<AlertBatch>>,
    /// Numbers, lines, calls and signs of life, split likewise.
    pub signals: Stream<'scope, Epoch, Vec<SignalBatch>>,
    /// Everything else that matters.
    pub context: Stream<'scope, Epoch, Vec<ContextEvent>>,
    /// The time.
    pub ticks: Stream<'scope, Epoch, Vec<Tick>>,
}

/// What comes out.
pub struct Outputs<'scope> {
    /// Standing incidents, explained.
    pub incidents: VecCollection<'scope, Epoch, Arc<Incident>, isize>,
    /// Every alert inside its horizon and what became of it.
    pub rows: VecCollection<'scope, Epoch, Arc<AlertRow>, isize>,
    /// Exact counts with their epoch; append-only.
    pub counts: Stream<'scope, Epoch, Vec<(AlertCount, Epoch)>>,
    /// What became of signals and watches, with the epoch; append-only.
    pub watched: Stream<'scope, Epoch, Vec<(Watched, Epoch)>>,
    /// Incidents that left the horizon; append-only.
    pub sealed: VecCollection<'scope, Epoch, IncidentKey, isize>,
    /// What was found out about the topology, beside what went in, with the epoch; append-only.
    pub discovered: Stream<'scope, Epoch, Vec<(ContextEvent, Epoch)>>,
}

impl Outputs<'_> {
    /// All of it at the first worker, which is in the first process: one tells of it.
    #[must_use]
    pub fn at_first_worker(self) -> Self {
        let Outputs { incidents, rows, counts, watched, sealed, discovered } = self;
        Outputs {
            incidents: incidents.inner.exchange(|_| 0).as_collection(),
            rows: rows.inner.exchange(|_| 0).as_collection(),
            counts: counts.exchange(|_| 0),
            watched: watched.exchange(|_| 0),
            sealed: sealed.inner.exchange(|_| 0).as_collection(),
            discovered: discovered.exchange(|_| 0),
        }
    }
}

/// What the operators of one worker begin with and remember.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    watches: Shelf<Vec<SavedWatch>>,
    keys: Shelf<Vec<SavedKey>>,
    things: Shelf<Vec<SavedThing>>,
    history: Shelf<SavedHistory>,
    tenants: Shelf<Vec<(SmolStr, SavedTenant)>>,
    findings: Shelf<Vec<SavedFinding>>,
    turn: Turn,
}

/// All that a computation remembers after an epoch, and what the rest of it follows from.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Saved {
    /// What is watched in signals.
    pub watches: Vec<SavedWatch>,
    /// Alerts by fingerprint.
    pub keys: Vec<SavedKey>,
    /// Topology, changes, silences, windows, rules, weights.
    pub things: Vec<SavedThing>,
    /// Base rates.
    pub history: SavedHistory,
    /// What was decided, by tenant.
    pub tenants: Vec<(SmolStr, SavedTenant)>,
    /// Findings about sources that left the horizon.
    pub findings: Vec<SavedFinding>,
}

impl Memory {
    /// The memory of a worker that begins with `saved`, its share of a computation.
    pub fn after(saved: Option<Saved>) -> Memory {
        let (watches, keys, things, history, tenants, findings) = match saved {
            Some(Saved { watches, keys, things, history, tenants, findings }) => (
                Some(watches),
                Some(keys),
                Some(things),
                Some(history),
                Some(tenants),
                Some(findings),
            ),
            None => Default::default(),
        };
        let turn = Turn::default();
        Memory {
            watches: Shelf::with(watches, &turn),
            keys: Shelf::with(keys, &turn),
            things: Shelf::with(things, &turn),
            history: Shelf::with(history, &turn),
            tenants: Shelf::with(tenants, &turn),
            findings: Shelf::with(findings, &turn),
            turn,
        }
    }

    /// One operator may hand out one `part`th of a slice of what it remembers, whoever has
    /// something to hand out first; before any was given all may hand out what they have.
    pub fn give_turn(&self, part: usize) {
        self.turn.give(part);
    }

    /// Asks for what is remembered after `epoch`, before it is fed.
    pub fn want(&self, epoch: Epoch) {
        self.watches.want(epoch);
        self.keys.want(epoch);
        self.things.want(epoch);
        self.history.want(epoch);
        self.tenants.want(epoch);
        self.findings.want(epoch);
    }

    /// What was remembered after `epoch`, once all of it was handed out: the computation is
    /// through with the epoch by then, and perhaps with later ones.
    pub fn take(&self, epoch: Epoch) -> Option<Saved> {
        let Memory { watches, keys, things, history, tenants, findings, turn: _ } = self;
        let all = watches.has(epoch)
            && keys.has(epoch)
            && things.has(epoch)
            && history.has(epoch)
            && tenants.has(epoch)
            && findings.has(epoch);
        if !all {
            return None;
        }
        Some(Saved {
            watches: watches.take(epoch)?,
            keys: keys.take(epoch)?,
            things: things.take(epoch)?,
            history: history.take(epoch)?,
            tenants: tenants.take(epoch)?,
            findings: findings.take(epoch)?,
        })
    }
}

impl Saved {
    /// Each worker's share: whatever a worker is dealt later meets what it remembers.
    pub fn split(self, workers: usize) -> Vec<Saved> {
        let mut shares = vec![Saved::default(); workers.max(1)];
        let peers = shares.len() as u64;
        for watch in self.watches {
            let home = (watch.fingerprint().low64() % peers) as usize;
            shares[home].watches.push(watch);
        }
        for key in self.keys {
            shares[(key.fingerprint().low64() % peers) as usize].keys.push(key);
        }
        for thing in self.things {
            shares[(thing.placement() % peers) as usize].things.push(thing);
        }
        let home = |tenant: &SmolStr| (xxh3_64(tenant.as_bytes()) % peers) as usize;
        for (tenant, seen) in self.history.seen {
            shares[home(&tenant)].history.seen.push((tenant, seen));
        }
        for (tenant, saved) in self.tenants {
            shares[home(&tenant)].tenants.push((tenant, saved));
        }
        for finding in self.findings {
            shares[home(&finding.tenant)].findings.push(finding);
        }
        // A rating does not say whose it is, and is used where its alert is.
        for share in &mut shares {
            share.history.ratings.clone_from(&self.history.ratings);
        }
        shares
    }

    /// The shares of all workers as one.
    pub fn of_shares(shares: impl IntoIterator<Item = Saved>) -> Saved {
        let added = |mut all: Saved, share| {
            all.add(share);
            all
        };
        shares.into_iter().reduce(added).unwrap_or_default()
    }

    /// Adds another worker's share.
    pub fn add(&mut self, other: Saved) {
        self.watches.extend(other.watches);
        self.keys.extend(other.keys);
        self.things.extend(other.things);
        self.history.seen.extend(other.history.seen);
        self.history.ratings.extend(other.history.ratings);
        self.tenants.extend(other.tenants);
        self.findings.extend(other.findings);
    }
}

/// From decoded events to explained incidents.
pub fn pipeline<'scope>(
    inputs: Inputs<'scope>,
    params: &Params,
    memory: &Memory,
    tap: &Tap,
) -> Outputs<'scope> {
    let Inputs { alerts, signals, context: events, ticks } = inputs;
    let (alerts, signals) = deal((alerts, signals), params);
    let found = detect(signals, ticks.clone(), params, memory.watches.clone(), tap);
    let discovered = dated(found.context.clone());
    let (alerts, events) = (alerts.concat(found.alerts), events.concat(found.context));
    let deduped = dedup(alerts, ticks.clone(), params, memory.keys.clone(), tap);
    let known = context(events, ticks.clone(), params, memory.things.clone());
    let placed = resolve(
        deduped.alerts.map(|alert| (alert.identity.entity.clone(), alert)),
        &known.aliases,
        "enrich: alerts by entity",
    );
    let annotated = suppress(placed, known.conditions);
    let rated = history(annotated, ticks.clone(), params, memory.history.clone());
    let facts = facts_of(rated, tap)
        .concat(known.edges.map(|edge| (edge.tenant.clone(), Fact::Edge(edge))))
        .concat(known.changes.map(|c| (c.event.tenant.clone(), Fact::Change(c))))
        .concat(known.profiles.map(|p| (p.tenant.clone(), Fact::Profile(p))))
        .concat(known.models.map(|(tenant, model)| (tenant, Fact::Model(Arc::new(model)))));
    let correlated = correlate(facts, ticks.clone(), params, memory.tenants.clone(), tap);
    let rows = correlated.rows.clone();
    Outputs {
        incidents: incidents(
            correlated.groups,
            rows,
            ticks,
            params,
            (memory.findings.clone(), tap),
        ),
        rows: correlated.rows,
        counts: deduped.counts,
        watched: found.watched,
        sealed: correlated.sealed,
        discovered,
    }
}

/// What correlation reads of alerts.
fn facts_of<'scope>(
    rated: VecCollection<'scope, Epoch, Rated, isize>,
    tap: &Tap,
) -> VecCollection<'scope, Epoch, (SmolStr, Fact), isize> {
    let tap = tap.clone();
    let fact = move |(rated, epoch, diff): (Rated, Epoch, isize)| {
        if tap.is_open(Stage::Suppress) {
            tap.show(Stage::Suppress, [(Row::Rated(Arc::new(rated.clone())), epoch, diff)]);
        }
        ((rated.row.alert.identity.tenant.clone(), Fact::Alert(rated)), epoch, diff)
    };
    rated.inner.map(fact).as_collection()
}

/// Each event with its epoch.
fn dated<'scope>(
    events: Stream<'scope, Epoch, Vec<ContextEvent>>,
) -> Stream<'scope, Epoch, Vec<(ContextEvent, Epoch)>> {
    events.unary(PipelinePact, "detect: discovered", |_, _| {
        |input, output| {
            input.for_each(|cap, events| {
                let Some(epoch) = cap.least().copied() else { return };
                let mut dated = events.drain(..).map(|event| (event, epoch)).collect::<Vec<_>>();
                output.session(&cap).give_container(&mut dated);
            });
        }
    })
}
