//! What of signals SLOs count: sums of calls by minute, and numbers of counters as they are.

use super::super::deal::Dealt;
use super::curve::MINUTE;
use super::identity;
use crate::model::{
    Bucket, Call, Counted, EntityId, EntityRef, Fingerprint, Identity, Labels, Measure, Seconds,
    Severity, SignalBatch, SourceIndex, Stamp, Tally, bound_text,
};
use crate::ops::matcher::Compiled;
use crate::params::{Indicator, Params};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Which operations an SLO is about, and which calls of them are bad.
#[derive(Clone, Debug)]
struct Calls {
    slo: usize,
    operation: Option<SmolStr>,
    peer: Option<SmolStr>,
    failed_is_bad: bool,
    bad_from_ns: Option<u64>,
}

impl Calls {
    fn wants(&self, identity: &Identity) -> bool {
        self.operation.as_ref().is_none_or(|operation| *operation == identity.name)
            && self.peer.as_deref() == identity.label("peer")
    }

    fn is_bad(&self, call: &Call) -> bool {
        (self.failed_is_bad && call.failed)
            || self.bad_from_ns.is_some_and(|from| call.duration_ns >= from)
    }
}

/// Which counters an SLO is about.
#[derive(Clone, Debug)]
struct Ratio {
    slo: usize,
    tenant: SmolStr,
    total: Compiled,
    part: Compiled,
}

/// What an SLO reads of a series: whether as the total, and whether as the part.
#[derive(Clone, Copy, Debug)]
struct Role {
    slo: usize,
    is_total: bool,
    is_part: bool,
}

/// Which SLO reads what.
#[derive(Clone, Debug, Default)]
pub(in super::super) struct Dealer {
    identities: Vec<Arc<Identity>>,
    /// By the entity whose calls they are.
    calls: BTreeMap<EntityId, Vec<Calls>>,
    ratios: Vec<Ratio>,
    /// Bounds of buckets that SLOs ask for.
    bounds: Vec<f64>,
}

impl Dealer {
    pub(in super::super) fn new(params: &Params) -> Dealer {
        let mut dealer = Dealer::default();
        for (slo, of) in params.detect.budget.slos.iter().enumerate() {
            dealer.identities.push(Arc::new(identity(of)));
            match &of.indicator {
                Indicator::Calls { entity, operation, peer, failed_is_bad, bad_from_ns } => {
                    let (operation, peer) = (operation.clone(), peer.clone());
                    let (failed_is_bad, bad_from_ns) = (*failed_is_bad, *bad_from_ns);
                    let calls = Calls { slo, operation, peer, failed_is_bad, bad_from_ns };
                    let entity = EntityRef::new(&of.tenant, entity);
                    dealer.calls.entry(entity.id).or_default().push(calls);
                }
                Indicator::Ratio { total, part, .. } => {
                    let asked = total.iter().chain(part).filter(|matcher| matcher.name == "le");
                    dealer.bounds.extend(asked.filter_map(|le| le.value.parse::<f64>().ok()));
                    dealer.ratios.push(Ratio {
                        slo,
                        tenant: of.tenant.clone(),
                        total: Compiled::new(total),
                        part: Compiled::new(part),
                    });
                }
            }
        }
        dealer.bounds.sort_by(f64::total_cmp);
        dealer.bounds.dedup();
        dealer
    }

    /// Whether no SLO reads anything.
    pub(in super::super) fn reads_nothing(&self) -> bool {
        self.identities.is_empty()
    }

    /// Adds what SLOs read of a batch.
    pub(in super::super) fn deal(&self, batch: &SignalBatch, dealt: &mut Dealt) {
        let mut tallies: BTreeMap<(usize, Seconds), (SourceIndex, u32, u32)> = BTreeMap::new();
        for call in batch.calls.iter().filter(|_| !self.calls.is_empty()) {
            let identity = &batch.identities[call.stamp.identity as usize];
            let Some(of_entity) = self.calls.get(&identity.entity.id) else { continue };
            for calls in of_entity.iter().filter(|calls| calls.wants(identity)) {
                let minute = call.stamp.time.div_euclid(MINUTE) * MINUTE;
                let tally = tallies.entry((calls.slo, minute)).or_default();
                tally.0 = call.stamp.source;
                tally.1 += u32::from(calls.is_bad(call));
                tally.2 += 1;
            }
        }
        for ((slo, time), (source, bad, total)) in tallies {
            let (batch, identity) = dealt.place(&self.identities[slo]);
            batch.tallies.push(Tally { stamp: Stamp { identity, source, time }, bad, total });
        }
        self.count(batch, dealt);
    }

