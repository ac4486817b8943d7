//! The model: a weight for every feature and a prior for every level.

use super::features::Features;
use crate::model::{Feature, ModelUpdate};

/// The version of the weights below.
pub const DEFAULT_VERSION: &str = "prior/1";

/// Weights in log-odds per unit of the feature.
#[derive(Clone, Debug)]
pub struct Weights {
    features: [f64; Feature::ALL.len()],
    levels: Vec<(smol_str::SmolStr, f64)>,
    unknown: f64,
    temperature: f64,
}

impl Weights {
    /// The defaults, with what the tenant's model names replaced.
    pub fn of(model: Option<&ModelUpdate>) -> Self {
        let mut weights = Weights {
            features: Feature::ALL.map(default),
            levels: Vec::new(),
            unknown: 4.0,
            temperature: 1.0,
        };
        for (name, milli) in model.into_iter().flat_map(|model| &model.weights_milli) {
            let value = *milli as f64 / 1000.0;
            match name.as_str() {
                "unknown" => weights.unknown = value,
                "temperature" => weights.temperature = value.max(0.05),
                word => match Feature::ALL.iter().position(|f| f.word() == word) {
                    Some(at) => weights.features[at] = value,
                    None => weights.levels.push((name.clone(), value)),
                },
            }
        }
        weights
    }

    /// What each feature adds to the score, thousandths; zero ones left out.
    pub fn contributions(&self, features: &Features<'_>, at: u32) -> Vec<(Feature, i64)> {
        Feature::ALL
            .iter()
            .zip(&self.features)
            .filter_map(|(feature, weight)| {
                let weight = match feature {
                    Feature::Level => self.level(features.level(at)),
                    _ => *weight,
                };
                let milli = (weight * features.value(*feature, at) * 1000.0).round() as i64;
                (milli != 0).then_some((*feature, milli))
            })
            .collect()
    }

    /// The score of "none of them".
    pub fn unknown(&self) -> f64 {
        self.unknown
    }

    /// What scores are divided by before the softmax.
    pub fn temperature(&self) -> f64 {
        self.temperature
    }

    fn level(&self, level: &str) -> f64 {
        self.levels.iter().find(|(name, _)| name == level).map_or(0.0, |(_, weight)| *weight)
    }
}

/// Priors: res, redx, peer, log and ment as fitted on alerts (ALGORITHMS.md 4.4), the
/// others as proposed in 4.3.
fn default(feature: Feature) -> f64 {
    match feature {
        Feature::Own => 1.52,
        Feature::Explained => 0.56,
        Feature::Peer => -1.64,
        Feature::Log => 0.74,
        Feature::Mention => 0.97,
        Feature::Impact => 2.0,
        Feature::Cover => 1.5,
        Feature::Onset => 0.8,
        Feature::Change => 1.6,
        Feature::History => 1.0,
        Feature::Symptom => -2.0,
        Feature::Silent => -1.6,
        Feature::Proxy => -0.7,
        Feature::Specific => 0.5,
        Feature::Support => 1.0,
        Feature::Level => 0.0,
    }
}
