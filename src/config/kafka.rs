//! What Kafka's source and its sink have in common: how the cluster is reached.

use super::units::{FilePath, Secret};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Encryption; `tls: {}` trusts what the system trusts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Certificates of the authorities that are trusted, PEM; those of the system when left out.
    pub ca: Option<FilePath>,
    /// Our own certificate, PEM, where the brokers ask for one.
    pub certificate: Option<FilePath>,
    /// Its private key, PEM.
    pub key: Option<FilePath>,
    /// The password of the key.
    pub key_password: Option<Secret>,
}

/// Who we are, by name and password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sasl {
    /// How the password is proved.
    pub mechanism: SaslMechanism,
    /// The name.
    pub username: String,
    /// The password, by reference.
    pub password: Secret,
}

/// How a password is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SaslMechanism {
    /// It is sent, so the connection must be encrypted.
    Plain,
    /// SCRAM with SHA-256.
    #[serde(rename = "scram_sha_256")]
    ScramSha256,
    /// SCRAM with SHA-512.
    #[serde(rename = "scram_sha_512")]
    ScramSha512,
}

/// How the members of a group share the partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum GroupProtocol {
    /// Members agree among themselves; understood by every broker.
    #[default]
    Classic,
    /// The broker decides (KIP-848); brokers from 4.0.
    Consumer,
}

/// Where a partition goes on when the offset that is due is not there: retention has deleted it,
/// or the topic was made anew.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OffsetLost {
    /// At the oldest message that is there.
    #[default]
    Earliest,
    /// Behind the newest.
    Latest,
    /// Nowhere: the process ends with an error.
    Fail,
}

/// What a Kafka sink promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Guarantee {
    /// A revision may come twice after a crash, the same to the byte.
    #[default]
    AtLeastOnce,
    /// Readers with `isolation.level=read_committed` see each revision once.
    ExactlyOnce,
}
