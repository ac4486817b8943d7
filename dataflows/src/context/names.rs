//! What each name means: claims settled, and followed to their end.

use crate::model::{Claim, EntityId, EntityRef, Live};
use crate::ops::epochs::Epoch;
use crate::ops::join::{Aliases, resolve};
use differential_dataflow::VecCollection;

/// Maintains the meaning of every name that somebody says is another's.
///
/// Shape:    Live -> other name, entity; arranged by the name
/// Time:     that of the statements
/// State:    every claim, and each name's meaning four times
/// Retracts: a meaning, when a claim comes, goes or yields
/// Source:   DESIGN.md "enrich": pod, workload, service. A name may mean another that means a
///           third, so the meaning is followed for three steps. Of two names that mean one
///           another the lesser keeps its own meaning; a longer ring means nothing at all.
pub fn names<'scope>(live: VecCollection<'scope, Epoch, Live, isize>) -> Aliases<'scope> {
    let direct = live.flat_map(|live| Claim::of(&live.event)).reduce_named(
        "context: claims",
        |_, claims, out| {
            out.push((claims[0].0.entity.clone(), 1isize));
        },
    );
    let by_name = direct.clone().arrange_by_key_named("context: names claimed");
    let by_meaning = direct
        .clone()
        .map(|(name, entity)| (entity.id, (name, entity)))
        .arrange_by_key_named("context: names by meaning");
    let mutual = by_meaning.join_core(by_name, |_, (name, entity), back| {
        is_lesser_of_two(*name, entity, back.id).then(|| (*name, entity.clone()))
    });
    let direct = direct.concat(mutual.negate());
    let steps = direct.clone().arrange_by_key_named("context: names");
    let named = direct.map(|(name, entity)| (entity, name));
    let named = resolve(named, &steps, "context: names, second step");
    resolve(named, &steps, "context: names, third step")
        .map(|(entity, name)| (name, entity))
        .filter(|(name, entity)| *name != entity.id)
        .arrange_by_key_named("context: aliases")
}

/// Whether `name` means `entity`, whose name means `name` (`back`), and keeps its own meaning.
fn is_lesser_of_two(name: EntityId, entity: &EntityRef, back: EntityId) -> bool {
    back == name && name < entity.id
}
