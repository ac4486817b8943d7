//! One number for everything that was decided: the digest of SEMANTICS rule 21.
//!
//! The digest is the XOR of xxh3_128 over one canonical row per alert and per
//! incident, so it does not depend on the order of rows, and taking a row back
//! is adding it once more. It reads what the inputs decide and nothing else:
//! never public ids, revisions, lineage, emission times or receipt times.
//!
//! A row is a tag byte, then its fields in the order of the functions below.
//! Numbers are little-endian of fixed width. Texts are preceded by their length,
//! lists by the number of their items, optional parts by a byte 0 or 1, all
//! lengths as four bytes; so no two different rows are the same bytes.

use causeway_dataflows::model::{AlertCount, AlertRow, Disposition, Incident, Status};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use xxhash_rust::xxh3::xxh3_128;

const ALERT: u8 = b'a';
const INCIDENT: u8 = b'i';

/// An order-insensitive digest of final alerts and incidents.
#[derive(Clone, Default)]
pub struct Digest {
    folded: u128,
    row: Vec<u8>,
}

impl Digest {
    /// The digest of nothing.
    pub fn new() -> Digest {
        Digest::default()
    }

    /// Adds an alert, or takes it back when it was added before.
    ///
    /// Fields: fingerprint, first, last, count, severity, status, suppressed by whom
    /// and why, incident key. Without an exact count the alert's own last time and
    /// the least count of its magnitude stand in.
    pub fn toggle_alert(&mut self, row: &AlertRow, count: Option<AlertCount>) {
        let alert = &row.alert;
        let (status, last_known) = match alert.status {
            Status::Firing => (0u8, alert.first),
            Status::Resolved { last, .. } => (1, last),
        };
        let at_least = 1u64.checked_shl(u32::from(alert.magnitude)).unwrap_or(u64::MAX);
        self.begin(ALERT);
        self.row.extend(alert.key.fingerprint.0.to_le_bytes());
        self.row.extend(alert.first.to_le_bytes());
        self.row.extend(count.map_or(last_known, |count| count.last).to_le_bytes());
        self.row.extend(count.map_or(at_least, |count| count.count).to_le_bytes());
        self.row.push(row.severity.0);
        self.row.push(status);
        match &row.disposition {
            Disposition::Suppressed(why) => {
                self.row.push(1);
                self.text(why.reason.word());
                self.text(&why.by);
                self.row.push(0);
            }
            Disposition::Incident(key) => {
                self.row.extend([0, 1]);
                self.row.extend(key.0.to_le_bytes());
            }
            Disposition::Standalone => self.row.extend([0, 0]),
        }
        self.fold();
    }

    /// Adds an incident, or takes it back when it was added before.
    ///
    /// Fields: key; member keys (onset, fingerprint) sorted; candidates as ranked, each
    /// with its parts per million, and the unknown rest; path hops as (from, to,
    /// relation, lag). Evidence is left out: an event id may be derived from its batch.
    pub fn toggle_incident(&mut self, incident: &Incident) {
        self.begin(INCIDENT);
        self.row.extend(incident.key.0.to_le_bytes());
        let mut members: Vec<_> = incident.members.iter().map(|member| member.key).collect();
        members.sort_unstable();
        self.length(members.len());
        for member in members {
            self.row.extend(member.onset.to_le_bytes());
            self.row.extend(member.fingerprint.0.to_le_bytes());
        }
        self.length(incident.cause.candidates.len());
        for candidate in &incident.cause.candidates {
            self.text(&candidate.entity.text);
            self.row.extend(candidate.probability_ppm.to_le_bytes());
        }
        self.row.extend(incident.cause.unknown_ppm.to_le_bytes());
        self.length(incident.explanation.path.len());
        for hop in &incident.explanation.path {
            self.text(&hop.from.text);
            self.text(&hop.to.text);
            self.text(hop.relation.word());
            self.row.extend(hop.lag_ms.to_le_bytes());
        }
        self.fold();
    }

