//! OTLP over HTTP: `POST /v1/logs`, `/v1/metrics` and `/v1/traces`, in protocol buffers or JSON.
//!
//! As the protocol has it, the answer is in the encoding of the request: what of it was refused,
//! or a `google.rpc.Status`. What the request holds is acknowledged once it is in the journal.

use super::SourceState;
use super::answer::Problem;
use super::auth::CanIngest;
use super::body::{self, media_type, unsupported};
use super::events::receive_body;
use crate::canonical::Format;
use crate::canonical::otlp::Telemetry;
use crate::canonical::protobuf::{put_bytes, put_varint};
use crate::ingest::reception::Receipt;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use serde_json::{Value, json};
use std::convert::Infallible;

const JSON: &str = "application/json";
const PROTOBUF: &str = "application/x-protobuf";

/// The routes, below whatever prefix.
pub(super) fn routes() -> Router<SourceState> {
    Router::new()
        .route("/v1/logs", export(Telemetry::Logs))
        .route("/v1/metrics", export(Telemetry::Metrics))
        .route("/v1/traces", export(Telemetry::Traces))
}

/// A request that brings telemetry.
pub(super) struct Export {
    pub(super) state: SourceState,
    /// Who sends, or why he may not: what he is told has the form of the protocol.
    pub(super) admitted: Result<CanIngest, Problem>,
    pub(super) headers: HeaderMap,
    pub(super) body: Body,
}

impl FromRequest<SourceState> for Export {
    type Rejection = Infallible;

    async fn from_request(request: Request, state: &SourceState) -> Result<Export, Infallible> {
        let (mut parts, body) = request.into_parts();
        let admitted = CanIngest::from_request_parts(&mut parts, state).await;
        Ok(Export { state: state.clone(), admitted, headers: parts.headers, body })
    }
}

/// What takes in one sort of telemetry.
fn export(telemetry: Telemetry) -> MethodRouter<SourceState> {
    post(async move |export: Export| answer(export, telemetry).await)
}

async fn answer(export: Export, telemetry: Telemetry) -> Response {
    let media = media_type(&export.headers);
    let is_json = media.as_deref() == Ok(JSON);
    let served = match media {
        Ok(media) => serve(export, telemetry, &media).await,
        Err(problem) => Err(problem),
    };
    match served.and_then(|receipt| judged(&receipt, telemetry)) {
        Ok(partial) if is_json => response(StatusCode::OK, JSON, partial.json().to_string()),
        Ok(partial) => response(StatusCode::OK, PROTOBUF, partial.protobuf()),
        Err(problem) => refused(problem, is_json),
    }
}

async fn serve(export: Export, telemetry: Telemetry, media: &str) -> Result<Receipt, Problem> {
    let Export { state, admitted, headers, body } = export;
    let CanIngest(caller) = admitted?;
    let format = match media {
        JSON => Format::OtlpJson(telemetry),
        PROTOBUF | "application/protobuf" => Format::Otlp(telemetry),
        _ => return Err(unsupported("send application/x-protobuf or application/json")),
    };
    let bytes = body::read(&state.http, &headers, body).await?;
    receive_body(&state, &caller, &headers, bytes, format).await
}

/// What of a request was not taken.
pub(super) struct Partial {
    telemetry: Telemetry,
    rejected: u64,
    message: String,
}

/// What a sender is told of a receipt: a request of which nothing was taken is a mistake, and
/// sending it again would not help.
///
/// # Errors
/// When nothing was taken, and something was refused.
pub(super) fn judged(receipt: &Receipt, telemetry: Telemetry) -> Result<Partial, Problem> {
    let counts = &receipt.counts;
    let first = receipt.rejects.first();
    let why = first.map(|first| format!("event {}: {} {}", first.line, first.code, first.message));
    let message = match counts.rejected {
        0 => String::new(),
        rejected => {
            let why = why.unwrap_or_default();
            format!("{rejected} of {} events were refused; the first: {why}", counts.received)
        }
    };
    if counts.rejected > 0 && counts.accepted + counts.duplicate == 0 {
        return Err(Problem::bad_request(message));
    }
    Ok(Partial { telemetry, rejected: counts.rejected, message })
}

impl Partial {
    /// The answer in protocol buffers; nothing was refused in an empty one.
    pub(super) fn protobuf(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.rejected > 0 {
            let mut partial = vec![1 << 3];
            put_varint(&mut partial, self.rejected);
            put_bytes(&mut partial, 2, self.message.as_bytes());
            put_bytes(&mut out, 1, &partial);
        }
        out
    }

    fn json(&self) -> Value {
        if self.rejected == 0 {
            return json!({});
        }
        let key = match self.telemetry {
            Telemetry::Logs => "rejectedLogRecords",
            Telemetry::Metrics => "rejectedDataPoints",
            Telemetry::Traces => "rejectedSpans",
        };
        // A number of 64 bits is a text in the JSON of protocol buffers.
        json!({"partialSuccess": {key: self.rejected.to_string(), "errorMessage": self.message}})
    }
}

/// The code that gRPC has for a status of HTTP.
pub(super) fn code_of(status: u16) -> u8 {
    const INVALID_ARGUMENT: u8 = 3;
    const DEADLINE_EXCEEDED: u8 = 4;
    const PERMISSION_DENIED: u8 = 7;
    const RESOURCE_EXHAUSTED: u8 = 8;
    const INTERNAL: u8 = 13;
    const UNAVAILABLE: u8 = 14;
    const UNAUTHENTICATED: u8 = 16;
    match status {
        401 => UNAUTHENTICATED,
        403 | 421 => PERMISSION_DENIED,
        408 => DEADLINE_EXCEEDED,
        429 => RESOURCE_EXHAUSTED,
        503 => UNAVAILABLE,
        400..500 => INVALID_ARGUMENT,
        _ => INTERNAL,
    }
}

/// A `google.rpc.Status` without details.
pub(super) fn status(code: u8, message: &str) -> Vec<u8> {
    let mut out = vec![1 << 3, code];
    put_bytes(&mut out, 2, message.as_bytes());
    out
}

/// A problem as the protocol tells it, with the headers that it has anyway.
fn refused(problem: Problem, is_json: bool) -> Response {
    let code = code_of(problem.status);
    let (kind, body) = match is_json {
        true => (JSON, json!({"code": code, "message": problem.detail}).to_string().into_bytes()),
        false => (PROTOBUF, status(code, &problem.detail)),
    };
    let mut response = problem.into_response();
    *response.body_mut() = Body::from(body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn response(status: StatusCode, kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
