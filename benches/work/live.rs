//! What a live process is between a source and its answers, under a clock that the stream moves:
//! reception, queue, journal, engine. Ledger and sinks are left out.

use super::alerts::START_SECONDS;
use super::groups::Standing;
use super::ndjson::toggle;
use crate::harness::RowDigest;
use causeway::canonical::{Format, Framing, Origin};
use causeway::clock::{ManualClock, SharedClock, WallClock};
use causeway::epoch::{AheadLimits, Continued, Fed, Keeping, Queue, Run, ahead, feed};
use causeway::ingest::Intake;
use causeway::ingest::chunk::Chunk;
use causeway::ingest::reception::{Reception, Surroundings};
use causeway::journal::{Options, Writer};
use causeway::runtime::start;
use causeway::settings::Settings;
use causeway::telemetry::engine::Shown;
use causeway::telemetry::{EngineBooks, JournalBooks, Metrics};
use causeway_dataflows::model::ContextEvent;
use causeway_dataflows::params::Params;
use crossbeam_channel::unbounded;
use smol_str::SmolStr;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// As in the live process: epochs under way.
const OUTSTANDING_MAX: usize = 2;
/// Between two looks at whether there is room, or nothing left to do.
const LOOK: Duration = Duration::from_micros(200);

/// What was answered.
#[derive(Default)]
pub struct Answers {
    /// What stands.
    pub standing: Standing,
    /// Net digest of the alerts, their dispositions left out.
    pub alerts: RowDigest,
    /// Epochs.
    pub epochs: u64,
}

/// The parts, running.
pub struct Live {
    clock: Arc<ManualClock>,
    now: i64,
    queue: Arc<Queue>,
    books: EngineBooks,
    reception: Reception,
    offset: u64,
    keeper: JoinHandle<()>,
    feeder: JoinHandle<()>,
    answers: JoinHandle<Answers>,
}

impl Live {
    /// Starts them; with a folder, what is taken is in a journal there before it is fed.
    ///
    /// # Panics
    /// When threads or files cannot be had.
    pub fn start(workers: usize, params: &Params, journal: Option<&Path>) -> Live {
        let settings = Settings::defaults();
        let clock = Arc::new(ManualClock::at_seconds(START_SECONDS));
        let shared: SharedClock = Arc::clone(&clock) as SharedClock;
        let books = EngineBooks::default();
        let journaled = journal.is_some();
        let queue = Queue::new(settings.input_queue_bytes, books.clone(), journaled);
        let around = Surroundings {
            intake: Arc::clone(&queue) as Arc<dyn Intake>,
            listener: None,
            metrics: Metrics::new(&*shared),
            clock: Arc::clone(&shared),
            workers,
        };
        let journal = journal.map(|folder| {
            let (writer, _) = Writer::open(folder, Options::default()).expect("a journal is made");
            let books = JournalBooks::new(&writer);
            Continued::new(writer, Run::of(&settings, "bench".to_owned()), books)
        });
        let (feeder, mut collector) =
            start(workers, params, OUTSTANDING_MAX).expect("timely starts its threads");
        // What an epoch takes is measured as in the process.
        let wall: SharedClock = Arc::new(WallClock);
        let (next, formed) = ahead(AheadLimits::default(), &wall);
        let (notes, fed) = unbounded();
        let waiting = Arc::clone(&queue);
        let keeper = std::thread::spawn(move || {
            let keeping = Keeping { queue: waiting, journal, letters: None, clock: shared, next };
            keeping.lead(None, None).expect("the disk works");
        });
        let waiting = Arc::clone(&queue);
        let feeder = std::thread::spawn(move || {
            feed(&waiting, formed, feeder, &notes).expect("the workers run");
        });
        let answered = books.clone();
        let answers = std::thread::spawn(move || {
            let mut answers = Answers::default();
            while let (Some(output), Ok(Fed { tick, .. })) = (collector.next_epoch(), fed.recv()) {
                for (row, _) in &output.rows {
                    toggle(&mut answers.alerts, &row.alert);
                }
                answers.standing.apply(output);
                answered.done(tick.now, Shown::default());
                answers.epochs += 1;
            }
            answers
        });
        let reception = Reception::internal("bench", around);
        let now = START_SECONDS;
        Live { clock, now, queue, books, reception, offset: 0, keeper, feeder, answers }
    }

    /// Hands over context that no source sent.
    ///
    /// # Panics
    /// When the parts have stopped.
    pub fn context(&self, events: Vec<ContextEvent>) {
        self.queue.context(events).expect("nobody has stopped it");
    }

    /// Hands over whole lines that were received by the second `tick`; waits for room.
    ///
    /// # Panics
    /// When the parts have stopped.
    pub fn take(&mut self, tick: i64, lines: Vec<u8>) {
        self.clock.advance_seconds((tick - self.now).max(0));
        self.now = self.now.max(tick);
        let partition = Some(SmolStr::new_static("stream"));
        let source_id = SmolStr::new_static("bench");
        let origin = Origin { source_id, partition, offset: Some(self.offset), seq: None };
        self.offset += lines.len() as u64;
        let (framing, cut) = (Framing::Lines, Vec::new());
        let chunk = Chunk { origin, first_line: 1, framing, bytes: lines, cut };
        let mut pause = |_| {
            std::thread::sleep(LOOK);
            true
        };
        let taken = self.reception.take_chunk_patiently(&chunk, Format::Native, &mut pause);
        let receipt = taken.expect("nobody has stopped it");
        assert_eq!(receipt.counts.rejected, 0, "every line of these benches is sound");
    }

    /// Waits until nothing is under way. An epoch is between two counters for a moment, so idle
    /// has to last.
    pub fn settle(&self) {
        let mut idle = 0;
        while idle < 500 {
            let is_idle = self.queue.bytes() == 0 && self.books.outstanding() == 0;
            idle = if is_idle { idle + 1 } else { 0 };
            std::thread::sleep(LOOK);
        }
    }

    /// Epochs answered so far.
    pub fn answered(&self) -> u64 {
        self.books.answered()
    }

    /// Closes the queue and waits until everything is answered.
    ///
    /// # Panics
    /// When a part panicked.
    pub fn finish(self) -> Answers {
        self.queue.close();
        self.keeper.join().expect("the journal's thread ends well");
        self.feeder.join().expect("the feeding thread ends well");
        self.answers.join().expect("the answering thread ends well")
    }
}
