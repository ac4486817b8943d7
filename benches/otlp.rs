//! Question: what does decoding OTLP into the engine's batches cost, beside decoding it alone?
//!
//! Unit:     million events a second of processor time; data points or log records
//! Workload: one request again and again, 20 services with 500 points of 10 attributes or 500
//!           lines of 120 bytes each; all series are known after the first time, as they are in
//!           a process that runs. The floor is prost's decoding of the same bytes into the
//!           messages of the format, and nothing more
//! Seed:     none: the input has no chance in it
//! Command:  `cargo bench --bench otlp [-- --requests 200 --runs 4]`

#[allow(dead_code, unused_imports, reason = "each bench uses its part")]
mod harness;

use causeway::canonical::otlp::Telemetry;
use causeway::canonical::{Decoder, Format, Framing, Input, Mode, Origin, Source};
use clap::Parser;
use harness::report::{self, Figure, Target};
use harness::{Common, Meter, Outcome, rounds};
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::metrics::v1::{
    Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use serde_json::json;
use smol_str::SmolStr;
use std::hint::black_box;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Arguments of this bench.
#[derive(Parser)]
struct Args {
    #[command(flatten)]
    common: Common,
    /// How often the request is decoded.
    #[arg(long, default_value_t = 200)]
    requests: u64,
}

const SERVICES: u64 = 20;
const EVENTS: u64 = 500;
/// 2026-11-23T07:02:00Z.
const RECEIPT_NS: i64 = 1_795_417_320_000_000_000;
const ROWS: [(&str, usize); 4] = [
    ("floor, metrics", usize::MAX),
    ("otlp, metrics", usize::MAX),
    ("floor, logs", usize::MAX),
    ("otlp, logs", usize::MAX),
];

fn main() {
    let args = Args::parse();
    if let Some(row) = &args.common.row {
        return measured(row, args.requests).print();
    }
    let outcomes = rounds::run(&args.common, &ROWS);
    let setup = json!({"requests": args.requests, "events_per_request": SERVICES * EVENTS});
    let mut figures = Vec::new();
    for what in ["metrics", "logs"] {
        let (own, floor) = (format!("otlp, {what}"), format!("floor, {what}"));
        let rate = report::values(&outcomes, &own, Outcome::rate_cpu);
        let name = format!("{what}, million events a second of processor time");
        figures.push(Figure::new(name, &rate, Target::None));
        let ratio = report::ratios(&outcomes, &own, &floor, Outcome::rate_cpu);
        let name = format!("{what}, of prost's decoding alone");
        figures.push(Figure::new(name, &ratio, Target::AtLeast(0.60)));
    }
    std::process::exit(report::finish("otlp", setup, &outcomes, &figures));
}

fn measured(row: &str, requests: u64) -> Outcome {
    let is_metrics = row.ends_with("metrics");
    let bytes = if is_metrics { metrics().encode_to_vec() } else { logs().encode_to_vec() };
    let telemetry = if is_metrics { Telemetry::Metrics } else { Telemetry::Logs };
    let mut taken = 0;
    let meter;
    if row.starts_with("floor") {
        meter = Meter::start();
        for _ in 0..requests {
            taken += match is_metrics {
                true => points_of(&black_box(ExportMetricsServiceRequest::decode(&bytes[..]))),
                false => records_of(&black_box(ExportLogsServiceRequest::decode(&bytes[..]))),
            };
        }
    } else {
        let mut decoder = Decoder::new(Arc::new(Source::named("otlp")), 2, None);
        let (tenant, origin) = (SmolStr::new_static("default"), Origin::default());
        let input = Input {
            format: Format::Otlp(telemetry),
            framing: Framing::Body,
            tenant: &tenant,
            mode: Mode::Live { receipt_ns: RECEIPT_NS },
            origin: &origin,
            first_line: 1,
        };
        decoder.decode(&bytes, &input);
        meter = Meter::start();
        for _ in 0..requests {
            taken += black_box(decoder.decode(&bytes, &input)).counts.accepted;
        }
    }
    let mut outcome = Outcome::new(row, "", 1, 0).spent(meter.stop());
    let events = requests * SERVICES * EVENTS;
    outcome.void = (taken != events).then(|| format!("{taken} events of {events} were taken"));
    let mb = bytes.len() as f64 * requests as f64 / 1e6;
    Outcome { events, outputs: taken, ..outcome }.figure("input_mb", mb)
}

fn points_of(request: &Result<ExportMetricsServiceRequest, prost::DecodeError>) -> u64 {
    let groups = request.iter().flat_map(|request| &request.resource_metrics);
    let metrics = groups.flat_map(|group| &group.scope_metrics).flat_map(|scope| &scope.metrics);
    let points = metrics.map(|metric| match &metric.data {
        Some(Data::Sum(sum)) => sum.data_points.len() as u64,
        _ => 0,
    });
    points.sum()
}

fn records_of(request: &Result<ExportLogsServiceRequest, prost::DecodeError>) -> u64 {
    let groups = request.iter().flat_map(|request| &request.resource_logs);
    groups.flat_map(|group| &group.scope_logs).map(|scope| scope.log_records.len() as u64).sum()
}

fn attribute(key: &str, value: String) -> KeyValue {
    let value = Some(AnyValue { value: Some(Value::StringValue(value)) });
    KeyValue { key: key.to_owned(), value, ..KeyValue::default() }
}

fn resource(service: u64) -> Option<Resource> {
    let attributes = vec![
        attribute("service.name", format!("service-{service}")),
        attribute("service.namespace", "shop".to_owned()),
        attribute("service.instance.id", format!("{service:032x}")),
        attribute("k8s.pod.name", format!("service-{service}-7f9c-x2b4z")),
        attribute("k8s.namespace.name", "shop".to_owned()),
        attribute("telemetry.sdk.language", "rust".to_owned()),
    ];
    Some(Resource { attributes, ..Resource::default() })
}

/// Ten metrics of fifty points for each service, of which each point is a series.
fn metrics() -> ExportMetricsServiceRequest {
    let point = |number: u64| NumberDataPoint {
        attributes: (0..10)
            .map(|at| attribute(&format!("http.attribute.{at}"), format!("value-{}", number * at)))
            .collect(),
        start_time_unix_nano: RECEIPT_NS as u64 - 3_600_000_000_000,
        time_unix_nano: RECEIPT_NS as u64 - 1_000_000_000,
        value: Some(number_data_point::Value::AsDouble(number as f64)),
        ..NumberDataPoint::default()
    };
    let metric = |number: u64| Metric {
        name: format!("http.server.requests.{number}"),
        description: "Requests that were served".to_owned(),
        unit: "{request}".to_owned(),
        data: Some(Data::Sum(Sum {
            data_points: (0..50).map(point).collect(),
            aggregation_temporality: 2,
            is_monotonic: true,
        })),
        ..Metric::default()
    };
    let group = |service: u64| ResourceMetrics {
        resource: resource(service),
        scope_metrics: vec![ScopeMetrics {
            metrics: (0..EVENTS / 50).map(metric).collect(),
            ..ScopeMetrics::default()
        }],
        ..ResourceMetrics::default()
    };
    ExportMetricsServiceRequest { resource_metrics: (0..SERVICES).map(group).collect() }
}

fn logs() -> ExportLogsServiceRequest {
    let body = |number: u64| {
        let line = format!("GET /cart/{number} took {} ms and was answered with 500 ", number % 97);
        format!("{line:x<120}")
    };
    let record = |number: u64| LogRecord {
        time_unix_nano: RECEIPT_NS as u64 - 1_000_000_000,
        observed_time_unix_nano: RECEIPT_NS as u64 - 900_000_000,
        severity_number: 9,
        severity_text: "INFO".to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(body(number))) }),
        attributes: (0..5)
            .map(|at| attribute(&format!("log.attribute.{at}"), format!("value-{}", number * at)))
            .collect(),
        trace_id: (1..=16).collect(),
        span_id: (1..=8).collect(),
        ..LogRecord::default()
    };
    let group = |service: u64| ResourceLogs {
        resource: resource(service),
        scope_logs: vec![ScopeLogs {
            log_records: (0..EVENTS).map(record).collect(),
            ..ScopeLogs::default()
        }],
        ..ResourceLogs::default()
    };
    ExportLogsServiceRequest { resource_logs: (0..SERVICES).map(group).collect() }
}
