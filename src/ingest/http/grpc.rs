//! OTLP over gRPC: the three calls that export, each one message in and one out.
//!
//! gRPC is HTTP/2 with a prefix of five bytes before each message and the outcome in trailers; for
//! calls of one message that is all there is, so the server of all other requests carries these
//! too. The message goes the way of OTLP over HTTP.

use super::SourceState;
use super::answer::Problem;
use super::auth::CanIngest;
use super::body::{self, Encoding};
use super::events::receive_body;
use super::otlp::{Export, code_of, judged, status};
use super::route::{LOGS_SERVICE, METRICS_SERVICE, TRACE_SERVICE};
use crate::canonical::Format;
use crate::canonical::otlp::Telemetry;
use crate::canonical::protobuf::{put_bytes, put_varint};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, post};
use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http_body_util::{BodyExt, Full};
use std::convert::Infallible;
use std::fmt::Write;

const GRPC: &str = "application/grpc";
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
const GRPC_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
const GRPC_ENCODING: &str = "grpc-encoding";
const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");
/// What a detail that says when to come again is called.
const RETRY_INFO: &[u8] = b"type.googleapis.com/google.rpc.RetryInfo";
/// The code for what is not implemented.
const UNIMPLEMENTED: u8 = 12;
/// Bytes before a message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;
/// Bytes of a message for people; headers have their bounds too.
const MESSAGE_BYTES_MAX: usize = 1_024;

/// The calls, to one source.
pub(super) fn routes(state: SourceState) -> Router {
    Router::new()
        .route(LOGS_SERVICE, export(Telemetry::Logs))
        .route(METRICS_SERVICE, export(Telemetry::Metrics))
        .route(TRACE_SERVICE, export(Telemetry::Traces))
        .fallback(unknown)
        .with_state(state)
}

/// What takes in one sort of telemetry.
fn export(telemetry: Telemetry) -> MethodRouter<SourceState> {
    post(async move |export: Export| answer(export, telemetry).await)
}

async fn unknown() -> Response {
    outcome(UNIMPLEMENTED, "the calls are Export of the services of logs, metrics and traces", None)
}

async fn answer(export: Export, telemetry: Telemetry) -> Response {
    match serve(export, telemetry).await {
        Ok(message) => taken(&message),
        Err(Refused::Unknown(message)) => outcome(UNIMPLEMENTED, &message, None),
        Err(Refused::Problem(problem)) => {
            let (code, detail) = (code_of(problem.status), problem.detail.clone());
            let response = problem.into_response();
            let seconds = response.headers().get(RETRY_AFTER);
            let seconds = seconds.and_then(|value| value.to_str().ok()?.parse().ok());
            outcome(code, &detail, seconds)
        }
    }
}

/// Why a call was not served.
enum Refused {
    Problem(Problem),
    /// It is compressed in an unknown way.
    Unknown(String),
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Refused {
        Refused::Problem(problem)
    }
}

async fn serve(export: Export, telemetry: Telemetry) -> Result<Vec<u8>, Refused> {
    let Export { state, admitted, headers, body } = export;
    let CanIngest(caller) = admitted?;
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !matches!(kind, GRPC | "application/grpc+proto") {
        return Err(body::unsupported("send application/grpc").into());
    }
    let wire = body::wire(&state.http, body).await?;
    let (encoding, message) = unframed(&headers, &wire)?;
    let bytes = body::unpacked(&state.http, encoding, message).await?;
    let format = Format::Otlp(telemetry);
    let receipt = receive_body(&state, &caller, &headers, bytes, format).await?;
    Ok(judged(&receipt, telemetry)?.protobuf())
}

/// The one message of a body, and how it is compressed.
fn unframed(headers: &HeaderMap, wire: &Bytes) -> Result<(Encoding, Bytes), Refused> {
    let bad = |detail: &str| Refused::Problem(Problem::bad_request(detail));
    let Some(([compressed, length @ ..], rest)) = wire.split_first_chunk::<PREFIX_BYTES>() else {
        return Err(bad("the call has no message"));
    };
    if u32::from_be_bytes(*length) as usize != rest.len() {
        return Err(bad("the call is one message, of the length that its prefix says"));
    }
    let encoding = match compressed {
        0 => Encoding::Identity,
        1 => match headers.get(GRPC_ENCODING).map(HeaderValue::as_bytes) {
            Some(b"gzip") => Encoding::Gzip,
            Some(b"zstd") => Encoding::Zstd,
            Some(b"identity") | None => {
                return Err(bad("no grpc-encoding says how it is compressed"));
            }
            Some(_) => {
                return Err(Refused::Unknown("messages are compressed by gzip or zstd".to_owned()));
            }
        },
        _ => return Err(bad("the first byte of the prefix is 0 or 1")),
    };
    Ok((encoding, wire.slice(PREFIX_BYTES..)))
}

/// A call that went well.
fn taken(message: &[u8]) -> Response {
    let mut framed = vec![0];
    framed.extend_from_slice(&(message.len() as u32).to_be_bytes());
    framed.extend_from_slice(message);
    let trailers = HeaderMap::from_iter([(GRPC_STATUS, HeaderValue::from_static("0"))]);
    let trailers = std::future::ready(Some(Ok::<_, Infallible>(trailers)));
    let body = Full::new(Bytes::from(framed)).with_trailers(trailers);
    headed(Body::new(body))
}

/// A call that did not, with when to come again if that helps.
fn outcome(code: u8, message: &str, retry_seconds: Option<u64>) -> Response {
    let message = &message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)];
    let mut response = headed(Body::empty());
    let headers = response.headers_mut();
    headers.insert(GRPC_STATUS, HeaderValue::from(u16::from(code)));
    let mut escaped = String::new();
    for byte in message.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => escaped.push(byte as char),
            _ => {
                let _ = write!(escaped, "%{byte:02X}");
            }
        }
    }
    if let Ok(value) = HeaderValue::from_str(&escaped) {
        headers.insert(GRPC_MESSAGE, value);
    }
    if let Some(seconds) = retry_seconds {
        let (mut delay, mut info, mut detail) = (vec![1 << 3], Vec::new(), Vec::new());
        put_varint(&mut delay, seconds);
        put_bytes(&mut info, 1, &delay);
        put_bytes(&mut detail, 1, RETRY_INFO);
        put_bytes(&mut detail, 2, &info);
        let mut status = status(code, message);
        put_bytes(&mut status, 3, &detail);
        if let Ok(value) = HeaderValue::from_str(&STANDARD_NO_PAD.encode(status)) {
            headers.insert(GRPC_DETAILS, value);
        }
    }
    response
}

fn headed(body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(GRPC));
    headers.insert(GRPC_ACCEPT_ENCODING, HeaderValue::from_static("identity,gzip,zstd"));
    response
}
