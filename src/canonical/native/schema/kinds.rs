//! What each kind adds to the envelope or asks of it.

use super::super::controls::{MaintenanceBody, ModelBody, RuleBody, SeverityBody, SilenceBody};
use super::{object, op, scalar, unsaid};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value};

/// An alert event: it fires, or a resolved one ends the firing.
///
/// Its identity is tenant, entity, name and labels, or with a `fingerprint` that and the
/// entity.
#[derive(JsonSchema)]
pub(super) struct NativeAlert {
    /// `resolved`, case aside, ends the alert; firing, acknowledged, suppressed, info and
    /// all else are firing.
    status: Option<String>,
    /// How bad: one of the source's own words, one of fatal, critical, error, warning, info,
    /// debug or what means the same, or a number of 1 to 24. Absent or unknown it is info
    /// (W105).
    severity: Option<SeverityBody>,
    /// Identity, text by name: numbers and truth values count as their text, null and empty
    /// ones are none, nested ones are dropped (W107). At most 64 unless configured otherwise;
    /// names are cut at 128 bytes, values at 1,024. Without a `name` the label `alertname` is
    /// the name.
    labels: Option<Map<String, Value>>,
    /// The source's own key, which replaces name and labels as identity.
    fingerprint: Option<String>,
    /// The label `service` where the labels have none; likewise the four that follow.
    service: Option<String>,
    /// Such as prod.
    env: Option<String>,
    /// Such as eu-1.
    region: Option<String>,
    /// The machine.
    host: Option<String>,
    /// One of several that do the same.
    instance: Option<String>,
}

/// A line of a log; counted, and not read further yet.
#[derive(JsonSchema)]
pub(super) struct NativeLog {
    /// `template_id`, `params`, `exception.type`.
    log: Option<Map<String, Value>>,
}

/// A sample; counted, and not read further yet. It has a `name` here or in `metric`.
#[derive(JsonSchema)]
#[schemars(extend("anyOf" = [
    {"required": ["name"], "properties": {"name": {"type": "string", "minLength": 1}}},
    {"required": ["metric"], "properties": {"metric": {
        "type": "object",
        "required": ["name"],
        "properties": {"name": {"type": "string", "minLength": 1}},
    }}},
]))]
pub(super) struct NativeMetric {
    /// What is measured, and how.
    metric: Option<MetricBody>,
    /// The sample, a finite number in `metric.unit`; anything else is dropped (W109).
    /// Histograms have none.
    value: Option<Value>,
    /// When the sum began, written like `time`; not read yet.
    #[schemars(schema_with = "scalar", default, skip_serializing_if = "unsaid")]
    start_time: (),
}

/// What is measured, and how.
#[derive(JsonSchema)]
struct MetricBody {
    /// The metric's name, where the event has none.
    name: Option<Value>,
    /// UCUM: `1`, `s`, `By`, `{request}`; up to 63 visible ASCII characters, else it is
    /// unknown (W104).
    unit: Option<String>,
    /// gauge, sum, histogram or exp_histogram; not read yet.
    r#type: Option<Value>,
    /// delta or cumulative; not read yet.
    temporality: Option<Value>,
    /// Whether a sum only grows; not read yet.
    monotonic: Option<Value>,
}

/// A part of a trace; counted, and not read further yet. A `trace_id` of another form than
/// 32 hexadecimal digits is dropped (W111).
#[derive(JsonSchema)]
pub(super) struct NativeSpan {
    /// The span's own fields.
    span: SpanBody,
}

/// The fields of a span; none is read yet.
#[derive(JsonSchema)]
struct SpanBody {
    /// The operation.
    name: Option<Value>,
    /// client, server, producer, consumer or internal.
    kind: Option<Value>,
    /// How long it took, nanoseconds, at least 0.
    duration_ns: Option<Value>,
    /// ok, error or unset.
    status: Option<Value>,
    /// The entity it called.
    peer: Option<Value>,
    /// The span it is a part of, 16 hexadecimal digits.
    parent_span_id: Option<Value>,
}

