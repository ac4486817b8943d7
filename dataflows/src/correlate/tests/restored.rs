//! A tenant that is put back from what was handed out goes on as if it had never stopped.

use super::*;
use crate::correlate::saved::SavedTenant;
use proptest::sample::Index;

impl Heard {
    fn saved(&mut self) -> SavedTenant {
        self.tenant.world.begin_saving();
        self.tenant.world.go_on_saving(usize::MAX).expect("it is handed out at once")
    }

    fn restored(
        saved: SavedTenant,
        facts: Vec<(Fact, isize)>,
        now: Seconds,
        params: &Params,
    ) -> Heard {
        let mut heard = Heard::default();
        let standing = &mut heard.standing;
        let mut emit = |outcome, diff| standing.take(outcome, diff);
        heard.tenant.restore(saved, facts, now, params, &mut emit);
        heard
    }
}

/// What is left of facts that came and went.
fn net(facts: &[(Fact, isize)]) -> Vec<(Fact, isize)> {
    let mut net: BTreeMap<&Fact, isize> = BTreeMap::new();
    facts.iter().for_each(|(fact, diff)| *net.entry(fact).or_default() += diff);
    let once = |(fact, diff): (&Fact, isize)| (diff > 0).then(|| (fact.clone(), 1));
    net.into_iter().filter_map(once).collect()
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_put_back_goes_on_as_before(
        world in worlds(),
        at in any::<Index>(),
        age in 0..40i64,
        full in 2..12usize,
    ) {
        let facts = coming_and_going(world);
        let at = at.index(facts.len());
        let mut params = Params::default();
        params.dedup.revise_horizon_seconds = 300;
        params.correlate.component_max = full;
        let now = |step: usize| START + 60 + age * step as Seconds;
        let mut heard = Heard::default();
        facts[..at].iter().enumerate().for_each(|(step, fact)| {
            heard.apply(vec![fact.clone()], now(step), &params);
        });
        let saved = heard.saved();
        let mut again = Heard::restored(saved, net(&facts[..at]), now(at), &params);
        prop_assert_eq!(&again.standing, &heard.standing);
        for (step, fact) in facts.iter().enumerate().skip(at) {
            heard.apply(vec![fact.clone()], now(step), &params);
            again.apply(vec![fact.clone()], now(step), &params);
            prop_assert_eq!(&again.standing, &heard.standing, "after step {}", step);
        }
    }
}

/// An alert that is taken back a second before its slice is frozen goes, one of a frozen slice
/// stays with its group until all of it is beyond the horizon; the slice begins at the alert.
#[test]
fn an_alert_beyond_the_horizon_stays_with_its_group() {
    let params = Params::default();
    let frozen = START + 20 + params.dedup.revise_horizon_seconds + 60;
    let facts = [added(alert((1, 20))), added(alert((1, 90)))];
    for (now, members) in [(frozen - 1, 1), (frozen, 2)] {
        let mut heard = Heard::default();
        facts.iter().for_each(|fact| heard.apply(vec![fact.clone()], START + 100, &params));
        heard.apply(vec![(alert((1, 20)), -1)], now, &params);
        let sizes: Vec<usize> = heard.standing.groups.values().map(|g| g.members.len()).collect();
        assert_eq!((sizes, heard.standing.rows.len()), (vec![members], members), "at {now}");
        // The other is taken back, which it can be: with it goes what only stayed for its sake.
        heard.apply(vec![(alert((1, 90)), -1)], now, &params);
        assert_eq!(heard.standing, Standing::default());
        assert!(heard.tenant.is_empty());
    }
}
