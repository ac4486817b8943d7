//! Dead letters sent to the running process, one request each.

use super::Failure;
use crate::canonical::DeadLetter;
use crate::cli::client::Client;
use crate::dlq::Outcome;
use crate::ingest::http::events::RESENT;
use crate::settings::{Settings, SourceKind};
use reqwest::StatusCode;
use std::collections::BTreeMap;

/// Sends letters and remembers why it had to stop.
pub(super) struct Resender {
    client: Client,
    /// Path under which each source takes requests.
    prefixes: BTreeMap<String, String>,
    problem: Option<String>,
}

impl Resender {
    pub(super) fn new(
        url: &str,
        token: Option<&str>,
        settings: &Settings,
    ) -> Result<Resender, Failure> {
        let prefix = |kind: &SourceKind| match kind {
            SourceKind::Http { prefix } => Some(prefix.clone().unwrap_or_default().to_string()),
            SourceKind::File { .. }
            | SourceKind::Stdin { .. }
            | SourceKind::Kafka(_)
            | SourceKind::Kubernetes(_) => None,
        };
        let prefixes = settings
            .sources
            .iter()
            .filter_map(|source| Some((source.name().to_string(), prefix(&source.kind)?)))
            .collect();
        Ok(Resender { client: Client::new(url, token)?, prefixes, problem: None })
    }

    /// Why sending stopped, if it did.
    pub(super) fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Sends one event.
    pub(super) fn send(&mut self, letter: &DeadLetter, bytes: Vec<u8>) -> Outcome {
        let prefix = self.prefixes.get(letter.data.source.as_str()).map_or("", String::as_str);
        let schema = letter.data.schema.as_str();
        let (path, content_type, body) = request_of(schema, bytes);
        let headers = [
            ("content-type", content_type.to_owned()),
            ("content-encoding", encoding_of(schema).to_owned()),
            // A record may be tried again while the answer to it was lost.
            ("idempotency-key", format!("{}-{}", letter.id, letter.data.attempts)),
            (RESENT, "1".to_owned()),
        ];
        match self.client.post(&format!("{prefix}{path}"), &headers, body) {
            Ok(answer) => self.judge(answer.status),
            Err(problem) => self.stop(problem),
        }
    }

    fn judge(&mut self, status: StatusCode) -> Outcome {
        match status.as_u16() {
            200..300 => Outcome::Done,
            401 | 403 => self.stop(format!("the server answered {status}; set CAUSEWAY_TOKEN")),
            408 | 429 | 500..600 => self.stop(format!("the server answered {status}; try later")),
            _ => Outcome::Refused,
        }
    }

    fn stop(&mut self, problem: String) -> Outcome {
        self.problem = Some(problem);
        Outcome::Stop
    }
}

/// What a letter says that it holds when it came by remote write.
const REMOTE_WRITE: &str = "remote_write";

fn encoding_of(schema: &str) -> &'static str {
    if schema.starts_with(REMOTE_WRITE) { "snappy" } else { "identity" }
}

/// The path that takes an event of this schema and shape, its content type, and the body.
fn request_of(schema: &str, bytes: Vec<u8>) -> (&'static str, &'static str, Vec<u8>) {
    const PROTOBUF: &str = "application/x-protobuf";
    match schema {
        "otlp_logs" => return ("/v1/logs", PROTOBUF, bytes),
        "otlp_metrics" => return ("/v1/metrics", PROTOBUF, bytes),
        "otlp_traces" => return ("/v1/traces", PROTOBUF, bytes),
        "otlp_logs_json" => return ("/v1/logs", "application/json", bytes),
        "otlp_metrics_json" => return ("/v1/metrics", "application/json", bytes),
        "otlp_traces_json" => return ("/v1/traces", "application/json", bytes),
        "remote_write_v1" => return ("/api/v1/write", PROTOBUF, snappy(&bytes)),
        "remote_write_v2" => {
            let kind = "application/x-protobuf;proto=io.prometheus.write.v2.Request";
            return ("/api/v1/write", kind, snappy(&bytes));
        }
        _ => {}
    }
    let value = serde_json::from_slice::<serde_json::Value>(&bytes).ok();
    let has = |field: &str| value.as_ref().is_some_and(|value| value.get(field).is_some());
    if has("specversion") {
        return ("/v1/events", "application/cloudevents+json", bytes);
    }
    if has("labels") && !has("kind") {
        let body = [b"[", &bytes[..], b"]"].concat();
        return ("/api/v2/alerts", "application/json", body);
    }
    ("/v1/events", "application/x-ndjson", bytes)
}

/// The bytes as a block; it fails only beyond 4 GiB, which no letter has.
fn snappy(bytes: &[u8]) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shape_of_an_event_says_where_it_goes() {
        for (schema, text, path) in [
            ("event/1.0", r#"{"kind":"alert","labels":{}}"#, "/v1/events"),
            ("event/1.0", r#"{"labels":{"alertname":"X"}}"#, "/api/v2/alerts"),
            ("event/1.0", r#"{"specversion":"1.0"}"#, "/v1/events"),
            ("event/1.0", "not json", "/v1/events"),
            ("otlp_metrics", "\n", "/v1/metrics"),
            ("remote_write_v2", "\n", "/api/v1/write"),
        ] {
            assert_eq!(request_of(schema, text.as_bytes().to_vec()).0, path, "{text}");
        }
    }
}
