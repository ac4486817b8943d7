//! What the objects of a namespace say about the topology: a function of them alone.

use super::cluster::Objects;
use super::object::{Body, Labels, Owner, POD_NAME};
use crate::canonical::intake::DEFAULT_NAMESPACE;
use causeway_dataflows::model::RelationKind::{self, AliasOf, PartOf, RoutesTo, RunsOn};
use smol_str::{SmolStr, format_smolstr};
use std::collections::{BTreeMap, BTreeSet};

/// Statements, each with how sure it is, parts per million.
pub type Said = BTreeMap<Statement, u32>;

/// What is known.
const SURE_PPM: u32 = 1_000_000;
/// What is read from a name.
const GUESSED_PPM: u32 = 800_000;

/// The label by which Backstage finds a component's objects.
const CATALOGUE_LABEL: &str = "backstage.io/kubernetes-id";
/// Labels that say what a program is called; no names of workloads, which may share them.
const NAME_LABELS: [&str; 2] = ["app.kubernetes.io/name", "app.kubernetes.io/instance"];
/// The label that says what a program is a part of.
const WHOLE_LABEL: &str = "app.kubernetes.io/part-of";

/// Something that is said about the topology.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statement {
    /// That it is there.
    Entity(SmolStr),
    /// The dependent, how, and what it depends on.
    Relation(SmolStr, RelationKind, SmolStr),
}

/// Nodes are hosts, and each of their addresses is one too.
pub(super) fn of_nodes(objects: &Objects) -> Said {
    let mut said = Said::new();
    for ((_, name), body) in objects {
        let Body::Node { addresses } = body else { continue };
        let host = host(name);
        alias(&mut said, format_smolstr!("k8s.node:{name}"), &host, SURE_PPM);
        for address in addresses {
            alias(&mut said, self::host(address), &host, SURE_PPM);
        }
        said.insert(Statement::Entity(host), SURE_PPM);
    }
    said
}

/// Workloads, services and ingresses, and what of them is where.
pub(super) fn of_namespace(namespace: &str, objects: &Objects) -> Said {
    let view = View::of(namespace, objects);
    let mut said = Said::new();
    view.workloads(&mut said);
    view.pods(&mut said);
    for ((kind, name), body) in objects {
        match body {
            Body::Service { selector, addresses, outside } => {
                let service = view.entity(name);
                let own = format_smolstr!("k8s.{}:{namespace}/{name}", kind.to_lowercase());
                alias(&mut said, own, &service, SURE_PPM);
                let inside = ["svc", "svc.cluster.local"];
                let inside = inside.map(|end| format_smolstr!("{name}.{namespace}.{end}"));
                for address in addresses.iter().chain(&inside) {
                    alias(&mut said, host(address), &service, SURE_PPM);
                }
                let outside = outside.iter().map(|name| host(name));
                for to in outside.chain(view.behind(name, selector)) {
                    relation(&mut said, &service, RoutesTo, to);
                }
                said.insert(Statement::Entity(service), SURE_PPM);
            }
            Body::Ingress { services, addresses } => {
                let ingress = format_smolstr!("ingress:{namespace}/{name}");
                for address in addresses {
                    alias(&mut said, host(address), &ingress, SURE_PPM);
                }
                for service in services {
                    relation(&mut said, &ingress, RoutesTo, view.entity(service));
                }
                said.insert(Statement::Entity(ingress), SURE_PPM);
            }
            _ => {}
        }
    }
    said
}

fn host(name: &str) -> SmolStr {
    format_smolstr!("host:{name}")
}

fn alias(said: &mut Said, name: SmolStr, entity: &SmolStr, sure_ppm: u32) {
    if name != *entity {
        said.insert(Statement::Relation(name, AliasOf, entity.clone()), sure_ppm);
    }
}

fn relation(said: &mut Said, from: &SmolStr, kind: RelationKind, to: SmolStr) {
    if *from != to {
        said.insert(Statement::Relation(from.clone(), kind, to), SURE_PPM);
    }
}

/// What runs under one name: workloads of one namespace that share theirs are one.
#[derive(Default)]
struct Workload<'a> {
    kinds: BTreeSet<&'a str>,
    /// Its own labels, those of its templates and pods.
    labels: BTreeSet<&'a Labels>,
    /// Those that selectors look at.
    selected: BTreeSet<&'a Labels>,
}

