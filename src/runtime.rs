//! Drives timely: epochs in, consolidated answers out.
//!
//! ```text
//!  submit ─► credits ─► one queue a worker ─► inputs ─► pipeline ─► probe
//!                                                          │
//!  collector ◄─ reports (updates by epoch, frontier) ◄─────┘
//! ```
//!
//! The only module that knows the pipeline. Worker threads never wait for I/O:
//! they take from a queue, step, and report. An epoch's answer is handed out
//! when every worker's frontier has passed it, in order of epochs.

mod worker;
mod collect;
mod mesh;
mod pace;

pub use collect::{Collector, EpochOutput};
pub use mesh::Mesh;
pub use pace::{Pace, Turn};

use crate::canonical::Decoded;
use causeway_dataflows::model::{AlertBatch, ContextEvent, SignalBatch};
use causeway_dataflows::ops::epochs::{Epoch, Tick};
use causeway_dataflows::ops::tap::{self, Row, Stage, Tap};
use causeway_dataflows::params::Params;
use causeway_dataflows::pipeline::Saved;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use mesh::Place;
use std::sync::{Arc, Mutex};
use std::thread::Thread;
use thiserror::Error;
use timely::WorkerConfig;
use timely::execute::execute_from;
use timely::worker::Worker;

/// What one epoch brings to all workers.
#[derive(Debug, Default)]
pub struct EpochInput {
    /// Alert events; each batch names its worker.
    pub alerts: Vec<AlertBatch>,
    /// Numbers, lines, calls and signs of life; each batch names its worker.
    pub signals: Vec<SignalBatch>,
    /// Everything else that matters.
    pub context: Vec<ContextEvent>,
}

impl EpochInput {
    /// Adds what a call of a decoder yielded.
    pub fn add(&mut self, decoded: Decoded) {
        self.add_of(0, decoded);
    }

    /// The same of the journal of one of several processes, all of which are read by this one.
    pub fn add_of(&mut self, process: u32, decoded: Decoded) {
        for segment in decoded.segments {
            let alerts = segment.alerts.into_iter();
            self.alerts.extend(alerts.map(|batch| AlertBatch { process, ..batch }));
            let heard = segment.heard.into_iter();
            self.signals.extend(heard.map(|batch| SignalBatch { process, ..batch }));
            self.context.extend(segment.context);
        }
    }
}

/// One worker's share of an epoch.
struct Share {
    epoch: Epoch,
    tick: Tick,
    alerts: Vec<AlertBatch>,
    signals: Vec<SignalBatch>,
    context: Vec<ContextEvent>,
    /// Whether what is remembered after it is to be handed out.
    save: bool,
}

impl Share {
    /// How much there is to do.
    fn events(&self) -> usize {
        let alerts = self.alerts.iter().map(|batch| batch.events.len()).sum::<usize>();
        let signals = self.signals.iter().map(|batch| batch.samples.len() + batch.lines.len());
        let signals = signals.sum::<usize>();
        alerts + signals + self.context.len()
    }
}

/// What one worker begins with.
struct Start {
    queue: Receiver<Share>,
    first: Epoch,
    saved: Option<Saved>,
    place: Place,
    pace: Option<Arc<dyn Pace>>,
    tap: Tap,
}

/// What a computation goes on from.
#[derive(Clone, Debug)]
pub struct Past {
    /// The epoch after which it was saved.
    pub epoch: Epoch,
    /// The tick of that epoch.
    pub tick: Tick,
    /// What was remembered.
    pub saved: Saved,
}

/// Why the engine cannot go on.
#[derive(Debug, Error)]
pub enum RuntimeError {
    /// Timely could not start its threads.
    #[error("workers could not start: {0}")]
    Start(String),
    /// A worker is gone.
    #[error("a worker stopped; its panic is in the log above")]
    Stopped,
}

