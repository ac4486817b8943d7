//! The routes that take events.

use super::answer::{Answer, Problem, json, json_of};
use super::auth::{Caller, CanIngest};
use super::body::{self, is_json_or_lines, media_type, unsupported};
use super::idempotency::{Begin, Key, Remembered, key_text};
use super::{Http, SourceState};
use crate::canonical::{Format, Framing, Kind};
use crate::ingest::reception::{Delivery, Receipt, Reception};
use crate::ingest::record::{Head, KeyUsed};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use smol_str::SmolStr;
use std::sync::Arc;
use tokio::task::JoinHandle;
use xxhash_rust::xxh3::xxh3_128;

/// The header of the key.
const IDEMPOTENCY_KEY: &str = "idempotency-key";
/// The operation that takes a key.
pub const EVENTS: &str = "events";
/// On a dead letter sent again, so that a refusal does not store it a second time.
pub const RESENT: &str = "causeway-resent";
/// What the attributes of a CloudEvent in binary mode begin with.
const CLOUD_EVENT: &str = "ce-";
/// Bodies up to this size are decoded where the request is served; larger ones on a thread
/// where they hold nobody up. At 700 MB/s this is a tenth of a millisecond.
const INLINE_BYTES_MAX: usize = 64 << 10;

/// Everything that decoding needs, owned, so that it can move to another thread.
struct Job {
    reception: Arc<Reception>,
    bytes: Bytes,
    format: Format,
    framing: Framing,
    headers: Option<Vec<(String, String)>>,
    tenant: SmolStr,
    kinds: &'static [Kind],
    is_resent: bool,
    key: Option<KeyUsed>,
}

impl Job {
    /// A body that may hold any kind, sent for the first time.
    fn of(
        reception: &Arc<Reception>,
        tenant: SmolStr,
        (format, framing): (Format, Framing),
        bytes: Bytes,
    ) -> Job {
        let reception = Arc::clone(reception);
        Job {
            reception,
            bytes,
            format,
            framing,
            headers: None,
            tenant,
            kinds: &[],
            is_resent: false,
            key: None,
        }
    }

    /// A hash of what was sent. The format is part of it, and so are the attributes of a
    /// CloudEvent in binary mode: the same bytes may mean something else.
    fn hash(&self) -> u128 {
        let attributes = self.headers.as_ref().map(|headers| {
            let mut headers = headers.clone();
            headers.sort();
            xxh3_128(format!("{headers:?}").as_bytes())
        });
        let head =
            [u128::from(self.format.number()), attributes.unwrap_or(0), xxh3_128(&self.bytes)];
        xxh3_128(&head.map(u128::to_le_bytes).concat())
    }

    fn run(&self) -> Result<Receipt, Problem> {
        let headers: Option<Vec<(&str, &str)>> = self.headers.as_ref().map(|headers| {
            headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
        });
        let delivery = Delivery {
            framing: self.framing,
            headers: headers.as_deref(),
            kinds: self.kinds,
            is_resent: self.is_resent,
            key: self.key.as_ref(),
            ..Delivery::body(&self.bytes, self.format, &self.tenant)
        };
        self.reception.take(&delivery).map_err(Problem::from)
    }
}

/// Runs a job where it holds nobody up, and waits until what it took cannot be lost any more.
/// Once begun it is finished, whether or not the caller is still there.
async fn run(job: Job) -> Result<Receipt, Problem> {
    let receipt = match job.bytes.len() <= INLINE_BYTES_MAX {
        true => job.run(),
        false => joined(tokio::task::spawn_blocking(move || job.run())).await,
    }?;
    receipt.durable.clone().wait().await.map_err(Problem::from)?;
    Ok(receipt)
}

/// What a task comes to; its panic goes on here.
async fn joined<T>(task: JoinHandle<Result<T, Problem>>) -> Result<T, Problem> {
    let error = match task.await {
        Ok(done) => return done,
        Err(error) => error,
    };
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => {
            let detail = "the process is stopping";
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).retry_after(1))
        }
    }
}

