//! The kinds of fault: where they strike, how they show at first, what causes them.

use crate::world::NodeKind;

/// How trouble shows at an entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Symptom {
    /// It answers late.
    Latency,
    /// It answers wrongly or not at all.
    Errors,
    /// Instances of it are gone.
    Down,
    /// Work piles up in front of it.
    Backlog,
}

/// What sort of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// A process eats its processors.
    Cpu,
    /// Memory runs out.
    Memory,
    /// A volume is full or slow.
    Disk,
    /// The network adds delay.
    Delay,
    /// The network loses packets.
    Loss,
    /// Sockets run out.
    Socket,
    /// A call passes a wrong parameter.
    CodeBadParameter,
    /// A call leaves a parameter out.
    CodeMissingParameter,
    /// A call is not made at all.
    CodeMissingCall,
    /// A function returns a wrong value.
    CodeWrongResult,
    /// An exception is not handled.
    CodeUnhandledException,
    /// More requests than it was built for.
    Overload,
    /// Memory or handles are not given back.
    Leak,
    /// A setting that was always wrong begins to matter.
    Misconfig,
    /// A new version is bad.
    BadDeploy,
    /// A new setting is bad.
    BadConfig,
    /// A certificate has run out.
    CertExpiry,
    /// A name does not resolve.
    Dns,
    /// A failure domain is cut off.
    ZoneLoss,
    /// A machine dies.
    HostLoss,
    /// One tenant of a machine starves the others.
    NoisyNeighbour,
    /// Retries feed on themselves.
    RetryStorm,
    /// Somebody else's service fails.
    ThirdParty,
    /// Locks in a database.
    DbContention,
    /// A queue stands still.
    QueueStall,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [FaultKind; 25] = [
        FaultKind::Cpu,
        FaultKind::Memory,
        FaultKind::Disk,
        FaultKind::Delay,
        FaultKind::Loss,
        FaultKind::Socket,
        FaultKind::CodeBadParameter,
        FaultKind::CodeMissingParameter,
        FaultKind::CodeMissingCall,
        FaultKind::CodeWrongResult,
        FaultKind::CodeUnhandledException,
        FaultKind::Overload,
        FaultKind::Leak,
        FaultKind::Misconfig,
        FaultKind::BadDeploy,
        FaultKind::BadConfig,
        FaultKind::CertExpiry,
        FaultKind::Dns,
        FaultKind::ZoneLoss,
        FaultKind::HostLoss,
        FaultKind::NoisyNeighbour,
        FaultKind::RetryStorm,
        FaultKind::ThirdParty,
        FaultKind::DbContention,
        FaultKind::QueueStall,
    ];

    /// The word in `truth.json`.
    pub fn word(self) -> &'static str {
        self.traits().word
    }

    /// How often, where, how and why.
    pub(crate) fn traits(self) -> Traits {
        use FaultKind as K;
        use NodeKind::{Database, External, Host, Queue, Service, Zone};
        use Symptom::{Backlog, Errors, Latency};
        let t = |word, weight, at, first, change| Traits { word, weight, at, first, change };
        const NONE: Cause = Cause { kind: "", probability: 0.0 };
        let by = |kind, probability| Cause { kind, probability };
        match self {
            K::Cpu => t("cpu", 1.0, Service, Latency, by("deploy", 0.25)),
            K::Memory => t("memory", 1.0, Service, Errors, by("deploy", 0.25)),
            K::Disk => t("disk", 1.2, Database, Latency, NONE),
            K::Delay => t("delay", 1.0, Service, Latency, by("infra", 0.15)),
            K::Loss => t("loss", 1.0, Service, Errors, by("infra", 0.15)),
            K::Socket => t("socket", 1.0, Service, Errors, by("config", 0.2)),
            K::CodeBadParameter => t("code_bad_parameter", 0.6, Service, Errors, by("deploy", 0.9)),
            K::CodeMissingParameter => {
                t("code_missing_parameter", 0.6, Service, Errors, by("deploy", 0.9))
            }
            K::CodeMissingCall => t("code_missing_call", 0.6, Service, Errors, by("deploy", 0.9)),
            K::CodeWrongResult => t("code_wrong_result", 0.6, Service, Errors, by("deploy", 0.9)),
            K::CodeUnhandledException => {
                t("code_unhandled_exception", 0.8, Service, Errors, by("deploy", 0.9))
            }
            K::Overload => t("overload", 1.0, Service, Latency, by("feature_flag", 0.3)),
            K::Leak => t("leak", 0.8, Service, Latency, by("deploy", 0.6)),
            K::Misconfig => t("misconfig", 0.8, Service, Errors, by("config", 0.5)),
            K::BadDeploy => t("bad_deploy", 2.0, Service, Errors, by("deploy", 1.0)),
            K::BadConfig => t("bad_config", 1.6, Service, Errors, by("config", 1.0)),
            K::CertExpiry => t("cert_expiry", 0.6, Service, Errors, NONE),
            K::Dns => t("dns", 0.6, Service, Errors, by("infra", 0.5)),
            K::ZoneLoss => t("zone_loss", 0.15, Zone, Errors, NONE),
            K::HostLoss => t("host_loss", 0.7, Host, Symptom::Down, NONE),
            K::NoisyNeighbour => t("noisy_neighbour", 0.6, Host, Latency, by("scale", 0.4)),
            K::RetryStorm => t("retry_storm", 0.7, Service, Latency, by("config", 0.4)),
            K::ThirdParty => t("third_party", 0.9, External, Errors, NONE),
            K::DbContention => t("db_contention", 1.2, Database, Latency, by("db_migration", 0.5)),
            K::QueueStall => t("queue_stall", 0.5, Queue, Backlog, by("config", 0.3)),
        }
    }
}

/// What a kind of fault is like.
pub(crate) struct Traits {
    pub word: &'static str,
    /// How often it comes, relative to the others.
    pub weight: f64,
    /// What it strikes.
    pub at: NodeKind,
    /// How it shows at the root.
    pub first: Symptom,
    /// The sort of change behind it, and how often there is one.
    pub change: Cause,
}

/// A sort of change and the probability that it is behind a fault.
pub(crate) struct Cause {
    pub kind: &'static str,
    pub probability: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn words_are_distinct() {
        let words: BTreeSet<&str> = FaultKind::ALL.iter().map(|k| k.word()).collect();
        assert_eq!(words.len(), FaultKind::ALL.len());
    }
}
