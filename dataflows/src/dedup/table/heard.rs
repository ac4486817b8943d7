//! Events of a few keys as tests of the table make them up, and what stands because of them.

use crate::dedup::key::Output;
use crate::model::{
    Alert, AlertBatch, AlertCount, AlertEvent, AlertFlags, AlertKey, EntityRef, Fingerprint,
    Identity, Seconds, Severity,
};
use crate::params::{FlapParams, Params, SourceParams};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) const START: Seconds = 1_000_000;
/// The key of a detector: in a second it fires or ends once at most, is never late, and may be
/// taken back.
pub(crate) const FOUND: u64 = 3;

/// What stands, and the last count that was told of each.
#[derive(Default)]
pub(crate) struct Standing {
    pub(crate) alerts: BTreeMap<AlertKey, Arc<Alert>>,
    pub(crate) counts: BTreeMap<AlertKey, AlertCount>,
    /// Counts that were told, and all changes with them.
    pub(crate) told: u64,
    pub(crate) changes: u64,
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
pub(crate) struct Heard {
    pub(crate) key: u64,
    ago: Seconds,
    /// How long the epoch lags behind its receipt.
    lag: Seconds,
    resolved: bool,
    pub(crate) id: u8,
    severe: bool,
    /// How long before that the condition began, and after it ends by itself.
    since: Option<Seconds>,
    lasts: Option<Seconds>,
}

#[derive(Clone, Debug)]
pub(crate) struct Epoch {
    pub(crate) after: Seconds,
    pub(crate) heard: Vec<Heard>,
    /// Events of the detector that are taken back, by their place among those that stand.
    pub(crate) withdrawn: Option<usize>,
    /// The process is another from here on.
    pub(crate) restart: bool,
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

pub(crate) fn epochs() -> impl Strategy<Value = Vec<Epoch>> {
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

pub(crate) fn params() -> Params {
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

pub(crate) fn push(batch: &mut AlertBatch, key: u64, mut event: AlertEvent, id: &str) {
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

pub(crate) fn event(heard: &Heard, now: Seconds) -> AlertEvent {
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

/// That of the detector's key.
pub(crate) fn found_fingerprint() -> Fingerprint {
    Fingerprint(u128::from(FOUND) * 0x9e37_79b9_7f4a_7c15 + 1)
}

/// One that just came, and says nothing beside.
pub(crate) fn calm() -> Heard {
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
