//! Alertmanager's two forms: alerts that Prometheus posts, and webhooks.
//!
//! - **Posted** (`POST /api/v2/alerts`): an array of `{labels, annotations,
//!   startsAt?, endsAt?, generatorURL?}`. Clients repeat what fires every
//!   minute or so; an alert lapses at its `endsAt`, else after the source's
//!   `resolve_timeout`.
//! - **Webhook**, version 4, and Grafana's, which adds `values` and URLs to each
//!   alert: `{receiver, status, alerts: [{status, labels, annotations, startsAt,
//!   endsAt, …}]}`. Notifications repeat after hours, so an alert without an end
//!   holds until it is resolved or its source's `quiet` runs out. The source of
//!   the alerts is `am://receiver`, or Grafana's address.
//!
//! Both follow SEMANTICS rule 7. All labels are identity, `severity` included,
//! as in Prometheus; `alertname` is the name and `entity`, if it reads like a
//! reference, the entity, and neither is then a label.

use super::intake::{AlertDraft, Common, Intake, Labels, Payload, Said, SeverityGiven, When};
use super::json::Json;
use super::native::alert::{push_labels, scalar_texts};
use super::native::{Refusal, too_many_keys};
use super::reject::{Code, Quality};
use super::time::go_instant;

/// Takes one alert of a posted array.
pub fn posted<'a>(
    intake: &mut Intake,
    alert: Json<'a, 'a>,
    line: u64,
    payload: Payload<'a>,
    quality: Quality,
) {
    let timeout_seconds = Some(intake.source().resolve_timeout_seconds);
    let common = common(line, payload, "", quality);
    if let Err(refusal) = take(intake, alert, common, None, timeout_seconds) {
        refusal.record(intake, line, payload);
    }
}

/// Takes all alerts of a webhook's body; each counts as an event.
pub fn webhook<'a>(
    intake: &mut Intake,
    root: Json<'a, 'a>,
    line: u64,
    payload: Payload<'a>,
    quality: Quality,
) {
    let Some(alerts) = root.get("alerts").filter(|alerts| alerts.is_array()) else {
        let message = "the webhook has no list of alerts";
        return intake.reject(line, payload, Code::E004, "alerts", message);
    };
    let receiver = root.text("receiver").map(|receiver| format!("am://{receiver}"));
    let is_grafana = root.get("orgId").is_some();
    let source = match root.text("externalURL") {
        Some(address) if is_grafana => address,
        address => receiver.as_deref().or(address).unwrap_or_default(),
    };
    for (at, alert) in alerts.elements().enumerate() {
        let common = common(line, Payload::Tree(alert), source, quality);
        // An alert's own status counts; the body's is that of the whole group.
        let resolved = alert.text("status").is_some_and(|status| status == "resolved");
        if let Err(refusal) = take(intake, alert, common, Some(resolved), None) {
            let dot = if refusal.field.is_empty() { "" } else { "." };
            let field = format!("alerts[{at}]{dot}{}", refusal.field);
            intake.reject(line, common.payload, refusal.code, &field, refusal.message);
        }
    }
}

fn common<'a>(line: u64, payload: Payload<'a>, source: &'a str, quality: Quality) -> Common<'a> {
    Common { line, payload, id: "", source, time: None, observed: None, quality }
}

fn take<'a>(
    intake: &mut Intake,
    alert: Json<'a, 'a>,
    mut common: Common<'a>,
    resolved: Option<bool>,
    timeout_seconds: Option<i64>,
) -> Result<(), Refusal> {
    if !alert.is_object() {
        return Err(Refusal::new(Code::E001, "", "an alert is a JSON object"));
    }
    let found = alert.get("labels").filter(|labels| labels.is_object() && !labels.is_empty());
    let Some(given) = found else {
        return Err(Refusal::invalid("labels", "the alert has no labels"));
    };
    if given.len() > intake.source().limits.keys_max {
        return Err(too_many_keys("labels"));
    }
    let numbers = scalar_texts(given);
    let mut labels = Labels::new();
    push_labels(&mut labels, given, &numbers, &mut common.quality);
    let severity = match given.text("severity") {
        Some(word) => SeverityGiven::Word(word),
        None => SeverityGiven::Absent,
    };
    let instant = |key| alert.text(key).and_then(go_instant);
    let draft = AlertDraft {
        name: labels.take("alertname").or_else(|| alert.text("title")).unwrap_or_default(),
        key: "",
        entity: entity(&mut labels),
        said: Said {
            severity,
            summary: summary(alert),
            when: When::Repeated {
                starts: instant("startsAt"),
                ends: instant("endsAt"),
                resolved,
                timeout_seconds,
            },
        },
        labels,
    };
    intake.alert(common, draft, None);
    Ok(())
}

/// A label `entity` is a reference only with a type before its colon.
fn entity<'a>(labels: &mut Labels<'a>) -> &'a str {
    match labels.peek("entity") {
        Some(text) if text.contains(':') => labels.take("entity").unwrap_or_default(),
        _ => "",
    }
}

fn summary<'i>(alert: Json<'_, 'i>) -> &'i str {
    let annotations = alert.get("annotations");
    ["summary", "title", "message", "description"]
        .into_iter()
        .find_map(|key| annotations?.text(key))
        .or_else(|| alert.text("summary"))
        .and_then(|text| text.trim().lines().next())
        .unwrap_or_default()
}