/// The side that feeds epochs; dropping it ends the computation.
pub struct Feeder {
    queues: Vec<Sender<Share>>,
    threads: Vec<Thread>,
    credits: Sender<()>,
    next: Epoch,
    place: Place,
    tap: Tap,
}

/// Starts `workers` threads and returns both ends.
///
/// At most `outstanding_max` epochs are under way at a time; [`Feeder::submit`] waits for
/// the collector to have taken an older one.
///
/// # Errors
/// When the threads cannot be started.
pub fn start(
    workers: usize,
    params: &Params,
    outstanding_max: usize,
) -> Result<(Feeder, Collector), RuntimeError> {
    start_at(workers, params, outstanding_max, Begin::default())
}

/// The same, going on after what was saved. The first answer is for the epoch of the past, and
/// puts up all that stood then.
///
/// # Errors
/// When the threads cannot be started.
pub fn resume(
    workers: usize,
    params: &Params,
    outstanding_max: usize,
    past: Past,
) -> Result<(Feeder, Collector), RuntimeError> {
    begin(workers, params, outstanding_max, (None, Some(past)), &Tap::default())
}

/// The same for workers that go on only when they are let.
///
/// # Errors
/// When the threads cannot be started.
pub fn start_paced(
    workers: usize,
    params: &Params,
    outstanding_max: usize,
    pace: Arc<dyn Pace>,
) -> Result<(Feeder, Collector), RuntimeError> {
    let begin = Begin { pace: Some(pace), ..Begin::default() };
    start_at(workers, params, outstanding_max, begin)
}

/// The same from the beginning or from what was saved, alone or as one process of several, each
/// of which begins so: with the same number of workers, and with what it saved itself after the
/// same epoch, or without anything.
///
/// Of several processes the first has all the answers; the others' say only how far all are.
/// Through `tap` one can look at what passes.
///
/// # Errors
/// When the threads cannot be started.
pub fn begin(
    workers: usize,
    params: &Params,
    outstanding_max: usize,
    (mesh, past): (Option<Mesh>, Option<Past>),
    tap: &Tap,
) -> Result<(Feeder, Collector), RuntimeError> {
    let begin = Begin { mesh, tap: tap.clone(), ..Begin::default() };
    let Some(Past { epoch, tick, saved }) = past else {
        return start_at(workers, params, outstanding_max, begin);
    };
    let begin = Begin { first: epoch, saved: Some(saved), ..begin };
    let (mut feeder, collector) = start_at(workers, params, outstanding_max, begin)?;
    feeder.submit(tick, EpochInput::default())?;
    Ok((feeder, collector))
}

/// What all workers of a process begin with.
#[derive(Default)]
struct Begin {
    first: Epoch,
    saved: Option<Saved>,
    mesh: Option<Mesh>,
    pace: Option<Arc<dyn Pace>>,
    tap: Tap,
}

fn start_at(
    workers: usize,
    params: &Params,
    outstanding_max: usize,
    begin: Begin,
) -> Result<(Feeder, Collector), RuntimeError> {
    let workers = workers.max(1);
    let Begin { first, saved, mesh, pace, tap } = begin;
    let place = mesh.as_ref().map_or(Place::alone(workers), |mesh| mesh.place(workers));
    let (report, reports) = unbounded();
    let (started, threads) = unbounded();
    let (queues, receivers): (Vec<_>, Vec<_>) = (0..workers).map(|_| unbounded::<Share>()).unzip();
    let shares = match saved {
        Some(saved) => place.own(saved.split(place.peers)).map(Some).collect(),
        None => vec![None; workers],
    };
    let start = |(queue, saved)| {
        let (pace, tap) = (pace.clone(), tap.clone());
        Mutex::new(Some(Start { queue, first, saved, place, pace, tap }))
    };
    let starts: Arc<Vec<_>> = Arc::new(receivers.into_iter().zip(shares).map(start).collect());
    let params = params.clone();
    let (builders, others) = mesh::allocators(mesh, workers).map_err(RuntimeError::Start)?;
    let work = move |timely: &mut Worker| {
        // A worker that dies leaves the others spinning: nobody goes on after a panic.
        let _abort = AbortOnPanic;
        let index = timely.index() - place.first;
        let start = starts[index].lock().ok().and_then(|mut slot| slot.take());
        let _ = started.send((index, std::thread::current()));
        if let Some(start) = start {
            worker::run(timely, &params, start, &report);
        }
    };
    let guards = execute_from(builders, others, WorkerConfig::default(), work)
        .map_err(RuntimeError::Start)?;
    let mut threads: Vec<(usize, Thread)> = threads.iter().take(workers).collect();
    threads.sort_by_key(|(index, _)| *index);
    let (credits, returned) = bounded(outstanding_max.max(1));
    let feeder = Feeder {
        queues,
        threads: threads.into_iter().map(|(_, thread)| thread).collect(),
        credits,
        next: first,
        place,
        tap,
    };
    Ok((feeder, Collector::new(workers, first, reports, returned, guards)))
}

