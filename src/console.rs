//! What people and their tools see: reading, and changing what the engine is told.
//!
//! ```text
//!  Store ────► incidents, alerts, live stream, pages ─► caller
//!  Registry ─► topology, silences, windows, rules ────► caller
//!  Tap ──────► what passes a stage, series ───────────► caller
//!  caller ───► changes ─► Reception ─► Intake           (the same events as from any source)
//! ```
//!
//! Nothing here decides anything about incidents. A change made here is an
//! event like any other: it is in the journal, and it can be replayed. The
//! paths under `/api/v2` answer as Alertmanager's do, so that amtool, Grafana
//! and Prometheus work unchanged.

pub mod registry;
pub mod health;
pub mod params;
pub mod incidents;
pub mod stream;
pub mod looking;
pub mod changes;
pub mod reload;
pub mod alertmanager;
pub mod pages;
pub mod probes;
pub mod openapi;

use crate::emit::store::Store;
use crate::ingest::http::Http;
use crate::ingest::http::answer::Problem;
use crate::ingest::reception::Reception;
use axum::Router;
use axum::extract::FromRef;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use causeway_dataflows::ops::tap::Tap;
use smol_str::SmolStr;
use std::sync::Arc;

pub use health::Health;
pub use registry::Registry;

/// Name of the pseudo-source under which changes made here are counted.
pub const SOURCE: &str = crate::ingest::receptions::CONSOLE;

/// What the routes need; cloning shares it.
#[derive(Clone)]
pub struct Console(Arc<Parts>);

/// What is behind [`Console`].
pub struct Parts {
    /// What all requests share.
    pub http: Http,
    /// Incidents and alerts.
    pub store: Store,
    /// Topology, silences, windows and rules.
    pub registry: Registry,
    /// Where changes go, under the name [`SOURCE`].
    pub reception: Arc<Reception>,
    /// Whether the process is well.
    pub health: Health,
    /// Names of the sinks: Alertmanager's receivers.
    pub receivers: Vec<SmolStr>,
    /// Where requests go to have the configuration read again.
    pub reloads: reload::Requests,
    /// Where to look at what passes between stages.
    pub tap: Tap,
    /// When the process began, nanoseconds since the Unix epoch.
    pub started_ns: i64,
}

impl std::ops::Deref for Console {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl FromRef<Console> for Http {
    fn from_ref(console: &Console) -> Http {
        console.http.clone()
    }
}

impl Console {
    /// Wraps the parts.
    pub fn new(parts: Parts) -> Self {
        Console(Arc::new(parts))
    }

    /// The whole server: `receiving` are the routes of the sources. A process that follows another
    /// one has nothing to read.
    pub fn app(&self, receiving: Router, follows: bool) -> Router {
        if follows {
            return receiving.merge(self.following()).fallback(|| async {
                let detail = "this process of several takes events only; ask process 0";
                Problem::new(StatusCode::MISDIRECTED_REQUEST, detail)
            });
        }
        receiving
            .merge(self.routes())
            .fallback(|| async { Problem::not_found("no such path; /openapi.json lists them") })
            .method_not_allowed_fallback(|| async {
                let detail = "the path has other methods; /openapi.json lists them";
                Problem::new(StatusCode::METHOD_NOT_ALLOWED, detail)
            })
    }

    fn following(&self) -> Router {
        Router::new()
            .route("/openapi.json", get(openapi::serve))
            .route("/-/reload", post(reload::reload))
            .merge(probes::routes())
            .with_state(self.clone())
    }

    fn routes(&self) -> Router {
        Router::new()
            .merge(reading())
            .merge(changing())
            .merge(alertmanager::routes())
            .merge(probes::routes())
            .with_state(self.clone())
    }
}

fn reading() -> Router<Console> {
    Router::new()
        .route("/", get(pages::index))
        .route("/incidents/{id}", get(pages::incident))
        .route("/style.css", get(pages::style))
        .route("/openapi.json", get(openapi::serve))
        .route("/v1/incidents", get(incidents::list))
        .route("/v1/incidents/stream", get(stream::follow))
        .route("/v1/incidents/{id}", get(incidents::one))
        .route("/v1/alerts", get(incidents::alerts))
        .route("/v1/alerts/{id}", get(incidents::alert))
        .route("/v1/series", get(looking::series))
        .route("/v1/tap", get(looking::tap))
}

fn changing() -> Router<Console> {
    Router::new()
        .route(
            "/v1/topology",
            get(changes::list_topology).put(changes::put_topology).delete(changes::delete_topology),
        )
        .route(
            "/v1/silences",
            get(changes::list_silences).put(changes::put_silences).delete(changes::delete_silences),
        )
        .route("/v1/silences/{id}", put(changes::put_silence).delete(changes::delete_silence))
        .route(
            "/v1/maintenance",
            get(changes::list_maintenance)
                .put(changes::put_maintenance)
                .delete(changes::delete_maintenance),
        )
        .route("/v1/maintenance/{id}", put(changes::put_window).delete(changes::delete_window))
        .route(
            "/v1/rules",
            get(changes::list_rules).put(changes::put_rules).delete(changes::delete_rules),
        )
        .route("/v1/rules/{id}", put(changes::put_rule).delete(changes::delete_rule))
        .route("/-/reload", post(reload::reload))
}
