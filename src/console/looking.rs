//! Looking into the engine while it runs: what passes a stage, and what detection keeps.

mod rows;

use super::Console;
use super::incidents::{page_limit, tenants};
use super::params::Params;
use super::stream::{Open, unbuffered};
use crate::ingest::http::answer::{Problem, json_of};
use crate::ingest::http::auth::CanRead;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use causeway_dataflows::ops::tap::{Look, Row, Stage, Wanted};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

pub use rows::SeriesItem;

/// Parameters of `/v1/tap`.
pub const TAP_PARAMS: [&str; 5] = ["stage", "entity", "tenant", "every", "limit"];
/// Parameters of `/v1/series`.
pub const SERIES_PARAMS: [&str; 5] = ["entity", "tenant", "kind", "name", "limit"];

/// Rows that wait between two looks; a stage that is faster is sampled by what finds room.
const TAPPED_MAX: usize = 1_024;
/// Series that are looked through for one answer.
const SERIES_MAX: usize = 1 << 16;
/// Items of an answer, if nobody says how many.
const ITEMS: usize = 100;
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(100);
/// Every worker is through with an epoch within a second, unless it is overwhelmed.
const PATIENCE: Duration = Duration::from_secs(5);

/// What detection keeps.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct SeriesList {
    /// By tenant, entity, kind and name.
    pub items: Vec<SeriesItem>,
    /// Series that were found and are not among the items.
    pub left_out: u64,
}

/// `GET /v1/tap`.
pub async fn tap(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&TAP_PARAMS)?;
    let stages: Vec<&str> =
        Stage::ALL.iter().filter(|stage| **stage != Stage::Series).map(|of| of.word()).collect();
    let parse = |text: &str| {
        let found = stages.iter().find(|word| **word == text)?;
        Stage::ALL.into_iter().find(|stage| stage.word() == *found)
    };
    let stage = params.read("stage", &format!("one of {}", stages.join(", ")), parse)?;
    let stage = stage.ok_or_else(|| {
        Problem::bad_request(format!("name a stage: ?stage= with one of {}", stages.join(", ")))
    })?;
    let number = |name| params.read(name, "a whole number from 1 up", |text| text.parse().ok());
    let (every, limit): (Option<u64>, Option<u64>) = (number("every")?, number("limit")?);
    let open = Open::of(&console, &caller)?;
    let mut look = console.tap.look(
        stage,
        Wanted {
            tenants: tenants(&caller, &params),
            entities: params.words("entity"),
            every: every.unwrap_or(1),
            waiting_max: TAPPED_MAX,
        },
    );
    let (sender, receiver) = mpsc::channel::<Result<Bytes, Infallible>>(16);
    let limit = limit.unwrap_or(u64::MAX);
    tokio::spawn(open.carry(async move { show(&mut look, stage, limit, &sender).await }));
    let mut response = Response::new(Body::from_stream(ReceiverStream::new(receiver)));
    let kind = HeaderValue::from_static("application/x-ndjson");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(unbuffered(response))
}

/// Moves rows to whoever looks until he goes away or has seen enough.
async fn show(
    look: &mut Look,
    stage: Stage,
    limit: u64,
    sender: &mpsc::Sender<Result<Bytes, Infallible>>,
) {
    let mut left = limit;
    let mut pauses = tokio::time::interval(PAUSE);
    while left > 0 {
        tokio::select! {
            () = sender.closed() => return,
            _ = pauses.tick() => {}
        }
        let mut lines = Vec::new();
        for seen in std::iter::from_fn(|| look.take()).take(left.min(TAPPED_MAX as u64) as usize) {
            let Some(row) = seen.row else { continue };
            let mut line = rows::json(&row);
            line["stage"] = json!(stage.word());
            line["epoch"] = json!(seen.epoch);
            line["diff"] = json!(seen.diff);
            lines.extend(line.to_string().into_bytes());
            lines.push(b'\n');
            left -= 1;
        }
        let missed = look.take_missed();
        if missed > 0 {
            lines.extend(format!("{}\n", json!({"missed": missed})).into_bytes());
        }
        if !lines.is_empty() && sender.send(Ok(lines.into())).await.is_err() {
            return;
        }
    }
}

/// `GET /v1/series`.
pub async fn series(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    params: Params,
) -> Result<Response, Problem> {
    params.only(&SERIES_PARAMS)?;
    let (kinds, names) = (params.words("kind"), params.words("name"));
    let limit = page_limit(&params)?.unwrap_or(ITEMS);
    let workers = console.tap.workers();
    let wanted = Wanted {
        tenants: tenants(&caller, &params),
        entities: params.words("entity"),
        every: 1,
        waiting_max: SERIES_MAX + workers,
    };
    let mut look = console.tap.look(Stage::Series, wanted);
    let answers = answered(&mut look, workers);
    let rows = tokio::time::timeout(PATIENCE, answers).await.map_err(|_| {
        let detail = "the workers are too busy to answer; ask again";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(5)
    })?;
    let mut items: Vec<SeriesItem> = rows
        .iter()
        .filter_map(|row| match row {
            Row::Series(row) => Some(SeriesItem::of(row)),
            _ => None,
        })
        .filter(|item| kinds.is_empty() || kinds.contains(&item.kind))
        .filter(|item| names.is_empty() || names.contains(&item.name))
        .collect();
    items.sort_by(|one, other| one.place().cmp(&other.place()));
    let left_out = look.take_missed() + items.len().saturating_sub(limit) as u64;
    items.truncate(limit);
    Ok(json_of(StatusCode::OK, &SeriesList { items, left_out }))
}

/// What all workers answer.
async fn answered(look: &mut Look, workers: usize) -> Vec<Row> {
    let (mut rows, mut ends) = (Vec::new(), 0);
    let mut pauses = tokio::time::interval(PAUSE);
    while ends < workers {
        pauses.tick().await;
        while let Some(seen) = look.take() {
            match seen.row {
                Some(row) => rows.push(row),
                None => ends += 1,
            }
        }
    }
    rows
}
