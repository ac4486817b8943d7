//! Who is next to whom, and how strongly a lag speaks for cause and effect.

use super::unit::Unit;
use super::world::{NodeIndex, World};
use crate::model::{AlertKey, Seconds};
use crate::params::CorrelateParams;

/// The lag kernel: how well a lag of `seconds` fits an effect following its cause,
/// thousandths. Flat around the usual lag, then falling (ALGORITHMS.md 3.4).
pub fn lag_milli(seconds: Seconds, params: &CorrelateParams) -> i64 {
    let off = (seconds - params.lag_usual_seconds).abs() - params.lag_usual_seconds;
    if off <= 0 {
        return 1000;
    }
    // In thousandths; whole seconds make this a table in all but name.
    (1000.0 * (-(off as f64) / params.lag_fade_seconds.max(1) as f64).exp()).round() as i64
}

/// Visits every alert that may influence, or be influenced by, an alert on `node` at
/// `onset`: same unit, neighbours, and units that share a dependency with it.
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
    let unit = world.unit_of(node);
    let mut on = |unit: &Unit, span: Seconds| {
        unit.alerts((onset - span).max(cut), onset + span).for_each(&mut *visit);
    };
    on(unit, same.max(reach));
    for_each_neighbour(world, unit, params, |near| on(near, reach));
}

/// Visits the units that a fault could travel to or from in one step, or in two over
/// a unit that everyone depends on little enough to be walked through.
pub fn for_each_neighbour(
    world: &World,
    unit: &Unit,
    params: &CorrelateParams,
    mut visit: impl FnMut(&Unit),
) {
    for (node, _) in &unit.depends {
        let through = world.unit_of(*node);
        visit(through);
        if through.users.len() <= params.hub_degree_max {
            for (other, _) in &through.users {
                if *other != unit.root {
                    visit(world.unit_of(*other));
                }
            }
        }
    }
    for (node, _) in &unit.users {
        visit(world.unit_of(*node));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_is_flat_where_effects_are_usual() {
        let params = CorrelateParams::default();
        let fit = |lag| lag_milli(lag, &params);
        assert_eq!([fit(0), fit(22), fit(44)], [1000; 3]);
        assert!(fit(94) < 400 && fit(94) > 300);
        assert!(fit(-28) < 600);
    }
}
