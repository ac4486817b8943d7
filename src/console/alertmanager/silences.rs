//! Silences in Alertmanager's form.
//!
//! A silence made here is an event of kind `silence` from the source `api`.
//! Expiring one ends it now: what it silenced stays silenced in the past.
//! (`DELETE /v1/silences/{id}` takes it back as if it had never been.)

use super::Refusal;
use crate::canonical::native::controls::SilenceBody;
use crate::canonical::native::matcher::MatcherBody;
use crate::clock::NANOS;
use crate::console::Console;
use crate::console::changes::{hand_on_one, silence_state};
use crate::console::params::Params;
use crate::console::registry::Entry;
use crate::emit::wire::Time;
use crate::ingest::http::answer::{Problem, json_of};
use crate::ingest::http::auth::{CanOperate, CanRead};
use crate::ingest::http::body::{self, media_type, unsupported};
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use causeway_dataflows::model::{Matcher, MatcherOp, Silence};
use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

/// `GET /api/v2/silences`, the active first, as Alertmanager sorts them.
pub(super) async fn list(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    params: Params,
) -> Result<Response, Refusal> {
    let now = console.http.clock.now_seconds();
    let filters = filters(&params)?;
    let mut entries = console.registry.silences(caller.tenant.as_ref());
    entries.retain(|entry| filters.iter().all(|filter| is_about(&entry.body, filter)));
    entries.sort_by_key(|entry| {
        let order = match silence_state(entry, now) {
            "active" => (0, entry.body.ends),
            "pending" => (1, entry.body.starts),
            _ => (2, -entry.body.ends),
        };
        (order, entry.body.silence_id.clone())
    });
    let body: Vec<Value> = entries.iter().map(|entry| shown(entry, now)).collect();
    Ok(json_of(StatusCode::OK, &body))
}