/// What people or machines did to an entity.
#[derive(JsonSchema)]
#[schemars(extend("anyOf" = [
    {"required": ["id"], "properties": {"id": {"type": "string", "minLength": 1}}},
    {"properties": {"change": {
        "required": ["id"],
        "properties": {"id": {"type": "string", "minLength": 1}},
    }}},
]))]
pub(super) struct NativeChange {
    /// Add or replace, or delete.
    #[schemars(schema_with = "op", default, skip_serializing_if = "unsaid")]
    op: (),
    /// What was changed, `type:namespace/name`.
    #[schemars(length(min = 1))]
    entity: String,
    /// The change.
    change: ChangeBody,
}

/// A change.
#[derive(JsonSchema)]
struct ChangeBody {
    /// Its id, cut at 256 bytes; the event's when absent.
    id: Option<String>,
    /// deploy, upgrade, rollback, remove, config, feature_flag, infra, db_migration, scale,
    /// access, maintenance or incident_fix; all else is other.
    r#type: Option<String>,
    /// How far it is; finished when absent.
    #[schemars(schema_with = "phase", default, skip_serializing_if = "unsaid")]
    phase: (),
    /// `emergency` is told apart; standard, normal and all else are not.
    class: Option<String>,
    /// low, medium or high; all else is unknown.
    risk: Option<String>,
    /// What it brings, cut at 256 bytes.
    version: Option<String>,
}

/// A node of the topology.
#[derive(JsonSchema)]
pub(super) struct NativeEntity {
    /// Add or replace, or delete.
    #[schemars(schema_with = "op", default, skip_serializing_if = "unsaid")]
    op: (),
    /// Its reference, `type:namespace/name`.
    #[schemars(length(min = 1))]
    entity: String,
    /// service, host, k8s.pod, database, queue, team, …; the reference's own when absent.
    r#type: Option<String>,
    /// The reference of whoever is responsible.
    owner: Option<String>,
    /// How much hangs on it: critical, high, medium or low, case aside; medium when absent.
    #[schemars(regex(pattern = CRITICALITY))]
    criticality: Option<String>,
    /// Other references to it, up to 256 (W106); what is no text is passed over.
    aliases: Option<Vec<Value>>,
    /// experimental, production, deprecated, …; not read yet.
    lifecycle: Option<String>,
    /// From when on it is there, written like `time`; before, nothing of this counts. What is no
    /// time bounds nothing (W106).
    #[schemars(schema_with = "scalar", default, skip_serializing_if = "unsaid")]
    valid_from: (),
    /// Until when it is there, exclusive, written like `time`; after `valid_from`.
    #[schemars(schema_with = "scalar", default, skip_serializing_if = "unsaid")]
    valid_to: (),
}

/// An edge of the topology, from the dependent to what it depends on. No entity depends on
/// itself.
#[derive(JsonSchema)]
pub(super) struct NativeRelation {
    /// Add or replace, or delete.
    #[schemars(schema_with = "op", default, skip_serializing_if = "unsaid")]
    op: (),
    /// The reference of the dependent.
    #[schemars(length(min = 1))]
    from: String,
    /// The reference of what it depends on.
    #[schemars(length(min = 1))]
    to: String,
    /// How.
    relation: RelationWord,
    /// How sure the source is, 0 to 1, kept in millionths; 1 when absent.
    #[schemars(range(min = 0.0, max = 1.0))]
    confidence: Option<f64>,
    /// How long it holds without being repeated, nanoseconds, rounded up to whole seconds; 0
    /// or absent for ever.
    ttl: Option<u64>,
    /// Who found it; not read yet.
    discovered_by: Option<String>,
}

/// How one entity depends on another.
#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum RelationWord {
    Calls,
    RunsOn,
    PartOf,
    OwnedBy,
    Reads,
    Writes,
    RoutesTo,
    DependsOn,
    AliasOf,
}

/// A verdict on an incident.
#[derive(JsonSchema)]
pub(super) struct NativeFeedback {
    /// Give or take back.
    #[schemars(schema_with = "op", default, skip_serializing_if = "unsaid")]
    op: (),
    /// The verdict.
    feedback: FeedbackBody,
}

/// A verdict.
#[derive(JsonSchema)]
struct FeedbackBody {
    /// Which incident, cut at 256 bytes.
    #[schemars(length(min = 1))]
    incident_id: String,
    /// What is right or wrong about it.
    verdict: VerdictWord,
    /// The reference of what was the cause.
    correct_entity: Option<String>,
    /// Who says so, cut at 256 bytes.
    actor: Option<String>,
    /// Why, cut at 4,096 bytes.
    note: Option<String>,
}

