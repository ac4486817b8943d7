//! JWTs of an issuer on this machine that changes its keys.

use super::harness::{NOW, Server, TOKEN, alert};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// One key of the issuer.
struct Key {
    name: &'static str,
    pair: EcdsaKeyPair,
}

impl Key {
    fn new(name: &'static str) -> Key {
        let (how, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let made = EcdsaKeyPair::generate_pkcs8(how, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(how, made.as_ref(), &random).unwrap();
        Key { name, pair }
    }

    fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"kty": "EC", "crv": "P-256", "kid": self.name, "use": "sig", "alg": "ES256",
               "x": encoded(&point[1..33]), "y": encoded(&point[33..])})
    }

    fn token(&self, claims: &Value) -> String {
        let head = json!({"alg": "ES256", "kid": self.name, "typ": "JWT"});
        let parts = [&head, claims].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        let text = parts.join(".");
        let signature = self.pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "aud": "causeway", "exp": NOW + 600, "sub": "agent",
           "tenant": "shop", "roles": ["ingest", "read"]})
}

/// An issuer that answers with whatever it is told to, and counts.
#[derive(Clone)]
struct Issuer {
    address: SocketAddr,
    answer: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Issuer {
    async fn start() -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let issuer = Issuer { address, answer: Arc::default(), asked: Arc::default() };
        let own = issuer.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut read = Vec::new();
                while !read.ends_with(b"\r\n\r\n") {
                    read.push(stream.read_u8().await.unwrap());
                }
                own.asked.fetch_add(1, Ordering::SeqCst);
                let answer = own.answer.lock().unwrap().clone();
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        issuer
    }

    fn answers(&self, status: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() = format!(
            "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
    }

    fn publishes(&self, keys: &[&Key]) {
        let keys: Vec<Value> = keys.iter().map(|key| key.public()).collect();
        self.answers("200 OK", &json!({"keys": keys}).to_string());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn section(&self) -> String {
        format!(
            "server:\n  jwt:\n    issuer: https://id.example\n    audience: causeway\n    \
             jwks: {{url: 'http://{}/keys'}}\n  tokens:\n    - {{name: sender, \
             token: '${{env:TOKEN}}', tenant: bank}}\n",
            self.address
        )
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_changes_its_keys() {
    let (issuer, one, two, other) =
        (Issuer::start().await, Key::new("1"), Key::new("2"), Key::new("2"));
    issuer.publishes(&[&one]);
    let server = Server::with(&issuer.section()).await;
    let post = async |token: &str| {
        let line = alert("a", "service:shop/cart");
        server.send(server.request("POST", "/v1/events").bearer_auth(token).body(line)).await
    };
    post(&one.token(&claims())).await.is(200, "\"accepted\":1");
    // The tenant is the claim's, whatever an event says.
    let line = alert("b", "x:y").replace("\"kind\"", "\"tenant\":\"bank\",\"kind\"");
    let request = server.request("POST", "/v1/events").bearer_auth(one.token(&claims()));
    server.send(request.body(line)).await.is(400, "E007");
    assert_eq!(server.alerts(), ["HighErrorRate service:shop/cart shop"]);
    // Tokens of the configuration hold beside it, and roles are asked for.
    post(TOKEN).await.is(200, "\"accepted\":1");
    let request = server.request("PUT", "/v1/rules").bearer_auth(one.token(&claims()));
    server.send(request.body("[]")).await.is(403, "`agent` does not have the role `operate`");
    assert_eq!(issuer.asked(), 1);

    // A name that nobody knows is asked for once in a while, however often it comes.
    issuer.publishes(&[&one, &two]);
    for _ in 0..20 {
        post(&two.token(&claims())).await.is(401, "a key that the issuer does not publish");
    }
    assert_eq!(issuer.asked(), 1, "that was a moment ago");
    server.clock.advance_seconds(10);
    post(&two.token(&claims())).await.is(200, "\"accepted\":1");
    assert_eq!(issuer.asked(), 2);
    post(&other.token(&claims())).await.is(401, "signature");

    // While the issuer cannot be asked, or talks nonsense, the last good keys hold.
    let three = Key::new("3");
    for (status, body) in [
        ("500 Internal Server Error", "{}"),
        ("200 OK", "<html>"),
        ("200 OK", "{\"keys\":[]}"),
        ("302 Found\r\nlocation: http://127.0.0.1:1/", ""),
        ("200 OK", "[".repeat(300_000).as_str()),
    ] {
        issuer.answers(status, body);
        server.clock.advance_seconds(10);
        post(&three.token(&claims())).await.is(401, "publish");
        post(&one.token(&claims())).await.is(200, "accepted");
    }
    assert_eq!(issuer.asked(), 7);
    // A key that is taken back counts no more once the rest was fetched again.
    issuer.publishes(&[&two, &three]);
    server.clock.advance_seconds(10);
    post(&three.token(&claims())).await.is(200, "accepted");
    post(&one.token(&claims())).await.is(401, "publish");
    let text = server.console.http.metrics.text();
    for series in [
        "http_authentication_refused_total{reason=\"jwt_key\"} 26",
        "http_authentication_refused_total{reason=\"jwt_signature\"} 1",
        "http_jwks_fetches_total{result=\"failure\"} 5",
        "http_jwks_fetches_total{result=\"success\"} 3",
        "http_jwks_keys 2",
    ] {
        assert!(text.contains(series), "{series} is not in\n{text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_told_why_and_repeats_nothing() {
    let (issuer, key) = (Issuer::start().await, Key::new("1"));
    issuer.answers("503 Service Unavailable", "");
    let server = Server::with(&issuer.section()).await;
    let get = async |authorization: &str| {
        let request = server.request("GET", "/v1/incidents");
        server.send(request.header("authorization", authorization)).await
    };
    let good = key.token(&claims());
    let answer = get(&format!("Bearer {good}")).await.is(503, "keys are not known yet");
    assert_eq!(answer.header("retry-after"), "5");
    issuer.publishes(&[&key]);
    server.clock.advance_seconds(10);
    get(&format!("Bearer {good}")).await.is(200, "items");
    for (claim, value, part) in [
        ("exp", json!(NOW - 40), "expired"),
        ("nbf", json!(NOW + 100), "not valid yet"),
        ("iss", json!("https://evil.example"), "another issuer"),
        ("aud", json!("evil"), "another audience"),
        ("tenant", json!(null), "no tenant"),
    ] {
        let mut claims = claims();
        claims[claim] = value;
        let answer = get(&format!("Bearer {}", key.token(&claims))).await.is(401, part);
        assert!(!answer.text.contains("evil"), "{answer:?}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    // The same is no password, no second header, and nothing in a query.
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("me:{good}"));
    get(&format!("Basic {basic}")).await.is(401, "not known here");
    let request = server.request("GET", "/v1/incidents");
    let twice = request.header("authorization", format!("Bearer {good}"));
    server.send(twice.header("authorization", "Bearer x")).await.is(401, "more than one");
    server.get(&format!("/v1/incidents?access_token={good}")).await.is(401, "authorization");
    get("Bearer not-a-jwt-at-all").await.is(401, "not known here");
    get("Bearer eyJhbGciOiJub25lIn0.e30.").await.is(401, "algorithm");
    // A live stream ends with the token that opened it.
    let request = server.request("GET", "/v1/incidents/stream");
    let mut claims = claims();
    // It is ten seconds later, and thirty are forgiven: one is left.
    claims["exp"] = json!(NOW - 19);
    let brief = server.send(request.bearer_auth(key.token(&claims))).await;
    assert_eq!(brief.status, 200, "{brief:?}");
    server.stop().await;
}
