//! A process without a process: queue, journal and engine in this one, and a clock that is told.

use super::again::{Again, emit, feed_again, surroundings};
use causeway::canonical::Format;
use causeway::clock::{ManualClock, SharedClock};
use causeway::epoch::{AheadLimits, Continued, Keeping, Queue, Run, ahead, feed};
use causeway::ingest::reception::Delivery;
use causeway::ingest::receptions::Receptions;
use causeway::journal::{JournalError, Options, Reader, Writer};
use causeway::runtime::{RuntimeError, start};
use causeway::settings::Settings;
use causeway::telemetry::{EngineBooks, JournalBooks};
use crossbeam_channel::unbounded;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// Epochs under way at a time, as in a process.
const OUTSTANDING_MAX: usize = 2;

/// A run of the program from reading its journal to a drain or a crash.
pub(super) struct Life {
    queue: Arc<Queue>,
    receptions: Receptions,
    keeper: JoinHandle<Result<(), JournalError>>,
    feeder: JoinHandle<Result<(), RuntimeError>>,
    emitter: JoinHandle<Again>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Life {
    /// Begins in a directory, where an earlier life left off.
    pub(super) fn begin(
        directory: &Path,
        settings: &Arc<Settings>,
        clock: &Arc<ManualClock>,
        workers: usize,
        segment_bytes: u64,
    ) -> Life {
        let options = Options { segment_bytes, ..Options::default() };
        let (writer, _) = Writer::open(directory, options).unwrap();
        let (mut feeder, mut collector) =
            start(workers, &settings.params, OUTSTANDING_MAX).unwrap();
        let (notes, fed) = unbounded();
        let (own, told) = (Arc::clone(settings), Arc::new(Mutex::default()));
        let telling: Arc<Mutex<Vec<String>>> = Arc::clone(&told);
        let emitter = std::thread::spawn(move || {
            let mut tell = |line: &str| telling.lock().unwrap().push(line.to_owned());
            emit(&mut collector, &fed, &own, &mut tell)
        });
        let queue = Queue::new(settings.input_queue_bytes, EngineBooks::default(), true);
        let shared: SharedClock = clock.clone();
        let around = surroundings(Arc::clone(&queue) as _, Arc::clone(&shared), workers);
        let receptions = Receptions::new(settings, &around);
        let reader = Reader::open_oldest(directory).unwrap();
        let recovered = feed_again(reader, &receptions, &mut feeder, &notes).unwrap();
        let word = |text: &str| text.to_owned();
        let run = Run { version: word("0"), settings: word("0"), journal: word("0") };
        let (next, formed) = ahead(AheadLimits::default(), &shared);
        let own = Arc::clone(&queue);
        let keeper = std::thread::spawn(move || {
            let books = JournalBooks::new(&writer);
            let journal = Some(Continued::new(writer, run, books));
            let keeping = Keeping { queue: own, journal, letters: None, clock: shared, next };
            keeping.lead(recovered.tick, None)
        });
        let own = Arc::clone(&queue);
        let feeder = std::thread::spawn(move || feed(&own, formed, feeder, &notes));
        Life { queue, receptions, keeper, feeder, emitter, told }
    }

    /// Takes lines of events, and waits until they are on disk.
    pub(super) fn take(&self, lines: &str) {
        let reception = self.receptions.all().next().unwrap();
        let delivery = Delivery::body(lines.as_bytes(), Format::Native, reception.tenant());
        let receipt = reception.take(&delivery).unwrap();
        assert_eq!(receipt.counts.rejected, 0, "{lines}{:?}", receipt.rejects);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(receipt.durable.wait()).unwrap();
    }

    /// Works everything off; what was told, and what stands.
    pub(super) fn drain(self) -> Again {
        self.queue.close();
        self.keeper.join().unwrap().unwrap();
        self.feeder.join().unwrap().unwrap();
        self.emitter.join().unwrap()
    }

    /// Leaves what a kill at this moment would leave of its journal, in another directory;
    /// what was told by then.
    pub(super) fn crash(self, from: &Path, to: &Path) -> Vec<String> {
        let told = self.told.lock().unwrap().clone();
        copy(from, to);
        // A thread cannot be killed: what it does from here on nobody looks at.
        self.drain();
        told
    }
}

/// Copies the files of a journal, the mark first: it may never be ahead of the segments.
pub(super) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let entries = std::fs::read_dir(from).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort_by_key(|name| (name != "mark", name.clone()));
    for name in names {
        std::fs::copy(from.join(&name), to.join(&name)).unwrap();
    }
}
