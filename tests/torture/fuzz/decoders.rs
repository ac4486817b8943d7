//! Decoders: whatever a sender's bytes are, books balance and a journal leads to the same again.

use super::{Target, fixtures};
use crate::canonical::otlp::{samples, written};
use causeway::canonical::csv::Columns;
use causeway::canonical::otlp::Telemetry;
use causeway::canonical::remote_write::Version;
use causeway::canonical::{Decoded, Decoder, Format, Framing, Input, Mode, Origin, Source};
use causeway_dataflows::model::AlertEvent;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::{Histogram, HistogramDataPoint, Sum};
use prost::Message;
use smol_str::SmolStr;
use std::fmt::Write as _;
use std::sync::Arc;

/// So often bytes are decoded once more by a decoder that never saw any; neither a multiple of two
/// nor of three, so in either framing, and live.
const CALLS_A_REPEAT: u64 = 31;

/// What a folder of wire samples is decoded as.
pub(super) fn wire(name: &'static str, format: Format, ending: &str) -> Target {
    decoder(name, format, fixtures(&format!("wire/{name}"), ending))
}

pub(super) fn csv() -> Target {
    let rows = "time,value,region\r\n2026-11-23 07:01:00,0.5,eu\n1795417320,\"7\",\"us, east\"\n\n\
                2026-11-23T07:02:00Z,1e3,\"a \"\"b\"\"\"\n";
    decoder("csv", Format::Csv, vec![rows.into()])
}

pub(super) fn otlp_logs() -> Target {
    let sent = samples::logs(samples::cart(), vec![samples::line("a"), samples::line("b 7")]);
    let format = Format::Otlp(Telemetry::Logs);
    decoder("otlp logs", format, vec![sent.encode_to_vec()])
}

pub(super) fn otlp_metrics() -> Target {
    let point = || samples::point(1.0, &[("a", "b")]);
    let buckets = HistogramDataPoint {
        time_unix_nano: samples::TIME,
        count: 100,
        sum: Some(250.0),
        bucket_counts: vec![10, 0, 80, 10],
        explicit_bounds: vec![1.0, 2.0, 4.0],
        ..HistogramDataPoint::default()
    };
    let of = |aggregation_temporality| {
        let histogram = Histogram { data_points: vec![buckets.clone()], aggregation_temporality };
        let sum = Sum { data_points: vec![point()], aggregation_temporality, is_monotonic: true };
        let all = vec![
            samples::gauge("g", vec![point()]),
            samples::metric("h", Data::Histogram(histogram)),
            samples::metric("s", Data::Sum(sum)),
        ];
        samples::metrics(samples::cart(), samples::scope("lib"), all).encode_to_vec()
    };
    decoder("otlp metrics", Format::Otlp(Telemetry::Metrics), vec![of(1), of(2)])
}

pub(super) fn otlp_traces() -> Target {
    let span = |kind| samples::span("s", kind, &[("peer.service", "p"), ("db.system", "pg")]);
    let sent = samples::traces(samples::cart(), (1..=5).map(span).collect());
    decoder("otlp traces", Format::Otlp(Telemetry::Traces), vec![sent.encode_to_vec()])
}

pub(super) fn otlp_json() -> Target {
    let samples = [
        r#"{"resourceLogs":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"cart"}}]},"scopeLogs":[{"logRecords":[{"timeUnixNano":"1795417190000000000","severityNumber":17,"body":{"stringValue":"a"}}]}]}]}"#,
        r#"{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"body":{"kvlistValue":{"values":[{"key":"k","value":{"arrayValue":{"values":[{"intValue":"1"},{"boolValue":true},{"bytesValue":"AA=="}]}}}]}}}]}]}]}"#,
    ];
    let samples = samples.map(|text| text.as_bytes().to_vec()).to_vec();
    decoder("otlp json", Format::OtlpJson(Telemetry::Logs), samples)
}

pub(super) fn remote_write_one() -> Target {
    let format = Format::RemoteWrite(Version::One);
    decoder("remote write 1", format, vec![written::one().encode_to_vec()])
}

