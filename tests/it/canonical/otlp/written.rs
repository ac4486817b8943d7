//! Remote write, in both versions.

use super::heard;
use crate::canonical::{Bench, LIVE, RECEIPT};
use causeway::canonical::remote_write::{Version, histograms};
use causeway::canonical::{Code, Format, Source};
use prost::Message;

/// `prometheus.WriteRequest`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(crate) timeseries: Vec<TimeSeries>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) metadata: Vec<Metadata>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(crate) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) samples: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    pub(crate) histograms: Vec<Histogram>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Label {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(string, tag = "2")]
    pub(crate) value: String,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Sample {
    #[prost(double, tag = "1")]
    pub(crate) value: f64,
    #[prost(int64, tag = "2")]
    pub(crate) timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Histogram {
    #[prost(uint64, tag = "1")]
    pub(crate) count: u64,
    #[prost(double, tag = "3")]
    pub(crate) sum: f64,
    #[prost(sint32, tag = "4")]
    pub(crate) schema: i32,
    #[prost(int64, tag = "15")]
    pub(crate) timestamp: i64,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metadata {
    #[prost(int32, tag = "1")]
    pub(crate) kind: i32,
    #[prost(string, tag = "2")]
    pub(crate) family: String,
}

/// `io.prometheus.write.v2.Request`.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Request {
    #[prost(string, repeated, tag = "4")]
    pub(crate) symbols: Vec<String>,
    #[prost(message, repeated, tag = "5")]
    pub(crate) timeseries: Vec<TimeSeries2>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct TimeSeries2 {
    #[prost(uint32, repeated, tag = "1")]
    pub(crate) labels_refs: Vec<u32>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) samples: Vec<Sample>,
    #[prost(message, repeated, tag = "3")]
    pub(crate) histograms: Vec<Histogram>,
    #[prost(message, optional, tag = "5")]
    pub(crate) metadata: Option<Metadata2>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metadata2 {
    #[prost(int32, tag = "1")]
    pub(crate) kind: i32,
}

const TIME_MS: i64 = (RECEIPT - 60) * 1_000;
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

fn series(labels: &[(&str, &str)], values: &[f64]) -> TimeSeries {
    let label =
        |(name, value): &(&str, &str)| Label { name: (*name).into(), value: (*value).into() };
    let sample = |value: &f64| Sample { value: *value, timestamp: TIME_MS };
    TimeSeries {
        labels: labels.iter().map(label).collect(),
        samples: values.iter().map(sample).collect(),
        histograms: Vec::new(),
    }
}

fn histogram() -> Histogram {
    Histogram { count: 9, sum: 4.5, schema: 3, timestamp: TIME_MS }
}

/// A request of version 1.0.
pub(crate) fn one() -> WriteRequest {
    let labels = [("__name__", "latency"), ("job", "cart"), ("namespace", "shop")];
    let native = TimeSeries { histograms: vec![histogram()], ..series(&labels, &[]) };
    WriteRequest {
        timeseries: vec![
            series(&[("__name__", "up"), ("instance", "a:9100"), ("job", "cart")], &[1.0, STALE]),
            series(&[("__name__", "requests_total"), ("job", "cart")], &[7.0, f64::NAN]),
            series(&[("__name__", "l_bucket"), ("job", "cart"), ("le", "0.5")], &[3.0]),
            native,
        ],
        metadata: vec![Metadata { kind: 1, family: "requests".into() }],
    }
}

/// A request of version 2.0.
pub(crate) fn two() -> Request {
    let symbols = ["", "__name__", "job", "cart", "requests", "depth_total"];
    let sample = |value| Sample { value, timestamp: TIME_MS };
    let of = |name, kind, values: &[f64]| TimeSeries2 {
        labels_refs: vec![1, name, 2, 3],
        samples: values.iter().copied().map(sample).collect(),
        histograms: Vec::new(),
        metadata: Some(Metadata2 { kind }),
    };
    let native = TimeSeries2 { histograms: vec![histogram()], ..of(4, 3, &[]) };
    Request {
        symbols: symbols.map(str::to_owned).to_vec(),
        timeseries: vec![of(4, 1, &[7.0]), of(5, 2, &[3.0]), native],
    }
}

fn bench(version: Version) -> Bench {
    Bench::new(Source::named("test"), Format::RemoteWrite(version), LIVE)
}

#[test]
fn version_one_goes_by_names() {
    let bytes = one().encode_to_vec();
    let mut bench = bench(Version::One);
    let decoded = bench.decode(&bytes);
    let expected = [
        "service:default/cart up {instance=a:9100,job=cart} Level 1",
        "service:default/cart requests_total {job=cart} Total 7",
        "service:shop/cart latency_count {job=cart,namespace=shop} Total 9",
        "service:shop/cart latency_sum {job=cart,namespace=shop} Total 4.5",
        "service:default/cart l_bucket {job=cart} 3 at most 0.5",
        "repaired W109 1",
    ];
    assert_eq!(heard(&decoded), expected);
    assert_eq!((decoded.counts.received, decoded.counts.accepted), (6, 6));
    assert_eq!(heard(&bench.decode(&bytes)), expected);
    assert_eq!(histograms(&bytes, Version::One), [6]);
}

#[test]
fn version_two_goes_by_what_it_says() {
    let bytes = two().encode_to_vec();
    let decoded = bench(Version::Two).decode(&bytes);
    let expected = [
        "service:default/cart requests {job=cart} Total 7",
        "service:default/cart depth_total {job=cart} Level 3",
        "service:default/cart requests_count {job=cart} Total 9",
        "service:default/cart requests_sum {job=cart} Total 4.5",
    ];
    assert_eq!(heard(&decoded), expected);
    assert_eq!(histograms(&bytes, Version::Two), [3]);
}

#[test]
fn series_that_cannot_be_read_cost_their_samples() {
    let mut request = two();
    request.timeseries[0].labels_refs = vec![1, 99];
    request.timeseries[1].labels_refs.pop();
    request.timeseries[2].labels_refs = vec![2, 3];
    let decoded = bench(Version::Two).decode(&request.encode_to_vec());
    let codes: Vec<Code> = decoded.rejects.iter().map(|reject| reject.code).collect();
    assert_eq!(codes, [Code::E001, Code::E001, Code::E004]);
    assert_eq!((decoded.counts.received, decoded.counts.rejected), (3, 3));
    // What is kept of the last one can be sent again, with the texts to which it refers.
    let reject = &decoded.rejects[2];
    assert_eq!(reject.schema, "remote_write_v2");
    let again = bench(Version::Two).decode(&reject.payload);
    assert_eq!((again.counts.received, again.rejects[0].code), (1, Code::E004));
}
