//! Signals from stock senders, and from the journal once more.

use super::process::{Process, causeway};
use super::tools::Prometheus;
use crate::canonical::otlp::samples::{cart, gauge, line, logs, metrics, point};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use prost::Message;
use serde_json::Value;

const ACCEPTED: &str = "causeway_events_accepted_total{source=\"http\"}";

/// A stock Prometheus scrapes the process and writes what it finds to it.
#[tokio::test]
async fn a_stock_prometheus_writes_to_it() {
    let process = Process::start(super::QUICK);
    let directory = tempfile::tempdir().unwrap();
    let config = format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs:\n  - job_name: causeway\n    static_configs:\n      \
         - targets: [\"{0}\"]\n\
         remote_write:\n  - url: http://{0}/api/v1/write\n    \
         queue_config: {{batch_send_deadline: 1s}}\n",
        process.address()
    );
    let prometheus = Prometheus::with(directory.path(), &config);
    process.until_counted(ACCEPTED, 500.0).await;
    drop(prometheus);
    let summary = process.terminate();
    let ledger = &summary["ledger"];
    assert_eq!(ledger["rejected"], 0, "{ledger}");
    assert_eq!(ledger["received"], ledger["signals"], "{ledger}");
}

/// A process that listens where senders of OTLP look for it as well.
pub(super) fn further() -> Process {
    let listen = "server: {listen: \"127.0.0.1:0\"";
    let further = "otlp: {grpc: \"127.0.0.1:0\", http: \"127.0.0.1:0\"}";
    let stopped = Process::start(super::QUICK).killed();
    stopped.reconfigure(listen, &format!("{listen}, {further}")).start()
}

/// Senders find the ports that they look for, and only the paths that are theirs.
#[tokio::test]
async fn further_addresses_take_otlp() {
    let process = further();
    let (grpc, http) = (process.listens("otlp_grpc"), process.listens("otlp_http"));
    let mut client = LogsServiceClient::connect(format!("http://{grpc}")).await.unwrap();
    client.export(logs(cart(), vec![line("a")])).await.unwrap();
    let send = |path: &str, kind: &str, body: Vec<u8>| {
        let request = process.client().post(format!("http://{http}{path}"));
        request.header("content-type", kind.to_owned()).body(body).send()
    };
    let body = logs(cart(), vec![line("b")]).encode_to_vec();
    let taken = send("/v1/logs", "application/x-protobuf", body).await.unwrap();
    assert_eq!(taken.status(), 200);
    let other = send("/v1/events", "application/json", b"{}".to_vec()).await.unwrap();
    assert_eq!(other.status(), 404);
    assert_eq!(process.terminate()["ledger"]["signals"], 2);
}

/// What was acknowledged is in the journal, and is the same once more after a kill.
#[tokio::test]
async fn requests_in_the_journal_are_decoded_again_to_the_same() {
    let process = Process::start(super::QUICK);
    let log = logs(cart(), vec![line("a"), line("b")]).encode_to_vec();
    let metric = metrics(cart(), None, vec![gauge("g", vec![point(1.0, &[])])]).encode_to_vec();
    let json =
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"stringValue":"c"}}]}]}]}"#;
    let protobuf = "application/x-protobuf";
    for (path, kind, body) in [
        ("/v1/logs", protobuf, log),
        ("/v1/metrics", protobuf, metric),
        ("/v1/logs", "application/json", json.as_bytes().to_vec()),
    ] {
        let request = process.client().post(process.url(path)).header("content-type", kind);
        assert_eq!(request.body(body).send().await.unwrap().status(), 200, "{path}");
    }
    let process = process.killed().start();
    process.until_ready().await;
    process.until_counted(ACCEPTED, 4.0).await;
    let (summary, stopped) = process.drained();
    assert_eq!(summary["ledger"]["signals"], 4, "{summary}");
    let (data, config) = (stopped.path(""), stopped.path("../causeway.yaml"));
    let of = ["replay", "--journal", data.to_str().unwrap(), "-c", config.to_str().unwrap()];
    let output = causeway(&[&of[..], &["--summary", "json"]].concat(), b"");
    let again: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(again["ledger"], summary["ledger"]);
}
