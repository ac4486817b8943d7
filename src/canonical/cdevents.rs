//! CDEvents 0.3 to 0.5: what deployers and incident tools say.
//!
//! | type | becomes |
//! |---|---|
//! | `service.deployed`, `upgraded`, `rolledback`, `removed` | change deploy, upgrade, rollback, remove; finished |
//! | `service.published` | change other; finished |
//! | `environment.created`, `modified`, `deleted` | change infra, infra, remove; finished |
//! | `change.merged` | change config; planned, on the repository |
//! | `incident.detected`, `reported` | a firing alert of severity error |
//! | `incident.resolved` | its end |
//! | `artifact.…`, and subjects that 0.5 does not have, if they name a service, an environment or an artifact | change other; finished |
//! | everything else: pipelines, tests, builds, tickets | a signal of kind other |
//!
//! References: a service is `service:namespace/name`, an environment
//! `environment:name`, a repository `repository:name`, an artifact
//! `artifact:` and its package URL without version. The key of an incident's
//! alert is the subject's id, so that all its events meet.

use super::decoded::Kind;
use super::intake::{
    AlertDraft, Common, DEFAULT_NAMESPACE, Intake, Labels, Payload, Said, SeverityGiven, When, cut,
};
use super::json::Json;
use super::native::{Defaults, Refusal};
use super::reject::{Code, Quality};
use super::time::instant;
use causeway_dataflows::model::{Change, ChangeKind, ChangePhase, Context, Op, Severity};
use smol_str::SmolStr;

/// How the types of all CDEvents begin.
pub const TYPE_PREFIX: &str = "dev.cdevents.";

/// Subjects of version 0.5 that say nothing about what runs.
const PIPELINE: [&str; 14] = [
    "approval",
    "branch",
    "build",
    "change",
    "pipelinerun",
    "repository",
    "task",
    "taskrun",
    "testcase",
    "testcaserun",
    "testoutput",
    "testsuite",
    "testsuiterun",
    "ticket",
];

/// Whether an object is a CDEvent: it has a context with a type, and a subject.
pub fn is_one(root: Json<'_, '_>) -> bool {
    let typed = root.get("context").and_then(|context| context.text("type"));
    typed.is_some_and(|word| word.starts_with(TYPE_PREFIX))
        && root.get("subject").is_some_and(Json::is_object)
}

/// Takes one CDEvent.
pub fn decode<'a>(
    intake: &mut Intake,
    root: Json<'a, 'a>,
    line: u64,
    payload: Payload<'a>,
    quality: Quality,
    defaults: Defaults<'a>,
) {
    if let Err(refusal) = read(intake, root, line, payload, quality, defaults) {
        refusal.record(intake, line, payload);
    }
}

/// What one event is about.
#[derive(Clone, Copy)]
struct Subject<'a> {
    id: &'a str,
    content: Option<Json<'a, 'a>>,
    /// `service`, `incident`, …
    kind: &'a str,
    /// `deployed`, `detected`, …
    verb: &'a str,
}

impl<'a> Subject<'a> {
    /// The id of what the content calls `key`.
    fn named(&self, key: &str) -> Option<&'a str> {
        self.content?.get(key)?.text("id")
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.content?.text(key)
    }
}

fn read<'a>(
    intake: &mut Intake,
    root: Json<'a, 'a>,
    line: u64,
    payload: Payload<'a>,
    quality: Quality,
    defaults: Defaults<'a>,
) -> Result<(), Refusal> {
    let object = |key: &str| {
        let found = root.get(key).filter(|value| value.is_object());
        found.ok_or_else(|| Refusal::invalid(key, format!("the CDEvent has no {key}")))
    };
    let (context, given) = (object("context")?, object("subject")?);
    let word = context.text("type").unwrap_or_default();
    let missing = || Refusal::invalid("context.type", "the type is none of dev.cdevents");
    let mut words = word.strip_prefix(TYPE_PREFIX).ok_or_else(missing)?.split('.');
    let (kind, verb) = words.next().zip(words.next()).ok_or_else(missing)?;
    let version = context.text("version").or_else(|| context.text("specversion"));
    if version.is_some_and(|version| !version.starts_with("0.")) {
        let message = "only CDEvents 0.x is known";
        return Err(Refusal::new(Code::E003, "context.version", message));
    }
    let common = Common {
        line,
        payload,
        id: context.text("id").unwrap_or(defaults.id),
        source: context.text("source").unwrap_or(defaults.source),
        time: context.get("timestamp").and_then(instant).or(defaults.time),
        observed: None,
        quality,
    };
    let subject = Subject {
        id: given.text("id").unwrap_or_default(),
        content: given.get("content").filter(|content| content.is_object()),
        kind,
        verb,
    };
    dispatch(intake, common, &subject)
}

fn dispatch(intake: &mut Intake, common: Common<'_>, subject: &Subject<'_>) -> Result<(), Refusal> {
    let finished = ChangePhase::Finished;
    match (subject.kind, subject.verb) {
        ("service", verb) => {
            let kind = match verb {
                "deployed" => ChangeKind::Deploy,
                "upgraded" => ChangeKind::Upgrade,
                "rolledback" => ChangeKind::Rollback,
                "removed" => ChangeKind::Remove,
                _ => ChangeKind::Other,
            };
            let entity = reference("service", subject_id(subject)?);
            change(intake, common, subject, &entity, kind, finished)
        }
        ("environment", verb) => {
            let kind = if verb == "deleted" { ChangeKind::Remove } else { ChangeKind::Infra };
            let entity = reference("environment", subject_id(subject)?);
            change(intake, common, subject, &entity, kind, finished)
        }
        ("change", "merged") => {
            let repository = subject.named("repository").unwrap_or(subject_id(subject)?);
            let entity = reference("repository", repository);
            change(intake, common, subject, &entity, ChangeKind::Config, ChangePhase::Planned)
        }
        ("incident", "detected" | "reported" | "resolved") => incident(intake, common, subject),
        (kind, _) if PIPELINE.contains(&kind) => {
            intake.count_signal(common, Kind::Other);
            Ok(())
        }
        _ => match named_entity(subject) {
            Some(entity) => change(intake, common, subject, &entity, ChangeKind::Other, finished),
            None => {
                intake.count_signal(common, Kind::Other);
                Ok(())
            }
        },
    }
}

