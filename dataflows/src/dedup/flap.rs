//! Flap detection: a score that rises with every transition and halves every ten minutes.
//!
//! Integer arithmetic throughout, so that every machine agrees to the last bit.

use crate::model::Seconds;
use crate::params::FlapParams;
use serde::{Deserialize, Serialize};

/// One, in the score's fixed point of 20 fractional bits.
const ONE: u64 = 1 << 20;

/// The state of one fingerprint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flap {
    score: u64,
    at: Seconds,
    flapping: bool,
}

/// Thresholds together with the decay, prepared once: 2^(-1/half-life) takes a bisection.
#[derive(Clone, Copy, Debug)]
pub struct FlapModel {
    params: FlapParams,
    /// 2^(-1/half_life) with 40 fractional bits.
    root: u128,
}

impl FlapModel {
    /// Prepares `params`.
    pub fn new(params: FlapParams) -> Self {
        let (mut low, mut high) = (0u128, 1u128 << 40);
        while high - low > 1 {
            let middle = (low + high) / 2;
            if power(middle, params.half_life_seconds) > 1u128 << 39 {
                high = middle;
            } else {
                low = middle;
            }
        }
        FlapModel { params, root: low }
    }

    /// `score` after `elapsed` seconds.
    fn decay(&self, score: u64, elapsed: Seconds) -> u64 {
        let halvings = elapsed / self.params.half_life_seconds;
        if halvings >= 40 {
            return 0;
        }
        let factor = power(self.root, elapsed % self.params.half_life_seconds);
        (((u128::from(score) * factor) >> 40) >> halvings) as u64
    }

    /// Seconds until `score` is below the leaving threshold.
    fn time_to_fall(&self, score: u64) -> Seconds {
        let leave = u64::from(self.params.leave_milli) * ONE;
        let (mut low, mut high) = (0, self.params.half_life_seconds * 40);
        while low < high {
            let middle = (low + high) / 2;
            if self.decay(score, middle) * 1000 < leave { high = middle } else { low = middle + 1 }
        }
        low
    }
}

/// `base` to a whole power, 40 fractional bits.
fn power(base: u128, mut exponent: Seconds) -> u128 {
    let (mut result, mut square) = (1u128 << 40, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = (result * square) >> 40;
        }
        square = (square * square) >> 40;
        exponent >>= 1;
    }
    result
}

impl Flap {
    /// Records an opening or a closing at `at`.
    ///
    /// Returns until when the alert is flapping because of it, or `None` when it is not.
    pub fn transition(&mut self, at: Seconds, model: &FlapModel) -> Option<Seconds> {
        let elapsed = (at - self.at).max(0);
        let FlapParams { enter_milli, leave_milli, .. } = model.params;
        let decayed = model.decay(self.score, elapsed);
        // Once it has fallen below the leaving threshold, it must climb to the entering one.
        self.flapping &= decayed * 1000 >= u64::from(leave_milli) * ONE;
        self.score = decayed + ONE;
        self.at = self.at.max(at);
        let floor = if self.flapping { leave_milli } else { enter_milli };
        self.flapping = self.score * 1000 >= u64::from(floor) * ONE;
        self.flapping.then(|| self.at + model.time_to_fall(self.score))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model() -> FlapModel {
        FlapModel::new(FlapParams::default())
    }

    #[test]
    fn a_half_life_halves() {
        for score in [ONE, 7 * ONE, 12345678] {
            let half = model().decay(score, 600);
            assert!(half.abs_diff(score / 2) <= 2, "{score} became {half}");
            let quarter = model().decay(model().decay(score, 300), 900);
            assert!(quarter.abs_diff(score / 4) <= score / 10_000 + 4, "{quarter} of {score}");
        }
        assert_eq!(model().decay(ONE, 600 * 40), 0);
    }

    #[test]
    fn decay_never_rises_with_time() {
        let mut last = u64::MAX;
        for elapsed in 0..2000 {
            let now = model().decay(9 * ONE, elapsed);
            assert!(now <= last, "rose at {elapsed}");
            last = now;
        }
    }

    #[test]
    fn quick_transitions_flap_and_slow_ones_do_not() {
        let mut flap = Flap::default();
        let until: Vec<_> = (0..6).map(|i| flap.transition(i * 30, &model())).collect();
        assert_eq!(until[..4], [None; 4], "four transitions thirty seconds apart score below 4");
        let leaves = until[5].expect("six do flap");
        assert!(leaves > 150 && leaves < 150 + 1800, "leaves at {leaves}");
        let mut calm = Flap::default();
        assert!((0..50).all(|i| calm.transition(i * 600, &model()).is_none()));
    }

    #[test]
    fn it_leaves_when_the_score_has_fallen() {
        let mut flap = Flap::default();
        let until = (0..8).filter_map(|i| flap.transition(i * 10, &model())).last().expect("flaps");
        let mut before = flap;
        assert!(before.transition(until - 1, &model()).is_some());
        let mut after = flap;
        assert!(after.transition(until + 600, &model()).is_none());
    }

    #[test]
    fn it_has_fallen_in_the_first_second_below_the_threshold() {
        let leave = FlapParams::default().leave_milli;
        for score in (1..40).map(|eighths| eighths * ONE / 8) {
            let falls = model().time_to_fall(score);
            let is_below = |after| model().decay(score, after) * 1000 < u64::from(leave) * ONE;
            assert!(is_below(falls), "{score} after {falls}");
            assert!(falls == 0 || !is_below(falls - 1), "{score} before {falls}");
        }
        // As much as the threshold is not below it.
        assert!(model().time_to_fall(u64::from(leave) * ONE / 1000) > 0);
    }
}
