//! Incidents and alerts, pages for people, probes, metrics, the OpenAPI document.

use super::harness::{Server, TOKEN, message, revision, row};
use causeway::console::health::Condition;
use causeway::emit::wire::Message;
use serde_json::json;
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn incidents_are_listed_filtered_and_paged() {
    let server = Server::start().await;
    let store = &server.console.store;
    for i in 0..5 {
        store.publish(&message(&format!("inc-{i}"), 1, "default"));
    }
    let mut fatal = revision("inc-9", 1, "shop");
    fatal.severity = causeway::emit::wire::SeverityWord::Fatal;
    store.publish(&Message::new(fatal));

    let ids = async |query: &str| {
        let page = server.get(&format!("/v1/incidents{query}")).await.is(200, "").json();
        let items = page["items"].as_array().unwrap();
        let ids: Vec<_> = items.iter().map(|item| item["incident_id"].as_str().unwrap()).collect();
        (ids.join(" "), page["next"].as_str().map(str::to_owned))
    };
    assert_eq!(ids("").await.0, "inc-0 inc-1 inc-2 inc-3 inc-4 inc-9");
    assert_eq!(ids("?severity=fatal").await.0, "inc-9");
    assert_eq!(ids("?tenant=shop&tenant=bank").await.0, "inc-9");
    assert_eq!(ids("?text=inc-3").await.0, "inc-3");
    assert_eq!(ids("?label=env%3D%22prod%22&owner=team:shop/payments").await.0.len(), 35);
    assert_eq!(ids("?label=env%3D%22dev%22").await.0, "");
    assert_eq!(ids("?state=resolved").await.0, "");
    assert_eq!(ids("?until=2026-11-23T06:50:00Z").await.0, "");
    assert_eq!(ids("?entity=database:shop/cart-db&since=2026-11-23T06:51:00Z").await.0.len(), 35);
    let (first, next) = ids("?limit=4").await;
    assert_eq!(first, "inc-0 inc-1 inc-2 inc-3");
    let (second, next) = ids(&format!("?limit=4&cursor={}", next.unwrap())).await;
    assert_eq!((second.as_str(), next), ("inc-4 inc-9", None));
    for (query, part) in [
        ("?severity=bad", "severity"),
        ("?state=gone", "open, resolved"),
        ("?label=x", "label matcher"),
        ("?limit=0", "from 1 to 1000"),
        ("?cursor=%21", "cursor"),
        ("?since=yesterday", "RFC 3339"),
        ("?sevrity=error", "not known"),
    ] {
        server.get(&format!("/v1/incidents{query}")).await.is(400, part);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_comes_with_its_revisions_byte_for_byte() {
    let server = Server::start().await;
    let messages: Vec<Message> = (1..=3).map(|n| message("inc-1", n, "default")).collect();
    messages.iter().for_each(|message| server.console.store.publish(message));
    let answer = server.get("/v1/incidents/inc-1").await.is(200, "");
    for message in &messages {
        assert!(answer.text.contains(&*message.line));
    }
    let body = answer.json();
    assert_eq!(body["incident"]["revision"], 3);
    assert_eq!(body["revisions"].as_array().unwrap().len(), 3);
    let second = server.get("/v1/incidents/inc-1?revision=2").await.is(200, "");
    assert_eq!(second.text, *messages[1].line);
    server.get("/v1/incidents/inc-1?revision=4").await.is(404, "revision 4");
    server.get("/v1/incidents/inc-1?revision=x").await.is(400, "from 1 up");
    server.get("/v1/incidents/inc-2").await.is(404, "no incident");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_are_listed_filtered_and_shown() {
    let server = Server::start().await;
    let store = &server.console.store;
    store.put_alert(row("alt-1", "service:shop/cart", Some("inc-1")));
    store.put_alert(row("alt-2", "service:shop/web", None));
    let ids = async |query: &str| {
        let page = server.get(&format!("/v1/alerts{query}")).await.is(200, "").json();
        let items = page["items"].as_array().unwrap();
        let ids: Vec<_> = items.iter().map(|item| item["alert_id"].as_str().unwrap()).collect();
        ids.join(" ")
    };
    assert_eq!(ids("").await, "alt-1 alt-2");
    assert_eq!(ids("?incident=inc-1").await, "alt-1");
    assert_eq!(ids("?state=standalone").await, "alt-2");
    assert_eq!(ids("?entity=service:shop/web&severity=error&state=firing").await, "alt-2");
    server.get("/v1/alerts?state=odd").await.is(400, "firing");
    let one = server.get("/v1/alerts/alt-2").await.is(200, "").json();
    assert_eq!(one["incident_id"], json!(null));
    server.get("/v1/alerts/alt-3").await.is(404, "no alert");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_sees_its_own() {
    let yaml = "server:\n  tokens:\n    - {name: reader, token: '${env:T}', tenant: shop, roles: [read]}\n";
    let server = Server::with(yaml).await;
    let store = &server.console.store;
    store.publish(&message("inc-1", 1, "shop"));
    store.publish(&message("inc-2", 1, "bank"));
    store.put_alert(row("alt-1", "service:shop/cart", None));
    let get = async |path: &str| server.send(server.request("GET", path).bearer_auth(TOKEN)).await;
    for path in ["/v1/incidents", "/v1/incidents?tenant=bank"] {
        let page = get(path).await.is(200, "inc-1");
        assert!(!page.text.contains("inc-2"), "{path}");
    }
    get("/v1/incidents/inc-1").await.is(200, "");
    get("/v1/incidents/inc-2").await.is(404, "");
    get("/incidents/inc-2").await.is(404, "");
    get("/v1/alerts/alt-1").await.is(404, "");
    assert_eq!(get("/v1/alerts").await.json()["items"], json!([]));
    assert_eq!(get("/api/v2/alerts").await.json(), json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_show_event_text_as_text() {
    let server = Server::start().await;
    server.get("/").await.is(200, "No standing incidents");
    server.console.store.publish(&message("inc-1", 1, "default"));
    let index = server.get("/").await.is(200, "1 standing incident");
    assert!(index.text.contains("HighErrorRate &lt;inc-1&gt;"), "{}", index.text);
    assert!(index.text.contains("database:shop/cart-db (80 %)"));
    assert!(index.text.contains(">10 min<"));
    let page = server.get("/incidents/inc-1").await.is(200, "The cart is hurt.");
    for part in ["It is where it began.", "<em>reads</em>", "4.0 s", "owner team:shop/payments"] {
        assert!(page.text.contains(part), "{part} is not in {}", page.text);
    }
    for answer in [&index, &page] {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'self'; script-src 'none'"), "{policy}");
        assert!(!answer.text.contains("<script") && !answer.text.contains("style=\""));
    }
    let style = server.get("/style.css").await.is(200, "main {");
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_say_whether_and_why_not() {
    let server = Server::start().await;
    server.get("/livez").await.is(200, "ok");
    server.get("/readyz?verbose").await.is(200, "[+] config ok\nok");
    server.console.health.expect("engine");
    server.get("/readyz").await.is(503, "[-] engine not there yet");
    server.get("/-/ready").await.is(503, "not ready");
    server.get("/livez").await.is(200, "ok");
    server.console.health.set("engine", Condition::Well);
    server.get("/readyz").await.is(200, "ok");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_open_metrics() {
    let server = Server::start().await;
    server.events("{\"kind\":\"heartbeat\",\"source\":\"x\"}\n").await.is(200, "");
    server.get("/no/such/path").await.is(404, "no such path");
    server.send(server.request("PATCH", "/v1/events")).await.is(405, "other methods");
    let metrics = server.get("/metrics").await;
    assert!(metrics.header("content-type").starts_with("application/openmetrics-text"));
    for line in [
        "causeway_events_received_total{source=\"http\",kind=\"heartbeat\"} 1",
        "causeway_http_requests_total{route=\"other\",method=\"GET\",status=\"404\"} 1",
        "causeway_http_requests_total{route=\"/v1/events\",method=\"other\",status=\"405\"} 1",
        "causeway_dlq_records 0",
        "causeway_event_lag_seconds_bucket{le=\"+Inf\",source=\"http\"} 0",
        "# EOF",
    ] {
        assert!(metrics.text.contains(line), "{line} is not in\n{}", metrics.text);
    }
    for line in metrics.text.lines() {
        let named = line.starts_with("causeway_") || line.starts_with("process_");
        assert!(named || line.starts_with('#'), "{line}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_the_committed_one_and_its_paths_exist() {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/openapi.json");
    let document = causeway::console::openapi::document();
    let text = serde_json::to_string_pretty(&document).unwrap() + "\n";
    crate::committed::expect_committed(&committed, &text);
    let server = Server::start().await;
    server.get("/openapi.json").await.is(200, "\"openapi\": \"3.1.0\"");
    for (path, operations) in document["paths"].as_object().unwrap() {
        for method in operations.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            if path == "/v1/incidents/stream" {
                continue;
            }
            let request = server.request(&method.to_uppercase(), &path.replace("{id}", "x"));
            let answer = server.send(request).await;
            let unknown = answer.text.contains("no such path") || answer.status == 405;
            assert!(!unknown, "{method} {path}: {answer:?}");
        }
    }
    assert!(!text.contains("#/$defs/"), "every reference is to a component");
    server.stop().await;
}
