//! The rate of one template, by hour of the day.

use super::LogModel;

/// Hours of a day.
const HOURS: usize = 24;
const HOUR_MINUTES: i64 = 60;
const DAY_MINUTES: i64 = 1440;

/// What is known of a template when a minute is judged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Known {
    /// Lines that were expected.
    pub(super) expected: f64,
    /// How far the count is beyond the record of log1p(rate), in ranges of what was before.
    pub(super) exceedance: f64,
}

/// A counter of space-saving with rates.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Rate {
    lines: u64,
    first: i64,
    last: i64,
    /// Means of lines a minute by hour of the day (UTC), over minutes without lines too; as
    /// [`packed`].
    hours: [u16; HOURS],
    all: u16,
    least: u16,
    most: u16,
    alerted: Option<i64>,
    alerted_ppm: u32,
}

/// Steps of log1p in a packed rate: half a thousandth of a rate, up to 8.8 million lines.
const STEPS: f64 = 4096.0;

fn packed(rate: f64) -> u16 {
    (rate.ln_1p() * STEPS).round().clamp(0.0, f64::from(u16::MAX)) as u16
}

fn unpacked(rate: u16) -> f64 {
    (f64::from(rate) / STEPS).exp_m1()
}

/// Minutes of `hour` among those before `minute`, counted from the beginning of time.
fn minutes_of(hour: usize, minute: i64) -> i64 {
    let inside = minute.rem_euclid(DAY_MINUTES) - hour as i64 * HOUR_MINUTES;
    minute.div_euclid(DAY_MINUTES) * HOUR_MINUTES + inside.clamp(0, HOUR_MINUTES)
}

fn hour_of(minute: i64) -> usize {
    (minute.rem_euclid(DAY_MINUTES) / HOUR_MINUTES) as usize
}

/// What is left of a mean over `seen` minutes after `empty` ones: a plain mean at first, then
/// one that forgets.
fn left(seen: i64, empty: i64, weight: f64) -> f64 {
    let plain = (1.0 / weight).max(1.0);
    let (seen, after) = (seen as f64, (seen + empty) as f64);
    let turn = seen.max(plain.min(after));
    (seen / turn) * (1.0 - weight).powf(after - turn)
}

impl Rate {
    /// A counter that begins at `minute`; `over` is what the one had that it takes over.
    pub(super) fn new(minute: i64, over: u64) -> Self {
        Rate {
            lines: over,
            first: minute,
            last: minute - 1,
            hours: [0; HOURS],
            all: 0,
            least: u16::MAX,
            most: 0,
            alerted: None,
            alerted_ppm: 0,
        }
    }

    /// Lines, at most.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Counts `lines` in `minute`, and says what was known before.
    pub(super) fn observe(&mut self, model: &LogModel, minute: i64, lines: u64) -> Option<Known> {
        let weight = f64::from(model.rate_ppm.max(1)) / 1e6;
        self.rest(minute, weight);
        let warm = i64::from(model.warm_minutes.max(1));
        let hour = hour_of(minute);
        let seen = minutes_of(hour, minute) - minutes_of(hour, self.first);
        let total = minute - self.first;
        let expected = if seen >= warm {
            Some(unpacked(self.hours[hour]))
        } else if total >= warm {
            Some(unpacked(self.all))
        } else {
            None
        };
        let height = packed(lines as f64);
        let known =
            expected.map(|expected| Known { expected, exceedance: self.exceedance(height) });
        // What is unusual must not become usual at once.
        let usual = expected.map_or(lines as f64, |expected| {
            (lines as f64).min(expected + 8.0 * (expected + 1.0).sqrt())
        });
        let step = |mean: u16, seen: i64| {
            let mean = unpacked(mean);
            packed(mean + weight.max(1.0 / (seen + 1) as f64) * (usual - mean))
        };
        self.hours[hour] = step(self.hours[hour], seen);
        self.all = step(self.all, total);
        self.least = self.least.min(height);
        self.most = self.most.max(height);
        self.lines = self.lines.saturating_add(lines);
        self.last = minute;
        known
    }

    /// Accounts for the minutes without lines before `minute`.
    fn rest(&mut self, minute: i64, weight: f64) {
        let from = self.last + 1;
        if minute <= from {
            return;
        }
        for hour in 0..HOURS {
            let seen = minutes_of(hour, from) - minutes_of(hour, self.first);
            let empty = minutes_of(hour, minute) - minutes_of(hour, from);
            if empty > 0 && seen > 0 {
                let mean = unpacked(self.hours[hour]) * left(seen, empty, weight);
                self.hours[hour] = packed(mean);
            }
        }
        let total = from - self.first;
        if total > 0 {
            self.all = packed(unpacked(self.all) * left(total, minute - from, weight));
        }
    }

    fn exceedance(&self, height: u16) -> f64 {
        if height <= self.most {
            return 0.0;
        }
        // A template that always came alone in its minute has a range of one doubling.
        let range = self.most.saturating_sub(self.least).max(packed(1.0));
        f64::from(height - self.most) / f64::from(range)
    }

    /// Whether people may hear of this template again; if so, they did.
    pub(super) fn may_alert(&mut self, model: &LogModel, minute: i64, score_ppm: u32) -> bool {
        let quiet = |alerted| minute - alerted < i64::from(model.quiet_minutes);
        let louder = score_ppm / 2 > self.alerted_ppm;
        if self.alerted.is_some_and(quiet) && !louder {
            return false;
        }
        (self.alerted, self.alerted_ppm) = (Some(minute), score_ppm);
        true
    }

    /// Takes in the counter of a template that this one stands for now.
    pub(super) fn join(&mut self, other: &Rate, model: &LogModel) {
        let weight = f64::from(model.rate_ppm.max(1)) / 1e6;
        let mut other = other.clone();
        let minute = self.last.max(other.last) + 1;
        self.rest(minute, weight);
        other.rest(minute, weight);
        for (own, more) in self.hours.iter_mut().zip(other.hours) {
            *own = packed(unpacked(*own) + unpacked(more));
        }
        self.all = packed(unpacked(self.all) + unpacked(other.all));
        self.lines = self.lines.saturating_add(other.lines);
        self.first = self.first.min(other.first);
        self.last = minute - 1;
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
        if other.alerted > self.alerted {
            (self.alerted, self.alerted_ppm) = (other.alerted, other.alerted_ppm);
        }
    }
}
