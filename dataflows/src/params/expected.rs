//! What has to come regularly, whatever else does.

use crate::model::{Matcher, Severity, SourceIndex};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// How what is expected is watched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectingParams {
    /// What has to come.
    pub expected: Vec<ExpectedParams>,
    /// That something is missing is said again after this, seconds.
    pub repeat_seconds: i64,
}

impl Default for ExpectingParams {
    fn default() -> Self {
        ExpectingParams { expected: Vec::new(), repeat_seconds: 60 }
    }
}

/// Something that has to come regularly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedParams {
    /// What it is called; nothing else that is expected is.
    pub name: SmolStr,
    /// Whose it is.
    pub tenant: SmolStr,
    /// What the finding is about.
    pub entity: SmolStr,
    /// What has to come.
    pub what: Expected,
    /// How often, seconds.
    pub every_seconds: i64,
    /// How much later it may come, seconds.
    pub tolerance_seconds: i64,
    /// How bad it is when it does not.
    pub severity: Severity,
}

/// What has to come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expected {
    /// An alert that fires all the time.
    Alert(Vec<Matcher>),
    /// Numbers of any of these series; `alertname` stands for the metric.
    Series(Vec<Matcher>),
    /// A sign of life of an entity.
    Heartbeat(SmolStr),
    /// Anything from a source.
    Source(SourceIndex, SmolStr),
}
