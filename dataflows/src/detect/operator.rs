//! The detect operator: signals and ticks in, findings and discovered topology out.

use super::keeper::{Keeper, SavedWatch};
use super::raise::Out;
use crate::model::{AlertBatch, ContextEvent, SignalBatch, Watched};
use crate::ops::epochs::{Epoch, Inputs, Tick};
use crate::ops::saving::HandOut;
use crate::ops::shelf::Shelf;
use crate::ops::tap::{self, Row, Stage, Tap};
use crate::params::Params;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// Keys of dedup that take as long to copy as a watch, or so.
const KEYS_A_WATCH: usize = 64;

/// What detection brings.
pub struct Detected<'scope> {
    /// Firing events of findings, and what is taken back of them.
    pub alerts: Stream<'scope, Epoch, Vec<AlertBatch>>,
    /// Topology that signals tell of.
    pub context: Stream<'scope, Epoch, Vec<ContextEvent>>,
    /// What became of signals and watches, with the epoch; append-only.
    pub watched: Stream<'scope, Epoch, Vec<(Watched, Epoch)>>,
}

/// Watches signals.
///
/// Shape:    batches of signals, ticks (one per worker and epoch) -> alert events, context events
/// Time:     compares event time; says at the epoch that brought the signal or the tick
/// Units:    seconds of event time; scores in parts per million
/// State:    one watch per series, writer, operation, beating entity or SLO
/// Retracts: what a late signal inside the bound makes untrue
/// Source:   ALGORITHMS.md 1 and 2, DESIGN.md section 5
pub fn detect<'scope>(
    batches: Stream<'scope, Epoch, Vec<SignalBatch>>,
    ticks: Stream<'scope, Epoch, Vec<Tick>>,
    params: &Params,
    memory: Shelf<Vec<SavedWatch>>,
    tap: &Tap,
) -> Detected<'scope> {
    let (index, peers) = (batches.scope().index(), batches.scope().peers());
    let mut builder = OperatorBuilder::new("detect: watch".to_owned(), batches.scope());
    let activator = batches.scope().activator_for(builder.operator_info().address);
    let mut batches = builder.new_input(batches, Exchange::new(|batch: &SignalBatch| batch.worker));
    let mut ticks = builder.new_input(ticks, Pipeline);
    let (alerts, alerts_stream) = builder.new_output();
    let mut alerts = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(alerts);
    let (context, context_stream) = builder.new_output();
    let mut context = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(context);
    let (watched, watched_stream) = builder.new_output();
    let mut watched = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(watched);
    let mut keeper = Keeper::new(params, (index, peers));
    let mut begin = memory.begin();
    // A watch of log lines may be megabytes.
    let mut hand_out = HandOut::new(memory, params.saving_slice / KEYS_A_WATCH);
    tap.join();
    let (tap, mut answered) = (tap.clone(), 0);
    builder.build(move |capabilities| {
        let mut inputs = Inputs::new(capabilities);
        move |frontiers| {
            inputs.stash(&mut batches, &mut ticks, |_, epoch| epoch);
            hand_out.some(&mut keeper);
            let (of_batches, of_ticks) = (frontiers[0].frontier(), frontiers[1].frontier());
            while let Some((epoch, tick, mut batches)) = inputs.next(of_batches, of_ticks) {
                batches.sort_by_key(|batch| batch.process);
                begin.take().into_iter().for_each(|saved| keeper.restore(saved, tick.now));
                let mut out = Out::new(tick.now, peers);
                keeper.epoch(batches, tick.now, &mut out);
                hand_out.after(epoch, &mut keeper);
                if tap.is_open(Stage::Series) {
                    tap.answer(Stage::Series, &mut answered, epoch, |show| {
                        keeper.rows().for_each(|row| show(Row::Series(Box::new(row))));
                    });
                }
                if tap.is_open(Stage::Detect) {
                    let told = out.context.iter().cloned().map(|told| Row::Context(Arc::new(told)));
                    let rows = tap::events(&out.alerts).chain(told);
                    tap.show(Stage::Detect, rows.map(|row| (row, epoch, 1)));
                }
                out.alerts.retain(|batch| !batch.events.is_empty());
                let mut did = vec![(out.watched, epoch)];
                did.retain(|(watched, _)| *watched != Watched::default());
                if let [of_alerts, of_context, of_watched] = inputs.capabilities(epoch) {
                    alerts.activate().session(of_alerts).give_container(&mut out.alerts);
                    context.activate().session(of_context).give_container(&mut out.context);
                    watched.activate().session(of_watched).give_container(&mut did);
                }
            }
            inputs.advance(of_batches, of_ticks);
            hand_out.come_back(&mut keeper, inputs.have_ended(), &activator);
        }
    });
    Detected { alerts: alerts_stream, context: context_stream, watched: watched_stream }
}