fn subject_id<'a>(subject: &Subject<'a>) -> Result<&'a str, Refusal> {
    match subject.id {
        "" => Err(Refusal::invalid("subject.id", "the subject has no id")),
        id => Ok(id),
    }
}

/// The service, environment or artifact that an event names, in this order.
fn named_entity(subject: &Subject<'_>) -> Option<String> {
    if let Some(service) = subject.named("service") {
        return Some(reference("service", service));
    }
    if let Some(environment) = subject.named("environment") {
        return Some(reference("environment", environment));
    }
    let purl = match subject.kind {
        "artifact" => Some(subject.id).filter(|id| !id.is_empty()),
        _ => subject.text("artifactId"),
    };
    purl.map(|purl| format!("artifact:{}", package(purl).0))
}

fn change(
    intake: &mut Intake,
    mut common: Common<'_>,
    subject: &Subject<'_>,
    entity: &str,
    kind: ChangeKind,
    phase: ChangePhase,
) -> Result<(), Refusal> {
    let change_id = match subject.kind {
        "change" => subject.id,
        _ if common.id.is_empty() => {
            return Err(Refusal::invalid("context.id", "the CDEvent has no id"));
        }
        _ => common.id,
    };
    let purl = match subject.kind {
        "artifact" => Some(subject.id),
        _ => subject.text("artifactId"),
    };
    let version = purl.map(|purl| package(purl).1).unwrap_or_default();
    let summary = match subject.text("description") {
        Some(description) => description.to_owned(),
        None if version.is_empty() => format!("{} {}", subject.kind, subject.verb),
        None => format!("{} {}: {version}", subject.kind, subject.verb),
    };
    let quality = &mut common.quality;
    let body = Change {
        change_id: SmolStr::new(cut(change_id, 256, quality)),
        entity: intake.entity_ref(entity),
        kind,
        phase,
        risk: 0,
        emergency: false,
        version: SmolStr::new(cut(&version, 256, quality)),
        summary: SmolStr::new(cut(&summary, 1_024, quality)),
    };
    intake.context(common, Kind::Change, Op::Upsert, change_id, Context::Change(body));
    Ok(())
}

fn incident(
    intake: &mut Intake,
    mut common: Common<'_>,
    subject: &Subject<'_>,
) -> Result<(), Refusal> {
    let key = subject_id(subject)?;
    let service = subject.named("service").map(|service| reference("service", service));
    let environment = subject.named("environment");
    let entity = match (service, environment) {
        (Some(service), _) => service,
        (None, Some(environment)) => reference("environment", environment),
        (None, None) => String::new(),
    };
    let mut labels = Labels::new();
    labels.push("incident", key, &mut common.quality);
    labels.push("env", environment.unwrap_or_default(), &mut common.quality);
    let draft = AlertDraft {
        name: "incident",
        key,
        entity: &entity,
        labels,
        said: Said {
            severity: SeverityGiven::Number(i64::from(Severity::ERROR.0)),
            summary: subject.text("description").unwrap_or_default(),
            when: When::Event { resolved: subject.verb == "resolved", end: None },
        },
    };
    intake.alert(common, draft, None);
    Ok(())
}

/// The reference of a CDEvents id: as it is when it has a type, else `kind:` and
/// the id, for services with a namespace.
fn reference(kind: &str, id: &str) -> String {
    let id = id.trim_start_matches('/');
    if id.split_once(':').is_some_and(|(before, _)| !before.contains('/')) {
        return id.to_owned();
    }
    if kind == "service" && !id.contains('/') {
        return format!("{kind}:{DEFAULT_NAMESPACE}/{id}");
    }
    format!("{kind}:{id}")
}

/// A package URL's path and its version.
fn package(purl: &str) -> (String, String) {
    let path = purl.strip_prefix("pkg:").unwrap_or(purl);
    let path = path.split(['?', '#']).next().unwrap_or(path);
    match path.rsplit_once('@') {
        Some((name, version)) if !name.is_empty() => {
            (name.to_owned(), version.replace("%3A", ":").replace("%3a", ":"))
        }
        _ => (path.to_owned(), String::new()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        assert_eq!(reference("service", "cart"), "service:default/cart");
        assert_eq!(reference("service", "/shop/cart"), "service:shop/cart");
        assert_eq!(reference("service", "service:shop/cart"), "service:shop/cart");
        assert_eq!(reference("environment", "prod"), "environment:prod");
    }

    #[test]
    fn package_urls_come_apart() {
        let (name, version) = package("pkg:oci/app@sha256%3A0b31?tag=1#sub");
        assert_eq!((name.as_str(), version.as_str()), ("oci/app", "sha256:0b31"));
        assert_eq!(package("pkg:npm/%40scope/x@1.2").0, "npm/%40scope/x");
        assert_eq!(package("plain"), ("plain".to_owned(), String::new()));
    }
}
