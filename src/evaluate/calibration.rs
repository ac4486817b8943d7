//! Whether a published probability means what it says.
//!
//! The event that a confidence is about is "the first candidate is the root".
//! Besides the matched incidents the figures are taken over all of them, where
//! an incident that no fault explains has no right candidate and the right
//! answer is UNKNOWN.

use serde::Serialize;

use super::cause::Judgement;
use super::figures::{mean, share};

/// Bins of the expected calibration error.
const BINS: usize = 15;

/// A probability of 0 for what happened costs this much and no more.
const FLOOR: f64 = 1e-6;

/// The confidence from which an answer counts as sure.
const SURE: f64 = 0.8;

/// The probability from which an incident claims a cause.
const CLAIM: f64 = 0.5;

/// How far confidence and truth lie apart.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    /// Incidents with at least one candidate.
    pub incidents: u64,
    /// Mean confidence of the first candidate.
    pub confidence: Option<f64>,
    /// Share whose first candidate is the root.
    pub accuracy: Option<f64>,
    /// Expected calibration error of the first candidate, 15 bins of equal mass.
    pub ece: Option<f64>,
    /// Mean squared difference of confidence and outcome of the first candidate.
    pub brier: Option<f64>,
    /// Mean negative logarithm of the probability given to the right answer:
    /// the root, or UNKNOWN where no fault is behind the incident.
    pub log_loss: Option<f64>,
    /// Area under the risk-coverage curve: the mean error rate of the k surest
    /// answers, over all k.
    pub aurc: Option<f64>,
    /// Share of answers with a confidence of at least 0.8.
    pub sure: Option<f64>,
    /// Share of those that are right.
    pub sure_accuracy: Option<f64>,
}

/// The same over two choices of incidents.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CalibrationReport {
    /// Over predicted incidents that hold alerts of a true one.
    pub matched: Calibration,
    /// Over all predicted incidents.
    pub all: Calibration,
    /// Predicted incidents in which UNKNOWN outweighs every candidate.
    pub unknown: u64,
    /// Share of those in which the first candidate would have been wrong.
    pub unknown_precision: Option<f64>,
}

/// How much is claimed, which matters most where nothing happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Quiet {
    /// Predicted incidents.
    pub incidents: u64,
    /// Those that claim a cause with a probability of at least 0.5.
    pub claims: u64,
    /// Those that do so although they hold no alert of a true incident.
    pub false_claims: u64,
}

/// Scores the judgements of all predicted incidents.
pub fn report(per_predicted: &[Judgement]) -> CalibrationReport {
    let answered: Vec<&Judgement> = per_predicted.iter().filter(|j| j.answered).collect();
    let matched: Vec<&Judgement> = answered.iter().copied().filter(|j| j.truth.is_some()).collect();
    let unknown: Vec<&&Judgement> = answered.iter().filter(|j| j.unknown > j.confidence).collect();
    let rightly = unknown.iter().filter(|j| !j.is_right()).count() as u64;
    CalibrationReport {
        matched: score(&matched),
        all: score(&answered),
        unknown: unknown.len() as u64,
        unknown_precision: share(rightly, unknown.len() as u64),
    }
}

/// Counts claims over all predicted incidents.
pub fn quiet(per_predicted: &[Judgement]) -> Quiet {
    let claims: Vec<&Judgement> =
        per_predicted.iter().filter(|j| j.answered && j.confidence >= CLAIM).collect();
    Quiet {
        incidents: per_predicted.len() as u64,
        claims: claims.len() as u64,
        false_claims: claims.iter().filter(|j| j.truth.is_none()).count() as u64,
    }
}

fn score(judged: &[&Judgement]) -> Calibration {
    let mut outcomes: Vec<(f64, bool)> =
        judged.iter().map(|j| (j.confidence, j.is_right())).collect();
    outcomes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let levelled = levelled(&outcomes);
    let right = outcomes.iter().filter(|(_, right)| *right).count() as u64;
    let sure = outcomes.iter().filter(|(p, _)| *p >= SURE).count() as u64;
    let sure_right = outcomes.iter().filter(|(p, right)| *p >= SURE && *right).count() as u64;
    let mut losses: Vec<f64> = judged
        .iter()
        .map(|j| if j.truth.is_some() { j.root_probability } else { j.unknown })
        .map(|p| -p.clamp(FLOOR, 1.0).ln())
        .collect();
    losses.sort_by(f64::total_cmp);
    Calibration {
        incidents: judged.len() as u64,
        confidence: mean(outcomes.iter().map(|(p, _)| *p)),
        accuracy: share(right, outcomes.len() as u64),
        ece: ece(&levelled),
        brier: mean(outcomes.iter().map(|(p, right)| (p - f64::from(*right)).powi(2))),
        log_loss: mean(losses),
        aurc: aurc(&levelled),
        sure: share(sure, outcomes.len() as u64),
        sure_accuracy: share(sure_right, sure),
    }
}

/// Gives all outcomes of one confidence their mean: what binning and ranking see
/// on average over the orders in which equals could stand.
fn levelled(ascending: &[(f64, bool)]) -> Vec<(f64, f64)> {
    let mut levelled = Vec::with_capacity(ascending.len());
    for equals in ascending.chunk_by(|a, b| a.0 == b.0) {
        let right = equals.iter().filter(|(_, right)| *right).count();
        let rate = right as f64 / equals.len() as f64;
        levelled.extend(equals.iter().map(|(p, _)| (*p, rate)));
    }
    levelled
}

