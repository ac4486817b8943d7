//! The messages of the protocol as far as they are read.

use super::super::Telemetry;
use super::{Field, Shape};

const fn field(key: &'static str, number: u32, shape: Shape) -> Field {
    Field { key, number, repeated: false, shape }
}

const fn list(key: &'static str, number: u32, shape: Shape) -> Field {
    Field { key, number, repeated: true, shape }
}

/// The fields of a request.
pub(super) fn request(telemetry: Telemetry) -> &'static [Field] {
    match telemetry {
        Telemetry::Logs => &LOGS,
        Telemetry::Metrics => &METRICS,
        Telemetry::Traces => &TRACES,
    }
}

static LOGS: [Field; 1] = [list("resourceLogs", 1, Shape::Message(&RESOURCE_LOGS))];
static METRICS: [Field; 1] = [list("resourceMetrics", 1, Shape::Message(&RESOURCE_METRICS))];
static TRACES: [Field; 1] = [list("resourceSpans", 1, Shape::Message(&RESOURCE_SPANS))];

static RESOURCE_LOGS: [Field; 2] = [
    field("resource", 1, Shape::Message(&RESOURCE)),
    list("scopeLogs", 2, Shape::Message(&SCOPE_LOGS)),
];
static RESOURCE_METRICS: [Field; 2] = [
    field("resource", 1, Shape::Message(&RESOURCE)),
    list("scopeMetrics", 2, Shape::Message(&SCOPE_METRICS)),
];
static RESOURCE_SPANS: [Field; 2] = [
    field("resource", 1, Shape::Message(&RESOURCE)),
    list("scopeSpans", 2, Shape::Message(&SCOPE_SPANS)),
];

static SCOPE_LOGS: [Field; 2] =
    [field("scope", 1, Shape::Message(&SCOPE)), list("logRecords", 2, Shape::Message(&LOG_RECORD))];
static SCOPE_METRICS: [Field; 2] =
    [field("scope", 1, Shape::Message(&SCOPE)), list("metrics", 2, Shape::Message(&METRIC))];
static SCOPE_SPANS: [Field; 2] =
    [field("scope", 1, Shape::Message(&SCOPE)), list("spans", 2, Shape::Message(&SPAN))];

static RESOURCE: [Field; 1] = [list("attributes", 1, Shape::Message(&KEY_VALUE))];
static SCOPE: [Field; 1] = [field("name", 1, Shape::Text)];
static KEY_VALUE: [Field; 2] =
    [field("key", 1, Shape::Text), field("value", 2, Shape::Message(&ANY))];
static ANY: [Field; 7] = [
    field("stringValue", 1, Shape::Text),
    field("boolValue", 2, Shape::Bool),
    field("intValue", 3, Shape::Varint),
    field("doubleValue", 4, Shape::Double),
    field("arrayValue", 5, Shape::Message(&ARRAY)),
    field("kvlistValue", 6, Shape::Message(&MAP)),
    field("bytesValue", 7, Shape::Base64),
];
static ARRAY: [Field; 1] = [list("values", 1, Shape::Message(&ANY))];
static MAP: [Field; 1] = [list("values", 1, Shape::Message(&KEY_VALUE))];

static LOG_RECORD: [Field; 9] = [
    field("timeUnixNano", 1, Shape::Fixed),
    field("severityNumber", 2, Shape::Enum(&SEVERITIES)),
    field("severityText", 3, Shape::Text),
    field("body", 5, Shape::Message(&ANY)),
    list("attributes", 6, Shape::Message(&KEY_VALUE)),
    field("traceId", 9, Shape::Id),
    field("spanId", 10, Shape::Id),
    field("observedTimeUnixNano", 11, Shape::Fixed),
    field("eventName", 12, Shape::Text),
];