#[derive(JsonSchema)]
#[schemars(rename_all = "snake_case")]
enum VerdictWord {
    Correct,
    FalsePositive,
    Missed,
    WrongCause,
    BadGrouping,
}

/// A sign of life, counted; nothing but the envelope.
#[derive(JsonSchema)]
pub(super) struct NativeHeartbeat {}

/// Matchers that keep alerts out of incidents for a while. To delete one, its `id` is enough.
#[derive(JsonSchema)]
#[schemars(extend(
    "if" = {"required": ["op"], "properties": {"op": {"const": "delete"}}},
    "then" = {"properties": {"silence": {
        "required": ["id"],
        "properties": {"id": {"minLength": 1}},
    }}},
    "else" = {
        "properties": {"silence": {
            "required": ["matchers", "endsAt"],
            "properties": {"matchers": {"minItems": 1}, "endsAt": {"type": ["string", "integer"]}},
        }},
        "anyOf": [
            {"required": ["id"], "properties": {"id": {"type": "string", "minLength": 1}}},
            {"properties": {"silence": {
                "required": ["id"],
                "properties": {"id": {"minLength": 1}},
            }}},
        ],
    },
))]
pub(super) struct NativeSilence {
    /// Add or replace, or delete.
    #[schemars(schema_with = "op", default, skip_serializing_if = "unsaid")]
    op: (),
    /// The silence; without an `id` it has the event's.
    #[schemars(schema_with = "object")]
    silence: SilenceBody,
}

/// A planned window. To delete one, its `id` is enough.
#[derive(JsonSchema)]
#[schemars(extend(
    "if" = {"required": ["op"], "properties": {"op": {"const": "delete"}}},
    "then" = {"properties": {"maintenance": {
        "required": ["id"],
        "properties": {"id": {"minLength": 1}},
    }}},
    "else" = {"anyOf": [
        {"required": ["id"], "properties": {"id": {"type": "string", "minLength": 1}}},
        {"properties": {"maintenance": {
            "required": ["id"],
            "properties": {"id": {"minLength": 1}},
        }}},
    ]},
))]
pub(super) struct NativeMaintenance {
    /// Add or replace, or delete.
    #[schemars(schema_with = "op", default, skip_serializing_if = "unsaid")]
    op: (),
    /// The window; without an `id` it has the event's.
    #[schemars(schema_with = "object")]
    maintenance: MaintenanceBody,
}

/// A standing instruction about alerts. To delete one, its `id` is enough.
#[derive(JsonSchema)]
#[schemars(extend(
    "if" = {"required": ["op"], "properties": {"op": {"const": "delete"}}},
    "then" = {"properties": {"rule": {
        "required": ["id"],
        "properties": {"id": {"minLength": 1}},
    }}},
    "else" = {
        "properties": {"rule": {
            "required": ["matchers", "action"],
            "properties": {"matchers": {"minItems": 1}, "action": {"type": ["string", "object"]}},
        }},
        "anyOf": [
            {"required": ["id"], "properties": {"id": {"type": "string", "minLength": 1}}},
            {"properties": {"rule": {
                "required": ["id"],
                "properties": {"id": {"minLength": 1}},
            }}},
        ],
    },
))]
pub(super) struct NativeRule {
    /// Add or replace, or delete.
    #[schemars(schema_with = "op", default, skip_serializing_if = "unsaid")]
    op: (),
    /// The rule; without an `id` it has the event's.
    #[schemars(schema_with = "object")]
    rule: RuleBody,
}

/// A version of the scorer's weights.
#[derive(JsonSchema)]
pub(super) struct NativeModel {
    /// Add or replace, or delete.
    #[schemars(schema_with = "op", default, skip_serializing_if = "unsaid")]
    op: (),
    /// The model.
    model: ModelBody,
}

/// The words of criticality, case aside, which JSON Schema has no flag for.
const CRITICALITY: &str =
    "^([Cc][Rr][Ii][Tt][Ii][Cc][Aa][Ll]|[Hh][Ii][Gg][Hh]|[Mm][Ee][Dd][Ii][Uu][Mm]|[Ll][Oo][Ww])?$";

fn phase(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "enum": ["planned", "started", "finished", "failed", "cancelled", "", null],
        "default": "finished",
    })
}
