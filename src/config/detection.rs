//! The `detection` section: what Causeway looks for in signals by itself.

use super::source::SeverityWord;
use super::units::Period;
use crate::canonical::native::matcher::MatcherBody;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is looked for in metrics, logs, spans and signs of life.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Detection {
    /// Series, log writers, operations and beating entities that one worker watches; what is
    /// beyond is counted and not watched.
    pub series: usize,
    /// What nobody spoke of for so long is forgotten.
    pub idle: Period,
    /// Numbers that are out of the ordinary.
    pub metrics: Metrics,
    /// Lines that are new, more than usual, or grave.
    pub logs: Logs,
    /// Calls that are more or fewer, fail or take longer than usual; and who asks whom.
    pub spans: Spans,
    /// Entities that send heartbeats and fall silent.
    pub heartbeats: Heartbeats,
    /// Sources whose clocks, events or delivery are not as they should be.
    pub sources: Sources,
    /// What has to come regularly, of the tenant `default`.
    pub expected: Vec<Expected>,
}

impl Default for Detection {
    fn default() -> Self {
        Detection {
            series: 1 << 20,
            idle: Period::minutes(6 * 60),
            metrics: Metrics::default(),
            logs: Logs::default(),
            spans: Spans::default(),
            heartbeats: Heartbeats::default(),
            sources: Sources::default(),
            expected: Vec::new(),
        }
    }
}

fn warning() -> SeverityWord {
    SeverityWord::Word("warning".to_owned())
}

/// How series are judged: by records of a few views of them, see ARCHITECTURE.md.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Metrics {
    /// Whether they are.
    pub enabled: bool,
    /// Nothing is found in a series before it is so old.
    pub warm_up: Period,
    /// How long after its time a point of a cumulative histogram is judged, whose buckets may
    /// come one by one; those that come later are counted only.
    pub wait: Period,
    /// Severity of the finding.
    pub severity: SeverityWord,
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics {
            enabled: true,
            warm_up: Period::minutes(24 * 60),
            wait: Period::seconds(30),
            severity: warning(),
        }
    }
}

/// How log lines are read: each writer's lines become templates, minute by minute.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Logs {
    /// Whether they are.
    pub enabled: bool,
    /// How long after its end a minute is read; lines that come later are counted and not read.
    pub wait: Period,
    /// Lines of one writer that may wait for that; more are counted and not read.
    pub waiting: usize,
    /// Severity of the finding.
    pub severity: SeverityWord,
}

impl Default for Logs {
    fn default() -> Self {
        let wait = Period::seconds(30);
        Logs { enabled: true, wait, waiting: 100_000, severity: warning() }
    }
}

/// How calls are judged, by operation and minute.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Spans {
    /// Whether they are.
    pub enabled: bool,
    /// Nothing is found in an operation before it is so old.
    pub warm_up: Period,
    /// How long after its end a minute is judged; calls that come later are counted only.
    pub wait: Period,
    /// Severity of the finding.
    pub severity: SeverityWord,
    /// Whether calls make relations between the one that asks and the one that is asked.
    pub relations: bool,
    /// How sure such a relation is, from 0 to 1.
    pub confidence: f64,
    /// How long it holds after the last call.
    pub relations_for: Period,
}

impl Default for Spans {
    fn default() -> Self {
        Spans {
            enabled: true,
            warm_up: Period::minutes(24 * 60),
            wait: Period::seconds(30),
            severity: warning(),
            relations: true,
            confidence: 0.9,
            relations_for: Period::minutes(24 * 60),
        }
    }
}

/// When a silence is a finding: after three usual gaps, or twice the longest lately.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Heartbeats {
    /// Whether silences are looked for.
    pub enabled: bool,
    /// Heartbeats of an entity before any more is expected of it.
    pub after: u32,
    /// The shortest silence that is a finding.
    pub silence_min: Period,
    /// The longest silence that is none, however rare the heartbeats are.
    pub silence_max: Period,
    /// What has been silent for longer is taken to be gone, and its finding ends.
    pub gone_after: Period,
    /// Severity of the finding.
    pub severity: SeverityWord,
}

impl Default for Heartbeats {
    fn default() -> Self {
        Heartbeats {
            enabled: true,
            after: 30,
            silence_min: Period::minutes(1),
            silence_max: Period::minutes(6 * 60),
            gone_after: Period::minutes(60),
            severity: warning(),
        }
    }
}

/// When a source is a finding: each minute looks at the events of the last few.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sources {
    /// Whether sources are watched.
    pub enabled: bool,
    /// How far each minute looks back.
    pub window: Period,
    /// With fewer events in it nothing is found.
    pub events: u64,
    /// A clock that runs ahead by so much, in the median, is skewed.
    pub ahead: Period,
    /// Events that come so long after they happened, in the median, are from a clock that runs
    /// behind, or are slow.
    pub behind: Period,
    /// The share of refused and repaired events that is a finding, from 0 to 1.
    pub violations: f64,
    /// The share of late events that is one, from 0 to 1.
    pub late: f64,
    /// Severity of the finding.
    pub severity: SeverityWord,
}

impl Default for Sources {
    fn default() -> Self {
        Sources {
            enabled: true,
            window: Period::minutes(5),
            events: 100,
            ahead: Period::seconds(30),
            behind: Period::minutes(3),
            violations: 0.1,
            late: 0.2,
            severity: warning(),
        }
    }
}

/// Something that has to come regularly: one of `alert`, `series`, `heartbeat` and `source`. It
/// is missing also when it never came.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// What it is called; findings carry it as the label `expected`.
    pub name: String,
    /// Matchers of an alert that always fires, as silences have them. It becomes no incident: a
    /// rule `expected/NAME` keeps it out.
    #[serde(default)]
    pub alert: Vec<MatcherBody>,
    /// Series as `name{label="value"}`, any of which has to come.
    #[serde(default)]
    pub series: Option<String>,
    /// The entity that has to send heartbeats.
    #[serde(default)]
    pub heartbeat: Option<String>,
    /// The configured source from which something has to come.
    #[serde(default)]
    pub source: Option<String>,
    /// What its findings are about; without it the heartbeat's entity, `source:` and the source's
    /// name, or `expected:` and this name.
    #[serde(default)]
    pub entity: String,
    /// How often it comes.
    pub every: Period,
    /// How much later it may come.
    #[serde(default = "tolerance_default")]
    pub tolerance: Period,
    /// Severity of the finding.
    #[serde(default = "error")]
    pub severity: SeverityWord,
}

fn tolerance_default() -> Period {
    Period::minutes(1)
}

fn error() -> SeverityWord {
    SeverityWord::Word("error".to_owned())
}