/// Decodes a body and hands its events on; `kinds` are those that may be in it, empty for all.
///
/// # Errors
/// When there is no room.
pub async fn receive(
    reception: &Arc<Reception>,
    tenant: SmolStr,
    form: (Format, Framing),
    kinds: &'static [Kind],
    bytes: Bytes,
) -> Result<Receipt, Problem> {
    run(Job { kinds, ..Job::of(reception, tenant, form, bytes) }).await
}

/// Whose events these are, if the caller may send to this source at all.
fn tenant_of(caller: &Caller, reception: &Reception) -> Result<SmolStr, Problem> {
    if !caller.may_send_to(reception.index()) {
        let detail =
            format!("the token of `{}` may not send to `{}`", caller.name, reception.name());
        return Err(Problem::new(StatusCode::FORBIDDEN, detail));
    }
    Ok(caller.tenant.clone().unwrap_or_else(|| reception.tenant().clone()))
}

/// `POST /v1/events`: native events as lines or as an array, and CloudEvents in any mode.
pub async fn native(
    State(state): State<SourceState>,
    CanIngest(caller): CanIngest,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let tenant = tenant_of(&caller, &state.reception)?;
    let media_type = media_type(&headers)?;
    // The content type goes before the attributes (HTTP binding of CloudEvents, section 3).
    let attributes = match media_type.starts_with("application/cloudevents") {
        true => None,
        false => cloud_event_attributes(&headers),
    };
    let format = match attributes {
        Some(_) => Format::CloudEvents,
        None => format_of(&media_type)?,
    };
    let bytes = body::read(&state.http, &headers, body).await?;
    let key = key_text(headers.get(IDEMPOTENCY_KEY)).map_err(Problem::bad_request)?;
    let job = Job {
        headers: attributes,
        is_resent: headers.contains_key(RESENT),
        ..Job::of(&state.reception, tenant.clone(), (format, Framing::Body), bytes)
    };
    let key = key.map(|text| Key {
        tenant,
        source: state.reception.name().clone(),
        operation: EVENTS,
        text,
    });
    let answered = answered_once(&state.http, key, job).await?;
    Ok(json(answered.status, answered.body))
}

/// Serves a request under its key, or gives the answer that the key has.
async fn answered_once(http: &Http, key: Option<Key>, mut job: Job) -> Result<Remembered, Problem> {
    let Some(key) = key else { return Ok(answer_of(&run(job).await?)) };
    let hash = job.hash();
    job.key = Some(KeyUsed::new(key.operation, &key.text, hash));
    let guard = match http.keys.begin(key, hash, http.clock.now_ns()) {
        Begin::Fresh(guard) => guard,
        Begin::Again(answer) => return Ok(answer),
        Begin::OtherBody => {
            let detail = "this idempotency-key was used for another body";
            return Err(Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail));
        }
        Begin::UnderWay => {
            let detail = "a request with this idempotency-key is being served";
            return Err(Problem::new(StatusCode::CONFLICT, detail).retry_after(1));
        }
    };
    // On a task of its own: when the caller goes away the key must not become free.
    joined(tokio::spawn(async move {
        let answer = answer_of(&run(job).await?);
        guard.finish(&answer);
        Ok(answer)
    }))
    .await
}

fn answer_of(receipt: &Receipt) -> Remembered {
    let answer = Answer::of(receipt).with_reason();
    let body = Bytes::from(serde_json::to_vec(&answer).unwrap_or_default());
    Remembered { status: answer.status(), body }
}

/// What a sender was told, or would have been, before the process began: a key that it used
/// then is used now.
pub fn remember(http: &Http, head: &Head, receipt: &Receipt) {
    let Some(used) = &head.key else { return };
    // The operations are few; a key of one that is no more is of no use.
    let Some(body) = used.body_hash().filter(|_| used.operation == EVENTS) else { return };
    let key = Key {
        tenant: head.tenant.clone(),
        source: head.source.clone(),
        operation: EVENTS,
        text: used.text.clone(),
    };
    if let Begin::Fresh(guard) = http.keys.begin(key, body, head.receipt_ns()) {
        guard.finish(&answer_of(receipt));
    }
}

