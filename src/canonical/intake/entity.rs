//! Which entity an alert is about, from what it carries (EVENT.md section 4).

use super::labels::Labels;
use crate::canonical::source::EntityStep;

/// The namespace of a service whose labels name none, as in Backstage and Kubernetes.
pub const DEFAULT_NAMESPACE: &str = "default";

/// Labels of Kubernetes that name a workload, the one that owns the others first, and the kinds of
/// entities that they name.
const WORKLOADS: [(&str, &str); 6] = [
    ("k8s.deployment.name", "k8s.deployment"),
    ("k8s.statefulset.name", "k8s.statefulset"),
    ("k8s.daemonset.name", "k8s.daemonset"),
    ("k8s.cronjob.name", "k8s.cronjob"),
    ("k8s.job.name", "k8s.job"),
    ("k8s.pod.name", "k8s.pod"),
];
/// The same as kube-state-metrics, the kubelet and Prometheus' own discovery call them. They are
/// words that others use as well, so they count only beside a namespace.
const PLAIN_WORKLOADS: [(&str, &str); 6] = [
    ("deployment", "k8s.deployment"),
    ("statefulset", "k8s.statefulset"),
    ("daemonset", "k8s.daemonset"),
    ("cronjob", "k8s.cronjob"),
    ("job_name", "k8s.job"),
    ("pod", "k8s.pod"),
];
/// Ends of the jobs whose samples are about other things than the job itself.
const REPORTERS: [&str; 3] = ["kube-state-metrics", "kubelet", "cadvisor"];

/// Where the answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is the event's own `entity`.
    Explicit,
    /// It was written into the buffer.
    Derived,
    /// Nothing names it.
    Unknown,
}

/// Finds the entity by the first of `order` that answers; a derived one goes to `text`.
#[inline]
pub(super) fn find(
    order: &[EntityStep],
    explicit: &str,
    labels: &Labels<'_>,
    text: &mut String,
) -> Found {
    for step in order {
        match step {
            EntityStep::Explicit if !explicit.is_empty() => return Found::Explicit,
            EntityStep::OtelService
            | EntityStep::ServiceLabel
            | EntityStep::Workload
            | EntityStep::Host
                if derive(*step, labels, text) =>
            {
                return Found::Derived;
            }
            EntityStep::Unknown => return Found::Unknown,
            _ => {}
        }
    }
    Found::Unknown
}

fn derive(step: EntityStep, labels: &Labels<'_>, text: &mut String) -> bool {
    let any = |keys: &[&str]| keys.iter().find_map(|key| labels.get(key));
    text.clear();
    match step {
        EntityStep::OtelService => {
            let Some(name) = any(&["service.name", "service_name"]) else { return false };
            service(text, any(&["service.namespace", "service_namespace"]), name);
        }
        EntityStep::ServiceLabel => {
            let Some(name) = any(&["service", "app", "job"]) else { return false };
            if is_reported(labels) {
                return false;
            }
            service(text, labels.get("namespace"), name);
        }
        EntityStep::Workload => {
            let Some((kind, namespace, name)) = workload(labels) else { return false };
            text.push_str(kind);
            text.extend([":", namespace, "/", name]);
        }
        EntityStep::Host => {
            let keys = ["host", "host.name", "node", "k8s.node.name", "instance"];
            let Some(name) = any(&keys) else { return false };
            text.push_str("host:");
            text.push_str(without_port(name));
        }
        EntityStep::Explicit | EntityStep::Unknown => return false,
    }
    true
}

/// The kind, the namespace and the name of the workload that labels name.
fn workload<'a>(labels: &'a Labels<'_>) -> Option<(&'static str, &'a str, &'a str)> {
    let named = WORKLOADS.iter().find_map(|(key, kind)| Some((*kind, labels.get(key)?)));
    if let Some((kind, name)) = named {
        let namespace = labels.get("k8s.namespace.name").unwrap_or(DEFAULT_NAMESPACE);
        return Some((kind, namespace, name));
    }
    // What Prometheus found labelled already it keeps under this name.
    if let (Some(namespace), Some(pod)) =
        (labels.get("exported_namespace"), labels.get("exported_pod"))
    {
        return Some(("k8s.pod", namespace, pod));
    }
    let namespace = labels.get("namespace")?;
    let named = PLAIN_WORKLOADS.iter().find_map(|(key, kind)| Some((*kind, labels.get(key)?)));
    named.map(|(kind, name)| (kind, namespace, name))
}

/// The references of all workloads that OpenTelemetry's labels name, the pod too.
pub(super) fn workload_names(labels: &Labels<'_>) -> impl Iterator<Item = String> {
    let namespace = labels.get("k8s.namespace.name").unwrap_or(DEFAULT_NAMESPACE);
    WORKLOADS
        .iter()
        .filter_map(move |(key, kind)| Some(format!("{kind}:{namespace}/{}", labels.get(key)?)))
}

