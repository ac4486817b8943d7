//! Metrics.

use super::samples::{TIME, attributes, cart, gauge, metric, metrics, point, scope};
use super::{decoded, heard};
use crate::canonical::{Bench, LIVE};
use causeway::canonical::otlp::Telemetry;
use causeway::canonical::{Format, Source};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    ExponentialHistogram, ExponentialHistogramDataPoint, Histogram, HistogramDataPoint, Metric,
    NumberDataPoint, Sum, Summary, SummaryDataPoint,
};

const DELTA: i32 = 1;
const CUMULATIVE: i32 = 2;
const WHO: &str = "service:shop/cart";
const OWN: &str = "service.instance.id=i-1,service.name=cart,service.namespace=shop";

fn sum(name: &str, temporality: i32, monotonic: bool, value: i64) -> Metric {
    let point = NumberDataPoint { value: Some(Value::AsInt(value)), ..point(0.0, &[]) };
    let data = Sum {
        data_points: vec![point],
        aggregation_temporality: temporality,
        is_monotonic: monotonic,
    };
    metric(name, Data::Sum(data))
}

fn histogram(temporality: i32) -> Data {
    let point = HistogramDataPoint {
        time_unix_nano: TIME,
        attributes: attributes(&[("route", "/cart")]),
        count: 100,
        sum: Some(250.0),
        bucket_counts: vec![10, 0, 80, 10],
        explicit_bounds: vec![1.0, 2.0, 4.0],
        ..HistogramDataPoint::default()
    };
    Data::Histogram(Histogram { data_points: vec![point], aggregation_temporality: temporality })
}

