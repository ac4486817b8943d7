//! What a decoder must know about the source it decodes for.

use super::csv::Columns;
use causeway_dataflows::model::{Severity, SourceIndex};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One configured source, checked; shared by all decoders of that source.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its configured name; events that name no source of their own get this one.
    pub name: SmolStr,
    /// Its place in the pipeline's parameters.
    pub index: SourceIndex,
    /// How far event time may lie behind receipt before an event is late, seconds.
    pub lateness_seconds: i64,
    /// How long an Alertmanager alert without an end stays up, seconds.
    pub resolve_timeout_seconds: i64,
    /// Labels that tell redundant senders apart; no part of an alert's identity.
    pub replica_labels: Vec<SmolStr>,
    /// Severity words of this source that differ from the common table, in lower case.
    pub severities: BTreeMap<SmolStr, Severity>,
    /// Where an alert's entity is looked for; the first hit counts.
    pub entity_order: Vec<EntityStep>,
    /// Treats every repair as a reason to reject.
    pub strict: bool,
    /// What becomes of rejects.
    pub on_reject: OnReject,
    /// What becomes of repaired events.
    pub on_repair: OnRepair,
    /// Whether an id seen before, within lateness, makes an event a duplicate.
    pub dedupe_ids: bool,
    /// Whether OpenTelemetry's resources say what runs where.
    pub resources: bool,
    /// A replayed record this far ahead of the tick is not believed at once, seconds.
    pub leap_seconds_max: i64,
    /// What the columns of its rows are, when it reads CSV.
    pub csv: Option<Arc<Columns>>,
    /// Bounds on what one event may hold and on what a decoder remembers.
    pub limits: Limits,
}

impl Source {
    /// A source called `name` with every default.
    pub fn named(name: &str) -> Self {
        Source {
            name: SmolStr::new(name),
            index: 0,
            lateness_seconds: 300,
            resolve_timeout_seconds: 300,
            replica_labels: Vec::new(),
            severities: BTreeMap::new(),
            entity_order: EntityStep::DEFAULT.to_vec(),
            strict: false,
            on_reject: OnReject::DeadLetter,
            on_repair: OnRepair::Accept,
            dedupe_ids: false,
            resources: true,
            leap_seconds_max: 86_400,
            csv: None,
            limits: Limits::default(),
        }
    }

    /// Whether a repaired event is refused.
    pub fn refuses_repairs(&self) -> bool {
        self.strict || self.on_repair == OnRepair::DeadLetter
    }
}

/// One way to find an alert's entity (EVENT.md section 4).
///
/// Kubernetes owners that nothing but the topology knows and the catalogue's aliases are not among
/// them: the dataflow applies them later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityStep {
    /// The event's own `entity`.
    Explicit,
    /// OpenTelemetry's `service.namespace` and `service.name`.
    OtelService,
    /// A label `service`, `app` or `job`, with `namespace`.
    ServiceLabel,
    /// The workload that `k8s.deployment.name` and its like name, else the pod; `deployment`,
    /// `pod` and their like count beside `namespace`.
    Workload,
    /// A label `host`, `node` or `instance`, without its port.
    Host,
    /// `unknown:`, the source, and the beginning of the fingerprint; counted as W112.
    Unknown,
}

impl EntityStep {
    /// The order that EVENT.md section 4 gives.
    pub const DEFAULT: [EntityStep; 6] = [
        EntityStep::Explicit,
        EntityStep::OtelService,
        EntityStep::ServiceLabel,
        EntityStep::Workload,
        EntityStep::Host,
        EntityStep::Unknown,
    ];
}

/// What becomes of a rejected event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnReject {
    /// It is counted and recorded for the dead-letter store.
    DeadLetter,
    /// It is counted only.
    Drop,
    /// It is recorded, and the caller is told to stop the source.
    Fail,
}

/// What becomes of an event that had to be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnRepair {
    /// It is accepted, and the repair is counted.
    Accept,
    /// It is rejected with the code of its repair.
    DeadLetter,
}

/// Bounds, each with its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one event on the wire; more is E002.
    pub event_bytes_max: usize,
    /// Levels of nesting of one event; more is E006.
    pub depth_max: usize,
    /// Keys of one object; more is E006.
    pub keys_max: usize,
    /// Identity labels of one alert; further ones are dropped with W107.
    pub labels_max: usize,
    /// Identities remembered in each of the two generations of the cache.
    pub identities_max: usize,
    /// Event ids remembered when `dedupe_ids` is on; beyond it the oldest are forgotten.
    pub ids_max: usize,
    /// Distinct lines without an id whose repeats are told apart in one batch.
    pub ordinals_max: usize,
    /// Rejects recorded by one call; further ones are only counted.
    pub rejects_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            event_bytes_max: 1 << 20,
            depth_max: 64,
            keys_max: 1_024,
            labels_max: 64,
            // An entry of the cache is 32 bytes beside the identity it shares with the engine.
            identities_max: 1 << 20,
            ids_max: 1 << 20,
            ordinals_max: 1 << 20,
            rejects_max: 10_000,
        }
    }
}
