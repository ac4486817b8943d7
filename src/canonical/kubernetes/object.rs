//! One object of Kubernetes, and of it what says something about the topology.

use crate::canonical::intake::DEFAULT_NAMESPACE;
use crate::canonical::json::Json;
use crate::canonical::native::Refusal;
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Labels by name; pods of one template share theirs.
pub type Labels = Arc<BTreeMap<SmolStr, SmolStr>>;

/// The label by which a selector may name one pod of a StatefulSet.
pub(super) const POD_NAME: &str = "statefulset.kubernetes.io/pod-name";
/// The label with the hash at the end of a ReplicaSet's name.
const TEMPLATE_HASH: &str = "pod-template-hash";
/// Labels in which pods of one template differ.
const OF_ONE_POD: [&str; 9] = [
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-revision-hash",
    "controller-uid",
    "job-name",
    TEMPLATE_HASH,
    POD_NAME,
];

/// Which object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Empty for what belongs to the whole cluster.
    pub namespace: SmolStr,
    /// `Pod`, `Deployment`, …
    pub kind: SmolStr,
    /// Its name.
    pub name: SmolStr,
}

/// An object that says something about the topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Which.
    pub key: Key,
    /// What it says.
    pub body: Body,
}

/// What an object says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A pod.
    Pod {
        /// Who controls it.
        owner: Option<Owner>,
        /// The hash of its template, which its ReplicaSet's name ends with.
        template_hash: Option<SmolStr>,
        /// What selectors look at.
        labels: Labels,
        /// Where it runs; empty while it waits.
        node: SmolStr,
        /// It runs no longer.
        is_over: bool,
    },
    /// Deployment, StatefulSet, DaemonSet, CronJob, ReplicaSet, ReplicationController, Job.
    Workload {
        /// Who controls it.
        owner: Option<Owner>,
        /// Its own.
        labels: Labels,
        /// Those of its pods.
        template: Labels,
    },
    /// A service.
    Service {
        /// What its pods have in common; empty when others say which they are.
        selector: Labels,
        /// Where it is reached.
        addresses: BTreeSet<SmolStr>,
        /// The name outside of the cluster that it stands for.
        outside: Option<SmolStr>,
    },
    /// Endpoints, EndpointSlice.
    Endpoints {
        /// Whose they are.
        service: SmolStr,
        /// The pods behind them.
        pods: BTreeSet<SmolStr>,
    },
    /// An ingress.
    Ingress {
        /// Services that it passes requests on to.
        services: BTreeSet<SmolStr>,
        /// Where it is reached.
        addresses: BTreeSet<SmolStr>,
    },
    /// A node.
    Node {
        /// Where it is reached.
        addresses: BTreeSet<SmolStr>,
    },
}

/// Who controls an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// `ReplicaSet`, `Job`, …
    pub kind: SmolStr,
    /// Its name.
    pub name: SmolStr,
}

impl Object {
    /// Reads one; nothing for an object of another kind. What a list's elements do not say of
    /// themselves is in `list`: version and kind.
    ///
    /// # Errors
    /// When it does not say which object it is.
    pub(super) fn read(json: Json<'_, '_>, list: (&str, &str)) -> Result<Option<Object>, Refusal> {
        let Some(kind) = json.text("kind").or(Some(list.1).filter(|kind| !kind.is_empty())) else {
            return Err(Refusal::invalid("kind", "kind is missing"));
        };
        let metadata = json.get("metadata");
        let Some(name) = metadata.and_then(|metadata| metadata.text("name")) else {
            return Err(Refusal::invalid("metadata.name", "metadata.name is missing"));
        };
        let version = json.text("apiVersion").unwrap_or(list.0);
        let group = version.split_once('/').map_or("", |(group, _)| group);
        let Some(body) = body(json, group, kind) else { return Ok(None) };
        let namespace = match body {
            Body::Node { .. } => "",
            _ => metadata.and_then(|of| of.text("namespace")).unwrap_or(DEFAULT_NAMESPACE),
        };
        let [namespace, kind, name] = [namespace, kind, name].map(SmolStr::new);
        Ok(Some(Object { key: Key { namespace, kind, name }, body }))
    }
}

fn body(json: Json<'_, '_>, group: &str, kind: &str) -> Option<Body> {
    let (metadata, spec) = (json.get("metadata"), json.get("spec"));
    Some(match (group, kind) {
        ("", "Pod") => pod(json),
        ("" | "apps" | "extensions", "ReplicaSet" | "Deployment" | "DaemonSet")
        | ("" | "apps", "StatefulSet" | "ReplicationController")
        | ("" | "batch", "Job") => Body::Workload {
            owner: owner(metadata),
            labels: labels(path(metadata, &["labels"])),
            template: labels(path(spec, &["template", "metadata", "labels"])),
        },
        ("" | "batch", "CronJob") => {
            let template = ["jobTemplate", "spec", "template", "metadata", "labels"];
            Body::Workload {
                owner: owner(metadata),
                labels: labels(path(metadata, &["labels"])),
                template: labels(path(spec, &template)),
            }
        }
        ("", "Service") => service(json),
        ("", "Endpoints") => {
            let subsets = path(Some(json), &["subsets"]);
            let addresses = subsets.iter().flat_map(|all| all.elements()).flat_map(|subset| {
                let lists = ["addresses", "notReadyAddresses"].map(|name| subset.get(name));
                lists.into_iter().flatten().flat_map(Json::elements)
            });
            let service = metadata.and_then(|of| of.text("name")).unwrap_or_default();
            Body::Endpoints { service: service.into(), pods: pods(addresses) }
        }
        ("" | "discovery.k8s.io", "EndpointSlice") => {
            let service = path(metadata, &["labels"])?.text("kubernetes.io/service-name")?;
            let endpoints = json.get("endpoints").into_iter().flat_map(Json::elements);
            Body::Endpoints { service: service.into(), pods: pods(endpoints) }
        }
        ("" | "networking.k8s.io" | "extensions", "Ingress") => ingress(json),
        ("", "Node") => {
            let addresses = path(Some(json), &["status", "addresses"]);
            let addresses = addresses.into_iter().flat_map(Json::elements);
            Body::Node { addresses: texts(addresses.filter_map(|one| one.text("address"))) }
        }
        _ => return None,
    })
}

