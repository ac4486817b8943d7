//! The `server.otlp` section: the addresses at which senders of OpenTelemetry's protocol look.

use super::parsed;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use std::net::SocketAddr;

/// Further addresses to listen on, each only where it is given. Who may call, encryption and
/// limits are those of the server.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Otlp {
    /// For OTLP over gRPC, usually port 4317. It goes to the HTTP source without a prefix.
    #[serde(deserialize_with = "address")]
    pub grpc: Option<SocketAddr>,
    /// For OTLP over HTTP, usually port 4318: the same paths as on `server.listen`.
    #[serde(deserialize_with = "address")]
    pub http: Option<SocketAddr>,
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    Option::<String>::deserialize(deserializer)?.map(|text| parsed(&text)).transpose()
}
