//! The JSON Schema of the native form, for senders and for `causeway schema event`.
//!
//! The types here are never filled in: the decoder reads fields in place. They
//! say what it reads, and tests hold the two together. The schema refuses what
//! the decoder refuses, as far as a schema can see it, and what has another
//! type than the decoder reads (W106); what the decoder cuts, clamps or maps is
//! valid and described. Whatever is taken without a repair is valid.
//!
//! It is the envelope, and for each kind a condition on `kind`. A choice by
//! `oneOf` would describe the same events, but a validator could only say that
//! none of thirteen alternatives fits, and not which field is missing.

#![expect(dead_code, reason = "the fields are described and never filled in")]

mod kinds;

use super::controls::{InstantBody, MaintenanceBody, RuleBody, SilenceBody};
use crate::canonical::Kind;
use crate::emit::schema::drop_rust_formats;
use kinds::{
    NativeAlert, NativeChange, NativeEntity, NativeFeedback, NativeHeartbeat, NativeLog,
    NativeMaintenance, NativeMetric, NativeModel, NativeRelation, NativeRule, NativeSilence,
    NativeSpan,
};
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// The JSON Schema (draft 2020-12) of one native event.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<NativeEvent>();
    RecursiveTransform(drop_rust_formats).transform(&mut schema);
    schema.insert("$id".to_owned(), "urn:causeway:schema:event:1.0".into());
    schema.to_value()
}

/// The schema as the committed file has it.
pub fn schema_text() -> String {
    // A JSON value always prints.
    let text = serde_json::to_string_pretty(&schema());
    text.unwrap_or_else(|error| unreachable!("schema: {error}")) + "\n"
}

/// A native event of any kind; stands for the form, and holds nothing.
pub struct NativeEvent;

impl JsonSchema for NativeEvent {
    fn schema_name() -> Cow<'static, str> {
        "NativeEvent".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Envelope::json_schema(generator);
        let when = |kind: &str, body: Schema| {
            json!({
                "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
                "then": body,
            })
        };
        let kinds = [
            when("alert", generator.subschema_for::<NativeAlert>()),
            when("log", generator.subschema_for::<NativeLog>()),
            when("metric", generator.subschema_for::<NativeMetric>()),
            when("span", generator.subschema_for::<NativeSpan>()),
            when("change", generator.subschema_for::<NativeChange>()),
            when("entity", generator.subschema_for::<NativeEntity>()),
            when("relation", generator.subschema_for::<NativeRelation>()),
            when("feedback", generator.subschema_for::<NativeFeedback>()),
            when("heartbeat", generator.subschema_for::<NativeHeartbeat>()),
            when("silence", generator.subschema_for::<NativeSilence>()),
            when("maintenance", generator.subschema_for::<NativeMaintenance>()),
            when("rule", generator.subschema_for::<NativeRule>()),
            when("model", generator.subschema_for::<NativeModel>()),
        ];
        // What stands in the body of a deletion beside its id is not looked into.
        let unless_deleted = |kind: &str, body: Schema| {
            let op = json!({"enum": ["upsert", "", null]});
            json!({
                "if": {"properties": {"kind": {"const": kind}, "op": op}, "required": ["kind"]},
                "then": {"properties": {kind: body}},
            })
        };
        let bodies = [
            unless_deleted("silence", generator.subschema_for::<SilenceBody>()),
            unless_deleted("maintenance", generator.subschema_for::<MaintenanceBody>()),
            unless_deleted("rule", generator.subschema_for::<RuleBody>()),
        ];
        let conditions: Vec<Value> = kinds.into_iter().chain(bodies).collect();
        schema.insert("allOf".to_owned(), conditions.into());
        schema
    }
}

/// One event of the native form `event/1.0`: one JSON object, in NDJSON one a line.
///
/// A field that is null counts as absent, and so does an empty string. A field whose value
/// has another type than given here counts as absent too, which is noted as W106. Fields
/// that are not listed are taken and counted. Of equal keys the last holds. An event has at
/// most 1 MiB, 64 levels of nesting and 1,024 keys an object, unless the source is
/// configured otherwise. Limits of texts are in bytes of UTF-8.
#[derive(JsonSchema)]
#[schemars(title = "Causeway native event")]
struct Envelope {
    /// The version of this form, `event/1.0`; any 1.x is read. Assumed when absent.
    #[schemars(regex(pattern = r"^event/1(\.[0-9]+)?$"))]
    schema: Option<String>,
    /// Unique for its source; longer than 256 bytes it is cut and a hash appended (W106).
    /// Derived when absent, so that equal lines without ids all count.
    id: Option<String>,
    /// Who says so, a URI reference; cut at 512 bytes. The configured source when absent.
    source: Option<String>,
    /// What sort of event it is.
    kind: Kind,
    /// The type of the event, for an alert its rule; cut at 256 bytes.
    name: Option<String>,
    /// When it happened: RFC 3339, or nanoseconds since the Unix epoch as an integer or as
    /// text. Receipt stands for it when it is absent (W101) or more than 300 s ahead (W102);
    /// a replay that has no time yet to go by refuses an event without one.
    time: Option<InstantBody>,
    /// When it was received, written like `time`; read from files and recordings, not from
    /// what is pushed.
    #[schemars(schema_with = "scalar", default, skip_serializing_if = "unsaid")]
    observed_time: (),
    /// When it ends or ended, written like `time`; for alerts, when the firing lapses. Before
    /// `time` it is dropped (W108).
    #[schemars(schema_with = "scalar", default, skip_serializing_if = "unsaid")]
    end_time: (),
    /// What the tenant is called; must be the sender's own, which the token decides.
    tenant: Option<String>,
    /// The thing it is about, `type:namespace/name`; cut at 256 bytes.
    entity: Option<String>,
    /// One line for people; cut at 1,024 bytes.
    summary: Option<String>,
    /// The whole text, or whatever the source has instead.
    body: Option<Value>,
    /// A word, or OpenTelemetry's number of 1 to 24; read of alerts.
    severity: Option<Value>,
    /// The source's own word for the severity; not read yet.
    severity_text: Option<String>,
    /// What identifies the event, text by name.
    labels: Option<Map<String, Value>>,
    /// What describes the event and does not identify it; not read yet.
    attributes: Option<Map<String, Value>>,
    /// Addresses for people, `{"rel": …, "href": …}`; not read yet.
    links: Option<Vec<Value>>,
    /// The trace, 32 hexadecimal digits; all zeros for none.
    trace_id: Option<String>,
    /// The span, 16 hexadecimal digits; all zeros for none.
    span_id: Option<String>,
    /// Where the event came from, as a replay writes it; not read yet.
    origin: Option<Map<String, Value>>,
    /// Repairs made by whoever sends it on; not read yet.
    quality: Option<Value>,
}

/// Makes fields whose schema is written out optional, without a default in the schema.
fn unsaid(_: &()) -> bool {
    true
}

/// A text or a number, as instants are; not looked into.
fn scalar(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": ["string", "number", "null"]})
}

/// The body of a control, which is described for upserts only.
fn object(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "object"})
}

/// Whether it is added or replaced, or deleted; upsert when absent.
fn op(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"enum": ["upsert", "delete", "", null], "default": "upsert"})
}
