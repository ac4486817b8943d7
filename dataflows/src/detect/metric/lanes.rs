//! Four transforms side by side: smoothing, range and spread, without a branch a lane.

use super::model::{Figures, Lanes, WIDTH};
use serde::{Deserialize, Serialize};

/// A squared distance beyond this many variances is this.
const SQUARE_MOST: f32 = 1e6;

/// What four transforms have been so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Ranges {
    smooth: Figures,
    low: Figures,
    high: Figures,
    mean: Figures,
    variance: Figures,
    count: u32,
}

/// What of four transforms is out of its range.
#[derive(Clone, Copy, Debug)]
pub struct Beyond {
    /// The lane that is furthest.
    pub lane: usize,
    /// Its excess, over an excess of strength 1.
    pub strength: f32,
    /// The sum over the lanes, of which each adds a limited strength.
    pub sum: f32,
}

impl Ranges {
    /// Running means of the inputs.
    pub fn smoothed(&self) -> &Figures {
        &self.smooth
    }

    /// Takes inputs into the running means; they start as plain means.
    #[inline]
    pub fn smooth(&mut self, inputs: &Figures, model: &Lanes) {
        let first = 1.0 / (self.count + 1) as f32;
        for ((smooth, input), weight) in self.smooth.iter_mut().zip(inputs).zip(model.weight) {
            *smooth += weight.max(first) * (*input - *smooth);
        }
    }

    /// Takes figures into ranges and spreads, and tells which leaves its range furthest.
    #[inline]
    pub fn record(&mut self, figures: &Figures, model: &Lanes, grain: f32) -> Option<Beyond> {
        let mut most = 0.0f32;
        let mut excess = [0.0f32; WIDTH];
        for lane in 0..WIDTH {
            let above = figures[lane] - self.high[lane];
            let below = self.low[lane] - figures[lane];
            excess[lane] = above.max(below);
            most = most.max(excess[lane]);
        }
        let beyond = (most > 0.0 && self.count >= model.settled_rows)
            .then(|| self.furthest(&excess, model, grain));
        self.take(figures, model);
        beyond
    }

    /// The lane whose excess means most; cold, as records are rare.
    #[cold]
    fn furthest(&self, excess: &Figures, model: &Lanes, grain: f32) -> Beyond {
        let mut found = Beyond { lane: 0, strength: 0.0, sum: 0.0 };
        for lane in (0..WIDTH).filter(|lane| excess[*lane] > 0.0) {
            let range = model.of_range[lane] * (self.high[lane] - self.low[lane]);
            let spread = model.of_spread[lane] * self.variance[lane].sqrt();
            let grain = model.of_grain[lane] * grain;
            let strength = excess[lane] / range.max(spread).max(grain).max(f32::MIN_POSITIVE);
            found.sum += strength.min(model.sum_most);
            if strength > found.strength {
                (found.lane, found.strength) = (lane, strength);
            }
        }
        found
    }

    /// Moves ranges and spreads.
    #[inline]
    fn take(&mut self, figures: &Figures, model: &Lanes) {
        self.count = self.count.saturating_add(1);
        if self.count == 1 {
            (self.low, self.high, self.mean) = (*figures, *figures, *figures);
            return;
        }
        let weight = (1.0 / self.count as f32).max(model.spread_weight);
        let settled = self.count > model.settled_rows;
        for (lane, figure) in figures.iter().enumerate() {
            let distance = figure - self.mean[lane];
            let squared = distance * distance;
            // An outlier counts for a little more, as a lane may have stood still.
            let most = model.spread_most * self.variance[lane] + weight * squared;
            let squared = if settled { squared.min(most) } else { squared };
            self.mean[lane] += weight * distance;
            self.variance[lane] += weight * (squared - self.variance[lane]);
            self.low[lane] = self.low[lane].min(*figure);
            self.high[lane] = self.high[lane].max(*figure);
        }
    }

    /// Square of the distance of each figure from its mean, in variances.
    #[inline]
    pub fn squares(&self, figures: &Figures) -> Figures {
        let mut squares = [0.0; WIDTH];
        for lane in 0..WIDTH {
            let distance = figures[lane] - self.mean[lane];
            let square = distance * distance / (self.variance[lane] + f32::MIN_POSITIVE);
            squares[lane] = square.min(SQUARE_MOST);
        }
        squares
    }
}
