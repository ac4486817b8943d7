//! Spans.

use super::samples::{TIME, cart, span, traces};
use super::{decoded, heard};
use crate::canonical::{Bench, LIVE};
use causeway::canonical::otlp::Telemetry;
use causeway::canonical::{Format, Source};
use opentelemetry_proto::tonic::trace::v1::{Span, Status};

const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;

#[test]
fn a_span_is_a_call_and_clients_say_whom_they_ask() {
    let failed = Status { code: 2, ..Status::default() };
    let peer = ("peer.service", "payment");
    let spans = vec![
        span("GET /cart", SERVER, &[peer]),
        Span { status: Some(failed), ..span("charge", CLIENT, &[peer]) },
        span("SELECT", CLIENT, &[("db.system", "postgresql"), ("db.namespace", "carts")]),
        span("send", PRODUCER, &[("messaging.destination.name", "orders")]),
        span("ask", CLIENT, &[("server.address", "10.0.0.7")]),
        span("think", 1, &[]),
    ];
    let (decoded, found) = decoded(Telemetry::Traces, &traces(cart(), spans));
    let own = "service:shop/cart";
    let expected = [
        format!("{own} GET /cart {{}} 31000000 ns went well"),
        format!("{own} charge {{peer=service:shop/payment}} 31000000 ns failed"),
        format!("{own} SELECT {{peer=database:shop/carts}} 31000000 ns went well"),
        format!("{own} send {{peer=queue:shop/orders}} 31000000 ns went well"),
        format!("{own} ask {{peer=host:10.0.0.7}} 31000000 ns went well"),
        format!("{own} think {{}} 31000000 ns went well"),
    ];
    assert_eq!(found, expected);
    assert_eq!(decoded.counts.accepted, 6);
}

#[test]
fn an_end_before_the_beginning_is_none() {
    let spans = vec![
        Span { end_time_unix_nano: TIME - 1, ..span("back", SERVER, &[]) },
        Span { end_time_unix_nano: 0, ..span("open", SERVER, &[]) },
        Span { end_time_unix_nano: TIME, ..span("at once", SERVER, &[]) },
        Span { trace_id: vec![7], ..span("odd trace", SERVER, &[]) },
    ];
    let (decoded, found) = decoded(Telemetry::Traces, &traces(cart(), spans));
    assert_eq!(decoded.counts.accepted, 4);
    let expected = [
        "service:shop/cart at once {} 0 ns went well",
        "service:shop/cart odd trace {} 31000000 ns went well",
        "repaired W108 2",
        "repaired W111 1",
    ];
    assert_eq!(found, expected);
}

#[test]
fn json_says_the_same() {
    let text = r#"{"resourceSpans":[{"resource":{"attributes":[
        {"key":"service.name","value":{"stringValue":"cart"}}]},
      "scopeSpans":[{"scope":{},"spans":[
        {"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174","name":"a","kind":3,
         "startTimeUnixNano":"1795417260000000000","endTimeUnixNano":"1795417260000000005",
         "attributes":[{"key":"peer.service","value":{"stringValue":"b"}}],
         "status":{"code":"STATUS_CODE_ERROR","message":"no"}},
        {"name":"c","kind":"SPAN_KIND_SERVER","startTimeUnixNano":"1795417260000000000",
         "endTimeUnixNano":"1795417260000000007","status":{}}]}]}]}"#;
    let format = Format::OtlpJson(Telemetry::Traces);
    let decoded = Bench::new(Source::named("test"), format, LIVE).decode(text.as_bytes());
    let expected = [
        "service:default/cart a {peer=service:default/b} 5 ns failed",
        "service:default/cart c {} 7 ns went well",
    ];
    assert_eq!(heard(&decoded), expected);
}
