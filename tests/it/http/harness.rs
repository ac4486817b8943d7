//! A server on a free port whose engine is a list.

use super::serving::{serving, settings};
use causeway::canonical::Kind;
use causeway::clock::{Clock, ManualClock};
use causeway::console::health::Condition;
use causeway::console::{Console, Health, Parts, Registry, SOURCE};
use causeway::dlq::{Keeper, LetterLimits, Letters, Store as DeadLetters, StoreLimits};
use causeway::emit::store::{Store, StoreLimits as IncidentLimits};
use causeway::emit::wire::{AlertRow, Message, Revision};
use causeway::ingest::http::terms::Terms;
use causeway::ingest::http::{Http, grpc_routes, routes};
use causeway::ingest::reception::{Reception, Surroundings as Around};
use causeway::ingest::{Busy, BusyReason, Durable, Intake, Reservation, Submission};
use causeway::settings::SourceSettings;
use causeway::telemetry::Metrics;
use causeway_dataflows::model::{Context, ContextEvent};
use reqwest::header::HeaderMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// 2026-11-23T07:00:00Z.
pub(super) const NOW: i64 = 1_795_417_200;
/// The token of the caller `sender` in configurations that have one.
pub(super) const TOKEN: &str = "a-token-of-sixteen-or-more";

/// What the engine does with the next batch.
#[derive(Default)]
pub(super) enum Mood {
    /// It takes it.
    #[default]
    Willing,
    /// It has no room.
    Busy(BusyReason),
    /// It panics, as only a bug does.
    Panics,
    /// It says that it has it, then waits to be let go.
    Holds(std::sync::mpsc::Sender<()>, std::sync::mpsc::Receiver<()>),
}

/// An engine that remembers what it was given.
#[derive(Default)]
pub(super) struct Engine {
    pub(super) mood: Mutex<Mood>,
    pub(super) taken: Mutex<Vec<Submission>>,
    letters: Mutex<Option<Keeper>>,
}

impl Intake for Engine {
    fn reserve(&self, _bytes: usize) -> Result<Reservation, Busy> {
        let mood = std::mem::take(&mut *self.mood.lock().unwrap());
        match mood {
            Mood::Willing => {}
            Mood::Busy(reason) => {
                return Err(Busy { retry_after: Duration::from_millis(2500), reason });
            }
            Mood::Panics => panic!("a bug"),
            Mood::Holds(entered, leave) => {
                // A thread of the runtime that waits would keep the tasks behind it waiting too.
                tokio::task::block_in_place(|| {
                    entered.send(()).unwrap();
                    leave.recv().unwrap();
                });
            }
        }
        Ok(Reservation::none())
    }

    fn submit(&self, mut batch: Submission) -> Result<Durable, Busy> {
        if let Some(letters) = &mut *self.letters.lock().unwrap() {
            letters.keep(&mut batch.refused).unwrap();
        }
        self.taken.lock().unwrap().push(batch);
        Ok(Durable::now())
    }
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    /// Where OTLP over gRPC is served.
    pub(super) grpc: SocketAddr,
    pub(super) engine: Arc<Engine>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) console: Console,
    pub(super) letters: Letters,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    serves: tokio::task::JoinHandle<()>,
    serves_calls: tokio::task::JoinHandle<()>,
    _directory: tempfile::TempDir,
}

/// An answer with its body read.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Asserts the status and a part of the text.
    #[track_caller]
    pub(super) fn is(self, status: u16, part: &str) -> Self {
        assert!(self.status == status && self.text.contains(part), "not {status} {part}: {self:?}");
        self
    }
}

impl Server {
    /// A server with the defaults.
    pub(super) async fn start() -> Self {
        Server::with("").await
    }

