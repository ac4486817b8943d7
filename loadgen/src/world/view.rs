//! What the catalogue says, as against what is: gaps, left-overs, unresolved
//! aliases, wrong clocks, and the changes that it reports while the storm runs.

use super::{Edge, Fact, NodeId, NodeKind, Relation, Update, World};
use crate::instant::{HOUR, Ms, SECOND};
use crate::profile::Rates;
use crate::rng::Rng;
use crate::world::{graph, platform};

/// On a bad day ([`Rates::flaws`] scales all shares): share of real dependencies that the catalogue misses, and of left-overs that it adds.
const MISSING: f64 = 0.05;
const STALE: f64 = 0.05;
/// Share of load balancers, names and addresses that it cannot resolve.
const UNRESOLVED: f64 = 0.10;
/// Deviation of clocks in milliseconds, and the share and size of gross errors.
const SKEW_MS: f64 = 4_000.0;
const SKEW_GROSS_SHARE: f64 = 0.02;
const SKEW_GROSS: Ms = 60 * SECOND;

/// Sets every entity's clock error; the parts of a service share its clock.
pub(super) fn set_clocks(world: &mut World, rates: &Rates, rng: &mut Rng) {
    for id in 0..world.nodes.len() {
        let gross = rng.chance(SKEW_GROSS_SHARE * rates.flaws);
        let sign = if rng.chance(0.5) { 1 } else { -1 };
        let small = (rng.normal() * SKEW_MS) as Ms;
        world.nodes[id].skew = if gross { sign * SKEW_GROSS + small / 4 } else { small };
    }
    for id in 0..world.nodes.len() {
        world.nodes[id].skew = world.nodes[world.nodes[id].canon as usize].skew;
    }
}

/// Replaces pods and re-wires calls between `start` and `end`.
pub(super) fn churn(world: &mut World, rates: &Rates, start: Ms, end: Ms, rng: &mut Rng) {
    let hours = (end - start) as f64 / HOUR as f64;
    let slots: Vec<(usize, usize)> = (0..world.production)
        .flat_map(|s| (0..world.services[s].pods.len()).map(move |p| (s, p)))
        .collect();
    let pods = (slots.len() as f64 * rates.pods_per_hour * hours).round() as usize;
    for at in instants(pods, start, end, rng) {
        let (service, slot) = *rng.pick(&slots);
        replace_pod(world, service, slot, at, rng);
    }
    let calls: Vec<u32> = (0..world.edges.len() as u32)
        .filter(|e| world.edges[*e as usize].relation == Relation::Calls)
        .filter(|e| world.service_of(world.edges[*e as usize].to).is_some())
        .collect();
    let rewired = (calls.len() as f64 * rates.edges_per_hour * hours).round() as usize;
    for at in instants(rewired, start, end, rng) {
        rewire(world, *rng.pick(&calls), at, rng);
    }
    world.updates.sort_by_key(|u| u.at);
}

fn instants(n: usize, start: Ms, end: Ms, rng: &mut Rng) -> Vec<Ms> {
    let mut all: Vec<Ms> = (0..n).map(|_| rng.range(start as f64, end as f64) as Ms).collect();
    all.sort_unstable();
    all
}

fn replace_pod(world: &mut World, service: usize, slot: usize, at: Ms, rng: &mut Rng) {
    let (pod, instance) = platform::new_pod(world, service, rng);
    let place = &mut world.services[service].pods[slot];
    let Some(old) = place.held.last().map(|held| held.1) else { return };
    place.held.push((at, pod, instance));
    let host = place.host;
    let deployment = world.services[service].deployment;
    let mut say = |delay: Ms, fact: Fact, upsert: bool| {
        world.updates.push(Update { at: at + delay, fact, upsert });
    };
    let link = |from: NodeId, to, relation| Fact::Relation { from, to, relation };
    say(0, Fact::Entity(pod), true);
    say(1, link(pod, deployment, Relation::PartOf), true);
    say(2, link(pod, host, Relation::RunsOn), true);
    // The old pod's end is noticed when its grace period is over.
    say(30 * SECOND, link(old, host, Relation::RunsOn), false);
    say(30 * SECOND + 1, link(old, deployment, Relation::PartOf), false);
    say(30 * SECOND + 2, Fact::Entity(old), false);
}

/// One call goes, another comes.
fn rewire(world: &mut World, edge: u32, at: Ms, rng: &mut Rng) {
    let Edge { from, to, relation, until, .. } = world.edges[edge as usize];
    if until != Ms::MAX {
        return;
    }
    world.edges[edge as usize].until = at;
    let gone = Fact::Relation { from, to, relation };
    world.updates.push(Update { at: at + 5 * SECOND, fact: gone, upsert: false });
    if let Some(update) = world.call_instead(from, to, at, rng) {
        world.updates.push(update);
    }
}

