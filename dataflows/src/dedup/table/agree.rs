//! The table against the oracle, at every epoch, with nothing between them.

use super::*;
use crate::dedup::key::Output;
use crate::model::{
    Alert, AlertBatch, AlertCount, AlertEvent, AlertFlags, AlertKey, EntityRef, Fingerprint,
    Identity, Seconds, Severity,
};
use crate::oracle::alerts::{Told, alerts, told};
use crate::params::{FlapParams, Params, SourceParams};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use std::collections::BTreeMap;
use std::sync::Arc;

const START: Seconds = 1_000_000;
/// The key of a detector: in a second it fires or ends once at most, is never late, and may be
/// taken back.
const FOUND: u64 = 3;

/// What stands, and the last count that was told of each.
#[derive(Default)]
pub(super) struct Standing {
    pub(super) alerts: BTreeMap<AlertKey, Arc<Alert>>,
    pub(super) counts: BTreeMap<AlertKey, AlertCount>,
    /// Counts that were told, and all changes with them.
    pub(super) told: u64,
    pub(super) changes: u64,
    /// What was taken back last.
    gone: Option<Arc<Alert>>,
}

impl Output for Standing {
    fn alert(&mut self, alert: &Arc<Alert>, diff: isize) {
        self.changes += 1;
        match diff {
            1 if self.gone.as_ref() == Some(alert) => panic!("{alert:?} went to come again"),
            1 => assert!(self.alerts.insert(alert.key, alert.clone()).is_none(), "{alert:?} twice"),
            _ => {
                self.gone = self.alerts.remove(&alert.key);
                assert_eq!(self.gone.as_ref(), Some(alert));
            }
        }
    }

    fn count(&mut self, count: AlertCount) {
        assert!(self.alerts.contains_key(&count.key), "{count:?} is of none that stands");
        (self.told, self.changes) = (self.told + 1, self.changes + 1);
        self.counts.insert(count.key, count);
    }
}

/// An event, and how long before its epoch it happened.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    pub(super) key: u64,
    ago: Seconds,
    /// How long the epoch lags behind its receipt.
    lag: Seconds,
    resolved: bool,
    pub(super) id: u8,
    severe: bool,
    /// How long before that the condition began, and after it ends by itself.
    since: Option<Seconds>,
    lasts: Option<Seconds>,
}

#[derive(Clone, Debug)]
pub(super) struct Epoch {
    pub(super) after: Seconds,
    pub(super) heard: Vec<Heard>,
    /// Events of the detector that are taken back, by their place among those that stand.
    withdrawn: Option<usize>,
    /// The process is another from here on.
    restart: bool,
}

fn heard() -> impl Strategy<Value = Heard> {
    let key = prop_oneof![4 => Just(0u64), 1 => Just(1), 1 => Just(2), 2 => Just(FOUND)];
    let ago = prop_oneof![
        8 => 0i64..2, 4 => 0i64..20, 2 => 0i64..280, 1 => Just(300), 1 => 301i64..900
    ];
    let lag = prop_oneof![8 => Just(0i64), 1 => 0i64..60, 1 => Just(60)];
    let since = prop::option::weighted(0.2, 0i64..500);
    let lasts = prop::option::weighted(0.3, 0i64..100);
    let is = prop::bool::weighted;
    (key, (ago, lag), is(0.2), 0u8..6, is(0.1), since, lasts).prop_map(
        |(key, (ago, lag), resolved, id, severe, since, lasts)| {
            let since = since.filter(|_| key != FOUND);
            let (ago, lag) = if key == FOUND { (ago % 280, 0) } else { (ago, lag) };
            Heard { key, ago, lag, resolved, id, severe, since, lasts }
        },
    )
}

pub(super) fn epochs() -> impl Strategy<Value = Vec<Epoch>> {
    let after = prop_oneof![6 => 1i64..20, 2 => 100i64..400, 1 => 600i64..4000];
    let epoch = (
        after,
        prop::collection::vec(heard(), 0..5),
        prop::option::weighted(0.3, 0usize..8),
        prop::bool::weighted(0.1),
    );
    let epoch = epoch.prop_map(|(after, heard, withdrawn, restart)| Epoch {
        after,
        heard,
        withdrawn,
        restart,
    });
    prop::collection::vec(epoch, 1..40)
}

