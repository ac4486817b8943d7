//! Joins that differential does not have ready-made.

use crate::model::{EntityId, EntityRef};
use crate::ops::epochs::Epoch;
use differential_dataflow::operators::arrange::{Arranged, TraceAgent};
use differential_dataflow::trace::implementations::ValSpine;
use differential_dataflow::{ExchangeData, VecCollection};

/// Other name -> entity; at most one value a key.
pub type Aliases<'scope> =
    Arranged<'scope, TraceAgent<ValSpine<EntityId, EntityRef, Epoch, isize>>>;

/// Replaces each item's entity by the one its name is an alias of, if it is one.
///
/// A left join: where an alias exists the mapped item is added and the original taken
/// away again, so that without an alias nothing needs to be known about the key.
pub fn resolve<'scope, D: ExchangeData>(
    items: VecCollection<'scope, Epoch, (EntityRef, D), isize>,
    aliases: &Aliases<'scope>,
    name: &str,
) -> VecCollection<'scope, Epoch, (EntityRef, D), isize> {
    let keyed =
        items.clone().map(|(entity, item)| (entity.id, (entity, item))).arrange_by_key_named(name);
    let corrections = keyed
        .join_core(aliases.clone(), |_, (entity, item), to| {
            Some((entity.clone(), to.clone(), item.clone()))
        })
        .explode(|(entity, to, item)| [((to, item.clone()), 1isize), ((entity, item), -1)]);
    items.concat(corrections)
}
