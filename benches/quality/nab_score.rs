//! The NAB score, from its description: early is better, a window counts once.

/// Costs of an application profile.
#[derive(Clone, Copy, Debug)]
pub struct Profile {
    /// Gain of a window that is found at its left edge.
    pub found: f64,
    /// Cost of a detection outside windows.
    pub wrong: f64,
    /// Cost of a window that is missed.
    pub missed: f64,
}

/// The profiles of the benchmark with their names.
pub const PROFILES: [(&str, Profile); 3] = [
    ("standard", Profile { found: 1.0, wrong: 0.11, missed: 1.0 }),
    ("reward_low_FP_rate", Profile { found: 1.0, wrong: 0.22, missed: 1.0 }),
    ("reward_low_FN_rate", Profile { found: 1.0, wrong: 0.11, missed: 2.0 }),
];

/// A series: how many rows it has, and its windows, first and last row, inclusive.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// Rows.
    pub rows: usize,
    /// Windows, in order.
    pub windows: Vec<(usize, usize)>,
}

/// What detections in one or more series come to; weights are those of a profile.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tally {
    /// Sum over windows that were found, 0 to 1 each.
    pub found: f64,
    /// Sum over detections outside windows, -1 to 0 each.
    pub wrong: f64,
    /// Windows that were missed.
    pub missed: usize,
    /// All windows.
    pub windows: usize,
    /// Detections outside windows.
    pub false_alarms: usize,
}

impl Labels {
    /// Rows at the beginning that are not scored.
    pub fn probation(&self) -> usize {
        (self.rows * 15 / 100).min(750)
    }

    /// What these detections, rows in order, come to.
    pub fn tally(&self, detections: impl IntoIterator<Item = usize>) -> Tally {
        let mut tally = Tally { windows: self.windows.len(), ..Tally::default() };
        let mut found = vec![false; self.windows.len()];
        for row in detections.into_iter().filter(|row| *row >= self.probation()) {
            let inside = self.windows.iter().position(|(from, to)| (*from..=*to).contains(&row));
            if let Some(window) = inside {
                let (from, to) = self.windows[window];
                if !std::mem::replace(&mut found[window], true) {
                    let at = -((to - row + 1) as f64) / (to - from + 1) as f64;
                    tally.found += sigmoid(at) / sigmoid(-1.0);
                }
                continue;
            }
            tally.false_alarms += 1;
            tally.wrong += match self.windows.iter().rfind(|(_, to)| *to < row) {
                None => -1.0,
                Some((from, to)) => {
                    let at = (row - to) as f64 / (to - from).max(1) as f64;
                    if at > 3.0 { -1.0 } else { sigmoid(at) }
                }
            };
        }
        tally.missed = found.iter().filter(|found| !**found).count();
        tally
    }
}

impl Tally {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Tally) -> Tally {
        Tally {
            found: self.found + other.found,
            wrong: self.wrong + other.wrong,
            missed: self.missed + other.missed,
            windows: self.windows + other.windows,
            false_alarms: self.false_alarms + other.false_alarms,
        }
    }

    /// 100 for every window at its left edge and nothing else, 0 for no detection at all.
    pub fn score(&self, profile: Profile) -> f64 {
        let raw = profile.found * self.found + profile.wrong * self.wrong
            - profile.missed * self.missed as f64;
        let null = -profile.missed * self.windows as f64;
        let perfect = profile.found * self.windows as f64;
        100.0 * (raw - null) / (perfect - null)
    }
}

fn sigmoid(at: f64) -> f64 {
    2.0 / (1.0 + (5.0 * at).exp()) - 1.0
}
