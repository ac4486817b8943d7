//! From objects to statements, each said once and taken back when it is true no more.

use super::follow::{Scope, Update};
use crate::canonical::kubernetes::cluster::Cluster;
use crate::canonical::kubernetes::object::{Key, Object};
use crate::canonical::kubernetes::said::{Said, Statement};
use crate::canonical::kubernetes::{Event, lingers_seconds, source_name};
use serde_json::{Value, json};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// A statement that stands, of an earlier run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What it says.
    pub statement: Statement,
    /// How sure it is, parts per million.
    pub confidence_ppm: u32,
    /// Whether it runs out by itself.
    pub is_ageing: bool,
    /// When it was made.
    pub time_ns: i64,
}

/// Knows the objects, and what was said of them.
pub(super) struct Teller {
    source: SmolStr,
    scopes: Vec<Scope>,
    cluster: Cluster,
    objects_max: usize,
    dropped: u64,
    /// Objects that the list under way has named, by scope.
    listing: BTreeMap<usize, BTreeSet<Key>>,
    /// Scopes that were never listed.
    unknown: BTreeSet<usize>,
    /// Namespaces in which something changed.
    changed: BTreeSet<SmolStr>,
    /// What was said, by namespace.
    told: BTreeMap<SmolStr, Said>,
    /// What stood before anything was said; until then.
    standing: Option<Vec<Standing>>,
    /// The time of the last statement: a later word must be later.
    last_ns: i64,
}

impl Teller {
    pub(super) fn new(
        source: &SmolStr,
        scopes: Vec<Scope>,
        objects_max: usize,
        standing: Vec<Standing>,
    ) -> Teller {
        Teller {
            source: source_name(source),
            unknown: (0..scopes.len()).collect(),
            scopes,
            cluster: Cluster::default(),
            objects_max,
            dropped: 0,
            listing: BTreeMap::new(),
            changed: BTreeSet::new(),
            told: BTreeMap::new(),
            last_ns: standing.iter().map(|one| one.time_ns).max().unwrap_or(i64::MIN),
            standing: Some(standing),
        }
    }

    /// Objects that are known.
    pub(super) fn objects(&self) -> usize {
        self.cluster.len()
    }

    /// Objects that were left out because there were too many.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Whether every scope was listed once.
    pub(super) fn is_complete(&self) -> bool {
        self.unknown.is_empty()
    }

    /// Takes in what became known.
    pub(super) fn take(&mut self, update: Update) {
        match update {
            Update::Begins(place) => drop(self.listing.insert(place, BTreeSet::new())),
            Update::Page(place, objects) => {
                let seen = self.listing.entry(place).or_default();
                seen.extend(objects.iter().map(|object| object.key.clone()));
                objects.into_iter().for_each(|object| self.put(object));
            }
            Update::Listed(place) => {
                let seen = self.listing.remove(&place).unwrap_or_default();
                let scope = &self.scopes[place];
                let held = self.cluster.of_kind(scope.kind(), scope.namespace());
                for gone in held.into_iter().filter(|key| !seen.contains(key)) {
                    self.remove(&gone);
                }
                self.unknown.remove(&place);
            }
            Update::Absent(place) => drop(self.unknown.remove(&place)),
            Update::Event(Event::Put, object) => self.put(object),
            Update::Event(Event::Gone, object) => self.remove(&object.key),
        }
    }

    fn put(&mut self, object: Object) {
        if self.cluster.len() >= self.objects_max && !self.cluster.holds(&object.key) {
            self.dropped += 1;
            return;
        }
        let namespace = object.key.namespace.clone();
        if self.cluster.put(object) {
            self.changed.insert(namespace);
        }
    }

    fn remove(&mut self, key: &Key) {
        if self.cluster.remove(key) {
            self.changed.insert(key.namespace.clone());
        }
    }

    /// The lines that say what is new, for the decoder of native events.
    pub(super) fn news(&mut self, now_ns: i64) -> Vec<String> {
        if !self.is_complete() {
            return Vec::new();
        }
        let time_ns = now_ns.max(self.last_ns.saturating_add(1));
        let mut lines = Vec::new();
        let mut write = |line: Value| lines.push(format!("{line}\n"));
        if let Some(standing) = self.standing.take() {
            self.changed.clear();
            self.begin(standing, time_ns, &mut write);
        }
        for namespace in std::mem::take(&mut self.changed) {
            let said = self.cluster.said(&namespace);
            let before = self.told.remove(&namespace).unwrap_or_default();
            for (statement, sure_ppm) in &said {
                if before.get(statement) != Some(sure_ppm) {
                    write(self.said(statement, *sure_ppm, time_ns));
                }
            }
            for (statement, sure_ppm) in before.iter().filter(|(one, _)| !said.contains_key(one)) {
                write(self.gone(statement, *sure_ppm, time_ns));
            }
            if !said.is_empty() {
                self.told.insert(namespace, said);
            }
        }
        if !lines.is_empty() {
            self.last_ns = time_ns;
        }
        lines
    }

    /// Says all that does not stand yet as it is said, and takes back what is said no more.
    fn begin(&mut self, standing: Vec<Standing>, time_ns: i64, write: &mut dyn FnMut(Value)) {
        let namespaces = self.cluster.namespaces().cloned();
        self.told = namespaces.map(|name| (name.clone(), self.cluster.said(&name))).collect();
        let standing: BTreeMap<Statement, (u32, bool)> = standing
            .into_iter()
            .map(|one| (one.statement, (one.confidence_ppm, one.is_ageing)))
            .collect();
        for (statement, sure_ppm) in self.told.values().flatten() {
            let stands = standing.get(statement);
            let is_entity = matches!(statement, Statement::Entity(_));
            if !stands.is_some_and(|stands| is_entity || *stands == (*sure_ppm, false)) {
                write(self.said(statement, *sure_ppm, time_ns));
            }
        }
        let said: BTreeSet<&Statement> = self.told.values().flat_map(Said::keys).collect();
        for (statement, (sure_ppm, is_ageing)) in &standing {
            if !said.contains(statement) && !is_ageing {
                write(self.gone(statement, *sure_ppm, time_ns));
            }
        }
    }

    fn said(&self, statement: &Statement, sure_ppm: u32, time_ns: i64) -> Value {
        self.line(statement, "upsert", (sure_ppm, 0), time_ns)
    }

    /// A statement that is true no more: it runs out, or goes at once.
    fn gone(&self, statement: &Statement, sure_ppm: u32, time_ns: i64) -> Value {
        match lingers_seconds(statement) {
            0 => self.line(statement, "delete", (sure_ppm, 0), time_ns),
            seconds => self.line(statement, "upsert", (sure_ppm, seconds), time_ns),
        }
    }

    fn line(
        &self,
        statement: &Statement,
        op: &str,
        (sure_ppm, ttl_seconds): (u32, u32),
        time_ns: i64,
    ) -> Value {
        let source = self.source.as_str();
        match statement {
            Statement::Entity(entity) => json!({
                "kind": "entity", "op": op, "source": source, "time": time_ns,
                "entity": entity.as_str(),
            }),
            Statement::Relation(from, kind, to) => {
                let mut line = json!({
                    "kind": "relation", "op": op, "source": source, "time": time_ns,
                    "from": from.as_str(), "relation": kind.word(), "to": to.as_str(),
                    "confidence": f64::from(sure_ppm) / 1e6,
                });
                if ttl_seconds > 0 {
                    line["ttl"] = json!(u64::from(ttl_seconds) * 1_000_000_000);
                }
                line
            }
        }
    }
}

#[cfg(test)]
mod tests;
