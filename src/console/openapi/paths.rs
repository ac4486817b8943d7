//! The paths of the document, a line or a few each.

use super::parts::{
    BODY_PROBLEMS, JSON, NDJSON, content, header, id_parameter, operation, plain, problems,
    queries, query, response,
};
use super::signals;
use super::{
    AlertPage, AlertRow, Envelope, IncidentHistory, IncidentPage, MaintenanceBody, MaintenanceList,
    Named, NativeEvent, RuleBody, RuleList, SilenceBody, SilenceList, TopologyPage,
};
use crate::console::changes::TOPOLOGY_PARAMS;
use crate::console::incidents::{ALERT_PARAMS, INCIDENT_PARAMS};
use crate::console::looking::{SERIES_PARAMS, SeriesList, TAP_PARAMS};
use crate::console::reload::{ReloadRefused, Reloaded};
use crate::console::stream::STREAM_PARAMS;
use serde_json::{Map, Value, json};

/// All paths with their operations.
pub(super) fn paths(named: &mut Named<'_>) -> Value {
    let mut paths = Map::new();
    let mut add = |path: &str, operations: Value| paths.insert(path.to_owned(), operations);
    add("/v1/events", events(named));
    add("/api/v2/alerts", alertmanager_paths(named));
    for receiver in ["alertmanager", "grafana"] {
        add(&format!("/v1/webhooks/{receiver}"), webhook(named, receiver));
    }
    for (path, operations) in signals::paths(named) {
        add(path, operations);
    }
    add("/v1/topology", topology(named));
    let silences = (named.of::<SilenceBody>(), named.of::<SilenceList>());
    let windows = (named.of::<MaintenanceBody>(), named.of::<MaintenanceList>());
    let rules = (named.of::<RuleBody>(), named.of::<RuleList>());
    for (path, what, (body, list)) in [
        ("silences", "silence", silences),
        ("maintenance", "maintenance window", windows),
        ("rules", "rule", rules),
    ] {
        add(&format!("/v1/{path}"), controls(named, what, &body, &list));
        add(&format!("/v1/{path}/{{id}}"), control(named, what, &body));
    }
    add("/-/reload", reload(named));
    add("/v1/incidents", incidents(named));
    add("/v1/incidents/{id}", incident(named));
    add("/v1/incidents/stream", stream(named));
    add("/v1/alerts", alerts(named));
    add("/v1/alerts/{id}", alert(named));
    add("/v1/series", series(named));
    add("/v1/tap", tap(named));
    for (path, summary) in [
        ("/api/v2/status", "Alertmanager's status"),
        ("/api/v2/receivers", "The sinks, as Alertmanager's receivers"),
        ("/api/v2/alerts/groups", "Firing alerts, grouped by incident"),
    ] {
        add(
            path,
            json!({"get": {"summary": summary, "responses": {"200": plain("As Alertmanager answers")}}}),
        );
    }
    add("/api/v2/silences", alertmanager_silences());
    add("/api/v2/silence/{id}", alertmanager_silence());
    for (path, summary, kind) in [
        ("/livez", "The process serves requests", "text/plain"),
        ("/readyz", "Every part is well; ?verbose lists them", "text/plain"),
        ("/-/healthy", "Same as /livez", "text/plain"),
        ("/-/ready", "Same as /readyz", "text/plain"),
        ("/metrics", "Numbers in the OpenMetrics text format", "application/openmetrics-text"),
        ("/openapi.json", "This document", JSON),
        ("/", "The standing incidents, for people", "text/html"),
        ("/incidents/{id}", "One incident, for people", "text/html"),
    ] {
        let mut operation = json!({"summary": summary, "responses": {
            "200": {"description": "It is so", "content": {kind: {}}},
        }});
        if path.contains("{id}") {
            operation["parameters"] = json!([id_parameter()]);
        }
        add(path, json!({"get": operation}));
    }
    Value::Object(paths)
}

/// What `POST /api/v2/alerts` takes.
pub(super) fn alertmanager_alerts() -> Value {
    json!({
        "description": "Alerts as Alertmanager takes them.",
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "labels": {
                    "description": "Identity of the alert.",
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                    "minProperties": 1,
                },
                "annotations": {
                    "description": "What people should read.",
                    "type": "object",
                    "additionalProperties": {"type": "string"},
                },
                "startsAt": {"description": "Since when.", "type": "string", "format": "date-time"},
                "endsAt": {"description": "Until when.", "type": "string", "format": "date-time"},
                "generatorURL": {"description": "Who raised it.", "type": "string"},
            },
            "required": ["labels"],
        },
    })
}

