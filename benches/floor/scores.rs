//! The floor of W4: range, mean and spread of eight smoothed views of each series, as arrays.
//!
//! One array for each figure, one pass over all series a tick, so that the compiler can take
//! several series at once. It has no seasons, no warm-up and no muting: what any detector of
//! this kind has to touch, and nothing else.

/// Views of a series.
pub const VIEWS: usize = 8;

/// Weights of a new sample in the views; the first takes it as it is.
const WEIGHTS: [f32; VIEWS] = [1.0, 0.125, 0.05, 0.025, 0.02, 0.01, 0.005, 0.0025];

/// Figures of one view, by series.
#[derive(Clone, Default)]
struct View {
    smooth: Vec<f32>,
    low: Vec<f32>,
    high: Vec<f32>,
    mean: Vec<f32>,
    variance: Vec<f32>,
}

/// All series.
pub struct Scores {
    views: Vec<View>,
    excess: Vec<f32>,
    begun: bool,
}

impl Scores {
    /// Series that have had no sample.
    pub fn new(series: usize) -> Scores {
        let zeros = || vec![0.0; series];
        let view = || View {
            smooth: zeros(),
            low: zeros(),
            high: zeros(),
            mean: zeros(),
            variance: zeros(),
        };
        let views = (0..VIEWS).map(|_| view()).collect();
        Scores { views, excess: zeros(), begun: false }
    }

    /// Takes a sample of each series in; gives the sum of what is out of its range.
    pub fn tick(&mut self, values: &[f32]) -> f64 {
        if !self.begun {
            self.begun = true;
            for view in &mut self.views {
                for figures in [&mut view.smooth, &mut view.low, &mut view.high, &mut view.mean] {
                    figures.copy_from_slice(values);
                }
            }
            return 0.0;
        }
        self.excess.fill(0.0);
        for (view, weight) in self.views.iter_mut().zip(WEIGHTS) {
            view.tick(values, weight, &mut self.excess);
        }
        self.excess.iter().map(|excess| f64::from(*excess)).sum()
    }
}

impl View {
    fn tick(&mut self, values: &[f32], weight: f32, excess: &mut [f32]) {
        let figures = self.smooth.iter_mut().zip(&mut self.low).zip(&mut self.high);
        let spreads = self.mean.iter_mut().zip(&mut self.variance);
        let rows = figures.zip(spreads).zip(values.iter().zip(excess));
        for ((((smooth, low), high), (mean, variance)), (value, excess)) in rows {
            *smooth += weight * (*value - *smooth);
            let beyond = (*smooth - *high).max(*low - *smooth).max(0.0);
            *excess = excess.max(beyond / (*high - *low).max(1e-6));
            *low = low.min(*smooth);
            *high = high.max(*smooth);
            let distance = *smooth - *mean;
            *mean += 0.0005 * distance;
            *variance += 0.0005 * ((distance * distance).min(16.0 * *variance + 1.0) - *variance);
        }
    }
}
