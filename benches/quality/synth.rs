//! Made-up cascades on real graphs, and background noise, from a seed.
//!
//! A fault hits its root; along each edge from a dependency to a dependent it
//! spreads with a probability that falls with the hops, after a lag whose
//! median is 18 s. That is the propagation of ALGORITHMS.md section 7, reduced
//! to what a graph alone can carry.

use std::collections::{BTreeMap, BTreeSet};

use super::native::{Body, Class, Dataset, Event};

/// Every cascade lasts ten minutes, as the fault windows of the recorded sets do.
pub const FAULT_MS: i64 = 600_000;

/// Firing alerts are sent again at the interval of a common rule evaluation.
const RESEND_MS: i64 = 60_000;

/// SplitMix64: the same stream for the same seed, everywhere.
#[derive(Clone, Debug)]
pub struct Rng(pub u64);

/// One entity that a fault reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The entity.
    pub entity: String,
    /// When it was reached.
    pub at_ms: i64,
    /// The dependency that it caught it from; absent at the root.
    pub via: Option<String>,
}

/// Who depends on whom, by dependency.
pub type Dependents = BTreeMap<String, BTreeSet<String>>;

/// An alert to be raised.
#[derive(Clone, Copy, Debug)]
pub struct Raise<'a> {
    /// The entity.
    pub entity: &'a str,
    /// Name of the rule.
    pub name: &'a str,
    /// Severity word.
    pub severity: &'static str,
    /// One line for people.
    pub summary: &'a str,
    /// From when.
    pub from_ms: i64,
    /// Until when.
    pub until_ms: i64,
    /// Index of the true incident.
    pub incident: Option<usize>,
}

impl Rng {
    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// An integer in [low, high).
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        low + (self.unit() * (high - low) as f64) as i64
    }

    /// One of several things, the first ones more often: rank r weighs 1/r.
    pub fn zipf<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        let whole: f64 = (1..=things.len()).map(|rank| 1.0 / rank as f64).sum();
        let mut left = self.unit() * whole;
        let mut ranked = things.iter().zip(1u32..);
        ranked
            .find(|(_, rank)| {
                left -= 1.0 / f64::from(*rank);
                left < 0.0
            })
            .map(|(thing, _)| thing)
            .or(things.last())
    }

    /// One of several things, evenly.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        things.get((self.unit() * things.len() as f64) as usize)
    }

    /// A lag in milliseconds: lognormal, median 18 s, sigma 0.7, at most 4 min.
    pub fn lag_ms(&mut self) -> i64 {
        // The sum of twelve uniforms is normal enough, and exact on every machine.
        let normal = (0..12).map(|_| self.unit()).sum::<f64>() - 6.0;
        (18_000.0 * (0.7 * normal).exp()).min(240_000.0) as i64
    }
}

/// Spreads a fault; `chance` is the probability of each edge by its hop, from 1.
///
/// An entity is reached once, along the edge that gets there first.
pub fn spread(
    dependents: &Dependents,
    root: &str,
    start_ms: i64,
    rng: &mut Rng,
    chance: impl Fn(i32) -> f64,
) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    let mut reached = BTreeSet::new();
    let mut waiting = BTreeSet::from([(start_ms, 0, root.to_owned(), None::<String>)]);
    while let Some((at_ms, hop, entity, via)) = waiting.pop_first() {
        if !reached.insert(entity.clone()) {
            continue;
        }
        for dependent in dependents.get(&entity).into_iter().flatten() {
            // Both draws are made for every edge, so that one edge more or less
            // changes nothing about the others.
            let (luck, lag) = (rng.unit(), rng.lag_ms());
            if luck < chance(hop + 1) && !reached.contains(dependent) {
                waiting.insert((at_ms + lag, hop + 1, dependent.clone(), Some(entity.clone())));
            }
        }
        hits.push(Hit { entity, at_ms, via });
    }
    hits
}

/// Raises an alert: it fires, is sent again every minute, and ends.
pub fn raise(set: &mut Dataset, alert: Raise<'_>) {
    let serial = set.events.len();
    let first = format!("a-{serial}-0");
    let last_ms = alert.until_ms.max(alert.from_ms + RESEND_MS);
    let mut at_ms = alert.from_ms;
    let mut part = 0;
    while at_ms <= last_ms {
        let firing = at_ms < last_ms;
        set.events.push(Event {
            id: format!("a-{serial}-{part}"),
            at_ms,
            entity: alert.entity.to_owned(),
            summary: alert.summary.to_owned(),
            body: Body::Alert {
                name: alert.name.to_owned(),
                severity: alert.severity,
                firing,
                labels: BTreeMap::new(),
                attributes: BTreeMap::new(),
            },
            incident: alert.incident,
            class: if alert.incident.is_some() { Class::Incident } else { Class::Noise },
            repeats: (part > 0).then(|| first.clone()),
        });
        if !firing {
            break;
        }
        part += 1;
        at_ms = (at_ms + RESEND_MS).min(last_ms);
    }
}

