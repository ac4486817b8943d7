//! How well the alerts were put together.
//!
//! Both groupings are partitions of the same alerts, so everything follows from
//! one table: how many alerts lie in predicted group g and true group t.
//! An alert that belongs to no incident is a true group of its own; one that is
//! in no predicted incident is a predicted group of its own.

use std::collections::BTreeMap;

use serde::Serialize;

use super::figures::{Interval, Prf, bootstrap, harmonic, mean, pairs, share};

/// One alert in both groupings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The predicted group.
    pub group: usize,
    /// The true group; those below the number of incidents are incidents.
    pub truth: usize,
}

/// The scores of a grouping, over one choice of alerts; the three rates of each
/// kind are 1 where there was nothing to group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scope {
    /// Alerts scored.
    pub alerts: u64,
    /// Predicted groups, those of one alert among them.
    pub groups: u64,
    /// True incidents with at least one alert.
    pub true_incidents: u64,
    /// Over pairs of alerts: together in prediction, together in truth.
    pub pair: Prf,
    /// 95 % interval of the pairwise F1, true incidents resampled.
    pub pair_f1_interval: Option<Interval>,
    /// B-cubed, each alert counted among its own companions.
    pub b_cubed: Prf,
    /// B-cubed over an alert's companions without itself: alerts that are alone
    /// earn nothing.
    pub b_cubed_excluded: Prf,
    /// Harmonic mean of homogeneity and completeness.
    pub v_measure: f64,
    /// Share of predicted groups that hold more than one true incident; over the
    /// alerts of true incidents, where every group holds one, this is the figure
    /// to compare methods by.
    pub over_merge: Option<f64>,
    /// Predicted groups per true incident.
    pub fragmentation: Option<f64>,
    /// Alerts in the biggest predicted group.
    pub biggest_group: u64,
    /// Its share of all alerts.
    pub biggest_group_share: Option<f64>,
}

/// The table of two partitions.
struct Table {
    cells: BTreeMap<Item, u64>,
    groups: BTreeMap<usize, u64>,
    truths: BTreeMap<usize, u64>,
    incidents: usize,
    alerts: u64,
}

/// Scores the items; true groups below `incidents` are incidents.
pub fn score(items: &[Item], incidents: usize) -> Scope {
    let table = Table::new(items, incidents);
    let per_group = table.incidents_per_group();
    let fragments = table.groups_per_incident();
    let biggest_group = table.groups.values().copied().max().unwrap_or(0);
    Scope {
        alerts: table.alerts,
        groups: table.groups.len() as u64,
        true_incidents: fragments.len() as u64,
        pair: table.pair(),
        pair_f1_interval: table.pair_f1_interval(),
        b_cubed: table.b_cubed(),
        b_cubed_excluded: table.b_cubed_excluded(),
        v_measure: table.v_measure(),
        over_merge: share(
            per_group.values().filter(|&&n| n > 1).count() as u64,
            table.groups.len() as u64,
        ),
        fragmentation: mean(fragments.values().map(|&n| n as f64)),
        biggest_group,
        biggest_group_share: share(biggest_group, table.alerts),
    }
}

impl Table {
    fn new(items: &[Item], incidents: usize) -> Self {
        let mut table = Table {
            cells: BTreeMap::new(),
            groups: BTreeMap::new(),
            truths: BTreeMap::new(),
            incidents,
            alerts: items.len() as u64,
        };
        for item in items {
            *table.cells.entry(*item).or_default() += 1;
            *table.groups.entry(item.group).or_default() += 1;
            *table.truths.entry(item.truth).or_default() += 1;
        }
        table
    }

