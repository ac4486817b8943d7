//! The HTTP server's receiving half: requests in, receipts out.
//!
//! ```text
//!  connection ─► server (bounded, cut off when idle) ─► socket (plain, or TLS) ─► peer
//!                  └► gate (id, books, limit, time, panic) ─► auth ─► body ─► Reception
//!                                                  token, certificate, JWT
//! ```
//!
//! What can be read back, and what people change while the process runs, is in
//! [`crate::console`], which puts its routes beside these.

pub mod answer;
mod files;
pub mod tls;
pub mod socket;
pub mod peer;
pub mod refusal;
pub mod origin;
pub mod jwt;
pub mod auth;
pub mod terms;
pub mod body;
mod rest;
pub mod gate;
pub mod room;
pub mod idempotency;
pub mod events;
pub mod otlp;
pub mod grpc;
pub mod remote_write;
pub mod route;
pub mod server;

use super::reception::Reception;
use crate::clock::SharedClock;
use crate::settings::{ServerSettings, SourceKind, SourceSettings};
use crate::telemetry::{Metrics, Repeats};
use auth::Callers;
use axum::Router;
use axum::extract::FromRef;
use axum::routing::post;
use gate::Gate;
use idempotency::Keys;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use terms::Terms;

/// Between two log lines of one kind.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// What all requests share; cloning shares it.
#[derive(Clone)]
pub struct Http(Arc<Shared>);

/// What is behind [`Http`].
pub struct Shared {
    /// Bounds, encryption and who may call: they change together.
    terms: RwLock<Terms>,
    /// Requests under way.
    pub gate: Gate,
    /// Idempotency-Keys.
    pub keys: Keys,
    /// What is counted.
    pub metrics: Metrics,
    /// The time.
    pub clock: SharedClock,
    /// Keeps repeated messages out of the log.
    pub repeats: Repeats,
}

impl std::ops::Deref for Http {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Http {
    /// What requests share under these terms. Must be called inside the tokio runtime.
    pub fn new(terms: Terms, metrics: Metrics, clock: SharedClock) -> Self {
        let settings = &terms.settings;
        let gate = Gate::new(settings, &*clock);
        let keys = Keys::new(
            settings.idempotency_keys_max,
            settings.idempotency_window,
            metrics.http.clone(),
        );
        terms.callers.begin(None, &metrics.http, &clock);
        Http(Arc::new(Shared {
            gate,
            keys,
            repeats: Repeats::new(LOG_EVERY, Arc::clone(&clock)),
            terms: RwLock::new(terms),
            metrics,
            clock,
        }))
    }

    /// Bounds, encryption and who may call, as they are now.
    pub fn terms(&self) -> Terms {
        self.terms.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bounds and addresses, as they are now.
    pub fn settings(&self) -> Arc<ServerSettings> {
        Arc::clone(&self.terms.read().unwrap_or_else(PoisonError::into_inner).settings)
    }

    /// Who may call now.
    pub fn callers(&self) -> Arc<Callers> {
        Arc::clone(&self.terms.read().unwrap_or_else(PoisonError::into_inner).callers)
    }

    /// Goes on under other terms, the address aside: from the next request on, and from the next
    /// connection on where they are about encryption. Must be called inside the tokio runtime.
    pub fn reconfigure(&self, terms: Terms) {
        let settings = &terms.settings;
        self.gate.resize(settings);
        self.keys.resize(settings.idempotency_keys_max, settings.idempotency_window);
        let mut held = self.terms.write().unwrap_or_else(PoisonError::into_inner);
        terms.callers.begin(Some(&held.callers), &self.metrics.http, &self.clock);
        *held = terms;
    }
}

/// What the receiving routes of one source need.
#[derive(Clone)]
pub struct SourceState {
    /// What all requests share.
    pub http: Http,
    /// The source.
    pub reception: Arc<Reception>,
}

impl FromRef<SourceState> for Http {
    fn from_ref(state: &SourceState) -> Http {
        state.http.clone()
    }
}

/// The receiving routes of every HTTP source: one at the root, the others under their prefix.
///
/// `reception` is asked for the reception of each source that has routes.
pub fn routes(
    http: &Http,
    sources: &[SourceSettings],
    reception: impl FnMut(&SourceSettings) -> Arc<Reception>,
) -> Router {
    let routes = Router::new()
        .route("/v1/events", post(events::native))
        .route("/api/v2/alerts", post(events::alertmanager))
        .route("/v1/webhooks/alertmanager", post(events::webhook))
        .route("/v1/webhooks/grafana", post(events::webhook))
        .route("/api/v1/write", post(remote_write::write))
        .merge(otlp::routes());
    of_each(http, sources, reception, &routes)
}

/// The routes of OTLP over HTTP alone, of every HTTP source.
pub fn otlp_routes(
    http: &Http,
    sources: &[SourceSettings],
    reception: impl FnMut(&SourceSettings) -> Arc<Reception>,
) -> Router {
    of_each(http, sources, reception, &otlp::routes())
}

fn of_each(
    http: &Http,
    sources: &[SourceSettings],
    mut reception: impl FnMut(&SourceSettings) -> Arc<Reception>,
    routes: &Router<SourceState>,
) -> Router {
    let mut router = Router::new();
    for source in sources {
        let SourceKind::Http { prefix } = &source.kind else { continue };
        let state = SourceState { http: http.clone(), reception: reception(source) };
        let routes = routes.clone().with_state(state);
        router = match prefix {
            Some(prefix) => router.nest(prefix, routes),
            None => router.merge(routes),
        };
    }
    router
}

/// The calls of OTLP over gRPC, which go to the HTTP source without a prefix.
pub fn grpc_routes(
    http: &Http,
    sources: &[SourceSettings],
    mut reception: impl FnMut(&SourceSettings) -> Arc<Reception>,
) -> Router {
    let root = |source: &&SourceSettings| matches!(source.kind, SourceKind::Http { prefix: None });
    match sources.iter().find(root) {
        Some(source) => {
            grpc::routes(SourceState { http: http.clone(), reception: reception(source) })
        }
        None => Router::new(),
    }
}