/// Bins of equal mass over outcomes in ascending order; bins that fewer than 15
/// outcomes leave empty weigh nothing.
fn ece(ascending: &[(f64, f64)]) -> Option<f64> {
    let n = ascending.len();
    let bins = (0..BINS).map(|bin| &ascending[n * bin / BINS..n * (bin + 1) / BINS]);
    let gaps = bins.map(|bin| bin.iter().map(|(p, right)| p - right).sum::<f64>().abs());
    (n > 0).then(|| gaps.sum::<f64>() / n as f64)
}

/// The error rate of the k surest, averaged over k.
fn aurc(ascending: &[(f64, f64)]) -> Option<f64> {
    let mut wrong = 0.0;
    mean(ascending.iter().rev().zip(1u64..).map(|((_, right), k)| {
        wrong += 1.0 - right;
        wrong / k as f64
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn judgement(confidence: f64, right: bool) -> Judgement {
        Judgement {
            truth: Some(0),
            answered: true,
            rank: Some(if right { 1 } else { 2 }),
            confidence,
            root_probability: if right { confidence } else { 0.1 },
            ..Judgement::default()
        }
    }

    fn close(a: Option<f64>, b: f64) {
        assert!((a.unwrap() - b).abs() < 1e-12, "{a:?} is not {b}");
    }

    #[test]
    fn four_answers_by_hand() {
        // With four answers every bin holds at most one, so ECE is the mean gap:
        // |.9 - 1|, |.8 - 0|, |.6 - 1|, |.2 - 0| -> (.1 + .8 + .4 + .2) / 4 = .375.
        // Brier: (.01 + .64 + .16 + .04) / 4 = .2125.
        // Log-loss: -(ln .9 + ln .1 + ln .6 + ln .1) / 4.
        // Risk of the k surest: 0, 1/2, 1/3, 2/4 -> AURC = (0 + 1/2 + 1/3 + 1/2) / 4 = 1/3.
        // Sure: two of four, one of them right.
        let judged = [
            judgement(0.6, true),
            judgement(0.9, true),
            judgement(0.2, false),
            judgement(0.8, false),
        ];
        let matched = report(&judged).matched;
        close(matched.ece, 0.375);
        close(matched.brier, 0.2125);
        close(matched.log_loss, -(0.9f64.ln() + 2.0 * 0.1f64.ln() + 0.6f64.ln()) / 4.0);
        close(matched.aurc, 1.0 / 3.0);
        close(matched.sure, 0.5);
        close(matched.sure_accuracy, 0.5);
        close(matched.accuracy, 0.5);
        close(matched.confidence, 0.625);
    }

    #[test]
    fn equal_mass_bins_by_hand() {
        // Sixteen answers: fourteen bins of one, the last of two. Confidences 0, .05, ...
        // .65, all wrong, leave gaps that add up to .05 * 91 = 4.55; the last bin has .9
        // right and 1 wrong: -.1 + 1 = .9. ECE = 5.45 / 16.
        let mut judged: Vec<Judgement> =
            (0..14).map(|i| judgement(0.05 * f64::from(i), false)).collect();
        judged.extend([judgement(1.0, false), judgement(0.9, true)]);
        close(report(&judged).matched.ece, 5.45 / 16.0);
    }

    #[test]
    fn equals_do_not_depend_on_their_order() {
        // Thirty answers of one half, fifteen of them right: perfectly calibrated, and
        // every k surest have an expected error rate of one half.
        let judged: Vec<Judgement> = (0..30).map(|i| judgement(0.5, i < 15)).collect();
        let matched = report(&judged).matched;
        close(matched.ece, 0.0);
        close(matched.aurc, 0.5);
    }

    #[test]
    fn an_incident_without_a_fault_should_say_unknown() {
        let noise = |confidence, unknown| Judgement {
            truth: None,
            rank: None,
            unknown,
            ..judgement(confidence, false)
        };
        let judged = [noise(0.2, 0.8), noise(0.7, 0.3), judgement(0.4, true)];
        let report = report(&judged);
        assert_eq!((report.matched.incidents, report.all.incidents), (1, 3));
        assert_eq!((report.unknown, report.unknown_precision), (1, Some(1.0)));
        close(report.all.log_loss, -(0.8f64.ln() + 0.3f64.ln() + 0.4f64.ln()) / 3.0);
        assert_eq!(quiet(&judged), Quiet { incidents: 3, claims: 1, false_claims: 1 });
    }

    #[test]
    fn a_certain_mistake_costs_no_more_than_the_floor() {
        let mut wrong = judgement(1.0, false);
        wrong.root_probability = 0.0;
        close(report(&[wrong]).matched.log_loss, -FLOOR.ln());
        assert_eq!(report(&[]).matched.ece, None);
        let silent = Judgement { answered: false, confidence: 0.9, ..Judgement::default() };
        assert_eq!(report(std::slice::from_ref(&silent)).all.incidents, 0);
        assert_eq!(quiet(&[silent]).claims, 0);
    }

    proptest! {
        #[test]
        fn bounds_and_order(
            answers in proptest::collection::vec((0u32..=10, any::<bool>()), 1..60),
            turn in 0usize..60,
        ) {
            let judged: Vec<Judgement> = answers
                .iter()
                .map(|(p, right)| judgement(f64::from(*p) / 10.0, *right))
                .collect();
            let mut turned = judged.clone();
            turned.rotate_left(turn % judged.len());
            let scores = report(&judged).matched;
            prop_assert_eq!(&scores, &report(&turned).matched);
            for rate in [scores.ece, scores.brier, scores.aurc, scores.accuracy, scores.sure] {
                prop_assert!((0.0..=1.0 + 1e-12).contains(&rate.unwrap()));
            }
            // The gap of the means is the least that any binning can show.
            let gap = (scores.confidence.unwrap() - scores.accuracy.unwrap()).abs();
            prop_assert!(scores.ece.unwrap() >= gap - 1e-12);
        }
    }
}
