//! Medians and how far they can be trusted.

use causeway_loadgen::rng::Rng;

/// Resamples of the bootstrap.
const RESAMPLES: usize = 2_000;

/// A median with its bootstrap 95 % interval.
#[derive(Clone, Copy, Debug, Default)]
pub struct Median {
    /// The median.
    pub value: f64,
    /// 2.5 % of resampled medians lie below.
    pub low: f64,
    /// 2.5 % of resampled medians lie above.
    pub high: f64,
}

/// The median of `values` and its interval; zeros when there are none.
pub fn median(values: &[f64]) -> Median {
    if values.is_empty() {
        return Median::default();
    }
    let mut rng = Rng::new(1);
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            let mut sample: Vec<f64> = values.iter().map(|_| *rng.pick(values)).collect();
            middle(&mut sample)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    let at = |share: f64| medians[((medians.len() - 1) as f64 * share).round() as usize];
    Median { value: middle(&mut values.to_vec()), low: at(0.025), high: at(0.975) }
}

fn middle(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}
