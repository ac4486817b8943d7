//! The estate that the storm passes over: services in layers, and what they stand on.
//!
//! ```text
//! dns -> lb -> service -> service, database, queue, external
//!               ^ part_of
//!          deployment <- pod -> host -> zone
//! ```
//!
//! The world knows two topologies: the real one, along which faults travel,
//! and the told one, which a catalogue reports with gaps, left-overs and
//! unresolved aliases. The world holds no alerts and no faults.

mod graph;
mod names;
mod platform;
mod view;

use crate::instant::Ms;
use crate::profile::Rates;
use crate::rng::Rng;

/// Index of a node in [`World::nodes`].
pub type NodeId = u32;

/// What a node is; the word is the prefix of its reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NodeKind {
    /// Something that answers requests.
    Service,
    /// The deployment of a service.
    Deployment,
    /// One process of a deployment.
    Pod,
    /// A pod under its address and port.
    Instance,
    /// A machine.
    Host,
    /// A failure domain of machines.
    Zone,
    /// A load balancer in front of a service.
    Lb,
    /// A name that leads to a load balancer or service.
    Dns,
    /// A data store.
    Database,
    /// A message queue.
    Queue,
    /// Somebody else's service.
    External,
    /// Who answers for things.
    Team,
}

impl NodeKind {
    /// The word before the colon of a reference.
    pub fn word(self) -> &'static str {
        match self {
            NodeKind::Service => "service",
            NodeKind::Deployment => "deployment",
            NodeKind::Pod => "pod",
            NodeKind::Instance => "instance",
            NodeKind::Host => "host",
            NodeKind::Zone => "zone",
            NodeKind::Lb => "lb",
            NodeKind::Dns => "dns",
            NodeKind::Database => "database",
            NodeKind::Queue => "queue",
            NodeKind::External => "external",
            NodeKind::Team => "team",
        }
    }
}

/// One entity.
#[derive(Clone, Debug)]
pub struct Node {
    /// `type:namespace/name`.
    pub reference: String,
    /// Its type.
    pub kind: NodeKind,
    /// The entity whose trouble its trouble is: the service of a pod or load balancer, else itself.
    pub canon: NodeId,
    /// The team, if any.
    pub owner: Option<NodeId>,
    /// How much hangs on it: critical, high, medium or low.
    pub criticality: &'static str,
    /// How far its clock is off.
    pub skew: Ms,
    /// Whether the catalogue knows whose alias it is.
    pub resolved: bool,
}

impl Node {
    /// The part after the slash.
    pub fn short(&self) -> &str {
        self.reference.rsplit_once('/').map_or(&self.reference, |(_, name)| name)
    }

    /// The part between colon and slash.
    pub fn namespace(&self) -> &str {
        let rest = self.reference.split_once(':').map_or("", |(_, rest)| rest);
        rest.split_once('/').map_or("", |(namespace, _)| namespace)
    }
}

/// What an edge means, always from the dependent to what it depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// Sends requests to.
    Calls,
    /// Reads from.
    Reads,
    /// Writes to.
    Writes,
    /// Passes traffic on to.
    RoutesTo,
    /// Is a process on.
    RunsOn,
    /// Is an instance or a component of.
    PartOf,
    /// Is answered for by.
    OwnedBy,
}

impl Relation {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Relation::Calls => "calls",
            Relation::Reads => "reads",
            Relation::Writes => "writes",
            Relation::RoutesTo => "routes_to",
            Relation::RunsOn => "runs_on",
            Relation::PartOf => "part_of",
            Relation::OwnedBy => "owned_by",
        }
    }
}

/// A dependency along which trouble travels, while it really exists.
#[derive(Clone, Copy, Debug)]
pub struct Edge {
    /// The dependent.
    pub from: NodeId,
    /// What it depends on.
    pub to: NodeId,
    /// How.
    pub relation: Relation,
    /// From when.
    pub since: Ms,
    /// Until when.
    pub until: Ms,
    /// Whether the catalogue knows of it.
    pub told: bool,
}

impl Edge {
    /// Whether it exists at `instant`.
    pub fn alive(&self, instant: Ms) -> bool {
        self.since <= instant && instant < self.until
    }
}

/// A service with its parts.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its node.
    pub node: NodeId,
    /// 0 for what users reach, rising towards the leaves.
    pub layer: usize,
    /// Whether much of the estate shares it.
    pub hub: bool,
    /// Its deployment.
    pub deployment: NodeId,
    /// Its pods.
    pub pods: Vec<PodSlot>,
    /// Its load balancer.
    pub lb: Option<NodeId>,
    /// Its name.
    pub dns: Option<NodeId>,
    /// Whether it serves users; a rehearsal environment does not.
    pub production: bool,
}

/// A place for one pod, and the pods that have held it.
#[derive(Clone, Debug)]
pub struct PodSlot {
    /// The machine.
    pub host: NodeId,
    /// From when, which pod, and its address; in order of time.
    pub held: Vec<(Ms, NodeId, NodeId)>,
}

impl PodSlot {
    /// The pod and its address if one and the same holds the place from `from` to `until`.
    pub fn steady(&self, from: Ms, until: Ms) -> Option<(NodeId, NodeId)> {
        let at = self.held.iter().rposition(|(since, ..)| *since <= from)?;
        let replaced = self.held.get(at + 1).is_some_and(|(since, ..)| *since < until);
        (!replaced).then(|| (self.held[at].1, self.held[at].2))
    }
}

