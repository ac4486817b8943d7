//! The topology: put, taken back, and read as it stands.

use super::{NATIVE_LINES, hand_on, json_format, texts, write_flat, write_line, write_torn};
use crate::canonical::frame::Element;
use crate::canonical::{Format, Framing, Kind};
use crate::console::Console;
use crate::ingest::http::answer::Problem;
use crate::ingest::http::auth::CanOperate;
use crate::ingest::http::body::{self, media_type};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde_json::Value;

/// Kinds that belong into a topology.
const TOPOLOGY: &[Kind] = &[Kind::Entity, Kind::Relation];

/// `PUT /v1/topology`: entities and relations as native events, or a Backstage catalogue.
///
/// What is sent is added or replaced, one by one; what is not sent stays.
pub async fn put_topology(
    State(console): State<Console>,
    CanOperate(caller): CanOperate,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let format = match media_type(&headers)?.as_str() {
        "application/yaml" | "application/x-yaml" | "text/yaml" => Format::Backstage,
        other => json_format(other)?,
    };
    let bytes = body::read(&console.http, &headers, body).await?;
    hand_on(&console, &caller, (format, Framing::Body), TOPOLOGY, bytes).await
}

/// `DELETE /v1/topology`: the same events, each as a deletion.
pub async fn delete_topology(
    State(console): State<Console>,
    CanOperate(caller): CanOperate,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    json_format(&media_type(&headers)?)?;
    let bytes = body::read(&console.http, &headers, body).await?;
    let mut events = Vec::with_capacity(bytes.len());
    for element in texts(&bytes) {
        let text = match element {
            Element::Text(text) => text,
            Element::Torn(text) => {
                write_torn(&mut events, text);
                continue;
            }
        };
        match serde_json::from_slice::<Value>(text) {
            Ok(Value::Object(mut event)) => {
                event.insert("op".to_owned(), Value::from("delete"));
                // An envelope of another standard would hide the `op`, and add what it holds.
                if event.get("kind").is_none_or(Value::is_null) {
                    event.insert("kind".to_owned(), Value::from(""));
                }
                write_line(&mut events, &Value::Object(event));
            }
            // What is no event is refused by the decoder, under its line.
            _ => write_flat(&mut events, text),
        }
    }
    hand_on(&console, &caller, NATIVE_LINES, TOPOLOGY, Bytes::from(events)).await
}
