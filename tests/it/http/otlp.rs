//! OTLP over HTTP and over gRPC.

use super::harness::{Mood, Server, TOKEN};
use crate::canonical::otlp::samples::{cart, gauge, line, logs, metrics, point, span, traces};
use causeway::canonical::otlp::Telemetry;
use causeway::canonical::remote_write::Version;
use causeway::canonical::{Format, Kind};
use causeway::ingest::BusyReason;
use causeway::ingest::record::Head;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use opentelemetry_proto::tonic::metrics::v1::NumberDataPoint;
use prost::Message;
use std::io::Write;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Code, Request};

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";
const SECURE: &str = "server: {tokens: [{name: sender, token: \"${env:T}\", roles: [ingest]}, {name: reader, token: \"${file:/r}\", roles: [read]}]}";

fn json_logs(body: &str) -> String {
    format!(
        r#"{{"resourceLogs":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"cart"}}}}]}},"scopeLogs":[{{"logRecords":[{body}]}}]}}]}}"#
    )
}

const RECORD: &str =
    r#"{"timeUnixNano":"1795417190000000000","severityNumber":17,"body":{"stringValue":"a"}}"#;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_paths_take_both_encodings() {
    let server = Server::start().await;
    let taken = server.push("POST", "/v1/logs", JSON, json_logs(RECORD)).await.is(200, "{}");
    assert_eq!(taken.header("content-type"), JSON);
    for (path, bytes) in [
        ("/v1/logs", logs(cart(), vec![line("a"), line("b")]).encode_to_vec()),
        (
            "/v1/metrics",
            metrics(cart(), None, vec![gauge("g", vec![point(1.0, &[])])]).encode_to_vec(),
        ),
        ("/v1/traces", traces(cart(), vec![span("s", 2, &[])]).encode_to_vec()),
    ] {
        let taken = server.push("POST", path, PROTOBUF, bytes).await.is(200, "");
        assert_eq!((taken.header("content-type"), taken.text.as_str()), (PROTOBUF, ""), "{path}");
    }
    for (kind, count) in [(Kind::Log, 3), (Kind::Metric, 1), (Kind::Span, 1)] {
        assert_eq!(server.signals(kind), count, "{kind:?}");
    }
    let accepted = server.metric("causeway_events_accepted_total{source=\"http\"}").await;
    assert_eq!(accepted, "5");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compressed_bodies_are_bounded() {
    let server = Server::with("server: {limits: {body: 1MiB, decoded: 1MiB}}").await;
    let bytes = logs(cart(), vec![line("a")]).encode_to_vec();
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    for (encoding, body) in [("gzip", gzip(&bytes)), ("zstd", zstd(&bytes))] {
        let request = server.request("POST", "/v1/logs").header("content-type", PROTOBUF);
        let request = request.header("content-encoding", encoding).body(body);
        server.send(request).await.is(200, "");
    }
    let bomb = logs(cart(), vec![line(&"x".repeat(4 << 20))]).encode_to_vec();
    for (encoding, body) in [("gzip", gzip(&bomb)), ("zstd", zstd(&bomb))] {
        let request = server.request("POST", "/v1/logs").header("content-type", PROTOBUF);
        let refused = server.send(request.header("content-encoding", encoding).body(body)).await;
        assert_eq!((refused.status, refused.header("content-type")), (413, PROTOBUF));
    }
    assert_eq!(server.signals(Kind::Log), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_refused_is_told_as_the_protocol_has_it() {
    let server = Server::start().await;
    let wrong = r#"{"timeUnixNano":"1795417190000000000","body":{"stringValue":"a"}}"#;
    let whole = json_logs(&format!("{RECORD},{wrong}"));
    server.push("POST", "/v1/logs", JSON, whole).await.is(200, "{}");
    // Of two points one has no value.
    let nothing = NumberDataPoint { value: None, ..point(0.0, &[]) };
    let partly = metrics(cart(), None, vec![gauge("g", vec![point(1.0, &[]), nothing.clone()])]);
    let answer = server.push("POST", "/v1/metrics", PROTOBUF, partly.encode_to_vec()).await;
    let told = ExportLogsServiceResponse::decode(answer.text.as_bytes()).unwrap();
    let told = told.partial_success.unwrap();
    assert_eq!((answer.status, told.rejected_log_records), (200, 1));
    assert!(told.error_message.contains("E004 value"), "{}", told.error_message);
    let json = r#"{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"g","gauge":{"dataPoints":[{"asInt":"1"},{}]}}]}]}]}"#;
    let told =
        server.push("POST", "/v1/metrics", JSON, json).await.is(200, "partialSuccess").json();
    assert_eq!(told["partialSuccess"]["rejectedDataPoints"], "1");
    // Nothing can be used, or read.
    let none = metrics(cart(), None, vec![gauge("g", vec![nothing])]).encode_to_vec();
    server.push("POST", "/v1/metrics", PROTOBUF, none).await.is(400, "E004");
    let answer = server.push("POST", "/v1/logs", JSON, "{").await.is(400, "E001").json();
    assert_eq!(answer["code"], 3);
    server.push("POST", "/v1/logs", PROTOBUF, "torn").await.is(400, "E001");
    server.push("POST", "/v1/logs", "text/plain", "x").await.is(415, "application/x-protobuf");
    assert_eq!(server.letters.stats().holdings.records, 5);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_and_how_much_is_checked() {
    let server = Server::with(SECURE).await;
    server.push("POST", "/v1/logs", JSON, json_logs(RECORD)).await.is(401, "\"code\":16");
    let bearer = |token: &str| {
        let request = server.request("POST", "/v1/logs").header("content-type", JSON);
        request.bearer_auth(token).body(json_logs(RECORD))
    };
    server.send(bearer("r-0123456789abcdef")).await.is(403, "\"code\":7");
    server.send(bearer(TOKEN)).await.is(200, "{}");
    for (reason, status) in [(BusyReason::Full, 429), (BusyReason::Stopping, 503)] {
        server.mood(Mood::Busy(reason));
        let told = server.send(bearer(TOKEN)).await.is(status, "\"message\"");
        assert_eq!(told.header("retry-after"), "3");
    }
    assert_eq!(server.signals(Kind::Log), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_prefix_leads_to_its_source() {
    let server = Server::with("sources: {a: {type: http}, b: {type: http, prefix: /team-b}}").await;
    server.push("POST", "/team-b/v1/logs", JSON, json_logs(RECORD)).await.is(200, "{}");
    assert_eq!(server.metric("causeway_events_accepted_total{source=\"b\"}").await, "1");
    server.stop().await;
}

/// What is journalled is what was sent, so that it is the same again.
#[test]
fn the_record_of_a_request_names_its_format() {
    for (format, text) in [
        (Format::Otlp(Telemetry::Logs), r#"{"otlp":"logs"}"#),
        (Format::OtlpJson(Telemetry::Traces), r#"{"otlp_json":"traces"}"#),
        (Format::RemoteWrite(Version::Two), r#"{"remote_write":"2.0"}"#),
    ] {
        assert_eq!(serde_json::to_string(&format).unwrap(), text);
        assert_eq!(serde_json::from_str::<Format>(text).unwrap(), format);
    }
    // The heads of journals that are there already read as they did.
    let head = r#"{"source":"http","decoder":0,"mode":"replay","format":"native","framing":"body","tenant":"default","origin":{"source_id":"http"},"first_line":1}"#;
    assert_eq!(serde_json::from_str::<Head>(head).unwrap().format, Format::Native);
}

async fn channel(server: &Server) -> Channel {
    let endpoint = Channel::from_shared(format!("http://{}", server.grpc)).unwrap();
    endpoint.connect().await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stock_grpc_client_exports() {
    let server = Server::start().await;
    let channel = channel(&server).await;
    for encoding in [None, Some(CompressionEncoding::Gzip), Some(CompressionEncoding::Zstd)] {
        let mut client = LogsServiceClient::new(channel.clone());
        if let Some(encoding) = encoding {
            client = client.send_compressed(encoding).accept_compressed(encoding);
        }
        let answer = client.export(logs(cart(), vec![line("a")])).await.unwrap().into_inner();
        assert_eq!(answer.partial_success, None, "{encoding:?}");
    }
    let mut client = MetricsServiceClient::new(channel.clone());
    let nothing = NumberDataPoint { value: None, ..point(0.0, &[]) };
    let partly = metrics(cart(), None, vec![gauge("g", vec![point(1.0, &[]), nothing])]);
    let told = client.export(partly).await.unwrap().into_inner().partial_success.unwrap();
    assert_eq!(told.rejected_data_points, 1);
    let mut client = TraceServiceClient::new(channel);
    client.export(traces(cart(), vec![span("s", 2, &[])])).await.unwrap();
    for (kind, count) in [(Kind::Log, 3), (Kind::Metric, 1), (Kind::Span, 1)] {
        assert_eq!(server.signals(kind), count, "{kind:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_client_hears_why_and_when_to_come_again() {
    let server = Server::with(&format!("{SECURE}\n")).await;
    let mut client = LogsServiceClient::new(channel(&server).await);
    let message = || logs(cart(), vec![line("a")]);
    let refused = client.export(message()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated, "{refused:?}");
    let with_token = || {
        let mut request = Request::new(message());
        let token = format!("Bearer {TOKEN}").parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        request
    };
    client.export(with_token()).await.unwrap();
    for (reason, code) in
        [(BusyReason::Full, Code::ResourceExhausted), (BusyReason::Stopping, Code::Unavailable)]
    {
        server.mood(Mood::Busy(reason));
        let refused = client.export(with_token()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused:?}");
        let details = String::from_utf8_lossy(refused.details()).into_owned();
        assert!(details.contains("google.rpc.RetryInfo"), "{details}");
    }
    assert_eq!(server.signals(Kind::Log), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grpc_message_has_a_bound() {
    let server = Server::with("server: {limits: {body: 1MiB, decoded: 2MiB}}").await;
    let large = || logs(cart(), vec![line(&"x".repeat(3 << 20))]);
    let channel = channel(&server).await;
    let refused = LogsServiceClient::new(channel.clone()).export(large()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused:?}");
    let mut client = LogsServiceClient::new(channel).send_compressed(CompressionEncoding::Gzip);
    let refused = client.export(large()).await.unwrap_err();
    assert!(refused.message().contains("decompresses to more than"), "{refused:?}");
    assert_eq!(server.signals(Kind::Log), 0);
    server.stop().await;
}
