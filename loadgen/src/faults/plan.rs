//! When and where faults strike, and which changes happen around them.

use super::{Change, Fault, FaultKind, Plan, spread};
use crate::instant::{MINUTE, Ms, SECOND};
use crate::profile::Rates;
use crate::rng::Rng;
use crate::world::{Fact, NodeId, NodeKind, Relation, Update, World};

/// Share of faults whose root entity raises no alert.
const BLIND: f64 = 0.12;
/// Faults that users do not see, for each one that they do.
const NO_IMPACT: f64 = 0.12;
/// Harmless changes for each one that broke something.
const DECOYS: usize = 3;
/// How far a concurrent fault begins after the other, in seconds.
const CONCURRENT_SECONDS: (f64, f64) = (5.0, 120.0);
/// How long a fault lasts: median in minutes, deviation of the logarithm, bounds.
const DURATION_MINUTES: (f64, f64) = (17.0, 0.45);
const DURATION_BOUNDS: (Ms, Ms) = (7 * MINUTE, 45 * MINUTE);
/// The same entity does not fail twice within this time.
const ROOT_REST: Ms = 40 * MINUTE;
/// Roots to try before a fault is accepted whatever it reaches.
const TRIES: usize = 400;
/// How many must suffer before it is an incident and not a bad alert.
const REACH_MIN: usize = 3;

/// Plans the faults of a storm from `start` to `end` and lets people re-route
/// around some of them, which changes `world`.
pub(crate) fn plan(world: &mut World, rates: &Rates, seed: u64, start: Ms, end: Ms) -> Plan {
    let mut rng = Rng::stream(seed, "faults");
    let mut plan = Plan::default();
    let blind = BLIND * rates.flaws;
    let mut changes: Vec<(Change, Option<usize>)> = Vec::new();
    for (at, partner) in starts(rates, start, end, &mut rng) {
        let near = partner.filter(|_| rates.paired).and_then(|p| plan.faults.get(p)).cloned();
        let wish = Wish { visible: true, blind, near: near.as_ref(), hub: rates.paired };
        let fault = strike(world, &plan.faults, at, &wish, &mut rng);
        if rng.chance(rates.reroutes) {
            reroute(world, &fault, end, &mut rng);
        }
        plan.faults.push(fault);
    }
    let hidden = (plan.faults.len() as f64 * NO_IMPACT).round() as usize;
    for _ in 0..hidden {
        let at = rng.range(start as f64, (end - 3 * MINUTE) as f64) as Ms;
        let wish = Wish { visible: false, blind, near: None, hub: false };
        let fault = strike(world, &plan.faults, at, &wish, &mut rng);
        plan.faults.push(fault);
    }
    plan.faults.sort_by_key(|f| (f.start, f.root));
    for (at, fault) in plan.faults.iter().enumerate() {
        if let Some(change) = cause(fault, world, start, &mut rng) {
            changes.push((change, Some(at)));
        }
    }
    add_decoys(&mut changes, &plan.faults, world, rates, (start, end), &mut rng);
    number(&mut plan, changes);
    world.updates.sort_by_key(|u| u.at);
    plan
}

/// Start times in order, each concurrent one with the place of the fault that it follows.
fn starts(rates: &Rates, start: Ms, end: Ms, rng: &mut Rng) -> Vec<(Ms, Option<usize>)> {
    if rates.faults <= 0.0 {
        return Vec::new();
    }
    let all = (rates.faults.round() as usize).max(1);
    let followers = (all as f64 * rates.concurrent).round() as usize;
    let leaders = all - followers;
    // The first fault leaves time for history, the last for its cascade.
    let (first, last) = (start + 3 * MINUTE, end - 7 * MINUTE);
    let gap = (last - first) as f64 / leaders as f64;
    let mut out: Vec<(Ms, Option<usize>)> = (0..leaders)
        .map(|i| (first + ((i as f64 + rng.range(0.1, 0.9)) * gap) as Ms, None))
        .collect();
    for _ in 0..followers {
        let leader = rng.below(leaders);
        let after = rng.range(CONCURRENT_SECONDS.0, CONCURRENT_SECONDS.1) * SECOND as f64;
        out.push((out[leader].0 + after as Ms, Some(leader)));
    }
    let leader_times: Vec<Ms> = out[..leaders].iter().map(|(at, _)| *at).collect();
    out.sort_unstable();
    let place = |at: Ms| out.iter().position(|(other, p)| *other == at && p.is_none());
    let followed: Vec<Option<usize>> =
        out.iter().map(|(_, p)| p.and_then(|p| place(leader_times[p]))).collect();
    out.iter().zip(followed).map(|((at, _), p)| (*at, p)).collect()
}