fn format_of(media_type: &str) -> Result<Format, Problem> {
    Ok(match media_type {
        json if is_json_or_lines(json) => Format::Native,
        "application/cloudevents+json" | "application/cloudevents-batch+json" => {
            Format::CloudEvents
        }
        _ => {
            return Err(unsupported(
                "send application/x-ndjson or application/json (with curl: --data-binary @FILE -H 'content-type: application/x-ndjson'), or application/cloudevents+json",
            ));
        }
    })
}

/// The attributes of a CloudEvent in binary mode, if this is one.
fn cloud_event_attributes(headers: &HeaderMap) -> Option<Vec<(String, String)>> {
    headers.get("ce-specversion")?;
    let attributes = headers.iter().filter(|(name, _)| name.as_str().starts_with(CLOUD_EVENT));
    Some(
        attributes
            .filter_map(|(name, value)| {
                Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned()))
            })
            .collect(),
    )
}

/// `POST /api/v2/alerts`, as Alertmanager has it: good alerts are taken even when others are
/// refused, and then the answer is 400 with the reasons as a JSON string.
pub async fn alertmanager(
    State(state): State<SourceState>,
    CanIngest(caller): CanIngest,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = json_body(&state, &headers, body).await?;
    if let Some(found) = no_array(&bytes) {
        let message = format!(
            "E001 the body is {found} at byte 0; an array of alerts is wanted, put it in [ ]: \
             [{{\"labels\": {{\"alertname\": ...}}}}]"
        );
        return Ok(json_of(StatusCode::BAD_REQUEST, &message));
    }
    let receipt = receive_body(&state, &caller, &headers, bytes, Format::Alertmanager).await?;
    let reasons: Vec<String> = receipt
        .rejects
        .iter()
        .take(super::answer::REJECTS_LISTED_MAX)
        .map(|refused| format!("alert {}: {} {}", refused.line, refused.code, refused.message))
        .collect();
    if receipt.counts.rejected > 0 {
        return Ok(json_of(StatusCode::BAD_REQUEST, &reasons.join("; ")));
    }
    Ok(StatusCode::OK.into_response())
}

/// `POST /v1/webhooks/…`: the payload of Alertmanager's webhook, version 4, or of Grafana's.
pub async fn webhook(
    State(state): State<SourceState>,
    CanIngest(caller): CanIngest,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let bytes = json_body(&state, &headers, body).await?;
    let receipt = receive_body(&state, &caller, &headers, bytes, Format::Webhook).await?;
    let answer = Answer::of(&receipt);
    // A notification without alerts is nothing wrong; the sender's tests send such.
    let status = match answer.is_refusal() && receipt.counts.rejected > 0 {
        true => StatusCode::BAD_REQUEST,
        false => StatusCode::OK,
    };
    Ok(json_of(status, &answer))
}

/// Hands a whole body on for its caller.
///
/// # Errors
/// When the caller may not send to the source, or there is no room.
pub(super) async fn receive_body(
    state: &SourceState,
    caller: &Caller,
    headers: &HeaderMap,
    bytes: Bytes,
    format: Format,
) -> Result<Receipt, Problem> {
    let tenant = tenant_of(caller, &state.reception)?;
    let job = Job {
        is_resent: headers.contains_key(RESENT),
        ..Job::of(&state.reception, tenant, (format, Framing::Body), bytes)
    };
    run(job).await
}

async fn json_body(state: &SourceState, headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    require_json(headers)?;
    body::read(&state.http, headers, body).await
}

/// What a body holds instead of an array; an empty one holds no alerts and nothing wrong.
fn no_array(bytes: &[u8]) -> Option<&'static str> {
    match bytes.trim_ascii_start().first()? {
        b'[' => None,
        b'{' => Some("an object"),
        _ => Some("no array"),
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    match media_type(headers)?.as_str() {
        "" | "application/json" => Ok(()),
        _ => Err(unsupported("send application/json")),
    }
}
