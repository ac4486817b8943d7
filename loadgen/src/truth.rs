//! What really happened: the ground truth that an engine is measured against,
//! in the form of EVENT.md section 7.

use crate::faults::{Fault, Plan};
use crate::instant::rfc3339;
use crate::storm::{Event, Reason, Storm, What};
use crate::world::{NodeId, World};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// `truth.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The profile's word.
    pub profile: String,
    /// The seed.
    pub seed: u64,
    /// Faults that users saw, by start.
    pub incidents: Vec<Incident>,
}

/// One fault that users saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// `inc-` and a number.
    pub id: String,
    /// The entity that failed: a service, database, queue, host, zone or external.
    pub root: String,
    /// The kind of fault.
    pub fault: String,
    /// When it began, RFC 3339.
    pub start: String,
    /// When it was over, RFC 3339.
    pub end: String,
    /// The change that caused it, if any.
    pub change_id: Option<String>,
    /// Everything that suffered or raised an alert for it, sorted.
    pub entities: Vec<String>,
    /// Edges that it travelled: the effect's side, then the cause's side.
    pub path: Vec<(String, String)>,
}

/// What an event is to a reader of alerts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// The first firing or resolved event of an alert of an incident.
    Incident,
    /// The same of an alert that belongs to nothing.
    Noise,
    /// It repeats an event that came before it.
    Duplicate,
    /// The same of an alert that goes on and off.
    Flap,
    /// Not an alert at all.
    Context,
}

/// One row of `labels.ndjson`. A redelivered event has one row, as it has one id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// The event's id.
    pub event_id: String,
    /// The incident it belongs to, duplicates included.
    pub incident: Option<String>,
    /// What it is.
    pub class: Class,
    /// Of a duplicate, the event that it repeats.
    pub duplicate_of: Option<String>,
    /// Whether a reader may leave it out: noise, duplicates and flaps.
    pub suppressible: bool,
}

/// The same as [`Label`], in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What the event is.
    pub class: Class,
    /// Its place in [`Truth::incidents`].
    pub incident: Option<u32>,
    /// Of a duplicate, the number of the event that it repeats.
    pub duplicate_of: Option<u32>,
}

impl Class {
    /// Whether a reader may leave such events out.
    pub fn suppressible(self) -> bool {
        matches!(self, Class::Noise | Class::Duplicate | Class::Flap)
    }

    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Class::Incident => "incident",
            Class::Noise => "noise",
            Class::Duplicate => "duplicate",
            Class::Flap => "flap",
            Class::Context => "context",
        }
    }
}

/// The name of the incident at place `at` of [`Truth::incidents`].
pub fn incident_id(at: u32) -> String {
    format!("inc-{:04}", at + 1)
}

/// The name of the event with number `id`.
pub fn event_id(id: u32) -> String {
    format!("e-{id:09}")
}

/// By fault: its place among those that users saw.
pub(crate) fn places(plan: &Plan) -> Vec<Option<u32>> {
    let mut next = 0..;
    plan.faults.iter().map(|f| if f.visible { next.next() } else { None }).collect()
}

/// Writes down what happened.
pub(crate) fn truth(
    profile: &str,
    seed: u64,
    world: &World,
    plan: &Plan,
    storm: &Storm,
    without_change: Option<u32>,
) -> Truth {
    let visible = plan.faults.iter().enumerate().filter(|(_, f)| f.visible);
    let incidents = (0u32..).zip(visible).map(|(place, (at, fault))| {
        let change = fault.change.filter(|c| Some(*c) != without_change);
        Incident {
            id: incident_id(place),
            root: name(world, fault.root),
            fault: fault.kind.word().to_owned(),
            start: rfc3339(fault.start),
            end: rfc3339(fault.end),
            change_id: change.map(|c| plan.changes[c as usize].id.clone()),
            entities: entities(world, fault, at as u32, storm),
            path: fault.path.iter().map(|(a, b)| (name(world, *a), name(world, *b))).collect(),
        }
    });
    Truth { profile: profile.to_owned(), seed, incidents: incidents.collect() }
}

fn name(world: &World, node: NodeId) -> String {
    world.node(node).reference.clone()
}

fn entities(world: &World, fault: &Fault, at: u32, storm: &Storm) -> Vec<String> {
    let suffering = fault.effects.iter().map(|e| e.node);
    let alerting = storm.episodes.iter().filter(|e| e.reason == Reason::Fault(at));
    let alerting = alerting.map(|e| storm.checks[e.check as usize].node);
    let nodes: BTreeSet<NodeId> = suffering.chain(alerting).collect();
    let mut names: Vec<String> = nodes.into_iter().map(|n| name(world, n)).collect();
    names.sort_unstable();
    names
}

/// Judges one event; `places` comes from [`places`].
pub(crate) fn verdict(storm: &Storm, places: &[Option<u32>], event: &Event) -> Verdict {
    let first = match event.what {
        What::Firing => 0,
        What::Resolved => 1,
        _ => return Verdict { class: Class::Context, incident: None, duplicate_of: None },
    };
    let original = storm.firsts[event.subject as usize][first];
    let (class, incident) = match storm.episodes[event.subject as usize].reason {
        Reason::Fault(at) => (Class::Incident, places[at as usize]),
        Reason::Flap => (Class::Flap, None),
        Reason::Hidden | Reason::Background | Reason::Chronic => (Class::Noise, None),
    };
    if original == event.id {
        Verdict { class, incident, duplicate_of: None }
    } else {
        Verdict { class: Class::Duplicate, incident, duplicate_of: Some(original) }
    }
}