fn events(named: &mut Named<'_>) -> Value {
    let answer = named.answer();
    let mut problems_met = problems(named, &BODY_PROBLEMS);
    problems_met.extend(problems(
        named,
        &[
            ("409", "A request with this Idempotency-Key is being served"),
            ("422", "This Idempotency-Key was used for another body"),
        ],
    ));
    problems_met.insert("400".to_owned(), response("No event was taken", &answer));
    let mut operation = operation(
        "Send events: lines or an array of native events, or CloudEvents in any mode",
        response("Some events were taken", &answer),
        problems_met,
    );
    operation["parameters"] = json!([
        header("Idempotency-Key", "The same key with the same body has an effect once, for a day"),
        header("Content-Encoding", "gzip or zstd"),
    ]);
    let event = event(named);
    let one_or_more = json!({"anyOf": [event, {"type": "array", "items": event}]});
    operation["requestBody"] = json!({"required": true, "content": {
        NDJSON: {"schema": event}, JSON: {"schema": one_or_more},
        "application/cloudevents+json": {}, "application/cloudevents-batch+json": {},
    }});
    json!({"post": operation})
}

/// A native event, or what is told apart from one by its fields.
fn event(named: &mut Named<'_>) -> Value {
    let native = named.of::<NativeEvent>();
    json!({"anyOf": [
        native,
        {"description": "A CloudEvent, structured", "type": "object", "required": ["specversion"]},
        {"description": "A CDEvent", "type": "object", "required": ["context", "subject"]},
    ]})
}

fn alertmanager_paths(named: &mut Named<'_>) -> Value {
    let mut problems_met = problems(named, &BODY_PROBLEMS);
    problems_met.insert(
        "400".to_owned(),
        response("Some alerts were refused; the others were taken", &json!({"type": "string"})),
    );
    let mut post = operation(
        "Send alerts, as to Alertmanager",
        json!({"description": "All alerts were taken"}),
        problems_met,
    );
    let alerts = json!({"$ref": "#/components/schemas/AlertmanagerAlerts"});
    post["requestBody"] = json!({"required": true, "content": content(&alerts)});
    let get = json!({
        "summary": "Firing alerts, as Alertmanager lists them",
        "parameters": queries(&["active", "silenced", "inhibited", "filter", "receiver"]),
        "responses": {"200": plain("As Alertmanager answers")},
    });
    json!({"get": get, "post": post})
}

fn webhook(named: &mut Named<'_>, receiver: &str) -> Value {
    let answer = named.answer();
    let problems = problems(named, &BODY_PROBLEMS);
    let summary = format!("Take notifications of {receiver}'s webhook");
    let mut post = operation(&summary, response("Some alerts were taken", &answer), problems);
    post["requestBody"] = json!({"required": true, "content": {JSON: {}}});
    json!({"post": post})
}

fn reload(named: &mut Named<'_>) -> Value {
    let (reloaded, refused) = (named.of::<Reloaded>(), named.of::<ReloadRefused>());
    let wrong = json!({
        "description": "The configuration is wrong; nothing changed",
        "content": {"application/problem+json": {"schema": refused}},
    });
    let mut problems = problems(named, &[]);
    problems.insert("422".to_owned(), wrong);
    let summary = "Read the configuration again; all of it is taken over, or nothing";
    json!({"post": operation(summary, response("It was taken over", &reloaded), problems)})
}

fn topology(named: &mut Named<'_>) -> Value {
    let answer = named.answer();
    let mut methods = Map::new();
    let page = named.of::<TopologyPage>();
    let mut get = operation(
        "Entities and relations that stand, once for every source that says so",
        response("A page", &page),
        problems(named, &[("400", "A parameter cannot be read")]),
    );
    get["parameters"] = queries(&TOPOLOGY_PARAMS);
    methods.insert("get".to_owned(), get);
    for (method, summary) in [
        (
            "put",
            "Add or replace entities and relations, as native events, a Backstage catalogue or objects of Kubernetes",
        ),
        (
            "delete",
            "Remove entities and relations, as native events: what their source says, or without one what any source says",
        ),
    ] {
        let problems = problems(named, &BODY_PROBLEMS);
        let mut operation = operation(summary, response("What became of them", &answer), problems);
        let mut bodies = json!({NDJSON: {}, JSON: {}});
        if method == "put" {
            bodies["application/yaml"] = json!({});
        }
        operation["requestBody"] = json!({"required": true, "content": bodies});
        methods.insert(method.to_owned(), operation);
    }
    Value::Object(methods)
}

fn controls(named: &mut Named<'_>, what: &str, body: &Value, list: &Value) -> Value {
    let answer = named.answer();
    let get =
        operation(&format!("Every {what}"), response("As they stand", list), problems(named, &[]));
    let mut put = operation(
        &format!("Add or replace each {what} that is sent"),
        response("What became of them", &answer),
        problems(named, &BODY_PROBLEMS),
    );
    let one_or_more = json!({"anyOf": [body, {"type": "array", "items": body}]});
    put["requestBody"] = json!({"required": true, "content": {
        JSON: {"schema": one_or_more}, NDJSON: {"schema": body},
    }});
    let mut delete = operation(
        &format!("Take each {what} back that is named"),
        response("What became of them", &answer),
        problems(named, &[("400", "No id is named")]),
    );
    delete["parameters"] = queries(&["id"]);
    json!({"get": get, "put": put, "delete": delete})
}

