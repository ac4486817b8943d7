//! Whether the right entity was blamed, and for the right reasons.
//!
//! There are two views, because a split or a merge hides in either of them:
//! per predicted incident, judged against the true incident that most of its
//! alerts belong to; and per true incident, judged by the predicted incident
//! that holds most of its alerts, where an incident that nobody predicted is a
//! miss. Ties go to the smaller id.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Options;
use super::figures::{Interval, bootstrap, mean, share};
use super::join::Joined;
use super::records::{CandidateRow, EdgeRow};

/// Scores of ranked causes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CauseScores {
    /// Incidents judged.
    pub incidents: u64,
    /// Of these, how many have no candidate at all; they count as misses.
    pub unanswered: u64,
    /// Share with the root first.
    pub ac1: Option<f64>,
    /// Share with the root among the first three.
    pub ac3: Option<f64>,
    /// Share with the root among the first five.
    pub ac5: Option<f64>,
    /// Mean of the shares at 1, 2, 3, 4 and 5.
    pub avg5: Option<f64>,
    /// Mean of 1 over the rank of the root, 0 where it is not ranked.
    pub mrr: Option<f64>,
    /// 95 % interval of `ac1`, incidents resampled.
    pub ac1_interval: Option<Interval>,
    /// Share with the root first and every edge of the path true, over the
    /// incidents whose truth names propagation edges.
    pub grounded: Option<f64>,
    /// How many incidents `grounded` is over.
    pub grounded_incidents: u64,
    /// Share of all published path edges that are true, over the same.
    pub edge_precision: Option<f64>,
}

/// Both views, and the first of them by kind of fault.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CauseReport {
    /// One judgement per true incident.
    pub per_true: CauseScores,
    /// One judgement per predicted incident that holds a true incident's alerts.
    pub per_predicted: CauseScores,
    /// The view per true incident, by kind of fault.
    pub by_fault: BTreeMap<String, CauseScores>,
}

/// One ranking beside its truth.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Judgement {
    /// The predicted incident, if any.
    pub predicted: Option<usize>,
    /// The true incident, if any.
    pub truth: Option<usize>,
    /// Whether there is any candidate.
    pub answered: bool,
    /// Rank of the root, from 1.
    pub rank: Option<usize>,
    /// Probability of the first candidate.
    pub confidence: f64,
    /// Probability given to the root.
    pub root_probability: f64,
    /// Probability given to none of the candidates.
    pub unknown: f64,
    /// Whether the truth names edges that could confirm a path.
    pub has_true_path: bool,
    /// Path edges published.
    pub edges: u64,
    /// Path edges published that are true.
    pub true_edges: u64,
    /// Whether every alert in question was raised on the root itself: then there
    /// is no hop to explain and an empty path is complete.
    pub root_only: bool,
}

/// The matching of the two sides.
#[derive(Debug)]
pub struct Matching {
    /// For each predicted incident the true one it is judged against.
    pub truth_of: Vec<Option<usize>>,
    /// For each true incident the predicted one that is judged for it.
    pub predicted_of: Vec<Option<usize>>,
    /// What each pair of a predicted and a true incident has in common.
    shared: BTreeMap<(usize, usize), Shared>,
}

/// What a predicted and a true incident have in common.
#[derive(Clone, Copy, Debug, Default)]
struct Shared {
    alerts: u64,
    /// Those of them that were not raised on the root.
    off_root: u64,
}

/// Matches predicted with true incidents by the alerts they share.
pub fn match_incidents(joined: &Joined<'_>) -> Matching {
    let mut shared: BTreeMap<(usize, usize), Shared> = BTreeMap::new();
    for alert in &joined.alerts {
        if let (Some(predicted), Some(truth)) = (alert.predicted, alert.truth) {
            let common = shared.entry((predicted, truth)).or_default();
            common.alerts += 1;
            common.off_root += u64::from(alert.row.entity != joined.truth[truth].root);
        }
    }
    let mut truth_of = vec![(0, None); joined.predicted.len()];
    let mut predicted_of = vec![(0, None); joined.truth.len()];
    // Indices are in the order of ids and pairs in the order of indices, so the
    // first of several equals is the one with the smaller id.
    for (&(predicted, truth), common) in &shared {
        if common.alerts > truth_of[predicted].0 {
            truth_of[predicted] = (common.alerts, Some(truth));
        }
        if common.alerts > predicted_of[truth].0 {
            predicted_of[truth] = (common.alerts, Some(predicted));
        }
    }
    let names =
        |best: Vec<(u64, Option<usize>)>| best.into_iter().map(|(_, index)| index).collect();
    Matching { truth_of: names(truth_of), predicted_of: names(predicted_of), shared }
}

