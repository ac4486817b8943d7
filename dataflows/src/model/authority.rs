//! Whose word counts first where sources disagree on what a thing is.
//!
//! Only names, owners and criticality are settled this way; relations of several sources stand
//! side by side. The source's name says which sort it is, so that the order is a function of the
//! statements alone, whatever came first and wherever it was read.

use super::context::{Context, ContextEvent, Criticality, RelationKind};
use super::ids::{EntityId, EntityRef};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;

/// Sorts of sources, the one that counts most first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Authority {
    /// Whatever people and their programs say outright: files, `/v1/topology`, events.
    Said,
    /// A Backstage catalogue: `backstage`, `backstage/…`.
    Catalogue,
    /// Objects of Kubernetes: `kubernetes`, `kubernetes/…`.
    Kubernetes,
    /// Resources of OpenTelemetry: `resources`.
    Resources,
    /// Spans: `spans`.
    Spans,
}

impl Authority {
    /// That of the source called `source`.
    pub fn of(source: &str) -> Authority {
        match source.split('/').next().unwrap_or_default() {
            "backstage" => Authority::Catalogue,
            "kubernetes" => Authority::Kubernetes,
            "resources" => Authority::Resources,
            "spans" => Authority::Spans,
            _ => Authority::Said,
        }
    }
}

/// That a name means an entity; of the claims to one name the least holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Claim {
    /// Who says so.
    pub authority: Authority,
    /// It runs out by itself: what holds until it is taken back goes before it.
    pub is_ageing: bool,
    /// What the name means.
    pub entity: EntityRef,
}

impl Claim {
    /// The names that an event claims, each with its claim.
    pub fn of(event: &ContextEvent) -> Vec<(EntityId, Claim)> {
        let authority = Authority::of(&event.source);
        let claims: Vec<(EntityId, Claim)> = match &event.body {
            Context::Entity(update) => {
                let claim = Claim { authority, is_ageing: false, entity: update.entity.clone() };
                update.aliases.iter().map(|alias| (alias.id, claim.clone())).collect()
            }
            Context::Relation(relation) if relation.kind == RelationKind::AliasOf => {
                let is_ageing = relation.ttl_seconds > 0;
                vec![(
                    relation.from.id,
                    Claim { authority, is_ageing, entity: relation.to.clone() },
                )]
            }
            _ => Vec::new(),
        };
        claims.into_iter().filter(|(alias, claim)| *alias != claim.entity.id).collect()
    }
}

/// What one source says of who answers for an entity and how much hangs on it.
pub type Care = (Authority, Option<EntityRef>, Criticality);

/// Owner and criticality of an entity, each by who counts most of those that say one; of several
/// of one sort the lesser owner and the higher criticality. `medium` is what is said where
/// nothing is, so it yields to whatever else is said.
pub fn settled<'a>(
    said: impl Iterator<Item = &'a Care> + Clone,
) -> (Option<EntityRef>, Criticality) {
    let owners = said.clone().filter_map(|(who, owner, _)| Some((*who, owner.as_ref()?)));
    let owner = owners.min().map(|(_, owner)| owner.clone());
    let grave = said.filter(|(.., criticality)| *criticality != Criticality::default());
    let criticality = grave.map(|(who, _, criticality)| (Reverse(*who), *criticality)).max();
    (owner, criticality.map_or_else(Criticality::default, |(_, criticality)| criticality))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_source_says_its_sort() {
        for (source, expected) in [
            ("api", Authority::Said),
            ("topology", Authority::Said),
            ("cmdb/eu", Authority::Said),
            ("kubernetes-notes", Authority::Said),
            ("backstage/topology", Authority::Catalogue),
            ("kubernetes/eu", Authority::Kubernetes),
            ("resources", Authority::Resources),
            ("spans", Authority::Spans),
        ] {
            assert_eq!(Authority::of(source), expected, "{source}");
        }
    }

    #[test]
    fn each_word_is_of_who_counts_most_of_those_that_have_one() {
        let owner = |name: &str| Some(EntityRef::new("t", name));
        let said = [
            (Authority::Kubernetes, owner("team:k"), Criticality::Critical),
            (Authority::Catalogue, owner("team:c"), Criticality::Low),
            (Authority::Said, None, Criticality::Medium),
        ];
        assert_eq!(settled(said.iter()), (owner("team:c"), Criticality::Low));
        assert_eq!(settled(said[..1].iter()), (owner("team:k"), Criticality::Critical));
        let rivals = [
            (Authority::Said, owner("team:b"), Criticality::Low),
            (Authority::Said, owner("team:a"), Criticality::High),
        ];
        let least = rivals.iter().filter_map(|(_, owner, _)| owner.clone()).min();
        assert_eq!(settled(rivals.iter()), (least, Criticality::High));
        assert_eq!(settled([].iter()), (None, Criticality::Medium));
    }
}
