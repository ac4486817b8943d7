//! Incidents and alerts, as pages and one by one.

use super::Console;
use super::params::Params;
use crate::emit::store::{
    AlertQuery, AlertState, Cursor, IncidentQuery, IncidentState, PAGE_MAX, Standing,
};
use crate::emit::wire::{AlertRow, Envelope, Revision};
use crate::ingest::http::answer::{Problem, json, json_of};
use crate::ingest::http::auth::{Caller, CanRead};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;
use std::sync::Arc;

/// A page of incidents.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IncidentPage {
    /// The latest revision of each, newest incident first.
    pub items: Vec<Arc<Revision>>,
    /// Give this as `cursor` for the next page; null on the last.
    pub next: Option<String>,
}

/// A page of alerts.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct AlertPage {
    /// Newest first.
    pub items: Vec<Arc<AlertRow>>,
    /// Give this as `cursor` for the next page; null on the last.
    pub next: Option<String>,
}

/// One incident with its history.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct IncidentHistory {
    /// The latest revision.
    pub incident: Arc<Revision>,
    /// All revisions that are kept, oldest first, byte for byte as sinks got them.
    pub revisions: Vec<Envelope>,
}

/// Parameters of `/v1/incidents`.
pub const INCIDENT_PARAMS: [&str; 11] = [
    "severity", "owner", "tenant", "entity", "state", "label", "since", "until", "text", "limit",
    "cursor",
];

/// Parameters of `/v1/alerts`.
pub const ALERT_PARAMS: [&str; 11] = [
    "severity", "tenant", "entity", "state", "incident", "label", "since", "until", "text",
    "limit", "cursor",
];

/// The tenants that a listing is of: the caller's own, else those asked for.
pub(super) fn tenants(caller: &Caller, params: &Params) -> Vec<smol_str::SmolStr> {
    match caller.tenants() {
        own if own.is_empty() => params.words("tenant"),
        own => own,
    }
}

/// How many items a page shall have.
pub(super) fn page_limit(params: &Params) -> Result<Option<usize>, Problem> {
    let wanted = format!("a number from 1 to {PAGE_MAX}");
    params.read("limit", &wanted, |text| {
        text.parse().ok().filter(|limit| (1..=PAGE_MAX).contains(limit))
    })
}

fn cursor(params: &Params) -> Result<Option<Cursor>, Problem> {
    params.read("cursor", "one that a page gave out", |text| text.parse().ok())
}

/// The query that parameters stand for.
///
/// # Errors
/// When one does not read.
pub(super) fn incident_query(caller: &Caller, params: &Params) -> Result<IncidentQuery, Problem> {
    let states = "open, resolved, merged or withdrawn";
    Ok(IncidentQuery {
        severity: params.severity()?,
        owner: params.words("owner"),
        tenant: tenants(caller, params),
        entity: params.words("entity"),
        state: params.read_all("state", states, IncidentState::parse)?,
        labels: params.matchers("label")?,
        since: params.time("since")?,
        until: params.time("until")?,
        text: params.one("text").map(str::to_owned),
        limit: page_limit(params)?,
        after: cursor(params)?,
    })
}

/// `GET /v1/incidents`.
pub async fn list(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&INCIDENT_PARAMS)?;
    let page = console.store.incidents(&incident_query(&caller, &params)?);
    let page = IncidentPage {
        items: page.items.into_iter().map(|message| message.revision).collect(),
        next: page.next.map(|cursor| cursor.to_string()),
    };
    Ok(json_of(StatusCode::OK, &page))
}

/// An incident that the caller may see; another tenant's is as unknown as none.
pub(super) fn find(console: &Console, caller: &Caller, id: &str) -> Result<Standing, Problem> {
    let found = console.store.incident(id);
    found.filter(|standing| caller.sees(&standing.latest.revision.tenant)).ok_or_else(|| {
        Problem::not_found("no incident has this id, or it is older than what is kept")
    })
}

/// `GET /v1/incidents/{id}`, with `?revision=N` one revision of it.
pub async fn one(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    Path(id): Path<String>,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&["revision"])?;
    let standing = find(&console, &caller, &id)?;
    let wanted = params.read("revision", "a number from 1 up", |text| text.parse().ok())?;
    if let Some(number) = wanted {
        let line = standing.line(number).ok_or_else(|| {
            Problem::not_found(format!("revision {number} does not exist or is not kept"))
        })?;
        return Ok(json(StatusCode::OK, line.to_string()));
    }
    // The lines are put together as they are, so that a reader gets the bytes that sinks got.
    let latest = serde_json::to_string(&*standing.latest.revision).unwrap_or_default();
    let mut body = String::with_capacity(latest.len() * 2);
    let _ = write!(body, "{{\"incident\":{latest},\"revisions\":[");
    for line in standing.earlier.values().chain([&standing.latest.line]) {
        if !body.ends_with('[') {
            body.push(',');
        }
        body.push_str(line.trim_end());
    }
    body.push_str("]}");
    Ok(json(StatusCode::OK, body))
}

/// `GET /v1/alerts`.
pub async fn alerts(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&ALERT_PARAMS)?;
    let states = "firing, resolved, suppressed or standalone";
    let query = AlertQuery {
        severity: params.severity()?,
        tenant: tenants(&caller, &params),
        entity: params.words("entity"),
        state: params.read_all("state", states, AlertState::parse)?,
        incident: params.one("incident").map(smol_str::SmolStr::new),
        labels: params.matchers("label")?,
        since: params.time("since")?,
        until: params.time("until")?,
        text: params.one("text").map(str::to_owned),
        limit: page_limit(&params)?,
        after: cursor(&params)?,
    };
    let page = console.store.alerts(&query);
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(json_of(StatusCode::OK, &AlertPage { items: page.items, next }))
}

/// `GET /v1/alerts/{id}`.
pub async fn alert(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let row = console.store.alert(&id).filter(|row| caller.sees(&row.tenant));
    let row = row.ok_or_else(|| Problem::not_found("no alert has this id, or it is not kept"))?;
    Ok(json_of(StatusCode::OK, &*row))
}