    /// A server with a configuration, the line of the version left out.
    pub(super) async fn with(yaml: &str) -> Self {
        let settings = settings(yaml);
        let clock = Arc::new(ManualClock::at_seconds(NOW));
        let metrics = Metrics::new(&*clock);
        let directory = tempfile::tempdir().unwrap();
        let bounds = StoreLimits { bytes_max: 64 << 20, age_max: Duration::from_secs(3600) };
        let dead_letters = DeadLetters::open(directory.path(), bounds).unwrap();
        let limits =
            LetterLimits { store: bounds, payload_bytes_max: 256 << 10, epoch_max: 10_000 };
        let (keeper, letters) = Keeper::new(dead_letters, limits, clock.clone());
        metrics.add(Box::new(letters.clone()));
        let (engine, registry) = (Arc::new(Engine::default()), Registry::default());
        *engine.letters.lock().unwrap() = Some(keeper);
        let listed = registry.clone();
        let around = Around {
            intake: engine.clone(),
            listener: Some(Arc::new(move |event: &ContextEvent| listed.apply(event))),
            metrics: metrics.clone(),
            clock: clock.clone(),
            workers: 2,
        };
        let terms = Terms::read(settings.server.clone()).unwrap();
        let http = Http::new(terms, metrics, clock.clone());
        http.gate.open();
        let receptions: Vec<Arc<Reception>> = settings
            .sources
            .iter()
            .map(|source| Arc::new(Reception::new(source, around.clone())))
            .collect();
        let of = |source: &SourceSettings| {
            let found = receptions.iter().find(|reception| reception.name() == source.name());
            Arc::clone(found.unwrap())
        };
        let receiving = routes(&http, &settings.sources, of);
        let calls = grpc_routes(&http, &settings.sources, of);
        let console = Console::new(Parts {
            tap: Default::default(),
            http: http.clone(),
            store: Store::new(IncidentLimits::default(), 7),
            registry,
            reception: Arc::new(Reception::internal(SOURCE, around)),
            health: Health::default(),
            receivers: settings.sinks.iter().map(|sink| sink.name.clone()).collect(),
            // Nobody reads the configuration again.
            reloads: tokio::sync::mpsc::channel(1).0,
            started_ns: clock.now_ns(),
        });
        console.health.set("config", Condition::Well);
        let (stop, stopped) = oneshot::channel();
        let stopped = async move { drop(stopped.await) };
        let (address, serves) = serving(&http, console.app(receiving, false), stopped).await;
        let (grpc, serves_calls) = serving(&http, calls, std::future::pending()).await;
        // The client asks for a provider even where it speaks plain HTTP only.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Server {
            address,
            grpc,
            engine,
            clock,
            console,
            letters,
            client,
            stop: Some(stop),
            serves,
            serves_calls,
            _directory: directory,
        }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method.parse().unwrap(), self.url(path))
    }

    pub(super) async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            text: response.text().await.unwrap(),
        }
    }

    pub(super) async fn get(&self, path: &str) -> Answer {
        self.send(self.request("GET", path)).await
    }

    /// Sends a body with a content type.
    pub(super) async fn push(
        &self,
        method: &str,
        path: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let request = self.request(method, path).header("content-type", content_type).body(body);
        self.send(request).await
    }

    /// Sends lines of native events.
    pub(super) async fn events(&self, lines: &str) -> Answer {
        self.push("POST", "/v1/events", "application/x-ndjson", lines.to_owned()).await
    }

    pub(super) fn mood(&self, mood: Mood) {
        *self.engine.mood.lock().unwrap() = mood;
    }

    /// How many batches the engine took.
    pub(super) fn batches(&self) -> usize {
        self.engine.taken.lock().unwrap().len()
    }

    /// The alerts that the engine took, as `name entity tenant`.
    pub(super) fn alerts(&self) -> Vec<String> {
        let taken = self.engine.taken.lock().unwrap();
        let segments = taken.iter().flat_map(|batch| &batch.decoded.segments);
        let mut alerts: Vec<String> = segments
            .flat_map(|segment| &segment.alerts)
            .flat_map(|batch| {
                batch.events.iter().map(|event| {
                    let identity = &batch.identities[event.identity as usize];
                    format!("{} {} {}", identity.name, identity.entity.text, identity.tenant)
                })
            })
            .collect();
        alerts.sort();
        alerts
    }

    /// The context events that the engine took, as `op what tenant`.
    pub(super) fn context(&self) -> Vec<String> {
        let taken = self.engine.taken.lock().unwrap();
        let segments = taken.iter().flat_map(|batch| &batch.decoded.segments);
        segments
            .flat_map(|segment| &segment.context)
            .map(|event| {
                let what = match &event.body {
                    Context::Entity(entity) => format!("entity {}", entity.entity.text),
                    Context::Relation(edge) => format!("{}>{}", edge.from.text, edge.to.text),
                    Context::Silence(silence) => format!("silence {}", silence.silence_id),
                    Context::Maintenance(window) => format!("window {}", window.maintenance_id),
                    Context::Rule(rule) => format!("rule {}", rule.rule_id),
                    other => format!("{other:?}"),
                };
                format!("{:?} {what} {}", event.op, event.tenant)
            })
            .collect()
    }

    /// Signals of one kind that the engine took.
    pub(super) fn signals(&self, kind: Kind) -> u64 {
        let taken = self.engine.taken.lock().unwrap();
        let segments = taken.iter().flat_map(|batch| &batch.decoded.segments);
        segments.map(|segment| segment.signals.of(kind)).sum()
    }

    /// A value of `/metrics`.
    pub(super) async fn metric(&self, series: &str) -> String {
        let text = self.get("/metrics").await.text;
        let found = text.lines().find_map(|line| line.strip_prefix(series));
        found.unwrap_or_else(|| panic!("{series} is not in\n{text}")).trim().to_owned()
    }

    /// Stops serving and waits for the requests under way.
    pub(super) async fn stop(mut self) {
        self.console.store.close();
        self.serves_calls.abort();
        let _ = self.stop.take().unwrap().send(());
        self.serves.await.unwrap();
    }
}

