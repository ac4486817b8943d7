//! Requests to begin with.

use crate::canonical::RECEIPT;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1::{LogRecord, ResourceLogs, ScopeLogs};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};

/// When everything happened, a minute before receipt.
pub(crate) const TIME: u64 = (RECEIPT as u64 - 60) * 1_000_000_000;

pub(crate) fn text(text: &str) -> AnyValue {
    AnyValue { value: Some(Value::StringValue(text.to_owned())) }
}

pub(crate) fn attributes(pairs: &[(&str, &str)]) -> Vec<KeyValue> {
    let one = |(key, value): &(&str, &str)| KeyValue {
        key: (*key).to_owned(),
        value: Some(text(value)),
        ..KeyValue::default()
    };
    pairs.iter().map(one).collect()
}

pub(crate) fn resource(pairs: &[(&str, &str)]) -> Option<Resource> {
    Some(Resource { attributes: attributes(pairs), ..Resource::default() })
}

/// The service of the samples, with what does not tell it from others.
pub(crate) fn cart() -> Option<Resource> {
    resource(&[
        ("service.name", "cart"),
        ("service.namespace", "shop"),
        ("service.instance.id", "i-1"),
        ("process.pid", "4711"),
    ])
}

pub(crate) fn scope(name: &str) -> Option<InstrumentationScope> {
    Some(InstrumentationScope { name: name.to_owned(), ..InstrumentationScope::default() })
}

pub(crate) fn logs(
    resource: Option<Resource>,
    records: Vec<LogRecord>,
) -> ExportLogsServiceRequest {
    let scoped = ScopeLogs { scope: scope("log"), log_records: records, ..ScopeLogs::default() };
    let group = ResourceLogs { resource, scope_logs: vec![scoped], ..ResourceLogs::default() };
    ExportLogsServiceRequest { resource_logs: vec![group] }
}

pub(crate) fn line(body: &str) -> LogRecord {
    LogRecord {
        time_unix_nano: TIME,
        severity_number: 17,
        body: Some(text(body)),
        ..LogRecord::default()
    }
}

pub(crate) fn metrics(
    resource: Option<Resource>,
    scope: Option<InstrumentationScope>,
    metrics: Vec<Metric>,
) -> ExportMetricsServiceRequest {
    let scoped = ScopeMetrics { scope, metrics, ..ScopeMetrics::default() };
    let group =
        ResourceMetrics { resource, scope_metrics: vec![scoped], ..ResourceMetrics::default() };
    ExportMetricsServiceRequest { resource_metrics: vec![group] }
}

pub(crate) fn metric(name: &str, data: Data) -> Metric {
    Metric { name: name.to_owned(), unit: "1".to_owned(), data: Some(data), ..Metric::default() }
}

pub(crate) fn point(value: f64, pairs: &[(&str, &str)]) -> NumberDataPoint {
    NumberDataPoint {
        time_unix_nano: TIME,
        attributes: attributes(pairs),
        value: Some(number_data_point::Value::AsDouble(value)),
        ..NumberDataPoint::default()
    }
}

pub(crate) fn gauge(name: &str, points: Vec<NumberDataPoint>) -> Metric {
    metric(name, Data::Gauge(Gauge { data_points: points }))
}

pub(crate) fn traces(resource: Option<Resource>, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let scoped = ScopeSpans { scope: scope("trace"), spans, ..ScopeSpans::default() };
    let group = ResourceSpans { resource, scope_spans: vec![scoped], ..ResourceSpans::default() };
    ExportTraceServiceRequest { resource_spans: vec![group] }
}

pub(crate) fn span(name: &str, kind: i32, pairs: &[(&str, &str)]) -> Span {
    Span {
        trace_id: (1..=16).collect(),
        span_id: (1..=8).collect(),
        name: name.to_owned(),
        kind,
        start_time_unix_nano: TIME,
        end_time_unix_nano: TIME + 31_000_000,
        attributes: attributes(pairs),
        ..Span::default()
    }
}