    /// Every cell with its count, the size of its group and of its true group.
    fn sized(&self) -> impl Iterator<Item = (Item, u64, u64, u64)> + '_ {
        self.cells
            .iter()
            .map(|(item, &n)| (*item, n, self.groups[&item.group], self.truths[&item.truth]))
    }

    fn pair(&self) -> Prf {
        let hit: u64 = self.cells.values().map(|&n| pairs(n)).sum();
        let claimed: u64 = self.groups.values().map(|&n| pairs(n)).sum();
        let real: u64 = self.truths.values().map(|&n| pairs(n)).sum();
        Prf::from_counts(hit, claimed - hit, real - hit)
    }

    /// An alert's precision is the share of its group that is of its true group.
    fn b_cubed(&self) -> Prf {
        let rate = |whole: fn(u64, u64) -> u64| {
            let sum = self.sized().map(|(_, n, g, t)| (n * n) as f64 / whole(g, t) as f64);
            mean_over(sum.sum(), self.alerts)
        };
        Prf::from_rates(rate(|g, _| g), rate(|_, t| t))
    }

    /// The same over companions, and only for alerts that have any: precision
    /// for those that share a predicted group, recall for those that share a
    /// true one.
    fn b_cubed_excluded(&self) -> Prf {
        let rate = |whole: fn(u64, u64) -> u64| {
            let shared = || self.sized().filter(|&(_, _, g, t)| whole(g, t) > 1);
            let sum: f64 =
                shared().map(|(_, n, g, t)| (n * (n - 1)) as f64 / (whole(g, t) - 1) as f64).sum();
            mean_over(sum, shared().map(|(_, n, _, _)| n).sum())
        };
        Prf::from_rates(rate(|g, _| g), rate(|_, t| t))
    }

    fn v_measure(&self) -> f64 {
        let entropy = |sizes: &BTreeMap<usize, u64>| -> f64 {
            sizes.values().map(|&n| -self.part(n) * self.part(n).ln()).sum()
        };
        let given = |whole: fn(u64, u64) -> u64| -> f64 {
            self.sized()
                .map(|(_, n, g, t)| -self.part(n) * (n as f64 / whole(g, t) as f64).ln())
                .sum()
        };
        let explained = |left: f64, all: f64| if all > 0.0 { 1.0 - left / all } else { 1.0 };
        let homogeneity = explained(given(|g, _| g), entropy(&self.truths));
        let completeness = explained(given(|_, t| t), entropy(&self.groups));
        harmonic(homogeneity, completeness).clamp(0.0, 1.0)
    }

    fn part(&self, n: u64) -> f64 {
        n as f64 / self.alerts as f64
    }

    fn incidents_per_group(&self) -> BTreeMap<usize, u64> {
        self.count_incident_cells(|item| item.group)
    }

    fn groups_per_incident(&self) -> BTreeMap<usize, u64> {
        self.count_incident_cells(|item| item.truth)
    }

    fn count_incident_cells(&self, key: fn(&Item) -> usize) -> BTreeMap<usize, u64> {
        let mut counts = BTreeMap::new();
        for item in self.cells.keys().filter(|item| item.truth < self.incidents) {
            *counts.entry(key(item)).or_default() += 1;
        }
        counts
    }

    /// Resamples true incidents. A pair that is wrongly together lies half with
    /// each of its ends, so that every count is a sum over incidents; the halves
    /// that lie with alerts outside all incidents stay as they are.
    fn pair_f1_interval(&self) -> Option<Interval> {
        let mut hits: BTreeMap<usize, f64> = BTreeMap::new();
        let mut wrong: BTreeMap<usize, f64> = BTreeMap::new();
        let mut wrong_outside = 0.0;
        for (item, n, group, _) in self.sized() {
            let half = (n * (group - n)) as f64 / 2.0;
            if item.truth < self.incidents {
                *hits.entry(item.truth).or_default() += pairs(n) as f64;
                *wrong.entry(item.truth).or_default() += half;
            } else {
                wrong_outside += half;
            }
        }
        let units: Vec<(f64, f64, f64)> = hits
            .iter()
            .map(|(truth, &hit)| (hit, wrong[truth], pairs(self.truths[truth]) as f64 - hit))
            .collect();
        bootstrap(units.len(), |drawn| {
            let sum = drawn.iter().fold((0.0, wrong_outside, 0.0), |(h, w, m), &unit| {
                let (hit, wrong, missed) = units[unit];
                (h + hit, w + wrong, m + missed)
            });
            let (hit, wrong, missed) = sum;
            let whole = 2.0 * hit + wrong + missed;
            Some(if whole > 0.0 { 2.0 * hit / whole } else { 1.0 })
        })
    }
}

