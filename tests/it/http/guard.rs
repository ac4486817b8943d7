//! Who may do what, and what happens when there is too much or something breaks.

use super::harness::{Mood, Server, TOKEN, alert};
use std::io::{Read, Write};
use std::net::TcpStream;

/// Three callers of one server.
pub(super) const CALLERS: &str = "\
server:
  tokens:
    - {name: sender, token: '${env:TOKEN}', tenant: shop, sources: [a]}
    - {name: reader, token: '${file:/reader}', tenant: shop, roles: [read]}
    - {name: operator, token: '${file:/operator}', tenant: bank, roles: [ingest, read, operate]}
sources:
  a: {type: http}
  b: {type: http, prefix: /b}
";

async fn status(server: &Server, method: &str, path: &str, token: &str, body: &str) -> u16 {
    let request = server.request(method, path).bearer_auth(token).body(body.to_owned());
    server.send(request).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_its_roles_say() {
    let server = Server::with(CALLERS).await;
    let line = alert("a", "service:shop/cart");
    let (reader, operator) = ("reader-0123456789abcdef", "operator-0123456789abcdef");
    for (method, path, token, expected) in [
        ("POST", "/v1/events", TOKEN, 200),
        ("POST", "/b/v1/events", TOKEN, 403),
        ("POST", "/v1/events", reader, 403),
        ("POST", "/b/v1/events", operator, 200),
        ("POST", "/v1/events", "no-such-token-0123456789", 401),
        ("GET", "/v1/incidents", TOKEN, 403),
        ("GET", "/v1/incidents", reader, 200),
        ("GET", "/metrics", TOKEN, 403),
        ("GET", "/metrics", reader, 200),
        ("PUT", "/v1/rules", reader, 403),
        ("DELETE", "/v1/rules?id=x", operator, 200),
    ] {
        let found = status(&server, method, path, token, &line).await;
        assert_eq!(found, expected, "{method} {path} {token}");
    }
    assert_eq!(
        server.alerts(),
        ["HighErrorRate service:shop/cart bank", "HighErrorRate service:shop/cart shop"],
        "the tenant is the token's"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_only_the_probes_answer() {
    let server = Server::with(CALLERS).await;
    for path in ["/livez", "/readyz", "/-/healthy", "/-/ready"] {
        server.get(path).await.is(200, "ok");
    }
    for path in ["/", "/v1/incidents", "/v1/incidents/stream", "/openapi.json", "/api/v2/status"] {
        let answer = server.get(path).await.is(401, "Bearer");
        let offered: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(offered.len(), 2, "{path}");
    }
    // A browser sends the token as a password.
    let request = server.request("GET", "/").basic_auth("me", Some("reader-0123456789abcdef"));
    server.send(request).await.is(200, "No standing incidents");
    // An event may not name another tenant than the token's.
    let line = alert("a", "service:shop/cart").replace("\"kind\"", "\"tenant\":\"bank\",\"kind\"");
    let request = server.request("POST", "/v1/events").bearer_auth(TOKEN).body(line);
    server.send(request).await.is(400, "E007");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_cannot_use_a_local_server() {
    let server = Server::with("server: {hosts: [build-7]}\n").await;
    let send = async |pairs: &[(&str, &str)]| {
        let request = server.request("POST", "/v1/events").body(alert("a", "service:shop/cart"));
        let request = pairs.iter().fold(request, |r, (name, value)| r.header(*name, *value));
        server.send(request).await.status
    };
    assert_eq!(send(&[]).await, 200);
    assert_eq!(send(&[("host", "evil.example")]).await, 421);
    assert_eq!(send(&[("host", "build-7:9190")]).await, 200);
    assert_eq!(send(&[("origin", "http://evil.example")]).await, 403);
    assert_eq!(send(&[("sec-fetch-site", "cross-site")]).await, 403);
    let request = server.request("GET", "/v1/incidents").header("host", "evil.example");
    server.send(request).await.is(421, "server.hosts");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_too_many_is_shed() {
    let server = Server::with("server: {limits: {requests: 1}}\n").await;
    let (entered, has_entered) = std::sync::mpsc::channel();
    let (leave, may_leave) = std::sync::mpsc::channel();
    server.mood(Mood::Holds(entered, may_leave));
    let first = server.request("POST", "/v1/events").body(alert("a", "service:shop/cart")).send();
    let first = tokio::spawn(first);
    tokio::task::spawn_blocking(move || has_entered.recv().unwrap()).await.unwrap();
    let answer = server.get("/v1/incidents").await.is(503, "too many requests");
    assert_eq!(answer.header("retry-after"), "1");
    server.get("/readyz").await.is(200, "ok");
    assert_eq!(server.metric("causeway_http_requests_in_flight").await, "2");
    leave.send(()).unwrap();
    assert_eq!(first.await.unwrap().unwrap().status(), 200);
    server.get("/v1/incidents").await.is(200, "items");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_an_answer_and_not_the_end() {
    let server = Server::start().await;
    for body in [alert("a", "service:shop/cart"), alert("b", "x").repeat(1000)] {
        server.mood(Mood::Panics);
        let request = server.request("POST", "/v1/events").header("idempotency-key", "k");
        let answer = server.send(request.body(body.clone())).await.is(500, "bug");
        assert!(!answer.header("x-request-id").is_empty());
    }
    server.events(&alert("a", "service:shop/cart")).await.is(200, "");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_senders_are_cut_off() {
    let server = Server::with("server: {limits: {timeout: 100ms}}\n").await;
    let address = server.address;
    let talk = move |text: &'static str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = String::new();
        // A connection that was reset has ended as well.
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    let body = tokio::task::spawn_blocking(move || {
        talk("POST /v1/events HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{")
    });
    let head = tokio::task::spawn_blocking(move || talk("POST /v1/events HTTP/1.1\r\nhost: lo"));
    let silence = tokio::task::spawn_blocking(move || talk(""));
    assert!(body.await.unwrap().starts_with("HTTP/1.1 408"), "the body did not come");
    assert_eq!(head.await.unwrap(), "");
    assert_eq!(silence.await.unwrap(), "");
    let cut_off = server.metric("causeway_http_connections_cut_off_total").await;
    assert!(cut_off.parse::<u64>().unwrap() >= 2, "{cut_off}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_numbered() {
    let server = Server::start().await;
    let given = server.send(server.request("GET", "/livez").header("x-request-id", "abc-1")).await;
    assert_eq!(given.header("x-request-id"), "abc-1");
    let hostile = server.request("GET", "/livez").header("x-request-id", "a b\"c");
    let own = server.send(hostile).await;
    let next = server.get("/livez").await;
    assert!(own.header("x-request-id").ends_with("-1"), "{own:?}");
    assert!(next.header("x-request-id").ends_with("-2"), "{next:?}");
    assert_eq!(own.header("x-content-type-options"), "nosniff");
    server.stop().await;
}
