//! What SLOs count and what is expected, told to the workers that add it up or wait for it.
//!
//! An alert or a series lives on the worker of its own identity, an SLO on that of the SLO's. So
//! whichever worker a batch comes in at says what of it others want to hear of, in batches for
//! their workers: sums do not depend on who made their parts.

use super::budget::Dealer;
use super::expected::Spotter;
use crate::model::{AlertBatch, Fingerprint, Identity, SignalBatch};
use crate::ops::epochs::Epoch;
use crate::params::Params;
use std::collections::BTreeMap;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Concat;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::generic::{Operator, OutputBuilder};

/// Alert events and signals.
type Streams<'scope> =
    (Stream<'scope, Epoch, Vec<AlertBatch>>, Stream<'scope, Epoch, Vec<SignalBatch>>);

/// Adds to the signals what SLOs and those who wait read of alerts and signals.
///
/// Shape:    batches of alert events and of signals -> the same, and batches of what was read
/// Time:     reads event time
/// Units:    minutes and seconds of event time
/// State:    none
/// Retracts: nothing
/// Source:   DESIGN.md section 5
pub fn deal<'scope>((alerts, signals): Streams<'scope>, params: &Params) -> Streams<'scope> {
    let peers = signals.scope().peers();
    let (dealer, spotter) = (Dealer::new(params), Spotter::new(params));
    let (alerts, spotted) = match spotter.reads_no_alerts() {
        true => (alerts, None),
        false => {
            let (alerts, spotted) = spot(alerts, spotter.clone(), peers);
            (alerts, Some(spotted))
        }
    };
    let signals = match dealer.reads_nothing() && spotter.reads_no_signals() {
        true => signals,
        false => signals.unary(Pipeline, "detect: deal", move |_, _| {
            move |input, output| {
                input.for_each(|cap, batches| {
                    let mut dealt = Dealt::new(peers);
                    for batch in batches.iter() {
                        dealer.deal(batch, &mut dealt);
                        spotter.signals(batch, &mut dealt);
                    }
                    batches.append(&mut dealt.batches);
                    output.session(&cap).give_container(batches);
                });
            }
        }),
    };
    match spotted {
        Some(spotted) => (alerts, signals.concat(spotted)),
        None => (alerts, signals),
    }
}

/// Lets alert events pass and tells of those that are waited for.
fn spot<'scope>(
    alerts: Stream<'scope, Epoch, Vec<AlertBatch>>,
    spotter: Spotter,
    peers: usize,
) -> Streams<'scope> {
    let mut builder = OperatorBuilder::new("detect: spot".to_owned(), alerts.scope());
    let mut input = builder.new_input(alerts, Pipeline);
    let (passed, passed_stream) = builder.new_output();
    let mut passed = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(passed);
    let (spotted, spotted_stream) = builder.new_output();
    let mut spotted = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(spotted);
    builder.build(move |_| {
        move |_frontiers| {
            let (mut passed, mut spotted) = (passed.activate(), spotted.activate());
            input.for_each(|cap, batches| {
                let mut dealt = Dealt::new(peers);
                batches.iter().for_each(|batch| spotter.alerts(batch, &mut dealt));
                spotted.session(&cap).give_container(&mut dealt.batches);
                passed.session(&cap).give_container(batches);
            });
        }
    });
    (passed_stream, spotted_stream)
}

/// Batches being filled, one for each worker that is told of something.
#[derive(Debug)]
pub(super) struct Dealt {
    peers: u64,
    pub(super) batches: Vec<SignalBatch>,
    /// By identity, its batch and its place in there.
    places: BTreeMap<Fingerprint, (usize, u32)>,
}

impl Dealt {
    pub(super) fn new(peers: usize) -> Dealt {
        Dealt { peers: peers as u64, batches: Vec::new(), places: BTreeMap::new() }
    }

    /// The batch of an identity's worker, and the identity's place in there.
    pub(super) fn place(&mut self, identity: &Arc<Identity>) -> (&mut SignalBatch, u32) {
        let worker = identity.fingerprint.low64() % self.peers;
        let batches = &mut self.batches;
        let (at, place) = *self.places.entry(identity.fingerprint).or_insert_with(|| {
            let known = batches.iter().position(|batch| batch.worker == worker);
            let at = known.unwrap_or_else(|| {
                batches.push(SignalBatch { worker, ..SignalBatch::default() });
                batches.len() - 1
            });
            batches[at].identities.push(identity.clone());
            (at, batches[at].identities.len() as u32 - 1)
        });
        (&mut batches[at], place)
    }
}
