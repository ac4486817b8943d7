//! Which route a path belongs to, for the books: a closed list, so that a scanner's
//! paths do not become labels.

/// The call of OTLP over gRPC that takes logs.
pub const LOGS_SERVICE: &str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
/// The call that takes metrics.
pub const METRICS_SERVICE: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
/// The call that takes spans.
pub const TRACE_SERVICE: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// One route of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The path with its parameters in braces.
    pub template: &'static str,
    /// Whether it counts against the limits on requests and time.
    pub limited: bool,
}

/// Every route; the first that fits is meant.
const TEMPLATES: [&str; 38] = [
    "/v1/events",
    "/v1/logs",
    "/v1/metrics",
    "/v1/traces",
    LOGS_SERVICE,
    METRICS_SERVICE,
    TRACE_SERVICE,
    "/api/v1/write",
    "/api/v2/alerts",
    "/api/v2/alerts/groups",
    "/api/v2/receivers",
    "/api/v2/silence/{id}",
    "/api/v2/silences",
    "/api/v2/status",
    "/v1/webhooks/alertmanager",
    "/v1/webhooks/grafana",
    "/v1/topology",
    "/v1/silences",
    "/v1/silences/{id}",
    "/v1/maintenance",
    "/v1/maintenance/{id}",
    "/v1/rules",
    "/v1/rules/{id}",
    "/v1/incidents/stream",
    "/v1/incidents",
    "/v1/incidents/{id}",
    "/v1/alerts",
    "/v1/alerts/{id}",
    "/incidents/{id}",
    "/openapi.json",
    "/style.css",
    "/metrics",
    "/livez",
    "/readyz",
    "/-/healthy",
    "/-/ready",
    "/-/reload",
    "/",
];

/// Routes that must work when everything else is too much.
const UNLIMITED: [&str; 5] = ["/metrics", "/livez", "/readyz", "/-/healthy", "/-/ready"];

/// Routes that a source has under its prefix.
const PREFIXED: [&str; 8] = [
    "/v1/events",
    "/v1/logs",
    "/v1/metrics",
    "/v1/traces",
    "/api/v1/write",
    "/api/v2/alerts",
    "/v1/webhooks/alertmanager",
    "/v1/webhooks/grafana",
];

/// The route of `path`; the template `other` when there is none.
pub fn route_of(path: &str) -> Route {
    let found = TEMPLATES
        .iter()
        .find(|template| fits(template, path))
        .or_else(|| PREFIXED.iter().find(|template| path.ends_with(**template)));
    let template = found.copied().unwrap_or("other");
    Route { template, limited: !UNLIMITED.contains(&template) }
}

fn fits(template: &str, path: &str) -> bool {
    match template.strip_suffix("{id}") {
        None => template == path,
        Some(stem) => {
            path.strip_prefix(stem).is_some_and(|rest| !rest.is_empty() && !rest.contains('/'))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_templates() {
        for (path, template) in [
            ("/", "/"),
            ("/v1/incidents", "/v1/incidents"),
            ("/v1/incidents/inc-1", "/v1/incidents/{id}"),
            ("/v1/incidents/stream", "/v1/incidents/stream"),
            ("/team-a/v1/events", "/v1/events"),
            ("/team-a/v1/logs", "/v1/logs"),
            (TRACE_SERVICE, TRACE_SERVICE),
            ("/v1/incidents/a/b", "other"),
            ("/wp-login.php", "other"),
        ] {
            assert_eq!(route_of(path).template, template, "{path}");
        }
        assert!(route_of("/v1/events").limited && !route_of("/readyz").limited);
    }
}
