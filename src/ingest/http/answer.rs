//! What a caller is told: receipts, and problems in the form of RFC 9457.

use crate::ingest::reception::{Receipt, Refused};
use crate::ingest::{Busy, BusyReason};
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Rejects listed in one answer; at some 150 bytes each, below a quarter of a megabyte.
pub const REJECTS_LISTED_MAX: usize = 1_000;

/// What became of the events of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Answer {
    /// Events that were taken.
    pub accepted: u64,
    /// Events that had been taken before.
    pub duplicate: u64,
    /// Statements that a deletion removed: one event may take back those of several sources.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub removed: Option<u64>,
    /// Events that were refused, in order.
    pub rejected: Vec<RejectedLine>,
    /// Refused events beyond those listed.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub rejected_omitted: u64,
    /// Why nothing was taken, where no refused event says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One refused event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RejectedLine {
    /// Its line, or its place in the array, from 1.
    pub line: u64,
    /// Why, such as `E004`.
    pub code: String,
    /// Why, with particulars.
    pub message: String,
}

impl RejectedLine {
    /// A refused event, as its sender is told.
    pub fn of(refused: &Refused) -> Self {
        RejectedLine {
            line: refused.line,
            code: refused.code.to_owned(),
            message: refused.message.clone(),
        }
    }
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Answer {
    /// The answer that a receipt gives.
    pub fn of(receipt: &Receipt) -> Self {
        let listed = receipt.rejects.iter().take(REJECTS_LISTED_MAX);
        let rejected: Vec<RejectedLine> = listed.map(RejectedLine::of).collect();
        Answer {
            accepted: receipt.counts.accepted,
            duplicate: receipt.counts.duplicate,
            removed: None,
            rejected_omitted: receipt.counts.rejected.saturating_sub(rejected.len() as u64),
            rejected,
            reason: None,
        }
    }

    /// The same with a reason, when there was nothing to take or to refuse.
    #[must_use]
    pub fn with_reason(mut self) -> Self {
        if self.is_refusal() && self.rejected.is_empty() && self.rejected_omitted == 0 {
            let reason = "the body holds no event; send a JSON object a line, or an array of them";
            self.reason = Some(reason.to_owned());
        }
        self
    }

    /// Whether no event was taken, now or before.
    pub fn is_refusal(&self) -> bool {
        self.accepted + self.duplicate == 0
    }

    /// 200 when any event was taken, else 400 (SEMANTICS rule 27).
    pub fn status(&self) -> StatusCode {
        match self.is_refusal() {
            true => StatusCode::BAD_REQUEST,
            false => StatusCode::OK,
        }
    }
}

/// A request that was not served.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// The status once more.
    pub status: u16,
    /// What the status means.
    pub title: String,
    /// What is wrong and what to do.
    pub detail: String,
    #[serde(skip)]
    extra: Extra,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Extra {
    #[default]
    Nothing,
    RetryAfter(u64),
    Authenticate,
    AcceptEncoding,
}

impl Problem {
    /// A problem with this status.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Problem {
            status: status.as_u16(),
            title: status.canonical_reason().unwrap_or("problem").to_owned(),
            detail: detail.into(),
            extra: Extra::Nothing,
        }
    }

    /// 400.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }

    /// 413.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// 401, asking for a token.
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Problem { extra: Extra::Authenticate, ..Problem::new(StatusCode::UNAUTHORIZED, detail) }
    }

    /// 415 because of how the body is compressed.
    pub fn unknown_encoding(detail: impl Into<String>) -> Self {
        Problem {
            extra: Extra::AcceptEncoding,
            ..Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
        }
    }

    /// The same with a time to wait, whole seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u64) -> Self {
        self.extra = Extra::RetryAfter(seconds.max(1));
        self
    }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        let status = match busy.reason {
            BusyReason::Full | BusyReason::Memory => StatusCode::TOO_MANY_REQUESTS,
            BusyReason::Stopping | BusyReason::Storage => StatusCode::SERVICE_UNAVAILABLE,
        };
        let seconds = busy.retry_after.as_millis().div_ceil(1000);
        Problem::new(status, busy.to_string()).retry_after(u64::try_from(seconds).unwrap_or(1))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.extra {
            Extra::Nothing => {}
            Extra::RetryAfter(seconds) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
            }
            Extra::Authenticate => {
                // The second form lets a browser ask: any name, and the token as password.
                headers.append(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
                let basic = HeaderValue::from_static("Basic realm=\"causeway\", charset=\"UTF-8\"");
                headers.append(WWW_AUTHENTICATE, basic);
            }
            Extra::AcceptEncoding => {
                headers.insert("accept-encoding", HeaderValue::from_static("gzip, zstd"));
            }
        }
        response
    }
}

/// A status with a body that is already JSON.
pub fn json(status: StatusCode, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A status with a value as JSON.
pub fn json_of(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => json(status, body),
        Err(error) => {
            let detail = format!("the answer could not be written: {error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, detail).into_response()
        }
    }
}
