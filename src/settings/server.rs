//! Who may reach the server, and how much they may ask.

use super::checker::Checker;
use super::source::{SourceKind, SourceSettings};
use crate::config::server::tls::{ClientCertificates, Tls};
use crate::config::server::{Role, Server, ServerLimits};
use causeway_dataflows::model::SourceIndex;
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

pub(super) mod callers;
mod jwt;

pub use callers::{CertificateMark, Proof};
pub use jwt::{JwtSettings, KeysFrom};

/// The HTTP server, checked.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where to listen for OTLP over gRPC as well.
    pub otlp_grpc: Option<SocketAddr>,
    /// Where to listen for OTLP over HTTP as well.
    pub otlp_http: Option<SocketAddr>,
    /// Whether requests may name any host; only so that a local server to which nobody has to
    /// prove who they are is not reached by the web pages of a browser.
    pub any_host: bool,
    /// Names of this server besides its address, in lower case.
    pub hosts: Vec<String>,
    /// Encryption, if any.
    pub tls: Option<Tls>,
    /// Who may call, besides those of `jwt`; with neither everyone may who gets a connection.
    pub callers: Vec<Access>,
    /// Callers that an identity provider vouches for.
    pub jwt: Option<JwtSettings>,
    /// Bytes of a request body as sent.
    pub body_bytes_max: usize,
    /// Bytes of a request body after decompression.
    pub decoded_bytes_max: usize,
    /// Connections at a time.
    pub connections_max: usize,
    /// Requests at a time.
    pub requests_max: usize,
    /// Live streams at a time.
    pub streams_max: usize,
    /// Longest time for one request.
    pub timeout: Duration,
    /// Remembered Idempotency-Keys.
    pub idempotency_keys_max: usize,
    /// How long one is remembered.
    pub idempotency_window: Duration,
}

/// What a caller may do.
#[derive(Clone, Debug)]
pub struct Access {
    /// What the caller is called in logs.
    pub name: SmolStr,
    /// What it is known by.
    pub proof: Proof,
    /// Whose data the caller sends and sees.
    pub tenant: SmolStr,
    /// What the caller may do, each role once.
    pub roles: BTreeSet<Role>,
    /// HTTP sources the caller may send to; empty means all of them.
    pub sources: BTreeSet<SourceIndex>,
}

impl ServerSettings {
    /// Whether callers have to show a certificate of theirs before anything else.
    pub fn requires_certificates(&self) -> bool {
        let required = |tls: &Tls| tls.client_certificates == ClientCertificates::Required;
        self.tls.as_ref().is_some_and(required)
    }

    /// Whether whoever calls has to prove who they are.
    pub fn is_protected(&self) -> bool {
        !self.callers.is_empty() || self.jwt.is_some() || self.requires_certificates()
    }
}

pub(super) fn check(
    checker: &mut Checker<'_>,
    server: &Server,
    sources: &[SourceSettings],
) -> ServerSettings {
    let (grpc, http) = (server.otlp.grpc, server.otlp.http);
    let addresses = [
        ("server.listen", Some(server.listen)),
        ("server.otlp.grpc", grpc),
        ("server.otlp.http", http),
    ];
    let open = addresses
        .iter()
        .find_map(|(key, address)| Some((*key, address.filter(|at| !at.ip().is_loopback())?)));
    let local = open.is_none();
    let asked = server.tls.as_ref().map(|tls| tls.client_certificates).unwrap_or_default();
    let required = asked == ClientCertificates::Required;
    let protected = !server.tokens.is_empty() || server.jwt.is_some() || required;
    let decides =
        ["listen", "otlp", "tokens", "jwt", "tls", "insecure"].map(|key| format!("server.{key}"));
    let known = decides.iter().all(|key| checker.knows(&[key]));
    if let Some((key, address)) = open.filter(|_| known && !protected && !server.insecure) {
        checker.wrong(
            key,
            format!(
                "{address} can be reached from other machines and nobody has to prove who they are"
            ),
            "add `server.tokens` or `server.jwt`, listen on 127.0.0.1, or spell out `insecure: true`",
        );
    }
    if grpc.is_some() && checker.knows(&["sources"]) && !has_root(sources) {
        checker.wrong(
            "server.otlp.grpc",
            "there is no HTTP source without a `prefix` that could take what comes",
            "add a source of type `http` without a `prefix`, or leave `grpc` out",
        );
    }
    let limits = &server.limits;
    check_limits(checker, limits);
    if let Some(tls) = &server.tls {
        check_tls(checker, tls);
    }
    let callers = callers::callers(checker, &server.tokens, asked, sources);
    let jwt = server.jwt.as_ref().map(|jwt| jwt::check(checker, jwt));
    ServerSettings {
        listen: server.listen,
        otlp_grpc: grpc,
        otlp_http: http,
        any_host: protected || !local,
        hosts: server.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
        tls: server.tls.clone(),
        callers,
        jwt,
        body_bytes_max: limits.body.as_usize(),
        decoded_bytes_max: limits.decoded.as_usize(),
        connections_max: limits.connections,
        requests_max: limits.requests,
        streams_max: limits.streams,
        timeout: limits.timeout.0,
        idempotency_keys_max: limits.idempotency_keys,
        idempotency_window: limits.idempotency_window.0,
    }
}

fn check_tls(checker: &mut Checker<'_>, tls: &Tls) {
    for (name, path) in [("certificate", &tls.certificate), ("key", &tls.key)] {
        if path.0.as_os_str().is_empty() {
            checker.wrong(&format!("server.tls.{name}"), "it is empty", "name a file");
        }
    }
    if !checker.knows(&["server.tls"]) {
        return;
    }
    match (tls.client_certificates, &tls.client_ca) {
        (ClientCertificates::Off, Some(_)) => {
            let remedy = "set `client_certificates` to `optional` or `required`, or take it out";
            checker.wrong("server.tls.client_ca", "clients are not asked for any", remedy);
        }
        (ClientCertificates::Optional | ClientCertificates::Required, None) => {
            let message = "nobody vouches for the certificates of clients";
            checker.wrong("server.tls.client_certificates", message, "add `client_ca`");
        }
        _ => {}
    }
}

fn check_limits(checker: &mut Checker<'_>, limits: &ServerLimits) {
    for (name, number) in [
        ("connections", limits.connections),
        ("requests", limits.requests),
        ("body", limits.body.as_usize()),
    ] {
        checker.positive(&format!("server.limits.{name}"), number);
    }
    checker.some_time("server.limits.timeout", limits.timeout);
    if checker.knows(&["server.limits.body"]) && limits.decoded < limits.body {
        checker.wrong(
            "server.limits.decoded",
            format!("{} is less than `body`, {}", limits.decoded, limits.body),
            "make it at least as large: a body that is not compressed counts against both",
        );
    }
}

/// Whether a source takes what comes by paths without a prefix.
fn has_root(sources: &[SourceSettings]) -> bool {
    sources.iter().any(|source| matches!(&source.kind, SourceKind::Http { prefix: None }))
}
