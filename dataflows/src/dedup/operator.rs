//! The dedup operator: batches and ticks in, alerts and counts out.

use super::key::{Output, SavedKey};
use super::table::Table;
use crate::model::{Alert, AlertBatch, AlertCount};
use crate::ops::epochs::{Epoch, Stash, Tick};
use crate::ops::shelf::Shelf;
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
) -> Deduped<'scope> {
    let scope = batches.scope();
    let mut builder = OperatorBuilder::new("dedup: fold".to_owned(), scope);
    let mut batches = builder.new_input(batches, Exchange::new(|batch: &AlertBatch| batch.worker));
    let mut ticks = builder.new_input(ticks, Pipeline);
    let (alerts, alerts_stream) = builder.new_output();
    let mut alerts = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(alerts);
    let (counts, counts_stream) = builder.new_output();
    let mut counts = OutputBuilder::<_, CapacityContainerBuilder<_>>::from(counts);
    let mut table = Table::new(params);
    let mut begin = memory.begin();
    let slice = params.dedup.saving_slice.max(1);
    let activator = scope.activator_for(builder.operator_info().address);
    // The epoch after which keys are being handed out.
    let mut saving: Option<Epoch> = None;
    builder.build(move |mut capabilities| {
        let mut counts_capability = capabilities.pop();
        let mut alerts_capability = capabilities.pop();
        let mut stash = Stash::<AlertBatch>::default();
        let mut stashed_ticks = Stash::<Tick>::default();
        move |frontiers| {
            batches.for_each(|cap, data| {
                if let Some(epoch) = cap.least() {
                    stash.extend(*epoch, data.drain(..));
                }
            });
            ticks.for_each(|cap, data| {
                if let Some(epoch) = cap.least() {
                    stashed_ticks.extend(*epoch, data.drain(..));
                }
            });
            // Before anything else: what an epoch changes is then copied less often.
            if finish(&mut saving, slice, &mut table, &memory) {
                activator.activate();
            }
            let (Some(alerts_cap), Some(counts_cap)) =
                (alerts_capability.as_mut(), counts_capability.as_mut())
            else {
                return;
            };
            // An epoch is complete when both inputs have passed it; every epoch has a tick.
            while let Some(epoch) = stashed_ticks.ready(frontiers[1].frontier()) {
                if frontiers[0].frontier().less_equal(&epoch) {
                    break;
                }
                alerts_cap.downgrade(&epoch);
                counts_cap.downgrade(&epoch);
                let mut out = Collected { epoch, alerts: Vec::new(), counts: Vec::new() };
                let Some(tick) = Tick::of_all(stashed_ticks.take(epoch)) else { continue };
                begin.take().into_iter().for_each(|keys| table.restore(keys, &mut out));
                for batch in stash.take(epoch) {
                    table.insert(&batch, tick.now);
                }
                table.close(tick.now, tick.drain, &mut out);
                if memory.wants(epoch) {
                    finish(&mut saving, usize::MAX, &mut table, &memory);
                    table.begin_saving();
                    saving = Some(epoch);
                    if finish(&mut saving, slice, &mut table, &memory) {
                        activator.activate();
                    }
                }
                alerts.activate().session(alerts_cap).give_container(&mut out.alerts);
                counts.activate().session(counts_cap).give_container(&mut out.counts);
            }
            let next = frontiers.iter().filter_map(|f| f.frontier().first().copied()).min();
            match next {
                Some(next) => {
                    alerts_cap.downgrade(&next);
                    counts_cap.downgrade(&next);
                }
                None => {
                    finish(&mut saving, usize::MAX, &mut table, &memory);
                    alerts_capability = None;
                    counts_capability = None;
                }
            }
        }
    });
    Deduped { alerts: alerts_stream.as_collection(), counts: counts_stream }
}

/// Hands out more keys of a cut, and leaves them all when they are; says whether some are left.
fn finish(
    saving: &mut Option<Epoch>,
    slots: usize,
    table: &mut Table,
    memory: &Shelf<Vec<SavedKey>>,
) -> bool {
    let Some(epoch) = *saving else { return false };
    let Some(keys) = table.go_on_saving(slots) else { return true };
    memory.put(epoch, keys);
    *saving = None;
    false
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
