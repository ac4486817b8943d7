//! Error budgets: an SLO whose budget burns too fast in both windows of a tier is a finding.
//!
//! What is good and bad is added up by minute, of all series and operations that an SLO is
//! about, so one watch has it whichever workers they are on. A minute is judged a little after
//! its end; what comes later, inside the bound, changes the sums and so what is found from there
//! on. Rule: multi-window, multi-burn-rate alerts of the SRE workbook, chapter 5.

mod counter;
mod curve;
mod deal;
#[cfg(test)]
mod tests;

use super::asked;
use super::raise::{Out, Raised, Standing, Subject};
use super::watch::Around;
use crate::model::finding::number;
use crate::model::{
    Counted, Finding, Fingerprint, Identity, Kept, Measure, Seconds, Tally, Unread,
};
use crate::params::{Indicator, SloParams, TierParams};
use counter::Counter;
use curve::{Curve, MINUTE, Sum};
pub(super) use deal::Dealer;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What findings of budgets are called.
pub const NAME: &str = "ErrorBudgetBurn";
const PPM: i128 = 1_000_000;

/// What is remembered of an SLO.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BudgetState {
    curve: Curve,
    counters: BTreeMap<Fingerprint, Counter>,
    /// Minutes that ended by then are judged.
    judged: Seconds,
    /// Nothing comes any more for minutes that ended by then.
    settled: Seconds,
}

/// One SLO.
#[derive(Clone, Debug)]
pub struct BudgetWatch {
    state: BudgetState,
    slo: Arc<SloParams>,
    subject: Subject,
    standing: Standing,
    /// The end of the earliest minute that changed since it was judged.
    changed: Seconds,
}

/// The words of an SLO that decide where it is kept. What it counts is among them, so that an
/// SLO that counts something else from now on begins anew; its promise is not.
pub fn identity(slo: &SloParams) -> Identity {
    let what = format!("{:?}", slo.indicator);
    let named = (&slo.tenant, slo.entity.as_str(), &slo.name);
    asked::identity("slo", named, ("counts", &what))
}

impl BudgetWatch {
    /// An SLO that goes on from `state`; what stands is known to dedup.
    pub fn new(slo: Arc<SloParams>, state: BudgetState) -> BudgetWatch {
        let subject = Subject::new(&identity(&slo), 0, NAME, "slo");
        let mut watch = BudgetWatch {
            state,
            slo,
            subject,
            standing: Standing::default(),
            changed: Seconds::MAX,
        };
        let from = (watch.state.settled.div_euclid(MINUTE) + 1) * MINUTE;
        watch.standing.bring(from, watch.wanted(from), |_, _, _| {});
        watch
    }

    /// What has to be remembered.
    pub fn save(&self) -> BudgetState {
        self.state.clone()
    }

    /// What is known.
    pub fn row(&self) -> Kept {
        let judged = self.state.judged;
        let burning = self.burning(judged).map(|(_, burn_milli)| burn_milli);
        Kept::Budget { judged, left_ppm: self.left_ppm(judged), burning_milli: burning }
    }

    /// What calls of a minute came to.
    ///
    /// # Errors
    /// Why it is not read.
    pub fn tally(&mut self, tally: &Tally) -> Result<(), Unread> {
        let minute = tally.stamp.time;
        if minute + MINUTE <= self.state.settled {
            return Err(Unread::Late);
        }
        let sum = Sum { bad: i64::from(tally.bad), total: i64::from(tally.total) };
        self.state.curve.add(minute, sum);
        self.changed = self.changed.min(minute + MINUTE);
        Ok(())
    }

    /// A number of one of its counters.
    ///
    /// # Errors
    /// Why it is not read.
    pub fn counted(&mut self, number: &Counted, around: &Around<'_>) -> Result<(), Unread> {
        let params = &around.params.budget;
        let BudgetState { curve, counters, settled, .. } = &mut self.state;
        if number.measure == Measure::Level {
            return Err(Unread::NoCounter);
        }
        if number.stamp.time < *settled {
            return Err(Unread::Late);
        }
        if !counters.contains_key(&number.series) && counters.len() >= params.counters_max {
            return Err(Unread::Crowded);
        }
        let is_good = matches!(self.slo.indicator, Indicator::Ratio { part_is_good: true, .. });
        let changed = &mut self.changed;
        let count = |minute: Seconds, more: i64| {
            if more != 0 {
                let (total, part) = (i64::from(number.is_total), i64::from(number.is_part));
                let bad = if is_good { total - part } else { part };
                curve.add(minute, Sum { bad: bad * more, total: total * more });
                *changed = minute.saturating_add(MINUTE).min(*changed);
            }
        };
        let counter = counters.entry(number.series).or_default();
        let (time, measure) = (number.stamp.time, number.measure);
        counter.push(time, measure, number.value, params.gap_max_seconds, count);
        Ok(())
    }

    /// Judges minutes that are over, and those before them that changed.
    pub fn update(&mut self, around: &Around<'_>, out: &mut Out) {
        let over = (around.now - around.params.budget.wait_seconds).div_euclid(MINUTE) * MINUTE;
        let first = match self.state.judged {
            // Nothing that happened before the first tick is judged but what comes.
            0 => over + MINUTE,
            judged => judged + MINUTE,
        };
        // Nobody hears of what lies beyond the bound.
        let heard = (around.settled_of_all().div_euclid(MINUTE) + 1) * MINUTE;
        let from = first.min(self.changed).max(heard);
        if over < from {
            self.state.judged = self.state.judged.max(first - MINUTE);
            return;
        }
        self.state.judged = over.max(self.state.judged);
        let wanted = self.wanted(from);
        let subject = &self.subject;
        self.standing.bring(from, wanted, |time, raised, put_up| {
            out.raise(subject, time, raised, put_up);
        });
        self.changed = match self.changed > over {
            true => self.changed,
            false => Seconds::MAX,
        };
        self.settle(around);
        let left = self.left_ppm(self.state.judged);
        out.watched.budgets_left_ppm.insert(self.label(), left);
    }

