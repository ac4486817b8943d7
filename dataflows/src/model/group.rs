//! A group of alerts with the neighbourhood that explaining it needs.
//!
//! Self-contained: from here on stages are pure functions of one group.

use super::alert::Annotated;
use super::context::{ContextEvent, Criticality, ModelUpdate, RelationKind};
use super::ids::{AlertKey, EntityRef, IncidentKey};
use super::incident::Because;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::sync::Arc;

/// An incident before anyone has asked who did it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Group {
    /// The hash of its earliest alert.
    pub key: IncidentKey,
    /// Whose it is.
    pub tenant: SmolStr,
    /// In order of (onset, fingerprint).
    pub members: Vec<GroupMember>,
    /// Entities of members, then silent ones they depend on; members index into it.
    /// Shared from version to version, as long as nothing around the group changes.
    pub entities: Arc<[GroupEntity]>,
    /// Recent changes on those entities, oldest first.
    pub changes: Arc<[GroupChange]>,
    /// The scorer's weights, when the tenant has its own.
    pub model: Option<Arc<ModelUpdate>>,
    /// Its component was over the size bound and had to be cut.
    pub degraded: bool,
}

/// One alert of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupMember {
    /// The alert's key.
    pub key: AlertKey,
    /// The alert.
    pub row: Arc<Annotated>,
    /// Its entity's place in [`Group::entities`].
    pub entity: u32,
    /// Rarity, thousandths of a nat.
    pub surprise_milli: u32,
    /// How particular its name is, thousandths of a nat.
    pub specific_milli: u32,
    /// Why it is in.
    pub because: Because,
}

/// An entity of the neighbourhood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupEntity {
    /// Which.
    pub entity: EntityRef,
    /// Edges from it to other entities of the neighbourhood, by their place.
    pub depends: Vec<GroupEdge>,
    /// How many entities depend on it directly, in the whole topology.
    pub users_total: u32,
    /// Instances of the same whole, itself included; one when it is no instance.
    pub siblings: u32,
    /// Who answers for it.
    pub owner: Option<EntityRef>,
    /// How much hangs on it.
    pub criticality: Criticality,
}

/// An edge of the neighbourhood, from the dependent to what it depends on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupEdge {
    /// The dependency's place.
    pub to: u32,
    /// How.
    pub kind: RelationKind,
    /// Whether the edge is written the other way round: a whole depends on its parts.
    pub reversed: bool,
}

/// A change on an entity of the neighbourhood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GroupChange {
    /// The entity's place.
    pub entity: u32,
    /// The event that told of it.
    pub event: Arc<ContextEvent>,
}