/// A mean that is 1 over nothing: nothing was claimed, or nothing was there to find.
fn mean_over(sum: f64, count: u64) -> f64 {
    if count > 0 { (sum / count as f64).min(1.0) } else { 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn items(pairs: &[(usize, usize)]) -> Vec<Item> {
        pairs.iter().map(|&(group, truth)| Item { group, truth }).collect()
    }

    fn close(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    /// Two incidents 0 (three alerts) and 1 (two alerts), one noise alert 2.
    /// Group 10 = {0, 0, 1}, group 11 = {0}, group 12 = {1, noise}.
    fn mixed() -> Vec<Item> {
        items(&[(10, 0), (10, 0), (10, 1), (11, 0), (12, 1), (12, 2)])
    }

    #[test]
    fn pairs_by_hand() {
        // Claimed: C(3,2) + C(2,2) = 4; real: C(3,2) + C(2,2) = 4; both: the two 0s in group 10.
        let scope = score(&mixed(), 2);
        close(scope.pair.precision, 0.25);
        close(scope.pair.recall, 0.25);
        close(scope.pair.f1, 0.25);
    }

    #[test]
    fn b_cubed_by_hand() {
        // P: the 0s of group 10 have 2/3 each, its 1 has 1/3, group 11 has 1, group 12 has
        // 1/2 twice: (2/3 + 2/3 + 1/3 + 1 + 1/2 + 1/2) / 6 = 11/18.
        // R: the 0s of group 10 have 2/3 each, the 0 of group 11 has 1/3, each 1 has 1/2,
        // the noise has 1: (2/3 + 2/3 + 1/3 + 1/2 + 1/2 + 1) / 6 = 11/18.
        let scope = score(&mixed(), 2);
        close(scope.b_cubed.precision, 11.0 / 18.0);
        close(scope.b_cubed.recall, 11.0 / 18.0);
        close(scope.b_cubed.f1, 11.0 / 18.0);
        // Without itself, P over the five that share a group: 1/2, 1/2, 0, 0, 0 -> 1/5.
        // R over the five that share a true incident: 1/2, 1/2, 0, 0, 0 -> 1/5.
        close(scope.b_cubed_excluded.precision, 0.2);
        close(scope.b_cubed_excluded.recall, 0.2);
    }

    #[test]
    fn shapes_by_hand() {
        // Group 10 holds incidents 0 and 1: one of three groups. Incident 0 lies in two
        // groups and incident 1 in two. The biggest group has 3 of 6 alerts.
        let scope = score(&mixed(), 2);
        assert_eq!((scope.alerts, scope.groups, scope.true_incidents), (6, 3, 2));
        close(scope.over_merge.unwrap(), 1.0 / 3.0);
        close(scope.fragmentation.unwrap(), 2.0);
        assert_eq!(scope.biggest_group, 3);
        close(scope.biggest_group_share.unwrap(), 0.5);
    }

    #[test]
    fn v_measure_by_hand() {
        // Truth {a a b b}, groups {a a b | b}: H(T) = ln 2; H(G) = 3/4 ln 4/3 + 1/4 ln 4.
        // H(T|G) = 3/4 (2/3 ln 3/2 + 1/3 ln 3); H(G|T) = 1/2 ln 2.
        let scope = score(&items(&[(0, 0), (0, 0), (0, 1), (1, 1)]), 2);
        let homogeneity = 1.0 - (0.5 * 1.5f64.ln() + 0.25 * 3f64.ln()) / 2f64.ln();
        let completeness = 1.0 - 0.5 * 2f64.ln() / (0.75 * (4.0 / 3.0f64).ln() + 0.25 * 4f64.ln());
        close(scope.v_measure, harmonic(homogeneity, completeness));
    }

    #[test]
    fn all_alone_and_all_together() {
        let alone = score(&items(&[(0, 0), (1, 0), (2, 0)]), 1);
        assert_eq!((alone.pair.f1, alone.b_cubed_excluded.f1), (0.0, 0.0));
        close(alone.b_cubed.recall, 1.0 / 3.0);
        close(alone.fragmentation.unwrap(), 3.0);
        let together = score(&items(&[(0, 0), (0, 1), (0, 2)]), 3);
        assert_eq!((together.pair.f1, together.b_cubed_excluded.f1), (0.0, 0.0));
        close(together.over_merge.unwrap(), 1.0);
        let nothing = score(&[], 0);
        assert_eq!((nothing.pair.f1, nothing.over_merge), (1.0, None));
        assert_eq!((nothing.fragmentation, nothing.pair_f1_interval), (None, None));
    }

    #[test]
    fn the_interval_holds_the_figure() {
        // Ten incidents of four alerts; the even ones are whole, the odd ones in halves:
        // hits 5*6 + 5*2 = 40, missed 5*4 = 20, F1 = 80/100. A resample with k even ones
        // has hits 6k + 2(10-k) = 20 + 4k and F1 = 2h/(h + 60).
        let all: Vec<Item> = (0..40)
            .map(|i| Item {
                group: i / 4 * 2 + if i / 4 % 2 == 0 { 0 } else { i % 2 },
                truth: i / 4,
            })
            .collect();
        let scope = score(&all, 10);
        close(scope.pair.f1, 0.8);
        let interval = scope.pair_f1_interval.unwrap();
        // k is binomial(10, 1/2): the 2.5 % and 97.5 % points are 2 and 8.
        close(interval.low, 56.0 / 88.0);
        close(interval.high, 104.0 / 112.0);
    }

    fn partition() -> impl Strategy<Value = Vec<Item>> {
        proptest::collection::vec(
            (0usize..8, 0usize..8).prop_map(|(group, truth)| Item { group, truth }),
            0..40,
        )
    }

    fn rates(scope: &Scope) -> Vec<f64> {
        [scope.pair, scope.b_cubed, scope.b_cubed_excluded]
            .iter()
            .flat_map(|prf| [prf.precision, prf.recall, prf.f1])
            .chain([scope.v_measure])
            .chain(scope.over_merge)
            .chain(scope.biggest_group_share)
            .collect()
    }

    proptest! {
        #[test]
        fn every_rate_is_a_rate(all in partition(), incidents in 0usize..8) {
            let scope = score(&all, incidents);
            prop_assert!(rates(&scope).iter().all(|rate| (0.0..=1.0).contains(rate)), "{scope:?}");
            if let Some(interval) = scope.pair_f1_interval {
                prop_assert!(0.0 <= interval.low && interval.low <= interval.high);
                prop_assert!(interval.high <= 1.0);
            }
        }

        #[test]
        fn perfect_prediction_is_one(truths in proptest::collection::vec(0usize..8, 1..40)) {
            let all: Vec<Item> =
                truths.iter().map(|&truth| Item { group: 100 - truth, truth }).collect();
            let scope = score(&all, 8);
            prop_assert_eq!(scope.pair.f1, 1.0);
            prop_assert!((scope.b_cubed.f1 - 1.0).abs() < 1e-12);
            prop_assert!((scope.b_cubed_excluded.f1 - 1.0).abs() < 1e-12);
            prop_assert!((scope.v_measure - 1.0).abs() < 1e-9);
            prop_assert_eq!(scope.over_merge, Some(0.0));
            prop_assert_eq!(scope.fragmentation, Some(1.0));
        }

        #[test]
        fn order_and_names_do_not_matter(all in partition(), turn in 0usize..40, shift in 1usize..50) {
            let mut moved: Vec<Item> =
                all.iter().map(|item| Item { group: item.group + shift, ..*item }).collect();
            if !moved.is_empty() {
                let middle = turn % moved.len();
                moved.rotate_left(middle);
                moved.reverse();
            }
            prop_assert_eq!(score(&all, 5), score(&moved, 5));
        }

        #[test]
        fn counts_match_a_walk_over_all_pairs(all in partition()) {
            let (mut hit, mut claimed, mut real) = (0, 0, 0);
            for (i, a) in all.iter().enumerate() {
                for b in &all[..i] {
                    hit += u64::from(a.group == b.group && a.truth == b.truth);
                    claimed += u64::from(a.group == b.group);
                    real += u64::from(a.truth == b.truth);
                }
            }
            let expected = Prf::from_counts(hit, claimed - hit, real - hit);
            prop_assert_eq!(score(&all, 8).pair, expected);
        }
    }
}
