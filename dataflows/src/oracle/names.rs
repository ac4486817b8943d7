//! What names mean and who answers for what, from everything that is said.

use crate::model::{Context, Criticality, EntityId, EntityRef, EntityUpdate, Live, RelationKind};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};

/// Sorts of sources that go by the beginning of their name, the one that counts most first;
/// before all of them go those that it does not say.
const SORTS: [&str; 4] = ["backstage", "kubernetes", "resources", "spans"];

fn sort(source: &str) -> usize {
    let word = source.split('/').next();
    SORTS.iter().position(|sort| word == Some(sort)).map_or(0, |at| at + 1)
}

/// Other name to entity.
pub(super) fn aliases(live: &[Live]) -> BTreeMap<EntityId, EntityRef> {
    let direct = direct(live);
    let is_mutual = |name: &EntityId, entity: &EntityRef| {
        *name < entity.id && direct.get(&entity.id).is_some_and(|back| back.id == *name)
    };
    let kept: BTreeMap<&EntityId, &EntityRef> =
        direct.iter().filter(|(name, entity)| !is_mutual(name, entity)).collect();
    let step = |entity: &EntityRef| kept.get(&entity.id).map_or(entity.clone(), |to| (*to).clone());
    let followed = kept.iter().map(|(name, entity)| (**name, step(&step(entity))));
    followed.filter(|(name, entity)| *name != entity.id).collect()
}

/// The entity that each name is said to mean by whom counts most.
fn direct(live: &[Live]) -> BTreeMap<EntityId, EntityRef> {
    let mut claims: BTreeMap<EntityId, Vec<(usize, bool, EntityRef)>> = BTreeMap::new();
    for live in live {
        let who = sort(&live.event.source);
        let (names, ageing, entity) = match &live.event.body {
            Context::Entity(update) => (update.aliases.clone(), false, update.entity.clone()),
            Context::Relation(relation) if relation.kind == RelationKind::AliasOf => {
                (vec![relation.from.clone()], relation.ttl_seconds > 0, relation.to.clone())
            }
            _ => continue,
        };
        for name in names.iter().filter(|name| name.id != entity.id) {
            claims.entry(name.id).or_default().push((who, ageing, entity.clone()));
        }
    }
    let least = |claims: Vec<(usize, bool, EntityRef)>| claims.into_iter().min();
    claims.into_iter().filter_map(|(name, all)| Some((name, least(all)?.2))).collect()
}

/// Owner and criticality from what each source says.
pub(super) fn care(said: &BTreeSet<(SmolStr, EntityUpdate)>) -> (Option<EntityRef>, Criticality) {
    for who in 0..=SORTS.len() {
        let of = said.iter().filter(|(source, _)| sort(source) == who);
        let owner = of.filter_map(|(_, update)| update.owner.clone()).min();
        if owner.is_some() {
            return (owner, gravest(said));
        }
    }
    (None, gravest(said))
}

fn gravest(said: &BTreeSet<(SmolStr, EntityUpdate)>) -> Criticality {
    for who in 0..=SORTS.len() {
        let of = said.iter().filter(|(source, _)| sort(source) == who);
        let words = of.map(|(_, update)| update.criticality);
        if let Some(word) = words.filter(|word| *word != Criticality::Medium).max() {
            return word;
        }
    }
    Criticality::Medium
}
