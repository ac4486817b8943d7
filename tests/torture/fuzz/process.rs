//! Requests to a running process.

use super::Target;
use crate::live::process::Process;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// A running process, whose answer may be anything but none.
pub(super) fn http() -> Target {
    let process =
        Process::start("emission: {settle: 0s}\nsinks: {none: {type: file, path: none}}\n");
    let request = |head: &str, body: &str| {
        let length = body.len();
        let text =
            format!("{head} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n\r\n{body}");
        text.into_bytes()
    };
    let samples = vec![
        request("POST /v1/events", r#"{"source":"s","kind":"alert","name":"N","entity":"host:a"}"#),
        request(
            "PUT /v1/silences/a",
            r#"{"matchers":["a=b"],"startsAt":"2026-01-01T00:00:00Z","endsAt":"2027-01-01T00:00:00Z"}"#,
        ),
        request("POST /api/v2/alerts", r#"[{"labels":{"alertname":"N","instance":"a"}}]"#),
        request(
            "PUT /v1/topology",
            r#"{"source":"s","kind":"relation","from":"service:a/b","to":"host:c","relation":"runs_on"}"#,
        ),
        request("GET /v1/incidents?state=open&limit=5&severity=error", ""),
        request("GET /v1/alerts?limit=1&cursor=abc", ""),
        request("DELETE /v1/rules/x", ""),
        request("POST /-/reload", ""),
    ];
    let address = process.address();
    let read = move |bytes: &[u8]| {
        let failed = |error: std::io::Error| format!("{}: {error}", process.address());
        let mut stream = TcpStream::connect(address).map_err(failed)?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(failed)?;
        // Whoever is refused early may find the door closed while still speaking.
        let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        if read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock) {
            return Err("it does not answer".to_owned());
        }
        let status = answer.split(|byte| *byte == b' ').nth(1);
        match status {
            Some(b"500") => Err(format!("it fails: {}", answer.escape_ascii())),
            other => Ok(String::from_utf8_lossy(other.unwrap_or_default()).into_owned()),
        }
    };
    Target { name: "HTTP", samples, slow: true, read: Box::new(read) }
}