/// Whether labels name a thing that is not whose job the sample was taken from.
fn is_reported(labels: &Labels<'_>) -> bool {
    let by = |job: &str| REPORTERS.iter().any(|reporter| job.ends_with(reporter));
    labels.get("job").is_some_and(by)
        && (workload(labels).is_some() || labels.get("node").is_some())
}

/// Writes `service:namespace/name`; a name that brings its namespace keeps it.
fn service(text: &mut String, namespace: Option<&str>, name: &str) {
    text.push_str("service:");
    if !name.contains('/') {
        text.push_str(namespace.unwrap_or(DEFAULT_NAMESPACE));
        text.push('/');
    }
    text.push_str(name);
}

/// `host:port` without the port; an address with colons of its own only in brackets.
pub(super) fn without_port(host: &str) -> &str {
    if let Some((inside, _)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return inside;
    }
    match host.rsplit_once(':') {
        Some((name, port))
            if !name.is_empty()
                && !name.contains(':')
                && !port.is_empty()
                && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canonical::reject::Quality;

    fn found(explicit: &str, pairs: &[(&'static str, &'static str)]) -> String {
        let mut labels = Labels::new();
        let mut quality = Quality::default();
        for (key, value) in pairs {
            labels.push(key, value, &mut quality);
        }
        labels.settle(&[], 64, &mut quality);
        let mut text = String::new();
        match find(&EntityStep::DEFAULT, explicit, &labels, &mut text) {
            Found::Explicit => explicit.to_owned(),
            Found::Derived => text,
            Found::Unknown => "?".to_owned(),
        }
    }

    #[test]
    fn the_first_answer_counts() {
        assert_eq!(found("db:x/y", &[("service", "cart")]), "db:x/y");
        let otel = [("service.name", "cart"), ("service.namespace", "shop"), ("job", "j")];
        assert_eq!(found("", &otel), "service:shop/cart");
        assert_eq!(found("", &[("job", "node"), ("instance", "a:9100")]), "service:default/node");
        assert_eq!(found("", &[("app", "cart"), ("namespace", "shop")]), "service:shop/cart");
        assert_eq!(found("", &[("job", "shop/cart")]), "service:shop/cart");
        assert_eq!(found("", &[("instance", "10.0.0.7:8080")]), "host:10.0.0.7");
        let workload = [("k8s.pod.name", "a-1"), ("k8s.deployment.name", "a"), ("host.name", "h")];
        assert_eq!(found("", &workload), "k8s.deployment:default/a");
        assert_eq!(found("", &[("k8s.node.name", "n-1")]), "host:n-1");
        assert_eq!(found("", &[("severity", "info")]), "?");
    }

    #[test]
    fn a_prometheus_alert_names_a_workload_by_plain_words() {
        let pod = [("namespace", "shop"), ("pod", "cart-7f9c5d6b4-x2x9z"), ("container", "cart")];
        assert_eq!(found("", &pod), "k8s.pod:shop/cart-7f9c5d6b4-x2x9z");
        let state = [("namespace", "shop"), ("deployment", "cart"), ("job", "kube-state-metrics")];
        assert_eq!(found("", &state), "k8s.deployment:shop/cart");
        let kubelet = [pod[0], pod[1], ("job", "monitoring/kubelet"), ("node", "n-1")];
        assert_eq!(found("", &kubelet), "k8s.pod:shop/cart-7f9c5d6b4-x2x9z");
        let node = [("node", "n-1"), ("job", "kube-state-metrics")];
        assert_eq!(found("", &node), "host:n-1");
        let exported = [
            ("exported_namespace", "shop"),
            ("exported_pod", "pay-0"),
            ("namespace", "monitoring"),
            ("pod", "kube-state-metrics-0"),
            ("job", "kube-state-metrics"),
        ];
        assert_eq!(found("", &exported), "k8s.pod:shop/pay-0");
        // What a program says of itself is about its service.
        assert_eq!(found("", &[pod[0], pod[1], ("job", "cart")]), "service:shop/cart");
        assert_eq!(found("", &[("pod", "x"), ("instance", "a:1")]), "host:a");
        assert_eq!(
            found("", &[("job", "kubelet"), ("instance", "a:1")]),
            "service:default/kubelet"
        );
    }

    #[test]
    fn ports_go_and_addresses_stay() {
        assert_eq!(without_port("[fe80::1]:9100"), "fe80::1");
        assert_eq!(without_port("fe80::1"), "fe80::1");
        assert_eq!(without_port("web-1"), "web-1");
        assert_eq!(without_port("https://example.org"), "https://example.org");
    }
}
