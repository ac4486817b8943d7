//! The objects of a cluster as they stand, and what follows from them.
//!
//! What a namespace says follows from its own objects, so a change costs its namespace and
//! nothing else; nodes are a namespace without a name.

use super::object::{Body, Key, Labels, Object};
use super::said::{Said, of_namespace, of_nodes};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// The objects of one namespace, by kind and name.
pub(super) type Objects = BTreeMap<(SmolStr, SmolStr), Body>;

/// The objects of a cluster.
#[derive(Debug, Default)]
pub struct Cluster {
    namespaces: BTreeMap<SmolStr, Objects>,
    /// Sets of labels, each once.
    labels: BTreeSet<Labels>,
    /// How many sets there were when those that nobody uses were dropped.
    swept: usize,
    objects: usize,
}

impl Cluster {
    /// Puts an object in its place; whether anything is different now.
    pub fn put(&mut self, object: Object) -> bool {
        let Object { key, mut body } = object;
        self.share(&mut body);
        let objects = self.namespaces.entry(key.namespace).or_default();
        let place = (key.kind, key.name);
        if objects.get(&place) == Some(&body) {
            return false;
        }
        self.objects += usize::from(objects.insert(place, body).is_none());
        true
    }

    /// Takes an object away; whether it was there.
    pub fn remove(&mut self, key: &Key) -> bool {
        let Some(objects) = self.namespaces.get_mut(&key.namespace) else { return false };
        let was_there = objects.remove(&(key.kind.clone(), key.name.clone())).is_some();
        self.objects -= usize::from(was_there);
        if objects.is_empty() {
            self.namespaces.remove(&key.namespace);
        }
        was_there
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects == 0
    }

    /// Whether there is such an object.
    pub fn holds(&self, key: &Key) -> bool {
        let objects = self.namespaces.get(&key.namespace);
        objects.is_some_and(|all| all.contains_key(&(key.kind.clone(), key.name.clone())))
    }

    /// The objects of one kind, in one namespace or in all.
    pub fn of_kind(&self, kind: &str, namespace: Option<&str>) -> Vec<Key> {
        let wanted = |name: &SmolStr| namespace.is_none_or(|namespace| namespace == name);
        let namespaces = self.namespaces.iter().filter(|(name, _)| wanted(name));
        let keys = namespaces.flat_map(|(namespace, objects)| {
            objects.keys().filter(|(own, _)| own == kind).map(|(kind, name)| Key {
                namespace: namespace.clone(),
                kind: kind.clone(),
                name: name.clone(),
            })
        });
        keys.collect()
    }

    /// The namespaces that have objects.
    pub fn namespaces(&self) -> impl Iterator<Item = &SmolStr> {
        self.namespaces.keys()
    }

    /// What the objects of one namespace say.
    pub fn said(&self, namespace: &str) -> Said {
        match self.namespaces.get(namespace) {
            None => Said::default(),
            Some(objects) if namespace.is_empty() => of_nodes(objects),
            Some(objects) => of_namespace(namespace, objects),
        }
    }

    /// What all of them say.
    pub fn all_said(&self) -> Said {
        self.namespaces().flat_map(|namespace| self.said(namespace)).collect()
    }

    /// Has equal labels be held once.
    fn share(&mut self, body: &mut Body) {
        let share = |all: &mut BTreeSet<Labels>, own: &mut Labels| match all.get(own) {
            Some(held) => own.clone_from(held),
            None => drop(all.insert(own.clone())),
        };
        match body {
            Body::Pod { labels, .. } => share(&mut self.labels, labels),
            Body::Workload { labels, template, .. } => {
                share(&mut self.labels, labels);
                share(&mut self.labels, template);
            }
            _ => {}
        }
        if self.labels.len() > 2 * self.swept.max(1_000) {
            self.labels.retain(|labels| std::sync::Arc::strong_count(labels) > 1);
            self.swept = self.labels.len();
        }
    }
}
