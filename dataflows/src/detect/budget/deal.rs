//! Signals that SLOs are about, told to the workers that add them up.
//!
//! A series lives on the worker of its own identity, an SLO on that of the SLO's. So whichever
//! worker a batch comes in at says for each SLO what its calls came to and what its counters
//! said, in a batch of the SLO's worker: sums do not depend on who made their parts.

use super::curve::MINUTE;
use super::identity;
use crate::model::{
    Call, Counted, EntityId, EntityRef, Identity, Seconds, Severity, SignalBatch, SourceIndex,
    Stamp, Tally,
};
use crate::ops::epochs::Epoch;
use crate::ops::matcher::Compiled;
use crate::params::{Indicator, Params};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::sync::Arc;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::Operator;

/// Adds to the signals what SLOs read of them.
///
/// Shape:    batches of signals -> the same, and batches of tallies and counters
/// Time:     reads event time
/// Units:    minutes of event time
/// State:    none
/// Retracts: nothing
/// Source:   DESIGN.md section 5
pub fn deal<'scope>(
    batches: Stream<'scope, Epoch, Vec<SignalBatch>>,
    params: &Params,
) -> Stream<'scope, Epoch, Vec<SignalBatch>> {
    if params.detect.budget.slos.is_empty() {
        return batches;
    }
    let dealer = Dealer::new(params, batches.scope().peers());
    batches.unary(Pipeline, "detect: deal to SLOs", move |_, _| {
        move |input, output| {
            input.for_each(|cap, batches| {
                let mut dealt: Vec<SignalBatch> = Vec::new();
                batches.iter().for_each(|batch| dealer.deal(batch, &mut dealt));
                batches.append(&mut dealt);
                output.session(&cap).give_container(batches);
            });
        }
    })
}

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
#[derive(Clone, Debug)]
pub(super) struct Dealer {
    peers: u64,
    identities: Vec<Arc<Identity>>,
    /// By the entity whose calls they are.
    calls: BTreeMap<EntityId, Vec<Calls>>,
    ratios: Vec<Ratio>,
}

impl Dealer {
    pub(super) fn new(params: &Params, peers: usize) -> Dealer {
        let mut dealer = Dealer {
            peers: peers as u64,
            identities: Vec::new(),
            calls: BTreeMap::new(),
            ratios: Vec::new(),
        };
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
                Indicator::Ratio { total, part, .. } => dealer.ratios.push(Ratio {
                    slo,
                    tenant: of.tenant.clone(),
                    total: Compiled::new(total),
                    part: Compiled::new(part),
                }),
            }
        }
        dealer
    }

    /// Adds to `dealt` what SLOs read of a batch, a batch for each worker that has one of them.
    pub(super) fn deal(&self, batch: &SignalBatch, dealt: &mut Vec<SignalBatch>) {
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
        let mut out = Out { dealer: self, dealt, places: BTreeMap::new() };
        for ((slo, time), (source, bad, total)) in tallies {
            let (batch, identity) = out.place(slo);
            batch.tallies.push(Tally { stamp: Stamp { identity, source, time }, bad, total });
        }
        self.count(batch, &mut out);
    }

    fn count(&self, batch: &SignalBatch, out: &mut Out<'_>) {
        if self.ratios.is_empty() {
            return;
        }
        // A batch has many numbers of few series.
        let mut roles: Vec<Option<Vec<Role>>> = vec![None; batch.identities.len()];
        for sample in &batch.samples {
            let at = sample.stamp.identity as usize;
            let series = &batch.identities[at];
            for role in roles[at].get_or_insert_with(|| self.roles(series)) {
                let (batch, identity) = out.place(role.slo);
                batch.counted.push(Counted {
                    stamp: Stamp { identity, ..sample.stamp },
                    series: series.fingerprint,
                    is_total: role.is_total,
                    is_part: role.is_part,
                    measure: sample.measure,
                    value: sample.value,
                });
            }
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

/// Batches being filled.
struct Out<'a> {
    dealer: &'a Dealer,
    dealt: &'a mut Vec<SignalBatch>,
    /// By SLO, the batch of its worker and its place in there.
    places: BTreeMap<usize, (usize, u32)>,
}

impl Out<'_> {
    /// The batch of an SLO's worker, and the SLO's place in there.
    fn place(&mut self, slo: usize) -> (&mut SignalBatch, u32) {
        let identity = &self.dealer.identities[slo];
        let worker = identity.fingerprint.low64() % self.dealer.peers;
        let dealt = &mut *self.dealt;
        let (at, place) = *self.places.entry(slo).or_insert_with(|| {
            let known = dealt.iter().position(|batch| batch.worker == worker);
            let at = known.unwrap_or_else(|| {
                dealt.push(SignalBatch { worker, ..SignalBatch::default() });
                dealt.len() - 1
            });
            dealt[at].identities.push(identity.clone());
            (at, dealt[at].identities.len() as u32 - 1)
        });
        (&mut dealt[at], place)
    }
}
