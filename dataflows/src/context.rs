//! Topology, changes and instructions as maintained collections.
//!
//! ```text
//!  context events ─► latest ─┬► names ───────────────────────► aliases (shared arrangement)
//!  ticks ────────────────────┤─► relations ─► resolve ends ──► edges
//!                            ├► changes ───► resolve ────────► changes
//!                            ├► entities ──► resolve ────────► profiles (owner, criticality)
//!                            └► silences, maintenance, rules ► conditions
//! ```
//!
//! Everything that is said can be taken back: by a delete, by a later word on the same
//! thing, or by its time running out. This stage does not look at alerts.

pub mod latest;
mod names;

use crate::model::{
    Authority, ChangePhase, Context, ContextEvent, Edge, Live, ModelUpdate, PlacedChange, Profile,
    RelationKind, settled,
};
use crate::ops::epochs::{Epoch, Tick};
use crate::ops::join::{Aliases, resolve};
use crate::ops::shelf::Shelf;
use crate::params::Params;
use differential_dataflow::VecCollection;
use smol_str::SmolStr;
use std::sync::Arc;
use timely::dataflow::Stream;

pub use latest::{SavedThing, latest};
use names::names;

/// What the later stages read.
pub struct Maintained<'scope> {
    /// Other name -> entity.
    pub aliases: Aliases<'scope>,
    /// Resolved edges, one per (from, to, kind).
    pub edges: VecCollection<'scope, Epoch, Arc<Edge>, isize>,
    /// Changes that may still explain something.
    pub changes: VecCollection<'scope, Epoch, Arc<PlacedChange>, isize>,
    /// One per entity that a catalogue names.
    pub profiles: VecCollection<'scope, Epoch, Arc<Profile>, isize>,
    /// Silences, maintenance windows and rules, with whether they hold now.
    pub conditions: VecCollection<'scope, Epoch, Live, isize>,
    /// The scorer's weights, by tenant.
    pub models: VecCollection<'scope, Epoch, (SmolStr, ModelUpdate), isize>,
}

/// Maintains everything that is known beside the alerts.
///
/// Shape:    context events, ticks -> the collections of [`Maintained`]
/// Time:     of two events about one thing the later (event time, id) holds; windows and
///           time-outs follow the tick
/// State:    one entry per thing, tombstones for `tombstone_seconds`; the arrangements
/// Retracts: whatever is deleted, replaced or run out
/// Source:   DESIGN.md law 9, SEMANTICS rule 8
pub fn context<'scope>(
    events: Stream<'scope, Epoch, Vec<ContextEvent>>,
    ticks: Stream<'scope, Epoch, Vec<Tick>>,
    params: &Params,
    memory: Shelf<Vec<SavedThing>>,
) -> Maintained<'scope> {
    let live = latest(events, ticks, params, memory);
    let aliases = names(live.clone());
    Maintained {
        edges: edges(live.clone(), &aliases),
        changes: changes(live.clone(), &aliases),
        profiles: profiles(live.clone(), &aliases),
        conditions: live.clone().filter(|live| {
            matches!(
                live.event.body,
                Context::Silence(_) | Context::Maintenance(_) | Context::Rule(_)
            )
        }),
        models: live.flat_map(|live| match &live.event.body {
            Context::Model(model) => Some((live.event.tenant.clone(), model.clone())),
            _ => None,
        }),
        aliases,
    }
}

fn edges<'scope>(
    live: VecCollection<'scope, Epoch, Live, isize>,
    aliases: &Aliases<'scope>,
) -> VecCollection<'scope, Epoch, Arc<Edge>, isize> {
    let relations = live.flat_map(|live| match &live.event.body {
        Context::Relation(relation) if relation.kind != RelationKind::AliasOf => {
            let rest = (
                live.event.tenant.clone(),
                relation.to.clone(),
                relation.kind,
                relation.confidence_ppm,
            );
            Some((relation.from.clone(), rest))
        }
        _ => None,
    });
    let from_resolved = resolve(relations, aliases, "context: relations by dependent")
        .map(|(from, (tenant, to, kind, confidence))| (to, (tenant, from, kind, confidence)));
    resolve(from_resolved, aliases, "context: relations by dependency")
        .filter(|(to, (_, from, ..))| to.id != from.id)
        .map(|(to, (tenant, from, kind, confidence))| ((tenant, from, to, kind), confidence))
        .reduce_named("context: edges", |_, confidences, out| {
            let surest = confidences.iter().map(|(c, _)| **c).max().unwrap_or(0);
            out.push((surest, 1isize));
        })
        .map(|((tenant, from, to, kind), confidence_ppm)| {
            Arc::new(Edge { tenant, from, to, kind, confidence_ppm })
        })
}

fn changes<'scope>(
    live: VecCollection<'scope, Epoch, Live, isize>,
    aliases: &Aliases<'scope>,
) -> VecCollection<'scope, Epoch, Arc<PlacedChange>, isize> {
    let raw = live.flat_map(|live| match &live.event.body {
        // What was only planned or called off has not touched anything.
        Context::Change(change)
            if !matches!(change.phase, ChangePhase::Planned | ChangePhase::Cancelled) =>
        {
            Some((change.entity.clone(), live.event.clone()))
        }
        _ => None,
    });
    resolve(raw, aliases, "context: changes")
        .consolidate()
        .map(|(entity, event)| Arc::new(PlacedChange { entity, event }))
}

fn profiles<'scope>(
    live: VecCollection<'scope, Epoch, Live, isize>,
    aliases: &Aliases<'scope>,
) -> VecCollection<'scope, Epoch, Arc<Profile>, isize> {
    let raw = live.flat_map(|live| match &live.event.body {
        Context::Entity(update) => {
            let care =
                (Authority::of(&live.event.source), update.owner.clone(), update.criticality);
            Some((update.entity.clone(), (live.event.tenant.clone(), care)))
        }
        _ => None,
    });
    resolve(raw, aliases, "context: profiles")
        .map(|(entity, (tenant, care))| ((tenant, entity), care))
        .reduce_named("context: profiles", |_, said, out| {
            out.push((settled(said.iter().map(|(care, _)| *care)), 1isize));
        })
        .map(|((tenant, entity), (owner, criticality))| {
            Arc::new(Profile { tenant, entity, owner, criticality })
        })
}
