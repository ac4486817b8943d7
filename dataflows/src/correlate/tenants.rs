//! All tenants of a worker, handed out one after the other.

use super::saved::SavedTenant;
use super::tenant::Tenant;
use crate::ops::saving::Sliced;
use smol_str::SmolStr;
use std::collections::BTreeMap;

/// Tenants by name.
#[derive(Default)]
pub struct Tenants {
    pub(super) states: BTreeMap<SmolStr, Tenant>,
    saving: Option<Cut>,
}

/// A cut under way.
struct Cut {
    /// Whose turn is still to come, the next one last.
    left: Vec<SmolStr>,
    out: Vec<(SmolStr, SavedTenant)>,
}

impl Tenants {
    /// Forgets a tenant of whom nothing is known any more.
    pub fn remove(&mut self, name: &SmolStr) {
        let Some(mut state) = self.states.remove(name) else { return };
        if let Some(Cut { left, out }) = &mut self.saving
            && let Some(at) = left.iter().position(|other| other == name)
        {
            left.remove(at);
            out.extend(state.go_on_saving(usize::MAX).map(|saved| (name.clone(), saved)));
        }
    }
}

impl Sliced for Tenants {
    type Saved = Vec<(SmolStr, SavedTenant)>;

    fn begin_saving(&mut self) {
        self.states.values_mut().for_each(Tenant::begin_saving);
        let left = self.states.keys().rev().cloned().collect();
        self.saving = Some(Cut { left, out: Vec::new() });
    }

    fn go_on_saving(&mut self, nodes: usize) -> Option<Self::Saved> {
        let Cut { left, out } = self.saving.as_mut()?;
        let mut slice = nodes;
        while let Some(name) = left.last() {
            let state = self.states.get_mut(name).filter(|_| slice > 0)?;
            let saved = state.go_on_saving(slice)?;
            slice = slice.saturating_sub(state.world.len().max(1));
            out.extend(left.pop().map(|name| (name, saved)));
        }
        self.saving.take().map(|cut| cut.out)
    }
}
