//! Sources, each ready for its reader and its decoder.

use super::checker::Checker;
use super::csv::columns;
use super::kafka::{KafkaSourceSettings, check_source};
use super::kubernetes::{self, KubernetesSettings};
use crate::canonical;
use crate::config::Config;
use crate::config::source::{EntityStep, Format, OnReject, OnRepair, Policy, SeverityWord, Source};
use causeway_dataflows::model::{Severity, SourceIndex};
use causeway_dataflows::params::SourceParams;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// First parts of the server's own paths, which no source may take as its prefix.
const RESERVED: [&str; 9] =
    ["v1", "api", "-", "livez", "readyz", "metrics", "openapi.json", "style.css", "incidents"];

/// What to do about a severity that is none.
pub(super) const SEVERITIES: &str =
    "write fatal, critical, error, warning, info, debug, or a number from 1 to 24";

/// One source, checked.
#[derive(Clone, Debug)]
pub struct SourceSettings {
    /// What its decoder must know; its name and index too.
    pub decode: Arc<canonical::Source>,
    /// Whose data it is when no token says so.
    pub tenant: SmolStr,
    /// The source promises events in order of time.
    pub ordered: bool,
    /// Whether what is refused goes to the dead-letter store.
    pub keeps_rejects: bool,
    /// What the dataflow must know.
    pub params: SourceParams,
    /// Where its bytes come from.
    pub kind: SourceKind,
}

/// Where bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// Requests.
    Http {
        /// Path under which the source is; `None` for the root.
        prefix: Option<SmolStr>,
    },
    /// Files.
    File {
        /// Names and globs.
        paths: Vec<PathBuf>,
        /// What they hold.
        format: canonical::Format,
        /// Keep reading.
        follow: bool,
        /// How often to look.
        poll: Duration,
    },
    /// Standard input.
    Stdin {
        /// What comes in.
        format: canonical::Format,
    },
    /// Topics.
    Kafka(Box<KafkaSourceSettings>),
    /// The objects of a cluster.
    Kubernetes(Box<KubernetesSettings>),
}

