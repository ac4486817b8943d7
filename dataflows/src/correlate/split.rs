//! The split of one component: a greedy cover by causal cones (ALGORITHMS.md 3.4).
//!
//! A pure function of the component's alerts, the topology around them and the
//! groups that earlier slices decided. The best cone is taken, what it covers is
//! taken out, and so on: hops are bounded, so no giant group can form.

#[cfg(test)]
mod tests;

use super::cone::{Reached, Sites, Source, grow};
use super::world::{NodeIndex, World};
use crate::model::{AlertKey, EntityId, Seconds};
use crate::params::CorrelateParams;
use hashbrown::HashMap;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

/// What the cover chose.
#[derive(Debug)]
pub struct Chosen {
    /// The standing group that it continues, if it does.
    pub standing: Option<AlertKey>,
    /// Where a new group grows from, and when that began.
    pub source: Option<(NodeIndex, Seconds)>,
    /// What it covers, in order of node.
    pub reached: Vec<Reached>,
}

/// Something that may explain alerts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Candidate {
    /// A group of an earlier slice.
    Standing(AlertKey),
    /// An entity, alerting or silent. Its id comes first: indices tell in which order entities
    /// were heard of, which must not decide.
    Entity(EntityId, NodeIndex),
}

/// What a candidate would explain, as things stood in a round of the cover.
#[derive(Debug)]
struct Offer {
    gain: i64,
    /// Its earliest alert.
    onset: Option<AlertKey>,
    candidate: Candidate,
    reached: Vec<Reached>,
    round: usize,
}

impl Offer {
    fn of(gain: i64, candidate: Candidate, reached: Vec<Reached>, round: usize) -> Offer {
        let onset = reached.iter().map(|site| site.alerts[0]).min();
        Offer { gain, onset, candidate, reached, round }
    }

    /// Whether alerts that it counts on have been taken since: a cone grows over what it
    /// reaches and nothing else, so one of which nothing was taken is as it was.
    fn is_stale(&self, taken: &HashMap<NodeIndex, usize>) -> bool {
        self.reached.iter().any(|site| taken.get(&site.node).is_some_and(|at| *at > self.round))
    }

    /// Ties go to the earlier alert, then to the lesser candidate.
    fn rank(&self) -> (i64, Reverse<(Option<AlertKey>, &Candidate)>) {
        (self.gain, Reverse((self.onset, &self.candidate)))
    }
}

impl PartialEq for Offer {
    fn eq(&self, other: &Self) -> bool {
        self.rank() == other.rank()
    }
}

impl Eq for Offer {}