    fn count(&self, batch: &SignalBatch, dealt: &mut Dealt) {
        if self.ratios.is_empty() {
            return;
        }
        // A batch has many numbers of few series.
        let mut roles: Vec<Option<Vec<Role>>> = vec![None; batch.identities.len()];
        for sample in &batch.samples {
            let at = sample.stamp.identity as usize;
            let series = &batch.identities[at];
            let roles = roles[at].get_or_insert_with(|| self.roles(series));
            let number = (series.fingerprint, sample.stamp, sample.measure, sample.value);
            self.tell(roles, number, dealt);
        }
        self.count_buckets(batch, dealt);
    }

    /// Every bucket is a counter of its own.
    fn count_buckets(&self, batch: &SignalBatch, dealt: &mut Dealt) {
        let mut roles: BTreeMap<(u32, u64), (Fingerprint, Vec<Role>)> = BTreeMap::new();
        let mut count = |bound: f64, stamp: Stamp, count: f64| {
            let at = stamp.identity;
            let (series, roles) = roles.entry((at, bound.to_bits())).or_insert_with(|| {
                let series = bounded(&batch.identities[at as usize], bound);
                (series.fingerprint, self.roles(&series))
            });
            self.tell(roles, (*series, stamp, Measure::Total, count), dealt);
        };
        // Of one that grows all that is there comes at once, with the bounds that it needs by now.
        let is_same = |a: &Bucket, b: &Bucket| a.grows && b.grows && a.stamp == b.stamp;
        for point in batch.buckets.chunk_by(is_same) {
            let [first, ..] = point else { continue };
            if !first.grows {
                count(first.bound, first.stamp, first.count);
                continue;
            }
            for bound in &self.bounds {
                let below = point.iter().rfind(|bucket| bucket.bound <= *bound);
                count(*bound, first.stamp, below.map_or(0.0, |bucket| bucket.count));
            }
        }
    }

    /// Adds a number of a counter for every SLO that reads it.
    fn tell(
        &self,
        roles: &[Role],
        (series, stamp, measure, value): (Fingerprint, Stamp, Measure, f64),
        dealt: &mut Dealt,
    ) {
        for &Role { slo, is_total, is_part } in roles {
            let (batch, identity) = dealt.place(&self.identities[slo]);
            let stamp = Stamp { identity, ..stamp };
            batch.counted.push(Counted { stamp, series, is_total, is_part, measure, value });
        }
    }

    fn roles(&self, series: &Identity) -> Vec<Role> {
        let is = |of: &Compiled| of.matches(series, &series.entity, Severity::INFO);
        let role = |ratio: &Ratio| Role {
            slo: ratio.slo,
            is_total: is(&ratio.total),
            is_part: is(&ratio.part),
        };
        let own = self.ratios.iter().filter(|ratio| ratio.tenant == series.tenant);
        own.map(role).filter(|role| role.is_total || role.is_part).collect()
    }
}

/// The identity of a bucket: that of its histogram, with the bound as the label `le`.
fn bounded(histogram: &Identity, bound: f64) -> Identity {
    let text = bound_text(bound);
    let mut labels: Vec<(&str, &str)> = histogram.labels.iter().collect();
    labels.push(("le", &text));
    labels.sort_unstable();
    let labelled = labels.iter().copied();
    let Identity { tenant, entity, name, .. } = histogram;
    let fingerprint =
        Fingerprint::of(&mut Vec::new(), tenant, "histogram", &entity.text, name, labelled);
    Identity { fingerprint, labels: Labels::pack(labels.into_iter()), ..histogram.clone() }
}