pub(super) fn remote_write_two() -> Target {
    let format = Format::RemoteWrite(Version::Two);
    decoder("remote write 2", format, vec![written::two().encode_to_vec()])
}

fn decoder(name: &'static str, format: Format, samples: Vec<Vec<u8>>) -> Target {
    let mut source = Source::named("fuzz");
    let columns = ["time", "value", "region"].map(SmolStr::new_static).to_vec();
    source.csv = Some(Arc::new(Columns::new(columns, "cpu".into(), "host:a".into()).unwrap()));
    let source = Arc::new(source);
    let mut decoder = Decoder::new(source.clone(), 2, None);
    let (tenant, origin) = (SmolStr::new_static("default"), Origin::default());
    let mut calls = 0u64;
    let read = move |bytes: &[u8]| {
        calls += 1;
        let framing = if calls.is_multiple_of(2) { Framing::Lines } else { Framing::Body };
        let mode = match calls % 3 {
            0 => Mode::Replay,
            _ => Mode::Followed { receipt_ns: 1_795_417_318_000_000_000 },
        };
        let call = Input { format, framing, tenant: &tenant, mode, origin: &origin, first_line: 1 };
        let skew_ns = decoder.skew_ns();
        let decoded = decoder.decode(bytes, &call);
        if !decoded.counts.balanced() {
            return Err(format!("books: {:?}", decoded.counts));
        }
        // A replay goes on from the time it has reached.
        if mode != Mode::Replay && calls.is_multiple_of(CALLS_A_REPEAT) {
            let mut other = Decoder::new(source.clone(), 2, None);
            other.restore_skew(skew_ns);
            let again = other.decode(bytes, &call);
            let (seen, again) = (whole(&decoded), whole(&again));
            if seen != again {
                let (seen, again) = apart(&seen, &again);
                return Err(format!("{seen:?} by one decoder, {again:?} by another"));
            }
        }
        Ok(answer(&decoded))
    };
    Target { name, samples, slow: false, read: Box::new(read) }
}

/// What became of the events, without the texts of their own.
fn answer(decoded: &Decoded) -> String {
    let counts = &decoded.counts;
    let mut text = format!("{} of {}", counts.accepted, counts.received);
    for (code, count) in counts.repaired.iter() {
        write!(text, " {code} {count}").unwrap();
    }
    for reject in decoded.rejects.iter().take(4) {
        write!(text, " {} {}", reject.code, reject.line).unwrap();
    }
    text
}

/// Everything that the engine is given, and what is told of the rest; one identity may be listed
/// twice where it was spelled in two ways.
fn whole(decoded: &Decoded) -> String {
    let mut text = format!("{:?}", decoded.counts);
    for segment in &decoded.segments {
        for batch in &segment.alerts {
            for event in &batch.events {
                let (who, id) = (&batch.identities[event.identity as usize], batch.id(event));
                let event = AlertEvent { identity: 0, ..*event };
                write!(text, " {who:?} {event:?} {id} {}", batch.summary(&event)).unwrap();
            }
        }
        for batch in &segment.heard {
            for sample in &batch.samples {
                let (who, value) =
                    (&batch.identities[sample.stamp.identity as usize], sample.value);
                write!(text, " {who:?} {} {:?} {value}", sample.stamp.time, sample.measure)
                    .unwrap();
            }
            for line in &batch.lines {
                let (who, said) =
                    (&batch.identities[line.stamp.identity as usize], batch.text(line));
                write!(text, " {who:?} {} {:?} {said}", line.stamp.time, line.severity).unwrap();
            }
        }
        write!(text, " {:?}", segment.context).unwrap();
    }
    for reject in &decoded.rejects {
        write!(text, " {} {} {}", reject.code, reject.line, reject.message).unwrap();
    }
    text
}

/// Where two texts begin to differ.
fn apart<'a>(one: &'a str, other: &'a str) -> (&'a str, &'a str) {
    let same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let piece = |text: &'a str| {
        let from = text.floor_char_boundary(same.saturating_sub(40));
        &text[from..text.floor_char_boundary(same + 60)]
    };
    (piece(one), piece(other))
}
