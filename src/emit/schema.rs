//! The schemas of what goes out, generated from the types that write it.
//!
//! The generated schemas are committed in `fixtures/schema`; a test fails when
//! they differ, another when a committed example is not valid any more.

use super::summary::Summary;
use super::wire::{AlertRow, Envelope, envelope};
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{JsonSchema, Schema};
use serde_json::Value;

/// What a schema describes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SchemaKind {
    /// A line of incidents: the envelope, with the revision in `$defs`.
    Revision,
    /// A line of a file of alerts.
    Alert,
    /// The object of `--summary json`.
    Summary,
}

impl SchemaKind {
    /// Every kind.
    pub const ALL: [SchemaKind; 3] = [SchemaKind::Revision, SchemaKind::Alert, SchemaKind::Summary];

    /// The word for it, which also names its committed file.
    pub fn word(self) -> &'static str {
        match self {
            SchemaKind::Revision => "revision",
            SchemaKind::Alert => "alert",
            SchemaKind::Summary => "summary",
        }
    }
}

/// The JSON Schema (draft 2020-12) of what is written.
///
/// A field that is always written is required, also when it may be null; a field
/// that is left out when empty is not.
pub fn schema(kind: SchemaKind) -> Value {
    match kind {
        SchemaKind::Revision => schema_of::<Envelope>(envelope::SCHEMA),
        SchemaKind::Alert => schema_of::<AlertRow>("urn:causeway:schema:alert:1.0"),
        SchemaKind::Summary => schema_of::<Summary>("urn:causeway:schema:summary:1.0"),
    }
}

/// The JSON Schema of a type as it is written, under the name `id`.
pub fn schema_of<T: JsonSchema>(id: &str) -> Value {
    let mut schema = generate::<T>();
    schema.insert("$id".to_owned(), id.into());
    schema.to_value()
}

/// The schema as the committed file has it.
pub fn schema_text(schema: &Value) -> String {
    // A JSON value always prints.
    let text = serde_json::to_string_pretty(schema);
    text.unwrap_or_else(|error| unreachable!("schema: {error}")) + "\n"
}

fn generate<T: JsonSchema>() -> Schema {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    RecursiveTransform(drop_rust_formats).transform(&mut schema);
    schema
}

/// Formats such as `uint64` are no part of JSON Schema, and strict validators stumble over them.
pub fn drop_rust_formats(schema: &mut Schema) {
    let is_foreign = schema.get("format").and_then(Value::as_str).is_some_and(|format| {
        matches!(format, "uint" | "uint8" | "uint32" | "uint64" | "int32" | "int64" | "double")
    });
    if is_foreign {
        schema.remove("format");
    }
}