/// A line of a native alert.
pub(super) fn alert(id: &str, entity: &str) -> String {
    format!(
        "{{\"id\":\"{id}\",\"source\":\"test\",\"kind\":\"alert\",\"name\":\"HighErrorRate\",\
         \"time\":\"2026-11-23T06:59:30Z\",\"severity\":\"error\",\"entity\":\"{entity}\"}}\n"
    )
}

/// An alert's row, firing since ten minutes.
pub(super) fn row(id: &str, entity: &str, incident: Option<&str>) -> AlertRow {
    serde_json::from_value(serde_json::json!({
        "alert_id": id,
        "fingerprint": format!("{:032x}", id.len()),
        "entity": entity,
        "name": "HighErrorRate",
        "severity": "error",
        "first": "2026-11-23T06:50:00Z",
        "last": "2026-11-23T06:59:00Z",
        "count": 10,
        "status": "firing",
        "suppressed": null,
        "first_event_id": "e-1",
        "incident_id": incident,
        "summary": "error rate 7 %",
        "source": "prometheus",
        "tenant": "default",
        "labels": {"env": "prod"},
    }))
    .unwrap()
}

/// A revision of an incident with one alert.
pub(super) fn revision(id: &str, number: u64, tenant: &str) -> Revision {
    let mut alert = serde_json::to_value(row("alt-1", "service:shop/cart", None)).unwrap();
    alert["tenant"] = tenant.into();
    serde_json::from_value(serde_json::json!({
        "incident_id": id,
        "revision": number,
        "event": if number == 1 { "opened" } else { "updated" },
        "tenant": tenant,
        "opened_at": "2026-11-23T06:50:00Z",
        "updated_at": format!("2026-11-23T06:5{number}:00Z"),
        "resolved_at": null,
        "severity": "error",
        "title": format!("cart: HighErrorRate <{id}>"),
        "owner": "team:shop/payments",
        "alerts": [alert],
        "entities": ["service:shop/cart"],
        "changes": [],
        "cause": {
            "candidates": [{"entity": "database:shop/cart-db", "probability": 0.8, "score": 2.1,
                            "contributions": {"own": 1.5}}],
            "unknown": 0.2,
            "model": "test",
        },
        "explanation": {
            "path": [{"from": "service:shop/cart", "to": "database:shop/cart-db",
                      "relation": "reads", "lag_ms": 4000, "evidence": ["e-1"]}],
            "text": "The cart is hurt.",
            "counterfactual": null,
            "members": [{"alert_id": "alt-1", "because": "It is where it began."}],
        },
        "lineage": {"merged_into": null, "merged_from": [], "split_from": null},
        "difference": {"alerts_added": [], "alerts_removed": [], "alerts_changed": [],
                       "fields": []},
        "degraded": false,
    }))
    .unwrap()
}

/// The same as the ledger would publish it.
pub(super) fn message(id: &str, number: u64, tenant: &str) -> Message {
    Message::new(revision(id, number, tenant))
}