#[test]
fn numbers_are_levels_totals_or_additions() {
    let all = vec![
        gauge("g", vec![point(0.5, &[("b", "2"), ("a", "1")]), point(0.25, &[])]),
        sum("t", CUMULATIVE, true, 7),
        sum("d", DELTA, true, -3),
        sum("u", CUMULATIVE, false, 9),
    ];
    let (_, found) = decoded(Telemetry::Metrics, &metrics(cart(), scope("lib"), all));
    let scoped = format!("otel.scope.name=lib,{OWN}");
    let expected = [
        format!("{WHO} g {{a=1,b=2,{scoped}}} Level 0.5"),
        format!("{WHO} g {{{scoped}}} Level 0.25"),
        format!("{WHO} t {{{scoped}}} Total 7"),
        format!("{WHO} d {{{scoped}}} Added -3"),
        format!("{WHO} u {{{scoped}}} Level 9"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn distributions_are_counts_sums_and_where_it_is_sound_quantiles() {
    let exponential = ExponentialHistogramDataPoint {
        time_unix_nano: TIME,
        count: 4,
        positive: Some(Buckets { offset: 2, bucket_counts: vec![4] }),
        ..ExponentialHistogramDataPoint::default()
    };
    let cumulative = ExponentialHistogramDataPoint { zero_count: 1, ..exponential.clone() };
    let cumulative =
        ExponentialHistogram { data_points: vec![cumulative], aggregation_temporality: CUMULATIVE };
    let exponential =
        ExponentialHistogram { data_points: vec![exponential], aggregation_temporality: DELTA };
    let summary = SummaryDataPoint {
        time_unix_nano: TIME,
        count: 3,
        sum: 1.5,
        ..SummaryDataPoint::default()
    };
    let all = vec![
        metric("h", histogram(DELTA)),
        metric("c", histogram(CUMULATIVE)),
        metric("e", Data::ExponentialHistogram(exponential)),
        metric("f", Data::ExponentialHistogram(cumulative)),
        metric("s", Data::Summary(Summary { data_points: vec![summary] })),
    ];
    let (decoded, found) = decoded(Telemetry::Metrics, &metrics(cart(), None, all));
    let routed = format!("{{route=/cart,{OWN}}}");
    let expected = [
        format!("{WHO} h.count {routed} Added 100"),
        format!("{WHO} h.sum {routed} Added 250"),
        format!("{WHO} h.p50 {routed} Level 3"),
        format!("{WHO} h.p99 {routed} Level 4"),
        format!("{WHO} c.count {routed} Total 100"),
        format!("{WHO} c.sum {routed} Total 250"),
        format!("{WHO} e.count {{{OWN}}} Added 4"),
        format!("{WHO} e.p50 {{{OWN}}} Level {}", 32f64.sqrt()),
        format!("{WHO} e.p99 {{{OWN}}} Level {}", (2.99f64).exp2()),
        format!("{WHO} f.count {{{OWN}}} Total 4"),
        format!("{WHO} s.count {{{OWN}}} Total 3"),
        format!("{WHO} s.sum {{{OWN}}} Total 1.5"),
        format!("{WHO} c.buckets {routed} 10 at most 1"),
        format!("{WHO} c.buckets {routed} 10 at most 2"),
        format!("{WHO} c.buckets {routed} 90 at most 4"),
        format!("{WHO} c.buckets {routed} 100 at most inf"),
        format!("{WHO} f.buckets {{{OWN}}} 1 at most 0 so far"),
        format!("{WHO} f.buckets {{{OWN}}} 1 at most 4 so far"),
        format!("{WHO} f.buckets {{{OWN}}} 5 at most 8 so far"),
        format!("{WHO} f.buckets {{{OWN}}} 5 at most inf so far"),
    ];
    assert_eq!(found, expected);
    // One event each, however many series it brings.
    assert_eq!((decoded.counts.received, decoded.counts.accepted), (5, 5));
}

#[test]
fn what_is_no_number_is_counted_and_what_is_nothing_is_refused() {
    let stale = NumberDataPoint { flags: 1, value: None, ..point(0.0, &[]) };
    let nothing = NumberDataPoint { value: None, ..point(0.0, &[]) };
    let all = vec![
        gauge("g", vec![point(f64::NAN, &[]), point(f64::INFINITY, &[]), stale, nothing]),
        Metric { name: "no data".into(), ..Metric::default() },
        gauge("", vec![point(1.0, &[]), point(2.0, &[])]),
        Metric { unit: "per second".into(), ..gauge("unit", vec![point(1.0, &[])]) },
        gauge("nobody measured", vec![]),
    ];
    let (decoded, found) = decoded(Telemetry::Metrics, &metrics(cart(), None, all));
    let expected = [
        format!("{WHO} unit {{{OWN}}} Level 1"),
        "repaired W104 1".to_owned(),
        "repaired W109 2".to_owned(),
        "refused 4 E004 value: the data point has no value".to_owned(),
        "refused 5 E004 data: the metric `no data` has no data".to_owned(),
        "refused 6 E004 name: the metric has no name".to_owned(),
        "refused 7 E004 name: the metric has no name".to_owned(),
    ];
    assert_eq!(found, expected);
    let counts = &decoded.counts;
    assert_eq!((counts.received, counts.accepted, counts.rejected), (8, 4, 4));
}

#[test]
fn a_refused_point_is_kept_as_a_request_of_its_own() {
    let nothing = NumberDataPoint { value: None, ..point(0.0, &[("a", "1")]) };
    let all = vec![gauge("g", vec![point(1.0, &[]), nothing, point(2.0, &[])])];
    let (decoded, _) = decoded(Telemetry::Metrics, &metrics(cart(), scope("lib"), all));
    let reject = &decoded.rejects[0];
    assert_eq!(reject.schema, "otlp_metrics");
    let again = super::bench(Telemetry::Metrics).decode(&reject.payload);
    let counts = (again.counts.received, again.counts.rejected);
    assert_eq!((counts, again.rejects[0].message.as_str()), ((1, 1), reject.message.as_str()));
}

#[test]
fn a_strict_source_refuses_points_and_not_their_neighbours() {
    let mut source = Source::named("test");
    source.strict = true;
    let mut bench = Bench::new(source, Format::Otlp(Telemetry::Metrics), LIVE);
    let all = vec![gauge("g", vec![point(1.0, &[]), point(f64::NAN, &[]), point(2.0, &[])])];
    let bytes = prost::Message::encode_to_vec(&metrics(cart(), None, all));
    let decoded = bench.decode(&bytes);
    assert_eq!((decoded.counts.accepted, decoded.counts.rejected), (2, 1));
    assert_eq!(decoded.rejects[0].line, 2);
}

#[test]
fn json_says_the_same() {
    let text = r#"{"resourceMetrics":[{"resource":{"attributes":[
        {"key":"service.name","value":{"stringValue":"cart"}},
        {"key":"service.namespace","value":{"stringValue":"shop"}},
        {"key":"service.instance.id","value":{"stringValue":"i-1"}}]},
      "scopeMetrics":[{"metrics":[
        {"name":"g","unit":"1","gauge":{"dataPoints":[
          {"timeUnixNano":"1795417260000000000","asDouble":0.5,
           "attributes":[{"key":"n","value":{"intValue":7}}]},
          {"timeUnixNano":"1795417260000000000","asDouble":"NaN"}]}},
        {"name":"t","sum":{"aggregationTemporality":"AGGREGATION_TEMPORALITY_CUMULATIVE",
          "isMonotonic":true,"dataPoints":[{"timeUnixNano":1795417260000000000,"asInt":"12"}]}},
        {"name":"h","histogram":{"aggregationTemporality":1,"dataPoints":[
          {"timeUnixNano":"1795417260000000000","count":"100","sum":250,
           "bucketCounts":["10",0,"80","10"],"explicitBounds":[1,2,4]}]}},
        {"name":"e","exponentialHistogram":{"aggregationTemporality":1,"dataPoints":[
          {"timeUnixNano":"1795417260000000000","count":4,"scale":-1,
           "positive":{"offset":-2,"bucketCounts":[4]}}]}}
      ]}]}]}"#;
    let format = Format::OtlpJson(Telemetry::Metrics);
    let decoded = Bench::new(Source::named("test"), format, LIVE).decode(text.as_bytes());
    let expected = [
        format!("{WHO} g {{n=7,{OWN}}} Level 0.5"),
        format!("{WHO} t {{{OWN}}} Total 12"),
        format!("{WHO} h.count {{{OWN}}} Added 100"),
        format!("{WHO} h.sum {{{OWN}}} Added 250"),
        format!("{WHO} h.p50 {{{OWN}}} Level 3"),
        format!("{WHO} h.p99 {{{OWN}}} Level 4"),
        format!("{WHO} e.count {{{OWN}}} Added 4"),
        format!("{WHO} e.p50 {{{OWN}}} Level {}", (-3f64).exp2()),
        format!("{WHO} e.p99 {{{OWN}}} Level {}", (-2f64 * 1.01).exp2()),
        "repaired W109 1".to_owned(),
    ];
    assert_eq!(heard(&decoded), expected);
}
