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
            service(text, labels.get("namespace"), name);
        }
        EntityStep::Workload => {
            let Some((kind, name)) =
                WORKLOADS.iter().find_map(|(key, kind)| Some((*kind, labels.get(key)?)))
            else {
                return false;
            };
            let namespace = labels.get("k8s.namespace.name").unwrap_or(DEFAULT_NAMESPACE);
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
    fn ports_go_and_addresses_stay() {
        assert_eq!(without_port("[fe80::1]:9100"), "fe80::1");
        assert_eq!(without_port("fe80::1"), "fe80::1");
        assert_eq!(without_port("web-1"), "web-1");
        assert_eq!(without_port("https://example.org"), "https://example.org");
    }
}
