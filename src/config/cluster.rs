//! The `cluster` section: how several processes that compute as one trust and notice each other.

use super::units::{Period, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Several processes as one; how many there are and where is told by flags of `causeway run`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Cluster {
    /// What the processes prove to each other that they have, by reference: `${env:NAME}` or
    /// `${file:/path}`; at least 16 characters. What they exchange afterwards is not encrypted.
    /// Needed when a process can be reached from other machines, unless `server.insecure` is set.
    pub secret: Option<Secret>,
    /// How long nothing may be heard of another process before this one ends.
    pub silence: Period,
}

impl Default for Cluster {
    fn default() -> Self {
        Cluster { secret: None, silence: Period::seconds(10) }
    }
}