static METRIC: [Field; 7] = [
    field("name", 1, Shape::Text),
    field("unit", 3, Shape::Text),
    field("gauge", 5, Shape::Message(&GAUGE)),
    field("sum", 7, Shape::Message(&SUM)),
    field("histogram", 9, Shape::Message(&HISTOGRAM)),
    field("exponentialHistogram", 10, Shape::Message(&EXPONENTIAL)),
    field("summary", 11, Shape::Message(&SUMMARY)),
];
static GAUGE: [Field; 1] = [list("dataPoints", 1, Shape::Message(&NUMBER_POINT))];
static SUM: [Field; 3] = [
    list("dataPoints", 1, Shape::Message(&NUMBER_POINT)),
    field("aggregationTemporality", 2, Shape::Enum(&TEMPORALITIES)),
    field("isMonotonic", 3, Shape::Bool),
];
static HISTOGRAM: [Field; 2] = [
    list("dataPoints", 1, Shape::Message(&HISTOGRAM_POINT)),
    field("aggregationTemporality", 2, Shape::Enum(&TEMPORALITIES)),
];
static EXPONENTIAL: [Field; 2] = [
    list("dataPoints", 1, Shape::Message(&EXPONENTIAL_POINT)),
    field("aggregationTemporality", 2, Shape::Enum(&TEMPORALITIES)),
];
static SUMMARY: [Field; 1] = [list("dataPoints", 1, Shape::Message(&SUMMARY_POINT))];
static NUMBER_POINT: [Field; 5] = [
    field("timeUnixNano", 3, Shape::Fixed),
    field("asDouble", 4, Shape::Double),
    field("asInt", 6, Shape::Fixed),
    list("attributes", 7, Shape::Message(&KEY_VALUE)),
    field("flags", 8, Shape::Varint),
];
static HISTOGRAM_POINT: [Field; 7] = [
    field("timeUnixNano", 3, Shape::Fixed),
    field("count", 4, Shape::Fixed),
    field("sum", 5, Shape::Double),
    list("bucketCounts", 6, Shape::Fixed),
    list("explicitBounds", 7, Shape::Double),
    list("attributes", 9, Shape::Message(&KEY_VALUE)),
    field("flags", 10, Shape::Varint),
];
static EXPONENTIAL_POINT: [Field; 9] = [
    list("attributes", 1, Shape::Message(&KEY_VALUE)),
    field("timeUnixNano", 3, Shape::Fixed),
    field("count", 4, Shape::Fixed),
    field("sum", 5, Shape::Double),
    field("scale", 6, Shape::Zigzag),
    field("zeroCount", 7, Shape::Fixed),
    field("positive", 8, Shape::Message(&BUCKETS)),
    field("negative", 9, Shape::Message(&BUCKETS)),
    field("flags", 10, Shape::Varint),
];
static BUCKETS: [Field; 2] =
    [field("offset", 1, Shape::Zigzag), list("bucketCounts", 2, Shape::Varint)];
static SUMMARY_POINT: [Field; 5] = [
    field("timeUnixNano", 3, Shape::Fixed),
    field("count", 4, Shape::Fixed),
    field("sum", 5, Shape::Double),
    list("attributes", 7, Shape::Message(&KEY_VALUE)),
    field("flags", 8, Shape::Varint),
];

static SPAN: [Field; 7] = [
    field("traceId", 1, Shape::Id),
    field("name", 5, Shape::Text),
    field("kind", 6, Shape::Enum(&SPAN_KINDS)),
    field("startTimeUnixNano", 7, Shape::Fixed),
    field("endTimeUnixNano", 8, Shape::Fixed),
    list("attributes", 9, Shape::Message(&KEY_VALUE)),
    field("status", 15, Shape::Message(&STATUS)),
];
static STATUS: [Field; 1] = [field("code", 3, Shape::Enum(&STATUS_CODES))];

static TEMPORALITIES: [&str; 3] = [
    "AGGREGATION_TEMPORALITY_UNSPECIFIED",
    "AGGREGATION_TEMPORALITY_DELTA",
    "AGGREGATION_TEMPORALITY_CUMULATIVE",
];
static SPAN_KINDS: [&str; 6] = [
    "SPAN_KIND_UNSPECIFIED",
    "SPAN_KIND_INTERNAL",
    "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",
    "SPAN_KIND_PRODUCER",
    "SPAN_KIND_CONSUMER",
];
static STATUS_CODES: [&str; 3] = ["STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"];
static SEVERITIES: [&str; 25] = [
    "SEVERITY_NUMBER_UNSPECIFIED",
    "SEVERITY_NUMBER_TRACE",
    "SEVERITY_NUMBER_TRACE2",
    "SEVERITY_NUMBER_TRACE3",
    "SEVERITY_NUMBER_TRACE4",
    "SEVERITY_NUMBER_DEBUG",
    "SEVERITY_NUMBER_DEBUG2",
    "SEVERITY_NUMBER_DEBUG3",
    "SEVERITY_NUMBER_DEBUG4",
    "SEVERITY_NUMBER_INFO",
    "SEVERITY_NUMBER_INFO2",
    "SEVERITY_NUMBER_INFO3",
    "SEVERITY_NUMBER_INFO4",
    "SEVERITY_NUMBER_WARN",
    "SEVERITY_NUMBER_WARN2",
    "SEVERITY_NUMBER_WARN3",
    "SEVERITY_NUMBER_WARN4",
    "SEVERITY_NUMBER_ERROR",
    "SEVERITY_NUMBER_ERROR2",
    "SEVERITY_NUMBER_ERROR3",
    "SEVERITY_NUMBER_ERROR4",
    "SEVERITY_NUMBER_FATAL",
    "SEVERITY_NUMBER_FATAL2",
    "SEVERITY_NUMBER_FATAL3",
    "SEVERITY_NUMBER_FATAL4",
];
