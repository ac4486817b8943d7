//! Alertmanager's API, version 2, for amtool, Grafana and Prometheus.
//!
//! Alerts are the standing ones; a group is an incident. Sinks are the
//! receivers. Silences are the engine's own, whoever made them. Errors are JSON
//! strings, as those clients expect.

use super::Console;
use super::params::Params;
use crate::emit::store::{AlertQuery, AlertState, Cursor};
use crate::emit::wire::{AlertRow, Time};
use crate::ingest::http::answer::{Problem, json_of};
use crate::ingest::http::auth::{Caller, CanRead};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use regex::Regex;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

mod silences;

/// Alerts of one answer: Alertmanager has no pages, and its clients hold everything in memory.
const ALERTS_MAX: usize = 50_000;
/// How long after its last event an alert may be said to end, seconds: the usual `quiet`.
const ENDS_AFTER_SECONDS: i64 = 300;

pub(super) fn routes() -> Router<Console> {
    Router::new()
        .route("/api/v2/status", get(status))
        .route("/api/v2/receivers", get(receivers))
        .route("/api/v2/alerts", get(alerts))
        .route("/api/v2/alerts/groups", get(groups))
        .route("/api/v2/silences", get(silences::list).post(silences::post))
        .route("/api/v2/silence/{id}", get(silences::one).delete(silences::expire))
}

/// A problem as Alertmanager tells it.
pub(super) struct Refusal(Problem);

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Refusal(problem)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::BAD_REQUEST);
        match status {
            // Other statuses carry headers, and clients show them without reading the body.
            StatusCode::BAD_REQUEST => json_of(status, &self.0.detail),
            _ => self.0.into_response(),
        }
    }
}

/// `GET /api/v2/status`. The configuration is a minimal one in Alertmanager's own form, because
/// clients parse it.
async fn status(State(console): State<Console>, CanRead(_): CanRead) -> Response {
    let mut original = String::from("route:\n  receiver: ");
    let first = console.receivers.first().map_or("none", |name| name.as_str());
    original.push_str(first);
    original.push_str("\nreceivers:\n");
    let none = [smol_str::SmolStr::new_static("none")];
    let names = if console.receivers.is_empty() { &none[..] } else { &console.receivers };
    for name in names {
        original.push_str(&format!("- name: {name}\n"));
    }
    let version = env!("CARGO_PKG_VERSION");
    let body = json!({
        "cluster": {"name": "causeway", "status": "disabled", "peers": []},
        "config": {"original": original},
        "uptime": Time::from_nanos(console.started_ns),
        "versionInfo": {
            "version": version,
            "revision": "",
            "branch": "",
            "buildUser": "",
            "buildDate": "",
            "goVersion": "",
        },
    });
    json_of(StatusCode::OK, &body)
}

/// `GET /api/v2/receivers`.
async fn receivers(State(console): State<Console>, CanRead(_): CanRead) -> Response {
    json_of(StatusCode::OK, &receivers_of(&console))
}

fn receivers_of(console: &Console) -> Vec<Value> {
    console.receivers.iter().map(|name| json!({"name": name})).collect()
}

/// `GET /api/v2/alerts`.
async fn alerts(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    params: Params,
) -> Result<Response, Refusal> {
    let receivers = receivers_of(&console);
    let rows = rows(&console, &caller, &params)?;
    let body: Vec<Value> = rows.iter().map(|row| alert_of(row, &receivers)).collect();
    Ok(json_of(StatusCode::OK, &body))
}

/// `GET /api/v2/alerts/groups`: an incident is a group; what is in none is grouped by its name.
async fn groups(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    params: Params,
) -> Result<Response, Refusal> {
    let receivers = receivers_of(&console);
    let receiver = receivers.first().cloned().unwrap_or_else(|| json!({"name": "none"}));
    let mut groups: BTreeMap<(&str, String), Vec<Value>> = BTreeMap::new();
    let rows = rows(&console, &caller, &params)?;
    for row in &rows {
        let key = match row.incident_id.incident() {
            Some(id) => ("incident", id.to_string()),
            None => ("alertname", row.name.to_string()),
        };
        groups.entry(key).or_default().push(alert_of(row, &receivers));
    }
    let body: Vec<Value> = groups
        .into_iter()
        .map(|((label, value), alerts)| {
            json!({"labels": {label: value}, "receiver": receiver, "alerts": alerts})
        })
        .collect();
    Ok(json_of(StatusCode::OK, &body))
}

/// The firing alerts that the parameters ask for.
fn rows(
    console: &Console,
    caller: &Caller,
    params: &Params,
) -> Result<Vec<Arc<AlertRow>>, Problem> {
    let (active, silenced) = (params.flag("active")?, params.flag("silenced")?);
    // Alertmanager calls other suppression inhibition, or later muting.
    let inhibited = params.flag("inhibited")? && params.flag("muted")?;
    if let Some(pattern) = params.one("receiver") {
        let pattern = Regex::new(&format!("^(?:{pattern})$"))
            .map_err(|_| Problem::bad_request("the receiver is no regular expression"))?;
        if !console.receivers.iter().any(|name| pattern.is_match(name)) {
            return Ok(Vec::new());
        }
    }
    let mut query = AlertQuery {
        tenant: caller.tenants(),
        state: vec![AlertState::Firing],
        labels: params.matchers("filter")?,
        limit: Some(crate::emit::store::PAGE_MAX),
        ..AlertQuery::default()
    };
    let wanted = |row: &AlertRow| match &row.suppressed {
        None => active,
        Some(why) if why.reason == "silence" => silenced,
        Some(_) => inhibited,
    };
    let mut rows = Vec::new();
    loop {
        let page = console.store.alerts(&query);
        rows.extend(page.items.into_iter().filter(|row| wanted(row)));
        let next: Option<Cursor> = page.next;
        if next.is_none() || rows.len() >= ALERTS_MAX {
            return Ok(rows);
        }
        query.after = next;
    }
}

/// A row as Alertmanager's `gettableAlert`.
fn alert_of(row: &AlertRow, receivers: &[Value]) -> Value {
    let mut labels: BTreeMap<&str, &str> = BTreeMap::from([
        ("alertname", row.name.as_str()),
        ("entity", row.entity.as_str()),
        ("severity", row.severity.word()),
    ]);
    // The alert's own labels go before what was derived.
    labels.extend(row.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let (state, silenced, muted) = match &row.suppressed {
        None => ("active", None, None),
        Some(why) if why.reason == "silence" => ("suppressed", Some(&why.by), None),
        Some(why) => ("suppressed", None, Some(&why.by)),
    };
    // From the last event and not from now: what nobody repeats must not seem to be renewed.
    let ends = row.last.seconds().saturating_add(ENDS_AFTER_SECONDS);
    json!({
        "labels": labels,
        "annotations": {"summary": row.summary},
        "receivers": receivers,
        "fingerprint": row.fingerprint,
        "startsAt": row.first,
        "updatedAt": row.last,
        "endsAt": Time::from_seconds(ends),
        "generatorURL": "",
        "status": {
            "state": state,
            "silencedBy": silenced.into_iter().collect::<Vec<_>>(),
            "inhibitedBy": muted.into_iter().collect::<Vec<_>>(),
            "mutedBy": muted.into_iter().collect::<Vec<_>>(),
        },
    })
}
