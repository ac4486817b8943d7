//! What the outside knows: everything that was sent, and what of it was acknowledged.

use std::collections::{BTreeMap, BTreeSet};

/// Names that alerts have; a control is about one of them.
pub(super) const NAMES: usize = 8;
/// Names below this one are silenced, the others suppressed by a rule.
pub(super) const SILENCED: usize = 4;

/// The events of one alert: each entity has one alert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sent {
    /// Its name, as a number.
    pub(super) name: usize,
    /// Firing events that were acknowledged.
    pub(super) sure: u64,
    /// Firing events that got no answer and were not sent again.
    pub(super) maybe: u64,
}

/// Everything that was sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// By entity.
    pub(super) alerts: BTreeMap<String, Sent>,
    /// Good lines that were acknowledged, over HTTP.
    pub(super) accepted: u64,
    /// Bad lines whose refusal was told, over HTTP.
    pub(super) rejected: u64,
    /// Good lines of requests without an answer.
    pub(super) accepted_maybe: u64,
    /// Bad lines of requests without an answer.
    pub(super) rejected_maybe: u64,
    /// Good lines of the followed file.
    pub(super) followed: u64,
    /// Acknowledged changes.
    pub(super) changes: u64,
    /// Requests that were sent again under their key after they had been answered.
    pub(super) sent_again: u64,
    /// Comparisons of what is listed with what was acknowledged.
    pub(super) listed: u64,
    pub(super) controls: Controls,
    /// What was wrong.
    pub(super) findings: Vec<String>,
}

/// What was acknowledged of what holds until it is taken back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Controls {
    pub(super) silences: BTreeSet<usize>,
    pub(super) rules: BTreeSet<usize>,
    /// As `from to`.
    pub(super) relations: BTreeSet<String>,
}

impl Controls {
    /// Whether alerts of that name are kept out of incidents.
    pub(super) fn suppress(&self, name: usize) -> bool {
        self.silences.contains(&name) || self.rules.contains(&name)
    }
}

impl Known {
    /// Events that were acknowledged, or are in the file or among the changes.
    pub(super) fn sure(&self) -> u64 {
        self.accepted + self.followed + self.changes
    }

    /// Enters the firing events of a request.
    pub(super) fn enter(&mut self, firing: &[(String, usize)], is_sure: bool) {
        for (entity, name) in firing {
            let sent = self.alerts.entry(entity.clone()).or_default();
            sent.name = *name;
            match is_sure {
                true => sent.sure += 1,
                false => sent.maybe += 1,
            }
        }
    }

    /// What became of firing events that were entered and not sure.
    pub(super) fn decide(&mut self, firing: &[(String, usize)], is_sure: bool) {
        for (entity, _) in firing {
            let sent = self.alerts.get_mut(entity).unwrap();
            (sent.maybe, sent.sure) = (sent.maybe - 1, sent.sure + u64::from(is_sure));
        }
    }

    /// Adds what was sent to another process; no alert is sent to both.
    pub(super) fn add(&mut self, other: Known) {
        self.alerts.extend(other.alerts);
        let sums = [
            (&mut self.accepted, other.accepted),
            (&mut self.rejected, other.rejected),
            (&mut self.accepted_maybe, other.accepted_maybe),
            (&mut self.rejected_maybe, other.rejected_maybe),
            (&mut self.followed, other.followed),
            (&mut self.changes, other.changes),
            (&mut self.sent_again, other.sent_again),
            (&mut self.listed, other.listed),
        ];
        sums.into_iter().for_each(|(sum, more)| *sum += more);
        self.findings.extend(other.findings);
    }

    pub(super) fn find(&mut self, finding: String) {
        self.findings.push(finding);
    }
}
