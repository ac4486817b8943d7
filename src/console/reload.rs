//! Reading the configuration again while the process runs.

use super::Console;
use crate::config::Problem as Mistake;
use crate::ingest::Busy;
use crate::ingest::http::answer::{Problem, json_of};
use crate::ingest::http::auth::CanOperate;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

/// Mistakes listed in one answer.
const MISTAKES_LISTED_MAX: usize = 1_000;

/// Who asks to have the configuration read again, and is told what came of it.
pub type Request = oneshot::Sender<Result<Reloaded, Refusal>>;
/// Where such requests go.
pub type Requests = mpsc::Sender<Request>;

/// What was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reloaded {
    /// Keys that say something else than before.
    pub changed: Vec<String>,
    /// Silences, windows, rules, entities and relations that hold now and did not, or otherwise.
    pub said: u64,
    /// Those that hold no more.
    pub taken_back: u64,
    /// What was understood and has no effect.
    pub without_effect: Vec<String>,
}

/// Why nothing was taken over.
#[derive(Clone, Debug)]
pub enum Refusal {
    /// The configuration is wrong.
    Wrong(Vec<Mistake>),
    /// The process cannot take it now.
    Busy(Busy),
}

/// The answer to a configuration that is wrong: nothing of it was taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReloadRefused {
    /// The status once more.
    pub status: u16,
    /// What the status means.
    pub title: String,
    /// How many mistakes there are.
    pub detail: String,
    /// Each of them.
    pub mistakes: Vec<ListedMistake>,
}

/// One mistake of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ListedMistake {
    /// File, line and column, as far as they are known.
    pub place: String,
    /// The key with those above it, dotted; empty for the whole file.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it; empty when the message says it all.
    pub remedy: String,
}

impl ListedMistake {
    fn of(mistake: &Mistake) -> ListedMistake {
        ListedMistake {
            place: mistake.place.as_ref().map(ToString::to_string).unwrap_or_default(),
            key: mistake.key.clone(),
            message: mistake.message.clone(),
            remedy: mistake.remedy.clone(),
        }
    }
}

/// `POST /-/reload`: reads the configuration again; all of it is taken over, or nothing.
pub async fn reload(
    State(console): State<Console>,
    CanOperate(_): CanOperate,
) -> Result<Response, Problem> {
    let settings = console.http.settings();
    if !settings.is_protected() && !settings.listen.ip().is_loopback() {
        let detail = "everyone who reaches this server could do that; send the process SIGHUP, or \
                      configure `server.tokens` or `server.jwt`";
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    let unavailable =
        |detail: &str| Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1);
    let (asked, answered) = oneshot::channel();
    console
        .reloads
        .try_send(asked)
        .map_err(|_| unavailable("the configuration is being read for others"))?;
    match answered.await {
        Ok(Ok(reloaded)) => Ok(json_of(StatusCode::OK, &reloaded)),
        Ok(Err(Refusal::Wrong(mistakes))) => Ok(refused(&mistakes)),
        Ok(Err(Refusal::Busy(busy))) => Err(busy.into()),
        Err(_) => Err(unavailable("the process is stopping")),
    }
}

fn refused(mistakes: &[Mistake]) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let count = match mistakes.len() {
        1 => "one mistake".to_owned(),
        more => format!("{more} mistakes"),
    };
    let listed = mistakes.iter().take(MISTAKES_LISTED_MAX);
    let body = ReloadRefused {
        status: status.as_u16(),
        title: status.canonical_reason().unwrap_or_default().to_owned(),
        detail: format!("{count} in the configuration; the one before goes on"),
        mistakes: listed.map(ListedMistake::of).collect(),
    };
    let mut response = json_of(status, &body).into_response();
    let kind = axum::http::HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
