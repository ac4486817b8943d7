//! Input that means harm, or is damaged.

use super::samples::{cart, gauge, line, logs, metrics, point, span, traces};
use super::{bench, heard};
use crate::canonical::{Bench, LIVE};
use causeway::canonical::otlp::Telemetry;
use causeway::canonical::remote_write::Version;
use causeway::canonical::{Code, Format, Source};
use prost::Message;

fn put(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

fn within(path: &[u8], inner: &[u8]) -> Vec<u8> {
    path.iter().rev().fold(inner.to_vec(), |inner, number| {
        let mut outer = Vec::new();
        put(&mut outer, *number, &inner);
        outer
    })
}

#[test]
fn a_torn_frame_refuses_the_request_and_a_torn_record_itself() {
    let whole = logs(cart(), vec![line("a"), line("b")]).encode_to_vec();
    for end in [1, 2, 10, whole.len() / 2, whole.len() - 1] {
        let decoded = bench(Telemetry::Logs).decode(&whole[..end]);
        assert_eq!((decoded.counts.received, decoded.counts.rejected), (1, 1), "{end}");
        assert_eq!((decoded.rejects[0].code, decoded.lines), (Code::E001, 1));
    }
    // A record that ends within its time, between two that do not.
    let good = line("good").encode_to_vec();
    let mut scoped = Vec::new();
    for record in [&good[..], &good[..4], &good] {
        put(&mut scoped, 2, record);
    }
    let decoded = bench(Telemetry::Logs).decode(&within(&[1, 2], &scoped));
    assert_eq!((decoded.counts.accepted, decoded.counts.rejected), (2, 1));
    assert_eq!(decoded.rejects[0].line, 2);
}

#[test]
fn texts_that_are_none_and_keys_without_end_cost_their_record() {
    let mut records = Vec::new();
    // A body that is not UTF-8.
    put(&mut records, 2, &within(&[5, 1], b"\xff\xfe"));
    put(&mut records, 2, &line("good").encode_to_vec());
    let decoded = bench(Telemetry::Logs).decode(&within(&[1, 2], &records));
    assert_eq!((decoded.counts.accepted, decoded.rejects[0].code), (1, Code::E001));
    let bad_key = within(&[7, 1], b"\xff");
    let value = [&[0x21][..], &1f64.to_le_bytes(), &bad_key].concat();
    let mut metric = within(&[1], b"name");
    metric.extend(within(&[5, 1], &value));
    let decoded = bench(Telemetry::Metrics).decode(&within(&[1, 2, 2], &metric));
    assert_eq!(decoded.rejects[0].code, Code::E005, "{:?}", heard(&decoded));
    let pairs: Vec<(String, String)> = (0..2_000).map(|n| (format!("k{n}"), "v".into())).collect();
    let pairs: Vec<(&str, &str)> = pairs.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let all = vec![gauge("g", vec![point(1.0, &pairs), point(1.0, &[])])];
    let bytes = metrics(cart(), None, all).encode_to_vec();
    let decoded = bench(Telemetry::Metrics).decode(&bytes);
    assert_eq!((decoded.counts.accepted, decoded.rejects[0].code), (1, Code::E006));
    let bytes = traces(cart(), vec![span("s", 3, &pairs)]).encode_to_vec();
    assert_eq!(bench(Telemetry::Traces).decode(&bytes).rejects[0].code, Code::E006);
}

#[test]
fn depth_has_a_bound_in_both_encodings() {
    let mut any = within(&[1], b"deep");
    for _ in 0..100_000 {
        any = within(&[5, 1], &any);
        if any.len() > 900_000 {
            break;
        }
    }
    let decoded = bench(Telemetry::Logs).decode(&within(&[1, 2, 2, 5], &any));
    assert_eq!(decoded.rejects[0].code, Code::E006);
    let open = r#"{"arrayValue":{"values":["#.repeat(50_000);
    let text = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{{"body":{open}"#);
    let mut json = Bench::new(Source::named("test"), Format::OtlpJson(Telemetry::Logs), LIVE);
    let decoded = json.decode(text.as_bytes());
    assert_eq!((decoded.counts.received, decoded.rejects[0].code), (1, Code::E006));
}

#[test]
fn an_oversize_record_costs_itself() {
    let mut source = Source::named("test");
    source.limits.event_bytes_max = 1_000;
    let format = Format::Otlp(Telemetry::Logs);
    let records = vec![line("a"), line(&"x".repeat(2_000)), line("b")];
    let bytes = logs(cart(), records).encode_to_vec();
    let decoded = Bench::new(source, format, LIVE).decode(&bytes);
    assert_eq!((decoded.counts.accepted, decoded.rejects[0].code), (2, Code::E002));
    assert_eq!(decoded.rejects[0].line, 2);
}

/// Every prefix of good requests, and every good request with one byte changed: books balance, and
/// nothing panics.
#[test]
fn damage_anywhere_is_told() {
    let requests = [
        (Format::Otlp(Telemetry::Logs), logs(cart(), vec![line("a"), line("b")]).encode_to_vec()),
        (
            Format::Otlp(Telemetry::Metrics),
            metrics(cart(), None, vec![gauge("g", vec![point(1.0, &[("a", "b")])])])
                .encode_to_vec(),
        ),
        (
            Format::Otlp(Telemetry::Traces),
            traces(cart(), vec![span("s", 3, &[("peer.service", "p")])]).encode_to_vec(),
        ),
        (Format::RemoteWrite(Version::One), super::written::one().encode_to_vec()),
        (Format::RemoteWrite(Version::Two), super::written::two().encode_to_vec()),
    ];
    for (format, whole) in requests {
        let mut bench = Bench::new(Source::named("test"), format, LIVE);
        for at in 0..whole.len() {
            bench.decode(&whole[..at]);
            for bits in [0x01, 0x80, 0xff] {
                let mut damaged = whole.clone();
                damaged[at] ^= bits;
                bench.decode(&damaged);
            }
        }
        assert_eq!(bench.decode(&whole).counts.rejected, 0, "{format:?}");
    }
}
