//! The `sources` section: where events come from and how each source is read.

use super::csv::Csv;
use super::kafka::{GroupProtocol, OffsetLost, Sasl, Tls};
use super::server::default_tenant;
use super::units::{ByteSize, FilePath, OneOrMore, Period};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One source of events; its key is the name that counters and dead letters carry.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(tag = "type")]
pub enum Source {
    /// Requests to the HTTP server.
    Http(HttpSource),
    /// Files of lines, plain or compressed.
    File(FileSource),
    /// Standard input.
    Stdin(StdinSource),
    /// Topics of Apache Kafka.
    Kafka(KafkaSource),
    /// The objects of a Kubernetes cluster, as topology.
    Kubernetes(KubernetesSource),
}

impl Source {
    /// What every source has, whatever its type.
    pub fn policy(&self) -> Policy {
        match self {
            Source::Http(source) => source.policy(),
            Source::File(source) => source.policy(),
            Source::Stdin(source) => source.policy(),
            Source::Kafka(source) => source.policy(),
            Source::Kubernetes(source) => source.policy(),
        }
    }
}

/// Writes the fields that all sources share once: flattening would lose the places of errors.
macro_rules! sources {
    (@policy {
        $($(#[$doc:meta])* $field:ident: $type:ty = $default:expr,)*
    }) => {
        /// What every source has, whatever its type.
        #[derive(Clone, Debug)]
        pub struct Policy {
            $($(#[$doc])* pub $field: $type,)*
        }

        impl Default for Policy {
            fn default() -> Self {
                Policy { $($field: $default,)* }
            }
        }
    };
    (@source $(#[$doc:meta])* $name:ident {
        $($(#[$own_doc:meta])* $own:ident: $own_type:ty = $own_default:expr,)*
    } {
        $($(#[$shared_doc:meta])* $shared:ident: $shared_type:ty = $shared_default:expr,)*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$own_doc])* pub $own: $own_type,)*
            $($(#[$shared_doc])* pub $shared: $shared_type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($own: $own_default,)* $($shared: $shared_default,)* }
            }
        }

        impl $name {
            fn policy(&self) -> Policy {
                Policy { $($shared: self.$shared.clone(),)* }
            }
        }
    };
    (shared $shared:tt $($(#[$doc:meta])* $name:ident $own:tt)*) => {
        sources! { @policy $shared }
        $(sources! { @source $(#[$doc])* $name $own $shared })*
    };
}

sources! {
    shared {
        /// Whose data it is when no token says so.
        tenant: String = default_tenant(),
        /// How far event time may lie behind receipt before an event is late.
        lateness: Period = Period::minutes(5),
        /// A longer gap between firing events ends an alert.
        quiet: Period = Period::minutes(5),
        /// Whether a late event still counts in the alert that was open when it was
        /// received; otherwise it is only counted and kept for audit.
        fold_late: bool = true,
        /// How long an Alertmanager alert without an end keeps firing.
        resolve_timeout: Period = Period::minutes(5),
        /// Refuse an event whose id was seen within the lateness bound.
        dedupe_ids: bool = false,
        /// Labels that tell redundant senders apart; left out of the fingerprint.
        replica_labels: Vec<String> = Vec::new(),
        /// The source's own severity words, each with a word of ours or a number from 1 to 24.
        severity: BTreeMap<String, SeverityWord> = BTreeMap::new(),
        /// How an event without an entity gets one; the first step that applies decides.
        entity: Vec<EntityStep> = EntityStep::ALL.to_vec(),
        /// Whether OpenTelemetry's resources say what runs where, and which names mean the same.
        resources: bool = true,
        /// The source promises events in order of time.
        ordered: bool = false,
        /// Reject what would otherwise be repaired.
        strict: bool = false,
        /// What happens to events that break a rule.
        on_violation: OnViolation = OnViolation::default(),
        /// Bounds on one event.
        limits: EventLimits = EventLimits::default(),
    }

    /// Requests to the HTTP server.
    HttpSource {
        /// Path under which this source's endpoints also are, such as `/team-a`; the
        /// source without one has them at the root.
        prefix: Option<String> = None,
    }

    /// Files of lines, plain, `.gz` or `.zst`.
    FileSource {
        /// Files or globs; those that match are read in the order of their names.
        path: OneOrMore<FilePath> = OneOrMore::default(),
        /// What the files hold.
        format: Format = Format::Native,
        /// What the columns are, when they hold CSV.
        csv: Csv = Csv::default(),
        /// Keep reading as files grow, are rotated or appear.
        follow: bool = false,
        /// How often a followed file is looked at.
        poll: Period = Period(std::time::Duration::from_millis(250)),
    }

    /// Standard input.
    StdinSource {
        /// What comes in.
        format: Format = Format::Native,
        /// What the columns are, when it is CSV.
        csv: Csv = Csv::default(),
    }

    /// Topics of Apache Kafka. What was read is in the journal, and a restart goes on behind
    /// it; the offsets committed to the group only tell others how far that is.
    KafkaSource {
        /// Brokers to begin with, as `host:port`.
        brokers: OneOrMore<String> = OneOrMore::default(),
        /// Topics; one that begins with `^` is a regular expression.
        topics: OneOrMore<String> = OneOrMore::default(),
        /// The consumer group.
        group: String = String::new(),
        /// How the members of the group share the partitions.
        group_protocol: GroupProtocol = GroupProtocol::Classic,
        /// Where a partition begins that neither the journal nor the group knows: `earliest`,
        /// `latest`, or a time in RFC 3339.
        start: String = "earliest".to_owned(),
        /// Where a partition goes on when the offset that is due is not there.
        offset_lost: OffsetLost = OffsetLost::Earliest,
        /// What the messages hold; one with CloudEvents headers is a CloudEvent in any case.
        format: Format = Format::Native,
        /// Headers of messages that become labels of the alerts in them, each with the label's
        /// name; a label of the alert's own stands.
        header_labels: BTreeMap<String, String> = BTreeMap::new(),
        /// Threads that read and decode; at most one a partition has work.
        pollers: usize = 3,
        /// A topic that refused messages are sent to as well, with the headers of Kafka Connect.
        dead_letter_topic: Option<String> = None,
        /// Encryption.
        tls: Option<Tls> = None,
        /// Who we are.
        sasl: Option<Sasl> = None,
        /// Further settings of librdkafka, by their own names.
        librdkafka: BTreeMap<String, String> = BTreeMap::new(),
    }

    /// The objects of a Kubernetes cluster, listed and watched: pods and who owns them, nodes,
    /// services, ingresses. What they say of the topology comes from `kubernetes/` and the
    /// source's name.
    KubernetesSource {
        /// The API server; that of the pod's own cluster when left out.
        url: Option<String> = None,
        /// A file with the token to show, which is read again for each request; the pod's own
        /// when there is no `url`.
        token_file: Option<FilePath> = None,
        /// Certificates of the authorities that are trusted, PEM; the pod's own when there is
        /// no `url`, else those of the system.
        ca_file: Option<FilePath> = None,
        /// Namespaces whose objects are watched; all when none are named.
        namespaces: Vec<String> = Vec::new(),
        /// Objects that are kept in memory; further ones are left out and counted.
        objects_max: usize = 200_000,
    }
}

/// What the bytes of a source are.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// Native events, one JSON object a line; CloudEvents and CDEvents among them are
    /// recognised.
    #[default]
    Native,
    /// Alertmanager alerts, one or an array of them a line.
    Alertmanager,
    /// Webhook payloads of Alertmanager or Grafana, one a line.
    Webhook,
    /// CloudEvents, one or an array of them a line.
    Cloudevents,
    /// CDEvents without an envelope, one a line.
    Cdevents,
    /// Backstage catalogue files in YAML.
    Backstage,
    /// Samples of series in CSV, a row each; files and standard input only.
    Csv,
}

/// A severity as a word or a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SeverityWord {
    /// 1 to 24, OpenTelemetry's scale.
    Number(i64),
    /// A word such as `critical`.
    Word(String),
}

/// One way to find an event's entity; when no step applies it is `unknown:`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EntityStep {
    /// The event names it.
    Explicit,
    /// The attributes `service.namespace` and `service.name`.
    OtelService,
    /// The labels `service`, `app` or `job`, with `namespace`.
    ServiceLabel,
    /// The Kubernetes workload that `k8s.deployment.name` and its like name, or `deployment` and
    /// its like beside `namespace`, else the pod.
    Workload,
    /// The labels `host`, `node` or `instance`, the port left out.
    Host,
}

impl EntityStep {
    /// Every step, in the usual order.
    pub const ALL: [EntityStep; 5] = [
        EntityStep::Explicit,
        EntityStep::OtelService,
        EntityStep::ServiceLabel,
        EntityStep::Workload,
        EntityStep::Host,
    ];
}

/// What happens to events that break a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OnViolation {
    /// To an event that cannot be used.
    pub reject: OnReject,
    /// To an event that can be used once it is repaired.
    pub repair: OnRepair,
}

/// What happens to an event that cannot be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnReject {
    /// It goes to the dead-letter store.
    #[default]
    Dlq,
    /// It is counted and forgotten.
    Drop,
    /// The source stops with an error; of use in tests and imports only.
    Fail,
}

/// What happens to an event that was repaired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnRepair {
    /// It is used, and counted.
    #[default]
    Accept,
    /// It goes to the dead-letter store instead.
    Dlq,
}

/// Bounds on one event and on what a decoder remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EventLimits {
    /// Longest line or document; a longer one is rejected with E002.
    pub line: ByteSize,
    /// Levels of nesting; more is rejected with E006.
    pub depth: usize,
    /// Keys of one object; more is rejected with E006.
    pub keys: usize,
    /// Identity labels of one alert; further ones are dropped with W107.
    pub labels: usize,
    /// Fingerprints whose words are remembered between requests, in each of two
    /// generations; forgetting one costs time, never an answer.
    pub identities: usize,
    /// Ids remembered for `dedupe_ids`; beyond it the oldest are forgotten and counted.
    pub ids: usize,
}

impl Default for EventLimits {
    fn default() -> Self {
        EventLimits {
            line: ByteSize::mebibytes(1),
            depth: 64,
            keys: 1024,
            labels: 64,
            identities: 1 << 20,
            ids: 1 << 20,
        }
    }
}
