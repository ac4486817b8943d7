//! What is handed out while more is decided.

use super::super::tenants::Tenants;
use super::*;
use crate::ops::saving::Sliced;
use smol_str::SmolStr;

type Handed = Vec<(SmolStr, super::super::SavedTenant)>;

fn told(handed: &Option<Handed>) -> Option<Vec<String>> {
    let handed = handed.as_ref()?;
    let mut handed: Vec<_> = handed.iter().collect();
    handed.sort_by_key(|(name, _)| name);
    let told = handed.iter().flat_map(|(name, saved)| [vec![name.to_string()], saved.told()]);
    Some(told.flatten().collect())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_handed_out_is_what_was_decided(
        world in worlds(),
        at in any::<prop::sample::Index>(),
        slice in 1..4usize,
        age in 0..40i64,
    ) {
        let facts = coming_and_going(world);
        let at = at.index(facts.len());
        let params = Params::default();
        let names = ["t", "u"].map(SmolStr::new);
        let mut tenants = Tenants::default();
        let (mut then, mut handed) = (None, None);
        for (step, fact) in facts.into_iter().enumerate() {
            if step == at {
                tenants.begin_saving();
                then = tenants.go_on_saving(usize::MAX);
                tenants.begin_saving();
            } else if then.is_some() && handed.is_none() {
                handed = tenants.go_on_saving(slice);
            }
            let now = START + 60 + age * step as Seconds;
            for name in &names {
                let state = tenants.states.entry(name.clone()).or_default();
                state.apply(vec![fact.clone()], now, &params, &mut |_, _| ());
                if state.is_empty() {
                    tenants.remove(name);
                }
            }
        }
        prop_assert!(tenants.states.is_empty());
        let handed = handed.or_else(|| tenants.go_on_saving(usize::MAX));
        prop_assert_eq!(told(&handed), told(&then));
    }
}
