//! What of the input is expected, told to the workers that wait for it.

use super::super::deal::Dealt;
use super::identity;
use crate::model::{
    AlertBatch, AlertFlags, EntityId, EntityRef, Identity, Seconds, Severity, SignalBatch,
    SourceIndex, Stamp,
};
use crate::ops::matcher::Compiled;
use crate::params::{Expected, Params};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Who waits for which of the matching identities.
#[derive(Clone, Debug)]
struct Matching {
    expected: usize,
    tenant: SmolStr,
    compiled: Compiled,
}

/// Who waits for what.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Spotter {
    identities: Vec<Arc<Identity>>,
    alerts: Vec<Matching>,
    series: Vec<Matching>,
    heartbeats: BTreeMap<EntityId, Vec<usize>>,
    sources: BTreeMap<SourceIndex, Vec<(usize, SmolStr)>>,
}

/// When something came; of one second once.
type Seen = BTreeSet<(usize, SourceIndex, Seconds)>;

impl Spotter {
    pub(in super::super) fn new(params: &Params) -> Spotter {
        let mut spotter = Spotter::default();
        for (expected, of) in params.detect.expecting.expected.iter().enumerate() {
            spotter.identities.push(Arc::new(identity(of)));
            let matching = |matchers: &Vec<_>| Matching {
                expected,
                tenant: of.tenant.clone(),
                compiled: Compiled::new(matchers),
            };
            match &of.what {
                Expected::Alert(matchers) => spotter.alerts.push(matching(matchers)),
                Expected::Series(matchers) => spotter.series.push(matching(matchers)),
                Expected::Heartbeat(entity) => {
                    let entity = EntityRef::new(&of.tenant, entity);
                    spotter.heartbeats.entry(entity.id).or_default().push(expected);
                }
                Expected::Source(source, _) => {
                    let tenant = of.tenant.clone();
                    spotter.sources.entry(*source).or_default().push((expected, tenant));
                }
            }
        }
        spotter
    }

    /// Whether nobody waits for anything in signals.
    pub(in super::super) fn reads_no_signals(&self) -> bool {
        self.series.is_empty() && self.heartbeats.is_empty() && self.sources.is_empty()
    }

    /// Whether nobody waits for an alert.
    pub(in super::super) fn reads_no_alerts(&self) -> bool {
        self.alerts.is_empty()
    }

    /// Tells of what is expected in a batch of alert events.
    pub(in super::super) fn alerts(&self, batch: &AlertBatch, dealt: &mut Dealt) {
        let mut wanted: Vec<Option<Vec<usize>>> = vec![None; batch.identities.len()];
        let mut seen = Seen::new();
        let fires = |flags: AlertFlags| {
            !flags.has(AlertFlags::RESOLVED) && !flags.has(AlertFlags::WITHDRAWN)
        };
        for event in batch.events.iter().filter(|event| fires(event.flags)) {
            let at = event.identity as usize;
            let identity = &batch.identities[at];
            let find = || matching(&self.alerts, identity, event.severity);
            for expected in wanted[at].get_or_insert_with(find) {
                seen.insert((*expected, event.source, event.time));
            }
        }
        self.tell(seen, dealt);
    }

    /// Tells of what is expected in a batch of signals.
    pub(in super::super) fn signals(&self, batch: &SignalBatch, dealt: &mut Dealt) {
        let mut seen = Seen::new();
        if !self.series.is_empty() {
            let mut wanted: Vec<Option<Vec<usize>>> = vec![None; batch.identities.len()];
            let samples = batch.samples.iter().map(|sample| sample.stamp);
            for stamp in samples.chain(batch.buckets.iter().map(|bucket| bucket.stamp)) {
                let at = stamp.identity as usize;
                let find = || matching(&self.series, &batch.identities[at], Severity::INFO);
                for expected in wanted[at].get_or_insert_with(find) {
                    seen.insert((*expected, stamp.source, stamp.time));
                }
            }
        }
        for stamp in &batch.beats {
            let identity = &batch.identities[stamp.identity as usize];
            for expected in self.heartbeats.get(&identity.entity.id).into_iter().flatten() {
                seen.insert((*expected, stamp.source, stamp.time));
            }
        }
        for tally in &batch.sources {
            let tenant = &batch.identities[tally.stamp.identity as usize].tenant;
            let waiting = self.sources.get(&tally.stamp.source).into_iter().flatten();
            for (expected, _) in waiting.filter(|(_, own)| own == tenant && tally.received > 0) {
                seen.insert((*expected, tally.stamp.source, tally.last));
            }
        }
        self.tell(seen, dealt);
    }

    fn tell(&self, seen: Seen, dealt: &mut Dealt) {
        for (expected, source, time) in seen {
            let (batch, identity) = dealt.place(&self.identities[expected]);
            batch.seen.push(Stamp { identity, source, time });
        }
    }
}

/// Who waits for an identity.
fn matching(all: &[Matching], identity: &Identity, severity: Severity) -> Vec<usize> {
    let waits = |matching: &&Matching| {
        matching.tenant == identity.tenant
            && matching.compiled.matches(identity, &identity.entity, severity)
    };
    all.iter().filter(waits).map(|matching| matching.expected).collect()
}