fn control(named: &mut Named<'_>, what: &str, body: &Value) -> Value {
    let answer = named.answer();
    let mut put = operation(
        &format!("Add or replace one {what}"),
        response("What became of it", &answer),
        problems(named, &BODY_PROBLEMS),
    );
    put["requestBody"] = json!({"required": true, "content": content(body)});
    let delete = operation(
        &format!("Take one {what} back"),
        response("What became of it", &answer),
        problems(named, &[]),
    );
    json!({"parameters": [id_parameter()], "put": put, "delete": delete})
}

fn incidents(named: &mut Named<'_>) -> Value {
    let page = named.of::<IncidentPage>();
    let mut get = operation(
        "Incidents, newest first",
        response("A page", &page),
        problems(named, &[("400", "A parameter cannot be read")]),
    );
    get["parameters"] = queries(&INCIDENT_PARAMS);
    json!({"get": get})
}

fn incident(named: &mut Named<'_>) -> Value {
    let history = named.of::<IncidentHistory>();
    let envelope = named.of::<Envelope>();
    let either = json!({"anyOf": [history, envelope]});
    let mut get = operation(
        "One incident with its revisions, or with ?revision one of them as sinks got it",
        response("The incident", &either),
        problems(named, &[("404", "No incident has this id")]),
    );
    get["parameters"] = json!([id_parameter(), query("revision")]);
    json!({"get": get})
}

fn stream(named: &mut Named<'_>) -> Value {
    let good = json!({
        "description": "Events `revision`, whose data is a CloudEvents envelope, and `reset`",
        "content": {"text/event-stream": {}},
    });
    let problems = problems(named, &[("400", "A parameter or position cannot be read")]);
    let mut get = operation("Revisions as they are made, as server-sent events", good, problems);
    let mut parameters = queries(&STREAM_PARAMS);
    if let Value::Array(parameters) = &mut parameters {
        parameters.push(header("Last-Event-ID", "Go on behind this event"));
    }
    get["parameters"] = parameters;
    json!({"get": get})
}

fn series(named: &mut Named<'_>) -> Value {
    let list = named.of::<SeriesList>();
    let bad = [("400", "A parameter cannot be read"), ("503", "The workers are too busy")];
    let problems = problems(named, &bad);
    let mut get = operation("What detection keeps", response("The series", &list), problems);
    get["parameters"] = queries(&SERIES_PARAMS);
    json!({"get": get})
}

fn tap(named: &mut Named<'_>) -> Value {
    let good = json!({
        "description": "A row a line: the stage, the epoch, 1 or -1, and what passes",
        "content": {NDJSON: {}},
    });
    let problems = problems(named, &[("400", "A parameter cannot be read")]);
    let mut get = operation("What passes a stage, until the reader goes away", good, problems);
    get["parameters"] = queries(&TAP_PARAMS);
    json!({"get": get})
}

fn alerts(named: &mut Named<'_>) -> Value {
    let page = named.of::<AlertPage>();
    let mut get = operation(
        "Alerts, newest first",
        response("A page", &page),
        problems(named, &[("400", "A parameter cannot be read")]),
    );
    get["parameters"] = queries(&ALERT_PARAMS);
    json!({"get": get})
}

fn alert(named: &mut Named<'_>) -> Value {
    let row = named.of::<AlertRow>();
    let problems = problems(named, &[("404", "No alert has this id")]);
    let mut get = operation("One alert", response("The alert", &row), problems);
    get["parameters"] = json!([id_parameter()]);
    json!({"get": get})
}

fn alertmanager_silences() -> Value {
    json!({
        "get": {
            "summary": "Silences, as Alertmanager lists them",
            "parameters": queries(&["filter"]),
            "responses": {"200": plain("As Alertmanager answers")},
        },
        "post": {
            "summary": "Make or change a silence, as with Alertmanager",
            "requestBody": {"required": true, "content": {JSON: {}}},
            "responses": {
                "200": response("It stands", &json!({
                    "type": "object",
                    "properties": {"silenceID": {"type": "string"}},
                    "required": ["silenceID"],
                })),
                "400": response("It makes no sense", &json!({"type": "string"})),
                "404": {"description": "No silence has this id"},
            },
        },
    })
}

fn alertmanager_silence() -> Value {
    json!({
        "parameters": [id_parameter()],
        "get": {
            "summary": "One silence",
            "responses": {
                "200": plain("As Alertmanager answers"),
                "404": {"description": "No silence has this id"},
            },
        },
        "delete": {
            "summary": "End a silence now",
            "responses": {
                "200": {"description": "It has ended"},
                "404": {"description": "No silence has this id"},
            },
        },
    })
}
