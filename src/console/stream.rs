//! The live stream of revisions: server-sent events with `Last-Event-ID`.
//!
//! Each revision is an event called `revision` whose id is its position; a
//! reader that comes back with the last one goes on behind it. A reader that was
//! away too long gets an event called `reset`: some revisions are gone, so it
//! lists the incidents anew and goes on from there.

use super::Console;
use super::params::Params;
use crate::emit::matcher::Matcher;
use crate::emit::store::{Position, Streamed, Subscription};
use crate::emit::wire::RevisionEvent;
use crate::ingest::http::answer::Problem;
use crate::ingest::http::auth::{Caller, CanRead};
use crate::ingest::http::room::Place;
use crate::telemetry::http::UnderWay;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// Between two signs of life; below what proxies commonly allow.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Events that may wait for one reader; a slow one falls behind in the store's ring instead.
const BUFFER: usize = 16;

/// Parameters of the stream.
pub const STREAM_PARAMS: [&str; 6] = ["severity", "owner", "tenant", "label", "event", "after"];

/// `GET /v1/incidents/stream`.
pub async fn follow(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    params: Params,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    params.only(&STREAM_PARAMS)?;
    let matcher = matcher(&caller, &params)?;
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let position = header.or_else(|| params.one("after")).filter(|text| !text.is_empty());
    let position: Option<Position> = position
        .map(|text| {
            text.parse().map_err(|error: crate::emit::store::PositionError| {
                Problem::bad_request(error.to_string())
            })
        })
        .transpose()?;
    let open = Open::of(&console, &caller)?;
    let subscription = console.store.subscribe(position);
    let (sender, receiver) = mpsc::channel(BUFFER);
    tokio::spawn(open.carry(async move { forward(subscription, &matcher, &sender).await }));
    let events =
        Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(unbuffered(events.into_response()))
}

/// An answer that buffering proxies would hold back, and must not.
pub(super) fn unbuffered(mut response: Response) -> Response {
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

/// A place among the answers that go on, for as long as it is kept.
pub(super) struct Open {
    _place: Place,
    _counted: UnderWay,
    /// Until the caller's token expires.
    time_left: Option<Duration>,
}

impl Open {
    /// A place for a caller.
    ///
    /// # Errors
    /// When there is none.
    pub(super) fn of(console: &Console, caller: &Caller) -> Result<Open, Problem> {
        let place = console.http.gate.stream().ok_or_else(|| {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many live streams are open")
                .retry_after(10)
        })?;
        Ok(Open {
            _place: place,
            _counted: console.http.metrics.http.stream(),
            time_left: caller.time_left(console.http.clock.now_seconds()),
        })
    }

    /// Keeps the place until the work is done or the token has expired: that opens nothing more,
    /// and its holder comes back with another.
    pub(super) async fn carry(self, work: impl Future<Output = ()>) {
        match self.time_left {
            None => work.await,
            Some(left) => drop(tokio::time::timeout(left, work).await),
        }
    }
}

fn matcher(caller: &Caller, params: &Params) -> Result<Matcher, Problem> {
    let kinds = "opened, updated, merged, split, resolved or withdrawn";
    Ok(Matcher {
        severity: params.severity()?,
        owner: params.words("owner"),
        tenant: match caller.tenants() {
            own if own.is_empty() => params.words("tenant"),
            own => own,
        },
        labels: params.matchers("label")?,
        events: params.read_all("event", kinds, RevisionEvent::parse)?,
    })
}

/// Moves revisions to the reader until it goes away or the store closes.
async fn forward(
    mut subscription: Subscription,
    matcher: &Matcher,
    sender: &mpsc::Sender<Result<Event, Infallible>>,
) {
    loop {
        let streamed = tokio::select! {
            () = sender.closed() => return,
            streamed = subscription.next() => streamed,
        };
        let event = match streamed {
            None => return,
            Some(Streamed::Reset { position }) => {
                Event::default().event("reset").id(position.to_string()).data("{}")
            }
            Some(Streamed::Revision { position, message }) => {
                if !matcher.matches(&message.revision) {
                    continue;
                }
                Event::default()
                    .event("revision")
                    .id(position.to_string())
                    .data(message.line.trim_end())
            }
        };
        if sender.send(Ok(event)).await.is_err() {
            return;
        }
    }
}
