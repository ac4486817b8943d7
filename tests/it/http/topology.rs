//! The topology as it stands: listed, and taken back source by source.

use super::harness::{NOW, Server};
use serde_json::{Value, json};

const NDJSON: &str = "application/x-ndjson";
const JSON: &str = "application/json";

fn entity(source: &str, name: &str) -> Value {
    json!({"kind": "entity", "source": source, "entity": format!("service:shop/{name}")})
}

fn reads(source: &str, from: &str, to: &str) -> Value {
    json!({"kind": "relation", "source": source, "from": format!("service:shop/{from}"),
        "to": format!("database:shop/{to}"), "relation": "reads"})
}

async fn put(server: &Server, events: Value) {
    let answer = server.push("PUT", "/v1/topology", JSON, events.to_string()).await;
    answer.is(200, "\"rejected\":[]");
}

async fn delete(server: &Server, events: Value) -> Value {
    server.push("DELETE", "/v1/topology", JSON, events.to_string()).await.json()
}

/// What stands, each as `source kind reference`.
async fn listed(server: &Server, query: &str) -> Vec<String> {
    let page = server.get(&format!("/v1/topology{query}")).await.is(200, "items").json();
    page["items"].as_array().unwrap().iter().map(shown).collect()
}

fn shown(item: &Value) -> String {
    let word = |name: &str| item[name].as_str().unwrap_or_default();
    let what = match word("kind") {
        "entity" => word("entity").to_owned(),
        _ => format!("{} {} {}", word("from"), word("relation"), word("to")),
    };
    format!("{} {what}", word("source"))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_is_listed_whoever_said_it() {
    let server = Server::start().await;
    let full = json!({"kind": "entity", "source": "cmdb", "entity": "service:shop/cart",
        "type": "app", "owner": "team:shop/web", "criticality": "high", "aliases": ["lb:shop/c"],
        "valid_from": "2026-11-24T00:00:00Z", "valid_to": "2027-01-01T00:00:00Z"});
    let sure = json!({"kind": "relation", "source": "mesh", "from": "service:shop/cart",
        "to": "database:shop/db", "relation": "reads", "confidence": 0.5, "ttl": 60_000_000_000_i64});
    put(&server, json!([full, entity("", "pay"), sure])).await;
    let answer = server.events(&format!("{}\n", reads("feed", "pay", "db"))).await;
    answer.is(200, "\"accepted\":1");

    let page = server.get("/v1/topology").await.is(200, "\"next\":null").json();
    let mut first = full.clone();
    first["tenant"] = json!("default");
    first["until"] = first["valid_to"].clone();
    first["updated_at"] = json!("2026-11-23T07:00:00Z");
    first["first_seen"] = json!("2026-11-23T07:00:00Z");
    assert_eq!(page["items"][0], first);
    assert_eq!(page["items"][2]["confidence"], 0.5);
    assert_eq!(page["items"][2]["ttl"], 60_000_000_000_i64);
    assert_eq!(page["items"][2]["until"], "2026-11-23T07:01:00Z");
    let all = [
        "cmdb service:shop/cart",
        "api service:shop/pay",
        "mesh service:shop/cart reads database:shop/db",
        "feed service:shop/pay reads database:shop/db",
    ];
    assert_eq!(listed(&server, "").await, all);
    assert_eq!(listed(&server, "?kind=relation").await, all[2..]);
    assert_eq!(listed(&server, "?source=mesh&source=cmdb").await, [all[0], all[2]]);
    assert_eq!(listed(&server, "?entity=service:shop/pay").await, [all[1], all[3]]);
    assert_eq!(listed(&server, "?kind=relation&entity=database:shop/db").await, all[2..]);
    assert_eq!(listed(&server, "?tenant=other").await, [""; 0]);

    let mut cursor = String::new();
    for expected in all {
        let page = server.get(&format!("/v1/topology?limit=1{cursor}")).await.is(200, "").json();
        assert_eq!(shown(&page["items"][0]), expected);
        cursor = format!("&cursor={}", page["next"].as_str().unwrap_or("end"));
    }
    assert_eq!(cursor, "&cursor=end");
    server.get("/v1/topology?cursor=x").await.is(400, "one that a page gave out");
    server.get("/v1/topology?kind=alert").await.is(400, "entity or relation");
    server.get("/v1/topology?limit=0").await.is(400, "1 to 1000");
    server.get("/v1/topology?name=x").await.is(400, "kind, entity, source");

    // What has run out stands no longer, here as in the engine.
    server.clock.advance_seconds(60);
    assert_eq!(listed(&server, "").await, [all[0], all[1], all[3]]);
    assert_eq!(delete(&server, json!([sure])).await["accepted"], 0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_without_a_source_takes_back_what_all_say() {
    let server = Server::start().await;
    let said = json!([reads("a", "x", "db"), reads("b", "x", "db"), reads("b", "y", "db")]);
    put(&server, said.clone()).await;
    put(&server, json!([entity("a", "x"), entity("b", "x"), entity("c", "x")])).await;
    let mut any = reads("", "x", "db");
    any.as_object_mut().unwrap().remove("source");
    let answer = delete(&server, json!([any, entity("c", "x")])).await;
    assert_eq!((&answer["accepted"], &answer["removed"]), (&json!(2), &json!(3)));
    assert_eq!(answer["rejected"], json!([]));
    let left = ["a service:shop/x", "b service:shop/x", "b service:shop/y reads database:shop/db"];
    assert_eq!(listed(&server, "").await, left);
    let context = server.context();
    assert_eq!(
        context[6..],
        [
            "Delete service:shop/x>database:shop/db default",
            "Delete service:shop/x>database:shop/db default",
            "Delete entity service:shop/x default",
        ]
    );
    // A thing that was taken back can be said again.
    server.clock.advance_seconds(1);
    put(&server, said).await;
    assert_eq!(listed(&server, "?kind=relation").await.len(), 3);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_of_nothing_says_so_and_what_to_do() {
    let server = Server::start().await;
    put(&server, json!([reads("mesh", "x", "db"), entity("cmdb", "x")])).await;
    let lines =
        format!("{}\n\n{}\n{}\n", reads("api", "x", "db"), entity("", "y"), entity("", "x"));
    let answer = server.push("DELETE", "/v1/topology", NDJSON, lines).await;
    let answer = answer.is(200, "\"accepted\":1").json();
    assert_eq!(answer["removed"], 1);
    assert_eq!(
        answer["rejected"],
        json!([
            {"line": 1, "code": "E004", "message": "nothing such stands under this source, only under \
                `mesh`; name one of those, or leave source out for all; GET /v1/topology lists what \
                stands"},
            {"line": 3, "code": "E004", "message": "nothing such stands; GET /v1/topology lists what \
                does"},
        ])
    );
    let again = server.push("DELETE", "/v1/topology", JSON, entity("", "x").to_string()).await;
    again.is(400, "nothing such stands; GET");
    assert_eq!(listed(&server, "").await, ["mesh service:shop/x reads database:shop/db"]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_sent_back_as_it_was_is_taken_back() {
    let server = Server::start().await;
    // With its own id and time, as a catalogue's file has them, in the future even.
    let mut timed = reads("catalog", "x", "db");
    timed["id"] = json!("r-1");
    timed["time"] = json!((NOW + 200) * 1_000_000_000);
    put(&server, json!([timed, entity("catalog", "x")])).await;
    assert_eq!(delete(&server, json!([timed])).await["removed"], 1);
    // And as the listing shows it.
    let item = server.get("/v1/topology").await.json()["items"][0].clone();
    assert_eq!(delete(&server, item).await["removed"], 1);
    assert_eq!(listed(&server, "").await, [""; 0]);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_deletion_is_refused_in_its_place() {
    let server = Server::start().await;
    put(&server, json!([entity("a", "x"), entity("b", "x")])).await;
    // An array within lines would be read as events that are no deletions.
    let bad = r#"{"kind":"entity","entity":"service:shop/x","criticality":"utmost"}"#;
    let lines = format!("{bad}\n[{}]\n[{}\nnonsense\n", entity("a", "z"), entity("a", "z"));
    let answer = server.push("DELETE", "/v1/topology", NDJSON, lines).await.is(400, "").json();
    let refused = answer["rejected"].as_array().unwrap();
    let codes: Vec<_> = refused.iter().map(|line| line["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["E004", "E001", "E001", "E001"]);
    assert!(refused[0]["message"].as_str().unwrap().contains("criticality"), "{answer}");
    assert_eq!(listed(&server, "").await.len(), 2);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_have_topologies_of_their_own() {
    let tokens = "server: {tokens: [\
        {name: a, token: '${file:/a}', roles: [read, operate], tenant: shop},\
        {name: b, token: '${file:/b}', roles: [read, operate], tenant: bank}]}\n";
    let server = Server::with(tokens).await;
    let send = |method: &str, token: &str, body: Value| {
        let request = server.request(method, "/v1/topology").bearer_auth(token);
        server.send(request.header("content-type", JSON).body(body.to_string()))
    };
    let (shop, bank) = ("a-0123456789abcdef", "b-0123456789abcdef");
    send("PUT", shop, entity("cmdb", "x")).await.is(200, "");
    send("DELETE", bank, entity("", "x")).await.is(400, "nothing such stands");
    send("GET", bank, json!(null)).await.is(200, "\"items\":[]");
    send("GET", shop, json!(null)).await.is(200, "\"tenant\":\"shop\"");
    let mut foreign = entity("cmdb", "x");
    foreign["tenant"] = json!("shop");
    send("DELETE", bank, foreign.clone()).await.is(400, "E007");
    send("DELETE", shop, foreign).await.is(200, "\"removed\":1");
    server.stop().await;
}
