//! How processes that compute as one trust and notice each other.

use super::checker::Checker;
use super::server::callers::TOKEN_BYTES_MIN;
use crate::config::cluster::Cluster;
use crate::config::units::Secret;
use std::time::Duration;

/// Several processes as one, checked.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// What they prove to each other that they have; empty when they prove nothing.
    pub secret: Secret,
    /// How long nothing may be heard of another one.
    pub silence: Duration,
}

pub(super) fn check(checker: &mut Checker<'_>, cluster: &Cluster) -> ClusterSettings {
    let secret = cluster.secret.clone();
    if secret.as_ref().is_some_and(|secret| secret.reveal().len() < TOKEN_BYTES_MIN) {
        checker.wrong(
            "cluster.secret",
            format!("the secret is shorter than {TOKEN_BYTES_MIN} characters"),
            "make one with `openssl rand -hex 32`",
        );
    }
    if cluster.silence.0 < Duration::from_secs(1) {
        let message = "a busy process may be silent for that long".to_owned();
        checker.wrong("cluster.silence", message, "write at least 1s");
    }
    ClusterSettings { secret: secret.unwrap_or_default(), silence: cluster.silence.0 }
}
