//! Encryption of the HTTP server, and clients that prove who they are by a certificate.

use crate::config::units::FilePath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Encryption; the files are read again whenever the configuration is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Our certificate, PEM, followed by those of the authorities between it and the root.
    pub certificate: FilePath,
    /// Its private key, PEM, not encrypted.
    pub key: FilePath,
    /// Certificates of the authorities that vouch for clients, PEM.
    #[serde(default)]
    pub client_ca: Option<FilePath>,
    /// Whether clients show a certificate.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
}

/// Whether clients show a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClientCertificates {
    /// They are not asked for one.
    #[default]
    Off,
    /// They may.
    Optional,
    /// Whoever has none gets no connection.
    Required,
}

/// What a client certificate is known by; one of the four.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CertificateName {
    /// The common name of its subject.
    pub common_name: Option<String>,
    /// A DNS name among its alternative names.
    pub dns: Option<String>,
    /// A URI among its alternative names, such as `spiffe://shop/agent`.
    pub uri: Option<String>,
    /// The SHA-256 of the certificate as hexadecimal digits, with or without colons.
    pub sha256: Option<String>,
}