    /// Joins the digest of another set of rows.
    pub fn merge(&mut self, other: &Digest) {
        self.folded ^= other.folded;
    }

    /// The digest so far.
    pub fn value(&self) -> u128 {
        self.folded
    }

    fn begin(&mut self, tag: u8) {
        self.row.clear();
        self.row.push(tag);
    }

    fn length(&mut self, length: usize) {
        self.row.extend((length as u32).to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.length(text.len());
        self.row.extend(text.as_bytes());
    }

    fn fold(&mut self) {
        self.folded ^= xxh3_128(&self.row);
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.folded)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        let folded = u128::from_str_radix(&text, 16).map_err(serde::de::Error::custom)?;
        Ok(Digest { folded, row: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::wire::sample;
    use causeway_dataflows::model::{IncidentKey, Reason, Suppression};

    fn of_incident(incident: &Incident) -> u128 {
        let mut digest = Digest::new();
        digest.toggle_incident(incident);
        digest.value()
    }

    fn of_alert(row: &AlertRow, count: Option<AlertCount>) -> u128 {
        let mut digest = Digest::new();
        digest.toggle_alert(row, count);
        digest.value()
    }

    #[test]
    fn order_does_not_matter_and_taking_back_leaves_nothing() {
        let incident = sample::incident();
        let rows: Vec<AlertRow> =
            incident.members.iter().map(|member| AlertRow::clone(&member.row)).collect();
        let mut forward = Digest::new();
        rows.iter().for_each(|row| forward.toggle_alert(row, None));
        forward.toggle_incident(&incident);
        let mut backward = Digest::new();
        backward.toggle_incident(&incident);
        rows.iter().rev().for_each(|row| backward.toggle_alert(row, None));
        assert_eq!(forward.value(), backward.value());
        assert_ne!(forward.value(), 0);
        rows.iter().for_each(|row| backward.toggle_alert(row, None));
        backward.toggle_incident(&incident);
        assert_eq!(backward.value(), 0);
    }

    #[test]
    fn what_rule_21_names_shows() {
        let base = of_incident(&sample::incident());
        let changes: [fn(&mut Incident); 6] = [
            |i| i.key = IncidentKey(1),
            |i| drop(i.members.pop()),
            |i| i.cause.candidates[0].probability_ppm -= 1,
            |i| i.cause.candidates.swap(0, 1),
            |i| i.explanation.path[0].lag_ms += 1,
            |i| drop(i.explanation.path.pop()),
        ];
        for (at, change) in changes.iter().enumerate() {
            let mut incident = sample::incident();
            change(&mut incident);
            assert_ne!(of_incident(&incident), base, "change {at} does not show");
        }
        let row = AlertRow::clone(&sample::incident().members[0].row);
        let count = sample::counts(row.alert.key);
        let mut seen = vec![of_alert(&row, None), of_alert(&row, count)];
        let dispositions = [
            Disposition::Standalone,
            Disposition::Incident(IncidentKey(1)),
            Disposition::Suppressed(Suppression { reason: Reason::Flap, by: "flap".into() }),
            Disposition::Suppressed(Suppression { reason: Reason::Rule, by: "flap".into() }),
            Disposition::Suppressed(Suppression { reason: Reason::Flap, by: "other".into() }),
        ];
        for disposition in dispositions {
            seen.push(of_alert(&AlertRow { disposition, ..row.clone() }, count));
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
    }

    #[test]
    fn what_rule_21_leaves_out_does_not_show() {
        let base = of_incident(&sample::incident());
        let mut incident = sample::incident();
        incident.explanation.path[0].evidence.clear();
        incident.changes.clear();
        incident.explanation.counterfactual = None;
        incident.members.reverse();
        assert_eq!(of_incident(&incident), base);
    }

    #[test]
    fn the_encoding_is_pinned() {
        // A change here changes every published digest.
        let mut digest = Digest::new();
        digest.toggle_incident(&sample::incident());
        digest.toggle_alert(&sample::incident().members[0].row, None);
        assert_eq!(digest.to_string(), "e12bd9cda67652f5b27c12605228da88");
    }
}
