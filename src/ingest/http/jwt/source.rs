//! Where an issuer's keys come from: what was read, or what is fetched now and then.
//!
//! However many tokens name unknown keys, there is one fetch at a time and one in a while, and
//! nothing is remembered of them. What was fetched last stays while fetching fails.

use super::keys::Keys;
use crate::clock::{NANOS, SharedClock};
use crate::ingest::http::files;
use crate::ingest::http::terms::Unusable;
use crate::telemetry::http::HttpBooks;
use reqwest::{Certificate, Client, Url};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};

/// The least time between two fetches.
const BETWEEN_NS: i64 = 10 * NANOS;
/// Longest time for one fetch.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Bytes of a set that are read.
const BODY_BYTES_MAX: usize = 256 << 10;
/// Requests that wait for a fetch; others with unknown keys are refused at once.
const WAITING_MAX: usize = 32;

/// An issuer's keys, and where more come from.
pub(super) struct Source {
    keys: RwLock<Arc<Keys>>,
    fetching: Option<Fetching>,
}

struct Fetching {
    url: Url,
    client: Client,
    every: Duration,
    /// When the last fetch began; whoever holds it fetches.
    turn: Arc<Mutex<Option<i64>>>,
    waiting: Semaphore,
}

impl Source {
    /// These keys and never any others.
    pub(super) fn of(keys: Keys) -> Source {
        Source { keys: RwLock::new(Arc::new(keys)), fetching: None }
    }

    /// Keys that are fetched.
    ///
    /// # Errors
    /// When the certificates of `ca` cannot be used.
    pub(super) fn at(url: Url, ca: Option<&Path>, every: Duration) -> Result<Source, Unusable> {
        let client = client(&url, ca)?;
        let (turn, waiting) = (Arc::default(), Semaphore::new(WAITING_MAX));
        let fetching = Some(Fetching { url, client, every, turn, waiting });
        Ok(Source { keys: RwLock::default(), fetching })
    }

    /// The keys that count now.
    pub(super) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn hold(&self, keys: Arc<Keys>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
    }

    /// Fetches now and then until nobody needs the keys any more; those of `before` count until
    /// the first fetch. Must be called inside the tokio runtime.
    pub(super) fn begin(
        self: &Arc<Self>,
        before: Option<Arc<Keys>>,
        books: &HttpBooks,
        clock: &SharedClock,
    ) {
        let Some(fetching) = &self.fetching else { return };
        if let Some(keys) = before {
            self.hold(keys);
        }
        let (own, every) = (Arc::downgrade(self), fetching.every);
        let (books, clock) = (books.clone(), Arc::clone(clock));
        tokio::spawn(async move {
            while let Some(source) = Weak::upgrade(&own) {
                source.fetch_again(&books, &clock).await;
                drop(source);
                tokio::time::sleep(every).await;
            }
        });
    }

    /// Fetches, unless that was done a moment ago; waits for a fetch that is under way.
    pub(super) async fn fetch_again(self: &Arc<Self>, books: &HttpBooks, clock: &SharedClock) {
        let Some(fetching) = &self.fetching else { return };
        let Ok(_waiting) = fetching.waiting.try_acquire() else { return };
        let mut turn = Arc::clone(&fetching.turn).lock_owned().await;
        let now = clock.monotonic_ns();
        if turn.is_some_and(|last| now.saturating_sub(last) < BETWEEN_NS) {
            return;
        }
        *turn = Some(now);
        let (own, books, clock) = (Arc::clone(self), books.clone(), Arc::clone(clock));
        // A task of its own: a caller that goes away must not take the fetch with it, or one
        // that comes and goes in time would keep new keys from everybody.
        let fetched = tokio::spawn(async move {
            own.fetch(&books, &clock).await;
            drop(turn);
        });
        let _ = fetched.await;
    }

    async fn fetch(&self, books: &HttpBooks, clock: &SharedClock) {
        let Some(fetching) = &self.fetching else { return };
        let host = fetching.url.host_str().unwrap_or_default();
        let read = tokio::time::timeout(TIMEOUT, fetching.read());
        let read = read.await.unwrap_or_else(|_| Err("took too long".to_owned()));
        match read.and_then(|body| Keys::parse(&body)) {
            Ok(keys) => {
                tracing::debug!(host, keys = keys.len(), "fetched the keys of a JWT's issuer");
                books.keys_fetched(Some(keys.len()), clock.now_seconds());
                self.hold(Arc::new(keys));
            }
            Err(problem) => {
                let held = self.keys().len();
                tracing::warn!(host, problem, held, "cannot fetch the keys of a JWT's issuer");
                books.keys_fetched(None, clock.now_seconds());
            }
        }
    }
}

impl Fetching {
    async fn read(&self) -> Result<Vec<u8>, String> {
        let told = |error: reqwest::Error| {
            let error = error.without_url();
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        };
        let request = self.client.get(self.url.clone());
        let request = request.header("accept", "application/jwk-set+json, application/json");
        let mut response = request.send().await.map_err(told)?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(format!("answered {}", response.status()));
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(told)? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_BYTES_MAX {
                return Err(format!("is larger than {BODY_BYTES_MAX} bytes"));
            }
        }
        Ok(body)
    }
}

fn client(url: &Url, ca: Option<&Path>) -> Result<Client, Unusable> {
    // Whoever was first has installed it; the second attempt changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let key = "server.jwt.jwks.ca";
    let mut builder = Client::builder()
        .user_agent(concat!("causeway/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .pool_max_idle_per_host(0)
        .timeout(TIMEOUT);
    if let Some(path) = ca {
        let mut trusted = Vec::new();
        for certificate in files::certificates(key, path)? {
            trusted.push(Certificate::from_der(&certificate).map_err(|error| {
                Unusable::file(key, path, error.to_string(), "name other authorities")
            })?);
        }
        builder = builder.tls_certs_only(trusted);
    } else if url.scheme() == "http" {
        // Plain HTTP checks no certificate, so a system without any must not stop it.
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|error| Unusable {
        key: "server.jwt.jwks.url",
        message: format!("nothing can be fetched: {}", error.without_url()),
        remedy: "check `ca`, or the system's certificates".to_owned(),
    })
}
