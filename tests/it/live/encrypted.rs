//! The whole program with TLS: files that are read again, commands that say what is wrong.

use super::QUICK;
use super::process::{Process, causeway};
use crate::certificates::{Authority, Files, Open, Signed, client_of};
use serde_json::{Value, json};
use std::process::Command;

const ADDRESS: &str = "listen: \"127.0.0.1:0\"";

/// Asks the process to read its configuration again, over TLS.
async fn reload(process: &Process, own: &Authority, shown: &Signed) -> (u16, Value) {
    let client = client_of(own, Some(shown)).build().unwrap();
    let url = format!("https://localhost:{}/-/reload", process.address().port());
    let answer = client.post(url).send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
}

#[tokio::test]
async fn encryption_comes_with_a_reload_and_broken_files_change_nothing() {
    let process = Process::start(QUICK);
    let beside = process.config().parent().unwrap().to_owned();
    let (own, clients) = (Authority::new("own"), Authority::new("clients"));
    let (first, second, operator) = (own.server(), own.server(), clients.client("operator"));
    let files = Files::write(&beside, &first, &clients);
    let callers = "tokens: [{name: operator, certificate: {common_name: operator}, \
                   roles: [read, operate]}]";
    let section = format!("{ADDRESS}, {}, {callers}", files.section("optional"));
    process.rewrite(ADDRESS, &section);
    let (status, answer) = process.post("/-/reload", "").await;
    assert_eq!((status, &answer["changed"]), (200, &json!(["server.tls", "server.tokens"])));
    let mut open = Open::dial(process.address(), &own, Some(&operator)).await.unwrap();
    assert_eq!((open.get("/v1/incidents").await.unwrap(), open.shown()), (200, &*first.der));

    // A certificate that was replaced, told by a signal.
    files.put("server.pem", &second.certificate);
    files.put("server.key", &second.key);
    let hangup = Command::new("kill").args(["-HUP", &process.id().to_string()]).status();
    assert!(hangup.unwrap().success());
    loop {
        let next = Open::dial(process.address(), &own, Some(&operator)).await.unwrap();
        if next.shown() == &*second.der {
            break;
        }
    }
    assert_eq!(open.get("/v1/incidents").await.unwrap(), 200, "it was not cut off");

    // The key of another certificate.
    files.put("server.key", &first.key);
    let (status, answer) = reload(&process, &own, &operator).await;
    assert_eq!(status, 422, "{answer}");
    let mistake = &answer["mistakes"][0];
    assert_eq!(mistake["key"], "server.tls.key", "{answer}");
    assert!(mistake["place"].as_str().unwrap().contains("causeway.yaml:3:"), "{answer}");
    let next = Open::dial(process.address(), &own, Some(&operator)).await.unwrap();
    assert_eq!(next.shown(), &*second.der);

    // The same is what `validate` and a start say, and `config show` shows no more than paths.
    let config = process.config();
    let config = config.to_str().unwrap();
    for arguments in [["validate", "-c", config], ["run", "-c", config]] {
        let output = causeway(&arguments, b"");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(78), "{arguments:?} {told}");
        assert!(told.contains("server.tls.key") && told.contains("server.key"), "{told}");
    }
    let shown = causeway(&["config", "show", "-c", config], b"");
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("client_certificates: optional"), "{shown}");
    assert!(shown.contains("common_name: operator") && !shown.contains("PRIVATE"), "{shown}");
    files.put("server.key", &second.key);
    assert_eq!(reload(&process, &own, &operator).await.0, 200);
    process.terminate();
}

#[test]
fn a_server_for_others_wants_to_know_who_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let (own, clients) = (Authority::new("own"), Authority::new("clients"));
    let files = Files::write(directory.path(), &own.server(), &clients);
    files.put("keys.json", "{\"keys\": []}");
    let validate = |server: &str| {
        let config = directory.path().join("causeway.yaml");
        std::fs::write(&config, format!("version: 1\nserver: {{{server}}}\n")).unwrap();
        let output = causeway(&["validate", "-c", config.to_str().unwrap()], b"");
        (output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let beyond = "listen: \"0.0.0.0:9190\"";
    for (asked, code) in [("off", 78), ("optional", 78), ("required", 0)] {
        let (found, told) = validate(&format!("{beyond}, {}", files.section(asked)));
        assert_eq!(found, code, "{asked}: {told}");
        assert_eq!(told.contains("nobody has to prove who they are"), code != 0, "{told}");
    }
    let jwt = "jwt: {issuer: a, audience: b, jwks: {file: keys.json}}";
    let (code, told) = validate(&format!("{beyond}, {jwt}"));
    assert!(code == 78 && told.contains("server.jwt.jwks.file"), "{told}");
    assert!(told.contains("keys.json holds no key") && !told.contains("prove"), "{told}");
}