/// Raises alerts of no incident, evenly over the time that the set covers, with
/// a few chronic kinds that recur often and many that hardly do.
pub fn background(set: &mut Dataset, rng: &mut Rng, count: usize, names: &[&str]) {
    let from = set.events.iter().map(|event| event.at_ms).min().unwrap_or(0);
    let until = set.events.iter().map(|event| event.at_ms).max().unwrap_or(0);
    let entities: Vec<String> = set.entities.iter().cloned().collect();
    // The popular pairs must not follow the alphabet.
    let mut kinds: Vec<(u64, String, &str)> = entities
        .iter()
        .flat_map(|entity| names.iter().map(move |name| (entity.clone(), *name)))
        .map(|(entity, name)| (rng.next(), entity, name))
        .collect();
    kinds.sort();
    for _ in 0..count {
        let from_ms = rng.between(from, until + 1);
        let length = rng.between(2 * RESEND_MS, 5 * RESEND_MS);
        if let Some((_, entity, name)) = rng.zipf(&kinds) {
            let summary = "chronic check";
            raise(
                set,
                Raise {
                    entity,
                    name,
                    severity: "warning",
                    summary,
                    from_ms,
                    until_ms: from_ms + length,
                    incident: None,
                },
            );
        }
    }
}

// The bench has no harness, which drops the tests and keeps what they use; they run in
// the integration tests, which include this file.
#[cfg(test)]
#[allow(unused_imports, dead_code)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Dependents {
        let mut dependents = Dependents::new();
        for (dependent, dependency) in edges {
            dependents.entry((*dependency).into()).or_default().insert((*dependent).into());
        }
        dependents
    }

    #[test]
    fn a_sure_fault_reaches_all_who_depend_on_it_and_nobody_else() {
        let graph = graph(&[("b", "a"), ("c", "b"), ("c", "a"), ("a", "z")]);
        let hits = spread(&graph, "a", 1_000, &mut Rng(3), |_| 1.0);
        let mut names: Vec<&str> = hits.iter().map(|hit| hit.entity.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!((hits[0].at_ms, hits[0].via.as_deref()), (1_000, None));
        for hit in &hits[1..] {
            let via = hits.iter().find(|other| Some(&other.entity) == hit.via.as_ref()).unwrap();
            assert!(via.at_ms <= hit.at_ms);
        }
        assert_eq!(spread(&graph, "a", 0, &mut Rng(3), |_| 0.0).len(), 1);
    }

    #[test]
    fn lags_have_the_stated_median() {
        let mut rng = Rng(11);
        let mut lags: Vec<i64> = (0..4_001).map(|_| rng.lag_ms()).collect();
        lags.sort_unstable();
        assert!((17_000..19_000).contains(&lags[2_000]), "{}", lags[2_000]);
        // One standard deviation up is 18 s * e^0.7 = 36.2 s, at rank 84.1 %.
        assert!((33_500..39_000).contains(&lags[3_365]), "{}", lags[3_365]);
    }

    #[test]
    fn an_alert_fires_repeats_and_ends() {
        let mut set = Dataset::default();
        let raise_at = Raise {
            entity: "service:x/a",
            name: "N",
            severity: "error",
            summary: "",
            from_ms: 0,
            until_ms: 150_000,
            incident: None,
        };
        raise(&mut set, raise_at);
        let times: Vec<i64> = set.events.iter().map(|event| event.at_ms).collect();
        assert_eq!(times, [0, 60_000, 120_000, 150_000]);
        assert!(matches!(set.events[3].body, Body::Alert { firing: false, .. }));
        assert_eq!(set.events[0].repeats, None);
        assert_eq!(set.events[3].repeats.as_deref(), Some("a-0-0"));
    }

    #[test]
    fn popular_things_are_popular() {
        let mut rng = Rng(5);
        let mut counts = [0u32; 4];
        for _ in 0..5_000 {
            counts[*rng.zipf(&[0usize, 1, 2, 3]).unwrap()] += 1;
        }
        // Weights 1, 1/2, 1/3, 1/4 of 25/12: 48 %, 24 %, 16 %, 12 %.
        assert!((2_300..2_500).contains(&counts[0]) && (540..660).contains(&counts[3]));
    }
}
