//! One worker thread: its queue in, its dataflow, its reports out.

use super::collect::{Report, Updates};
use super::{Share, Start};
use causeway_dataflows::model::{AlertBatch, ContextEvent, SignalBatch};
use causeway_dataflows::ops::epochs::{Epoch, Tick};
use causeway_dataflows::ops::tap::Tap;
use causeway_dataflows::params::Params;
use causeway_dataflows::pipeline::{Inputs, Memory, pipeline};
use crossbeam_channel::{Sender, TryRecvError};
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;
use timely::dataflow::operators::{Input, Inspect, Probe};
use timely::dataflow::{InputHandle, ProbeHandle};
use timely::worker::Worker;

/// Updates by epoch, gathered from the outputs of one worker.
type Gathered = Rc<RefCell<BTreeMap<Epoch, Updates>>>;

/// The worker's inputs, advanced together: an idle one would hold all the rest.
struct Sources {
    alerts: InputHandle<Epoch, timely::container::CapacityContainerBuilder<Vec<AlertBatch>>>,
    signals: InputHandle<Epoch, timely::container::CapacityContainerBuilder<Vec<SignalBatch>>>,
    context: InputHandle<Epoch, timely::container::CapacityContainerBuilder<Vec<ContextEvent>>>,
    ticks: InputHandle<Epoch, timely::container::CapacityContainerBuilder<Vec<Tick>>>,
}

/// How long an idle worker sleeps before it looks again; it is woken when there is work.
const PARK: Duration = Duration::from_millis(50);
/// What part of a slice is handed out for a snapshot between two steps while a small epoch is
/// under way: each of its steps takes a tenth of a millisecond longer.
const PART_BESIDE: usize = 8;
/// Events in the epochs under way beside which a whole slice makes no difference.
const MANY: usize = 2048;
/// Epochs fed before the dataflow is stepped.
const FEED_MAX: usize = 8;

/// Runs until the queue's other end is dropped and everything is worked off.
pub(super) fn run(timely: &mut Worker, params: &Params, start: Start, reports: &Sender<Report>) {
    let Start { queue, first, saved, place, pace, tap } = start;
    let index = timely.index() - place.first;
    let memory = Memory::after(saved);
    let gathered = Gathered::default();
    let probe = ProbeHandle::new();
    let mut built = build(timely, params, &memory, (&gathered, &probe), (&tap, place.is_shared()));
    built.advance_to(first);
    let mut sources = Some(built);
    let (mut told, mut next, mut under_way) = (first, first, 0);
    let mut wanted: VecDeque<Epoch> = VecDeque::new();
    loop {
        let _turn = pace.as_ref().map(|pace| pace.turn(index));
        let mut fed = 0;
        while let Some(open) = &mut sources {
            match queue.try_recv() {
                Ok(share) => {
                    if share.save {
                        // Its report says so, also when nothing changes.
                        gathered.borrow_mut().entry(share.epoch).or_default().is_cut = true;
                        memory.want(share.epoch);
                        wanted.push_back(share.epoch);
                    }
                    (next, under_way) = (share.epoch + 1, under_way + share.events());
                    feed(open, share);
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => sources = None,
            }
            fed += 1;
            if fed == FEED_MAX {
                break;
            }
        }
        if told >= next {
            under_way = 0;
        }
        let part = if told < next && under_way < MANY { PART_BESIDE } else { 1 };
        memory.give_turn(part);
        let _ = timely.step();
        let reached = probe.with_frontier(|frontier| frontier.first().copied());
        let saved = wanted.front().and_then(|epoch| Some((*epoch, memory.take(*epoch)?)));
        wanted.drain(..usize::from(saved.is_some()));
        if saved.is_some() || reached.is_none_or(|reached| reached > told) {
            let done = match reached {
                Some(reached) => {
                    let later = gathered.borrow_mut().split_off(&reached);
                    std::mem::replace(&mut *gathered.borrow_mut(), later)
                }
                None => std::mem::take(&mut *gathered.borrow_mut()),
            };
            told = reached.unwrap_or(Epoch::MAX);
            if reports.send(Report { worker: index, reached: told, done, saved }).is_err() {
                return;
            }
        }
        if sources.is_none() && told == Epoch::MAX && wanted.is_empty() {
            return;
        }
        if fed == 0 && queue.is_empty() && pace.is_none() {
            memory.give_turn(part);
            timely.step_or_park(Some(PARK));
        }
    }
}

impl Sources {
    fn advance_to(&mut self, epoch: Epoch) {
        self.alerts.advance_to(epoch);
        self.signals.advance_to(epoch);
        self.context.advance_to(epoch);
        self.ticks.advance_to(epoch);
        self.alerts.flush();
        self.signals.flush();
        self.context.flush();
        self.ticks.flush();
    }
}

fn feed(sources: &mut Sources, share: Share) {
    for batch in share.alerts {
        sources.alerts.send(batch);
    }
    for batch in share.signals {
        sources.signals.send(batch);
    }
    for event in share.context {
        sources.context.send(event);
    }
    sources.ticks.send(share.tick);
    sources.advance_to(share.epoch + 1);
}

fn build(
    timely: &mut Worker,
    params: &Params,
    memory: &Memory,
    (gathered, probe): (&Gathered, &ProbeHandle<Epoch>),
    (tap, gathers): (&Tap, bool),
) -> Sources {
    timely.dataflow_named("causeway", |scope| {
        let (alerts, alert_stream) = scope.new_input();
        let (signals, signal_stream) = scope.new_input();
        let (context, context_stream) = scope.new_input();
        let (ticks, tick_stream) = scope.new_input();
        let outputs = pipeline(
            Inputs {
                alerts: alert_stream,
                signals: signal_stream,
                context: context_stream,
                ticks: tick_stream,
            },
            params,
            memory,
            tap,
        );
        let outputs = if gathers { outputs.at_first_worker() } else { outputs };
        let into = gathered.clone();
        let incidents = outputs.incidents.inspect(move |(incident, epoch, diff)| {
            let mut gathered = into.borrow_mut();
            gathered.entry(*epoch).or_default().incidents.push((incident.clone(), *diff));
        });
        let into = gathered.clone();
        let rows = outputs.rows.inspect(move |(row, epoch, diff)| {
            let mut gathered = into.borrow_mut();
            gathered.entry(*epoch).or_default().rows.push((row.clone(), *diff));
        });
        let into = gathered.clone();
        let sealed = outputs.sealed.inspect(move |(key, epoch, _)| {
            into.borrow_mut().entry(*epoch).or_default().sealed.push(*key);
        });
        let into = gathered.clone();
        let counts = outputs.counts.inspect(move |(count, epoch)| {
            into.borrow_mut().entry(*epoch).or_default().counts.push(*count);
        });
        let into = gathered.clone();
        let watched = outputs.watched.inspect(move |(watched, epoch)| {
            into.borrow_mut().entry(*epoch).or_default().watched.add(watched);
        });
        let into = gathered.clone();
        let discovered = outputs.discovered.inspect(move |(event, epoch)| {
            into.borrow_mut().entry(*epoch).or_default().discovered.push(event.clone());
        });
        discovered.probe_with(probe);
        watched.probe_with(probe);
        incidents.inner.probe_with(probe);
        rows.inner.probe_with(probe);
        sealed.inner.probe_with(probe);
        counts.probe_with(probe);
        Sources { alerts, signals, context, ticks }
    })
}
