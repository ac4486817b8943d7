//! One call per stage, top to bottom; shared arrangements are built here.

use crate::context::context;
use crate::correlate::{Fact, correlate};
use crate::dedup::dedup;
use crate::history::history;
use crate::model::{AlertBatch, AlertCount, AlertRow, ContextEvent, Group, Incident, IncidentKey};
use crate::ops::epochs::{Epoch, Tick};
use crate::ops::join::resolve;
use crate::params::Params;
use crate::suppress::suppress;
use crate::{cause, explain};
use differential_dataflow::{AsCollection, VecCollection};
use std::collections::BTreeMap;
use std::sync::Arc;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline as PipelinePact;
use timely::dataflow::operators::generic::Operator;

/// What goes in; every worker gets a tick for every epoch.
pub struct Inputs<'scope> {
    /// Alert events, already split by fingerprint.
    pub alerts: Stream<'scope, Epoch, Vec<AlertBatch>>,
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
    /// Incidents that left the horizon; append-only.
    pub sealed: VecCollection<'scope, Epoch, IncidentKey, isize>,
}

/// From decoded events to explained incidents.
pub fn pipeline<'scope>(inputs: Inputs<'scope>, params: &Params) -> Outputs<'scope> {
    let Inputs { alerts, context: events, ticks } = inputs;
    let deduped = dedup(alerts, ticks.clone(), params);
    let known = context(events, ticks.clone(), params);
    let placed = resolve(
        deduped.alerts.map(|alert| (alert.identity.entity.clone(), alert)),
        &known.aliases,
        "enrich: alerts by entity",
    );
    let annotated = suppress(placed, known.conditions);
    let rated = history(annotated, ticks.clone(), params);
    let facts = rated
        .map(|rated| (rated.row.alert.identity.tenant.clone(), Fact::Alert(rated)))
        .concat(known.edges.map(|edge| (edge.tenant.clone(), Fact::Edge(edge))))
        .concat(known.changes.map(|c| (c.event.tenant.clone(), Fact::Change(c))))
        .concat(known.profiles.map(|p| (p.tenant.clone(), Fact::Profile(p))))
        .concat(known.models.map(|(tenant, model)| (tenant, Fact::Model(Arc::new(model)))));
    let correlated = correlate(facts, ticks, params);
    Outputs {
        incidents: incidents(correlated.groups, params),
        rows: correlated.rows,
        counts: deduped.counts,
        sealed: correlated.sealed,
    }
}

/// Explains each group once, and remembers what it said until the group is taken back.
fn incidents<'scope>(
    groups: VecCollection<'scope, Epoch, Arc<Group>, isize>,
    params: &Params,
) -> VecCollection<'scope, Epoch, Arc<Incident>, isize> {
    let params = params.cause;
    let mut standing: BTreeMap<IncidentKey, Arc<Incident>> = BTreeMap::new();
    groups
        .inner
        .unary(PipelinePact, "explain: incidents", move |_, _| {
            move |input, output| {
                input.for_each(|cap, updates| {
                    let mut out = Vec::with_capacity(updates.len());
                    // Groups of one key are told in order: the old is taken back first.
                    for (group, epoch, diff) in updates.drain(..) {
                        if diff < 0 {
                            if let Some(old) = standing.remove(&group.key) {
                                out.push((old, epoch, -1));
                            }
                        } else {
                            let score = |group: &Group| cause::cause(group, &params);
                            let incident = Arc::new(explain::explain(&group, &score));
                            out.push((incident.clone(), epoch, 1));
                            standing.insert(group.key, incident);
                        }
                    }
                    output.session(&cap).give_container(&mut out);
                });
            }
        })
        .as_collection()
}
