//! Who did it, probably: ranked candidates of one group.
//!
//! A linear score of named features, then a softmax with an explicit unknown.
//! Linear, so that contributions sum to the score and a counterfactual is a
//! re-score. A pure function of the group; it neither groups nor explains.

pub mod kinds;
pub mod numbers;
pub mod features;
pub mod weights;

use crate::model::{Candidate, Cause, Feature, Group};
use crate::params::CauseParams;
use features::Features;
use kinds::Kinds;
use smol_str::SmolStr;
use weights::Weights;

/// Ranks the candidates of a group.
///
/// Shape:    Group -> Cause
/// Units:    scores in thousandths of log-odds, probabilities in parts per million
/// Source:   ALGORITHMS.md 4.3 and 4.4, SEMANTICS rule 26
pub fn cause(group: &Group, params: &CauseParams, kinds: &Kinds) -> Cause {
    let weights = Weights::of(group.model.as_deref());
    let features = Features::of(group, kinds);
    let mut scored: Vec<(f64, u32, Vec<(Feature, i64)>)> = (0..group.entities.len() as u32)
        .filter(|at| features.is_candidate(*at))
        .map(|at| {
            let contributions = weights.contributions(&features, at);
            let score = contributions.iter().map(|(_, milli)| *milli).sum::<i64>();
            (score as f64 / 1000.0, at, contributions)
        })
        .collect();
    // Ties go to the entity whose reference is the lesser, which is the lesser place.
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    scored.truncate(params.candidates_max);
    let unknown = weights.unknown();
    let top = scored.first().map_or(unknown, |(score, ..)| score.max(unknown));
    let odds = |score: f64| ((score - top) / weights.temperature()).exp();
    let total = odds(unknown) + scored.iter().map(|(score, ..)| odds(*score)).sum::<f64>();
    let ppm = |score: f64| (odds(score) / total * 1e6).floor() as u32;
    let candidates: Vec<Candidate> = scored
        .into_iter()
        .map(|(score, at, contributions)| Candidate {
            entity: group.entities[at as usize].entity.clone(),
            probability_ppm: ppm(score),
            score_milli: (score * 1000.0).round() as i64,
            contributions,
        })
        .collect();
    let known: u32 = candidates.iter().map(|candidate| candidate.probability_ppm).sum();
    Cause {
        candidates,
        unknown_ppm: 1_000_000 - known,
        model: group
            .model
            .as_ref()
            .map_or(SmolStr::new_static(weights::DEFAULT_VERSION), |model| model.version.clone()),
    }
}