fn pod(json: Json<'_, '_>) -> Body {
    let metadata = json.get("metadata");
    let own = path(metadata, &["labels"]);
    let node = json.get("spec").and_then(|spec| spec.text("nodeName"));
    let phase = json.get("status").and_then(|status| status.text("phase"));
    Body::Pod {
        owner: owner(metadata),
        template_hash: own.and_then(|labels| labels.text(TEMPLATE_HASH)).map(SmolStr::new),
        labels: labels(own),
        node: node.unwrap_or_default().into(),
        is_over: matches!(phase, Some("Succeeded" | "Failed")),
    }
}

fn service(json: Json<'_, '_>) -> Body {
    let (spec, status) = (json.get("spec"), json.get("status"));
    let all = |field: &str| {
        let list = spec.and_then(|spec| spec.get(field)).into_iter().flat_map(Json::elements);
        list.filter_map(Json::str).map(SmolStr::new).collect::<Vec<_>>()
    };
    let own = spec.and_then(|spec| spec.text("clusterIP")).map(SmolStr::new);
    let found = own.into_iter().chain(all("clusterIPs")).chain(all("externalIPs"));
    let mut addresses: BTreeSet<SmolStr> = found.chain(balanced(status)).collect();
    addresses.retain(|address| address != "None" && !address.is_empty());
    let selector = path(spec, &["selector"]).into_iter().flat_map(Json::members);
    let selector = selector.filter_map(|(name, value)| Some((name.into(), value.str()?.into())));
    Body::Service {
        selector: Arc::new(selector.collect()),
        addresses,
        outside: spec.and_then(|spec| spec.text("externalName")).map(SmolStr::new),
    }
}

fn ingress(json: Json<'_, '_>) -> Body {
    let (spec, status) = (json.get("spec"), json.get("status"));
    let backend = |of: Json<'_, '_>, name: &str| -> Option<SmolStr> {
        let backend = of.get(name)?;
        let named = backend.get("service").and_then(|service| service.text("name"));
        named.or_else(|| backend.text("serviceName")).map(SmolStr::new)
    };
    let mut services = BTreeSet::new();
    let mut addresses: BTreeSet<SmolStr> = balanced(status).collect();
    services.extend(
        spec.and_then(|spec| backend(spec, "defaultBackend").or_else(|| backend(spec, "backend"))),
    );
    for rule in path(spec, &["rules"]).into_iter().flat_map(Json::elements) {
        // A wildcard is no name of anything.
        addresses.extend(rule.text("host").filter(|host| !host.contains('*')).map(SmolStr::new));
        let paths = path(Some(rule), &["http", "paths"]).into_iter().flat_map(Json::elements);
        services.extend(paths.filter_map(|path| backend(path, "backend")));
    }
    Body::Ingress { services, addresses }
}

/// The addresses of a load balancer.
fn balanced<'i>(status: Option<Json<'_, 'i>>) -> impl Iterator<Item = SmolStr> {
    let ingress = path(status, &["loadBalancer", "ingress"]);
    let all: Vec<SmolStr> = ingress
        .into_iter()
        .flat_map(Json::elements)
        .flat_map(|one| [one.text("ip"), one.text("hostname")])
        .flatten()
        .map(SmolStr::new)
        .collect();
    all.into_iter()
}

/// The pods that endpoints name.
fn pods<'t, 'i: 't>(endpoints: impl Iterator<Item = Json<'t, 'i>>) -> BTreeSet<SmolStr> {
    let target = |endpoint: Json<'t, 'i>| {
        let target = endpoint.get("targetRef")?;
        target.text("kind").filter(|kind| *kind == "Pod")?;
        target.text("name")
    };
    texts(endpoints.filter_map(target))
}

fn texts<'i>(all: impl Iterator<Item = &'i str>) -> BTreeSet<SmolStr> {
    all.map(SmolStr::new).collect()
}

/// The one of its owners that controls an object.
fn owner(metadata: Option<Json<'_, '_>>) -> Option<Owner> {
    let owners = metadata?.get("ownerReferences")?;
    let controls = |one: &Json<'_, '_>| one.get("controller").and_then(Json::bool) == Some(true);
    let owner = owners.elements().find(controls)?;
    Some(Owner { kind: owner.text("kind")?.into(), name: owner.text("name")?.into() })
}

/// Labels that all pods of a template share.
fn labels(json: Option<Json<'_, '_>>) -> Labels {
    let members = json.into_iter().flat_map(Json::members);
    let shared = members.filter(|(name, _)| OF_ONE_POD.binary_search(name).is_err());
    Arc::new(shared.filter_map(|(name, value)| Some((name.into(), value.str()?.into()))).collect())
}

fn path<'t, 'i>(json: Option<Json<'t, 'i>>, names: &[&str]) -> Option<Json<'t, 'i>> {
    names.iter().try_fold(json?, |json, name| json.get(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_one_pod_are_in_order() {
        assert!(OF_ONE_POD.is_sorted());
    }
}
