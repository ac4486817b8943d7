//! Revisions as HTTP requests, one each, in order.
//!
//! ```text
//! outbox ─► sign ─► resolve and check ─► POST ─┬ 2xx: delivered
//!    ▲                                         ├ no word about the revision: wait, try again
//!    └──────────── wait ◄──────────────────────┤
//!                                              └ refused: given up, counted and kept
//! ```
//!
//! A receiver that is away, overloaded, moved, or does not know us says nothing about the revision,
//! and would say it of the next one too: no answer, 3xx, 401, 402, 403, 404, 405, 407, 408, 410,
//! 421, 423, 425, 429, 5xx. Any other answer but 2xx is about this revision.
//!
//! The body is the CloudEvents envelope, the same bytes at every attempt, with
//! `Idempotency-Key` and, when a key is configured, the headers of the Standard
//! Webhooks specification. No redirect is followed, no proxy is used, and no
//! private address is connected to unless its range is listed.

use super::outbox::Outbox;
use super::wire::Message;
use crate::clock::SharedClock;
use address::AddressPolicy;
use backoff::Backoff;
use ipnet::IpNet;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Response, Url};
use signature::SigningKey;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub mod address;
pub mod backoff;
pub mod signature;
#[cfg(test)]
mod tests;

/// Bytes of an answer that are read; the connection is dropped when there are more.
const RESPONSE_BYTES_MAX: usize = 64 << 10;
/// The first wait lies between nothing and this.
const BACKOFF_MIN: Duration = Duration::from_millis(500);

/// Where and how a webhook posts.
#[derive(Clone)]
pub struct WebhookParams {
    /// The address.
    pub url: Url,
    /// Key of the signature: `whsec_` and base64, or any text; nothing is signed without one.
    pub secret: Option<String>,
    /// Further headers.
    pub headers: Vec<(HeaderName, String)>,
    /// Private ranges that may be connected to, also in plain HTTP.
    pub allow_private: Vec<IpNet>,
    /// Longest time for one attempt.
    pub timeout: Duration,
    /// Attempts at one revision; `None` for no end.
    pub attempts_max: Option<u32>,
    /// Longest wait between two attempts, unless the receiver asks for a longer one.
    pub backoff_max: Duration,
    /// Seed of the jitter, different for each process.
    pub seed: u64,
}