pub(super) fn params() -> Params {
    let mut params = Params::default();
    // The oracle forgets nothing.
    params.dedup.revise_horizon_seconds = 1_000_000;
    // Three transitions within a minute flap, so that many do.
    params.dedup.flap =
        FlapParams { half_life_seconds: 120, enter_milli: 2_500, leave_milli: 1_500 };
    params.sources = vec![
        SourceParams::default(),
        SourceParams { quiet_seconds: 40, lateness_seconds: 300, fold_late: false },
    ];
    params
}

pub(super) fn push(batch: &mut AlertBatch, key: u64, mut event: AlertEvent, id: &str) {
    event.fingerprint = Fingerprint(u128::from(key) * 0x9e37_79b9_7f4a_7c15 + 1);
    event.source = u16::from(key == 1) as _;
    event.identity = batch.identities.len() as u32;
    batch.identities.push(Arc::new(Identity {
        fingerprint: event.fingerprint,
        tenant: "t".into(),
        source: "s".into(),
        entity: EntityRef::new("t", "service:a/b"),
        name: "N".into(),
        labels: Default::default(),
    }));
    batch.push(event, id, "");
}

pub(super) fn event(heard: &Heard, now: Seconds) -> AlertEvent {
    let observed = now - heard.lag;
    let time = observed - heard.ago;
    let mut flags = AlertFlags::default();
    if heard.ago > 300 {
        flags = flags.with(AlertFlags::LATE);
    }
    if heard.resolved {
        flags = flags.with(AlertFlags::RESOLVED);
    }
    AlertEvent {
        fingerprint: Fingerprint(0),
        time,
        observed,
        onset: time - heard.since.unwrap_or(0),
        ends: heard.lasts.map_or(Seconds::MAX, |lasts| time + lasts),
        identity: 0,
        text_at: 0,
        id_len: 0,
        summary_len: 0,
        source: 0,
        severity: if heard.severe { Severity::ERROR } else { Severity::INFO },
        flags,
    }
}

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

fn found_fingerprint() -> Fingerprint {
    Fingerprint(u128::from(FOUND) * 0x9e37_79b9_7f4a_7c15 + 1)
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
        want.retain(|alert| table.retention.until(alert).is_none_or(|until| now < until));
        prop_assert_eq!(have, want, "epoch {} at {}", at, now);
    }
    for alert in standing.alerts.values() {
        let count = standing.counts[&alert.key];
        prop_assert_eq!(count.count.ilog2() as u8, alert.magnitude, "{:?}", count);
    }
    Ok(())
}

/// One that just came, and says nothing beside.
pub(super) fn calm() -> Heard {
    Heard {
        key: 0,
        ago: 0,
        lag: 0,
        resolved: false,
        id: 0,
        severe: false,
        since: None,
        lasts: None,
    }
}

#[test]
fn the_least_of_the_first_second_says_what_it_is_about() {
    let (mut table, mut standing) = (Table::new(&params()), Standing::default());
    let mut say = |now: Seconds, id: &str, summary: &str| {
        let mut batch = AlertBatch::default();
        push(&mut batch, 0, event(&calm(), now), "");
        let event = batch.events[0];
        batch.events.clear();
        batch.push(event, id, summary);
        table.insert(&batch, now);
        table.close(now, false, &mut standing);
        standing.alerts.values().map(|alert| alert.summary.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(say(START, "b", "B"), ["B"]);
    assert_eq!(say(START, "c", "C"), ["B"]);
    assert_eq!(say(START, "a", "A"), ["A"]);
    assert_eq!(say(START + 9, "0", "later"), ["A"]);
    // A gap of more than its source allows: another alert.
    assert_eq!(say(START + 400, "d", "D"), ["A", "D"]);
}
