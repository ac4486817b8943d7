//! What goes wrong: faults, the changes that caused them, and how far they reach.
//!
//! A fault has one root entity. Its effect travels against the direction of
//! dependency, callee to caller, with a probability and a lag per edge. Only a
//! fault that reaches users counts as an incident; the others are part of the
//! noise, and the ground truth does not mention them.

mod kind;
mod plan;
mod spread;

pub use kind::{FaultKind, Symptom};
pub(crate) use plan::plan;

use crate::instant::Ms;
use crate::world::NodeId;

/// One fault with everything that follows from it.
#[derive(Clone, Debug)]
pub struct Fault {
    /// What sort.
    pub kind: FaultKind,
    /// Where.
    pub root: NodeId,
    /// When it began, by a right clock.
    pub start: Ms,
    /// When it was over.
    pub end: Ms,
    /// The root entity itself raises no alert.
    pub blind: bool,
    /// Users saw it: it is an incident.
    pub visible: bool,
    /// Its place in [`Plan::changes`], when a change caused it.
    pub change: Option<u32>,
    /// Who suffered, the root first, in order of time.
    pub effects: Vec<Effect>,
    /// Along which edges, the sufferer first, the cause second.
    pub path: Vec<(NodeId, NodeId)>,
}

/// One entity's suffering from a fault.
#[derive(Clone, Copy, Debug)]
pub struct Effect {
    /// Who: always an entity that stands for itself.
    pub node: NodeId,
    /// From when, by a right clock.
    pub at: Ms,
    /// How many edges from the root.
    pub hop: u8,
    /// How it shows.
    pub symptom: Symptom,
}

/// Something that people or machines did.
#[derive(Clone, Debug)]
pub struct Change {
    /// `CHG-` and a number.
    pub id: String,
    /// What it touched.
    pub node: NodeId,
    /// deploy, config, …: EVENT.md section 2.
    pub kind: &'static str,
    /// standard, normal or emergency.
    pub class: &'static str,
    /// low, medium or high.
    pub risk: &'static str,
    /// What it brought.
    pub version: String,
    /// When it began.
    pub started: Ms,
    /// When it was done.
    pub finished: Ms,
}

/// All faults and changes of a scenario, each in order of time.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Faults by start.
    pub faults: Vec<Fault>,
    /// Changes by beginning.
    pub changes: Vec<Change>,
}
