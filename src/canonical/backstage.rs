//! Backstage's catalogue, YAML of one or more documents: who depends on what, and who owns it.
//!
//! | catalogue | ours |
//! |---|---|
//! | Component of type `service` | `service:namespace/name` |
//! | Component, Resource of another type | `type:namespace/name`: `website:`, `database:`, `queue:`, … |
//! | Resource without a type | `resource:namespace/name` |
//! | System, Domain, API | `system:`, `domain:`, `api:` |
//! | Group, User | `team:`, `user:` |
//! | `spec.owner` | the entity's owner, and a relation owned_by |
//! | `spec.dependsOn`, `spec.dependencyOf` | depends_on, in their direction |
//! | `spec.system`, `spec.domain`, `spec.subcomponentOf`, a Group's `spec.parent` | part_of |
//! | `spec.consumesApis` | calls, to the API |
//! | `spec.providesApis` | routes_to, from the API to the component |
//! | annotations `backstage.io/kubernetes-id`, `…/kubernetes-namespace` | aliases: what objects of Kubernetes are called that have that id or are in that namespace |
//! | annotation or label `criticality` or `tier`, `…/criticality` | criticality |
//!
//! A reference names a kind and not a type, so `component:default/web` alone does
//! not say that it is a website. References within one call are looked up; for
//! the rest a component counts as a service and a resource as a `resource:`, and
//! an entity of another type carries that name as an alias, so that both meet.
//!
//! Documents of other kinds (Location, Template) are counted as signals of kind
//! other. The catalogue has no times: receipt stands for them, without a flag.

pub(super) mod document;

use super::decoded::Kind;
use super::intake::{Common, Intake, Payload};
use super::native::Refusal;
use super::native::topology::criticality;
use super::reject::{Code, Quality};
use causeway_dataflows::model::{Context, EntityUpdate, Op, Relation, RelationKind};
use document::{Document, Reference};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Entries of one list of references.
const REFERENCES_MAX: usize = 10_000;

/// Takes all documents of a catalogue; gives their number.
pub(super) fn decode(intake: &mut Intake, bytes: &[u8], first: u64) -> u64 {
    let texts: Vec<&[u8]> = document::split(bytes).collect();
    let documents: Vec<_> = texts.iter().map(|text| read(intake, text)).collect();
    let known = documents.iter().filter_map(|document| document.as_ref().ok()?.as_ref());
    let types = known.map(|document| (document.reference.key(), document.prefix())).collect();
    let count = texts.len() as u64;
    for ((text, document), line) in texts.into_iter().zip(documents).zip(first..) {
        let taken = match document {
            Ok(Some(document)) => {
                Catalogue { intake, types: &types, line, text }.document(&document)
            }
            Ok(None) => Ok(()),
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = taken {
            refusal.record(intake, line, Payload::Raw(text));
        }
    }
    count
}

fn read(intake: &Intake, text: &[u8]) -> Result<Option<Document>, Refusal> {
    let max = intake.source().limits.event_bytes_max;
    if text.len() > max {
        let message = format!("{} bytes are more than event_bytes_max", text.len());
        return Err(Refusal::new(Code::E002, "", message));
    }
    let text = std::str::from_utf8(text)
        .map_err(|e| Refusal::new(Code::E001, "", format!("invalid UTF-8: {e}")))?;
    Document::read(text)
}

struct Catalogue<'a> {
    intake: &'a mut Intake,
    /// From kind, namespace and name of the call's documents to their prefix.
    types: &'a BTreeMap<String, SmolStr>,
    line: u64,
    text: &'a [u8],
}

impl<'a> Catalogue<'a> {
    fn document(&mut self, document: &Document) -> Result<(), Refusal> {
        if !document.is_entity() {
            self.intake.count_signal(self.common(), Kind::Other);
            return Ok(());
        }
        let relations = self.relations(document)?;
        let me = self.words(&document.reference);
        let entity = self.intake.entity_ref(&me);
        let plain = document.reference.words(document.reference.default_prefix());
        let owner = document.reference_of("owner", "group")?.map(|owner| self.words(&owner));
        let update = EntityUpdate {
            kind: SmolStr::new(entity.kind()),
            owner: owner.map(|owner| self.intake.entity_ref(&owner)),
            criticality: document.criticality().and_then(criticality).unwrap_or_default(),
            aliases: {
                let names = [plain].into_iter().chain(document.names_in_kubernetes());
                let names: std::collections::BTreeSet<String> = names.collect();
                let others = names.iter().filter(|name| **name != me);
                others.map(|name| self.intake.entity_ref(name)).collect()
            },
            entity,
        };
        let source = format!("backstage/{}", self.intake.source().name);
        let common = Common { source: &source, ..self.common() };
        self.intake.context(common, Kind::Entity, Op::Upsert, &me, Context::Entity(update));
        for (from, kind, to) in relations {
            let subject = format!("{from} {} {to}", kind.word());
            let relation = Relation {
                from: self.intake.entity_ref(&from),
                to: self.intake.entity_ref(&to),
                kind,
                confidence_ppm: 1_000_000,
                ttl_seconds: 0,
            };
            let body = Context::Relation(relation);
            let common = Common { source: &source, ..self.common() };
            self.intake.context(common, Kind::Relation, Op::Upsert, &subject, body);
        }
        Ok(())
    }

    /// Every edge that the document states, in a fixed order, without repeats.
    fn relations(
        &self,
        document: &Document,
    ) -> Result<Vec<(String, RelationKind, String)>, Refusal> {
        use RelationKind::{Calls, DependsOn, OwnedBy, PartOf, RoutesTo};
        let me = self.words(&document.reference);
        let mut found = Vec::new();
        for (field, default_kind, kind, towards) in [
            ("owner", "group", OwnedBy, true),
            ("dependsOn", "component", DependsOn, true),
            ("dependencyOf", "component", DependsOn, false),
            ("system", "system", PartOf, true),
            ("domain", "domain", PartOf, true),
            ("subdomainOf", "domain", PartOf, true),
            ("subcomponentOf", "component", PartOf, true),
            ("parent", "group", PartOf, true),
            ("consumesApis", "api", Calls, true),
            ("providesApis", "api", RoutesTo, false),
        ] {
            let references = document.references_of(field, default_kind)?;
            if references.len() > REFERENCES_MAX {
                let message = format!("there are more than {REFERENCES_MAX} references");
                return Err(Refusal::invalid(&format!("spec.{field}"), message));
            }
            for other in references {
                let other = self.words(&other);
                if other == me {
                    continue;
                }
                let edge = match towards {
                    true => (me.clone(), kind, other),
                    false => (other, kind, me.clone()),
                };
                found.push(edge);
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|edge| seen.insert(edge.clone()));
        Ok(found)
    }

    fn words(&self, reference: &Reference) -> String {
        match self.types.get(&reference.key()) {
            Some(prefix) => reference.words(prefix),
            None => reference.words(reference.default_prefix()),
        }
    }

    fn common(&self) -> Common<'a> {
        Common {
            line: self.line,
            payload: Payload::Raw(self.text),
            id: "",
            source: "",
            time: self.intake.now_ns(),
            observed: None,
            quality: Quality::default(),
        }
    }
}
