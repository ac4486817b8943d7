//! All tenants of a worker, handed out one after the other.

use super::saved::SavedTenant;
use super::tenant::Tenant;
use crate::ops::saving::{InTurn, Sliced};
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Tenants by name.
#[derive(Default)]
pub struct Tenants {
    pub(super) states: BTreeMap<SmolStr, Tenant>,
    saving: Option<InTurn<SavedTenant>>,
}

impl Tenants {
    /// Forgets a tenant of whom nothing is known any more.
    pub fn remove(&mut self, name: &SmolStr) {
        let Some(mut state) = self.states.remove(name) else { return };
        if let Some(saving) = &mut self.saving {
            saving.before_gone(name, || state.world.go_on_saving(usize::MAX));
        }
    }
}

impl Sliced for Tenants {
    type Saved = Vec<(SmolStr, SavedTenant)>;

    fn begin_saving(&mut self) {
        self.states.values_mut().for_each(|state| state.world.begin_saving());
        self.saving = Some(InTurn::over(self.states.keys()));
    }

    fn go_on_saving(&mut self, nodes: usize) -> Option<Self::Saved> {
        let is_over = self.saving.as_mut()?.go_on(nodes, |name, slice| {
            let world = &mut self.states.get_mut(name)?.world;
            Some((world.go_on_saving(slice)?, world.len()))
        });
        self.saving.take_if(|_| is_over).map(InTurn::into_all)
    }
}