impl fmt::Debug for WebhookParams {
    /// Without the path, the secret and the headers, which tend to be credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebhookParams")
            .field("origin", &self.url.origin().ascii_serialization())
            .field("signed", &self.secret.is_some())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A webhook cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The address may not be posted to.
    #[error(transparent)]
    Address(#[from] address::AddressError),
    /// A header's value cannot be sent.
    #[error("webhook header {name} has a value that cannot be sent: use printable ASCII")]
    Header {
        /// The header.
        name: HeaderName,
    },
    /// The key after `whsec_` is not base64.
    #[error("webhook secret cannot be read: after whsec_ comes standard base64")]
    Secret,
    /// The client cannot be built.
    #[error("webhook client cannot be built: check the system's certificates")]
    Client(#[source] reqwest::Error),
}

/// How waits are waited, so that tests need not.
pub type Sleep = Arc<dyn Fn(Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// Posts what its outbox holds.
pub struct Webhook {
    client: Client,
    url: Url,
    headers: HeaderMap,
    key: Option<SigningKey>,
    attempts_max: Option<u32>,
    backoff: Backoff,
    clock: SharedClock,
    sleep: Sleep,
}

/// How an attempt ended.
enum Outcome {
    Delivered,
    /// With the wait that the receiver asked for, if any.
    Later(String, Option<Duration>),
    Never(String),
}

impl Webhook {
    /// Checks the address and builds the client.
    ///
    /// # Errors
    /// When the address, a header or the secret cannot be used.
    pub fn new(params: WebhookParams, clock: SharedClock) -> Result<Webhook, WebhookError> {
        let sleep: Sleep = Arc::new(|wait| Box::pin(tokio::time::sleep(wait)));
        Webhook::with_sleep(params, clock, sleep)
    }

    /// The same, with another way to wait.
    ///
    /// # Errors
    /// As for [`Webhook::new`].
    pub fn with_sleep(
        params: WebhookParams,
        clock: SharedClock,
        sleep: Sleep,
    ) -> Result<Webhook, WebhookError> {
        let policy = AddressPolicy::new(params.allow_private, params.url.scheme() == "https");
        policy.check_url(&params.url)?;
        let mut headers = HeaderMap::new();
        for (name, value) in params.headers {
            let mut value = HeaderValue::from_str(&value)
                .map_err(|_| WebhookError::Header { name: name.clone() })?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let key = params.secret.as_deref().map(SigningKey::parse).transpose();
        Ok(Webhook {
            client: client(policy, params.timeout, params.url.scheme())?,
            url: params.url,
            headers,
            key: key.map_err(|_| WebhookError::Secret)?,
            attempts_max: params.attempts_max,
            backoff: Backoff::new(BACKOFF_MIN, params.backoff_max, params.seed),
            clock,
            sleep,
        })
    }

    /// Posts until the queue is closed and empty, or stopped.
    pub async fn run(mut self, outbox: Arc<Outbox>) {
        while let Some(messages) = outbox.take_async(1).await {
            for message in messages {
                tokio::select! {
                    () = self.deliver(&outbox, &message) => {}
                    () = outbox.stopped() => return,
                }
            }
        }
    }

    /// Tries until the message is settled.
    async fn deliver(&mut self, outbox: &Outbox, message: &Message) {
        for attempt in 1u32.. {
            let (problem, asked) = match self.attempt(message).await {
                Outcome::Delivered => return outbox.delivered(1),
                Outcome::Never(problem) => return self.give_up(outbox, message, problem),
                Outcome::Later(problem, asked) => (problem, asked),
            };
            if self.attempts_max.is_some_and(|max| attempt >= max) {
                return self.give_up(outbox, message, problem);
            }
            let wait = self.backoff.wait(attempt, asked);
            tracing::warn!(sink = %outbox.name(), id = %message.id, attempt, problem, ?wait,
                "webhook failed, trying again");
            outbox.retried(problem);
            (self.sleep)(wait).await;
        }
    }

    fn give_up(&self, outbox: &Outbox, message: &Message, problem: String) {
        tracing::error!(sink = %outbox.name(), id = %message.id, problem, "webhook gave up");
        outbox.failed(problem);
    }

    async fn attempt(&self, message: &Message) -> Outcome {
        let mut request = self
            .client
            .post(self.url.clone())
            .headers(self.headers.clone())
            .header("content-type", "application/cloudevents+json; charset=utf-8")
            .header("idempotency-key", message.id.as_str())
            .body(message.line.as_bytes().to_vec());
        if let Some(key) = &self.key {
            let timestamp = self.clock.now_seconds();
            request = request
                .header("webhook-id", message.id.as_str())
                .header("webhook-timestamp", timestamp)
                .header("webhook-signature", key.sign(&message.id, timestamp, &message.line));
        }
        match request.send().await {
            Ok(response) => self.judge(response).await,
            Err(error) => Outcome::Later(reason(error), None),
        }
    }

    async fn judge(&self, response: Response) -> Outcome {
        let status = response.status();
        let asked = response
            .headers()
            .get("retry-after")
            .and_then(|value| backoff::retry_after(value.to_str().ok()?, self.clock.now_seconds()));
        let problem = format!("the receiver answered {status}{}", remedy(status.as_u16()));
        discard(response).await;
        match status.as_u16() {
            200..300 => Outcome::Delivered,
            300..=399 | 401..=405 | 407 | 408 | 410 | 421 | 423 | 425 | 429 | 500..600 => {
                Outcome::Later(problem, asked)
            }
            _ => Outcome::Never(problem),
        }
    }
}

/// What an operator can do about a status that no second attempt mends.
fn remedy(status: u16) -> &'static str {
    match status {
        300..=399 => "; redirects are not followed, so correct `url`",
        401 | 402 | 403 | 407 => "; check `headers` and `secret`",
        404 | 405 | 410 | 421 => "; check `url`",
        _ => "",
    }
}

/// Reads what is left of an answer, so that its connection can be used again; not too much of it.
async fn discard(mut response: Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > RESPONSE_BYTES_MAX {
            break;
        }
    }
}

/// What went wrong, without the address, whose path may be a credential.
fn reason(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

fn client(policy: AddressPolicy, timeout: Duration, scheme: &str) -> Result<Client, WebhookError> {
    // Whoever was first has installed it; the second attempt changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(concat!("causeway/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .dns_resolver(policy)
        .pool_max_idle_per_host(1)
        .timeout(timeout);
    if scheme == "http" {
        // Plain HTTP checks no certificate, so a system without any must not stop it.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(WebhookError::Client)
}
