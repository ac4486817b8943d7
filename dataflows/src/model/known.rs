//! What is known beside the alerts, resolved and maintained.

use super::context::{Change, Context, ContextEvent, Criticality, RelationKind};
use super::ids::{EntityRef, Seconds};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// A thing that is known now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Live {
    /// What was said last.
    pub event: Arc<ContextEvent>,
    /// Whether it holds at this instant; only silences and maintenance can be known and not hold.
    pub active: bool,
}

/// An edge of the topology between resolved entities; the surest source speaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// Whose topology.
    pub tenant: SmolStr,
    /// The dependent.
    pub from: EntityRef,
    /// What it depends on.
    pub to: EntityRef,
    /// How.
    pub kind: RelationKind,
    /// How sure, parts per million.
    pub confidence_ppm: u32,
}

/// A change on a resolved entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PlacedChange {
    /// What was changed.
    pub entity: EntityRef,
    /// The event that told of it.
    pub event: Arc<ContextEvent>,
}

impl PlacedChange {
    /// The change itself.
    pub fn change(&self) -> Option<&Change> {
        match &self.event.body {
            Context::Change(change) => Some(change),
            _ => None,
        }
    }

    /// When it happened.
    pub fn time(&self) -> Seconds {
        self.event.time_ns.div_euclid(1_000_000_000)
    }
}

/// What the catalogue says of an entity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Profile {
    /// Whose catalogue.
    pub tenant: SmolStr,
    /// Which entity.
    pub entity: EntityRef,
    /// Who answers for it.
    pub owner: Option<EntityRef>,
    /// How much hangs on it.
    pub criticality: Criticality,
}