/// What a fault should be like.
struct Wish<'a> {
    /// Whether users see it.
    visible: bool,
    /// The chance that its root raises no alert.
    blind: f64,
    /// A fault that it should have a hub in common with.
    near: Option<&'a Fault>,
    /// Whether it should be next to a hub.
    hub: bool,
}

/// One fault at `at`, as wished.
fn strike(world: &World, before: &[Fault], at: Ms, wish: &Wish<'_>, rng: &mut Rng) -> Fault {
    let anywhere = Wish { near: None, hub: false, ..*wish };
    let mut tries = 0;
    loop {
        tries += 1;
        let wish = if tries < TRIES / 2 { wish } else { &anywhere };
        let (kind, root) = choose(world, wish, rng);
        let rested = before.iter().all(|f| f.root != root || (f.start - at).abs() > ROOT_REST);
        if !rested {
            continue;
        }
        let length = rng.lognormal(DURATION_MINUTES.0, DURATION_MINUTES.1) * MINUTE as f64;
        let length = (length as Ms).clamp(DURATION_BOUNDS.0, DURATION_BOUNDS.1);
        let mut fault = Fault {
            kind,
            root,
            start: at,
            end: at + length,
            blind: rng.chance(wish.blind),
            visible: false,
            change: None,
            effects: Vec::new(),
            path: Vec::new(),
        };
        spread::spread(world, &mut fault, rng);
        let fits = if wish.visible {
            fault.visible && fault.effects.len() >= REACH_MIN
        } else {
            !fault.visible
        };
        if fits || tries >= TRIES {
            fault.visible = wish.visible;
            return fault;
        }
    }
}

/// A kind of fault and an entity that it can strike, as wished if there is any such.
fn choose(world: &World, wish: &Wish<'_>, rng: &mut Rng) -> (FaultKind, NodeId) {
    let weights = FaultKind::ALL.map(|k| k.traits().weight);
    let mut tries = 0;
    loop {
        tries += 1;
        let kind = FaultKind::ALL[rng.weighted(&weights)];
        let mut possible = targets(world, kind);
        if tries < TRIES {
            if let Some(near) = wish.near {
                possible = beside(world, near, &possible);
            } else if wish.hub {
                possible.retain(|n| around(world, *n).iter().any(|m| is_hub(world, *m)));
            }
        }
        if !possible.is_empty() {
            return (kind, *rng.pick(&possible));
        }
    }
}

/// What a kind of fault can strike.
fn targets(world: &World, kind: FaultKind) -> Vec<NodeId> {
    match kind.traits().at {
        NodeKind::Service => {
            let inner = world.services[..world.production].iter().filter(|s| s.layer > 0);
            let named = inner.filter(|s| kind != FaultKind::Dns || s.dns.is_some());
            named.map(|s| s.node).collect()
        }
        NodeKind::Database => world.databases.clone(),
        NodeKind::Queue => world.queues.clone(),
        NodeKind::External => world.externals.clone(),
        NodeKind::Host => world.hosts.clone(),
        _ => world.zones.iter().map(|(zone, _)| *zone).collect(),
    }
}

/// Everything that depends on `node` or that it depends on.
fn around(world: &World, node: NodeId) -> Vec<NodeId> {
    let up = world.dependents[node as usize].iter().map(|e| world.edges[*e as usize].from);
    let down = world.dependencies[node as usize].iter().map(|e| world.edges[*e as usize].to);
    up.chain(down).collect()
}

fn is_hub(world: &World, node: NodeId) -> bool {
    world.service_of(node).is_some_and(|s| s.hub)
}

