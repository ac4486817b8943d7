//! What amtool, Grafana and Prometheus send to an Alertmanager, and what they expect back.

use super::harness::{Server, message, row};
use causeway::emit::wire::SuppressedRow;
use serde_json::{Value, json};

const JSON: &str = "application/json";

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_posts_alerts() {
    let server = Server::start().await;
    // Prometheus gives nanoseconds and always an end.
    let alerts = json!([
        {"labels": {"alertname": "InstanceDown", "instance": "web-1:9100", "job": "node", "severity": "critical"},
         "annotations": {"summary": "web-1 is down"},
         "startsAt": "2026-11-23T06:58:41.123456789Z", "endsAt": "2026-11-23T07:04:00Z",
         "generatorURL": "http://prometheus.example/graph"},
        {"labels": {"alertname": "Watchdog"}},
    ]);
    let answer = server.push("POST", "/api/v2/alerts", JSON, alerts.to_string()).await;
    assert_eq!((answer.status, answer.text.as_str()), (200, ""));
    assert_eq!(server.alerts().len(), 2);
    server.push("POST", "/api/v2/alerts", JSON, "[]").await.is(200, "");

    let mixed = json!([{"labels": {"alertname": "A", "job": "x"}}, {"labels": {}}]).to_string();
    let answer = server.push("POST", "/api/v2/alerts", JSON, mixed).await.is(400, "alert 2: E004");
    assert!(answer.json().is_string(), "{answer:?}");
    assert_eq!(server.alerts().len(), 3, "the good one is taken");
    server.push("POST", "/api/v2/alerts", JSON, "{").await.is(400, "E001");
    let one = r#"{"labels": {"alertname": "Lone"}}"#;
    for (body, found) in [(one, "an object at byte 0"), ("7", "no array at byte 0")] {
        let answer = server.push("POST", "/api/v2/alerts", JSON, body).await.is(400, found);
        assert!(answer.text.contains("an array of alerts is wanted"), "{answer:?}");
        assert!(answer.json().is_string(), "{answer:?}");
    }
    assert_eq!(server.alerts().len(), 3);
    server.push("POST", "/api/v2/alerts", "text/plain", "[]").await.is(415, "application/json");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_and_receivers_have_the_expected_shape() {
    let yaml = "sinks: {out: {type: stdout}, hook: {type: webhook, url: 'https://h.example'}}\n";
    let server = Server::with(yaml).await;
    let status = server.get("/api/v2/status").await.is(200, "").json();
    assert_eq!(status["cluster"]["status"], "disabled");
    assert_eq!(status["uptime"], "2026-11-23T07:00:00Z");
    assert!(status["versionInfo"]["version"].is_string());
    // amtool parses this as an Alertmanager configuration.
    let original = status["config"]["original"].as_str().unwrap();
    let config: Value = serde_saphyr::from_str(original).unwrap();
    assert_eq!(config["route"]["receiver"], "hook");
    let receivers = server.get("/api/v2/receivers").await.json();
    assert_eq!(receivers, json!([{"name": "hook"}, {"name": "out"}]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_and_groups_are_the_standing_ones() {
    let server = Server::start().await;
    let store = &server.console.store;
    store.publish(&message("inc-1", 1, "default"));
    store.put_alert(row("alt-1", "service:shop/cart", Some("inc-1")));
    store.put_alert(row("alt-22", "service:shop/web", None));
    let mut silenced = row("alt-333", "service:shop/db", None);
    silenced.suppressed = Some(SuppressedRow { reason: "silence".into(), by: "s-1".into() });
    store.put_alert(silenced);
    let mut flapping = row("alt-4444", "service:shop/lb", None);
    flapping.suppressed = Some(SuppressedRow { reason: "flap".into(), by: "flap".into() });
    store.put_alert(flapping);
    let mut over = row("alt-55555", "service:shop/old", None);
    over.status = causeway::emit::wire::StatusWord::Resolved;
    store.put_alert(over);

    let entities = async |query: &str| {
        let alerts = server.get(&format!("/api/v2/alerts{query}")).await.is(200, "").json();
        let mut entities: Vec<String> = alerts
            .as_array()
            .unwrap()
            .iter()
            .map(|alert| alert["labels"]["entity"].as_str().unwrap().replace("service:shop/", ""))
            .collect();
        entities.sort();
        entities.join(" ")
    };
    assert_eq!(entities("").await, "cart db lb web");
    assert_eq!(entities("?active=true&silenced=false&inhibited=false").await, "cart web");
    assert_eq!(entities("?active=false&inhibited=false").await, "db");
    assert_eq!(entities("?filter=entity%3D~%22.*c.*t%22&filter=env%3D%22prod%22").await, "cart");
    assert_eq!(entities("?receiver=std.*").await, "cart db lb web");
    assert_eq!(entities("?receiver=other").await, "");
    server.get("/api/v2/alerts?filter=nonsense").await.is(400, "\"label matcher");

    let alerts = server.get("/api/v2/alerts?active=false&inhibited=false").await.json();
    assert_eq!(alerts[0]["status"]["silencedBy"], json!(["s-1"]));
    assert_eq!(alerts[0]["status"]["state"], "suppressed");
    for field in ["fingerprint", "startsAt", "updatedAt", "endsAt", "annotations", "receivers"] {
        assert!(!alerts[0][field].is_null(), "{field}");
    }
    // The end hangs on the last event, not on when somebody asks.
    let instant = |field: &str| alerts[0][field].as_str().unwrap().parse::<jiff::Timestamp>();
    let (updated, ends) = (instant("updatedAt").unwrap(), instant("endsAt").unwrap());
    assert_eq!(ends.duration_since(updated), jiff::SignedDuration::from_mins(5));
    let groups = server.get("/api/v2/alerts/groups?silenced=false&inhibited=false").await.json();
    assert_eq!(groups[0]["labels"], json!({"alertname": "HighErrorRate"}));
    assert_eq!(groups[1]["labels"], json!({"incident": "inc-1"}));
    assert_eq!(groups[1]["alerts"].as_array().unwrap().len(), 1);
    assert_eq!(groups[1]["receiver"], json!({"name": "stdout"}));
    server.stop().await;
}

fn posted(id: &str, ends: &str) -> Value {
    let mut silence = json!({
        "matchers": [{"name": "alertname", "value": "Noisy", "isRegex": false, "isEqual": true}],
        "startsAt": "2026-11-23T06:00:00.000Z", "endsAt": ends,
        "createdBy": "alice", "comment": "known",
    });
    if !id.is_empty() {
        silence["id"] = json!(id);
    }
    silence
}

#[tokio::test(flavor = "multi_thread")]
async fn amtool_makes_changes_and_expires_silences() {
    let server = Server::start().await;
    let post = async |silence: Value| {
        server.push("POST", "/api/v2/silences", JSON, silence.to_string()).await
    };
    let made = post(posted("", "2026-11-23T09:00:00.000Z")).await.is(200, "silenceID").json();
    let id = made["silenceID"].as_str().unwrap().to_owned();
    let path = format!("/api/v2/silence/{id}");
    let one = server.get(&path).await.is(200, "").json();
    assert_eq!(one["status"]["state"], "active");
    assert_eq!(one["startsAt"], "2026-11-23T07:00:00Z", "not back into the past");
    assert_eq!(one["matchers"][0], posted("", "")["matchers"][0]);

    server.clock.advance_seconds(60);
    let changed = post(posted(&id, "2026-11-23T10:00:00.000Z")).await.is(200, "").json();
    assert_eq!(changed["silenceID"], *id);
    assert_eq!(server.get(&path).await.json()["endsAt"], "2026-11-23T10:00:00Z");
    let other = post(posted("", "2026-11-23T09:00:00.000Z")).await.json();
    assert_ne!(other["silenceID"], *id, "the same body again is another silence");

    let listed = server.get("/api/v2/silences?filter=alertname%3D%22Noisy%22").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let listed = server.get("/api/v2/silences?filter=alertname%3D%22Other%22").await.json();
    assert_eq!(listed, json!([]));

    server.send(server.request("DELETE", &path)).await.is(200, "");
    let one = server.get(&path).await.json();
    assert_eq!(
        (&one["status"]["state"], &one["endsAt"]),
        (&json!("expired"), &json!("2026-11-23T07:01:00Z"))
    );
    server.send(server.request("DELETE", &path)).await.is(200, "");
    // What is over is not revived: a change of it becomes another silence.
    let again = post(posted(&id, "2026-11-23T10:00:00.000Z")).await.is(200, "").json();
    assert_ne!(again["silenceID"], *id);
    assert!(server.context().iter().all(|row| row.starts_with("Upsert silence")));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn silences_that_make_no_sense_are_refused_as_alertmanager_does() {
    let server = Server::start().await;
    let post = async |silence: Value| {
        server.push("POST", "/api/v2/silences", JSON, silence.to_string()).await
    };
    post(posted("", "2026-11-23T06:30:00Z")).await.is(400, "in the past");
    post(posted("", "2026-11-23T05:00:00Z")).await.is(400, "silence invalid");
    post(posted("no-such", "2026-11-23T09:00:00Z")).await.is(404, "");
    let mut empty = posted("", "2026-11-23T09:00:00Z");
    empty["matchers"] = json!([{"name": "a", "value": ".*", "isRegex": true}]);
    post(empty.clone()).await.is(400, "\"silence invalid: at least one matcher");
    empty["matchers"] = json!([]);
    post(empty).await.is(400, "matcher");
    let broken = server.push("POST", "/api/v2/silences", JSON, "{").await;
    assert!(broken.is(400, "cannot be read").json().is_string());
    server.get("/api/v2/silence/no-such").await.is(404, "");
    server.send(server.request("DELETE", "/api/v2/silence/no-such")).await.is(404, "");
    assert_eq!(server.batches(), 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_that_has_not_begun_goes_without_a_trace() {
    let server = Server::start().await;
    let mut silence = posted("", "2026-11-23T12:00:00Z");
    silence["startsAt"] = json!("2026-11-23T11:00:00Z");
    let made = server.push("POST", "/api/v2/silences", JSON, silence.to_string()).await.json();
    let path = format!("/api/v2/silence/{}", made["silenceID"].as_str().unwrap());
    assert_eq!(server.get(&path).await.json()["status"]["state"], "pending");
    server.clock.advance_seconds(1);
    server.send(server.request("DELETE", &path)).await.is(200, "");
    server.get(&path).await.is(404, "");
    assert!(server.context().last().unwrap().starts_with("Delete silence"));
    server.stop().await;
}
