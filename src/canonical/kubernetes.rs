//! Objects of Kubernetes, in JSON or YAML: what runs where, and which names mean it.
//!
//! | object | says |
//! |---|---|
//! | Deployment, StatefulSet, DaemonSet, CronJob, any other controller | `service:namespace/name`, of which `k8s.deployment:namespace/name` and its like are aliases |
//! | Pod | `k8s.pod:namespace/name` is an alias of its workload, through ReplicaSet or Job; the workload runs_on `host:node` while one of its pods does |
//! | Node | `host:name`; its addresses, as `host:address`, are aliases |
//! | Service | `service:namespace/name` routes_to the workloads whose pods it selects, or its endpoints name; its addresses are aliases |
//! | Ingress | `ingress:namespace/name` routes_to its services; its hosts and addresses are aliases |
//! | label `backstage.io/kubernetes-id` | the workload is an alias of `service:default/id`, the catalogue's name |
//! | labels `app.kubernetes.io/name`, `…/instance` | an alias of the workload, where it alone has it |
//! | label `app.kubernetes.io/part-of` | part_of `system:default/whole` |
//!
//! A pod without an owner is itself. The ends of names that Kubernetes makes are cut off only
//! where the ReplicaSet or the Job itself is not known.
//!
//! A call is complete in itself: what it says follows from all of its objects together, a List,
//! objects or the events of a watch, one behind the other. What a deleted object alone said holds
//! on for a while, because incidents under way name it; in files it is left out.
//!
//! Objects of other kinds are counted as signals of kind other.

pub mod cluster;
pub mod object;
pub mod said;
mod texts;

use super::decoded::Kind;
use super::intake::{Common, Intake, Payload};
use super::json::{Fault, Json, Reader};
use super::native::Refusal;
use super::reject::{Code, Quality};
use causeway_dataflows::model::{Context, Criticality, EntityUpdate, Op, Relation, RelationKind};
use cluster::Cluster;
use object::Object;
use said::{Said, Statement};
use smol_str::{SmolStr, format_smolstr};

pub use texts::is_kubernetes;

/// How long a name means what it meant after its object is gone, seconds: the alerts of an
/// incident name pods that are gone, and must not leave it.
pub const NAME_LINGERS_SECONDS: u32 = 24 * 3600;
/// The same for relations. Twice the time in which incidents change: a node that is lost loses its
/// pods, and the two belong together.
pub const RELATION_LINGERS_SECONDS: u32 = 2 * 3600;

/// How the names of sources begin whose statements come from Kubernetes.
pub fn source_name(own: &str) -> SmolStr {
    format_smolstr!("kubernetes/{own}")
}

/// How long a statement holds on that is no longer said, seconds; zero when it goes at once.
pub fn lingers_seconds(statement: &Statement) -> u32 {
    match statement {
        Statement::Entity(_) => 0,
        Statement::Relation(_, RelationKind::AliasOf, _) => NAME_LINGERS_SECONDS,
        Statement::Relation(..) => RELATION_LINGERS_SECONDS,
    }
}

/// What the type of an event of a watch means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The object is as it says.
    Put,
    /// The object is gone.
    Gone,
}

/// The objects of a JSON value: of a list, of an array, of an event of a watch, or itself. What
/// is no such object is handed over as what is wrong with it, or as nothing when it is of a kind
/// that says nothing.
pub fn objects<'t, 'i>(
    root: Json<'t, 'i>,
    take: &mut dyn FnMut(Event, Json<'t, 'i>, Result<Option<Object>, Refused>),
) {
    let each = |list: Json<'t, 'i>, of: (&str, &str), take: &mut dyn FnMut(_, _, _)| {
        for item in list.elements() {
            take(Event::Put, item, Object::read(item, of).map_err(Refused));
        }
    };
    if root.is_array() {
        return each(root, ("", ""), take);
    }
    let kind = root.text("kind").unwrap_or_default();
    if let (Some(of), Some(items)) = (kind.strip_suffix("List"), root.get("items")) {
        return each(items, (root.text("apiVersion").unwrap_or_default(), of), take);
    }
    let (event, object) = match (root.text("type"), root.get("object")) {
        (Some(word), Some(object)) => match word {
            "ADDED" | "MODIFIED" => (Event::Put, object),
            "DELETED" => (Event::Gone, object),
            "BOOKMARK" => return take(Event::Put, object, Ok(None)),
            _ => {
                let message = "type is none of ADDED, MODIFIED, DELETED, BOOKMARK";
                return take(Event::Put, root, Err(Refused(Refusal::invalid("type", message))));
            }
        },
        _ => (Event::Put, root),
    };
    take(event, object, Object::read(object, ("", "")).map_err(Refused));
}