/// Those of `possible` that have a hub in common with the root of `near`, or at the
/// least a neighbour.
fn beside(world: &World, near: &Fault, possible: &[NodeId]) -> Vec<NodeId> {
    let mine = around(world, near.root);
    let shared = |node: NodeId, hubs_only: bool| {
        let common = |n: &NodeId| mine.contains(n) && (!hubs_only || is_hub(world, *n));
        node != near.root && around(world, node).iter().any(common)
    };
    let those =
        |hubs_only| possible.iter().copied().filter(move |n| shared(*n, hubs_only)).collect();
    let hubs: Vec<NodeId> = those(true);
    if hubs.is_empty() { those(false) } else { hubs }
}

/// Somebody moves one caller away from what hurts it.
fn reroute(world: &mut World, fault: &Fault, end: Ms, rng: &mut Rng) {
    let call = |(from, to): &(NodeId, NodeId)| {
        let mut edges = world.dependencies[*from as usize].iter();
        edges.find(|e| {
            let edge = &world.edges[**e as usize];
            let service = world.service_of(edge.to).is_some();
            edge.to == *to && service && edge.relation == Relation::Calls && edge.alive(fault.start)
        })
    };
    let calls: Vec<u32> = fault.path.iter().filter_map(call).copied().collect();
    if calls.is_empty() {
        return;
    }
    let edge = *rng.pick(&calls) as usize;
    let at = fault.start + rng.range(90.0, 360.0) as Ms * SECOND;
    if at >= end || world.edges[edge].until != Ms::MAX {
        return;
    }
    world.edges[edge].until = at;
    let (from, to, told) = (world.edges[edge].from, world.edges[edge].to, world.edges[edge].told);
    if told {
        let fact = Fact::Relation { from, to, relation: Relation::Calls };
        world.updates.push(Update { at: at + 5 * SECOND, fact, upsert: false });
    }
    if let Some(update) = world.call_instead(from, to, at, rng) {
        world.updates.push(update);
    }
}

/// The change behind `fault`, if its kind has one.
fn cause(fault: &Fault, world: &World, start: Ms, rng: &mut Rng) -> Option<Change> {
    let cause = fault.kind.traits().change;
    if !rng.chance(cause.probability) {
        return None;
    }
    // It begins to hurt at some time after it is done; a canary hurts before.
    let finished = fault.start - (rng.exponential(70.0) * SECOND as f64) as Ms + 10 * SECOND;
    Some(change(world, fault.root, cause.kind, finished.max(start + 2 * SECOND), rng))
}

fn change(world: &World, node: NodeId, kind: &'static str, finished: Ms, rng: &mut Rng) -> Change {
    let took = rng.lognormal(80.0, 0.6).clamp(5.0, 600.0) * SECOND as f64;
    // Deployers speak of deployments, people of services.
    let deployment = world.service_of(node).map(|s| s.deployment);
    let subject = deployment.filter(|_| rng.chance(0.2)).unwrap_or(node);
    Change {
        id: String::new(),
        node: subject,
        kind,
        class: ["standard", "normal", "emergency"][rng.weighted(&[0.7, 0.25, 0.05])],
        risk: ["low", "medium", "high"][rng.weighted(&[0.6, 0.3, 0.1])],
        version: format!("{}.{}.{}", 1 + rng.below(4), rng.below(40), rng.below(12)),
        started: finished - took as Ms,
        finished,
    }
}

/// Changes that break nothing: some while others are in trouble, some at any time.
fn add_decoys(
    changes: &mut Vec<(Change, Option<usize>)>,
    faults: &[Fault],
    world: &World,
    rates: &Rates,
    (start, end): (Ms, Ms),
    rng: &mut Rng,
) {
    const KINDS: [&str; 6] = ["deploy", "config", "feature_flag", "scale", "upgrade", "infra"];
    const WEIGHTS: [f64; 6] = [0.5, 0.2, 0.12, 0.08, 0.06, 0.04];
    let wanted = DECOYS * changes.len() + rates.quiet_changes.round() as usize;
    for _ in 0..wanted {
        let finished = if !faults.is_empty() && rng.chance(0.5) {
            let fault = rng.pick(faults);
            fault.start + rng.range(-8.0 * MINUTE as f64, 2.0 * MINUTE as f64) as Ms
        } else {
            rng.range(start as f64, end as f64) as Ms
        };
        let finished = finished.clamp(start + 2 * SECOND, end - SECOND);
        let node = world.services[rng.below(world.production)].node;
        let kind = KINDS[rng.weighted(&WEIGHTS)];
        changes.push((change(world, node, kind, finished, rng), None));
    }
}

