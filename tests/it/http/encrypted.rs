//! TLS and client certificates, over real sockets.

use super::harness::{Server, TOKEN, alert};
use crate::certificates::{Authority, Files, Open, Signed, client_of};
use causeway::ingest::http::peer::Names;
use causeway::ingest::http::terms::Terms;
use causeway::settings::CertificateMark;
use sha2::{Digest, Sha256};

/// Callers of a server by certificates, and one by a token.
fn tokens(sha256: &[u8]) -> String {
    let hex: Vec<String> = sha256.iter().map(|byte| format!("{byte:02X}")).collect();
    format!(
        "  tokens:
    - {{name: named, certificate: {{common_name: named}}, tenant: shop, roles: [ingest]}}
    - {{name: hosted, certificate: {{dns: hosted.shop.EXAMPLE}}, tenant: bank, roles: [read]}}
    - {{name: spiffe, certificate: {{uri: 'spiffe://shop/spiffe'}}, roles: [read]}}
    - {{name: pinned, certificate: {{sha256: '{}'}}, roles: [operate]}}
    - {{name: sender, token: '${{env:TOKEN}}', tenant: shop}}\n",
        hex.join(":")
    )
}

async fn status(
    server: &Server,
    client: reqwest::ClientBuilder,
    method: &str,
    path: &str,
    token: Option<&str>,
) -> Result<u16, reqwest::Error> {
    let url = format!("https://localhost:{}{path}", server.address.port());
    let request = client.build().unwrap().request(method.parse().unwrap(), url);
    let request = request.body(alert("a", "service:shop/cart"));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    request.send().await.map(|response| response.status().as_u16())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_says_who_calls() {
    let directory = tempfile::tempdir().unwrap();
    let (own, clients, others) =
        (Authority::new("own"), Authority::new("clients"), Authority::new("others"));
    let files = Files::write(directory.path(), &own.server(), &clients);
    let pinned = clients.client("anything");
    let callers = tokens(&Sha256::digest(&pinned.der));
    let server =
        Server::with(&format!("server:\n  {}\n{callers}", files.section("optional"))).await;
    let ask = async |shown: Option<&Signed>, method: &str, path: &str, token| {
        status(&server, client_of(&own, shown), method, path, token).await
    };
    let named = clients.client("named");
    assert_eq!(ask(Some(&named), "POST", "/v1/events", None).await.unwrap(), 200);
    assert_eq!(server.alerts(), ["HighErrorRate service:shop/cart shop"]);
    assert_eq!(ask(Some(&named), "GET", "/v1/incidents", None).await.unwrap(), 403);
    for name in ["hosted", "spiffe"] {
        let shown = clients.client(name);
        assert_eq!(ask(Some(&shown), "GET", "/v1/incidents", None).await.unwrap(), 200, "{name}");
    }
    assert_eq!(ask(Some(&pinned), "DELETE", "/v1/rules?id=x", None).await.unwrap(), 200);
    // The same name, vouched for by nobody who counts here, or too old: no connection.
    for refused in [others.client("named"), clients.expired("named")] {
        assert!(ask(Some(&refused), "POST", "/v1/events", None).await.is_err());
    }
    // A good certificate of nobody, none at all, and the probes that need none.
    let stranger = clients.client("stranger");
    assert_eq!(ask(Some(&stranger), "GET", "/v1/incidents", None).await.unwrap(), 401);
    assert_eq!(ask(None, "GET", "/v1/incidents", None).await.unwrap(), 401);
    assert_eq!(ask(None, "GET", "/readyz", None).await.unwrap(), 200);
    // A token decides when there is one, also a wrong one.
    assert_eq!(ask(Some(&stranger), "POST", "/v1/events", Some(TOKEN)).await.unwrap(), 200);
    let wrong = Some("no-such-token-0123456789");
    assert_eq!(ask(Some(&named), "POST", "/v1/events", wrong).await.unwrap(), 401);
    let text = server.console.http.metrics.text();
    for (reason, count) in [("certificate_unknown", 1), ("nothing_shown", 1), ("token_unknown", 1)]
    {
        let series = format!("http_authentication_refused_total{{reason=\"{reason}\"}} {count}");
        assert!(text.contains(&series), "{series} is not in\n{text}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_protocols_are_spoken_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let (own, clients) = (Authority::new("own"), Authority::new("clients"));
    let files = Files::write(directory.path(), &own.server(), &clients);
    let server = Server::with(&format!("server: {{{}}}\n", files.section("off"))).await;
    let url = format!("https://localhost:{}/livez", server.address.port());
    for (client, version) in [
        (client_of(&own, None), reqwest::Version::HTTP_2),
        (client_of(&own, None).http1_only(), reqwest::Version::HTTP_11),
    ] {
        let answer = client.build().unwrap().get(&url).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, version));
    }
    // Who does not trust the authority, or does not encrypt, gets nowhere, and holds nobody up.
    assert!(client_of(&clients, None).build().unwrap().get(&url).send().await.is_err());
    assert!(server.request("GET", "/livez").send().await.is_err());
    let silent = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let mut open = Open::dial(server.address, &own, None).await.unwrap();
    assert_eq!(open.get("/livez").await.unwrap(), 200);
    // The server hears of a failure after the client.
    let failed = "http_tls_handshakes_failed_total 2";
    while !server.console.http.metrics.text().contains(failed) {
        tokio::task::yield_now().await;
    }
    // A stop waits neither for the silent one nor for the idle one.
    server.stop().await;
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_read_again_under_open_connections() {
    let directory = tempfile::tempdir().unwrap();
    let (own, clients, others) =
        (Authority::new("own"), Authority::new("clients"), Authority::new("others"));
    let first = own.server();
    let files = Files::write(directory.path(), &first, &clients);
    let server = Server::with(&format!("server: {{{}}}\n", files.section("required"))).await;
    let http = server.console.http.clone();
    let read_again = || Terms::read((*http.settings()).clone());
    let (shown, new_shown) = (clients.client("a"), others.client("b"));
    let mut open = Open::dial(server.address, &own, Some(&shown)).await.unwrap();
    assert_eq!(open.get("/v1/incidents").await.unwrap(), 200, "whoever is vouched for may");
    assert_eq!(open.shown(), &*first.der);

    // Another certificate: the open connection goes on, the next one sees it.
    let second = own.server();
    Files::write(directory.path(), &second, &clients);
    http.reconfigure(read_again().unwrap());
    assert_eq!(open.get("/v1/incidents").await.unwrap(), 200);
    let next = Open::dial(server.address, &own, Some(&shown)).await.unwrap();
    assert_eq!(next.shown(), &*second.der);

    // Files that are broken are named, each of them, and nothing changes.
    files.put("server.key", &first.key);
    let told = |unusable: Vec<causeway::ingest::http::terms::Unusable>| {
        unusable.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let error = told(read_again().err().unwrap());
    assert!(error.starts_with("server.tls.key: ") && error.contains("server.key"), "{error}");
    files.put("server.key", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n");
    files.put("server.pem", "");
    std::fs::remove_file(directory.path().join("clients.pem")).unwrap();
    let error = told(read_again().err().unwrap());
    assert_eq!(error.lines().count(), 3, "{error}");
    assert!(error.contains("holds no certificate") && error.contains("cannot be read"), "{error}");
    assert!(!error.contains("c2VjcmV0"), "{error}");
    assert_eq!(open.get("/v1/incidents").await.unwrap(), 200);

    // Other authorities: whoever they do not vouch for is nobody, on an open connection too.
    Files::write(directory.path(), &second, &others);
    http.reconfigure(read_again().unwrap());
    assert_eq!(open.get("/v1/incidents").await.unwrap(), 401);
    assert_eq!(open.get("/livez").await.unwrap(), 200);
    let mut new = Open::dial(server.address, &own, Some(&new_shown)).await.unwrap();
    assert_eq!(new.get("/v1/incidents").await.unwrap(), 200);
    for shown in [None, Some(&shown)] {
        // With TLS 1.3 a client learns of it when it reads.
        let open = Open::dial(server.address, &own, shown).await;
        let asked = match open {
            Ok(mut open) => open.get("/livez").await,
            Err(error) => Err(error),
        };
        assert!(asked.is_err(), "{asked:?}");
    }
    server.stop().await;
}

#[test]
fn a_certificate_is_known_by_its_names() {
    let clients = Authority::new("clients");
    let shown = clients.client("agent");
    let names = Names::of(&shown.der).unwrap();
    let digest: [u8; 32] = Sha256::digest(&shown.der).into();
    for mark in [
        CertificateMark::CommonName("agent".to_owned()),
        CertificateMark::Dns("agent.shop.example".to_owned()),
        CertificateMark::Uri("spiffe://shop/agent".to_owned()),
        CertificateMark::Sha256(digest),
    ] {
        assert!(names.fit(&mark), "{mark:?} {names:?}");
    }
    for mark in [
        CertificateMark::CommonName("Agent".to_owned()),
        CertificateMark::CommonName("Shop".to_owned()),
        CertificateMark::Dns("agent".to_owned()),
        CertificateMark::Dns("shop.example".to_owned()),
        CertificateMark::Uri("spiffe://shop/agent/".to_owned()),
        CertificateMark::Sha256([0; 32]),
    ] {
        assert!(!names.fit(&mark), "{mark:?} {names:?}");
    }
    // Whatever is cut off or turned over is read or refused, never more.
    let bytes = shown.der.to_vec();
    for at in 0..bytes.len() {
        let _ = Names::of(&bytes[..at].to_vec().into());
        let mut turned = bytes.clone();
        turned[at] ^= 0x80;
        let _ = Names::of(&turned.into());
    }
}
