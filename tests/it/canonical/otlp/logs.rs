//! Log records.

use super::samples::{attributes, cart, line, logs, resource};
use super::{decoded, heard};
use crate::canonical::{Bench, LIVE};
use causeway::canonical::otlp::Telemetry;
use causeway::canonical::{Format, Source};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValueList};
use opentelemetry_proto::tonic::logs::v1::LogRecord;

#[test]
fn a_line_is_its_entitys() {
    let map = KeyValueList { values: attributes(&[("code", "E42"), ("what", "refused")]) };
    let map = AnyValue { value: Some(Value::KvlistValue(map)) };
    let records = vec![
        line("connection refused"),
        LogRecord { severity_number: 0, severity_text: "WARN".into(), ..line("slow") },
        LogRecord { body: Some(map), ..line("") },
        LogRecord { body: None, event_name: "app.start".into(), severity_number: 9, ..line("") },
        LogRecord { severity_number: 0, observed_time_unix_nano: 1, ..line("no severity") },
    ];
    let (decoded, found) = decoded(Telemetry::Logs, &logs(cart(), records));
    let expected = [
        "service:shop/cart log {} error connection refused",
        "service:shop/cart log {} warning slow",
        r#"service:shop/cart log {} error {"code":"E42","what":"refused"}"#,
        "service:shop/cart log {} info app.start",
        "service:shop/cart log {} info no severity",
    ];
    let found: Vec<String> = found.iter().map(|line| line.to_lowercase()).collect();
    let expected: Vec<String> = expected.iter().map(|line| line.to_lowercase()).collect();
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    for (found, expected) in found.iter().zip(&expected) {
        let (who, text) = expected.split_once("{} ").unwrap();
        let (_, text) = text.split_once(' ').unwrap();
        assert!(found.starts_with(who) && found.ends_with(text), "{found} {expected}");
    }
    assert_eq!(decoded.counts.accepted, 5);
    assert_eq!(decoded.lines, 5);
}

#[test]
fn what_is_wrong_with_a_record_is_counted() {
    let records = vec![
        LogRecord { trace_id: vec![1, 2, 3], ..line("odd trace") },
        LogRecord { time_unix_nano: 0, observed_time_unix_nano: super::samples::TIME, ..line("a") },
        LogRecord { time_unix_nano: 0, ..line("no time") },
        LogRecord { time_unix_nano: u64::MAX, ..line("the end of time") },
        LogRecord { severity_number: 99, ..line("odd severity") },
        LogRecord { time_unix_nano: 1, ..line("very late") },
    ];
    let (decoded, found) = decoded(Telemetry::Logs, &logs(cart(), records));
    let repairs: Vec<&String> = found.iter().filter(|line| line.starts_with("repaired")).collect();
    let expected = ["W101 1", "W102 1", "W103 1", "W105 1", "W111 1"];
    assert_eq!(repairs.len(), expected.len(), "{repairs:?}");
    for (repair, expected) in repairs.iter().zip(expected) {
        assert!(repair.ends_with(expected), "{repair} {expected}");
    }
    assert_eq!((decoded.counts.accepted, decoded.counts.late), (6, 1));
    assert!(!found.iter().any(|line| line.contains("very late")));
}

#[test]
fn entities_come_by_service_then_workload_then_host() {
    let mut named = Vec::new();
    for pairs in [
        &[("service.name", "a"), ("k8s.deployment.name", "b"), ("host.name", "h")][..],
        &[("service.name", "unknown_service:java"), ("k8s.deployment.name", "b")],
        &[("k8s.pod.name", "p-1"), ("k8s.namespace.name", "ns"), ("host.name", "h")],
        &[("host.name", "h:9100")],
        &[("os.type", "linux")],
    ] {
        let (_, found) = decoded(Telemetry::Logs, &logs(resource(pairs), vec![line("x")]));
        named.push(found[0].split(' ').next().unwrap().to_owned());
    }
    let unknown = named.pop().unwrap();
    assert!(unknown.starts_with("unknown:test/"), "{unknown}");
    let expected = ["service:default/a", "k8s.deployment:default/b", "k8s.pod:ns/p-1", "host:h"];
    assert_eq!(named, expected);
}

#[test]
fn json_says_the_same() {
    let text = r#"{"resourceLogs":[{"resource":{"attributes":[
        {"key":"service.name","value":{"stringValue":"cart"}},
        {"key":"service.namespace","value":{"stringValue":"shop"}}]},
      "scopeLogs":[{"scope":{"name":"log","version":"2"},"logRecords":[
        {"timeUnixNano":"1795417260000000000","severityNumber":17,"body":{"stringValue":"a"},
         "traceId":"0102030405060708090A0B0C0D0E0F10","spanId":"0102030405060708","flags":1},
        {"observedTimeUnixNano":1795417260000000000,"severityNumber":"SEVERITY_NUMBER_WARN",
         "body":{"kvlistValue":{"values":[{"key":"n","value":{"intValue":"7"}},
           {"key":"l","value":{"arrayValue":{"values":[{"boolValue":true},{"doubleValue":0.5},{}]}}}]}}},
        {"timeUnixNano":"1795417260000000000","severityText":"error","traceId":"zz","extra":[{}]}
      ]}]}]}"#;
    let format = Format::OtlpJson(Telemetry::Logs);
    let decoded = Bench::new(Source::named("test"), format, LIVE).decode(text.as_bytes());
    let found = heard(&decoded);
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(found[0].starts_with("service:shop/cart log {}") && found[0].ends_with(" a"));
    assert!(found[1].ends_with(r#" {"l":[true,0.5,null],"n":7}"#), "{}", found[1]);
    assert_eq!(found[3], "repaired W111 1");
}