impl<'a> Workload<'a> {
    /// The least value of a label, should they differ.
    fn label(&self, name: &str) -> Option<&'a SmolStr> {
        self.labels.iter().filter_map(|labels| labels.get(name)).min()
    }
}

/// Where a pod belongs.
#[derive(Clone, Copy)]
struct Home<'a> {
    kind: &'a str,
    name: &'a str,
    is_known: bool,
}

struct View<'a> {
    namespace: &'a str,
    objects: &'a Objects,
    workloads: BTreeMap<&'a str, Workload<'a>>,
    /// Pods that nothing controls.
    alone: Vec<(&'a SmolStr, &'a Labels)>,
    /// Pods that the endpoints of a service name.
    ends: BTreeMap<&'a SmolStr, Vec<&'a BTreeSet<SmolStr>>>,
}

impl<'a> View<'a> {
    fn of(namespace: &'a str, objects: &'a Objects) -> View<'a> {
        let (workloads, ends) = (BTreeMap::new(), BTreeMap::new());
        let mut view = View { namespace, objects, workloads, alone: Vec::new(), ends };
        for ((kind, name), body) in objects {
            match body {
                Body::Workload { owner, labels, template } => {
                    let own = Home { kind, name, is_known: true };
                    // Of what another controls only the other counts.
                    let home = view.above(own, owner.as_ref());
                    let workload = view.workloads.entry(home.name).or_default();
                    workload.kinds.insert(home.kind);
                    workload.labels.extend([labels, template]);
                    workload.selected.insert(template);
                }
                Body::Pod { labels, .. } => {
                    let home = view.home(name, body);
                    if home.kind != "Pod" {
                        let workload = view.workloads.entry(home.name).or_default();
                        workload.kinds.insert(home.kind);
                        workload.labels.insert(labels);
                        workload.selected.insert(labels);
                    } else {
                        view.alone.push((name, labels));
                    }
                }
                Body::Endpoints { service, pods } => {
                    view.ends.entry(service).or_default().push(pods);
                }
                _ => {}
            }
        }
        view
    }

    /// The workload that a pod is one of; itself when nothing controls it.
    fn home(&self, pod: &'a str, body: &'a Body) -> Home<'a> {
        let own = Home { kind: "Pod", name: pod, is_known: true };
        let Body::Pod { owner, template_hash, node, .. } = body else { return own };
        let Some(Owner { kind, name }) = owner else { return own };
        if kind == "Node" {
            // The kubelet's own pods have the node at the end of their names.
            let name = pod.strip_suffix(node.as_str()).and_then(|name| name.strip_suffix('-'));
            return Home { kind: "StaticPod", name: name.unwrap_or(pod), is_known: true };
        }
        let owner = Home { kind, name, is_known: true };
        let known = self.objects.get(&(kind.clone(), name.clone()));
        match known {
            Some(Body::Workload { owner: above, .. }) => self.above(owner, above.as_ref()),
            _ => guessed(owner, template_hash.as_deref()),
        }
    }

    /// Who controls a ReplicaSet or a Job, if anybody does; every other workload is its own.
    fn above(&self, own: Home<'a>, owner: Option<&'a Owner>) -> Home<'a> {
        match owner {
            Some(owner) if matches!(own.kind, "ReplicaSet" | "Job") => {
                Home { kind: &owner.kind, name: &owner.name, is_known: own.is_known }
            }
            _ => own,
        }
    }

    fn entity(&self, name: &str) -> SmolStr {
        format_smolstr!("service:{}/{name}", self.namespace)
    }

    fn entity_of(&self, home: Home<'_>) -> SmolStr {
        match home.kind {
            "Pod" => format_smolstr!("k8s.pod:{}/{}", self.namespace, home.name),
            _ => self.entity(home.name),
        }
    }

    fn workloads(&self, said: &mut Said) {
        let mut named: BTreeMap<&SmolStr, BTreeSet<&str>> = BTreeMap::new();
        for (name, workload) in &self.workloads {
            let entity = self.entity(name);
            for kind in workload.kinds.iter().filter(|kind| **kind != "StaticPod") {
                let kind = kind.to_lowercase();
                let own = format_smolstr!("k8s.{kind}:{}/{name}", self.namespace);
                alias(said, own, &entity, SURE_PPM);
            }
            if let Some(id) = workload.label(CATALOGUE_LABEL) {
                let component = format_smolstr!("service:{DEFAULT_NAMESPACE}/{id}");
                alias(said, entity.clone(), &component, SURE_PPM);
            }
            if let Some(whole) = workload.label(WHOLE_LABEL) {
                let system = format_smolstr!("system:{DEFAULT_NAMESPACE}/{whole}");
                relation(said, &entity, PartOf, system);
            }
            for label in NAME_LABELS {
                let names = workload.labels.iter().filter_map(|labels| labels.get(label));
                for other in names {
                    named.entry(other).or_default().insert(name);
                }
            }
            said.insert(Statement::Entity(entity), SURE_PPM);
        }
        for (name, workloads) in named {
            let service = (SmolStr::new_static("Service"), name.clone());
            let is_taken = self.workloads.contains_key(name.as_str())
                || self.objects.contains_key(&service)
                || workloads.len() > 1;
            if let Some(one) = workloads.first().filter(|_| !is_taken) {
                alias(said, self.entity(name), &self.entity(one), SURE_PPM);
            }
        }
    }

    fn pods(&self, said: &mut Said) {
        for ((_, name), body) in self.objects {
            let Body::Pod { node, is_over, .. } = body else { continue };
            let home = self.home(name, body);
            let entity = self.entity_of(home);
            let sure_ppm = if home.is_known { SURE_PPM } else { GUESSED_PPM };
            let pod = format_smolstr!("k8s.pod:{}/{name}", self.namespace);
            alias(said, pod, &entity, sure_ppm);
            if !node.is_empty() && !is_over {
                relation(said, &entity, RunsOn, host(node));
            }
        }
    }

    /// The workloads behind a service: whose pods its selector fits, or, without one, whose pods
    /// its endpoints name.
    fn behind(&self, service: &SmolStr, selector: &Labels) -> BTreeSet<SmolStr> {
        let pod = |name: &'a SmolStr| {
            let body = self.objects.get(&(SmolStr::new_static("Pod"), name.clone()))?;
            Some(self.entity_of(self.home(name, body)))
        };
        if let Some(name) = selector.get(POD_NAME) {
            let found = self.objects.get_key_value(&(SmolStr::new_static("Pod"), name.clone()));
            return found.and_then(|((_, name), _)| pod(name)).into_iter().collect();
        }
        if selector.is_empty() {
            let ends = self.ends.get(service).into_iter().flatten();
            return ends.copied().flatten().filter_map(pod).collect();
        }
        let fits = |labels: &Labels| selector.iter().all(|(name, of)| labels.get(name) == Some(of));
        let workloads = self.workloads.iter();
        let fitting = workloads.filter(|(_, workload)| workload.selected.iter().any(|of| fits(of)));
        let alone = self.alone.iter().filter(|(_, labels)| fits(labels));
        let alone = alone.filter_map(|(name, _)| pod(name));
        fitting.map(|(name, _)| self.entity(name)).chain(alone).collect()
    }
}

/// Where the pods of an owner belong that is not known itself: the end of the name that Kubernetes
/// gave it goes, if it has one.
fn guessed<'a>(owner: Home<'a>, template_hash: Option<&str>) -> Home<'a> {
    let cut = |name: &'a str| -> Option<&'a str> {
        let (front, end) = name.rsplit_once('-').filter(|(front, _)| !front.is_empty())?;
        let is_end = match (owner.kind, template_hash) {
            ("ReplicaSet", Some(hash)) => end == hash,
            ("ReplicaSet", None) => is_hash(end),
            _ => end.len() >= 8 && end.bytes().all(|byte| byte.is_ascii_digit()),
        };
        is_end.then_some(front)
    };
    match (owner.kind, cut(owner.name)) {
        ("ReplicaSet", Some(name)) => Home { kind: "Deployment", name, is_known: false },
        ("Job", Some(name)) => Home { kind: "CronJob", name, is_known: false },
        _ => owner,
    }
}

/// Whether it is written in the letters and digits that Kubernetes writes hashes in.
fn is_hash(end: &str) -> bool {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    (6..=10).contains(&end.len()) && end.bytes().all(|byte| LETTERS.contains(&byte))
}