/// Ends the process when the thread that holds it unwinds.
pub struct AbortOnPanic;

impl Drop for AbortOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            std::process::abort();
        }
    }
}

impl Feeder {
    /// Hands the next epoch to the workers; waits while too many are under way.
    ///
    /// # Errors
    /// When the collector or a worker is gone.
    pub fn submit(&mut self, tick: Tick, input: EpochInput) -> Result<Epoch, RuntimeError> {
        self.give(tick, input, false)
    }

    /// The same, and asks for what is remembered after the epoch; its answer brings it.
    ///
    /// # Errors
    /// When the collector or a worker is gone.
    pub fn submit_and_save(
        &mut self,
        tick: Tick,
        input: EpochInput,
    ) -> Result<Epoch, RuntimeError> {
        self.give(tick, input, true)
    }

    fn give(&mut self, tick: Tick, input: EpochInput, save: bool) -> Result<Epoch, RuntimeError> {
        self.credits.send(()).map_err(|_| RuntimeError::Stopped)?;
        let epoch = self.next;
        self.next += 1;
        if self.tap.is_open(Stage::Canonical) {
            let context = input.context.iter().map(|event| Row::Context(Arc::new(event.clone())));
            let rows = tap::events(&input.alerts).chain(tap::signals(&input.signals));
            self.tap.show(Stage::Canonical, rows.chain(context).map(|row| (row, epoch, 1)));
        }
        let mut context = input.context;
        let mut alerts: Vec<Vec<AlertBatch>> = vec![Vec::new(); self.queues.len()];
        let own = self.place.process();
        for mut batch in input.alerts.into_iter().filter(|batch| !batch.events.is_empty()) {
            batch.process += own;
            alerts[self.place.near(batch.worker)].push(batch);
        }
        let mut signals: Vec<Vec<SignalBatch>> = vec![Vec::new(); self.queues.len()];
        for mut batch in input.signals.into_iter().filter(|batch| !batch.is_empty()) {
            batch.process += own;
            signals[self.place.near(batch.worker)].push(batch);
        }
        let workers = self.queues.iter().zip(&self.threads);
        for ((queue, thread), (alerts, signals)) in workers.zip(alerts.into_iter().zip(signals)) {
            // One worker brings the context in; the dataflow sends it where it belongs.
            let context = std::mem::take(&mut context);
            let share = Share { epoch, tick, alerts, signals, context, save };
            queue.send(share).map_err(|_| RuntimeError::Stopped)?;
            thread.unpark();
        }
        Ok(epoch)
    }

    /// How many epochs may still be submitted without waiting.
    pub fn has_credit(&self) -> bool {
        !self.credits.is_full()
    }

    /// The number of workers of this process.
    pub fn workers(&self) -> usize {
        self.queues.len()
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.queues.clear();
        for thread in &self.threads {
            thread.unpark();
        }
    }
}
