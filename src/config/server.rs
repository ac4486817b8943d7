//! The `server` section: where HTTP listens, who may call, and how much.

use super::units::{ByteSize, Period, Secret};
use schemars::JsonSchema;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::net::SocketAddr;

pub mod jwt;
pub mod otlp;
pub mod tls;

use jwt::Jwt;
use otlp::Otlp;
use tls::{CertificateName, Tls};

/// The HTTP server.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Server {
    /// Address and port to listen on.
    /// Anything but a loopback address needs `tokens`, `jwt`, client certificates that are
    /// `required`, or `insecure: true`.
    #[serde(deserialize_with = "address")]
    pub listen: SocketAddr,
    /// Serve beyond this machine without authentication.
    /// Whoever reaches the port may then read and write everything.
    pub insecure: bool,
    /// Names under which this server is called besides its address.
    /// Where nobody has to prove who they are, a request that names another host is refused, so that a web page
    /// cannot reach a local server by pointing a name of its own at it.
    pub hosts: Vec<String>,
    /// Encryption; plain HTTP without it.
    pub tls: Option<Tls>,
    /// Who may call, each known by a token or by a client certificate. Where there are none and
    /// no `jwt`, everyone may who reaches the port and has the certificate that `tls` requires.
    pub tokens: Vec<Token>,
    /// Callers that an identity provider vouches for, besides `tokens`.
    pub jwt: Option<Jwt>,
    /// Further addresses, for senders of OpenTelemetry's protocol.
    pub otlp: Otlp,
    /// How much one caller and all of them together may ask for.
    pub limits: ServerLimits,
}

impl Default for Server {
    fn default() -> Self {
        Server {
            listen: SocketAddr::from(([127, 0, 0, 1], 9190)),
            insecure: false,
            hosts: Vec::new(),
            tls: None,
            tokens: Vec::new(),
            jwt: None,
            otlp: Otlp::default(),
            limits: ServerLimits::default(),
        }
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    parsed(&String::deserialize(deserializer)?)
}

fn parsed<E: Error>(text: &str) -> Result<SocketAddr, E> {
    text.parse().map_err(|_| {
        E::custom(format!(
            "`{text}` is not an address with a port; write it like `127.0.0.1:9190` or `[::1]:9190`"
        ))
    })
}

/// One caller, known by a token or by a client certificate.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// What the caller is called in logs.
    pub name: String,
    /// The token, by reference: `${env:NAME}` or `${file:/path}`; at least 16 characters.
    #[serde(default)]
    pub token: Option<Secret>,
    /// The client certificate, in place of a token.
    #[serde(default)]
    pub certificate: Option<CertificateName>,
    /// Whose data the caller sends and sees.
    #[serde(default = "default_tenant")]
    pub tenant: String,
    /// What the caller may do.
    #[serde(default = "default_roles")]
    pub roles: Vec<Role>,
    /// HTTP sources the caller may send to; empty means all of them.
    #[serde(default)]
    pub sources: Vec<String>,
}

/// The tenant of whatever names none.
pub(super) fn default_tenant() -> String {
    "default".to_owned()
}

fn default_roles() -> Vec<Role> {
    vec![Role::Ingest]
}

/// What a caller is allowed.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Send events.
    Ingest,
    /// Read incidents, alerts and metrics.
    Read,
    /// Change topology, silences, maintenance windows and rules.
    Operate,
}

/// Bounds on requests.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ServerLimits {
    /// Largest request body as sent.
    pub body: ByteSize,
    /// Largest request body after decompression.
    pub decoded: ByteSize,
    /// Connections at a time; further ones wait to be accepted.
    pub connections: usize,
    /// Requests at a time; further ones get 503.
    pub requests: usize,
    /// Live streams of revisions at a time; further ones get 503.
    pub streams: usize,
    /// Longest time for one request, streams aside.
    pub timeout: Period,
    /// Remembered Idempotency-Keys; beyond it the oldest are forgotten and counted.
    pub idempotency_keys: usize,
    /// How long an Idempotency-Key is remembered.
    pub idempotency_window: Period,
}

impl Default for ServerLimits {
    fn default() -> Self {
        ServerLimits {
            body: ByteSize::mebibytes(16),
            decoded: ByteSize::mebibytes(64),
            connections: 1024,
            requests: 256,
            streams: 256,
            timeout: Period::seconds(30),
            idempotency_keys: 100_000,
            idempotency_window: Period::minutes(24 * 60),
        }
    }
}
