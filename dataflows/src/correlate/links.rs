//! Who is next to whom, and how strongly a lag speaks for cause and effect.

use super::world::{NodeIndex, World, carries_faults};
use crate::model::{AlertKey, Seconds};
use crate::params::CorrelateParams;

/// Weight of one hop against none, thousandths.
pub const HOP_MILLI: i64 = 800;

/// The lag kernel: how well a lag of `seconds` fits an effect following its cause,
/// thousandths. Flat within 22 s of 22 s, then falling with 50 s (ALGORITHMS.md 3.4).
pub fn lag_milli(seconds: Seconds) -> i64 {
    let off = (seconds - 22).abs() - 22;
    if off <= 0 {
        return 1000;
    }
    // exp(-off/50) in thousandths; whole seconds make this a table in all but name.
    (1000.0 * (-(off as f64) / 50.0).exp()).round() as i64
}

/// Visits every alert that may influence, or be influenced by, an alert on `node` at
/// `onset`: same entity, neighbours, and entities that share a dependency with it.
///
/// A superset of what links and cones use, so that a region closed under it can be
/// decided on its own.
pub fn for_each_near(
    world: &World,
    node: NodeIndex,
    onset: Seconds,
    cut: Seconds,
    params: &CorrelateParams,
    visit: &mut impl FnMut(AlertKey),
) {
    let same = params.same_entity_seconds;
    let reach = params.lag_max_seconds.max(params.neighbour_seconds);
    let mut on = |index: NodeIndex, span: Seconds| {
        world.timeline(index, (onset - span).max(cut), onset + span).for_each(&mut *visit);
    };
    on(node, same.max(reach));
    for_each_neighbour(world, node, params, |index| on(index, reach));
}

/// Visits the entities that a fault could travel to or from in one step, or in two over
/// an entity that everyone depends on little enough to be walked through.
pub fn for_each_neighbour(
    world: &World,
    node: NodeIndex,
    params: &CorrelateParams,
    mut visit: impl FnMut(NodeIndex),
) {
    let here = world.node(node);
    for link in here.depends.iter().filter(|link| carries_faults(link.kind)) {
        visit(link.node);
        let through = world.node(link.node);
        if through.users.len() <= params.hub_degree_max {
            for other in through.users.iter().filter(|other| carries_faults(other.kind)) {
                if other.node != node {
                    visit(other.node);
                }
            }
        }
    }
    for link in here.users.iter().filter(|link| carries_faults(link.kind)) {
        visit(link.node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_flat_where_effects_are_usual() {
        assert_eq!([lag_milli(0), lag_milli(22), lag_milli(44)], [1000; 3]);
        assert!(lag_milli(94) < 400 && lag_milli(94) > 300);
        assert!(lag_milli(-28) < 600);
    }
}
