//! The dedup operator: batches and ticks in, alerts and counts out.

use super::key::{Output, SavedKey};
use super::table::Table;
use crate::model::{Alert, AlertBatch, AlertCount};
use crate::ops::epochs::{Epoch, Inputs, Tick};
use crate::ops::saving::HandOut;
use crate::ops::shelf::Shelf;
use crate::ops::tap::{Row, Stage, Tap};
use crate::params::Params;
use differential_dataflow::{AsCollection, VecCollection};
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::{Exchange, Pipeline};
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// What dedup maintains.
pub struct Deduped<'scope> {
    /// Every alert inside its horizon.
    pub alerts: VecCollection<'scope, Epoch, Arc<Alert>, isize>,
    /// Exact counts with their epoch; append-only, the newest holds.
    pub counts: Stream<'scope, Epoch, Vec<(AlertCount, Epoch)>>,
}

/// Folds firing events of one fingerprint into alerts.
///
/// Shape:    batches of events, ticks (one per worker and epoch) -> alerts, counts
/// Time:     compares event time; emits at the epoch that brought the event or the tick
/// Units:    `quiet_seconds` of event time; horizons in seconds of tick
/// State:    one [`super::key::Key`] per live fingerprint, entries inside the lateness bound
/// Retracts: an alert whenever an event changes it, and when its horizon has passed
/// Source:   SEMANTICS rules 10 to 12
pub fn dedup<'scope>(
    batches: Stream<'scope, Epoch, Vec<AlertBatch>>,
    ticks: Stream<'scope, Epoch, Vec<Tick>>,
    params: &Params,
    memory: Shelf<Vec<SavedKey>>,
    tap: &Tap,
) -> Deduped<'scope> {
    let mut builder = OperatorBuilder::new("dedup: fold".to_owned(), batches.scope());
    let activator = batches.scope().activator_for(builder.operator_info().address);
    let mut batches = builder.new_input(batches, Exchange::new(|batch: &AlertBatch| batch.worker));
    let mut ticks = builder.new_input(ticks, Pipeline);
    let (alerts, alerts_stream) = builder.new_output();
    let mut alerts = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(alerts);
    let (counts, counts_stream) = builder.new_output();
    let mut counts = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(counts);
    let mut table = Table::new(params);
    let mut begin = memory.begin();
    let mut hand_out = HandOut::new(memory, params.saving_slice);
    let tap = tap.clone();
    builder.build(move |capabilities| {
        let mut inputs = Inputs::new(capabilities);
        move |frontiers| {
            inputs.stash(&mut batches, &mut ticks, |_, epoch| epoch);
            hand_out.some(&mut table);
            let (of_batches, of_ticks) = (frontiers[0].frontier(), frontiers[1].frontier());
            while let Some((epoch, tick, mut batches)) = inputs.next(of_batches, of_ticks) {
                batches.sort_by_key(|batch| batch.process);
                let mut out = Collected { epoch, alerts: Vec::new(), counts: Vec::new() };
                begin.take().into_iter().for_each(|keys| table.restore(keys, &mut out));
                for batch in batches {
                    table.insert(&batch, tick.now);
                }
                table.close(tick.now, tick.drain, &mut out);
                hand_out.after(epoch, &mut table);
                if tap.is_open(Stage::Dedup) {
                    let rows = out.alerts.iter();
                    let row =
                        |(alert, epoch, diff): &_| (Row::Alert(Arc::clone(alert)), *epoch, *diff);
                    tap.show(Stage::Dedup, rows.map(row));
                }
                if let [of_alerts, of_counts] = inputs.capabilities(epoch) {
                    alerts.activate().session(of_alerts).give_container(&mut out.alerts);
                    counts.activate().session(of_counts).give_container(&mut out.counts);
                }
            }
            inputs.advance(of_batches, of_ticks);
            hand_out.come_back(&mut table, inputs.have_ended(), &activator);
        }
    });
    Deduped { alerts: alerts_stream.as_collection(), counts: counts_stream }
}

struct Collected {
    epoch: Epoch,
    alerts: Vec<(Arc<Alert>, Epoch, isize)>,
    counts: Vec<(AlertCount, Epoch)>,
}

impl Output for Collected {
    fn alert(&mut self, alert: &Arc<Alert>, diff: isize) {
        self.alerts.push((alert.clone(), self.epoch, diff));
    }

    fn count(&mut self, count: AlertCount) {
        self.counts.push((count, self.epoch));
    }
}