/// Something that a catalogue can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The entity exists.
    Entity(NodeId),
    /// The edge exists.
    Relation {
        /// The dependent.
        from: NodeId,
        /// What it depends on.
        to: NodeId,
        /// How.
        relation: Relation,
    },
}

/// A fact that begins or ends to hold while the storm runs.
#[derive(Clone, Copy, Debug)]
pub struct Update {
    /// When.
    pub at: Ms,
    /// What.
    pub fact: Fact,
    /// Whether it holds from now on, or no longer.
    pub upsert: bool,
}

/// The estate.
#[derive(Clone, Debug, Default)]
pub struct World {
    /// All entities ever.
    pub nodes: Vec<Node>,
    /// Services; production first.
    pub services: Vec<Service>,
    /// How many of the services are in production.
    pub production: usize,
    /// Dependencies that carry trouble, and the left-overs that the catalogue believes in.
    pub edges: Vec<Edge>,
    /// Edges by what they depend on; an edge's place in [`World::edges`].
    pub dependents: Vec<Vec<u32>>,
    /// Edges by dependent.
    pub dependencies: Vec<Vec<u32>>,
    /// Machines.
    pub hosts: Vec<NodeId>,
    /// Failure domains, each with its machines.
    pub zones: Vec<(NodeId, Vec<NodeId>)>,
    /// Data stores.
    pub databases: Vec<NodeId>,
    /// Queues.
    pub queues: Vec<NodeId>,
    /// Other people's services.
    pub externals: Vec<NodeId>,
    /// What the catalogue says before the first event.
    pub catalogue: Vec<Fact>,
    /// What it says later, in order of time.
    pub updates: Vec<Update>,
    /// By node: the service it is or belongs to.
    service_of: Vec<Option<u32>>,
}

impl World {
    /// Builds the estate of `size` production services for a storm from `start` to `end`.
    pub(crate) fn build(seed: u64, size: usize, rates: &Rates, start: Ms, end: Ms) -> World {
        let mut world = World::default();
        graph::lay_out(&mut world, size, &mut Rng::stream(seed, "graph"));
        platform::furnish(&mut world, &mut Rng::stream(seed, "platform"));
        view::set_clocks(&mut world, rates, &mut Rng::stream(seed, "clocks"));
        view::churn(&mut world, rates, start, end, &mut Rng::stream(seed, "churn"));
        view::tell(&mut world, rates, &mut Rng::stream(seed, "catalogue"));
        world
    }

    /// Adds a node that stands for itself.
    pub(crate) fn add_node(&mut self, kind: NodeKind, namespace: &str, name: &str) -> NodeId {
        let id = self.nodes.len() as NodeId;
        self.nodes.push(Node {
            reference: format!("{}:{namespace}/{name}", kind.word()),
            kind,
            canon: id,
            owner: None,
            criticality: "medium",
            skew: 0,
            resolved: true,
        });
        self.dependents.push(Vec::new());
        self.dependencies.push(Vec::new());
        self.service_of.push(None);
        id
    }

    /// Adds a node that is a part or another name of `service`.
    pub(crate) fn add_part(&mut self, kind: NodeKind, service: usize, name: &str) -> NodeId {
        let whole = self.services[service].node;
        let namespace = self.nodes[whole as usize].namespace().to_owned();
        let id = self.add_node(kind, &namespace, name);
        self.nodes[id as usize].canon = whole;
        self.nodes[id as usize].owner = self.nodes[whole as usize].owner;
        self.nodes[id as usize].criticality = self.nodes[whole as usize].criticality;
        self.nodes[id as usize].skew = self.nodes[whole as usize].skew;
        self.service_of[id as usize] = Some(service as u32);
        id
    }

    /// Adds a dependency and returns its place.
    pub(crate) fn add_edge(&mut self, edge: Edge) -> u32 {
        let at = self.edges.len() as u32;
        self.dependents[edge.to as usize].push(at);
        self.dependencies[edge.from as usize].push(at);
        self.edges.push(edge);
        at
    }

    /// A node by its id.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    /// The service that `node` is or belongs to.
    pub fn service_of(&self, node: NodeId) -> Option<&Service> {
        self.service_index(node).map(|at| &self.services[at])
    }

    /// The place of the service that `node` is or belongs to.
    pub fn service_index(&self, node: NodeId) -> Option<usize> {
        self.service_of[node as usize].map(|at| at as usize)
    }

    /// Whether users reach `node` directly.
    pub fn is_entry(&self, node: NodeId) -> bool {
        self.service_of(node).is_some_and(|s| s.layer == 0 && s.production)
    }

    /// Production services with pods on `host`, each with the share of its pods there.
    pub fn tenants_of(&self, host: NodeId) -> Vec<(NodeId, f64)> {
        let production = &self.services[..self.production];
        let share = |s: &Service| {
            let here = s.pods.iter().filter(|p| p.host == host).count();
            here as f64 / s.pods.len() as f64
        };
        production.iter().map(|s| (s.node, share(s))).filter(|(_, share)| *share > 0.0).collect()
    }

    /// The failure domain of `host`.
    pub fn zone_of(&self, host: NodeId) -> Option<NodeId> {
        self.zones.iter().find(|(_, hosts)| hosts.contains(&host)).map(|(zone, _)| *zone)
    }
}

#[cfg(test)]
mod tests;
