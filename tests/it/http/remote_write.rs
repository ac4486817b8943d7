//! Remote write over HTTP.

use super::harness::{Answer, Mood, Server};
use crate::canonical::otlp::written::{Label, Sample, TimeSeries, WriteRequest, one, two};
use causeway::canonical::Kind;
use causeway::ingest::BusyReason;
use prost::Message;

const ONE: &str = "application/x-protobuf";
const TWO: &str = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

async fn write(server: &Server, kind: &str, wire: Vec<u8>) -> Answer {
    let request = server.request("POST", "/api/v1/write").header("content-type", kind);
    server.send(request.header("content-encoding", "snappy").body(wire)).await
}

fn snappy(message: &impl Message) -> Vec<u8> {
    snap::raw::Encoder::new().compress_vec(&message.encode_to_vec()).unwrap()
}

fn written(answer: &Answer) -> [&str; 3] {
    ["samples", "histograms", "exemplars"].map(|what| {
        answer.headers[&format!("x-prometheus-remote-write-{what}-written")].to_str().unwrap()
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_versions_say_what_was_written() {
    let server = Server::start().await;
    let answer = write(&server, ONE, snappy(&one())).await.is(204, "");
    assert_eq!(written(&answer), ["5", "1", "0"]);
    let named = "application/x-protobuf; proto=\"prometheus.WriteRequest\"";
    let answer = write(&server, named, snappy(&one())).await.is(204, "");
    assert_eq!(written(&answer), ["5", "1", "0"]);
    let answer = write(&server, TWO, snappy(&two())).await.is(204, "");
    assert_eq!(written(&answer), ["2", "1", "0"]);
    assert_eq!(server.signals(Kind::Metric), 15);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_told_and_what_can_is_taken() {
    let server = Server::start().await;
    let mut request = one();
    request.timeseries.push(TimeSeries {
        labels: vec![Label { name: "job".into(), value: "x".into() }],
        samples: vec![Sample { value: 1.0, timestamp: 1 }],
        histograms: Vec::new(),
    });
    let answer = write(&server, ONE, snappy(&request)).await.is(400, "E004");
    assert_eq!(written(&answer), ["5", "1", "0"]);
    assert_eq!(server.signals(Kind::Metric), 6);
    // Nothing but texts about metrics.
    let about = WriteRequest { timeseries: Vec::new(), ..one() };
    write(&server, ONE, snappy(&about)).await.is(204, "");
    let unknown = "application/x-protobuf;proto=other";
    write(&server, unknown, snappy(&one())).await.is(415, "proto=");
    write(&server, "text/plain", snappy(&one())).await.is(415, "proto=");
    server.push("POST", "/api/v1/write", ONE, one().encode_to_vec()).await.is(415, "snappy");
    write(&server, ONE, one().encode_to_vec()).await.is(400, "content-encoding");
    write(&server, ONE, vec![0xff, 0xff, 0xff, 0xff, 0x0f, 0]).await.is(413, "decompresses");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_comes_again_when_there_is_no_room() {
    let server = Server::start().await;
    for reason in [BusyReason::Full, BusyReason::Stopping] {
        server.mood(Mood::Busy(reason));
        let answer = write(&server, ONE, snappy(&one())).await.is(503, "");
        assert!(!answer.header("retry-after").is_empty());
    }
    write(&server, ONE, snappy(&one())).await.is(204, "");
    assert_eq!(server.signals(Kind::Metric), 6);
    server.stop().await;
}