/// Why something is no object.
#[derive(Debug)]
pub struct Refused(Refusal);

/// Takes all objects of a body; gives the number of its lines or documents.
pub(super) fn decode(intake: &mut Intake, reader: &mut Reader, bytes: &[u8], first: u64) -> u64 {
    let mut bodies = Bodies { first, ..Bodies::default() };
    let lines = texts::each(bytes, &mut |at, text| {
        let line = first + at;
        match text {
            Ok(json) => bodies.text(intake, reader, line, &json),
            Err(message) => {
                let payload = Payload::Raw(message.text);
                intake.reject(line, payload, Code::E001, "", message.why);
            }
        }
    });
    bodies.tell(intake);
    lines
}

/// The objects of one call.
#[derive(Default)]
struct Bodies {
    first: u64,
    /// As they stand in the end.
    standing: Cluster,
    /// With those that are gone, as they were last.
    known: Cluster,
    has_gone: bool,
}

impl Bodies {
    fn text(&mut self, intake: &mut Intake, reader: &mut Reader, line: u64, text: &[u8]) {
        let parsed = reader.parse(text, |root| {
            objects(root, &mut |event, json, object| {
                let payload = Payload::Tree(json);
                match object {
                    Ok(Some(object)) => self.object(event, object),
                    Ok(None) => intake.count_signal(common(intake, line, payload), Kind::Other),
                    Err(Refused(refusal)) => refusal.record(intake, line, payload),
                }
            });
        });
        if let Err(fault) = parsed {
            let (code, message) = match fault {
                Fault::Depth => (Code::E006, "nested deeper than depth_max".to_owned()),
                Fault::Grammar(at) | Fault::Number(at) | Fault::Utf8(at) => {
                    (Code::E001, format!("invalid JSON near byte {at}"))
                }
            };
            intake.reject(line, Payload::Raw(text), code, "", message);
        }
    }

    fn object(&mut self, event: Event, object: Object) {
        match event {
            Event::Put => drop(self.standing.put(object.clone())),
            Event::Gone => {
                self.standing.remove(&object.key);
                self.has_gone = true;
            }
        }
        self.known.put(object);
    }

    fn tell(&self, intake: &mut Intake) {
        let said = self.standing.all_said();
        for (statement, sure_ppm) in &said {
            tell(intake, self.first, statement, (*sure_ppm, 0), Op::Upsert);
        }
        if !self.has_gone || intake.is_rows() {
            return;
        }
        let gone: Said =
            self.known.all_said().into_iter().filter(|(one, _)| !said.contains_key(one)).collect();
        for (statement, sure_ppm) in &gone {
            let ttl_seconds = lingers_seconds(statement);
            let op = if ttl_seconds == 0 { Op::Delete } else { Op::Upsert };
            tell(intake, self.first, statement, (*sure_ppm, ttl_seconds), op);
        }
    }
}

fn common<'a>(intake: &Intake, line: u64, payload: Payload<'a>) -> Common<'a> {
    Common {
        line,
        payload,
        id: "",
        source: "",
        time: intake.now_ns(),
        observed: None,
        quality: Quality::default(),
    }
}

/// Takes one statement as the context event that it is.
fn tell(
    intake: &mut Intake,
    line: u64,
    statement: &Statement,
    (confidence_ppm, ttl_seconds): (u32, u32),
    op: Op,
) {
    let source = source_name(&intake.source().name);
    let (kind, subject, body) = match statement {
        Statement::Entity(text) => {
            let entity = intake.entity_ref(text);
            let update = EntityUpdate {
                kind: SmolStr::new(entity.kind()),
                owner: None,
                criticality: Criticality::default(),
                aliases: Vec::new(),
                entity,
            };
            (Kind::Entity, text.clone(), Context::Entity(update))
        }
        Statement::Relation(from, kind, to) => {
            let subject = format_smolstr!("{from} {} {to}", kind.word());
            let (from, to) = (intake.entity_ref(from), intake.entity_ref(to));
            let relation = Relation { from, to, kind: *kind, confidence_ppm, ttl_seconds };
            (Kind::Relation, subject, Context::Relation(relation))
        }
    };
    let common = common(intake, line, Payload::Raw(subject.as_bytes()));
    intake.context(Common { source: &source, ..common }, kind, op, &subject, body);
}

#[cfg(test)]
mod tests;
