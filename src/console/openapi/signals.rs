//! The paths that take what other protocols carry: OTLP and remote write.

use super::Named;
use super::parts::{BODY_PROBLEMS, JSON, header, operation, problems};
use serde_json::{Map, Value, json};

const PROTOBUF: &str = "application/x-protobuf";

pub(super) fn paths(named: &mut Named<'_>) -> [(&'static str, Value); 4] {
    [
        ("/v1/logs", otlp("log records", "rejectedLogRecords")),
        ("/v1/metrics", otlp("metrics", "rejectedDataPoints")),
        ("/v1/traces", otlp("spans", "rejectedSpans")),
        ("/api/v1/write", remote_write(named)),
    ]
}

/// What OTLP answers when nothing was taken.
pub(super) fn otlp_status() -> Value {
    json!({
        "description": "A google.rpc.Status.",
        "type": "object",
        "properties": {
            "code": {"description": "A code of gRPC.", "type": "integer"},
            "message": {"description": "What is wrong and what to do.", "type": "string"},
        },
    })
}

fn otlp(what: &str, rejected: &str) -> Value {
    let counted = json!({"description": "How many were refused", "type": "string"});
    let partial = json!({
        "description": "What was refused; left out when nothing was",
        "type": "object",
        "properties": {
            rejected: counted,
            "errorMessage": {"description": "Why", "type": "string"},
        },
    });
    let taken = json!({"type": "object", "properties": {"partialSuccess": partial}});
    let status = json!({"$ref": "#/components/schemas/OtlpStatus"});
    let both = |schema: &Value| json!({PROTOBUF: {}, JSON: {"schema": schema}});
    let shared = [
        ("401", "Nothing shows who is asking, or it does not hold"),
        ("403", "The caller may not do this"),
        ("503", "Too much at once, or stopping; see Retry-After"),
    ];
    let mut responses = Map::new();
    for (code, description) in BODY_PROBLEMS.iter().chain(&shared) {
        let response = json!({"description": description, "content": both(&status)});
        responses.insert((*code).to_owned(), response);
    }
    let good = json!({"description": "Some were taken", "content": both(&taken)});
    let mut post = operation(&format!("Send {what} as OTLP"), good, responses);
    post["parameters"] = json!([header("Content-Encoding", "gzip or zstd")]);
    let request = json!({"description": "The request of OTLP in JSON", "type": "object"});
    post["requestBody"] = json!({"required": true, "content": both(&request)});
    json!({"post": post})
}

fn remote_write(named: &mut Named<'_>) -> Value {
    let count = |what: &str| json!({"description": format!("{what} that were taken"), "schema": {"type": "integer"}});
    let mut responses = problems(named, &BODY_PROBLEMS);
    responses.remove("429");
    let taken = json!({"description": "All samples were taken", "headers": {
        "X-Prometheus-Remote-Write-Samples-Written": count("Samples"),
        "X-Prometheus-Remote-Write-Histograms-Written": count("Histograms"),
        "X-Prometheus-Remote-Write-Exemplars-Written": count("Exemplars"),
    }});
    responses.insert("204".to_owned(), taken);
    json!({"post": {
        "summary": "Send samples as Prometheus' remote write, version 1.0 or 2.0",
        "parameters": [header("Content-Encoding", "snappy")],
        "requestBody": {"required": true, "content": {PROTOBUF: {}}},
        "responses": responses,
    }})
}