/// One judgement per predicted incident, matched or not.
pub fn judge_predicted(
    joined: &Joined<'_>,
    matching: &Matching,
    options: &Options<'_>,
) -> Vec<Judgement> {
    let judged = matching.truth_of.iter().enumerate();
    judged.map(|(p, truth)| judge(joined, matching, options, Some(p), *truth)).collect()
}

/// One judgement per true incident.
pub fn judge_true(
    joined: &Joined<'_>,
    matching: &Matching,
    options: &Options<'_>,
) -> Vec<Judgement> {
    let judged = matching.predicted_of.iter().enumerate();
    judged.map(|(t, predicted)| judge(joined, matching, options, *predicted, Some(t))).collect()
}

/// Scores both views.
pub fn report(
    joined: &Joined<'_>,
    per_true: &[Judgement],
    per_predicted: &[Judgement],
) -> CauseReport {
    let mut by_fault: BTreeMap<String, Vec<&Judgement>> = BTreeMap::new();
    for judgement in per_true {
        if let Some(truth) = judgement.truth {
            by_fault.entry(joined.truth[truth].fault.clone()).or_default().push(judgement);
        }
    }
    CauseReport {
        per_true: score(&per_true.iter().collect::<Vec<_>>()),
        per_predicted: score(
            &per_predicted.iter().filter(|j| j.truth.is_some()).collect::<Vec<_>>(),
        ),
        by_fault: by_fault.into_iter().map(|(fault, judged)| (fault, score(&judged))).collect(),
    }
}

fn judge(
    joined: &Joined<'_>,
    matching: &Matching,
    options: &Options<'_>,
    predicted: Option<usize>,
    truth: Option<usize>,
) -> Judgement {
    let row = predicted.and_then(|p| joined.predicted[p].row);
    let cause = row.and_then(|row| row.cause.as_ref());
    let candidates: &[CandidateRow] = cause.map_or(&[], |cause| &cause.candidates);
    // A step between two alerts on one entity is no edge.
    let path: Vec<&EdgeRow> = row
        .and_then(|row| row.explanation.as_ref())
        .map_or(&[][..], |explanation| &explanation.path)
        .iter()
        .filter(|edge| edge.from != edge.to)
        .collect();
    let incident = truth.map(|t| joined.truth[t]);
    let is_root =
        |candidate: &CandidateRow| incident.is_some_and(|i| (options.same)(i, &candidate.entity));
    let is_true_edge = |edge: &&&EdgeRow| {
        let real = incident.map_or(&[][..], |incident| &incident.path);
        real.iter().any(|(from, to)| *from == edge.from && *to == edge.to)
    };
    let place = candidates.iter().position(is_root);
    let common = predicted.zip(truth).and_then(|pair| matching.shared.get(&pair));
    Judgement {
        predicted,
        truth,
        answered: !candidates.is_empty(),
        rank: place.map(|place| place + 1),
        confidence: candidates.first().map_or(0.0, |first| first.probability),
        root_probability: place.map_or(0.0, |place| candidates[place].probability),
        unknown: cause.map_or(0.0, |cause| cause.unknown),
        has_true_path: incident.is_some_and(|incident| !incident.path.is_empty()),
        edges: path.len() as u64,
        true_edges: path.iter().filter(is_true_edge).count() as u64,
        root_only: common.is_some_and(|common| common.off_root == 0),
    }
}

impl Judgement {
    /// Whether the root stands first.
    pub fn is_right(&self) -> bool {
        self.rank == Some(1)
    }

