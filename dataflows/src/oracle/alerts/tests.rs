//! Deduplication against the oracle, at every epoch, with nothing between them.

use super::{Told, alerts, told};
use crate::dedup::retention::Retention;
use crate::dedup::table::Table;
use crate::dedup::table::heard::{
    Epoch, FOUND, START, Standing, epochs, event, found_fingerprint, params, push,
};
use crate::model::{AlertBatch, AlertFlags, Seconds};
use crate::ops::saving::Sliced;
use crate::params::Params;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

/// What comes of an epoch, and what that leaves of all that was told.
fn batch(epoch: &Epoch, now: Seconds, all: &mut Vec<Told>) -> AlertBatch {
    let mut batch = AlertBatch::default();
    let found = |told: &&Told| told.identity.fingerprint.low64() == found_fingerprint().low64();
    if let Some(place) = epoch.withdrawn {
        // What is settled is not taken back.
        let recent = |told: &&Told| found(told) && told.event.time > now - 300;
        let stands: Vec<&Told> = all.iter().filter(recent).collect();
        if let Some(taken) = stands.get(place).map(|told| (told.event, told.id.clone())) {
            let (mut event, id) = taken;
            let same =
                |told: &Told| (told.event.time, told.event.flags) == (event.time, event.flags);
            all.retain(|told| !(found(&told) && same(told)));
            event.flags = event.flags.with(AlertFlags::WITHDRAWN);
            push(&mut batch, FOUND, event, id.0.as_str());
        }
    }
    for heard in &epoch.heard {
        let event = event(heard, now);
        let mut own = AlertBatch::default();
        push(&mut own, heard.key, event, &format!("id{}", heard.id));
        let said = told(&own).next().expect("one was pushed");
        let same = |told: &Told| (told.event.time, told.event.flags) == (event.time, event.flags);
        if heard.key == FOUND && all.iter().any(|told| found(&told) && same(told)) {
            continue;
        }
        all.push(said);
        push(&mut batch, heard.key, event, &format!("id{}", heard.id));
    }
    batch
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    #[test]
    fn every_epoch_stands_as_the_oracle_has_it(epochs in epochs()) {
        hold(&epochs, &params())?;
    }

    /// What left its horizon, and nothing else, is missing.
    #[test]
    fn what_left_its_horizon_is_missing(epochs in epochs(), horizon in 1_000i64..5_000) {
        let mut params = params();
        params.dedup.revise_horizon_seconds = horizon;
        // So little is left of a score by then that it does not matter that a key was forgotten.
        params.dedup.flap.half_life_seconds = 40;
        hold(&epochs, &params)?;
    }
}

fn hold(epochs: &[Epoch], params: &Params) -> Result<(), TestCaseError> {
    let (mut table, mut standing) = (Table::new(params), Standing::default());
    let (mut now, mut all) = (START, Vec::new());
    for (at, epoch) in epochs.iter().enumerate() {
        now += epoch.after;
        if epoch.restart {
            table.begin_saving();
            let saved = table.go_on_saving(usize::MAX).expect("all of it");
            table = Table::new(params);
            let mut anew = Standing::default();
            table.restore(saved, &mut anew);
            prop_assert_eq!(&anew.alerts, &standing.alerts);
            standing.alerts = anew.alerts;
        }
        table.insert(&batch(epoch, now, &mut all), now);
        table.close(now, at + 1 == epochs.len(), &mut standing);
        let have: Vec<_> = standing.alerts.values().cloned().collect();
        let mut want = alerts(&all, now, params);
        want.retain(|alert| Retention::of(params).until(alert).is_none_or(|until| now < until));
        prop_assert_eq!(have, want, "epoch {} at {}", at, now);
    }
    for alert in standing.alerts.values() {
        let count = standing.counts[&alert.key];
        prop_assert_eq!(count.count.ilog2() as u8, alert.magnitude, "{:?}", count);
    }
    Ok(())
}
