//! Topology, silences, windows and rules, changed while the process runs.

use super::harness::Server;
use causeway::canonical::Kind;
use serde_json::json;

const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json";

#[tokio::test(flavor = "multi_thread")]
async fn topology_is_put_and_deleted() {
    let server = Server::start().await;
    let entity = json!({"kind": "entity", "entity": "service:shop/cart", "owner": "team:shop/web"});
    let relation = json!({"kind": "relation", "from": "service:shop/cart",
        "to": "database:shop/db", "relation": "reads"});
    let lines = format!("{entity}\n{{\"kind\":\"entity\"}}\n{relation}\n");
    let answer = server.push("PUT", "/v1/topology", NDJSON, lines).await.is(200, "\"accepted\":2");
    assert_eq!(answer.json()["rejected"][0]["line"], 2);
    let array = json!([relation]).to_string();
    server.push("DELETE", "/v1/topology", JSON, array).await.is(200, "\"accepted\":1");
    assert_eq!(
        server.context(),
        [
            "Upsert entity service:shop/cart default",
            "Upsert service:shop/cart>database:shop/db default",
            "Delete service:shop/cart>database:shop/db default",
        ]
    );
    server.push("DELETE", "/v1/topology", JSON, "nonsense").await.is(400, "E001");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backstage_catalogue_is_a_topology() {
    let server = Server::start().await;
    let catalogue = "\
apiVersion: backstage.io/v1alpha1
kind: Component
metadata: {name: cart, namespace: shop}
spec: {type: service, lifecycle: production, owner: group:shop/web, dependsOn: ['resource:shop/db']}
";
    let answer = server.push("PUT", "/v1/topology", "application/yaml", catalogue).await;
    answer.is(200, "\"rejected\":[]");
    let context = server.context();
    assert!(context.iter().any(|row| row.starts_with("Upsert entity service:shop/cart")));
    assert!(context.iter().any(|row| row.contains("service:shop/cart>")), "{context:?}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_topology_belongs_into_a_topology() {
    let server = Server::start().await;
    let line = super::harness::alert("a", "service:shop/cart");
    let answer = server.push("PUT", "/v1/topology", NDJSON, line).await;
    answer.is(400, "kind alert does not belong here");
    assert_eq!(server.alerts(), [""; 0]);
    server.push("PUT", "/v1/topology", "text/csv", "a,b").await.is(415, "application/json");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_topology_is_refused_and_its_neighbours_are_not() {
    let server = Server::start().await;
    let entity = |name: &str| json!({"kind": "entity", "entity": format!("service:shop/{name}")});
    let alert = json!({"kind": "alert", "name": "A", "entity": "service:shop/cart"});
    let change = json!({"kind": "change", "entity": "service:shop/cart", "change": {"id": "c"}});
    let log = json!({"kind": "log", "body": "x"});
    let mixed = json!([entity("a"), alert, entity("b"), log, change, entity("c")]);
    let lines: String =
        mixed.as_array().unwrap().iter().map(|event| format!("{event}\n")).collect();
    for (media_type, body) in [(JSON, mixed.to_string()), (NDJSON, lines)] {
        let answer = server.push("PUT", "/v1/topology", media_type, body).await;
        let answer = answer.is(200, "\"accepted\":3").json();
        let refused: Vec<_> = answer["rejected"].as_array().unwrap().iter().collect();
        let places: Vec<_> = refused.iter().map(|refused| refused["line"].clone()).collect();
        assert_eq!(places, [2, 4, 5]);
        assert_eq!(refused[0]["code"], "E004");
        assert_eq!(
            refused[0]["message"],
            "kind: an event of kind alert does not belong here, only entity and relation; \
             send it to POST /v1/events"
        );
    }
    assert_eq!(server.context().len(), 6);
    assert!(server.alerts().is_empty() && server.signals(Kind::Log) == 0);
    // The decoders are shared with nobody who may send more.
    server.events(&(super::harness::alert("a", "service:shop/cart") + "{\"kind\":\"log\"}")).await;
    assert_eq!((server.alerts().len(), server.signals(Kind::Log)), (1, 1));

    let silence = json!({"id": "s", "matchers": ["a=b"], "endsAt": "2026-11-23T08:00:00Z"});
    let mixed = json!([silence, alert, entity("a")]).to_string();
    let answer = server.push("PUT", "/v1/silences", JSON, mixed).await.is(200, "\"accepted\":1");
    assert_eq!(answer.json()["rejected"].as_array().unwrap().len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_torn_costs_its_end_only() {
    let server = Server::start().await;
    let (rule, entity) = (
        json!({"id": "r", "matchers": ["a=b"], "action": "suppress"}),
        json!({"kind": "entity", "entity": "service:shop/cart"}),
    );
    for (method, path, body) in [
        ("PUT", "/v1/rules", &rule),
        ("PUT", "/v1/topology", &entity),
        ("DELETE", "/v1/topology", &entity),
    ] {
        for torn in [format!("[{body}"), format!("[{body}] {body}"), format!("[{body},")] {
            // So that there is something to delete.
            server.clock.advance_seconds(1);
            server.push("PUT", path, JSON, body.to_string()).await.is(200, "");
            let answer = server.push(method, path, JSON, torn).await.is(200, "\"accepted\":1");
            assert_eq!(answer.json()["rejected"][0]["line"], 2, "{answer:?}");
        }
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_put_listed_and_taken_back() {
    let server = Server::start().await;
    let rules = json!([
        {"id": "r-1", "matchers": ["team=\"qa\""], "action": "suppress"},
        {"id": "r-2", "matchers": [{"name": "env", "value": "dev|test", "isRegex": true}],
         "action": {"severity": "warning"}},
        {"id": "r-3", "matchers": ["a=~\"(\""], "action": "suppress"},
        {"matchers": ["a=b"], "action": "suppress"},
    ]);
    let pretty = serde_json::to_string_pretty(&rules).unwrap();
    let answer = server.push("PUT", "/v1/rules", JSON, pretty).await.is(200, "\"accepted\":2");
    let refused = &answer.json()["rejected"];
    assert_eq!((&refused[0]["line"], &refused[1]["line"]), (&json!(3), &json!(4)));
    assert!(refused[0]["message"].as_str().unwrap().contains("matchers"), "{refused}");

    let listed = server.get("/v1/rules").await.is(200, "").json();
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!(items[1]["id"], "r-2");
    assert_eq!(items[1]["action"], json!({"severity": "warning"}));
    assert_eq!(items[1]["matchers"][0]["value"], "dev|test");
    assert_eq!((&items[1]["source"], &items[1]["state"]), (&json!("api"), &json!("active")));

    server.clock.advance_seconds(1);
    let change = json!({"matchers": ["team=\"ops\""], "action": "suppress"}).to_string();
    server.push("PUT", "/v1/rules/r-1", JSON, change.clone()).await.is(200, "");
    let other = json!({"id": "r-9", "matchers": ["a=b"], "action": "suppress"}).to_string();
    server.push("PUT", "/v1/rules/r-1", JSON, other).await.is(400, "id in the body");
    server.get("/v1/rules").await.is(200, "\"value\":\"ops\"");
    server.clock.advance_seconds(1);
    server.send(server.request("DELETE", "/v1/rules/r-1")).await.is(200, "\"accepted\":1");
    server.send(server.request("DELETE", "/v1/rules")).await.is(400, "?id");
    server.send(server.request("DELETE", "/v1/rules?id=r-2&id=r-3")).await.is(200, "");
    assert_eq!(server.get("/v1/rules").await.json()["items"], json!([]));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_are_put_as_lines_and_listed() {
    let server = Server::start().await;
    let window = json!({"id": "m-1", "entities": ["host:web-1"], "matchers": [],
        "starts_at": "2026-11-23T22:00:00Z", "ends_at": "2026-11-24T04:00:00Z",
        "time_intervals": [{"weekdays": ["monday:friday"], "location": "Europe/Berlin"}],
        "comment": "kernel"});
    let bad = json!({"id": "m-2", "matchers": [], "time_intervals": [{"weekdays": ["someday"]}]});
    let lines = format!("{window}\n{bad}\n");
    let answer = server.push("PUT", "/v1/maintenance", NDJSON, lines).await;
    answer.is(200, "\"accepted\":1").is(200, "someday");
    let item = server.get("/v1/maintenance").await.json()["items"][0].clone();
    assert_eq!((&item["state"], &item["starts_at"]), (&json!("pending"), &window["starts_at"]));
    assert_eq!(item["time_intervals"], window["time_intervals"]);
    server.clock.advance_seconds(16 * 3600);
    assert_eq!(server.get("/v1/maintenance").await.json()["items"][0]["state"], "active");
    server.send(server.request("DELETE", "/v1/maintenance/m-1")).await.is(200, "");
    assert_eq!(server.context().last().unwrap(), "Delete window m-1 default");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silence_of_any_source_is_listed() {
    let server = Server::start().await;
    let silence = json!({"id": "s-1", "matchers": ["env=\"dev\""], "createdBy": "alice",
        "endsAt": "2026-11-23T08:00:00Z", "comment": "rollout"});
    let event = json!({"kind": "silence", "source": "ops", "time": "2026-11-23T06:59:00Z",
        "silence": silence});
    server.events(&format!("{event}\n")).await.is(200, "\"accepted\":1");
    let item = server.get("/v1/silences").await.json()["items"][0].clone();
    assert_eq!((&item["id"], &item["state"]), (&json!("s-1"), &json!("active")));
    assert_eq!((&item["source"], &item["createdBy"]), (&json!("ops"), &json!("alice")));
    server.clock.advance_seconds(3600);
    assert_eq!(server.get("/v1/silences").await.json()["items"][0]["state"], "expired");
    server.send(server.request("DELETE", "/v1/silences/s-1")).await.is(200, "");
    assert_eq!(server.get("/v1/silences").await.json()["items"], json!([]));
    server.stop().await;
}