    /// Whether the root stands first and the path to it is true, edge by edge.
    pub fn is_grounded(&self) -> bool {
        let complete = self.edges > 0 || self.root_only;
        self.is_right() && complete && self.edges == self.true_edges
    }
}

fn score(judged: &[&Judgement]) -> CauseScores {
    let n = judged.len() as u64;
    let count = |holds: &dyn Fn(&Judgement) -> bool| {
        judged.iter().filter(|judgement| holds(judgement)).count() as u64
    };
    let within = |k: usize| share(count(&|j| j.rank.is_some_and(|rank| rank <= k)), n);
    // An incident that nobody predicted has no path and stays in the denominator.
    let confirmable: Vec<&&Judgement> = judged.iter().filter(|j| j.has_true_path).collect();
    let grounded = confirmable.iter().filter(|j| j.is_grounded()).count() as u64;
    CauseScores {
        incidents: n,
        unanswered: count(&|j| !j.answered),
        ac1: within(1),
        ac3: within(3),
        ac5: within(5),
        avg5: mean((1..=5).filter_map(within)),
        mrr: mean(judged.iter().map(|j| j.rank.map_or(0.0, |rank| 1.0 / rank as f64))),
        ac1_interval: bootstrap(judged.len(), |drawn| {
            share(drawn.iter().filter(|&&unit| judged[unit].is_right()).count() as u64, n)
        }),
        grounded: share(grounded, confirmable.len() as u64),
        grounded_incidents: confirmable.len() as u64,
        edge_precision: share(
            confirmable.iter().map(|j| j.true_edges).sum(),
            confirmable.iter().map(|j| j.edges).sum(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranked(rank: Option<usize>) -> Judgement {
        Judgement { truth: Some(0), answered: true, rank, ..Judgement::default() }
    }

    fn scores(judged: &[Judgement]) -> CauseScores {
        score(&judged.iter().collect::<Vec<_>>())
    }

    #[test]
    fn ranks_by_hand() {
        // Ranks 1, 2, 4, 6 and none: AC@1 1/5, AC@2 2/5, AC@3 2/5, AC@4 3/5, AC@5 3/5,
        // Avg@5 = (1 + 2 + 2 + 3 + 3) / 25, MRR = (1 + 1/2 + 1/4 + 1/6) / 5 = 23/60.
        let judged: Vec<Judgement> =
            [Some(1), Some(2), Some(4), Some(6), None].map(ranked).into_iter().collect();
        let scores = scores(&judged);
        assert_eq!((scores.ac1, scores.ac3, scores.ac5), (Some(0.2), Some(0.4), Some(0.6)));
        assert!((scores.avg5.unwrap() - 11.0 / 25.0).abs() < 1e-12);
        assert!((scores.mrr.unwrap() - 23.0 / 60.0).abs() < 1e-12);
        let interval = scores.ac1_interval.unwrap();
        assert!(interval.low <= 0.2 && 0.2 <= interval.high);
    }

    #[test]
    fn nothing_to_judge_gives_no_figure() {
        let scores = scores(&[]);
        assert_eq!(
            (scores.ac1, scores.avg5, scores.mrr, scores.grounded),
            (None, None, None, None)
        );
    }

    #[test]
    fn grounding_needs_the_cause_and_every_edge() {
        let path = |rank, edges, true_edges, root_only| Judgement {
            rank,
            edges,
            true_edges,
            root_only,
            has_true_path: true,
            ..ranked(None)
        };
        let judged = [
            path(Some(1), 2, 2, false), // grounded
            path(Some(1), 2, 1, false), // one edge is wrong
            path(Some(2), 2, 2, false), // the cause is wrong
            path(Some(1), 0, 0, false), // nothing is explained
            path(Some(1), 0, 0, true),  // grounded: nothing is left to explain
            ranked(Some(1)),            // no true edges to compare with: not judged
        ];
        let scores = scores(&judged);
        assert_eq!(scores.grounded_incidents, 5);
        assert_eq!(scores.grounded, Some(0.4));
        assert_eq!(scores.edge_precision, Some(5.0 / 6.0));
    }
}