/// `GET /api/v2/silence/{id}`.
pub(super) async fn one(
    State(console): State<Console>,
    CanRead(caller): CanRead,
    Path(id): Path<String>,
) -> Response {
    match console.registry.silence(caller.tenant.as_ref(), &id) {
        Some(entry) => json_of(StatusCode::OK, &shown(&entry, console.http.clock.now_seconds())),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `POST /api/v2/silences`: a new one without an `id`, a change of a standing one with it.
pub(super) async fn post(
    State(console): State<Console>,
    CanOperate(caller): CanOperate,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    match media_type(&headers)?.as_str() {
        "" | "application/json" => {}
        _ => return Err(unsupported("send application/json").into()),
    }
    let bytes = body::read(&console.http, &headers, body).await?;
    let mut posted: SilenceBody = serde_json::from_slice(&bytes)
        .map_err(|error| Problem::bad_request(format!("the silence cannot be read: {error}")))?;
    let now_ns = console.http.clock.now_ns();
    let silence = posted
        .check(now_ns)
        .map_err(|invalid| Problem::bad_request(format!("silence invalid: {invalid}")))?;
    let now = now_ns.div_euclid(NANOS);
    if silence.ends <= now {
        return Err(Problem::bad_request("silence invalid: it ends in the past").into());
    }
    if silence.matchers.iter().all(holds_for_empty) {
        let detail = "silence invalid: at least one matcher must not match the empty string";
        return Err(Problem::bad_request(detail).into());
    }
    let standing = match posted.id.is_empty() {
        true => None,
        false => {
            let found = console.registry.silence(caller.tenant.as_ref(), &posted.id);
            let Some(found) = found else { return Ok(StatusCode::NOT_FOUND.into_response()) };
            // One that is over stays as it was; what is posted becomes another.
            (silence_state(&found, now) != "expired").then_some(found)
        }
    };
    if standing.is_none() {
        posted.id = new_id(&console, &bytes);
        // A new silence does not reach back into what people have already seen.
        if silence.starts < now {
            posted.starts_at = None;
        }
    }
    let event = event(&posted, now_ns);
    // Whoever sees every tenant's silences changes the one that was shown.
    let caller = match &standing {
        Some(standing) => caller.acting_for(&standing.tenant),
        None => caller,
    };
    let receipt = hand_on_one(&console, &caller, &event).await?;
    if let Some(refused) = receipt.rejects.first() {
        return Err(Problem::bad_request(refused.message.clone()).into());
    }
    Ok(json_of(StatusCode::OK, &json!({"silenceID": posted.id})))
}

/// `DELETE /api/v2/silence/{id}`: ends it now.
pub(super) async fn expire(
    State(console): State<Console>,
    CanOperate(caller): CanOperate,
    Path(id): Path<String>,
) -> Result<Response, Refusal> {
    let Some(entry) = console.registry.silence(caller.tenant.as_ref(), &id) else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let now_ns = console.http.clock.now_ns();
    let now = now_ns.div_euclid(NANOS);
    let event = match silence_state(&entry, now) {
        "expired" => return Ok(StatusCode::OK.into_response()),
        // It has held, if only for the second that has begun.
        "active" => {
            let ends = now.max(entry.body.starts.saturating_add(1));
            let mut body = body_of(&entry.body);
            body.insert("endsAt".to_owned(), json!(Time::from_seconds(ends)));
            json!({"kind": "silence", "op": "upsert", "time": now_ns, "silence": body})
        }
        _ => json!({"kind": "silence", "op": "delete", "time": now_ns, "silence": {"id": id}}),
    };
    let owner = caller.acting_for(&entry.tenant);
    let receipt = hand_on_one(&console, &owner, &event).await?;
    match receipt.rejects.first() {
        Some(refused) => Err(Problem::bad_request(refused.message.clone()).into()),
        None => Ok(StatusCode::OK.into_response()),
    }
}

fn event(posted: &SilenceBody, now_ns: i64) -> Value {
    json!({"kind": "silence", "op": "upsert", "time": now_ns, "silence": posted})
}

/// An id in the form of a UUID; new for each instant and body.
fn new_id(console: &Console, body: &[u8]) -> String {
    let mut seed = body.to_vec();
    seed.extend_from_slice(&console.http.clock.now_ns().to_le_bytes());
    seed.extend_from_slice(&console.http.gate.number().to_le_bytes());
    let hash = format!("{:032x}", xxh3_128(&seed));
    let parts = [&hash[..8], &hash[8..12], &hash[12..16], &hash[16..20], &hash[20..]];
    parts.join("-")
}

fn body_of(silence: &Silence) -> serde_json::Map<String, Value> {
    let matchers: Vec<MatcherBody> = silence.matchers.iter().map(MatcherBody::of).collect();
    let body = json!({
        "id": silence.silence_id,
        "matchers": matchers,
        "startsAt": Time::from_seconds(silence.starts),
        "endsAt": Time::from_seconds(silence.ends),
        "createdBy": silence.created_by,
        "comment": silence.comment,
    });
    match body {
        Value::Object(body) => body,
        _ => serde_json::Map::new(),
    }
}

fn shown(entry: &Entry<Silence>, now: i64) -> Value {
    let mut body = body_of(&entry.body);
    body.insert("status".to_owned(), json!({"state": silence_state(entry, now)}));
    body.insert("updatedAt".to_owned(), json!(Time::from_nanos(entry.time_ns)));
    Value::Object(body)
}

fn holds_for_empty(matcher: &Matcher) -> bool {
    let anchored = || regex::Regex::new(&format!("^(?:{})$", matcher.value));
    let is_match = |wanted: bool| anchored().is_ok_and(|regex| regex.is_match("") == wanted);
    match matcher.op {
        MatcherOp::Equal => matcher.value.is_empty(),
        MatcherOp::NotEqual => !matcher.value.is_empty(),
        MatcherOp::Regex => is_match(true),
        MatcherOp::NotRegex => is_match(false),
    }
}

fn filters(params: &Params) -> Result<Vec<Matcher>, Problem> {
    params
        .all("filter")
        .map(|text| MatcherBody::Text(text.to_owned()).check().map_err(Problem::bad_request))
        .collect()
}

/// Whether a silence has a matcher on the filter's label whose value the filter holds for, as
/// Alertmanager filters silences.
fn is_about(silence: &Silence, filter: &Matcher) -> bool {
    let values = silence.matchers.iter().filter(|held| held.name == filter.name);
    let test = |value: &str| match filter.op {
        MatcherOp::Equal => value == filter.value,
        MatcherOp::NotEqual => value != filter.value,
        MatcherOp::Regex | MatcherOp::NotRegex => {
            let regex = regex::Regex::new(&format!("^(?:{})$", filter.value));
            let wanted = filter.op == MatcherOp::Regex;
            regex.is_ok_and(|regex| regex.is_match(value) == wanted)
        }
    };
    let mut values = values.map(|held| held.value.as_str()).peekable();
    match values.peek() {
        None => test(""),
        Some(_) => values.any(test),
    }
}
