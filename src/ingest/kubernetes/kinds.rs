//! Which kinds of objects are watched, and where the API has them.

/// One kind.
#[derive(Debug)]
pub(super) struct ObjectKind {
    /// Its name in objects.
    pub(super) kind: &'static str,
    /// Group and version.
    pub(super) path: &'static str,
    /// Its name in paths.
    pub(super) plural: &'static str,
    /// Whether its objects are in namespaces.
    pub(super) is_namespaced: bool,
}

const fn kind(kind: &'static str, path: &'static str, plural: &'static str) -> ObjectKind {
    ObjectKind { kind, path, plural, is_namespaced: true }
}

/// All of them.
pub(super) const KINDS: [ObjectKind; 11] = [
    ObjectKind { kind: "Node", path: "/api/v1", plural: "nodes", is_namespaced: false },
    kind("Pod", "/api/v1", "pods"),
    kind("Service", "/api/v1", "services"),
    kind("EndpointSlice", "/apis/discovery.k8s.io/v1", "endpointslices"),
    kind("Deployment", "/apis/apps/v1", "deployments"),
    kind("ReplicaSet", "/apis/apps/v1", "replicasets"),
    kind("StatefulSet", "/apis/apps/v1", "statefulsets"),
    kind("DaemonSet", "/apis/apps/v1", "daemonsets"),
    kind("Job", "/apis/batch/v1", "jobs"),
    kind("CronJob", "/apis/batch/v1", "cronjobs"),
    kind("Ingress", "/apis/networking.k8s.io/v1", "ingresses"),
];
