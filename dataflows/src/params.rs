//! Every bound and weight, each with its unit. Nothing below is a constant in the logic.

use serde::{Deserialize, Serialize};

/// What the pipeline needs to know, fixed at its start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Params {
    /// One entry per configured source, by [`crate::model::SourceIndex`].
    pub sources: Vec<SourceParams>,
}

/// A source's own policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceParams {
    /// A longer gap between firing events ends the alert, seconds of event time.
    pub quiet_seconds: i64,
    /// How far event time may lie behind receipt before an event is late, seconds.
    pub lateness_seconds: i64,
    /// Whether a late event still counts in the alert that was open when it was received.
    pub fold_late: bool,
}

impl Default for SourceParams {
    fn default() -> Self {
        SourceParams { quiet_seconds: 300, lateness_seconds: 300, fold_late: true }
    }
}

impl Default for Params {
    fn default() -> Self {
        Params { sources: vec![SourceParams::default()] }
    }
}
