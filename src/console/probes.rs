//! Probes and metrics. Probes are open to everyone: they say whether, not what.

use super::Console;
use crate::ingest::http::auth::CanRead;
use crate::telemetry::metrics::CONTENT_TYPE as METRICS_TYPE;
use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/livez", get(live))
        .route("/-/healthy", get(live))
        .route("/readyz", get(ready))
        .route("/-/ready", get(ready))
        .route("/metrics", get(metrics))
}

/// The process serves requests, which is all that a restart could mend.
async fn live() -> &'static str {
    "ok\n"
}

/// Every part is well; `?verbose` lists them.
async fn ready(State(console): State<Console>, RawQuery(query): RawQuery) -> Response {
    let is_ready = console.health.is_ready();
    let status = match is_ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    let word = if is_ready { "ok\n" } else { "not ready\n" };
    let verbose =
        query.is_some_and(|query| query.split('&').any(|part| part.starts_with("verbose")));
    let text = match verbose || !is_ready {
        true => console.health.report() + word,
        false => word.to_owned(),
    };
    (status, text).into_response()
}

async fn metrics(State(console): State<Console>, CanRead(_): CanRead) -> Response {
    ([(CONTENT_TYPE, METRICS_TYPE)], console.http.metrics.text()).into_response()
}
