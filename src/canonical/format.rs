//! What the bytes of a source may be.

use super::{kubernetes, otlp, remote_write};
use serde::{Deserialize, Serialize};

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// `event/1.x`; objects that are CloudEvents or CDEvents are told apart by their fields.
    Native,
    /// What Prometheus posts to `/api/v2/alerts`.
    Alertmanager,
    /// Alertmanager's webhook, version 4, and Grafana's, which has the same shape.
    Webhook,
    /// CloudEvents 1.0, structured or batched.
    CloudEvents,
    /// CDEvents without an envelope.
    CdEvents,
    /// Backstage's catalogue, YAML.
    Backstage,
    /// A request of OpenTelemetry's protocol, in protocol buffers.
    Otlp(otlp::Telemetry),
    /// The same in JSON.
    OtlpJson(otlp::Telemetry),
    /// A request of Prometheus' remote write, its snappy block taken off.
    RemoteWrite(remote_write::Version),
    /// Objects of Kubernetes, JSON or YAML.
    Kubernetes,
    /// Rows of a series, whose columns the source names.
    Csv,
}

impl Format {
    /// A number that stays the same, for hashes.
    pub fn number(self) -> u8 {
        match self {
            Format::Native => 0,
            Format::Alertmanager => 1,
            Format::Webhook => 2,
            Format::CloudEvents => 3,
            Format::CdEvents => 4,
            Format::Backstage => 5,
            Format::Otlp(telemetry) => 6 + telemetry as u8,
            Format::OtlpJson(telemetry) => 9 + telemetry as u8,
            Format::RemoteWrite(version) => 12 + version as u8,
            Format::Kubernetes => 14,
            Format::Csv => 15,
        }
    }

    /// What a file of topology holds: objects of Kubernetes, by how they begin; else YAML, by its
    /// name, is a catalogue, and all else native rows.
    pub fn of_topology(path: &std::path::Path, bytes: &[u8]) -> Format {
        match path.extension().and_then(|extension| extension.to_str()) {
            _ if kubernetes::is_kubernetes(bytes) => Format::Kubernetes,
            Some("yaml" | "yml") => Format::Backstage,
            _ => Format::Native,
        }
    }

    /// Whether it may hold things beside those that are asked for, which are counted and nothing
    /// else: a catalogue has templates, a cluster has secrets.
    pub fn is_mixed(self) -> bool {
        matches!(self, Format::Backstage | Format::Kubernetes)
    }
}