impl SourceSettings {
    /// What its files or its stream hold, if it reads such.
    pub fn format(&self) -> Option<canonical::Format> {
        match &self.kind {
            SourceKind::File { format, .. } | SourceKind::Stdin { format } => Some(*format),
            SourceKind::Http { .. } | SourceKind::Kafka(_) | SourceKind::Kubernetes(_) => None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &SmolStr {
        &self.decode.name
    }

    /// Its place among the sources.
    pub fn index(&self) -> SourceIndex {
        self.decode.index
    }
}

pub(super) fn check(checker: &mut Checker<'_>, config: &Config) -> Vec<SourceSettings> {
    let sources = config.sources_run();
    if sources.len() > usize::from(SourceIndex::MAX) {
        let message = format!("{} sources are more than {}", sources.len(), SourceIndex::MAX);
        checker.wrong("sources", message, "merge some of them");
    }
    let mut checked: Vec<SourceSettings> = Vec::with_capacity(sources.len());
    for (index, (name, source)) in sources.iter().enumerate() {
        let key = format!("sources.{name}");
        checker.name(&key, name);
        let kind = kind(checker, &key, source);
        unique(checker, &key, &kind, &checked);
        let policy = source.policy();
        if matches!(kind, SourceKind::Http { .. }) && policy.on_violation.reject == OnReject::Fail {
            checker.wrong(
                &format!("{key}.on_violation.reject"),
                "a sender could stop the process with one bad event",
                "use `dlq` or `drop`; `fail` is for files and standard input",
            );
        }
        checker.name(&format!("{key}.tenant"), &policy.tenant);
        let mut decode = decode(checker, &key, name, index as SourceIndex, &policy);
        decode.csv = columns(checker, &key, source);
        // A sender is told what was refused even when nobody keeps it.
        if matches!(kind, SourceKind::Http { .. }) {
            decode.on_reject = canonical::OnReject::DeadLetter;
        }
        checked.push(SourceSettings {
            params: SourceParams {
                quiet_seconds: checker.whole_seconds(&format!("{key}.quiet"), policy.quiet),
                lateness_seconds: decode.lateness_seconds,
                fold_late: policy.fold_late,
            },
            decode: Arc::new(decode),
            tenant: SmolStr::new(&policy.tenant),
            ordered: policy.ordered,
            keeps_rejects: policy.on_violation.reject != OnReject::Drop,
            kind,
        });
    }
    checked
}

fn kind(checker: &mut Checker<'_>, key: &str, source: &Source) -> SourceKind {
    match source {
        Source::Http(http) => {
            let prefix = http.prefix.as_deref();
            if let Some(prefix) = prefix {
                check_prefix(checker, &format!("{key}.prefix"), prefix);
            }
            SourceKind::Http { prefix: prefix.map(SmolStr::new) }
        }
        Source::File(file) => {
            if file.path.0.is_empty() {
                let remedy = "add `path:` with a file or glob";
                checker.missing(key, "path", "a file source has no `path`", remedy);
            }
            for (i, path) in file.path.0.iter().enumerate() {
                checker.pattern(&format!("{key}.path.{i}"), &path.0);
            }
            checker.some_time(&format!("{key}.poll"), file.poll);
            SourceKind::File {
                paths: file.path.0.iter().map(|path| path.0.clone()).collect(),
                format: format(file.format),
                follow: file.follow,
                poll: file.poll.0,
            }
        }
        Source::Stdin(stdin) => SourceKind::Stdin { format: format(stdin.format) },
        Source::Kafka(kafka) => SourceKind::Kafka(Box::new(check_source(checker, key, kafka))),
        Source::Kubernetes(cluster) => {
            SourceKind::Kubernetes(Box::new(kubernetes::check(checker, key, cluster)))
        }
    }
}

fn check_prefix(checker: &mut Checker<'_>, key: &str, prefix: &str) {
    let plain = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
    };
    let mut parts = prefix.strip_prefix('/').unwrap_or_default().split('/');
    if !parts.clone().all(plain) {
        let message = format!("`{prefix}` cannot be a path");
        checker.wrong(key, message, "write it like `/team-a`: a slash, then letters and digits");
    } else if parts.next().is_some_and(|first| RESERVED.contains(&first)) {
        let message = format!("`{prefix}` is a path of the server itself");
        checker.wrong(key, message, "choose another first part");
    }
}

/// No two sources may claim the same requests or the same stream.
fn unique(checker: &mut Checker<'_>, key: &str, kind: &SourceKind, others: &[SourceSettings]) {
    let rival = others.iter().find(|other| match (&other.kind, kind) {
        (SourceKind::Http { prefix: a }, SourceKind::Http { prefix: b }) => a == b,
        (SourceKind::Stdin { .. }, SourceKind::Stdin { .. }) => true,
        _ => false,
    });
    let Some(rival) = rival else { return };
    let known = [format!("{key}.prefix"), format!("sources.{}.prefix", rival.name())];
    if !checker.knows(&known.each_ref().map(String::as_str)) {
        return;
    }
    let (message, remedy) = match kind {
        SourceKind::Http { prefix: None } => (
            format!("source `{}` already takes requests at the root", rival.name()),
            "give one of the two a `prefix`, such as `/team-a`",
        ),
        SourceKind::Http { .. } => {
            (format!("source `{}` has the same prefix", rival.name()), "choose another `prefix`")
        }
        _ => (
            format!("source `{}` already reads standard input", rival.name()),
            "keep one of the two",
        ),
    };
    checker.wrong(key, message, remedy);
}

fn decode(
    checker: &mut Checker<'_>,
    key: &str,
    name: &str,
    index: SourceIndex,
    policy: &Policy,
) -> canonical::Source {
    let mut source = canonical::Source::named(name);
    source.index = index;
    source.lateness_seconds = checker.whole_seconds(&format!("{key}.lateness"), policy.lateness);
    source.resolve_timeout_seconds =
        checker.whole_seconds(&format!("{key}.resolve_timeout"), policy.resolve_timeout);
    checker.some_time(&format!("{key}.quiet"), policy.quiet);
    checker.some_time(&format!("{key}.resolve_timeout"), policy.resolve_timeout);
    source.replica_labels = policy.replica_labels.iter().map(SmolStr::new).collect();
    source.severities = severities(checker, key, policy);
    source.entity_order = policy.entity.iter().map(|step| entity_step(*step)).collect();
    source.entity_order.push(canonical::EntityStep::Unknown);
    source.strict = policy.strict;
    source.on_reject = match policy.on_violation.reject {
        OnReject::Dlq => canonical::OnReject::DeadLetter,
        OnReject::Drop => canonical::OnReject::Drop,
        OnReject::Fail => canonical::OnReject::Fail,
    };
    source.on_repair = match policy.on_violation.repair {
        OnRepair::Accept => canonical::OnRepair::Accept,
        OnRepair::Dlq => canonical::OnRepair::DeadLetter,
    };
    source.dedupe_ids = policy.dedupe_ids;
    source.resources = policy.resources;
    let limits = &policy.limits;
    for (name, number) in [
        ("line", limits.line.as_usize()),
        ("depth", limits.depth),
        ("keys", limits.keys),
        ("labels", limits.labels),
        ("identities", limits.identities),
        ("ids", limits.ids),
    ] {
        checker.positive(&format!("{key}.limits.{name}"), number);
    }
    // Beyond this depth a recursive reader of what we emit would be at risk.
    if limits.depth > 512 {
        let message = format!("{} levels are more than 512", limits.depth);
        checker.wrong(&format!("{key}.limits.depth"), message, "write at most 512");
    }
    source.limits.event_bytes_max = limits.line.as_usize();
    source.limits.depth_max = limits.depth;
    source.limits.keys_max = limits.keys;
    source.limits.labels_max = limits.labels;
    source.limits.identities_max = limits.identities;
    source.limits.ids_max = limits.ids;
    source
}

fn severities(
    checker: &mut Checker<'_>,
    key: &str,
    policy: &Policy,
) -> BTreeMap<SmolStr, Severity> {
    let mut severities = BTreeMap::new();
    for (word, meaning) in &policy.severity {
        match severity(meaning) {
            Some(severity) => {
                severities.insert(SmolStr::new(word.to_lowercase()), severity);
            }
            None => {
                checker.wrong(&format!("{key}.severity.{word}"), "it is no severity", SEVERITIES)
            }
        }
    }
    severities
}

/// The severity that a word or number of the configuration means.
pub(super) fn severity(meaning: &SeverityWord) -> Option<Severity> {
    match meaning {
        SeverityWord::Number(number) => Severity::from_number(*number),
        SeverityWord::Word(word) => Severity::parse(word)
            .or_else(|| word.trim().parse().ok().and_then(Severity::from_number)),
    }
}

fn entity_step(step: EntityStep) -> canonical::EntityStep {
    match step {
        EntityStep::Explicit => canonical::EntityStep::Explicit,
        EntityStep::OtelService => canonical::EntityStep::OtelService,
        EntityStep::ServiceLabel => canonical::EntityStep::ServiceLabel,
        EntityStep::Workload => canonical::EntityStep::Workload,
        EntityStep::Host => canonical::EntityStep::Host,
    }
}

pub(super) fn format(format: Format) -> canonical::Format {
    match format {
        Format::Native => canonical::Format::Native,
        Format::Alertmanager => canonical::Format::Alertmanager,
        Format::Webhook => canonical::Format::Webhook,
        Format::Cloudevents => canonical::Format::CloudEvents,
        Format::Cdevents => canonical::Format::CdEvents,
        Format::Backstage => canonical::Format::Backstage,
        Format::Csv => canonical::Format::Csv,
    }
}
