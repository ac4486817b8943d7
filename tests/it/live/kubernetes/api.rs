//! As much of an API server as watching takes: lists in pages, watches, versions, tokens.

use axum::Router;
use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;

/// Objects of a page, whatever is asked for.
const PAGE: usize = 2;

/// A cluster; cloning shares it.
#[derive(Clone)]
pub(super) struct Api {
    inner: Arc<Mutex<Inner>>,
    /// Counts what happens, so that watches look again.
    changed: watch::Sender<u64>,
    pub(super) url: String,
}

struct Inner {
    version: u64,
    /// By plural and name.
    objects: BTreeMap<(String, String), Value>,
    log: Vec<(u64, String, Value)>,
    /// Watches from before this version come too late.
    oldest: u64,
    /// Times that all watches were cut off.
    cuts: u64,
    token: String,
    /// Requests that showed another one.
    pub(super) refused: u64,
}

impl Api {
    pub(super) async fn start(token: &str) -> Api {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let inner = Inner {
            version: 100,
            objects: BTreeMap::new(),
            log: Vec::new(),
            oldest: 0,
            cuts: 0,
            token: token.to_owned(),
            refused: 0,
        };
        let api = Api {
            inner: Arc::new(Mutex::new(inner)),
            changed: watch::channel(0).0,
            url: format!("http://{}", listener.local_addr().unwrap()),
        };
        let app = Router::new().fallback(answer).with_state(api.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        api
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    fn happen(&self, change: impl FnOnce(&mut Inner)) {
        change(&mut self.lock());
        self.changed.send_modify(|count| *count += 1);
    }

    /// Puts an object in its place.
    pub(super) fn put(&self, plural: &str, object: Value) {
        self.happen(|inner| inner.put(plural, object));
    }

    /// Takes an object away.
    pub(super) fn remove(&self, plural: &str, name: &str) {
        self.happen(|inner| {
            let object = inner.objects.remove(&(plural.to_owned(), name.to_owned())).unwrap();
            inner.log(plural, "DELETED", object);
        });
    }

    /// Cuts all watches off; `change` happens while nobody watches.
    pub(super) fn cut(&self, change: impl FnOnce(&Api)) {
        self.lock().cuts += 1;
        change(self);
        self.changed.send_modify(|count| *count += 1);
    }

    /// Forgets what happened so far: whoever goes on from there has to list again.
    pub(super) fn forget(&self) {
        let mut inner = self.lock();
        inner.oldest = inner.version + 1;
        inner.version += 1;
        inner.log.clear();
    }

    /// Takes another token from now on, and no more the old one.
    pub(super) fn expire(&self, token: &str) {
        self.lock().token = token.to_owned();
    }

    /// Requests that showed another token.
    pub(super) fn refused(&self) -> u64 {
        self.lock().refused
    }

    /// Waits until a request has shown another token.
    pub(super) async fn until_refused(&self) {
        let mut changed = self.changed.subscribe();
        changed.wait_for(|_| self.refused() > 0).await.unwrap();
    }
}

impl Inner {
    fn put(&mut self, plural: &str, object: Value) {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        let before = self.objects.insert((plural.to_owned(), name), object.clone());
        self.log(plural, if before.is_some() { "MODIFIED" } else { "ADDED" }, object);
    }

    fn log(&mut self, plural: &str, word: &str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let event = json!({"type": word, "object": object});
        self.log.push((self.version, plural.to_owned(), event));
    }

    /// A page of a list, beginning behind `next` objects.
    fn page(&self, plural: &str, next: usize) -> Value {
        let all: Vec<&Value> =
            self.objects.iter().filter(|((of, _), _)| of == plural).map(|(_, of)| of).collect();
        let rest = all.get(next..).unwrap_or_default();
        let mut metadata = json!({"resourceVersion": self.version.to_string()});
        if rest.len() > PAGE {
            metadata["continue"] = json!((next + PAGE).to_string());
        }
        let items: Vec<&Value> = rest.iter().take(PAGE).copied().collect();
        json!({"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items})
    }

    /// What happened behind a version, a line each, and up to which version that is.
    fn behind(&self, plural: &str, version: u64) -> Result<(String, u64), String> {
        if version + 1 < self.oldest {
            let status = json!({"kind": "Status", "code": 410, "message": "too old"});
            return Err(format!("{}\n", json!({"type": "ERROR", "object": status})));
        }
        let found = self.log.iter().filter(|(at, of, _)| *at > version && of == plural);
        let lines = found.map(|(.., event)| format!("{event}\n")).collect();
        Ok((lines, self.version))
    }
}

async fn answer(
    State(api): State<Api>,
    uri: Uri,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let query: BTreeMap<String, String> = query
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let shown = headers.get("authorization").and_then(|shown| shown.to_str().ok());
    let expected = format!("Bearer {}", api.lock().token);
    if shown != Some(expected.as_str()) {
        api.happen(|inner| inner.refused += 1);
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let plural = uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    if plural == "ingresses" {
        // As where an account may not read all.
        return StatusCode::FORBIDDEN.into_response();
    }
    let number = |name: &str| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(0);
    if !query.contains_key("watch") {
        let page = api.lock().page(&plural, number("continue") as usize);
        return axum::Json(page).into_response();
    }
    let (lines, body) = mpsc::channel(16);
    tokio::spawn(watched(api, plural, number("resourceVersion"), lines));
    Body::from_stream(ReceiverStream::new(body)).into_response()
}

/// Sends what happens behind a version until the watch is cut off.
async fn watched(
    api: Api,
    plural: String,
    mut version: u64,
    lines: mpsc::Sender<Result<String, Infallible>>,
) {
    let mut changed = api.changed.subscribe();
    let cuts = api.lock().cuts;
    loop {
        let (behind, is_cut) = {
            let inner = api.lock();
            (inner.behind(&plural, version), inner.cuts != cuts)
        };
        let text = match behind {
            // In the middle of an event, as when a connection breaks.
            _ if is_cut => return drop(lines.send(Ok("{\"type\":".to_owned())).await),
            Ok((text, reached)) => {
                version = reached;
                text
            }
            Err(gone) => return drop(lines.send(Ok(gone)).await),
        };
        let ended = !text.is_empty() && lines.send(Ok(text)).await.is_err();
        if ended || changed.changed().await.is_err() {
            return;
        }
    }
}
