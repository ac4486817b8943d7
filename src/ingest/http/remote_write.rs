//! Prometheus' remote write: `POST /api/v1/write`, versions 1.0 and 2.0.

use super::SourceState;
use super::answer::Problem;
use super::auth::CanIngest;
use super::body::{self, Encoding, media_type, unsupported};
use super::events::receive_body;
use crate::canonical::Format;
use crate::canonical::remote_write::{Version, histograms};
use crate::ingest::reception::Receipt;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

/// What a receiver of 2.0 says that it has written.
const WRITTEN: [&str; 3] = [
    "x-prometheus-remote-write-samples-written",
    "x-prometheus-remote-write-histograms-written",
    "x-prometheus-remote-write-exemplars-written",
];

/// Takes a request.
pub(super) async fn write(
    State(state): State<SourceState>,
    CanIngest(caller): CanIngest,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let version = version(&headers)?;
    if headers.get(CONTENT_ENCODING).is_none_or(|encoding| encoding != "snappy") {
        return Err(unsupported("send a block of snappy, with content-encoding: snappy"));
    }
    let wire = body::wire(&state.http, body).await?;
    let bytes = body::unpacked(&state.http, Encoding::Snappy, wire).await?;
    let format = Format::RemoteWrite(version);
    let receipt = receive_body(&state, &caller, &headers, bytes.clone(), format).await;
    let receipt = receipt.map_err(|problem| match problem.status {
        // A sender gives up on 429 unless it is told otherwise; it comes again after a 503.
        429 => Problem::new(StatusCode::SERVICE_UNAVAILABLE, problem.detail).retry_after(1),
        _ => problem,
    })?;
    let mut response = match receipt.rejects.first() {
        None => StatusCode::NO_CONTENT.into_response(),
        Some(first) => {
            let counts = &receipt.counts;
            let (rejected, received) = (counts.rejected, counts.received);
            let detail = format!(
                "{rejected} of {received} samples were refused; the first: {} {}",
                first.code, first.message
            );
            Problem::bad_request(detail).into_response()
        }
    };
    for (name, count) in WRITTEN.into_iter().zip(written(&receipt, histograms(&bytes, version))) {
        response.headers_mut().insert(name, HeaderValue::from(count));
    }
    Ok(response)
}

/// Samples, histograms and exemplars that were taken, now or before; `histograms` are the numbers
/// of those events that are some.
fn written(receipt: &Receipt, histograms: Vec<u64>) -> [u64; 3] {
    let taken = receipt.counts.accepted + receipt.counts.duplicate;
    let refused = |line: &u64| receipt.rejects.iter().any(|refused| refused.line == *line);
    let all = histograms.len() as u64;
    let refused = match receipt.rejects.is_empty() {
        true => 0,
        false => histograms.iter().filter(|line| refused(line)).count() as u64,
    };
    let histograms = (all - refused).min(taken);
    [taken - histograms, histograms, 0]
}

/// Which version a request is in, by its content type; 1.0 when it does not say.
fn version(headers: &HeaderMap) -> Result<Version, Problem> {
    let wanted = "send application/x-protobuf with proto=prometheus.WriteRequest or proto=io.prometheus.write.v2.Request";
    if media_type(headers)? != "application/x-protobuf" {
        return Err(unsupported(wanted));
    }
    let text = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let parameters = text.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let mut proto = None;
    for (name, value) in parameters {
        if name.trim().eq_ignore_ascii_case("proto") {
            proto = Some(value.trim().trim_matches('"'));
        }
    }
    match proto {
        None | Some("prometheus.WriteRequest") => Ok(Version::One),
        Some("io.prometheus.write.v2.Request") => Ok(Version::Two),
        Some(_) => Err(unsupported(wanted)),
    }
}
