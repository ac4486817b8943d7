//! The JSON Schema of the configuration, for editors and for `causeway schema config`.

use super::Config;
use schemars::generate::SchemaSettings;
use schemars::transform::transform_subschemas;
use schemars::{Schema, json_schema};
use serde_json::Value;

/// The schema, made from the types.
pub fn schema() -> Value {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<Config>();
    allow_references(&mut schema);
    schema.insert("$id".to_owned(), "causeway/config/1".into());
    schema.to_value()
}

/// From the leaves up, because what is put in place of a leaf holds that leaf.
fn allow_references(schema: &mut Schema) {
    transform_subschemas(&mut allow_references, schema);
    allow_reference(schema);
}

/// A number or boolean may also come from a reference, which the file holds as text.
fn allow_reference(schema: &mut Schema) {
    let plain = matches!(
        schema.get("type").and_then(Value::as_str),
        Some("integer" | "number" | "boolean")
    );
    if !plain {
        return;
    }
    let Some(object) = schema.as_object_mut() else { return };
    let mut kept = serde_json::Map::new();
    for about in ["description", "default"] {
        if let Some(value) = object.remove(about) {
            kept.insert(about.to_owned(), value);
        }
    }
    let typed = std::mem::take(object);
    let reference = json_schema!({"type": "string", "pattern": "\\$\\{(env|file):[^}]+\\}"});
    kept.insert("anyOf".to_owned(), Value::Array(vec![Value::Object(typed), reference.to_value()]));
    *object = kept;
}
