//! A stock OpenTelemetry Collector sends by both of its exporters, configured as README says.

use super::ports::free_port;
use super::signals::further;
use crate::canonical::otlp::samples::{cart, gauge, line, logs, metrics, point, span, traces};
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tonic::transport::{Channel, Endpoint};

/// How often it sends what it was sent.
const ROUNDS: usize = 10;

/// Ends with its test.
struct Collector(Child);

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The collector that `make test-packages` built; none, as `tools/check.sh` says before the tests,
/// where there is no Go to build it with.
fn program() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/collector/otelcol");
    if path.exists() {
        return Some(path);
    }
    eprintln!(
        "!! no OpenTelemetry Collector (tools/collector.sh): that one feeds us was NOT tested"
    );
    None
}

fn collector(folder: &Path, listens: u16, grpc: &str, http: &str) -> Option<Collector> {
    let config = format!(
        "receivers:\n  otlp: {{protocols: {{grpc: {{endpoint: \"127.0.0.1:{listens}\"}}}}}}\n\
         processors:\n  batch: {{timeout: 100ms}}\n\
         exporters:\n  otlphttp/causeway:\n    endpoint: http://{http}\n    timeout: 60s\n  \
         otlp/causeway:\n    endpoint: {grpc}\n    tls: {{insecure: true}}\n    timeout: 60s\n\
         service:\n  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n    {}\n    {}\n    {}\n",
        pipeline("logs"),
        pipeline("metrics"),
        pipeline("traces"),
    );
    std::fs::write(folder.join("collector.yaml"), config).unwrap();
    let child = Command::new(program()?)
        .args(["--config", "collector.yaml"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(folder.join("collector.log")).unwrap())
        .spawn();
    Some(Collector(child.unwrap()))
}

fn pipeline(of: &str) -> String {
    let exporters = "[otlphttp/causeway, otlp/causeway]";
    format!("{of}: {{receivers: [otlp], processors: [batch], exporters: {exporters}}}")
}

#[tokio::test]
async fn a_stock_collector_sends_by_grpc_and_http() {
    let process = further();
    let folder = tempfile::tempdir().unwrap();
    let (listens, grpc) = (free_port(), process.listens("otlp_grpc").to_string());
    let http = process.address().to_string();
    let Some(mut collector) = collector(folder.path(), listens, &grpc, &http) else { return };
    let channel = Endpoint::from_shared(format!("http://127.0.0.1:{listens}")).unwrap();
    let channel: Channel = loop {
        match channel.connect().await {
            Ok(channel) => break channel,
            Err(error) => {
                let said = std::fs::read_to_string(folder.path().join("collector.log"));
                assert_eq!(collector.0.try_wait().unwrap(), None, "{error}: {said:?}");
            }
        }
    };
    for _ in 0..ROUNDS {
        let lines = logs(cart(), vec![line("a"), line("b")]);
        LogsServiceClient::new(channel.clone()).export(lines).await.unwrap();
        let numbers = metrics(cart(), None, vec![gauge("g", vec![point(1.0, &[])])]);
        MetricsServiceClient::new(channel.clone()).export(numbers).await.unwrap();
        let spans = traces(cart(), vec![span("s", 3, &[("peer.service", "p")])]);
        TraceServiceClient::new(channel.clone()).export(spans).await.unwrap();
    }
    // Two lines, a number and a span, by either exporter.
    let all = (ROUNDS * 4 * 2) as f64;
    process.until_counted("causeway_events_accepted_total{source=\"http\"}", all).await;
    drop(collector);
    let ledger = &process.terminate()["ledger"];
    assert_eq!((&ledger["rejected"], &ledger["signals"]), (&0.into(), &(all as u64).into()));
}