    /// What it is called where tenants are together.
    fn label(&self) -> SmolStr {
        match self.slo.tenant.as_str() {
            "default" => self.slo.name.clone(),
            tenant => SmolStr::new(format!("{tenant}/{}", self.slo.name)),
        }
    }

    /// Forgets what no window needs any more.
    fn settle(&mut self, around: &Around<'_>) {
        let BudgetState { curve, counters, settled, .. } = &mut self.state;
        *settled = around.settled_of_all().max(*settled);
        curve.thin(*settled, longest(&self.slo));
        let gap_max = around.params.budget.gap_max_seconds;
        counters.retain(|_, counter| {
            counter.settle(*settled);
            counter.last().saturating_add(gap_max) >= *settled
        });
        self.standing.forget(*settled);
    }

    /// What is to stand at and after `from`.
    fn wanted(&self, from: Seconds) -> BTreeMap<Seconds, Raised> {
        let mut wanted = BTreeMap::new();
        let Some((first, last)) = self.state.curve.ends() else { return wanted };
        // Nothing burns in windows in which nothing was.
        let from = from.max(first);
        let upto = self.state.judged.min(last.saturating_add(longest(&self.slo) + MINUTE));
        if upto < from {
            return wanted;
        }
        let mut burnt = self.burning(from - MINUTE).is_some();
        for end in (from..=upto).step_by(MINUTE as usize) {
            let burning = self.burning(end);
            match burning {
                Some((tier, burn_milli)) => {
                    let finding = Some(self.finding(end, tier, burn_milli));
                    wanted.insert(end, Raised { severity: Some(tier.severity), finding });
                }
                None if burnt => {
                    wanted.insert(end, Raised::end());
                }
                None => {}
            }
            burnt = burning.is_some();
        }
        wanted
    }

    /// The gravest tier that burns at the end of a minute, with the rate in its long window.
    fn burning(&self, end: Seconds) -> Option<(&TierParams, u64)> {
        let burns = self.slo.tiers.iter().filter_map(|tier| {
            let long = self.state.curve.within(end, tier.long_seconds);
            let short = self.state.curve.within(end, tier.short_seconds);
            // What was never seen for as long as the short window says nothing of the long one.
            let enough = long.total as u64 >= self.slo.events_min
                && self.state.curve.since() <= end - tier.short_seconds;
            let burn_milli = self.burn_milli(long);
            let burns = burn_milli.min(self.burn_milli(short)) >= tier.burn_milli;
            (enough && burns).then_some((tier, burn_milli))
        });
        // Of two that are as grave the one that burns faster.
        burns.max_by_key(|(tier, _)| (tier.severity, tier.burn_milli))
    }

    /// How fast the budget burns, in thousandths of the rate at which it lasts for its window.
    fn burn_milli(&self, sum: Sum) -> u64 {
        let allowed = i128::from(sum.total) * i128::from(self.slo.budget_ppm);
        let bad = i128::from(sum.bad) * PPM * 1000;
        bad.checked_div(allowed).map_or(0, |burn| u64::try_from(burn).unwrap_or(u64::MAX))
    }

    /// What is left of the budget for the window that ends at `end`, parts per million.
    fn left_ppm(&self, end: Seconds) -> i64 {
        let used = self.burn_milli(self.state.curve.within(end, self.slo.window_seconds));
        1_000_000i64.saturating_sub(i64::try_from(used).unwrap_or(i64::MAX).saturating_mul(1000))
    }

    fn finding(&self, end: Seconds, tier: &TierParams, burn_milli: u64) -> Finding {
        let left = self.left_ppm(end) as f64 / 1e4;
        let what = format!(
            "burn rate of {} over {} and {}, with {left:.1} % of its budget for {} left,",
            self.slo.name,
            period(tier.long_seconds),
            period(tier.short_seconds),
            period(self.slo.window_seconds),
        );
        Finding {
            what: what.into(),
            value: number(burn_milli as f64 / 1e3),
            expected: number(tier.burn_milli as f64 / 1e3),
            score_ppm: 1_000_000,
            step_milli: 0,
            model: "budget/1".into(),
        }
    }

    /// The next tick at which a minute is to be judged.
    pub fn due(&self, around: &Around<'_>) -> Option<Seconds> {
        let (_, last) = self.state.curve.ends()?;
        let next = self.state.judged + MINUTE;
        let over = last.saturating_add(longest(&self.slo) + MINUTE);
        (next <= over).then_some(next + around.params.budget.wait_seconds)
    }
}

/// The longest window that is asked for.
fn longest(slo: &SloParams) -> Seconds {
    let tiers = slo.tiers.iter().map(|tier| tier.long_seconds.max(tier.short_seconds));
    tiers.max().unwrap_or(0).max(slo.window_seconds)
}

/// A length of time as people write it.
fn period(seconds: Seconds) -> String {
    let units = [(86_400, 'd'), (3600, 'h'), (60, 'm'), (1, 's')];
    let whole = units.into_iter().find(|(unit, _)| seconds % unit == 0);
    whole.map_or_else(String::new, |(unit, letter)| format!("{}{letter}", seconds / unit))
}
