//! What findings say in numbers: how much worse than expected the requests of an entity are.
//!
//! Only what is measured the same way can be compared: a candidate's latency with the latency
//! of the same name at those who depend on it, in the unit that both are told in.

use super::kinds::Kind;
use crate::model::finding::SIGNAL;
use crate::model::{Alert, Finding};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// The most that its magnitude adds to the surprise of an alert, nats (ALGORITHMS.md 4.4).
const MAGNITUDE_MAX: f64 = 3.0;
/// A step of so many robust deviations is where being out of the ordinary begins.
const USUAL_STEP: f64 = 3.0;
/// What traffic counts for beside latency and errors: who is slow is asked less, or more.
const TRAFFIC: f64 = 0.1;

/// The finding that an alert tells of, if it is one.
pub fn told(alert: &Alert) -> Option<Finding> {
    alert.identity.label(SIGNAL)?;
    Finding::read(&alert.summary)
}

/// What an alert is evidence of trouble for, nats: its surprise, and of a finding also how far
/// it is from the usual. That requests are faster or fail less is none.
pub fn nats(kind: &Kind, surprise: f64, finding: Option<&Finding>) -> f64 {
    let Some(finding) = finding else { return surprise };
    let nats = surprise + magnitude(finding);
    match kind {
        Kind::Latency | Kind::Errors if worse(kind, finding).is_some_and(|by| by <= 0.0) => 0.0,
        Kind::Rate => TRAFFIC * nats,
        _ => nats,
    }
}

fn magnitude(finding: &Finding) -> f64 {
    match finding.step_milli.unsigned_abs() {
        0 => MAGNITUDE_MAX * f64::from(finding.score_ppm) / 1e6,
        step => (f64::from(step) / 1000.0 / USUAL_STEP).ln().clamp(0.0, MAGNITUDE_MAX),
    }
}

/// By how much a request metric is worse than expected, in its own unit: time and failures up,
/// availability and success down. Nothing of other metrics, and without numbers.
fn worse(kind: &Kind, finding: &Finding) -> Option<f64> {
    let value: f64 = finding.value.parse().ok()?;
    let expected: f64 = finding.expected.parse().ok()?;
    match kind {
        Kind::Latency => Some(value - expected),
        Kind::Errors if is_share_of_good(&finding.what) => Some(expected - value),
        Kind::Errors => Some(value - expected),
        _ => None,
    }
}

/// Whether a metric of the errors kind is the better the more it is.
fn is_share_of_good(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    lower.contains("availability") || lower.contains("success") || words.any(|word| word == "sr")
}

/// By metric and entity, how much worse than expected.
#[derive(Debug, Default)]
pub struct Worse(BTreeMap<SmolStr, BTreeMap<u32, f64>>);

impl Worse {
    /// Takes in what is told of an entity; of several findings of one metric the greatest holds.
    pub fn take(&mut self, at: u32, kind: &Kind, finding: &Finding) {
        let Some(by) = worse(kind, finding).filter(|by| *by > 0.0) else { return };
        let slot = self.0.entry(finding.what.clone()).or_default().entry(at).or_insert(0.0);
        *slot = slot.max(by);
    }

    /// How much of the greatest symptom an entity's own requests make up, 0 to 1: of any metric
    /// that it shares with `dependents`, else with anyone (ALGORITHMS.md 4.3).
    pub fn impact(&self, at: u32, dependents: impl Fn(u32) -> bool) -> f64 {
        let share = |by_entity: &BTreeMap<u32, f64>| {
            let own = *by_entity.get(&at)?;
            let greatest = |of: &dyn Fn(u32) -> bool| {
                let sizes = by_entity.iter().filter(|(entity, _)| of(**entity));
                sizes.map(|(_, by)| *by).fold(0.0, f64::max)
            };
            let symptom = match greatest(&dependents) {
                0.0 => greatest(&|_| true),
                symptom => symptom,
            };
            Some((own / symptom).min(1.0))
        };
        self.0.values().filter_map(share).fold(0.0, f64::max)
    }

    /// Whether anything was told.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(what: &str, value: &str, expected: &str) -> Finding {
        Finding {
            what: what.into(),
            value: value.into(),
            expected: expected.into(),
            score_ppm: 900_000,
            step_milli: 60_000,
            model: "metric/1".into(),
        }
    }

    #[test]
    fn only_trouble_is_evidence() {
        let of = |kind: &Kind, what: &str, value: &str, expected: &str| {
            nats(kind, 1.0, Some(&finding(what, value, expected)))
        };
        let far = 1.0 + 20f64.ln();
        assert_eq!(of(&Kind::Latency, "latency.p99", "2", "0.5"), far);
        assert_eq!(of(&Kind::Latency, "latency.p99", "0.5", "2"), 0.0);
        assert_eq!(of(&Kind::Errors, "availability", "90", "100"), far);
        assert_eq!(of(&Kind::Errors, "availability", "100", "90"), 0.0);
        assert_eq!(of(&Kind::Errors, "CallErrorRatio", "0.2", "0"), far);
        assert_eq!(of(&Kind::Errors, "grpc-sr", "0.2", "1"), far);
        assert_eq!(of(&Kind::Rate, "requests", "2", "500"), TRAFFIC * far);
        assert_eq!(of(&Kind::Resource("cpu".into()), "cpu", "2", "5"), far);
        // Without an expected value nobody knows which way it went.
        assert_eq!(of(&Kind::Latency, "latency.p99", "2", ""), far);
        assert_eq!(nats(&Kind::Latency, 1.5, None), 1.5);
    }

    #[test]
    fn impact_is_the_share_of_the_symptom_in_the_same_metric() {
        let mut worse = Worse::default();
        let mut take = |at, kind: &Kind, what: &str, value: &str, expected: &str| {
            worse.take(at, kind, &finding(what, value, expected));
        };
        // 0 depends on 1 and 2; 3 is elsewhere.
        take(0, &Kind::Latency, "latency", "1.5", "0.5");
        take(1, &Kind::Latency, "latency", "0.75", "0.25");
        take(1, &Kind::Errors, "availability", "99", "100");
        take(2, &Kind::Latency, "latency", "4", "1");
        take(3, &Kind::Errors, "availability", "96", "100");
        take(4, &Kind::Latency, "latency", "0.1", "0.3");
        take(5, &Kind::Resource("cpu".into()), "cpu", "90", "10");
        let front = |of: u32| move |entity: u32| of != 0 && entity == 0;
        let impact = |at: u32| worse.impact(at, front(at));
        assert_eq!(impact(1), 0.5);
        assert_eq!(impact(2), 1.0);
        assert_eq!(worse.impact(0, |_| false), 1.0 / 3.0);
        assert_eq!(worse.impact(1, |_| false), 0.25);
        assert_eq!((impact(4), impact(5)), (0.0, 0.0));
        assert!(!worse.is_empty() && Worse::default().is_empty());
    }
}
