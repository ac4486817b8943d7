//! Bodies and requests made to hurt: each costs its own answer, and the next one is served.

use super::harness::{Server, alert};
use serde_json::json;
use std::io::Write;

const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json";
const BOUNDED: &str = "server: {limits: {body: 256KiB, decoded: 1MiB}}\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

async fn compressed(server: &Server, encoding: &str, body: Vec<u8>) -> u16 {
    let request = server.request("POST", "/v1/events").header("content-type", NDJSON);
    server.send(request.header("content-encoding", encoding).body(body)).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_and_damage_are_turned_away_and_nothing_of_them_is_taken() {
    let server = Server::with(BOUNDED).await;
    let zeros = vec![b' '; 20 << 20];
    let line = alert("a", "service:shop/cart").into_bytes();
    let skippable = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &zstd(&line)].concat();
    for (encoding, body, status) in [
        ("gzip", gzip(&zeros), 413),
        ("zstd", zstd(&zeros), 413),
        ("gzip", gzip(&[b' '; 64 << 10]).repeat(64), 413),
        ("zstd", zstd(&[b' '; 64 << 10]).repeat(64), 413),
        ("gzip", [gzip(&line), b"garbage".to_vec()].concat(), 400),
        ("zstd", [zstd(&line), b"garbage".to_vec()].concat(), 400),
        ("gzip", gzip(&line)[..40].to_vec(), 400),
        ("zstd", zstd(&line)[..40].to_vec(), 400),
        ("gzip", gzip(&gzip(&line)), 400),
        ("gzip", Vec::new(), 400),
        ("zstd", Vec::new(), 400),
    ] {
        let length = body.len();
        assert_eq!(compressed(&server, encoding, body).await, status, "{encoding} {length}");
    }
    assert_eq!(server.alerts(), [""; 0]);
    for (encoding, body) in [("zstd", skippable), ("gzip", gzip(&line)), ("gzip", gzip(&line))] {
        assert_eq!(compressed(&server, encoding, body).await, 200);
    }
    assert_eq!(server.alerts().len(), 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_of_compressed_bodies() {
    let server = Server::with(BOUNDED).await;
    let lines: String = (0..20).map(|n| alert(&format!("a{n}"), "service:shop/cart")).collect();
    let mut taken = 0;
    for (encoding, good) in [("gzip", gzip(lines.as_bytes())), ("zstd", zstd(lines.as_bytes()))] {
        for bit in 0..200 {
            let mut body = good.clone();
            let at = bit * 37 % body.len();
            body[at] ^= 1 << (bit % 8);
            let status = compressed(&server, encoding, body).await;
            assert!([200, 400, 413].contains(&status), "{encoding} {at}: {status}");
            // A checksum covers what gzip holds; zstd has none unless asked.
            taken += usize::from(encoding == "gzip" && status == 200) * 20;
        }
    }
    let ours =
        server.alerts().iter().filter(|row| row.ends_with("service:shop/cart default")).count();
    assert!(ours >= taken, "{ours} {taken}");
    server.events(&lines).await.is(200, "\"accepted\":20");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stands_for_all_that_was_sent() {
    let server = Server::start().await;
    let send = async |id: &'static str| {
        let mut request = server.request("POST", "/v1/events").header("idempotency-key", "k");
        for (name, value) in
            [("ce-specversion", "1.0"), ("ce-id", id), ("ce-source", "/test"), ("ce-type", "t")]
        {
            request = request.header(name, value);
        }
        server.send(request.header("content-type", JSON).body("{\"kind\":\"heartbeat\"}")).await
    };
    send("1").await.is(200, "\"accepted\":1");
    send("1").await.is(200, "\"accepted\":1");
    send("2").await.is(422, "another body");
    assert_eq!(server.batches(), 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_content_type_of_a_structured_event_goes_before_attributes() {
    let server = Server::start().await;
    let data = json!({"kind": "alert", "name": "N", "severity": "error", "entity": "host:a"});
    let event =
        json!({"specversion": "1.0", "id": "1", "source": "/test", "type": "t", "data": data});
    let request = server
        .request("POST", "/v1/events")
        .header("content-type", "application/cloudevents+json")
        .header("ce-specversion", "1.0");
    server.send(request.body(event.to_string())).await.is(200, "\"accepted\":1");
    assert_eq!(server.alerts(), ["N host:a default"]);
    let sequence = server.push("POST", "/v1/events", "application/json-seq", "\u{1e}{}\n").await;
    sequence.is(415, "application/x-ndjson");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_in_an_envelope_adds_nothing() {
    let server = Server::start().await;
    let entity = json!({"kind": "entity", "entity": "service:shop/cart"});
    let event =
        json!({"specversion": "1.0", "id": "1", "source": "/test", "type": "t", "data": entity});
    let body = json!([event]).to_string();
    server.push("DELETE", "/v1/topology", JSON, body).await.is(400, "E004");
    assert_eq!(server.context(), [""; 0]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_bodies_have_the_numbers_of_their_lines() {
    let server = Server::start().await;
    let lines =
        "\n{\"id\":\"r-1\",\"matchers\":[\"a=b\"],\"action\":\"suppress\"}\n\n{\"id\":\"r-2\"}\n";
    let answer = server.push("PUT", "/v1/rules", NDJSON, lines).await.is(200, "\"accepted\":1");
    assert_eq!(answer.json()["rejected"][0]["line"], 4);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_is_changed_for_the_tenant_it_belongs_to() {
    let server = Server::with("sources: {shop: {type: http, prefix: /shop, tenant: shop}}\n").await;
    let mut silence = json!({"id": "s-1", "matchers": [{"name": "env", "value": "dev"}],
        "startsAt": "2026-11-23T06:00:00Z", "endsAt": "2026-11-23T08:00:00Z",
        "createdBy": "alice", "comment": "rollout"});
    let event = json!({"kind": "silence", "time": "2026-11-23T06:59:00Z", "silence": silence});
    server.push("POST", "/shop/v1/events", NDJSON, event.to_string()).await.is(200, "");
    silence["endsAt"] = json!("2026-11-23T09:00:00Z");
    server.push("POST", "/api/v2/silences", JSON, silence.to_string()).await.is(200, "s-1");
    let listed = server.get("/v1/silences").await.json();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{listed}");
    assert_eq!(
        (&items[0]["tenant"], &items[0]["endsAt"]),
        (&json!("shop"), &json!("2026-11-23T09:00:00Z"))
    );
    server.stop().await;
}
