//! Parts that operations of the document are made of.

use super::Named;
use serde_json::{Map, Value, json};

pub(super) const JSON: &str = "application/json";
pub(super) const NDJSON: &str = "application/x-ndjson";

pub(super) fn content(schema: &Value) -> Value {
    json!({JSON: {"schema": schema}})
}

pub(super) fn response(description: &str, schema: &Value) -> Value {
    json!({"description": description, "content": content(schema)})
}

pub(super) fn plain(description: &str) -> Value {
    json!({"description": description, "content": {JSON: {}}})
}

/// The problems that a request can meet.
pub(super) fn problems(named: &mut Named<'_>, statuses: &[(&str, &str)]) -> Map<String, Value> {
    let schema = named.problem();
    let problem = |description: &str| json!({"description": description, "content": {"application/problem+json": {"schema": schema}}});
    let common = [
        (
            "401",
            "Nothing shows who is asking, or it does not hold: the detail says which check failed",
        ),
        ("403", "The caller may not do this"),
        ("503", "Too much at once, or stopping; see Retry-After"),
    ];
    let all = common.iter().chain(statuses);
    all.map(|(status, description)| ((*status).to_owned(), problem(description))).collect()
}

pub(super) fn operation(summary: &str, good: Value, problems: Map<String, Value>) -> Value {
    let mut responses = problems;
    responses.insert("200".to_owned(), good);
    json!({"summary": summary, "responses": responses})
}

pub(super) const BODY_PROBLEMS: [(&str, &str); 5] = [
    ("400", "Nothing in the body can be used"),
    ("408", "It took too long"),
    ("413", "The body is too large, as sent or decompressed"),
    ("415", "The body's type or encoding is not known"),
    ("429", "The engine is behind; see Retry-After"),
];

pub(super) fn id_parameter() -> Value {
    json!({"name": "id", "in": "path", "required": true, "schema": {"type": "string"}})
}

pub(super) fn header(name: &str, description: &str) -> Value {
    json!({"name": name, "in": "header", "description": description, "schema": {"type": "string"}})
}

pub(super) fn queries(names: &[&str]) -> Value {
    names.iter().map(|name| query(name)).collect()
}

pub(super) fn query(name: &str) -> Value {
    let (description, schema, repeats) = match name {
        "severity" => ("The least severity", json!({"type": "string"}), false),
        "owner" => ("Any of these owners", json!({"type": "string"}), true),
        "tenant" => {
            ("Any of these tenants; a token's own otherwise", json!({"type": "string"}), true)
        }
        "kind" => (
            "Entities alone, or relations alone",
            json!({"type": "string", "enum": ["entity", "relation"]}),
            false,
        ),
        "source" => ("Any of these sources", json!({"type": "string"}), true),
        "entity" => ("Any of these entities", json!({"type": "string"}), true),
        "state" => ("Any of these states", json!({"type": "string"}), true),
        "incident" => ("A member of this incident", json!({"type": "string"}), false),
        "label" => {
            ("A matcher such as env=\"prod\"; each must hold", json!({"type": "string"}), true)
        }
        "event" => ("Any of these kinds of revision", json!({"type": "string"}), true),
        "since" => (
            "Changed at this time or later",
            json!({"type": "string", "format": "date-time"}),
            false,
        ),
        "until" => {
            ("Begun before this time", json!({"type": "string", "format": "date-time"}), false)
        }
        "text" => ("A part of its words, case aside", json!({"type": "string"}), false),
        "limit" => {
            ("Items of a page", json!({"type": "integer", "minimum": 1, "maximum": 1000}), false)
        }
        "cursor" => ("Where the page before ended", json!({"type": "string"}), false),
        "after" => ("Go on behind this position", json!({"type": "string"}), false),
        "revision" => {
            ("The number of one revision", json!({"type": "integer", "minimum": 1}), false)
        }
        "id" => ("Which ones", json!({"type": "string"}), true),
        "filter" => ("A matcher; each must hold", json!({"type": "string"}), true),
        "receiver" => ("A regular expression on receivers", json!({"type": "string"}), false),
        _ => ("Whether to show such alerts; true unless said", json!({"type": "boolean"}), false),
    };
    let schema = if repeats { json!({"type": "array", "items": schema}) } else { schema };
    json!({"name": name, "in": "query", "description": description, "schema": schema})
}
