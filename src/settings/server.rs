//! Who may reach the server, and how much they may ask.

use super::checker::Checker;
use super::source::{SourceKind, SourceSettings};
use crate::config::server::{Role, Server, ServerLimits, Token};
use crate::config::units::Secret;
use causeway_dataflows::model::SourceIndex;
use smol_str::SmolStr;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

/// The least length of a token, bytes: 16 random characters are beyond guessing over a network.
pub(super) const TOKEN_BYTES_MIN: usize = 16;

/// The HTTP server, checked.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Whether requests may name any host; only so that a local server without tokens is
    /// not reached by the web pages of a browser.
    pub any_host: bool,
    /// Names of this server besides its address, in lower case.
    pub hosts: Vec<String>,
    /// Who may call; empty means everyone.
    pub callers: Vec<Access>,
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

/// What the holder of a token may do.
#[derive(Clone, Debug)]
pub struct Access {
    /// What the caller is called in logs.
    pub name: SmolStr,
    /// The token.
    pub token: Secret,
    /// Whose data the caller sends and sees.
    pub tenant: SmolStr,
    /// What the caller may do, each role once.
    pub roles: BTreeSet<Role>,
    /// HTTP sources the caller may send to; empty means all of them.
    pub sources: BTreeSet<SourceIndex>,
}

pub(super) fn check(
    checker: &mut Checker<'_>,
    server: &Server,
    sources: &[SourceSettings],
) -> ServerSettings {
    let local = server.listen.ip().is_loopback();
    let protected = !server.tokens.is_empty();
    let known = checker.knows(&["server.listen", "server.tokens", "server.insecure"]);
    if known && !local && !protected && !server.insecure {
        checker.wrong(
            "server.listen",
            format!(
                "{} can be reached from other machines and nobody has to prove who they are",
                server.listen
            ),
            "add `server.tokens`, listen on 127.0.0.1, or spell out `insecure: true`",
        );
    }
    let limits = &server.limits;
    check_limits(checker, limits);
    let callers = callers(checker, &server.tokens, sources);
    ServerSettings {
        listen: server.listen,
        any_host: protected || !local,
        hosts: server.hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
        callers,
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

fn callers(checker: &mut Checker<'_>, tokens: &[Token], sources: &[SourceSettings]) -> Vec<Access> {
    let mut callers: Vec<Access> = Vec::with_capacity(tokens.len());
    for (i, token) in tokens.iter().enumerate() {
        let key = format!("server.tokens.{i}");
        checker.name(&format!("{key}.name"), &token.name);
        checker.name(&format!("{key}.tenant"), &token.tenant);
        if token.token.reveal().len() < TOKEN_BYTES_MIN {
            checker.wrong(
                &format!("{key}.token"),
                format!("the token is shorter than {TOKEN_BYTES_MIN} characters"),
                "make one with `openssl rand -hex 32`",
            );
        }
        if let Some(other) = callers.iter().find(|other| other.token == token.token) {
            let message = format!("the token is also that of `{}`", other.name);
            checker.wrong(&format!("{key}.token"), message, "give each caller its own");
        }
        if callers.iter().any(|other| other.name == token.name) {
            let message = format!("`{}` is the name of another token", token.name);
            checker.wrong(&format!("{key}.name"), message, "rename one of the two");
        }
        if token.roles.is_empty() && checker.knows(&[&format!("{key}.roles")]) {
            let remedy = "list some of `ingest`, `read`, `operate`";
            checker.wrong(&format!("{key}.roles"), "the token allows nothing", remedy);
        }
        callers.push(Access {
            name: SmolStr::new(&token.name),
            token: token.token.clone(),
            tenant: SmolStr::new(&token.tenant),
            roles: token.roles.iter().copied().collect(),
            sources: sources_of(checker, &key, token, sources),
        });
    }
    callers
}

fn sources_of(
    checker: &mut Checker<'_>,
    key: &str,
    token: &Token,
    sources: &[SourceSettings],
) -> BTreeSet<SourceIndex> {
    let mut indices = BTreeSet::new();
    for (i, name) in token.sources.iter().enumerate() {
        let http = |source: &&SourceSettings| {
            source.decode.name == name.as_str() && matches!(source.kind, SourceKind::Http { .. })
        };
        match sources.iter().find(http) {
            Some(source) => {
                indices.insert(source.decode.index);
            }
            // It may be one of those that could not be read.
            None if !checker.knows(&[&format!("sources.{name}")]) => {}
            None => checker.wrong(
                &format!("{key}.sources.{i}"),
                format!("`{name}` is not an HTTP source"),
                "name one of `sources` whose type is `http`",
            ),
        }
    }
    indices
}