impl World {
    /// Lets `from` call another service of a deeper layer than its own from `at` on;
    /// returns what the catalogue says of it.
    pub(crate) fn call_instead(
        &mut self,
        from: NodeId,
        not: NodeId,
        at: Ms,
        rng: &mut Rng,
    ) -> Option<Update> {
        let caller = self.service_index(from)?;
        let layer = self.services[caller].layer;
        let deeper: Vec<usize> = (0..self.production)
            .filter(|s| self.services[*s].layer > layer && self.services[*s].node != not)
            .filter(|s| !graph::calls(self, caller, *s))
            .collect();
        if deeper.is_empty() {
            return None;
        }
        let to = self.services[*rng.pick(&deeper)].node;
        let relation = Relation::Calls;
        self.add_edge(Edge { from, to, relation, since: at, until: Ms::MAX, told: true });
        let fact = Fact::Relation { from, to, relation };
        Some(Update { at: at + 5 * SECOND, fact, upsert: true })
    }
}

/// Writes the catalogue as it stands before the first event.
pub(super) fn tell(world: &mut World, rates: &Rates, rng: &mut Rng) {
    for id in 0..world.nodes.len() {
        let alias =
            matches!(world.nodes[id].kind, NodeKind::Lb | NodeKind::Dns | NodeKind::Instance);
        world.nodes[id].resolved = !(alias && rng.chance(UNRESOLVED * rates.flaws));
    }
    let mut facts: Vec<Fact> = Vec::new();
    let later: Vec<Fact> = world.updates.iter().filter(|u| u.upsert).map(|u| u.fact).collect();
    for id in 0..world.nodes.len() as NodeId {
        // A pod's address is an alias of the pod, not an entity.
        let listed = world.node(id).kind != NodeKind::Instance;
        if listed && !later.contains(&Fact::Entity(id)) {
            facts.push(Fact::Entity(id));
        }
    }
    for edge in 0..world.edges.len() {
        let Edge { from, to, relation, since, .. } = world.edges[edge];
        let external = since != Ms::MIN;
        world.edges[edge].told = external || !rng.chance(MISSING * rates.flaws);
        if world.edges[edge].told && !external {
            facts.push(Fact::Relation { from, to, relation });
        }
    }
    facts.extend(structure(world));
    facts.extend(stale(world, rates, rng));
    // The catalogue cannot withdraw what it never knew.
    let untold: Vec<Fact> = world
        .edges
        .iter()
        .filter(|e| !e.told)
        .map(|e| Fact::Relation { from: e.from, to: e.to, relation: e.relation })
        .collect();
    world.updates.retain(|u| u.upsert || !untold.contains(&u.fact));
    world.catalogue = facts;
}

/// Parts, places, names and owners.
fn structure(world: &World) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut say = |from: NodeId, to: NodeId, relation: Relation| {
        facts.push(Fact::Relation { from, to, relation });
    };
    for service in &world.services {
        say(service.deployment, service.node, Relation::PartOf);
        for slot in &service.pods {
            if let Some((Ms::MIN, pod, _)) = slot.held.first() {
                say(*pod, service.deployment, Relation::PartOf);
                say(*pod, slot.host, Relation::RunsOn);
            }
        }
        if let Some(lb) = service.lb.filter(|lb| world.node(*lb).resolved) {
            say(lb, service.node, Relation::RoutesTo);
        }
        if let Some(dns) = service.dns.filter(|dns| world.node(*dns).resolved) {
            say(dns, service.lb.unwrap_or(service.node), Relation::RoutesTo);
        }
    }
    for (zone, hosts) in &world.zones {
        for host in hosts {
            say(*host, *zone, Relation::PartOf);
        }
    }
    for (id, node) in world.nodes.iter().enumerate() {
        let owns = matches!(node.kind, NodeKind::Service | NodeKind::Database | NodeKind::Queue);
        if let Some(owner) = node.owner.filter(|_| owns) {
            say(id as NodeId, owner, Relation::OwnedBy);
        }
    }
    facts
}

/// Calls that ended long ago and are still in the catalogue.
fn stale(world: &World, rates: &Rates, rng: &mut Rng) -> Vec<Fact> {
    let real = world.edges.iter().filter(|e| e.relation == Relation::Calls).count();
    let wanted = (real as f64 * STALE * rates.flaws).round() as usize;
    let mut facts = Vec::new();
    while facts.len() < wanted {
        let (a, b) = (rng.below(world.production), rng.below(world.production));
        let (caller, callee) = (a.min(b), a.max(b));
        if world.services[caller].layer < world.services[callee].layer
            && !graph::calls(world, caller, callee)
        {
            let (from, to) = (world.services[caller].node, world.services[callee].node);
            facts.push(Fact::Relation { from, to, relation: Relation::Calls });
        }
    }
    facts
}
