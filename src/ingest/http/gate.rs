//! What every request passes before it is served: a number, the books, a limit, a time.
//!
//! A request over the limit is answered 503 at once; it neither waits nor is
//! its body read. Probes and metrics pass by the limit, because they are needed
//! most when everything else is too much.

use super::Http;
use super::answer::Problem;
use super::rest::Rest;
use super::room::{Place, Room};
use super::route::{Route, route_of};
use crate::clock::{Clock, NANOS};
use crate::settings::ServerSettings;
use axum::extract::{Request, State};
use axum::http::header::CONNECTION;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Seconds after which a shed request may come again.
const SHED_RETRY_SECONDS: u64 = 1;
/// The header that numbers requests; a sender's own number is kept.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Longest request id that is taken over.
const REQUEST_ID_BYTES_MAX: usize = 64;

/// Room for connections, requests and streams.
pub struct Gate {
    pub(super) connections: Room,
    requests: Room,
    streams: Room,
    /// Tells this process's requests from those of another.
    prefix: u64,
    next: AtomicU64,
    /// Whether the process knows all that it knew, so that requests can be served.
    is_open: AtomicBool,
}

impl Gate {
    /// The room that the settings give.
    pub fn new(settings: &ServerSettings, clock: &dyn Clock) -> Self {
        Gate {
            connections: Room::new(settings.connections_max),
            requests: Room::new(settings.requests_max),
            streams: Room::new(settings.streams_max),
            prefix: clock.now_ns() as u64,
            next: AtomicU64::new(1),
            is_open: AtomicBool::new(false),
        }
    }

    /// Makes the room that other settings give. Must be called inside the tokio runtime.
    pub(super) fn resize(&self, settings: &ServerSettings) {
        self.connections.resize(settings.connections_max);
        self.requests.resize(settings.requests_max);
        self.streams.resize(settings.streams_max);
    }

    /// Room for one live stream, until it is dropped; `None` when there is none.
    pub fn stream(&self) -> Option<Place> {
        self.streams.try_enter()
    }

    /// Lets requests through; until then only probes and metrics are answered.
    pub fn open(&self) {
        self.is_open.store(true, Ordering::Release);
    }

    /// A number that this process gives out once.
    pub fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn request_id(&self, given: Option<&HeaderValue>) -> HeaderValue {
        let plain = |value: &&HeaderValue| {
            let bytes = value.as_bytes();
            !bytes.is_empty()
                && bytes.len() <= REQUEST_ID_BYTES_MAX
                && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte))
        };
        if let Some(given) = given.filter(plain) {
            return given.clone();
        }
        let number = self.number();
        let text = format!("{:x}-{number}", self.prefix);
        HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("none"))
    }
}

/// The middleware around everything.
pub async fn pass(State(http): State<Http>, mut request: Request, next: Next) -> Response {
    let began_ns = http.clock.monotonic_ns();
    let Route { template, limited } = route_of(request.uri().path());
    let method = method_word(request.method().as_str());
    let id = http.gate.request_id(request.headers().get(&REQUEST_ID));
    request.headers_mut().insert(REQUEST_ID, id.clone());
    let (request, rest) = Rest::of(request);
    let under_way = http.metrics.http.request();
    let mut response = match limited {
        true if !http.gate.is_open.load(Ordering::Acquire) => {
            let detail = "the process is starting: it reads what it knew";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
                .retry_after(SHED_RETRY_SECONDS)
                .into_response()
        }
        true => limited_response(&http, request, next).await,
        false => next.run(request).await,
    };
    drop(under_way);
    let goes_on = match rest {
        Some(rest) => rest.discard().await,
        None => true,
    };
    let seconds = (http.clock.monotonic_ns() - began_ns) as f64 / NANOS as f64;
    let status = response.status();
    http.metrics.http.finished(template, method, status.as_u16(), seconds);
    if status.is_server_error()
        && http.gate.is_open.load(Ordering::Acquire)
        && let Some(more) = http.repeats.allow("server error")
    {
        let id = id.to_str().unwrap_or_default();
        tracing::warn!(id, method, template, status = status.as_u16(), more, "request failed");
    }
    tracing::debug!(method, template, status = status.as_u16(), "request");
    let headers = response.headers_mut();
    if !goes_on {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    headers.insert(REQUEST_ID, id);
    headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
    response
}

async fn limited_response(http: &Http, request: Request, next: Next) -> Response {
    let Some(_place) = http.gate.requests.try_enter() else {
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many requests are under way")
            .retry_after(SHED_RETRY_SECONDS)
            .into_response();
    };
    let limit = http.settings().timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = format!("the request took longer than {} s", limit.as_secs());
            Problem::new(StatusCode::REQUEST_TIMEOUT, detail).into_response()
        }
    }
}

/// Only methods that routes know become labels.
fn method_word(method: &str) -> &'static str {
    ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("other")
}

/// The answer of a handler that panicked, which is our own bug.
pub fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = text, "a request handler panicked");
    let detail = "this request met a bug; the log has the details under its x-request-id";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
}
