//! Events in: every form, every way to go wrong, and what the sender is told.

use super::harness::{Mood, Server, alert};
use causeway::canonical::Kind;
use causeway::ingest::BusyReason;
use serde_json::json;
use std::io::Write;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn good_lines_are_taken_and_bad_ones_told() {
    let server = Server::start().await;
    let lines = [
        alert("a", "service:shop/cart").as_str(),
        "{\"kind\":\"alert\"\n",
        "\n",
        "{\"kind\":\"heartbeat\",\"source\":\"test\"}\n",
        "{\"kind\":\"nothing\"}\n",
        alert("b", "service:shop/checkout").as_str(),
    ]
    .concat();
    let answer = server.events(&lines).await.is(200, "").json();
    assert_eq!((&answer["accepted"], &answer["duplicate"]), (&json!(3), &json!(0)));
    let told: Vec<(u64, &str)> = answer["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| (r["line"].as_u64().unwrap(), r["code"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(2, "E001"), (5, "E004")]);
    assert_eq!(
        server.alerts(),
        ["HighErrorRate service:shop/cart default", "HighErrorRate service:shop/checkout default"]
    );
    assert_eq!(server.signals(Kind::Heartbeat), 1);
    assert_eq!(server.letters.stats().holdings.records, 2);
    let accepted = server.metric("causeway_events_accepted_total{source=\"http\"}").await;
    assert_eq!(accepted, "3");
    let series = "causeway_events_rejected_total{source=\"http\",code=\"E004\"}";
    assert_eq!(server.metric(series).await, "1");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_line_that_is_no_event_costs_itself_only() {
    let server = Server::start().await;
    for (number, first) in ["null", "1", "\"x\"", "true"].into_iter().enumerate() {
        let good = alert(&format!("e-{number}"), "service:shop/cart");
        let answer = server.events(&format!("{first}\n{good}")).await;
        let answer = answer.is(200, "\"accepted\":1").json();
        assert_eq!(answer["rejected"][0]["line"], 1, "{first}");
    }
    let good = alert("e-last", "service:shop/cart");
    server
        .events(&format!("[]\n{good}"))
        .await
        .is(200, "\"accepted\":1,\"duplicate\":0,\"rejected\":[]");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn arrays_and_single_objects_are_events_too() {
    let server = Server::start().await;
    let one = alert("a", "service:shop/cart");
    let two = alert("b", "service:shop/cart");
    let array = format!("[\n{one},\n{two}, {{}}]");
    let answer = server.push("POST", "/v1/events", "application/json", array).await;
    let answer = answer.is(200, "\"accepted\":2").json();
    assert_eq!(answer["rejected"][0]["line"], 3);
    let pretty = one.replace(',', ",\n  ");
    server.push("POST", "/v1/events", "application/json", pretty).await.is(200, "\"accepted\":1");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_good_event_is_a_bad_request() {
    let server = Server::start().await;
    for body in ["", "\n\n", "not json\n", "[]", "{}", "[{}"] {
        let answer = server.events(body).await;
        assert_eq!(answer.status, 400, "{body:?}");
        assert_eq!(answer.json()["accepted"], 0, "{body:?}");
        // Either an event is told of, or why there is none.
        let is_told = !answer.json()["rejected"].as_array().unwrap().is_empty();
        assert_eq!(answer.text.contains("the body holds no event"), !is_told, "{body:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn types_and_encodings_that_are_not_known_are_refused() {
    let server = Server::start().await;
    let line = alert("a", "service:shop/cart");
    for content_type in
        ["application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-16"]
    {
        let answer = server.push("POST", "/v1/events", content_type, line.clone()).await;
        assert_eq!(answer.status, 415, "{content_type}");
    }
    for encoding in ["br", "gzip, zstd", ""] {
        let request = server.request("POST", "/v1/events").header("content-encoding", encoding);
        let answer = server.send(request.body(line.clone())).await.is(415, "gzip nor zstd");
        assert_eq!(answer.header("accept-encoding"), "gzip, zstd");
    }
    assert_eq!(server.batches(), 0);
    // Without any type the body speaks for itself.
    server.send(server.request("POST", "/v1/events").body(line)).await.is(200, "");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn compressed_bodies_are_taken() {
    let server = Server::start().await;
    let lines: String =
        (0..2000).map(|i| alert(&format!("e-{i}"), &format!("service:shop/s{i}"))).collect();
    let zstd = zstd::encode_all(lines.as_bytes(), 3).unwrap();
    for (encoding, body) in [("gzip", gzip(lines.as_bytes())), ("zstd", zstd)] {
        let request = server.request("POST", "/v1/events").header("content-encoding", encoding);
        server.send(request.body(body)).await.is(200, "\"accepted\":2000");
    }
    let request = server.request("POST", "/v1/events").header("content-encoding", "gzip");
    server.send(request.body(lines)).await.is(400, "content-encoding");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bombs_and_giants_are_too_large() {
    let server = Server::with("server: {limits: {body: 64KiB, decoded: 1MiB}}\n").await;
    let zeros = vec![b' '; 8 << 20];
    let bombs = [("gzip", gzip(&zeros)), ("zstd", zstd::encode_all(&zeros[..], 19).unwrap())];
    for (encoding, bomb) in bombs {
        assert!(bomb.len() < 64 << 10, "{}", bomb.len());
        let request = server.request("POST", "/v1/events").header("content-encoding", encoding);
        server.send(request.body(bomb)).await.is(413, "decompresses to more");
    }
    let request = server.request("POST", "/v1/events").body(vec![b' '; 65 << 10]);
    server.send(request).await.is(413, "larger than 65536 bytes");
    assert_eq!(server.batches(), 0);
    // A line over the limit of one event costs itself only.
    let server_lines = "sources: {http: {type: http, limits: {line: 1KiB}}}\n";
    let small = Server::with(server_lines).await;
    let long = format!("{{\"kind\":\"log\",\"body\":\"{}\"}}\n", "x".repeat(2000));
    let answer = small.events(&(long + &alert("a", "service:shop/cart"))).await;
    assert_eq!(answer.is(200, "\"accepted\":1").json()["rejected"][0]["code"], "E002");
    small.stop().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_events_come_in_three_modes() {
    let server = Server::start().await;
    let data: serde_json::Value =
        serde_json::from_str(&alert("", "service:shop/cart").replace("\"id\":\"\",", "")).unwrap();
    let structured = json!({"specversion": "1.0", "id": "ce-1", "source": "/test",
        "type": "example.alert", "data": data});
    let kind = "application/cloudevents+json";
    server.push("POST", "/v1/events", kind, structured.to_string()).await.is(200, "\"accepted\":1");

    let bad = json!({"specversion": "1.0", "id": "ce-2", "source": "/test"});
    let batch = json!([structured, bad]).to_string();
    let kind = "application/cloudevents-batch+json";
    let answer = server.push("POST", "/v1/events", kind, batch).await.is(200, "\"accepted\":1");
    assert_eq!(answer.json()["rejected"][0]["line"], 2);

    let binary = |headers: &[(&str, &str)]| {
        let request = server.request("POST", "/v1/events").body(data.to_string());
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))
    };
    let attributes = [
        ("ce-specversion", "1.0"),
        ("ce-id", "ce-3"),
        ("ce-source", "/test"),
        ("ce-type", "example.alert"),
        ("content-type", "application/json"),
    ];
    server.send(binary(&attributes)).await.is(200, "\"accepted\":1");
    server.send(binary(&attributes[..2])).await.is(400, "E004");
    assert_eq!(server.alerts().len(), 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_has_an_effect_once() {
    let server = Server::start().await;
    let send = async |key: &str, body: String| {
        let request = server.request("POST", "/v1/events").header("idempotency-key", key);
        server.send(request.body(body)).await
    };
    let body = alert("a", "service:shop/cart") + "not json\n";
    let first = send("k-1", body.clone()).await.is(200, "\"accepted\":1");
    let again = send("k-1", body.clone()).await;
    assert_eq!((again.status, &again.text), (200, &first.text));
    assert_eq!(server.batches(), 1);
    send("k-1", alert("b", "service:shop/cart")).await.is(422, "another body");
    send("k-2", body.clone()).await.is(200, "");
    // A refusal is an answer too, and compressed or not it is the same body.
    let refused = send("k-3", "not json\n".to_owned()).await.is(400, "E001");
    let request = server.request("POST", "/v1/events").header("idempotency-key", "k-3");
    let request = request.header("content-encoding", "gzip").body(gzip(b"not json\n"));
    let again = server.send(request).await;
    assert_eq!((again.status, again.text), (400, refused.text));
    assert_eq!(server.batches(), 3);
    send(&"k".repeat(256), body.clone()).await.is(400, "255");
    server.clock.advance_seconds(24 * 3600);
    send("k-1", alert("b", "service:shop/cart")).await.is(200, "");
    server.stop().await;
}

/// `dlq replay` of 31 letters that nobody had mended left 62, then 122.
#[tokio::test(flavor = "multi_thread")]
async fn a_dead_letter_sent_again_does_not_become_a_second_one() {
    let server = Server::start().await;
    for path in ["/v1/events", "/api/v2/alerts", "/v1/webhooks/grafana"] {
        let request = server.request("POST", path).header("content-type", "application/json");
        let request = request.header("causeway-resent", "1").body("[{\"labels\":{}}]");
        server.send(request).await.is(400, "");
    }
    assert_eq!(server.letters.stats().holdings.records, 0);
    let series = "causeway_events_rejected_total{source=\"http\",code=\"E004\"}";
    assert_ne!(server.metric(series).await, "0", "a refusal counts all the same");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_turned_away_can_come_again() {
    let server = Server::with("sources: {http: {type: http, dedupe_ids: true}}\n").await;
    let send = async || {
        let request = server.request("POST", "/v1/events").header("idempotency-key", "k");
        server.send(request.body(alert("a", "service:shop/cart"))).await
    };
    server.mood(Mood::Busy(BusyReason::Full));
    let answer = send().await.is(429, "queue");
    assert_eq!(answer.header("retry-after"), "3");
    server.mood(Mood::Busy(BusyReason::Stopping));
    send().await.is(503, "stopping");
    assert_eq!(server.batches(), 0);
    let turned_away = server.metric("causeway_batches_turned_away_total{source=\"http\"}").await;
    assert_eq!(turned_away, "2");
    // Neither the key nor the id was remembered.
    send().await.is(200, "\"accepted\":1");
    server.events(&alert("a", "service:shop/cart")).await.is(200, "\"duplicate\":1");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_of_alertmanager_and_grafana_are_taken() {
    let server = Server::start().await;
    let payload = json!({
        "version": "4", "groupKey": "{}:{}", "status": "firing", "receiver": "causeway",
        "externalURL": "http://am.example", "commonLabels": {}, "groupLabels": {},
        "alerts": [
            {"status": "firing", "labels": {"alertname": "DiskFull", "instance": "db-1:9100"},
             "annotations": {"summary": "full"}, "startsAt": "2026-11-23T06:59:00Z",
             "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p.example"},
            {"status": "firing", "labels": {}},
        ],
    });
    let post =
        async |path: &str, body: String| server.push("POST", path, "application/json", body).await;
    let answer = post("/v1/webhooks/alertmanager", payload.to_string()).await;
    answer.is(200, "\"accepted\":1").is(200, "E004");
    let mut grafana = payload.clone();
    grafana["orgId"] = json!(1);
    grafana["alerts"][0]["values"] = json!({"A": 97.5});
    post("/v1/webhooks/grafana", grafana.to_string()).await.is(200, "\"accepted\":1");
    post("/v1/webhooks/grafana", "{\"alerts\":[]}".to_owned()).await.is(200, "\"accepted\":0");
    post("/v1/webhooks/grafana", "{}".to_owned()).await.is(400, "alerts");
    assert_eq!(server.alerts().len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_have_their_own_prefix_and_tenant() {
    let yaml = "sources:\n  a: {type: http}\n  b: {type: http, prefix: /team-b, tenant: shop}\n";
    let server = Server::with(yaml).await;
    let line = alert("a", "service:shop/cart");
    server.events(&line).await.is(200, "");
    let kind = "application/x-ndjson";
    server.push("POST", "/team-b/v1/events", kind, line.clone()).await.is(200, "");
    server.push("POST", "/team-c/v1/events", kind, line).await.is(404, "no such path");
    assert_eq!(
        server.alerts(),
        ["HighErrorRate service:shop/cart default", "HighErrorRate service:shop/cart shop"]
    );
    assert_eq!(server.metric("causeway_events_accepted_total{source=\"b\"}").await, "1");
    server.stop().await;
}
