//! What services stand on: deployments, pods, hosts, zones, and what they use:
//! load balancers, names, databases, queues and other people's services.

use super::names;
use super::{Edge, NodeId, NodeKind, PodSlot, Relation, World};
use crate::instant::Ms;
use crate::rng::Rng;

/// Services per machine; with three to four pods each, about eighteen pods a machine.
const SERVICES_PER_HOST: usize = 5;
const HOSTS_PER_ZONE_MIN: usize = 3;
const LB_SHARE: f64 = 0.4;
const DNS_SHARE: f64 = 0.2;
/// One queue for so many services.
const SERVICES_PER_QUEUE: usize = 14;

/// Puts everything but services into the world.
pub(super) fn furnish(world: &mut World, rng: &mut Rng) {
    add_machines(world);
    for service in 0..world.services.len() {
        add_pods(world, service, rng);
        add_front(world, service, rng);
    }
    for service in 0..world.production {
        add_database(world, service, rng);
    }
    add_queues(world, rng);
    add_externals(world, rng);
}

fn add_machines(world: &mut World) {
    let zones = names::REGIONS.iter().map(|(_, zones)| zones.len()).sum::<usize>();
    let per_zone = (world.production / SERVICES_PER_HOST / zones).max(HOSTS_PER_ZONE_MIN);
    for (region, zones) in names::REGIONS {
        for (z, zone) in zones.into_iter().enumerate() {
            let zone_node = world.add_node(NodeKind::Zone, region, zone);
            world.nodes[zone_node as usize].criticality = "critical";
            let mut hosts = Vec::new();
            for h in 0..per_zone {
                let name = format!("node-{}", z * per_zone + h + 1);
                let host = world.add_node(NodeKind::Host, region, &name);
                world.nodes[host as usize].criticality = "high";
                hosts.push(host);
            }
            world.hosts.extend(&hosts);
            world.zones.push((zone_node, hosts));
        }
    }
}

fn add_pods(world: &mut World, service: usize, rng: &mut Rng) {
    let name = world.node(world.services[service].node).short().to_owned();
    let deployment = world.add_part(NodeKind::Deployment, service, &name);
    world.services[service].deployment = deployment;
    let busy = usize::from(world.services[service].hub) * 3;
    let replicas = if world.services[service].production { 2 + rng.below(4) + busy } else { 1 };
    for _ in 0..replicas {
        let taken: Vec<NodeId> = world.services[service].pods.iter().map(|p| p.host).collect();
        let free: Vec<NodeId> =
            world.hosts.iter().copied().filter(|h| !taken.contains(h)).collect();
        let host = *rng.pick(if free.is_empty() { &world.hosts } else { &free });
        let (pod, instance) = new_pod(world, service, rng);
        world.services[service].pods.push(PodSlot { host, held: vec![(Ms::MIN, pod, instance)] });
    }
}

/// Creates a pod of `service` and its address.
pub(super) fn new_pod(world: &mut World, service: usize, rng: &mut Rng) -> (NodeId, NodeId) {
    let name = world.node(world.services[service].node).short().to_owned();
    let set = names::suffix(&mut Rng::new(service as u64), 9);
    let pod =
        world.add_part(NodeKind::Pod, service, &format!("{name}-{set}-{}", names::suffix(rng, 5)));
    // The node's number makes the address unique.
    let n = pod as usize;
    let address = format!("10.{}.{}.{}:8080", 32 + (n >> 16), (n >> 8) & 255, n & 255);
    let instance = world.add_part(NodeKind::Instance, service, &address);
    (pod, instance)
}

/// A load balancer and a name, where the service has them.
fn add_front(world: &mut World, service: usize, rng: &mut Rng) {
    let entry = world.services[service].layer == 0;
    let name = world.node(world.services[service].node).short().to_owned();
    if entry || rng.chance(LB_SHARE) {
        let lb = world.add_part(NodeKind::Lb, service, &format!("{name}-lb"));
        world.services[service].lb = Some(lb);
    }
    if entry || rng.chance(DNS_SHARE) {
        let dns = world.add_part(NodeKind::Dns, service, &format!("{name}.internal"));
        world.services[service].dns = Some(dns);
    }
}

/// A database of the service's own, or a share in one of its namespace.
fn add_database(world: &mut World, service: usize, rng: &mut Rng) {
    let (node, layer) = (world.services[service].node, world.services[service].layer);
    if !rng.chance(if layer > 3 { 0.5 } else { 0.18 }) {
        return;
    }
    let namespace = world.node(node).namespace().to_owned();
    let near: Vec<NodeId> = world
        .databases
        .iter()
        .copied()
        .filter(|d| world.node(*d).namespace() == namespace)
        .collect();
    let database = if !near.is_empty() && rng.chance(0.25) {
        *rng.pick(&near)
    } else {
        let name = format!("{}-db", world.node(node).short());
        let database = world.add_node(NodeKind::Database, &namespace, &name);
        world.nodes[database as usize].owner = world.node(node).owner;
        world.nodes[database as usize].criticality = "high";
        world.databases.push(database);
        database
    };
    uses(world, node, database, Relation::Reads);
    if rng.chance(0.6) {
        uses(world, node, database, Relation::Writes);
    }
}

/// Queues with a writer and one to three readers each.
fn add_queues(world: &mut World, rng: &mut Rng) {
    for _ in 0..world.production / SERVICES_PER_QUEUE {
        let writer = world.services[rng.below(world.production)].node;
        let namespace = world.node(writer).namespace().to_owned();
        let name = format!("{}-events", world.node(writer).short());
        let wanted = format!("queue:{namespace}/{name}");
        if world.queues.iter().any(|q| world.node(*q).reference == wanted) {
            continue;
        }
        let queue = world.add_node(NodeKind::Queue, &namespace, &name);
        world.nodes[queue as usize].owner = world.node(writer).owner;
        world.queues.push(queue);
        uses(world, writer, queue, Relation::Writes);
        for _ in 0..1 + rng.below(3) {
            let reader = world.services[rng.below(world.production)].node;
            let known = &world.dependencies[reader as usize];
            if !known.iter().any(|e| world.edges[*e as usize].to == queue) {
                uses(world, reader, queue, Relation::Reads);
            }
        }
    }
}

fn add_externals(world: &mut World, rng: &mut Rng) {
    for name in names::EXTERNALS {
        let external = world.add_node(NodeKind::External, "partner", name);
        world.nodes[external as usize].criticality = "high";
        world.externals.push(external);
        for _ in 0..1 + rng.below(4) {
            let user = world.services[rng.below(world.production)].node;
            let known = &world.dependencies[user as usize];
            if !known.iter().any(|e| world.edges[*e as usize].to == external) {
                uses(world, user, external, Relation::Calls);
            }
        }
    }
}

fn uses(world: &mut World, from: NodeId, to: NodeId, relation: Relation) {
    let edge = Edge { from, to, relation, since: Ms::MIN, until: Ms::MAX, told: true };
    world.add_edge(edge);
}