/// Orders the changes, names them, and tells the faults which is theirs.
fn number(plan: &mut Plan, mut changes: Vec<(Change, Option<usize>)>) {
    changes.sort_by_key(|(change, fault)| (change.started, change.node, *fault));
    for (at, (mut change, fault)) in changes.into_iter().enumerate() {
        change.id = format!("CHG-{}", 20_001 + at);
        if let Some(fault) = fault {
            plan.faults[fault].change = Some(at as u32);
        }
        plan.changes.push(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::START;
    use crate::profile::Profile;

    fn planned(profile: Profile, seed: u64) -> (World, Plan) {
        let rates = profile.rates();
        let end = START + rates.span;
        let mut world = World::build(seed, 300, &rates, START, end);
        let plan = plan(&mut world, &rates, seed, START, end);
        (world, plan)
    }

    #[test]
    fn every_profile_has_its_faults() {
        for profile in Profile::ALL {
            let (_, plan) = planned(profile, 5);
            let visible = plan.faults.iter().filter(|f| f.visible).count();
            assert_eq!(visible, if profile == Profile::Quiet { 0 } else { 30 }, "{profile}");
            assert!(plan.changes.len() >= 20, "{profile}");
        }
    }

    #[test]
    fn a_path_leads_from_every_sufferer_to_the_root() {
        for seed in 0..6 {
            let (_, plan) = planned(Profile::Stress, seed);
            for fault in &plan.faults {
                assert_eq!(fault.effects[0].node, fault.root);
                for effect in &fault.effects {
                    let mut at = effect.node;
                    for _ in 0..=fault.effects.len() {
                        let next = fault.path.iter().find(|(from, _)| *from == at);
                        at = next.map_or(at, |(_, to)| *to);
                    }
                    assert_eq!(at, fault.root, "seed {seed}");
                }
            }
        }
    }

    #[test]
    fn concurrency_is_as_asked() {
        let close = |profile| {
            let (_, plan) = planned(profile, 9);
            let starts: Vec<Ms> =
                plan.faults.iter().filter(|f| f.visible).map(|f| f.start).collect();
            starts.windows(2).filter(|w| w[1] - w[0] <= 120 * SECOND).count()
        };
        assert!(close(Profile::Stress) >= 12);
        assert!(close(Profile::Easy) <= 3);
    }

    #[test]
    fn adversarial_pairs_have_a_neighbour_in_common() {
        let around = |world: &World, node: NodeId| -> Vec<NodeId> {
            let ends = world.edges.iter().filter(|e| e.from == node || e.to == node);
            ends.map(|e| if e.from == node { e.to } else { e.from }).collect()
        };
        let shared = |profile| {
            let (mut together, mut pairs) = (0, 0);
            for seed in 0..4 {
                let (world, plan) = planned(profile, seed);
                let visible: Vec<&Fault> = plan.faults.iter().filter(|f| f.visible).collect();
                for pair in visible.windows(2).filter(|w| w[1].start - w[0].start < 120 * SECOND) {
                    let first = around(&world, pair[0].root);
                    pairs += 1;
                    together +=
                        usize::from(around(&world, pair[1].root).iter().any(|n| first.contains(n)));
                }
            }
            f64::from(together as u32) / f64::from(pairs)
        };
        let (adversarial, stress) = (shared(Profile::Adversarial), shared(Profile::Stress));
        assert!(adversarial >= 0.5 && adversarial >= 2.0 * stress, "{adversarial} {stress}");
    }

    #[test]
    fn three_decoys_for_each_true_change() {
        let (_, plan) = planned(Profile::Stress, 2);
        let true_ones = plan.faults.iter().filter(|f| f.change.is_some()).count();
        assert!(true_ones >= 8);
        assert_eq!(plan.changes.len(), 4 * true_ones);
        for fault in plan.faults.iter().filter(|f| f.change.is_some()) {
            let change = &plan.changes[fault.change.unwrap() as usize];
            assert!(change.finished <= fault.start + 10 * SECOND);
        }
    }
}