impl PartialOrd for Offer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Offer {
    fn cmp(&self, other: &Self) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

/// Covers the alerts of a component until all of those before `until` are covered.
///
/// `standing` are sources by standing group near the component. Of a piece of a component
/// the rest is `elsewhere` within those seconds of onset.
pub fn split(
    world: &World,
    mut sites: Sites,
    standing: &BTreeMap<AlertKey, Vec<Source>>,
    until: Seconds,
    elsewhere: Option<Range<Seconds>>,
    params: &CorrelateParams,
) -> Vec<Chosen> {
    let silent = silent_candidates(world, &sites, elsewhere, params);
    let offer = |candidate: Candidate, sites: &Sites, round: usize| {
        let (gain, reached) = gain(world, sites, standing, &silent, &candidate, params)?;
        Some(Offer::of(gain, candidate, reached, round))
    };
    let entity = |node: &NodeIndex| Candidate::Entity(world.node(*node).entity.id, *node);
    let groups = standing.keys().map(|group| Candidate::Standing(*group));
    let entities = sites.by_node.keys().chain(silent.keys()).map(entity);
    let mut heap: BinaryHeap<Offer> =
        groups.chain(entities).filter_map(|candidate| offer(candidate, &sites, 0)).collect();
    let mut chosen = Vec::new();
    let mut taken: HashMap<NodeIndex, usize> = HashMap::new();
    let due = |alerts: &[AlertKey]| alerts.partition_point(|key| key.onset < until);
    let mut left: usize = sites.by_node.values().map(|alerts| due(alerts)).sum();
    while left > 0 {
        let Some(mut best) = heap.pop() else { break };
        // Gains only fall as alerts are covered: what still holds the top is the best.
        if best.is_stale(&taken) {
            let gained = best.gain;
            match offer(best.candidate, &sites, chosen.len()) {
                Some(now) => best = now,
                None => continue,
            }
            if best.gain < gained && heap.peek().is_some_and(|next| next.gain > best.gain) {
                heap.push(best);
                continue;
            }
        }
        let Offer { candidate, reached, .. } = best;
        let began = match &candidate {
            Candidate::Entity(_, node) => began(&sites, &silent, *node).map(|onset| (*node, onset)),
            Candidate::Standing(_) => None,
        };
        left -= reached.iter().map(|site| due(&site.alerts)).sum::<usize>();
        take(&mut sites, &reached);
        taken.extend(reached.iter().map(|site| (site.node, chosen.len() + 1)));
        if let Candidate::Entity(_, node) = candidate
            && sites.by_node.contains_key(&node)
        {
            // Its later alerts may need a cone of their own.
            heap.extend(offer(candidate.clone(), &sites, chosen.len() + 1));
        }
        chosen.push(match candidate {
            Candidate::Standing(group) => Chosen { standing: Some(group), source: None, reached },
            Candidate::Entity(..) => Chosen { standing: None, source: began, reached },
        });
    }
    chosen
}

fn take(sites: &mut Sites, reached: &[Reached]) {
    for site in reached {
        if let Some(alerts) = sites.by_node.get_mut(&site.node) {
            alerts.retain(|key| site.alerts.binary_search(key).is_err());
            if alerts.is_empty() {
                sites.by_node.remove(&site.node);
            }
        }
    }
}

/// Silent entities on which at least two alerting ones depend, with when that began; what
/// alerts in another piece of the component is as good as silent here, but its beginning is
/// known, and it may be what everyone depends on.
fn silent_candidates(
    world: &World,
    sites: &Sites,
    elsewhere: Option<Range<Seconds>>,
    params: &CorrelateParams,
) -> BTreeMap<NodeIndex, Seconds> {
    let undecided = |node: NodeIndex| {
        let Range { start, end } = elsewhere.clone()?;
        let mut first = None;
        world.unit_of(node).alerts(start, end - 1).for_each(|key| {
            let open = world.alerts().get(&key).is_some_and(|p| p.group.is_none());
            if first.is_none() && open && !world.is_pinned(&key) {
                first = Some(key.onset);
            }
        });
        first
    };
    let mut callers: BTreeMap<NodeIndex, Vec<Seconds>> = BTreeMap::new();
    for (node, alerts) in &sites.by_node {
        for (dependency, _) in &world.unit_of(*node).depends {
            if !sites.by_node.contains_key(dependency) {
                callers.entry(*dependency).or_default().push(alerts[0].onset);
            }
        }
    }
    let began = |(node, mut onsets): (NodeIndex, Vec<Seconds>)| {
        onsets.sort_unstable();
        if !onsets.windows(2).any(|pair| pair[1] - pair[0] <= params.slice_seconds) {
            return None;
        }
        if let Some(onset) = undecided(node) {
            return Some((node, onset));
        }
        // Its own beginning was not seen: it lies a usual lag before its first effect.
        let few = world.unit_of(node).users.len() <= params.hub_degree_max;
        few.then(|| (node, onsets[0] - params.lag_usual_seconds))
    };
    callers.into_iter().filter_map(began).collect()
}

/// When trouble began at an entity: at its first undecided alert, or as its effects tell.
fn began(sites: &Sites, silent: &BTreeMap<NodeIndex, Seconds>, node: NodeIndex) -> Option<Seconds> {
    let first = sites.by_node.get(&node).map(|alerts| alerts[0].onset);
    first.or_else(|| silent.get(&node).copied())
}

fn gain(
    world: &World,
    sites: &Sites,
    standing: &BTreeMap<AlertKey, Vec<Source>>,
    silent: &BTreeMap<NodeIndex, Seconds>,
    candidate: &Candidate,
    params: &CorrelateParams,
) -> Option<(i64, Vec<Reached>)> {
    let own: [Source; 1];
    let (sources, bonus) = match candidate {
        Candidate::Standing(group) => (standing.get(group)?.as_slice(), params.standing_milli),
        Candidate::Entity(_, node) => {
            let onset = began(sites, silent, *node)?;
            let own_seconds = params.same_entity_seconds;
            own = [Source { node: *node, onset, decided: false, own_seconds }];
            (
                own.as_slice(),
                if sites.by_node.contains_key(node) {
                    params.alerting_milli
                } else {
                    params.silent_milli
                },
            )
        }
    };
    let reached = grow(world, sites, sources, params);
    if reached.is_empty() {
        return None;
    }
    let weights: i64 = reached.iter().map(|site| site.weight_milli).sum();
    let callers = match candidate {
        Candidate::Entity(_, node) => {
            let total = world.unit_of(*node).users.len() as i64;
            let direct = reached.iter().filter(|site| site.hops == 1).count() as i64;
            let quiet = (params.quiet_milli * (total - direct)).min(params.quiet_max_milli);
            params.callers_milli * direct / total.max(1) - quiet
        }
        Candidate::Standing(_) => 0,
    };
    Some((weights + callers + bonus, reached))
}
